// Heterodyne: tests of manifests, of the folders that are searched, and of who may have written them.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import Testing

@testable import HeterodynePluginHost

@Suite struct DiscoveryTests {
    private static let plain = PluginEnvironment(isElevated: false, variables: [:])

    // MARK: - Manifests

    @Test func readsEveryKeyAndPassesOverOthers() throws {
        let text = """
            {"format": 1, "name": "acme-9_x", "library": "lib/libacme.so", "abi": {"major": 1, "minor": 4, "patch": 2},
             "requires": ["libfoo.so.1", "libbar.so"], "license": "MIT", "homepage": "https://acme.example",
             "description": "Chips", "later": {"deep": [1, null]}}
            """
        let manifest = try PluginManifest(parsing: Array(text.utf8), path: "/etc/heterodyne/plugins.d/acme.json")
        #expect(manifest.name == "acme-9_x")
        #expect(manifest.library == "/etc/heterodyne/plugins.d/lib/libacme.so")
        #expect((manifest.major, manifest.minor) == (1, 4))
        #expect(manifest.required == ["libfoo.so.1", "libbar.so"])
        #expect(manifest.license == "MIT")
        #expect(manifest.homepage == "https://acme.example")
        #expect(manifest.description == "Chips")
    }

    /// What is wrong, what the reason and what the remedy must contain.
    @Test(arguments: [
        (##"{"##, "is not valid JSON", "/d/m.json"),
        (##"[1]"##, "holds a list, not an object", "\"format\": 1"),
        (##"{"format": 1, "format": 1}"##, "\"format\" is given twice", "/d/m.json"),
        (##"{"name": "a"}"##, "lacks \"format\"", "\"format\": 1"),
        (##"{"format": "1"}"##, "\"format\" is text, not a number", "\"format\": 1"),
        (##"{"format": 2}"##, "has format 2", "Update Heterodyne"),
        (##"{"format": 1.5}"##, "no whole number", "\"format\": 1"),
        (##"{"format": 1e300}"##, "no whole number", "\"format\": 1"),
        (##"{"format": 1}"##, "lacks \"name\"", "\"name\": \"acme\""),
        (##"{"format": 1, "name": 7}"##, "\"name\" is a number, not text", "\"name\": \"acme\""),
        (##"{"format": 1, "name": "Acme"}"##, "the name 'Acme'", "lower-case"),
        (##"{"format": 1, "name": "-acme"}"##, "the name '-acme'", "in front"),
        (##"{"format": 1, "name": "a:0"}"##, "the name 'a:0'", "lower-case"),
        (##"{"format": 1, "name": ""}"##, "the name ''", "lower-case"),
        (##"{"format": 1, "name": "a"}"##, "lacks \"library\"", "\"library\": \"libacme.so\""),
        (##"{"format": 1, "name": "a", "library": ""}"##, "names no library", "libacme.so"),
        (##"{"format": 1, "name": "a", "library": "a\u0000b"}"##, "names no library", "libacme.so"),
        (##"{"format": 1, "name": "a", "library": "../a.so"}"##, "leaves the manifest's folder", "whole path"),
        (##"{"format": 1, "name": "a", "library": "b/../../a.so"}"##, "leaves the manifest's folder", "whole path"),
        (##"{"format": 1, "name": "a", "library": "a.so"}"##, "lacks \"abi\"", "{\"major\": 1, \"minor\": 0}"),
        (
            ##"{"format": 1, "name": "a", "library": "a.so", "abi": 1}"##, "\"abi\" is a number, not an object",
            "\"abi\""
        ),
        (
            ##"{"format": 1, "name": "a", "library": "a.so", "abi": {"major": 1}}"##, "lacks \"abi.minor\"",
            "\"minor\": 0"
        ),
        (
            ##"{"format": 1, "name": "a", "library": "a.so", "abi": {"major": -1, "minor": 0}}"##, "no whole number",
            "\"major\": 1"
        ),
        (
            ##"{"format": 1, "name": "a", "library": "a.so", "abi": {"major": 1, "minor": 0}, "requires": "x"}"##,
            "\"requires\" is text, not a list", "[\"libfoo.so.1\"]"
        ),
        (
            ##"{"format": 1, "name": "a", "library": "a.so", "abi": {"major": 1, "minor": 0}, "requires": [1]}"##,
            "no library's name", "[\"libfoo.so.1\"]"
        ),
        (
            ##"{"format": 1, "name": "a", "library": "a.so", "abi": {"major": 1, "minor": 0}, "requires": ["x/l.so"]}"##,
            "no library's name", "[\"libfoo.so.1\"]"
        ),
        (
            ##"{"format": 1, "name": "a", "library": "a.so", "abi": {"major": 1, "minor": 0}, "license": 1}"##,
            "\"license\" is a number", "license"
        ),
    ])
    func saysWhatIsWrongAndWhatToWrite(text: String, reason: String, remedy: String) {
        do throws(PluginRefusal) {
            _ = try PluginManifest(parsing: Array(text.utf8), path: "/d/m.json")
            Issue.record("accepted \(text)")
        } catch {
            #expect(error.reason.contains(reason), "\(error.reason)")
            #expect(error.reason.contains("/d/m.json"), "\(error.reason)")
            #expect(error.remedy.contains(remedy), "\(error.remedy)")
        }
    }

    @Test func anyBytesGiveAManifestOrARefusal() {
        let good = Array(
            ##"{"format": 1, "name": "a", "library": "l.so", "abi": {"major": 1, "minor": 0}, "requires": ["x"]}"##.utf8
        )
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: Int.random(in: bytes.indices, using: &random))
                default: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
                }
                if bytes.isEmpty { bytes = [0] }
            }
            do throws(PluginRefusal) {
                let manifest = try PluginManifest(parsing: bytes, path: "/d/m.json")
                #expect(PluginManifest.isName(manifest.name))
                #expect(manifest.library.hasPrefix("/"))
            } catch {
                #expect(!error.reason.isEmpty && !error.remedy.isEmpty)
            }
        }
    }

    // MARK: - Folders

    @Test func searchesTheDocumentedFoldersInOrder() {
        let environment = PluginEnvironment(
            isElevated: false,
            variables: ["HETERODYNE_PLUGIN_PATH": "/a:relative::/b", "XDG_DATA_HOME": "/data", "HOME": "/home/u"])
        let (folders, refused) = environment.folders()
        #expect(
            folders.map(\.path) == [
                "/a", "/b", "/data/heterodyne/plugins.d", "/etc/heterodyne/plugins.d",
                "/usr/local/share/heterodyne/plugins.d", "/usr/share/heterodyne/plugins.d",
            ])
        #expect(refused.count == 1)
        #expect(refused.first?.reason.contains("'relative'") == true)

        let home = PluginEnvironment(isElevated: false, variables: ["XDG_DATA_HOME": "rel", "HOME": "/home/u"])
        #expect(home.folders().folders.first?.path == "/home/u/.local/share/heterodyne/plugins.d")
    }

    @Test func elevatedRightsIgnoreTheEnvironment() {
        let environment = PluginEnvironment(
            isElevated: true,
            variables: [
                "HETERODYNE_PLUGIN_PATH": "/a", "XDG_DATA_HOME": "/data", "HOME": "/home/u",
                "HETERODYNE_PLUGIN_DISABLE": "*",
            ])
        #expect(
            environment.folders().folders.map(\.path) == [
                "/etc/heterodyne/plugins.d", "/usr/local/share/heterodyne/plugins.d", "/usr/share/heterodyne/plugins.d",
            ])
        #expect(environment.selection(refuses: "acme") == nil)
    }

    @Test func theFirstManifestOfANameWins() throws {
        let first = try LoadingFixture()
        let second = try LoadingFixture()
        try first.manifest("acme", library: "/usr/lib/libacme.so")
        try first.manifest("other", library: "libother.so")
        try second.manifest("acme", library: "/usr/lib/libacme.so")
        try second.manifest("other", library: "libother.so")
        let scan = PluginScan(folders: [first.path, second.path], environment: Self.plain)
        #expect(scan.manifests.map(\.path) == [first.file("acme.json"), first.file("other.json")])
        // The two called acme name one library; those called other do not.
        #expect(scan.refused.map(\.id) == ["other.json"])
        #expect(scan.refused.first?.reason.contains(first.file("other.json")) == true)
    }

    @Test func aBadManifestHurtsNoOther() throws {
        let fixture = try LoadingFixture()
        try fixture.write("{", to: "a.json")
        try fixture.write(String(repeating: " ", count: PluginManifest.byteLimit + 1), to: "b.json")
        try FileManager.default.createDirectory(atPath: fixture.file("c.json"), withIntermediateDirectories: false)
        #expect(mkfifo(fixture.file("d.json"), 0o644) == 0)
        #expect(symlink("/nowhere/at/all", fixture.file("e.json")) == 0)
        try fixture.manifest("good", library: "libgood.so")
        try fixture.write("{", to: ".hidden.json")
        try fixture.write("{", to: "notes.txt")
        let scan = PluginScan(folders: [fixture.path], environment: Self.plain)
        #expect(scan.manifests.map(\.name) == ["good"])
        #expect(scan.refused.map(\.id) == ["a.json", "b.json", "c.json", "d.json", "e.json"])
        let reasons = scan.refused.map(\.reason)
        for (reason, part) in zip(reasons, ["valid JSON", "larger than", "not a file", "not a file", "does not exist"])
        {
            #expect(reason.contains(part), "\(reason)")
        }
    }

    @Test func foldersThatWereNamedMustExist() throws {
        let fixture = try LoadingFixture()
        try fixture.manifest("acme", library: "libacme.so")
        let folders = ["/nowhere/at/all", "relative", fixture.file("acme.json")]
        let scan = PluginScan(folders: folders, environment: Self.plain)
        let reasons = Dictionary(uniqueKeysWithValues: scan.refused.map { ($0.id, $0.reason) })
        #expect(reasons.count == 3)
        #expect(reasons["/nowhere/at/all"]?.contains("does not exist") == true)
        #expect(reasons["relative"]?.contains("not an absolute path") == true)
        #expect(reasons[fixture.file("acme.json")]?.contains("is no folder") == true)
        let quiet = PluginScan(
            environment: PluginEnvironment(isElevated: false, variables: ["HOME": "/nowhere/at/all"]))
        #expect(!quiet.refused.contains { $0.reason.contains("/nowhere") })
    }

    @Test(arguments: [
        ("HETERODYNE_PLUGIN_DISABLE", "other, ac*", "acme", true), ("HETERODYNE_PLUGIN_DISABLE", "ac", "acme", false),
        ("HETERODYNE_PLUGIN_SELECT", "acme", "acme", false), ("HETERODYNE_PLUGIN_SELECT", "b*,c?", "acme", true),
        ("HETERODYNE_PLUGIN_SELECT", "a[a-d]me", "acme", false), ("HETERODYNE_PLUGIN_SELECT", "[", "acme", true),
        ("HETERODYNE_PLUGIN_SELECT", "", "acme", false),
    ])
    func patternsSwitchPluginsOff(variable: String, patterns: String, name: String, isOff: Bool) {
        let environment = PluginEnvironment(isElevated: false, variables: [variable: patterns])
        let refusal = environment.selection(refuses: name)
        #expect((refusal != nil) == isOff)
        if let refusal { #expect(refusal.reason.contains(variable) && refusal.remedy.contains(variable)) }
    }

    // MARK: - Trust

    @Test func refusesWhatEverybodyMayWrite() throws {
        let fixture = try LoadingFixture()
        try fixture.manifest("acme", library: "libacme.so")
        func refusals() -> [String] {
            PluginScan(folders: [fixture.path], environment: Self.plain).refused.map { $0.reason + "; " + $0.remedy }
        }
        #expect(refusals().isEmpty)
        #expect(chmod(fixture.file("acme.json"), 0o646) == 0)
        #expect(refusals().first?.contains("can be written by everybody") == true)
        #expect(refusals().first?.contains("chmod o-w \(fixture.file("acme.json"))") == true)
        #expect(chmod(fixture.file("acme.json"), 0o644) == 0)
        for mode: mode_t in [0o777, 0o1777] {
            #expect(chmod(fixture.path, mode) == 0)
            #expect(
                refusals() == ["the folder \(fixture.path) can be written by everybody; Run: chmod o-w \(fixture.path)"]
            )
        }
        #expect(chmod(fixture.path, 0o755) == 0)
        #expect(refusals().isEmpty)
    }

    @Test func refusesAFolderThatEverybodyMayReplace() throws {
        let fixture = try LoadingFixture()
        let inner = fixture.file("open/inner")
        try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: true)
        try fixture.manifest("acme", library: "libacme.so")
        try FileManager.default.moveItem(atPath: fixture.file("acme.json"), toPath: inner + "/acme.json")
        for (mode, isRefused): (mode_t, Bool) in [(0o755, false), (0o777, true), (0o1777, false)] {
            #expect(chmod(fixture.file("open"), mode) == 0)
            let scan = PluginScan(folders: [inner], environment: Self.plain)
            #expect(scan.manifests.isEmpty == isRefused)
            #expect(scan.refused.first.map { $0.reason.contains(fixture.file("open")) } ?? !isRefused)
        }
    }

    @Test func aSymbolicLinkIsCheckedWhereItLeads() throws {
        let fixture = try LoadingFixture()
        let open = try LoadingFixture()
        try open.manifest("acme", library: "libacme.so")
        #expect(symlink(open.file("acme.json"), fixture.file("acme.json")) == 0)
        #expect(PluginScan(folders: [fixture.path], environment: Self.plain).manifests.count == 1)
        #expect(chmod(open.path, 0o777) == 0)
        let scan = PluginScan(folders: [fixture.path], environment: Self.plain)
        #expect(scan.manifests.isEmpty)
        #expect(scan.refused.first?.reason.contains(open.path) == true)
    }

    @Test func elevatedRightsWantFilesOfRoot() throws {
        let fixture = try LoadingFixture()
        try fixture.manifest("acme", library: "libacme.so")
        // Whoever runs this test: the file belongs to somebody who is not root.
        if geteuid() == 0 { #expect(chown(fixture.file("acme.json"), 12345, 12345) == 0) }
        let elevated = PluginEnvironment(isElevated: true, variables: [:])
        let scan = PluginScan(folders: [fixture.path], environment: elevated)
        #expect(scan.manifests.isEmpty)
        #expect(scan.refused.first?.reason.contains("does not belong to root") == true)
        #expect(PluginScan(folders: [fixture.path], environment: Self.plain).manifests.count == 1)
    }

    @Test(arguments: [
        ("/a/b-c_1.so", "/a/b-c_1.so"), ("/a b", "'/a b'"), ("/it's", "'/it'\\''s'"), ("/$(x)", "'/$(x)'"),
    ])
    func pathsAreQuotedForShells(path: String, quoted: String) { #expect(TrustedFile.quoted(path) == quoted) }
}
