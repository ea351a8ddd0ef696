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

    @Test("masked types are told in table, details and JSON") func masks() throws {
        let environment = ["HETERODYNE_MASK": "reference:float64,int64/dot"]
        let table = try Command("devquery").run([], environment: environment)
        #expect(table.output.contains("masked: float64,int64/dot of reference"))
        let details = try Command("devquery").run(["-d", "reference"], environment: environment)
        #expect(details.output.contains("masked: float64,int64/dot") && details.output.contains("float64: not at all"))
        let json = try Command("devquery").run(["-d", "reference", "--json"], environment: environment)
        let document = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        let device = try #require((document["devices"] as? [[String: Any]])?.first)
        #expect(device["masked"] as? String == "float64,int64/dot" && device["emulations"] is [String: Any])
        #expect(!(try Command("devquery").run([])).output.contains("masked:"))
    }

    @Test("--ops has every operation, for all types as letters, for one in words, and as JSON") func operations() throws
    {
        let matrix = try Command("devquery").run(["--ops", "-d", "reference"])
        #expect(matrix.status == 0 && matrix.messages.isEmpty)
        let lines = matrix.output.split(separator: "\n").map(String.init)
        for code in PrimitiveCode.allCases { #expect(lines.contains { $0.hasPrefix(code.name + " ") }, "\(code.name)") }
        for type in StandardComposites.all { #expect(lines.contains { $0.hasPrefix(type.name + " ") }, "\(type.name)") }
        #expect(lines.allSatisfy { $0.count <= 120 })
        let one = try Command("devquery").run(
            ["--ops", "float64", "-d", "reference", "--types", "float64=error"],
            environment: ["HETERODYNE_MASK": "reference:float64"])
        #expect(one.status == 0 && one.output.contains("policy: float64=error"))
        #expect(one.output.split(separator: "\n").contains { $0.hasPrefix("exp ") && $0.hasSuffix("unsupported") })
        #expect(one.output.contains("float64 is masked"))
        let json = try Command("devquery").run(["--ops", "--json", "-d", "reference", "float32"])
        let document = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect(document["schema"] as? Int == 1)
        let operations = try #require(
            (document["devices"] as? [[String: Any]])?.first?["operations"] as? [[String: Any]])
        #expect(operations.count == PrimitiveCode.allCases.count + StandardComposites.all.count)
        let exp = try #require(operations.first { $0["name"] as? String == "exp" })
        #expect(exp["kind"] as? String == "primitive")
        #expect((exp["types"] as? [String: [String: String]])?["float32"] == ["status": "native"])
    }

    @Test("--require lists the devices that do, and says what the others lack") func require() throws {
        let met = try Command("devquery").run(["--require", "backend == 'reference' && float64"])
        #expect(met.status == 0 && met.output == "reference\n" && met.messages.isEmpty)
        let quiet = try Command("devquery").run(["--require", "float64", "-q"])
        #expect(quiet.status == 0 && quiet.output.isEmpty && quiet.messages.isEmpty)
        let unmet = try Command("devquery").run(["--require", "memory > 1000TiB || name ~ 'no such device'"])
        #expect(unmet.status == 1 && unmet.output.isEmpty)
        for device in Device.all { #expect(unmet.messages.contains("\n  \(device.id)\n")) }
        #expect(unmet.messages.contains("memory > 1000TiB: it is "))
        let other = try Command("devquery").run(["-d", "reference", "--require", "backend != reference", "--json"])
        #expect(other.status == 1 && other.messages.isEmpty)
        let document = try #require(try JSONSerialization.jsonObject(with: Data(other.output.utf8)) as? [String: Any])
        #expect(document["satisfied"] as? Bool == false)
        #expect(try Command("devquery").run(["-d", "nothing", "--require", "float64"]).status == 1)
        let masked = try Command("devquery").run(
            ["-d", "reference", "--require", "float64"], environment: ["HETERODYNE_MASK": "reference:float64"])
        #expect(masked.status == 1 && masked.messages.contains("float64: it has no float64 at all"))
    }

    @Test("--selftest shows what is declared beside what is measured") func selftest() throws {
        let types = ScalarType.allCases.filter { $0.isArithmetic && $0 != .float32 && $0 != .int32 }
        let environment = ["HETERODYNE_MASK": "reference:" + types.map(\.name).joined(separator: ",")]
        let text = try Command("devquery").run(["--selftest", "reference"], environment: environment)
        #expect(text.status == 0 && text.messages.isEmpty, "\(text.messages)")
        #expect(text.output.hasPrefix("reference: as declared") && text.output.contains("DECLARED"))
        let lines = text.output.split(separator: "\n")
        for name in ["denormals", "contraction", "exp", "power"] {
            #expect(lines.contains { $0.split(separator: " ").starts(with: [Substring(name), "float32"]) }, "\(name)")
        }
        let json = try Command("devquery").run(["--selftest", "-d", "reference", "--json"], environment: environment)
        #expect(json.status == 0)
        let document = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        let device = try #require((document["devices"] as? [[String: Any]])?.first)
        #expect(document["schema"] as? Int == 1 && device["asDeclared"] as? Bool == true)
        let errors = try #require(device["errors"] as? [[String: Any]])
        #expect(errors.contains { $0["operation"] as? String == "exp" && ($0["measuredULP"] as? Double ?? 9) < 1 })
        let nothing = try Command("devquery").run(["--selftest", "nothing"])
        #expect(nothing.status == 1 && nothing.messages.contains("reference"))
    }

    @Test(
        "what is asked wrongly is 64 and says where",
        arguments: [
            (["--require", "float64 &&& x"], "\n  float64 &&& x\n            ^"), (["--require", ""], "empty"),
            (["--ops", "float63"], "float16"), (["--ops", "--types", "float64=maybe"], "fallback"),
            (["-q"], "--require"),
            (["--types", "emulate"], "--ops"), (["--ops", "--require", "float64"], "together"),
            (["--selftest", "--ops"], "together"), (["--selftest", "reference", "-d", "openblas"], "two devices"),
        ])
    func mistakes(arguments: [String], words: String) throws {
        let run = try Command("devquery").run(arguments)
        #expect(run.status == 64 && run.messages.contains(words), "\(run.messages)")
    }
}
