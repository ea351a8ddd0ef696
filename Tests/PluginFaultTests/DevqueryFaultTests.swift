// Heterodyne: devquery with seven faulty plugins at once.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// devquery as built beside the tests, or in the release folder.
enum DevqueryCommand {
    static let path: String? = {
        let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let builds = Package.root.appending(path: ".build")
        return [own, builds.appending(path: "release"), builds.appending(path: "debug")]
            .map { $0.appending(path: "devquery").path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// The part of the document that these tests rely on.
    struct Document: Decodable {
        struct Entry: Decodable { var id: String }
        struct Missing: Decodable {
            var id: String
            var reason: String
            var remedy: String
        }
        var schema: Int
        var devices: [Entry]
        var unavailable: [Missing]
    }

    /// Runs devquery with the plugins of `folder` and no others.
    static func run(_ arguments: [String], folder: PluginFolder?) throws -> Tool.Result {
        let empty = try Scratch()
        return try Tool.run(
            try #require(path), arguments,
            environment: [
                "HETERODYNE_PLUGIN_PATH": folder?.path ?? "", "XDG_DATA_HOME": empty.folder.path,
                "HETERODYNE_PLUGIN_DISABLE": "", "HETERODYNE_PLUGIN_SELECT": "", "HETERODYNE_MASK": "",
            ])
    }

    static func document(_ text: String) throws -> Document {
        try JSONDecoder().decode(Document.self, from: Data(text.utf8))
    }
}

@Suite(
    "devquery and faulty plugins", .enabled(if: Fixture.canBuild, Fixture.reason),
    .enabled(if: DevqueryCommand.path != nil, "devquery is not built"))
struct DevqueryFaultTests {
    /// Seven faults, and what their lines say.
    static let seven = [
        ("crash_in_constructor", "signal 11"), ("hang_in_open", "no answer within 2 s"),
        ("exit_in_open", "exit status 3"), ("version_zero", "version 0"), ("table_size_small", "struct_size"),
        ("abort_in_open", "signal 6"), ("huge_text", "9223372036854775808"),
    ]

    @Test("Seven at once: under five seconds, every healthy device, seven reasons, valid JSON, status 0")
    func seven() throws {
        let before = try DevqueryCommand.document(DevqueryCommand.run(["--json"], folder: nil).output)
        #expect(before.devices.contains { $0.id == "reference" })
        let folder = try PluginFolder()
        for (fault, _) in Self.seven { try folder.install(fault.replacing("_", with: "-"), fault: fault) }
        try folder.installHealthy()

        let json = try DevqueryCommand.run(["--json"], folder: folder)
        #expect(json.status == 0 && json.seconds < 5, "\(json.seconds) s; \(json.errors)")
        let found = try DevqueryCommand.document(json.output)
        #expect(found.schema == 1)
        #expect(Set(found.devices.map(\.id)) == Set(before.devices.map(\.id)).union(["healthy"]))
        #expect(found.unavailable.count == before.unavailable.count + Self.seven.count)
        for (fault, words) in Self.seven {
            let line = try #require(found.unavailable.first { $0.id == fault.replacing("_", with: "-") })
            #expect(line.reason.contains(words) && line.remedy.count > 5, "\(line.reason)")
        }

        let table = try DevqueryCommand.run([], folder: folder)
        #expect(table.status == 0 && table.seconds < 5, "\(table.seconds) s; \(table.errors)")
        #expect(table.output.components(separatedBy: "\nunavailable: ").count > Self.seven.count)
        for device in found.devices { #expect(table.output.contains("\n\(device.id) ")) }
    }

    @Test("What plugins print reaches standard error; standard output is devquery's")
    func printing() throws {
        let folder = try PluginFolder()
        try folder.install("talker", fault: "prints_everywhere")
        let json = try DevqueryCommand.run(["--json"], folder: folder)
        #expect(json.status == 0)
        #expect(try DevqueryCommand.document(json.output).devices.contains { $0.id == "talker" })
        #expect(json.errors.contains("printed"))
        let choice = try DevqueryCommand.run(["--require", "id == talker"], folder: folder)
        #expect(choice.status == 0 && choice.output == "talker\n", "\(choice.output)")
    }

    @Test("A name with line breaks and colours stays on its line")
    func control() throws {
        let folder = try PluginFolder()
        try folder.install("colourful", fault: "control_in_name")
        let table = try DevqueryCommand.run([], folder: folder)
        #expect(table.status == 0 && !table.output.contains("\u{1B}"))
        #expect(table.output.split(separator: "\n").filter { $0.hasPrefix("colourful ") }.count == 2)
    }

    @Test("A device that is asked for by name gives its reason, and status 1")
    func asked() throws {
        let folder = try PluginFolder()
        try folder.install("broken", fault: "crash_in_open")
        let result = try DevqueryCommand.run(["--device", "broken"], folder: folder)
        #expect(result.status == 1 && result.output.contains("signal 11"), "\(result.output)\(result.errors)")
    }
}
