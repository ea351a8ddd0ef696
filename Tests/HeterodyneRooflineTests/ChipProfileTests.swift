// Heterodyne: tests of reading profiles and of what they promise.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodyneRoofline

@Suite struct ChipProfileTests {
    /// A profile that is right; tests spoil it.
    static let text = """
        {
          "schema": 1, "id": "acme-one", "name": "One", "vendor": "Acme", "aliases": ["A1"],
          "year": { "value": 2026 }, "kind": "accelerator", "roles": ["inference"],
          "source": "data sheet", "confidence": "high",
          "types": {
            "float32": { "presence": "native", "units": ["vector"], "vector": { "value": 1e12 } },
            "float16": {
              "presence": "native", "units": ["matrix"],
              "matrix": { "value": 8e12, "source": "talk", "confidence": "low" }
            },
            "float64": { "presence": "absent" },
            "bfloat16": { "presence": "unknown", "why": "nobody says" }
          },
          "otherFormats": { "fp24": { "unknown": "not published" } },
          "memory": { "bytes": { "value": 1000 }, "bandwidth": { "unknown": "not published" }, "technology": "HBM" },
          "interconnect": { "name": "PCIe", "bandwidth": { "unknown": "not published" }, "hostOnly": true },
          "power": { "value": 75 }, "launch": { "unknown": "not measured" }, "step": { "value": 1e-6 },
          "notes": ["a note"]
        }
        """

    private func parse(_ text: String) throws(ProfileError) -> ChipProfile {
        try ChipProfile(parsing: Array(text.utf8), path: "one.json")
    }

    @Test func reading() throws {
        let profile = try parse(Self.text)
        #expect(profile.id == "acme-one" && profile.name == "One" && profile.vendor == "Acme")
        #expect(profile.aliases == ["A1"] && profile.kind == .accelerator && profile.roles == [.inference])
        #expect(profile.chipCount == 1)
        #expect(profile.year.value == 2026)
        #expect(profile.power.figure == Figure(75, source: "data sheet", confidence: .high))
        #expect(profile.type(.float16).matrix.figure == Figure(8e12, source: "talk", confidence: .low))
        #expect(profile.type(.float32).matrix.value == nil)
        #expect(profile.type(.float64).presence == .absent(source: "data sheet", confidence: .high))
        #expect(profile.type(.float64).vector.value == 0)
        #expect(profile.type(.bfloat16) == .unknown("nobody says"))
        #expect(profile.type(.int8).presence == .unknown("no source in the profile mentions int8"))
        #expect(profile.memoryBandwidth.reason == "not published")
        #expect(profile.memoryTechnology == "HBM" && profile.interconnect?.isHostOnly == true)
        #expect(profile.otherFormats["fp24"]?.reason == "not published")
        #expect(profile.notes == ["a note"])
    }

