// Heterodyne: composites that graphs write out, and what only looks like them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

/// A graph, and the composites that are found in it.
struct RecognitionExample: CustomTestStringConvertible, Sendable {
    let name: String
    let inputs: [TensorType]
    let expected: [String]
    let build: @Sendable ([Term]) throws -> [Term]
    var testDescription: String { name }

    init(
        _ name: String, _ inputs: [TensorType] = [TensorType(.float32, [2, 3, 8])], finds expected: [String],
        _ build: @escaping @Sendable ([Term]) throws -> [Term]
    ) {
        (self.name, self.inputs, self.expected, self.build) = (name, inputs, expected, build)
    }

    func graph() throws -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (index, type) in inputs.enumerated() { terms.append(try builder.input("x\(index)", type)) }
        for (index, term) in try build(terms).enumerated() { try builder.output("y\(index)", term) }
        return try builder.build()
    }
}

@Suite("Recognition")
struct RecognitionTests {
    private static func erfGelu(_ x: Term, half: Double = 0.5, root: Double = 2.0.squareRoot()) throws -> Term {
        let inner = try x.builder.add(Erf(), [x / root])
        return try x * (inner + 1) * half
    }

    private static func tanhGelu(_ x: Term, _ factor: Double = 0.044715, exponent: Double = 3) throws -> Term {
        let cube = try x.power(x.like(exponent)) * factor
        return try x * 0.5 * (((x + cube) * 0.797_884_560_802_865_4).tanh() + 1)
    }

    private static func norm(
        _ x: Term, epsilon: Double = 1e-5, axes: [Int] = [-1], centred: Bool = true, variance: Term? = nil
    ) throws -> Term {
        func repeated(_ term: Term) throws -> Term { try term.broadcast(x.shape, dimensions: [0, 1, 2]) }
        let d = centred ? try x - repeated(x.mean(axes, keepDimensions: true)) : x
        let square = try (variance ?? d).power((variance ?? d).like(2)).mean(axes, keepDimensions: true)
        return try d / repeated((square + epsilon).sqrt())
    }

    private static let heads = TensorType(.float32, [2, 2, 3, 4])
    private static let keys = TensorType(.float32, [2, 2, 5, 4])

    private static func attend(
        _ t: [Term], mask: (Term) throws -> Term = { $0 }, weights: (Term) throws -> Term = { $0 }
    ) throws -> Term {
        let scores = try t[0].matrixProduct(t[1].transpose([0, 1, 3, 2])) / 2
        return try weights(mask(scores).softmax()).matrixProduct(t[2])
    }

