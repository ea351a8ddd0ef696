// Heterodyne: models and chips for the tests of `heterodyne plan`, and what its JSON holds.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A folder with small models and chips for `heterodyne plan`, which goes away with the value.
final class PlanFixture {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "heterodyne-plan-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Writes a file and returns its path.
    func write(_ text: String, as name: String) throws -> String {
        let file = folder.appending(path: name)
        try Data(text.utf8).write(to: file)
        return file.path
    }

    /// A product of matrices of int8 that counts in int32.
    func product(_ size: Int = 64) throws -> String {
        try write(
            """
            heterodyne 1
            graph(%0 "x": int8[\(size), \(size)], %1 "w": int8[\(size), \(size)]) {
              %2 = dot(%0, %1) {leftBatch = [], rightBatch = [], leftContracting = [1], rightContracting = [0], \
            accumulation = int32, result = int32} : int32[\(size), \(size)]
              return "y" = %2
            }
            """, as: "product-\(size).graph")
    }

    /// A layer on a free batch of samples of a free number of tokens.
    func layer(_ type: String = "float32") throws -> String {
        try write(
            """
            heterodyne 1
            graph(%0 "x": \(type)[batch, sequence, 64]) {
              %1 = exp(%0) : \(type)[batch, sequence, 64]
              %2 = add(%1, %0) : \(type)[batch, sequence, 64]
              return "y" = %2
            }
            """, as: "layer-\(type).graph")
    }

    /// Two products with weights of `size` x `size` float32, as the feed-forward part of a transformer has them.
    func perceptron(_ size: Int = 16) throws -> String {
        func weights(_ seed: Int) -> String {
            let numbers = (0..<size * size).map { "\(Double(($0 * 7 + seed) % 11) / 8)" }
            return "constant() {value = float32[\(size), \(size)] (\(numbers.joined(separator: ", ")))} : "
                + "float32[\(size), \(size)]"
        }
        let by =
            "leftBatch = [], rightBatch = [], leftContracting = [1], rightContracting = [0], "
            + "accumulation = float32, result = float32"
        return try write(
            """
            heterodyne 1
            graph(%0 "x": float32[batch, \(size)]) {
              %1 = \(weights(1))
              %2 = \(weights(2))
              %3 = dot(%0, %1) {\(by)} : float32[batch, \(size)]
              %4 = tanh(%3) : float32[batch, \(size)]
              %5 = dot(%4, %2) {\(by)} : float32[batch, \(size)]
              return "y" = %5
            }
            """, as: "perceptron.graph")
    }

    /// A chip of which everything is known: int8 products at 1 Top/s, vectors of int32 at 10 Gop/s, no floats, 10 W, a
    /// microsecond to start a program and a tenth of it for each kernel.
    func chip(
        id: String = "tiny-int8", memory: Double? = 1e6, roles: String = "\"inference\"", step: String = "1e-7"
    ) throws -> String {
        let absent = ["float16", "bfloat16", "float32", "float64", "int64", "uint64"].map {
            "\"\($0)\": { \"presence\": \"absent\" }"
        }.joined(separator: ", ")
        let bytes = memory.map { "{ \"value\": \($0) }" } ?? "{ \"unknown\": \"nobody measured it\" }"
        return try write(
            """
            {
              "schema": 1, "id": "\(id)", "name": "Tiny <&> \\"8\\"", "vendor": "Tests", "aliases": [],
              "year": { "value": 2024 }, "kind": "accelerator", "roles": [\(roles)],
              "source": "these tests", "confidence": "measured",
              "types": {
                "int8": { "presence": "native", "units": ["vector", "matrix"],
                          "vector": { "value": 1e11 }, "matrix": { "value": 1e12 } },
                "int32": { "presence": "native", "units": ["vector"], "vector": { "value": 1e10 } },
                "uint32": { "presence": "native", "units": ["vector"], "vector": { "value": 1e10 } },
                "bool": { "presence": "native", "units": [] },
                \(absent)
              },
              "memory": { "bytes": \(bytes), "bandwidth": { "value": 1e9 } },
              "power": { "value": 10 }, "launch": { "value": 1e-6 }, "step": { "value": \(step) },
              "notes": []
            }
            """, as: "\(id).json")
    }
}

/// What `heterodyne plan --json` prints, as a reader of the documentation would declare it.
struct PlanResult: Decodable {
    struct Model: Decodable {
        let path: String
        let inputs: [String]
        let role: String
        let samplesPerRun: Double
        let batch: Int?
        let sequence: Int?
        let notes: [String]
    }
    struct Memory: Decodable {
        let weightByteCount: Double
        let intermediateByteCount: Double
        let portByteCount: Double
        let totalByteCount: Double
        let capacityByteCount: Double?
        let fits: Bool?
    }
    struct Group: Decodable {
        let operation: String
        let count: Int
        let rule: String
        let reason: String
    }
    struct Nodes: Decodable {
        let total: Int
        let native: Int
        let emulated: Int
        let moved: Int
        let onHost: Int
        let emulatedGroups: [Group]
        let onHostGroups: [Group]
    }
    struct Missing: Decodable {
        let figure: String
        let reason: String
    }
    struct Load: Decodable {
        let type: String
        let unit: String
        let operationCount: Double
        let peakPerSecond: Double?
    }
    struct Step: Decodable {
        let count: Int
        let name: String
        let seconds: Double?
        let roof: String?
    }
    struct Estimate: Decodable {
        let secondsPerRun: Double?
        let isLowerBound: Bool
        let samplesPerSecond: Double?
        let tokensPerSecond: Double?
        let boundBy: String?
        let secondsByRoof: [String: Double]
        let utilisation: Double?
        let joulesPerRun: Double?
        let samplesPerJoule: Double?
        let tokensPerJoule: Double?
        let operationCount: Double
        let byteCount: Double
        let communicationByteCount: Double
        let loads: [Load]
        let missing: [Missing]
        let steps: [Step]
    }
    struct Figure: Decodable {
        let name: String
        let unit: String
        let value: Double?
        let source: String?
        let confidence: String?
        let unknown: String?
    }
    struct Chip: Decodable {
        let id: String
        let name: String
        let chipCount: Int
        let outcome: String
        let reason: String?
        let memory: Memory?
        let nodes: Nodes?
        let estimate: Estimate?
        let figures: [Figure]
        let remarks: [String]
    }
    let schema: Int
    let model: Model
    let chips: [Chip]

    /// Runs the command with `--json` and decodes the whole of its output.
    static func of(_ arguments: [String], status: Int32 = 0) throws -> PlanResult {
        let run = try Command("heterodyne").run(["plan"] + arguments + ["--json"])
        #expect(run.status == status, "\(run.messages)")
        #expect(run.messages.isEmpty, "\(run.messages)")
        return try JSONDecoder().decode(PlanResult.self, from: Data(run.output.utf8))
    }

    /// The chip called `id`.
    func chip(_ id: String) throws -> Chip { try #require(chips.first { $0.id == id }, "\(chips.map(\.id))") }
}