    /// What is replaced by what, the class of the mistake, its key, and what the message must say.
    static let mistakes: [(String, String, ProfileError.Kind, String?, String)] = [
        ("\"schema\": 1,", "\"schema\": 2,", .unknownSchema, "schema", "write 1"),
        ("\"schema\": 1,", "", .missingKey, "schema", "write 1"),
        ("\"acme-one\"", "\"Acme One\"", .invalidValue, "id", "lower-case"),
        ("\"vendor\"", "\"vendors\"", .missingKey, "vendor", "\"vendors\" is no key"),
        ("\"step\": {", "\"steps\": {", .missingKey, "step", "unknown"),
        ("\"notes\"", "\"note\"", .unknownKey, "note", "did you mean \"notes\"?"),
        ("\"units\": [\"matrix\"]", "\"unit\": [\"matrix\"]", .invalidValue, "types.float16.matrix", "units"),
        ("\"units\": [\"matrix\"]", "\"units\": [\"tensor\"]", .invalidValue, "types.float16.units", "vector, matrix"),
        ("\"float64\"", "\"double\"", .unknownKey, "types.double", "no scalar type"),
        ("\"float64\"", "\"flaot64\"", .unknownKey, "types.flaot64", "did you mean \"float64\"?"),
        ("\"presence\": \"absent\"", "\"presence\": \"no\"", .invalidValue, "types.float64.presence", "absent"),
        ("{ \"value\": 75 }", "75", .invalidValue, "power", "{ \"value\""),
        ("{ \"value\": 75 }", "{ \"value\": -1 }", .invalidValue, "power.value", "0 to"),
        ("{ \"value\": 75 }", "{ \"value\": \"75\" }", .invalidValue, "power.value", "number"),
        ("{ \"value\": 75 }", "{ \"valu\": 75 }", .missingKey, "power.value", "\"valu\" is no key"),
        ("{ \"value\": 75 }", "{ \"value\": 75, \"unit\": \"W\" }", .unknownKey, "power.unit", "no key"),
        (
            "{ \"value\": 75 }", "{ \"value\": 75, \"unknown\": \"why\" }", .invalidValue, "power.unknown",
            "one of the two"
        ),
        ("{ \"value\": 75 }", "{ \"unknown\": \" \" }", .invalidValue, "power.unknown", "is empty"),
        ("\"low\"", "\"certain\"", .invalidValue, "types.float16.matrix.confidence", "measured, high"),
        ("\"source\": \"data sheet\", \"confidence\": \"high\",", "", .missingKey, "year.source", "where"),
        ("[\"inference\"]", "[]", .invalidValue, "roles", "inference, training"),
        ("[\"inference\"]", "[\"gaming\"]", .invalidValue, "roles", "inference, training"),
        ("\"kind\": \"accelerator\"", "\"kind\": \"npu\"", .invalidValue, "kind", "gpu, accelerator"),
        ("\"kind\"", "\"chipCount\": 0, \"kind\"", .invalidValue, "chipCount", "whole number"),
        ("\"kind\"", "\"chipCount\": 1.5, \"kind\"", .invalidValue, "chipCount", "whole number"),
        ("\"hostOnly\": true", "\"hostOnly\": \"yes\"", .invalidValue, "interconnect.hostOnly", "true or false"),
        ("\"notes\": [\"a note\"]", "\"notes\": \"a note\"", .invalidValue, "notes", "a list"),
        ("\"power\"", "\"vendor\": \"Other\", \"power\"", .malformed, nil, "twice"),
        ("\"notes\": [\"a note\"]", "\"notes\": [\"a note\"", .malformed, nil, "expected"),
        ("1e12", "1e999", .malformed, nil, "out of range"),
    ]

    @Test(arguments: mistakes.indices) func mistakesAreNamedWithTheirKeyAndWhatToWrite(index: Int) throws {
        let (old, new, kind, key, word) = Self.mistakes[index]
        let spoiled = Self.text.replacingOccurrences(of: old, with: new)
        try #require(spoiled != Self.text)
        let error = #expect(throws: ProfileError.self) { try parse(spoiled) }
        #expect(error?.kind == kind && error?.key == key && error?.path == "one.json", "\(String(describing: error))")
        #expect(error?.message.contains(word) == true, "\(String(describing: error))")
    }

    @Test func theExampleOfTheManualIsAProfile() throws {
        let manual = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/SimulatedChips.md")
        let text = try String(contentsOf: manual, encoding: .utf8)
        let start = try #require(text.range(of: "```json\n")).upperBound
        let end = try #require(text.range(of: "```", range: start..<text.endIndex)).lowerBound
        let profile = try parse(String(text[start..<end]))
        #expect(profile.id == "acme-one" && profile.type(.float16).matrix.value == 64e12)
        #expect(profile.step.figure?.confidence == .measured)
    }