    static let found: [RecognitionExample] = [
        RecognitionExample("gelu by erf", finds: ["gelu"]) { try [erfGelu($0[0])] },
        RecognitionExample("gelu by erf, halved first", finds: ["gelu"]) {
            let gate = try $0[0].builder.add(Erf(), [$0[0] * 0.707_106_77]) + 1
            return [try $0[0] * 0.5 * gate]
        },
        RecognitionExample("gelu by tanh", finds: ["gelu"]) { try [tanhGelu($0[0])] },
        RecognitionExample("gelu by tanh, of products", finds: ["gelu"]) {
            let x = $0[0]
            let gate = try (x * 0.797_884_56 * (x * x * 0.044715 + 1)).tanh() + 1
            return [try x * gate * 0.5]
        },
        RecognitionExample("softmax", finds: ["softmax"]) {
            let x = $0[0]
            let e = try (x - x.reduceKeeping(.maximum, [2]).broadcast(x.shape, dimensions: [0, 1, 2])).exp()
            return [try e / e.reduce(.sum, [2]).broadcast(x.shape, dimensions: [0, 1])]
        },
        RecognitionExample("layer normalization", finds: ["layerNormalization"]) { try [norm($0[0])] },
        RecognitionExample("layer normalization over two dimensions", finds: ["layerNormalization"]) {
            try [norm($0[0], axes: [1, 2])]
        },
        RecognitionExample(
            "layer normalization with scale and bias",
            [TensorType(.float32, [2, 3, 8]), TensorType(.float32, [8]), TensorType(.float32, [8])],
            finds: ["layerNormalization"]
        ) {
            let x = $0[0]
            return [try norm(x) * $0[1].broadcast(to: x.shape) + $0[2].broadcast(to: x.shape)]
        },
        RecognitionExample(
            "layer normalization of one row", [TensorType(.float32, [1, 1, 8])], finds: ["layerNormalization"]
        ) {
            try [norm($0[0])]
        },
        RecognitionExample(
            "root mean square", [TensorType(.float32, [2, 3, 8]), TensorType(.float32, [8])],
            finds: ["rmsNormalization"]
        ) {
            let x = $0[0]
            let mean = try (x * x).mean([-1], keepDimensions: true) + 1e-6
            let inverse = try mean.sqrt().like(1) / mean.sqrt()
            return [try x * inverse.broadcast(x.shape, dimensions: [0, 1, 2]) * $0[1].broadcast(to: x.shape)]
        },
        RecognitionExample("attention", [heads, keys, keys], finds: ["attention"]) { try [attend($0)] },
        RecognitionExample(
            "attention with a mask", [heads, keys, keys, TensorType(.float32, [2, 1, 1, 5])], finds: ["attention"]
        ) { t in
            [try attend(t, mask: { try $0 + t[3].broadcast(to: $0.shape) })]
        },
        RecognitionExample(
            "attention with a condition", [heads, keys, keys, TensorType(.bool, [3, 5])], finds: ["attention"]
        ) { t in
            [try attend(t, mask: { try t[3].broadcast(to: $0.shape).select($0, $0.like(-3.4e38)) })]
        },
        RecognitionExample(
            "attention that gives zeros where nothing is seen", [heads, keys, keys, TensorType(.bool, [3, 5])],
            finds: ["attention"]
        ) { t in
            [
                try attend(
                    t, mask: { try t[3].broadcast(to: $0.shape).select($0, $0.like(-.infinity)) },
                    weights: { try $0.compare(.notEqual, $0).select($0.like(0), $0) })
            ]
        },
        RecognitionExample(
            "attention in two layers with one mask", [heads, heads, heads, TensorType(.float32, [2, 1, 1, 3])],
            finds: ["attention", "attention"]
        ) { t in
            let mask = try t[3].broadcast(to: [2, 2, 3, 3])
            let first = try attend(t, mask: { try $0 + mask }, weights: { try $0.isNaN().select($0.like(0), $0) })
            return [try attend([first, t[1], t[2]], mask: { try mask + $0 })]
        },
        RecognitionExample("attention with a cap", [heads, keys, keys], finds: ["attention"]) {
            try [attend($0, mask: { try ($0 / 3).tanh() * 3 })]
        },
        RecognitionExample("attention with both sides scaled", [heads, keys, keys], finds: ["attention"]) { t in
            let scores = try (t[0] * 0.7).matrixProduct(t[1].transpose([0, 1, 3, 2]) * 0.7)
            return [try scores.softmax().matrixProduct(t[2])]
        },
        RecognitionExample(
            "attention of rank 3",
            [TensorType(.float32, [4, 3, 4]), TensorType(.float32, [4, 5, 4]), TensorType(.float32, [4, 5, 6])],
            finds: ["attention"]
        ) { t in
            [try (t[0].matrixProduct(t[1].transpose([0, 2, 1])) * 0.5).softmax().matrixProduct(t[2])]
        },
    ]

