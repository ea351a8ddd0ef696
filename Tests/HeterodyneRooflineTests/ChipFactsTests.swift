// Heterodyne: every figure of the profiles is one that was collected, and every one that was collected is in a profile.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodyneRoofline

@Suite struct ChipFactsTests {
    private static func profile(_ facts: ChipFacts) throws -> ChipProfile {
        try #require(ProfileCatalog.builtIn.first { $0.id == facts.text("id") })
    }

    /// Chips without a matrix unit: their float16 peak is the vector unit's.
    private static let vectorOnly: Set<String> = ["nvidia-p100-sxm2", "nvidia-dgx-1-p100"]
    /// Chips whose 8-bit floats are other formats than ours.
    private static let otherFloat8: Set<String> = ["amd-mi300x"]

    /// Rates that stand in the notes of the collection or in documentation, beside the columns.
    private static let further: [String: Double] = [
        "nvidia-a100-sxm-40gb float16 vector": 78e12, "nvidia-a100-sxm-80gb float16 vector": 78e12,
        "nvidia-a800-sxm-80gb float16 vector": 78e12, "nvidia-a100-sxm-40gb bfloat16 vector": 39e12,
        "nvidia-a100-sxm-80gb bfloat16 vector": 39e12, "nvidia-a800-sxm-80gb bfloat16 vector": 39e12,
        "amd-mi300x float32 matrix": 163.4e12, "cambricon-mlu270-s4 int16 matrix": 64e12,
        "cambricon-mlu370-x8 int16 matrix": 128e12, "nvidia-p100-sxm2 float16 matrix": 0,
        "nvidia-p100-sxm2 float32 matrix": 0, "nvidia-dgx-1-p100 float16 matrix": 0,
        "nvidia-dgx-1-p100 float32 matrix": 0, "intel-xeon-6776p float32 matrix": 0,
        "intel-xeon-6776p float64 matrix": 0, "microsoft-maia-100 mx6": 3000e12, "microsoft-maia-100 mx9": 1500e12,
        "nvidia-b200-hgx fp4": 9000e12, "nvidia-gb200-nvl72 fp4": 720_000e12,
    ]

    /// Where each column of rates is to be found.
    private static func places(_ column: String, _ id: String) -> [String] {
        switch column {
        case "fp64_tflops": ["float64 vector"]
        case "fp64_tensor_tflops": ["float64 matrix"]
        case "fp32_tflops": ["float32 vector"]
        case "tf32_tflops": ["tf32"]
        case "fp16_tflops": [vectorOnly.contains(id) ? "float16 vector" : "float16 matrix"]
        case "bf16_tflops": ["bfloat16 matrix"]
        case "fp8_tflops":
            otherFloat8.contains(id) ? ["float8fnuz"] : ["float8e4m3fn matrix", "float8e5m2 matrix"]
        case "int8_tops": ["int8 matrix"]
        default: ["int4 matrix"]
        }
    }

    private static let rateColumns = [
        "fp64_tflops", "fp64_tensor_tflops", "fp32_tflops", "tf32_tflops", "fp16_tflops", "bf16_tflops", "fp8_tflops",
        "int8_tops", "int4_tops",
    ]

    /// Every rate of a profile by its place, unknown ones left out; those of absent types are 0.
    private static func rates(_ profile: ChipProfile) -> [String: Double] {
        var rates: [String: Double] = [:]
        for (type, known) in profile.types {
            if case .absent = known.presence {
                rates["\(type) matrix"] = 0
                rates["\(type) vector"] = 0
                continue
            }
            if let value = known.vector.value { rates["\(type) vector"] = value }
            if let value = known.matrix.value { rates["\(type) matrix"] = value }
        }
        for (name, fact) in profile.otherFormats { if let value = fact.value { rates[name] = value } }
        return rates
    }