    @Test func whatIsNoProfileIsRefused() throws {
        for text in ["", "[]", "7", "{}", "\u{FEFF}{}", String(repeating: "[", count: 100_000)] {
            #expect(throws: ProfileError.self) { try parse(text) }
        }
        let long = Self.text + String(repeating: " ", count: 1 << 20)
        #expect(throws: ProfileError.self) { try parse(long) }
        // Every truncation is a mistake and none is a crash.
        let bytes = Array(Self.text.utf8)
        for count in stride(from: 0, to: bytes.count - 1, by: 7) {
            #expect(throws: ProfileError.self) { try ChipProfile(parsing: bytes[0..<count], path: "cut.json") }
        }
    }

    @Test func capabilitiesAreWhatTheProfileSays() throws {
        let capabilities = try parse(Self.text).capabilities()
        #expect(
            capabilities.scalarTypes == [
                .float32: [.storage, .convert, .arithmetic, .accumulate, .dot],
                .float16: [.storage, .convert, .dot, .matrixEngine],
            ])
        #expect(capabilities.roles == [.inference] && !capabilities.hasUnifiedMemory)
        #expect(capabilities.maximumBufferByteCount == 1000)
        let rates = Dictionary(uniqueKeysWithValues: capabilities.rates.map { ($0.what, $0.perSecond) })
        #expect(rates == ["float32 contraction": 1e12, "float32 elementwise": 1e12, "float16 contraction": 8e12])
        #expect(capabilities.rates.first { $0.what == "float16 contraction" }?.source == "talk (confidence: low)")
    }

    @Test func whatIsNotOfferedHasAReason() throws {
        let profile = try parse(Self.text)
        #expect(profile.absence(of: .float32) == nil)
        #expect(profile.absence(of: .float64) == "One has no float64 (data sheet)")
        #expect(profile.absence(of: .bfloat16)?.contains("unknown: nobody says") == true)
        #expect(profile.absence(of: .int8)?.contains("unknown") == true)
    }

    @Test func gapsAndAssumptionsAreListed() throws {
        let profile = try parse(Self.text.replacingOccurrences(of: "\"low\"", with: "\"assumed\""))
        #expect(
            profile.missing == [
                "memory bandwidth: not published", "start of a program: not measured", "bfloat16: nobody says",
                "fp24 rate: not published",
            ])
        #expect(profile.assumptions == ["float16 matrix rate: talk"])
    }

    @Test func everyChipWithArithmeticCountsAndAddresses() {
        for profile in ProfileCatalog.builtIn where profile.id != "tencent-zixiao" {
            for type in [ScalarType.int32, .uint32] {
                #expect(profile.usages(of: type).contains([.arithmetic, .storage]), "\(profile.id) \(type)")
            }
            #expect(profile.usages(of: .bool).contains(.storage), "\(profile.id)")
            if case .native(_, .assumed) = profile.type(.bool).presence {
                #expect(profile.assumptions.contains { $0.hasPrefix("bool: ") }, "\(profile.id)")
            }
        }
    }

    @Test func productsAccumulateInTypesThatTheChipHas() {
        // A matrix engine of a narrow float or integer is of no use where the chip cannot add in the wider type.
        for profile in ProfileCatalog.builtIn {
            for type in ScalarType.allCases where type.isArithmetic && profile.usages(of: type).contains(.dot) {
                #expect(profile.usages(of: type.accumulationType).contains(.accumulate), "\(profile.id) \(type)")
            }
        }
    }

    @Test func tf32IsNoFloat32() throws {
        let profile = try ProfileCatalog(folders: []).profile(named: "A100")
        #expect(profile.otherFormats["tf32"]?.value == 156e12)
        #expect(profile.type(.float32).dotRate.value == 19.5e12)
        #expect(!profile.usages(of: .float32).contains(.matrixEngine))
        #expect(profile.type(.float64).dotRate.value == 19.5e12)
    }

    @Test func anUnpublishedChipPromisesNothing() throws {
        let profile = try ProfileCatalog(folders: []).profile(named: "Zixiao")
        #expect(profile.capabilities().scalarTypes.isEmpty)
        #expect(profile.memorySize == nil && profile.power.value == nil)
        #expect(profile.missing.count >= 8)
    }
}