    static let nearMisses: [RecognitionExample] = [
        RecognitionExample("gelu with another constant", finds: []) { try [erfGelu($0[0], half: 0.51)] },
        RecognitionExample("gelu with another root", finds: []) { try [erfGelu($0[0], root: 1.5)] },
        RecognitionExample("gelu of another value", [TensorType(.float32, [4]), TensorType(.float32, [4])], finds: []) {
            [try $0[1] * 0.5 * ($0[0].builder.add(Erf(), [$0[0] / 2.0.squareRoot()]) + 1)]
        },
        RecognitionExample("gelu whose gate is an output", finds: []) {
            let gate = try $0[0].builder.add(Erf(), [$0[0] / 2.0.squareRoot()]) + 1
            return [try $0[0] * gate * 0.5, gate]
        },
        RecognitionExample("tanh with another coefficient", finds: []) { try [tanhGelu($0[0], 0.05)] },
        RecognitionExample("tanh of a square", finds: []) { try [tanhGelu($0[0], exponent: 2)] },
        RecognitionExample("softmax with the sum over another dimension", [TensorType(.float32, [2, 3, 3])], finds: [])
        {
            let x = $0[0]
            let e = try (x - x.reduce(.maximum, [2]).broadcast(x.shape, dimensions: [0, 1])).exp()
            return [try e / e.reduce(.sum, [1]).broadcast(x.shape, dimensions: [0, 2])]
        },
        RecognitionExample("softmax whose rows change places", [TensorType(.float32, [3, 3, 4])], finds: []) {
            let x = $0[0]
            let e = try (x - x.reduce(.maximum, [2]).broadcast(x.shape, dimensions: [0, 1])).exp()
            return [try e / e.reduce(.sum, [2]).transpose([1, 0]).broadcast(x.shape, dimensions: [0, 1])]
        },
        RecognitionExample("a normalization without epsilon", finds: []) { try [norm($0[0], epsilon: 0)] },
        RecognitionExample(
            "a normalization by another variance",
            [TensorType(.float32, [2, 3, 8]), TensorType(.float32, [2, 3, 8])], finds: []
        ) {
            try [norm($0[0], variance: $0[1])]
        },
        RecognitionExample("a variance around zero under a centred value", finds: []) {
            try [norm($0[0], variance: $0[0])]
        },
        RecognitionExample("a normalization over the first dimension", finds: []) { try [norm($0[0], axes: [0])] },
        RecognitionExample("attention whose weights are an output", [heads, keys, keys], finds: ["softmax"]) { t in
            let weights = try (t[0].matrixProduct(t[1].transpose([0, 1, 3, 2])) / 2).softmax()
            return [try weights.matrixProduct(t[2]), weights]
        },
        RecognitionExample("attention with a softmax over queries", [heads, keys, keys], finds: ["softmax"]) { t in
            let scores = try t[0].matrixProduct(t[1].transpose([0, 1, 3, 2]))
            return [try scores.softmax(axis: 2).matrixProduct(t[2])]
        },
        RecognitionExample(
            "attention that hides with a small number", [heads, keys, keys, TensorType(.bool, [3, 5])],
            finds: ["softmax"]
        ) {
            t in
            [try attend(t, mask: { try t[3].broadcast(to: $0.shape).select($0, $0.like(-10)) })]
        },
        RecognitionExample("attention with a factor on the weights", [heads, keys, keys], finds: ["softmax"]) {
            try [attend($0, weights: { try $0 * 2 })]
        },
    ]

    private func composites(_ graph: Graph) -> [String] {
        graph.nodes.compactMap {
            if case .composite(let composite) = $0.operation { composite.name } else { nil }
        }
    }

    private func recognized(
        _ graph: Graph, on target: CompilationTarget = Targets.claiming, _ options: CompilerOptions = CompilerOptions()
    ) throws -> (Graph, CompilationReport) {
        let context = context(target, options)
        let plain = try Canonicalization().run(graph, in: context)
        let result = try Recognition().run(plain, in: context)
        try result.verify()
        return (result, context.report)
    }

