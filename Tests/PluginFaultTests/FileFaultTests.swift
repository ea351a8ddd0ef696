// Heterodyne: manifests and libraries that are broken, missing, of another machine, or open to everybody.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import Testing

/// Something wrong with the files of a plugin called `faulty`.
struct FileFault: Sendable, CustomTestStringConvertible {
    let name: String
    /// What the reason says.
    let words: [String]
    /// What the remedy says.
    let remedy: String
    /// Puts the files into the folder.
    let install: @Sendable (PluginFolder) throws -> Void

    var testDescription: String { name }

    init(
        _ name: String, _ words: [String], remedy: String, _ install: @escaping @Sendable (PluginFolder) throws -> Void
    ) {
        self.name = name
        self.words = words
        self.remedy = remedy
        self.install = install
    }

    /// A correct plugin's library with some bytes changed.
    private static func patched(_ folder: PluginFolder, _ change: (inout Data) -> Void) throws {
        var data = try Data(contentsOf: URL(filePath: PluginFolder.correct.get()))
        change(&data)
        try data.write(to: folder.scratch.folder.appending(path: "libfaulty.so"))
        try folder.announce("faulty", "libfaulty.so")
    }

    /// A manifest alone.
    private static func manifest(_ text: String) -> @Sendable (PluginFolder) throws -> Void {
        { try $0.scratch.write("faulty.json", text) }
    }

