// Heterodyne: tests of libraries that are looked at, tried out and loaded.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import Testing

@testable import HeterodynePluginHost

@Suite struct LoadingTests {
    private static let plain = PluginEnvironment(isElevated: false, variables: [:])

    private func find(_ folders: [String], seconds: Double = 5, isFresh: Bool = true) -> BackendFindings {
        PluginHost(folders: folders, probe: PluginProbe(seconds: seconds, isFresh: isFresh), environment: Self.plain)
            .find()
    }

    // MARK: - ELF

    private func problem(_ bytes: [UInt8]) throws -> ELFFile.Problem? {
        let path = FileManager.default.temporaryDirectory.path + "/heterodyne-elf-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        do throws(ELFFile.Problem) {
            _ = try ELFFile(descriptor, byteCount: bytes.count)
            return nil
        } catch {
            return error
        }
    }

    @Test func saysWhatKindOfFileIsNoLibrary() throws {
        let fixture = try LoadingFixture()
        let good = Array(try Data(contentsOf: URL(fileURLWithPath: fixture.plugin("libgood.so"))))
        #expect(try problem(good) == nil)
        #expect(try problem([])?.text == "is empty")
        #expect(try problem(Array("#!/bin/sh\nexit 0\n".utf8))?.text.contains("is no shared library") == true)
        #expect(try problem(Array(good.prefix(10)))?.text.contains("is truncated: it has 10 bytes") == true)
        #expect(try problem(Array(good.prefix(good.count / 4)))?.text.contains("is truncated") == true)
        func changed(_ offset: Int, _ value: UInt8) -> [UInt8] {
            var bytes = good
            bytes[offset] = value
            return bytes
        }
        #expect(try problem(changed(4, 1))?.text.contains("is built for 32 bits") == true)
        #expect(try problem(changed(5, 2))?.text.contains("another byte order") == true)
        #expect(try problem(changed(16, 1))?.text == "is an object file, not a shared library")
        #expect(try problem(changed(16, 2))?.text == "is a program, not a shared library")
        let other: (UInt8, String) = ELFFile.hostMachine == 183 ? (62, "x86_64") : (183, "aarch64")
        let host = try #require(ELFFile.hostMachine.flatMap { ELFFile.machines[$0] })
        #expect(try problem(changed(18, other.0))?.text == "is built for \(other.1); this machine is \(host)")
    }

    @Test func anyBytesAreReadWithoutTrapping() throws {
        let fixture = try LoadingFixture()
        let good = Array(try Data(contentsOf: URL(fileURLWithPath: fixture.plugin("libgood.so"))))
        let path = fixture.file("mutant")
        let descriptor = open(path, O_RDWR | O_CREAT, 0o644)
        defer { close(descriptor) }
        for _ in 0..<2000 {
            var bytes = good
            // The headers and the dynamic section are where it hurts.
            for _ in 0..<Int.random(in: 1...8) {
                let range = Bool.random() ? 0..<min(1024, bytes.count) : bytes.indices
                bytes[Int.random(in: range)] =
                    [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255)][Int.random(in: 0..<6)]
            }
            if Int.random(in: 0..<4) == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count)) }
            #expect(ftruncate(descriptor, 0) == 0)
            #expect(bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) } == bytes.count)
            do throws(ELFFile.Problem) { _ = try ELFFile(descriptor, byteCount: bytes.count) } catch {
                #expect(!error.text.isEmpty && !error.remedy.isEmpty)
            }
        }
    }

    @Test func anyLoaderCacheIsReadWithoutTrapping() throws {
        let bytes = Array((try? Data(contentsOf: URL(fileURLWithPath: "/etc/ld.so.cache"))) ?? Data())
        if !bytes.isEmpty {
            let paths = LoaderCache.parse(bytes)["libc.so.6"] ?? LoaderCache.parse(bytes)["libm.so.6"]
            #expect(paths?.contains { FileManager.default.fileExists(atPath: $0) } == true)
        }
        for _ in 0..<300 where !bytes.isEmpty {
            var mutant = Array(bytes.prefix(2000))
            for _ in 0..<4 { mutant[Int.random(in: 0..<min(mutant.count, 100))] = UInt8.random(in: 0...255) }
            _ = LoaderCache.parse(mutant)
        }
    }

    // MARK: - Missing libraries

    @Test func namesAllMissingLibrariesTogether() throws {
        let fixture = try LoadingFixture()
        try fixture.write("int one(void) { return 1; }", to: "one.c")
        for name in ["one", "two", "three"] {
            try LoadingFixture.run(
                "cc", ["-shared", "-fPIC", fixture.file("one.c"), "-o", fixture.file("libht\(name).so")])
        }
        // A library that is there, and needs one that will not be.
        try LoadingFixture.run(
            "cc",
            [
                "-shared", "-fPIC", fixture.file("one.c"), "-o", fixture.file("libhtmiddle.so"), "-Wl,--no-as-needed",
                "-L\(fixture.path)", "-lhtthree",
            ])
        try fixture.plugin(
            "libacme.so",
            flags: [
                "-Wl,--no-as-needed", "-L\(fixture.path)", "-lhtone", "-lhttwo", "-lhtmiddle", "-Wl,-rpath,$ORIGIN",
                "-Wl,--enable-new-dtags", "-Wl,--allow-shlib-undefined",
            ])
        for name in ["one", "two", "three"] { unlink(fixture.file("libht\(name).so")) }
        try fixture.manifest(
            "acme", library: "libacme.so", extra: ", \"requires\": [\"libhtfour.so.7\", \"libc.so.6\"]")
        try fixture.install("healthy")
        let findings = find([fixture.path])
        #expect(findings.backends.map(\.name) == ["healthy"])
        let line = try #require(findings.refused.first)
        #expect(findings.refused.count == 1)
        #expect(line.id == "acme")
        #expect(line.reason.contains("4 libraries are missing"), "\(line.reason)")
        for name in [
            "libhtone.so", "libhttwo.so", "libhtthree.so (for \(fixture.file("libhtmiddle.so")))", "libhtfour.so.7",
        ] {
            #expect(line.reason.contains(name), "\(line.reason)")
        }
        #expect(!line.reason.contains("libc.so.6"))
    }

    /// A required library is loaded in the child too, and what it does there is told.
    @Test func namesTheRequiredLibraryThatCrashes() throws {
        let fixture = try LoadingFixture()
        try fixture.write("__attribute__((constructor)) static void crash(void) { __builtin_trap(); }", to: "crash.c")
        let needed = fixture.file("libneeded.so")
        try LoadingFixture.run("cc", ["-shared", "-fPIC", fixture.file("crash.c"), "-o", needed])
        try fixture.plugin("libacme.so")
        try fixture.manifest("acme", library: "libacme.so", extra: ", \"requires\": [\"libc.so.6\", \"\(needed)\"]")
        let line = try #require(find([fixture.path]).refused.first)
        #expect(line.reason.contains("while \(needed), which it requires, was being loaded"), "\(line.reason)")
    }

    @Test func runPathsAreFilledIn() {
        #expect(
            LibrarySearch.folders("$ORIGIN/../x:/abs:${ORIGIN}", origin: "/a/b/lib.so") == [
                "/a/b/../x", "/abs", "/a/b",
            ])
    }

    @Test func namesSymbolsThatAreMissing() throws {
        let fixture = try LoadingFixture()
        try fixture.write("int nowhere(void); int somewhere(void) { return nowhere(); }", to: "more.c")
        try fixture.plugin("libacme.so", flags: [fixture.file("more.c")])
        try fixture.manifest("acme", library: "libacme.so")
        let line = try #require(find([fixture.path]).refused.first)
        #expect(line.reason.contains("undefined symbol: nowhere"), "\(line.reason)")
        #expect(line.remedy.contains("Link"))
    }

    // MARK: - Loading

    @Test(arguments: [true, false])
    func loadsWhatPasses(isFresh: Bool) throws {
        let fixture = try LoadingFixture()
        try fixture.install("acme")
        let findings = find([fixture.path], isFresh: isFresh)
        #expect(findings.refused == [])
        let backend = try #require(findings.backends.first)
        #expect(backend.name == "acme")
        // Opened once: the fixture refuses a second time.
        let again = find([fixture.path], isFresh: isFresh)
        #expect(again.backends.map(\.name) == ["acme"])
        #expect(again.refused == [])
    }

    @Test func aLibraryOfTwoNamesIsOpenedOnce() throws {
        let fixture = try LoadingFixture()
        try fixture.install("acme")
        try fixture.manifest("other", library: "libacme.so")
        let findings = find([fixture.path])
        #expect(findings.backends.map(\.name) == ["acme", "other"])
        #expect(findings.refused == [])
    }

    @Test func loadsByPath() throws {
        let fixture = try LoadingFixture()
        let path = try fixture.plugin("libheterodyne-Some Chip.so.2", flags: ["-DNAME=\"Not A Name\""])
        #expect(try PluginHost.load(path: path, probeSeconds: 5).name == "some-chip")
        #expect(try PluginHost.load(path: path, name: "mine", probeSeconds: 5).name == "mine")
        let named = try fixture.plugin("libx.so", flags: ["-DNAME=\"chosen\""])
        #expect(try PluginHost.load(path: named, probeSeconds: 5).name == "chosen")
        for (path, name, part) in [
            (fixture.file("none.so"), nil, "does not exist"), (named, "Bad Name", "is no name"),
            (LoadingFixture.source, nil, "is no shared library"),
        ] as [(String, String?, String)] {
            do throws(BackendError) {
                _ = try PluginHost.load(path: path, name: name)
                Issue.record("loaded \(path)")
            } catch {
                #expect(error.kind == .libraryUnavailable)
                #expect(error.message.contains(part), "\(error.message)")
            }
        }
    }

    @Test func saysWhereTheLibraryIsNotToBeTrusted() throws {
        let fixture = try LoadingFixture()
        try fixture.install("acme")
        #expect(chmod(fixture.file("libacme.so"), 0o757) == 0)
        let line = try #require(find([fixture.path]).refused.first)
        #expect(line.reason.contains("the library \(fixture.file("libacme.so")) can be written by everybody"))
        #expect(line.remedy == "Run: chmod o-w \(fixture.file("libacme.so"))")
        #expect(chmod(fixture.file("libacme.so"), 0o755) == 0)
        #expect(find([fixture.path]).refused == [])
    }

    @Test func saysWhichVersionsDoNotFit() throws {
        let fixture = try LoadingFixture()
        try fixture.plugin("libacme.so")
        for (major, remedy) in [(2, "Update Heterodyne"), (0, "newer release of the plugin")] {
            try fixture.write(
                ##"{"format": 1, "name": "acme", "library": "libacme.so", "abi": {"major": \##(major), "minor": 3}}"##,
                to: "acme.json")
            let line = try #require(find([fixture.path]).refused.first)
            #expect(line.reason.contains("version \(major).3 of the plugin interface"), "\(line.reason)")
            #expect(line.remedy.contains(remedy))
        }
    }

    @Test func pluginsThatAreSwitchedOffSaySo() throws {
        let fixture = try LoadingFixture()
        try fixture.manifest("acme", library: "libacme.so")
        let environment = PluginEnvironment(isElevated: false, variables: ["HETERODYNE_PLUGIN_DISABLE": "ac*"])
        let findings = PluginHost(folders: [fixture.path], probe: PluginProbe(), environment: environment).find()
        #expect(findings.backends.isEmpty)
        #expect(findings.refused.map(\.id) == ["acme"])
        #expect(findings.refused.first?.reason.contains("switched off by 'ac*' in HETERODYNE_PLUGIN_DISABLE") == true)
    }

    /// devquery promises its listing in 100 ms; without plugins this part of it is a look into four folders.
    @Test func noPluginsTakeNoTime() {
        let environment = PluginEnvironment(isElevated: false, variables: ["HOME": "/nowhere/at/all"])
        let host = PluginHost(folders: ["/nowhere/at/all"], probe: PluginProbe(), environment: environment)
        let seconds = (0..<10).map { _ in
            let start = PluginProbe.now
            _ = host.find()
            return PluginProbe.now - start
        }
        #expect((seconds.min() ?? 1) < 0.01)
    }

    @Test(arguments: [
        ("/x/libacme.so", "acme"), ("libheterodyne-vulkan.so.1.2", "vulkan"), ("/ÄÖ.so", "plugin"), ("/", "plugin"),
        ("/a/B_9.so", "b_9"), ("/a/lib.so", "plugin"),
    ])
    func namesComeFromFiles(path: String, name: String) {
        #expect(PluginHost.defaultName(path) == name)
        #expect(PluginManifest.isName(PluginHost.defaultName(path)))
    }
}
