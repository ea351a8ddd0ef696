// Heterodyne: what devquery promises to people and programs.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

@Suite("devquery")
struct DevqueryTests {
    /// The part of the document that this test relies on.
    struct Document: Decodable {
        struct Entry: Decodable {
            var id: String
            var backend: String
            var threads: Int
            var scalarTypes: [String: [String]]
        }
        struct Missing: Decodable {
            var id: String
            var reason: String
            var remedy: String
        }
        var schema: Int
        var devices: [Entry]
        var unavailable: [Missing]
    }

    private func document(_ text: String) throws -> Document {
        try JSONDecoder().decode(Document.self, from: Data(text.utf8))
    }

    @Test("--json is one document with every device and its scalar types") func json() throws {
        let outcome = try Command("devquery").run(["--json"])
        #expect(outcome.status == 0)
        #expect(outcome.messages.isEmpty)
        let found = try document(outcome.output)
        #expect(found.schema == 1)
        #expect(found.devices.map(\.id) == Device.all.map(\.id))
        #expect(found.devices.contains { $0.id == "reference" })
        for device in found.devices {
            #expect(Set(device.scalarTypes.keys) == Set(ScalarType.allCases.map(\.name)))
            #expect(device.threads > 0)
            for type in ["float32", "float64"] {
                let usages = try #require(device.scalarTypes[type])
                #expect(usages.contains("arithmetic") && usages.contains("dot"), "\(device.id) \(type)")
            }
        }
    }

    @Test("the table fits a terminal and has a column per scalar type") func table() throws {
        let outcome = try Command("devquery").run([])
        #expect(outcome.status == 0)
        let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
        for line in lines where !line.contains("unavailable") && !line.contains("remedy") {
            #expect(line.count <= 120, "\(line)")
        }
        let heading = try #require(lines.first { $0.contains("BF16") })
        #expect(heading.split(separator: " ").count == 1 + ScalarType.allCases.count)
        for device in Device.all { #expect(outcome.output.contains(device.id)) }
        #expect(!outcome.output.contains("\u{1B}"))
    }

    @Test("-v tells every fact") func verbose() throws {
        let outcome = try Command("devquery").run(["-v"])
        #expect(outcome.status == 0)
        for device in Device.all {
            #expect(outcome.output.contains("\(device.id): ready"))
            #expect(outcome.output.contains(device.descriptor.fingerprint))
        }
        for type in ScalarType.allCases { #expect(outcome.output.contains("\(type): ")) }
        #expect(!outcome.output.contains("\u{1B}"))
    }

    @Test("--device shows one device, or says which there are") func device() throws {
        let one = try Command("devquery").run(["--device", "reference"])
        #expect(one.status == 0)
        #expect(one.output.contains("reference: ready") && !one.output.contains("openblas:"))
        let json = try document(Command("devquery").run(["--device", "reference", "--json"]).output)
        #expect(json.devices.map(\.id) == ["reference"])
        let none = try Command("devquery").run(["--device", "nothing"])
        #expect(none.status == 1)
        #expect(none.messages.contains("nothing") && none.messages.contains("reference"))
        let silent = try Command("devquery").run(["--device", "nothing", "--json"])
        #expect(silent.status == 1)
        #expect(try document(silent.output).devices.isEmpty)
    }

    @Test("wrong usage is 64, help is 0") func usage() throws {
        #expect(try Command("devquery").run(["--no-such-flag"]).status == 64)
        #expect(try Command("devquery").run(["--device"]).status == 64)
        #expect(try Command("devquery").run(["surplus"]).status == 64)
        let help = try Command("devquery").run(["--help"])
        #expect(help.status == 0)
        #expect(help.output.contains("Exit status"))
    }

    @Test("a missing library is listed with reason and remedy, and JSON stays JSON") func missingLibrary() throws {
        let environment = ["HETERODYNE_OPENBLAS_LIBRARY": "/nonexistent/libopenblas.so"]
        let json = try Command("devquery").run(["--json"], environment: environment)
        #expect(json.status == 0)
        let found = try document(json.output)
        #expect(found.devices.map(\.id).contains("reference") && !found.devices.map(\.id).contains("openblas"))
        let missing = try #require(found.unavailable.first { $0.id == "openblas" })
        #expect(missing.reason.contains("/nonexistent/libopenblas.so"))
        #expect(missing.remedy.contains("libopenblas"))
        let table = try Command("devquery").run([], environment: environment)
        #expect(table.status == 0)
        #expect(table.output.contains("unavailable: openblas") && table.output.contains("remedy:"))
        #expect(try Command("devquery").run(["--device", "openblas"], environment: environment).status == 1)
    }

    @Test("without Vulkan drivers, or without the loader, the others are listed and the remedy is named")
    func missingDrivers() throws {
        let cases = [
            (["VK_DRIVER_FILES": "/nonexistent", "VK_ICD_FILENAMES": "/nonexistent"], "VK_DRIVER_FILES"),
            (["HETERODYNE_VULKAN_LIBRARY": "/nonexistent/libvulkan.so.1"], "libvulkan1"),
        ]
        for (environment, word) in cases {
            let json = try Command("devquery").run(["--json"], environment: environment)
            #expect(json.status == 0)
            let found = try document(json.output)
            #expect(found.devices.map(\.id).contains("reference"))
            #expect(!found.devices.contains { $0.id.hasPrefix("vulkan") })
            let missing = try #require(found.unavailable.first { $0.id.hasPrefix("vulkan") })
            #expect(missing.reason.contains("/nonexistent") && missing.remedy.contains(word), "\(missing)")
        }
    }
}