    private static func allow(_ folder: PluginFolder, _ name: String, _ mode: Int) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.scratch.path(name))
    }

    static let libraries: [FileFault] = [
        FileFault("does not exist", ["libfaulty.so", "does not exist"], remedy: "Install it") {
            try $0.announce("faulty", "libfaulty.so")
        },
        FileFault("not ELF", ["libfaulty.so", "begin as ELF"], remedy: "Install it again") {
            try $0.scratch.write("libfaulty.so", "#!/bin/sh\necho I am a library\n")
            try $0.announce("faulty", "libfaulty.so")
        },
        FileFault("empty", ["libfaulty.so", "is empty"], remedy: "Install it again") {
            try $0.scratch.write("libfaulty.so", "")
            try $0.announce("faulty", "libfaulty.so")
        },
        FileFault("of another processor", ["libfaulty.so", "ppc64"], remedy: "built for this machine") { folder in
            // e_machine of 64-bit PowerPC.
            try patched(folder) {
                $0[18] = 21; $0[19] = 0
            }
        },
        FileFault("of 32 bits", ["libfaulty.so", "32"], remedy: "built for this machine") { folder in
            try patched(folder) { $0[4] = 1 }
        },
        FileFault("of the other byte order", ["libfaulty.so", "byte order"], remedy: "built for this machine") {
            folder in
            try patched(folder) { $0[5] = 2 }
        },
        FileFault("cut off", ["libfaulty.so", "truncated"], remedy: "Install it again") { folder in
            try patched(folder) { $0 = $0.prefix($0.count / 2) }
        },
        FileFault("cut off inside its head", ["libfaulty.so", "truncated"], remedy: "Install it again") { folder in
            try patched(folder) { $0 = $0.prefix(40) }
        },
        FileFault("wild program headers", ["libfaulty.so"], remedy: "Install it again") { folder in
            try patched(folder) { for byte in 32..<40 { $0[byte] = 0xFF } }
        },
        FileFault("no entry point", ["libfaulty.so", "heterodyne_plugin_open"], remedy: "HETERODYNE_EXPORT") { folder in
            try folder.scratch.write("empty.c", "int not_a_plugin(void);\nint not_a_plugin(void) { return 1; }\n")
            try compile(folder, ["empty.c"], to: "libfaulty.so")
            try folder.announce("faulty", "libfaulty.so")
        },
        FileFault("undefined symbol", ["libfaulty.so", "nobody_has_this"], remedy: "Link the plugin") { folder in
            try folder.scratch.write(
                "open.c",
                "int nobody_has_this(void);\nint heterodyne_plugin_open(void);\n"
                    + "int heterodyne_plugin_open(void) { return nobody_has_this(); }\n")
            try compile(folder, ["open.c"], to: "libfaulty.so")
            try folder.announce("faulty", "libfaulty.so")
        },
        FileFault(
            "two missing libraries, told together", ["libfaultyone.so", "libfaultytwo.so", "libfaulty.so"],
            remedy: "Install them"
        ) { folder in
            for (library, function) in [("libfaultyone.so", "one"), ("libfaultytwo.so", "two")] {
                try folder.scratch.write(
                    "\(function).c", "int \(function)(void);\nint \(function)(void) { return 1; }\n")
                try compile(folder, ["\(function).c"], to: library, ["-Wl,-soname,\(library)"])
            }
            try folder.scratch.write(
                "both.c",
                "int one(void);\nint two(void);\nint heterodyne_plugin_open(void);\n"
                    + "int heterodyne_plugin_open(void) { return one() + two(); }\n")
            try compile(
                folder, ["both.c"], to: "libfaulty.so", ["-L", folder.path, "-lfaultyone", "-lfaultytwo"])
            try folder.announce("faulty", "libfaulty.so")
            for library in ["libfaultyone.so", "libfaultytwo.so"] {
                try FileManager.default.removeItem(atPath: folder.scratch.path(library))
            }
        },
        FileFault(
            "libraries that it loads itself are missing", ["libfaultyrun.so.3", "libfaultyrun2.so"], remedy: "Install"
        ) {
            try $0.install("faulty", fault: "none")
            try $0.scratch.write(
                "faulty.json",
                """
                {"format": 1, "name": "faulty", "library": "libfaulty.so", "abi": {"major": 1, "minor": 0},
                 "requires": ["libfaultyrun.so.3", "libfaultyrun2.so", "libc.so.6"]}
                """)
        },
        FileFault("may be written by everybody", ["libfaulty.so", "everybody"], remedy: "chmod o-w") {
            try $0.install("faulty", fault: "none")
            try allow($0, "libfaulty.so", 0o777)
        },
        FileFault("a folder", ["libfaulty.so"], remedy: "regular file") {
            try $0.scratch.makeFolder("libfaulty.so")
            try $0.announce("faulty", "libfaulty.so")
        },
        FileFault("a pipe", ["libfaulty.so", "not a file"], remedy: "regular file") {
            #expect(mkfifo($0.scratch.path("libfaulty.so"), 0o644) == 0)
            try $0.announce("faulty", "libfaulty.so")
        },
        FileFault("a loop of links", ["libfaulty.so"], remedy: "path") { folder in
            try link(folder, "libfaulty.so", to: "libother.so")
            try link(folder, "libother.so", to: "libfaulty.so")
            try folder.announce("faulty", "libfaulty.so")
        },
        FileFault("in a folder of everybody's", ["open", "everybody"], remedy: "chmod o-w") { folder in
            try folder.scratch.makeFolder("open")
            try FileManager.default.copyItem(
                atPath: PluginFolder.correct.get(), toPath: folder.scratch.path("open/libfaulty.so"))
            try allow(folder, "open", 0o777)
            try folder.announce("faulty", "open/libfaulty.so")
        },
    ]

    static let manifests: [FileFault] = [
        FileFault("empty", ["faulty.json", "JSON"], remedy: "faulty.json", manifest("")),
        FileFault("not JSON", ["faulty.json", "JSON"], remedy: "faulty.json", manifest("name = faulty\n")),
        FileFault(
            "cut off", ["faulty.json", "JSON"], remedy: "faulty.json", manifest("{\"format\": 1, \"name\": \"fau")),
        FileFault("a list", ["faulty.json", "not an object"], remedy: "format", manifest("[1, 2]")),
        FileFault(
            "without a name", ["faulty.json", "name"], remedy: "name",
            manifest("{\"format\": 1, \"library\": \"libfaulty.so\", \"abi\": {\"major\": 1, \"minor\": 0}}")),
        FileFault(
            "a name with a slash", ["faulty.json", "../faulty"], remedy: "letters",
            manifest(
                "{\"format\": 1, \"name\": \"../faulty\", \"library\": \"a.so\", \"abi\": {\"major\": 1, \"minor\": 0}}"
            )
        ),
        FileFault(
            "a number for the library", ["faulty.json", "library"], remedy: "library",
            manifest("{\"format\": 1, \"name\": \"faulty\", \"library\": 7, \"abi\": {\"major\": 1, \"minor\": 0}}")),
        FileFault(
            "of a later format", ["faulty.json", "format 2"], remedy: "Update Heterodyne",
            manifest("{\"format\": 2, \"name\": \"faulty\", \"library\": \"a.so\"}")),
        FileFault(
            "of another major", ["2.0", "1.0"], remedy: "Update Heterodyne",
            manifest(
                "{\"format\": 1, \"name\": \"faulty\", \"library\": \"a.so\", \"abi\": {\"major\": 2, \"minor\": 0}}")
        ),
        FileFault(
            "a library above its folder", ["../"], remedy: "whole path",
            manifest(
                "{\"format\": 1, \"name\": \"faulty\", \"library\": \"../a.so\", \"abi\": {\"major\": 1, \"minor\": 0}}"
            )
        ),
        FileFault(
            "nested a million deep", ["faulty.json"], remedy: "faulty.json",
            manifest(String(repeating: "[", count: 1_000_000))),
        FileFault("not UTF-8", ["faulty.json"], remedy: "Correct") {
            try Data([0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x3A, 0x31, 0x7D])
                .write(to: $0.scratch.folder.appending(path: "faulty.json"))
        },
        FileFault("of 100 MB", ["faulty.json", "larger than"], remedy: "Remove") {
            try $0.scratch.write("faulty.json", "{")
            #expect(truncate($0.scratch.path("faulty.json"), 100_000_000) == 0)
        },
        FileFault("may be written by everybody", ["faulty.json", "everybody"], remedy: "chmod o-w") {
            try $0.install("faulty", fault: "none")
            try allow($0, "faulty.json", 0o666)
        },
        FileFault("a folder", ["faulty.json", "not a file"], remedy: "regular file") {
            try $0.scratch.makeFolder("faulty.json")
        },
        FileFault("a pipe", ["faulty.json", "not a file"], remedy: "regular file") {
            #expect(mkfifo($0.scratch.path("faulty.json"), 0o644) == 0)
        },
        FileFault("a device without an end", ["faulty.json"], remedy: "regular file") {
            try link($0, "faulty.json", to: "/dev/zero")
        },
        FileFault("a loop of links", ["faulty.json"], remedy: "path") {
            try link($0, "faulty.json", to: "faulty.json")
        },
        FileFault("a link to nowhere", ["faulty.json"], remedy: "Create") {
            try link($0, "faulty.json", to: "nowhere.json")
        },
        FileFault("a name that is taken", ["second.json", "faulty.json"], remedy: "Remove one") {
            try $0.install("faulty", fault: "none")
            try $0.scratch.write(
                "second.json",
                "{\"format\": 1, \"name\": \"faulty\", \"library\": \"b.so\", \"abi\": {\"major\": 1, \"minor\": 0}}")
        },
    ]

    private static func compile(_ folder: PluginFolder, _ sources: [String], to library: String, _ more: [String] = [])
        throws
    {
        let result = try Tool.run(
            try #require(Tool.compiler), ["-fPIC", "-shared"] + sources + ["-o", library] + more,
            folder: folder.scratch.folder)
        try #require(result.status == 0, "\(result.errors)")
    }

    private static func link(_ folder: PluginFolder, _ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: folder.scratch.path(name), withDestinationPath: target)
    }
}