    private static func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-12 * max(abs(a), abs(b)) }

    @Test func everyRowHasAProfileAndTheOtherWayRound() {
        #expect(Set(ChipFacts.all.map { $0.text("id") }) == Set(ProfileCatalog.builtIn.map(\.id)))
        #expect(ChipFacts.all.count == 30)
    }

    @Test(arguments: ChipFacts.all.map { $0.text("id") })
    func ratesAreThoseCollected(id: String) throws {
        let facts = try #require(ChipFacts.all.first { $0.text("id") == id })
        let profile = try Self.profile(facts)
        let rates = Self.rates(profile)
        var expected = Self.further.filter { $0.key.hasPrefix(id + " ") }
            .reduce(into: [String: Double]()) { $0[String($1.key.dropFirst(id.count + 1))] = $1.value }
        for column in Self.rateColumns {
            guard let number = facts.number(column) else { continue }
            for place in Self.places(column, id) { expected[place] = number * 1e12 }
        }
        for (place, value) in expected {
            let found = try #require(rates[place], "\(id) \(place) should be \(value)")
            #expect(Self.isClose(found, value), "\(id) \(place)")
        }
        for (place, value) in rates where expected[place] == nil {
            // A type that is absent has no rate in either unit.
            let type = ScalarType(name: String(place.split(separator: " ")[0]))
            if let type, case .absent = profile.type(type).presence, value == 0 { continue }
            Issue.record("\(id) \(place) is \(value), which nobody collected")
        }
    }

    @Test(arguments: ChipFacts.all.map { $0.text("id") })
    func sizesAreThoseCollected(id: String) throws {
        let facts = try #require(ChipFacts.all.first { $0.text("id") == id })
        let profile = try Self.profile(facts)
        func check(_ fact: Fact?, _ column: String, _ scale: Double) {
            switch (fact?.value, facts.number(column)) {
            case (nil, nil): break
            case (let found?, let number?): #expect(Self.isClose(found, number * scale), "\(id) \(column)")
            case (let found, let number):
                Issue.record("\(id) \(column): \(String(describing: found)), collected \(String(describing: number))")
            }
        }
        check(profile.memoryByteCount, "memory_gb", 1e9)
        check(profile.memoryBandwidth, "memory_bandwidth_gbs", 1e9)
        check(profile.interconnect?.bandwidth, "interconnect_gbs", 1e9)
        check(profile.power, "tdp_w", 1)
        check(profile.year, "year", 1)
        #expect(profile.launch.value == nil && profile.step.value == nil)
        #expect(Set(profile.roles.map(\.rawValue)) == Set(facts.text("roles").split(separator: "/").map(String.init)))
        #expect(profile.vendor == facts.text("vendor"))
        #expect(
            profile.power.figure.map { Set([facts.text("confidence"), "low"]).contains($0.confidence.rawValue) } ?? true
        )
    }

    @Test func everyFactHasASourceOrAReason() {
        for profile in ProfileCatalog.builtIn {
            var facts = [
                profile.year, profile.memoryByteCount, profile.memoryBandwidth, profile.power, profile.launch,
                profile.step,
            ]
            facts += profile.types.values.flatMap { [$0.vector, $0.matrix] } + profile.otherFormats.values
            if let interconnect = profile.interconnect { facts.append(interconnect.bandwidth) }
            for fact in facts {
                switch fact {
                case .known(let figure): #expect(figure.source.count >= 8, "\(profile.id)")
                case .unknown(let why): #expect(why.count >= 8, "\(profile.id): \(why)")
                }
            }
            #expect(!profile.notes.isEmpty, "\(profile.id)")
        }
    }

    @Test func everyFileOfTheFolderIsBuiltIn() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/HeterodyneRoofline/Profiles")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(Set(names) == Set(ProfileCatalog.builtInFiles.map(\.name)))
    }

    @Test func derivedFiguresSaySo() throws {
        let catalog = ProfileCatalog(folders: [])
        let system = try catalog.profile(named: "DGX-1")
        #expect(system.chipCount == 8)
        #expect(system.memoryBandwidth.figure?.source.contains("DERIVED") == true)
        #expect(system.type(.float64).vector.figure?.source.contains("DERIVED") == true)
        #expect(system.type(.float32).vector.figure?.source.contains("DERIVED") == false)
        let processor = try catalog.profile(named: "Xeon 6776P")
        #expect(processor.type(.bfloat16).matrix.figure?.source.contains("DERIVED") == true)
        #expect(try catalog.profile(named: "GB200").chipCount == 72)
    }
}
