// Heterodyne: what is benchmarked, as graphs.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import SentenceEmbeddingModel

/// A mistake in a case's name or in preparing it.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// One case, named as in Benchmarks/README.md, ready to be compiled.
struct BenchmarkCase {
    var graph: Graph
    var fuses = true

    /// The case called `name`, for instance `gemm:512x512x512`.
    init(named name: String) throws {
        let parts = name.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let kind = parts.first else { throw BenchmarkError("'\(name)' is no KIND:SIZES") }
        let sizes = try parts[1].split(separator: "x").map { part in
            guard let size = Int(part), size > 0 else { throw BenchmarkError("'\(part)' in '\(name)' is no size") }
            return size
        }
        switch (kind, sizes.count) {
        case ("gemm", 3): graph = try Self.product([sizes[0], sizes[2]], [sizes[2], sizes[1]])
        case ("gemm-batched", 4):
            graph = try Self.product([sizes[0], sizes[1], sizes[2]], [sizes[0], sizes[2], sizes[3]])
        case ("gelu-fused", 1):
            graph = try Self.unary([sizes[0]]) { x throws(GraphError) in try (x * 1.25 + 0.5).gelu() }
        case ("copy", 1): graph = try Self.unary([sizes[0]]) { x throws(GraphError) in x }
        case ("relu-fused", 1):
            graph = try Self.unary([sizes[0]]) { x throws(GraphError) in try (x * 1.25 + 0.5).relu() }
        case ("sum", 1): graph = try Self.unary([sizes[0]]) { x throws(GraphError) in try x.reduce(.sum, [0]) }
        case ("softmax", 2): graph = try Self.unary(sizes) { x throws(GraphError) in try x.softmax(axis: -1) }
        case ("layernorm", 2): graph = try Self.layerNormalization(sizes)
        case ("transpose", 2): graph = try Self.unary(sizes) { x throws(GraphError) in try x.transpose([1, 0]) }
        case ("encoder", 2): graph = try Self.encoder(batch: sizes[0], length: sizes[1])
        case ("adds", 1):
            graph = try Self.unary([16]) { x throws(GraphError) in
                var sum = x
                for index in 0..<sizes[0] { sum = try sum + Double(index % 7) }
                return sum
            }
            fuses = false
        default: throw BenchmarkError("there is no case '\(name)'")
        }
    }

    private static func unary(_ extents: [Int], _ body: (Term) throws(GraphError) -> Term) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, extents))
        try builder.output("y", try body(x))
        return try builder.build()
    }

    private static func product(_ left: [Int], _ right: [Int]) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        let a = try builder.input("a", TensorType(.float32, left))
        let b = try builder.input("b", TensorType(.float32, right))
        try builder.output("c", try a.matrixProduct(b))
        return try builder.build()
    }

    private static func layerNormalization(_ extents: [Int]) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, extents))
        let scale = try builder.input("scale", TensorType(.float32, [extents[1]]))
        let bias = try builder.input("bias", TensorType(.float32, [extents[1]]))
        try builder.output("y", try x.layerNormalization(scale: scale, bias: bias))
        return try builder.build()
    }

    private static func encoder(batch: Int, length: Int) throws -> Graph {
        let encoder = try SentenceEncoder(PretrainedFiles.cached())
        let function = CompiledFunction { arguments in
            [encoder.hiddenState(ids: arguments[0], mask: arguments[1])]
        }
        let type = TensorType(.int32, [batch, length])
        return try function.graph(for: [type, type])
    }

    /// Input data: floats between -1 and 1, token ids, a mask of ones. The same numbers at every call.
    static func data(for type: TensorType, index: Int) throws -> Literal {
        let count = try type.elementCount()
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 &+ UInt64(index)
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        if type.scalarType == .int32 {
            let values = (0..<count).map { _ in index == 0 ? Int32(1000 + next() % 20_000) : 1 }
            return try Literal(values, shape: type.shape)
        }
        return try Literal((0..<count).map { _ in Float(next() >> 40) / Float(1 << 23) - 1 }, shape: type.shape)
    }
}