@Suite("Broken files of plugins", .enabled(if: Fixture.canBuild, Fixture.reason))
struct FileFaultTests {
    private func check(_ fault: FileFault) throws {
        let folder = try PluginFolder()
        try folder.installHealthy()
        try fault.install(folder)
        let found = folder.find()
        try found.expectHealthy()
        #expect(found.refused.count == 1, "\(found.refused)")
        let line = try #require(found.refused.first, "\(fault.name) went unnoticed")
        for word in fault.words { #expect(line.reason.contains(word), "\(line.reason)") }
        #expect(line.remedy.utf8.count > 5 && line.remedy.contains(fault.remedy), "\(line.remedy)")
        #expect(line.reason.utf8.count < 1500, "\(line.reason.utf8.count)")
        #expect(!(line.reason + line.remedy).unicodeScalars.contains { $0.value < 0x20 })
    }

    @Test("A library that cannot be used is refused with the reason", arguments: FileFault.libraries)
    func libraries(_ fault: FileFault) throws { try check(fault) }

    @Test("A manifest that cannot be used is refused with the reason", arguments: FileFault.manifests)
    func manifests(_ fault: FileFault) throws { try check(fault) }

    @Test("A folder that everybody may write to brings nothing, and says so")
    func openFolder() throws {
        let folder = try PluginFolder()
        try folder.installHealthy()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
        let found = folder.find()
        #expect(found.backends.isEmpty && found.refused.count == 1, "\(found.refused)")
        #expect(found.refused.first?.reason.contains("everybody") == true)
        #expect(found.refused.first?.remedy.contains("chmod o-w") == true)
    }
}
