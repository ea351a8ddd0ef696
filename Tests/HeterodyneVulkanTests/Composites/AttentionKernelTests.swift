// Heterodyne: attention in the interpreter against its decomposition in float64.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneOps
import Testing

@testable import HeterodyneVulkan

/// The numbers of a tensor.
func numbers(_ literal: Literal) throws -> [Double] {
    try (0..<literal.type.elementCount()).map { literal.type.scalarType.number(fromBits: literal.bits(at: $0)) }
}

/// The numbers of the outputs of a graph computed in float64, on inputs that are widened where they are floats.
func exactly(_ inputs: [Literal], _ content: ([Term]) throws -> Term) throws -> [Double] {
    try definition(inputs) { _, terms in
        [try content(terms.map { $0.scalarType.isFloatingPoint ? try $0.convert(.float64) : $0 })]
    }[0].map { Double(bitPattern: $0) }
}

/// Half a unit in the last place of numbers near x, in a float type.
func halfUnit(_ type: ScalarType, _ x: Double) -> Double {
    let (precision, least): (Int, Double) =
        switch type {
        case .float16: (11, 0x1p-24)
        case .bfloat16: (8, 0x1p-133)
        case .float64: (53, 0x1p-1074)
        default: (24, 0x1p-149)
        }
    return max(x.ulp * Double(sign: .plus, exponent: 53 - precision, significand: 1), least) / 2
}

