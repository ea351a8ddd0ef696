// Heterodyne: thousands of damaged models, imported as far as they let themselves be.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import Testing

/// Damages bytes, the same way on every machine.
struct ByteMutator {
    private var numbers: SplitMix64

    init(seed: UInt64) { numbers = SplitMix64(state: seed) }

    struct SplitMix64 {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return Int((mixed ^ mixed >> 31) % UInt64(max(1, bound)))
        }
    }

    /// One to three changes: a bit flipped, a byte replaced by an edge value, a cut, a repeated or a swapped piece.
    mutating func damaged(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0...numbers.below(3) where bytes.count > 8 {
            let place = numbers.below(bytes.count)
            switch numbers.below(8) {
            case 0...2: bytes[place] ^= 1 << UInt8(numbers.below(8))
            case 3: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF][numbers.below(5)]
            case 4: bytes.removeSubrange(place..<min(bytes.count, place + 1 + numbers.below(8)))
            case 5: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 8)], at: place)
            case 6:
                let other = numbers.below(bytes.count)
                let count = min(6, bytes.count - max(place, other))
                for offset in 0..<count { bytes.swapAt(place + offset, other + offset) }
            default: if numbers.below(4) == 0 { bytes.removeSubrange(place...) }
            }
        }
        return bytes
    }
}

@Suite("Damaged models")
struct ModelMutationTests {
    /// The models of this target's fixtures, of few bytes, sorted.
    static let originals: [(name: String, bytes: [UInt8])] = {
        guard let folder = Bundle.module.url(forResource: "Fixtures", withExtension: nil),
            let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        else { return [] }
        var found: [(name: String, bytes: [UInt8])] = []
        for case let url as URL in files where url.pathExtension == "onnx" {
            guard let data = try? Data(contentsOf: url), data.count <= 1 << 16 else { continue }
            found.append((url.path, [UInt8](data)))
        }
        return found.sorted { $0.name < $1.name }
    }()

    /// Elements that an input or a slot may have for the model to be run.
    static let runLimit = 1 << 14

    /// What became of a damaged model.
    enum Outcome: Hashable { case refused, imported, ran, failed }

    @Test("2,000 damaged models end in an error or run; none takes more than 10 seconds")
    func mutations() throws {
        #expect(!Self.originals.isEmpty)
        let device = try Device("reference")
        var outcomes: [Outcome: Int] = [:]
        for index in 0..<2_000 {
            let original = Self.originals[index % Self.originals.count]
            var mutator = ByteMutator(seed: UInt64(index) &* 0x1234_5678_9ABC)
            let bytes = mutator.damaged(original.bytes)
            let start = ContinuousClock.now
            outcomes[Self.attempt(bytes, on: device), default: 0] += 1
            let elapsed = ContinuousClock.now - start
            #expect(elapsed < .seconds(10), "mutation \(index) of \(original.name) took \(elapsed)")
        }
        // Both happen: the damage is neither always fatal nor never felt.
        #expect(outcomes[.refused, default: 0] > 100)
        #expect(outcomes[.ran, default: 0] > 100)
    }

    static func attempt(_ bytes: [UInt8], on device: Device) -> Outcome {
        let model: ONNXModel
        do { model = try ONNXModel.decode(bytes) } catch { return .refused }
        guard let inputs = zeros(for: model) else { return .imported }
        do {
            let runner = try ModelRunner(model, on: device, runtime: .shared)
            let compiled = try runner.plan(for: inputs.mapValues(\.signature))
            let isSmall = compiled.plan.slots.allSatisfy { ((try? $0.elementCount()) ?? Int.max) <= runLimit }
            guard isSmall, compiled.onlyProgram != nil, !hasLoop(compiled.plan) else { return .imported }
            _ = try runner.run(inputs)
            return .ran
        } catch { return .failed }
    }

    /// Zeros for all inputs, nil where one has no tensor type or is large. Free dimensions are 2.
    private static func zeros(for model: ONNXModel) -> [String: ONNXData]? {
        var result: [String: ONNXData] = [:]
        for input in model.graph.inputs {
            guard case .tensor(let element, let dimensions?)? = input.type, let carrier = element.carrier else {
                return nil
            }
            var count = 1
            var shape: [Int] = []
            for dimension in dimensions {
                let extent = if case .fixed(let number) = dimension { number } else { 2 }
                shape.append(extent)
                let (product, overflow) = count.multipliedReportingOverflow(by: extent)
                guard !overflow, product <= runLimit, product >= 0 else { return nil }
                count = product
            }
            result[input.name] = .tensor(element, Literal(number: 0, type: TensorType(carrier, Shape(shape))))
        }
        return result
    }

    /// Whether the plan has loops, which a damaged limit may make endless, or nodes that are large.
    private static func hasLoop(_ plan: ImportPlan) -> Bool {
        plan.steps.contains { step in
            step.graph.nodes.contains { node in
                if case .primitive(.loop) = node.operation { return true }
                return node.resultTypes.contains { ((try? $0.elementCount()) ?? Int.max) > 1 << 20 }
            }
        }
    }
}