    /// Numbers around zero, true for every third condition but for the first row.
    private func inputs(_ graph: Graph) throws -> [Literal] {
        var state: UInt32 = 7
        return try graph.inputTypes.map { type in
            let count = try type.elementCount()
            if type.scalarType == .bool {
                return try Literal((0..<count).map { $0 % 3 != 1 }, shape: type.shape)
            }
            return try Literal(
                (0..<count).map { _ in
                    state = state &* 1_664_525 &+ 1_013_904_223
                    return Float(Int32(bitPattern: state)) / 1e9
                }, shape: type.shape)
        }
    }

    private func expectClose(_ before: Graph, _ after: Graph, _ name: String) throws {
        let inputs = try inputs(before)
        for (x, y) in zip(try evaluate(before, inputs), try evaluate(after, inputs)) {
            let (a, b) = (try x.scalars(as: Float.self), try y.scalars(as: Float.self))
            #expect(x.type == y.type)
            for (p, q) in zip(a, b) { #expect(abs(p - q) <= 1e-5 + 1e-5 * abs(p), "\(name)") }
        }
    }

    @Test("What is written out becomes the composite and keeps its meaning", arguments: found)
    func recognition(example: RecognitionExample) throws {
        let graph = try example.graph()
        let (result, report) = try recognized(graph)
        #expect(composites(result) == example.expected)
        #expect(report.entries.map(\.kind) == [.recognition])
        #expect(report.entries.map(\.operation) == Array(Set(example.expected)))
        #expect(report.entries.map(\.count) == [example.expected.count])
        try expectClose(graph, result, example.name)
    }

    @Test("What only looks like it stays as it is", arguments: nearMisses)
    func restraintForOthers(example: RecognitionExample) throws {
        let graph = try example.graph()
        let (result, report) = try recognized(graph)
        let known: Set<String> = ["gelu", "attention", "layerNormalization", "rmsNormalization", "softmax"]
        #expect(composites(result).filter(known.contains) == example.expected)
        #expect(report.entries.isEmpty)
        try expectClose(graph, result, example.name)
    }

    @Test("Nothing is put where the device does not run it whole, or where rounding must stay", arguments: found)
    func restraint(example: RecognitionExample) throws {
        let graph = try example.graph()
        let (plain, _) = try recognized(graph, on: Targets.plain)
        var options = CompilerOptions()
        options.arithmetic = .uncontracted
        let (exact, report) = try recognized(graph, options)
        let canonical = try Canonicalization().run(graph, in: context())
        #expect(plain == canonical)
        #expect(exact == canonical)
        #expect(report.entries.isEmpty)
        options = CompilerOptions()
        options.recognizes = false
        #expect(try recognized(graph, options).0 == canonical)
    }

    @Test("Also within a branch and a loop")
    func regions() throws {
        let type = TensorType(.float32, [4])
        let region = try GraphBuilder.region([type]) { (_, terms) throws(GraphError) in
            let inner = try terms[0].builder.add(Erf(), [terms[0] / 2.0.squareRoot()])
            return [try terms[0] * (inner + 1) * 0.5]
        }
        let other = try GraphBuilder.region([type]) { (_, terms) throws(GraphError) in [try terms[0].negate()] }
        let builder = GraphBuilder()
        let (flag, x) = (try builder.input("flag", .scalar(.bool)), try builder.input("x", type))
        try builder.output("y", try builder.conditional(flag, [x], then: region, otherwise: other)[0])
        let (result, report) = try recognized(try builder.build())
        #expect(report.entries.map(\.operation) == ["gelu"])
        #expect("\(result)".contains("gelu"))
        #expect(!"\(result)".contains("erf"))
    }

    @Test("A long chain is neither walked again and again nor recursed into")
    func longChains() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [4]))
        var y = x
        for _ in 0..<20_000 { y = try y + x }
        for _ in 0..<20_000 { y = try y * x }
        try builder.output("y", y)
        let graph = try builder.build()
        let start = ContinuousClock.now
        #expect(try Recognition().run(graph, in: context(Targets.claiming)) == graph)
        #expect(start.duration(to: .now) < .seconds(20))
    }
}