@Suite("Attention kernel")
struct AttentionKernelTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var q: [Int]
        var k: [Int]
        var valueDepth: Int
        var mask: (type: ScalarType, extents: [Int])?
        var causality = Attention.Causality.none
        var scale: Double?
        var softcap: Double?
        var testDescription: String { "\(q) \(k) \(valueDepth) \(mask?.type.name ?? "") \(causality)" }
    }

    static let cases = [
        Case(q: [1, 2, 5, 8], k: [1, 2, 7, 8], valueDepth: 8),
        Case(q: [2, 4, 3, 8], k: [2, 2, 9, 8], valueDepth: 4, mask: (.bool, [2, 1, 1, 9]), scale: 0.5),
        Case(q: [1, 2, 6, 5], k: [1, 1, 6, 5], valueDepth: 3, causality: .topLeft),
        Case(q: [1, 1, 9, 4], k: [1, 1, 5, 4], valueDepth: 4, causality: .bottomRight),
        Case(q: [1, 1, 2, 4], k: [1, 1, 60, 4], valueDepth: 4, causality: .bottomRight),
        Case(q: [1, 3, 4, 4], k: [1, 3, 6, 4], valueDepth: 8, mask: (.float32, [4, 6]), softcap: 2),
        Case(q: [1, 1, 130, 4], k: [1, 1, 3, 4], valueDepth: 4, mask: (.bool, [1, 1, 130, 3])),
    ]

    private func run(
        _ test: Case, _ type: ScalarType, _ place: LaunchPlace, shape: AttentionPlan.Shape? = nil
    ) throws {
        let target = place.target
        var generator = IndexingGenerator(31)
        let q = try generator.numbers(type, test.q, -2...2)
        let k = try generator.numbers(type, test.k, -2...2)
        let v = try generator.numbers(type, Array(test.k[..<3]) + [test.valueDepth], -2...2)
        var inputs = [q, k, v]
        if let mask = test.mask {
            let maskType = mask.type == .bool ? .bool : type
            inputs.append(
                mask.type == .bool
                    ? try generator.bits(.bool, mask.extents) : try generator.numbers(maskType, mask.extents, -3...3))
        }
        let composite = Attention(causality: test.causality, scale: test.scale, softcap: test.softcap)
        let expected = try exactly(inputs) { terms in
            try terms[0].attention(
                keys: terms[1], values: terms[2], mask: terms.count > 3 ? terms[3] : nil, causality: test.causality,
                scale: test.scale, softcap: test.softcap)
        }
        let plan = try #require(AttentionPlan(composite, inputs.map(\.type), target))
        var runner = LaunchRunner(place)
        var views: [StridedView] = []
        for (i, input) in inputs.enumerated() { views.append(try runner.place(input, padding: i == 1 ? 0 : 4)) }
        let scores = [test.q[0], test.q[1], test.q[2], test.k[2]]
        let mask = views.count > 3 ? views[3].broadcast(scores, Array(4 - views[3].rank..<4)) : nil
        // The heads of a row lie side by side, as what follows usually wants them.
        let result = runner.block([test.q[0], test.q[2], test.q[1], test.valueDepth], type).transposed([0, 2, 1, 3])
        try runner.run(
            plan.launch(views[0], views[1], views[2], mask: mask, result, shape: shape, target))
        let found = runner.bits(result).map(type.number(fromBits:))
        // The scores' error moves weights; sums over keys and the exponentials add theirs.
        let unit = type == .float64 ? 0x1p-53 : 0x1p-24
        let scale = test.scale ?? 1 / Double(test.q[3]).squareRoot()
        let size = 4 * Double(test.q[3]) * scale + 3
        let relative = 2 * Double(test.q[3] + 4) * size * unit + Double(2 * test.k[2] + 48) * unit
        for (i, (a, b)) in zip(found, expected).enumerated() {
            #expect(abs(a - b) <= 2 * relative + halfUnit(type, b), "\(type) \(i): \(a), expected \(b)")
        }
        #expect(found.count == expected.count)
    }

    @Test(arguments: cases, LaunchPlace.all)
    func attention(_ test: Case, _ place: LaunchPlace) throws {
        // Three operands and the result are what the least device binds.
        guard place != .least || test.mask == nil else { return }
        for type in place.floats {
            try run(test, type, place)
        }
    }

    @Test("Every split of the work gives the same", arguments: [(1, 1), (2, 4), (4, 2), (3, 3)])
    func shapes(_ rows: Int, _ keyBlock: Int) throws {
        for test in Self.cases {
            try run(test, .float32, .software, shape: .init(rows: rows, keyBlock: keyBlock, tile: 0))
            try run(test, .float32, .gpu, shape: .init(rows: rows, keyBlock: keyBlock, tile: 4 * keyBlock))
        }
    }

    @Test("Hidden rows give zeros, NaN and infinite scores give what the definition gives", arguments: LaunchPlace.all)
    func specials(_ place: LaunchPlace) throws {
        guard place != .least else { return }
        let (inf, nan) = (Float.infinity, Float.nan)
        let x = try Literal([1, 2, 3, 4, 1, 0, 2, 1, -1, 1, 1, 2] as [Float], shape: [1, 1, 3, 4])
        let rows: [[Float]] = [
            [-inf, -inf, -inf], [0, -inf, 1], [nan, 0, 0], [0, nan, -inf], [0, 0, inf], [inf, 0, 0], [0, inf, inf],
        ]
        for row in rows {
            let mask = try Literal(row, shape: [1, 3])
            let inputs = [x, x, x, mask]
            let expected = try exactly(inputs) { try $0[0].attention(keys: $0[1], values: $0[2], mask: $0[3]) }
            let plan = try #require(AttentionPlan(Attention(), inputs.map(\.type), place.target))
            for keyBlock in [1, 2] {
                var runner = LaunchRunner(place)
                let q = try runner.place(x)
                let bias = try runner.place(mask).broadcast([1, 1, 3, 3], [2, 3])
                let result = runner.block([1, 1, 3, 4], .float32)
                try runner.run(
                    plan.launch(
                        q, q, q, mask: bias, result,
                        shape: .init(rows: 2, keyBlock: keyBlock, tile: place == .gpu ? 4 : 0), place.target))
                let found = runner.bits(result).map { Double(Float(bitPattern: UInt32($0))) }
                for (a, b) in zip(found, expected) {
                    #expect(b.isNaN ? a.isNaN : abs(a - b) < 0x1p-18, "\(row) \(keyBlock): \(a), expected \(b)")
                }
            }
        }
    }

    @Test("Lengths, heads and batches share a kernel", arguments: [KernelTarget.gpu, .software, .least])
    func sharing(_ target: KernelTarget) throws {
        let recipes = try [[1, 12, 128, 32], [8, 12, 77, 32], [2, 4, 500, 32]].map { extents in
            let type = TensorType(.float32, Shape(extents))
            let plan = try #require(AttentionPlan(Attention(), [type, type, type], target))
            let view = StridedView(dense: 0, extents: extents, type: .float32)
            return try plan.launch(view, view, view, mask: nil, view, target).recipe as? AttentionKernel
        }
        #expect(recipes[0] != nil && Set(recipes).count == 1)
    }

    @Test("What the kernel does not take is decomposed")
    func claims() {
        func takes(_ types: [TensorType], _ composite: Attention = Attention(), _ target: KernelTarget = .gpu) -> Bool {
            AttentionPlan(composite, types, target) != nil
        }
        let q = TensorType(.float32, [1, 2, 4, 8])
        #expect(takes([q, q, q]))
        #expect(takes([q, q, q, TensorType(.bool, [4, 4])]))
        #expect(!takes([q, q, q, TensorType(.bool, [4, 4])], Attention(), .least))
        #expect(takes([q, q, q], Attention(), .least))
        let empty = TensorType(.float32, [1, 2, 0, 8])
        #expect(!takes([q, empty, empty]))
        let deep = TensorType(.float32, [1, 2, 4, 512])
        #expect(!takes([deep, deep, deep]))
        // One query over many keys, as when text is generated.
        let (one, many) = (TensorType(.float32, [1, 2, 1, 8]), TensorType(.float32, [1, 2, 500, 8]))
        #expect(takes([one, many, many], Attention(), .software))
        #expect(!takes([one, many, many], Attention(), .gpu))
        let half = TensorType(.float16, [1, 2, 4, 8])
        #expect(!takes([half, half, half], Attention(), .least))
    }
}
