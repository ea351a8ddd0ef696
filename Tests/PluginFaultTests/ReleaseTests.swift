// Heterodyne: what was released stays: headers and layouts of releases, and plugins that were built with them.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneGraph
import Testing

@Suite("Releases of the plugin interface")
struct ReleaseTests {
    /// The folders of the releases.
    static let releases: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: Package.fixtures.path)) ?? [])
        .filter { $0.hasPrefix("release-") }.sorted()

    @Test("There is one for every entry of the changelog")
    func everyEntry() throws {
        let changelog = try Package.text("Sources/CHeterodynePlugin/CHANGELOG-plugin.md")
        let entries = changelog.matches(of: /\n## (\d+\.\d+)\n/).map { "release-\($0.1)" }
        #expect(Self.releases == entries.sorted())
    }

    @Test(
        "The files of a release never change",
        .enabled(if: Tool.find("sha256sum") != nil, "needs sha256sum on the path"), arguments: releases)
    func checksums(release: String) throws {
        let folder = Package.fixtures.appending(path: release)
        let sums = try Tool.run(
            try #require(Tool.find("sha256sum")), ["--strict", "--check", "checksums.txt"], folder: folder)
        #expect(sums.status == 0, "\(sums.output)\(sums.errors)")
        let summed = try String(contentsOf: folder.appending(path: "checksums.txt"), encoding: .utf8)
            .split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) }
        let there = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(Set(summed) == Set(there).subtracting(["checksums.txt"]))
    }

    @Test(
        "The header of today keeps every field and every code of a release",
        .enabled(if: Fixture.canBuild, Fixture.reason), arguments: releases)
    func layouts(release: String) throws {
        let scratch = try Scratch()
        // Beside its own header the layout would find that one.
        let layout = try Package.text("Tests/PluginFaultTests/Fixtures/\(release)/layout.c")
        try scratch.write("layout.c", layout)
        func check(_ include: String) throws -> Tool.Result {
            try Tool.run(
                try #require(Tool.compiler),
                ["-std=c11", "-fsyntax-only", "-DHETERODYNE_LATER_MINOR", "-I", include, scratch.path("layout.c")])
        }
        let today = try check(Package.include.path)
        #expect(today.status == 0, "\(today.errors)")
        // A header that moves a field, and one that appends some: the check sees the one and takes the other.
        let header = try Package.text("Sources/CHeterodynePlugin/include/heterodyne_plugin.h")
        try scratch.makeFolder("moved")
        try scratch.write(
            "moved/heterodyne_plugin.h",
            header.replacingOccurrences(
                of: "    uint32_t kind; /* heterodyne_attribute_kind */\n    int64_t integer;",
                with: "    int64_t integer;\n    uint32_t kind;"))
        let moved = try check(scratch.path("moved"))
        #expect(moved.status != 0 && moved.errors.contains("heterodyne_attribute.kind moved"))
        try scratch.makeFolder("later")
        try scratch.write("later/heterodyne_plugin.h", Fixture.laterHeader(of: header))
        let later = try check(scratch.path("later"))
        #expect(later.status == 0, "\(later.errors)")
    }

    @Test(
        "A plugin that was built with the header of a release works in the host of today",
        .enabled(if: Fixture.canBuild, Fixture.reason), arguments: releases)
    func plugins(release: String) throws {
        let folder = try PluginFolder()
        // No folder on the path: the plugin finds the header beside it.
        let version = release.dropFirst("release-".count).replacing(".", with: "_")
        try Fixture.build("\(release)/plugin_\(version).c", include: nil, to: folder.scratch.path("libsmall.so"))
        try folder.announce("small", "libsmall.so")
        let found = folder.find()
        try found.expectHealthy("small")
        let device = try #require(found.backends.first?.discover().devices.first)
        #expect(device.name == "Small device" && device.versions["plugin interface"] == "1.0")
    }

    /// Builds the plugin from the future with the header of a later minor.
    private func installLater(_ folder: PluginFolder, _ definitions: [String]) throws {
        try folder.scratch.makeFolder("later")
        let header = try Package.text("Sources/CHeterodynePlugin/include/heterodyne_plugin.h")
        try folder.scratch.write("later/heterodyne_plugin.h", Fixture.laterHeader(of: header))
        try Fixture.build(
            "later.c", definitions, include: folder.scratch.folder.appending(path: "later"),
            to: folder.scratch.path("liblater.so"))
        try folder.announce("later", "liblater.so")
    }

    @Test(
        "A plugin of a later minor, whose structs are longer, works in the host of today",
        .enabled(if: Fixture.canBuild, Fixture.reason))
    func laterMinor() throws {
        let folder = try PluginFolder()
        try installLater(folder, [])
        let found = folder.find()
        try found.expectHealthy("later")
        let device = try #require(found.backends.first?.discover().devices.first)
        #expect(device.name == "Device from the future")
        #expect(device.versions["plugin interface"] == (try InterfaceHeader.current().version()))
        let capabilities = try #require(found.backends.first).capabilities(of: "later")
        #expect(capabilities.usages(of: .float32).contains(.arithmetic))
    }

    @Test(
        "A plugin that speaks a later major only is refused with both versions",
        .enabled(if: Fixture.canBuild, Fixture.reason))
    func laterMajor() throws {
        let folder = try PluginFolder()
        try installLater(folder, ["ONLY_MAJOR_2"])
        try folder.installHealthy()
        let found = folder.find()
        try found.expectHealthy()
        #expect(found.refused.map(\.id) == ["later"])
        #expect(found.refused.first?.reason.contains("this plugin speaks interface 2.0 only") == true)
        #expect(found.refused.first?.remedy.contains("1.0") == true, "\(found.refused)")
    }
}
