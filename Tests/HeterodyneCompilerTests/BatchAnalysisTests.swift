// Heterodyne: graphs whose rows can be computed apart give the same rows, and the others are refused by name.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneOps
import Testing

@Suite("Rows of a batch")
struct BatchAnalysisTests {
    typealias Build = @Sendable (GraphBuilder) throws -> Void

    /// Positions `range` of a literal along a dimension.
    static func slice(_ literal: Literal, _ axis: Int, _ range: Range<Int>) throws -> Literal {
        let builder = GraphBuilder()
        let term = try builder.input("x", literal.type)
        let extents = try literal.type.shape.extents()
        var (starts, limits) = ([Int](repeating: 0, count: extents.count), extents)
        (starts[axis], limits[axis]) = (range.lowerBound, range.upperBound)
        try builder.output("y", term.slice(starts, limits))
        return try evaluate(builder.build(), [literal])[0]
    }

    /// Literals one after the other along a dimension.
    static func joined(_ literals: [Literal], _ axis: Int) throws -> Literal {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (index, literal) in literals.enumerated() { terms.append(try builder.input("x\(index)", literal.type)) }
        try builder.output("y", builder.add(.concatenate(dimension: axis), terms))
        return try evaluate(builder.build(), literals)[0]
    }

    /// Computes the batch whole and in shares of the given rows and compares every bit.
    static func check(
        _ graph: Graph, _ axes: [Int?], _ inputs: [Literal], shares: [Int], _ note: String,
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) throws {
        let analysis = try BatchAnalysis(graph, axes: axes)
        let whole = try evaluate(graph, inputs)
        var parts: [[Literal]] = []
        var first = 0
        for rows in shares {
            let share = try analysis.graph(rows: rows)
            try share.verify()
            #expect(share.inputNames == graph.inputNames, sourceLocation: sourceLocation)
            #expect(share.outputs.map(\.name) == graph.outputs.map(\.name), sourceLocation: sourceLocation)
            var arguments: [Literal] = []
            for (input, axis) in zip(inputs, axes) {
                arguments.append(try axis.map { try slice(input, $0, first..<first + rows) } ?? input)
            }
            parts.append(try evaluate(share, arguments))
            first += rows
        }
        #expect(first == analysis.rowCount)
        for (index, output) in analysis.outputs.enumerated() {
            let made = try output.map { rows in try joined(parts.map { $0[index] }, rows.axis) } ?? parts[0][index]
            if let difference = try difference(whole[index], made) {
                Issue.record("\(note), output \(index): \(difference)\n\(graph)", sourceLocation: sourceLocation)
            }
        }
    }

    static func literal(_ type: TensorType, _ random: inout RandomGraphs) throws -> Literal { try random.literal(type) }

    /// Graphs over `x` [6, 4, 3] and `ids` int32 [6, 4], whose rows are apart, with what else they need.
    static let accepted: [(String, Build)] = [
        (
            "elementwise with a bias",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4, 3]))
                let bias = try b.input("bias", TensorType(.float32, [3]))
                try b.output("y", (x + bias.broadcast(to: x.shape)).tanh() * 0.5)
            }
        ),
        (
            "a mask that is the same for all rows, and one that is not",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4, 3]))
                let ids = try b.input("ids", TensorType(.int32, [6, 4]))
                let position = try b.add(.iota(TensorType(.float32, [6, 4, 3]), dimension: 1), [])
                let seen = try ids.compare(.greater, 0).broadcast([6, 4, 3], dimensions: [0, 1])
                try b.output("y", seen.select(x + position, x.like(0)))
            }
        ),
        (
            "the batch merged with positions and taken apart again, a product with weights between",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4, 3]))
                let weights = try b.constant(Literal((0..<15).map { Float($0) * 0.1 }, shape: [3, 5]))
                let flat = try x.reshape([24, 3])
                let table = try b.constant(Literal((0..<4).map { Float($0) }, shape: [4]))
                // Repeats with the period of one row.
                let positions = try table.broadcast([6, 4, 5], dimensions: [1]).reshape([24, 5])
                let product = try b.add(
                    .dot(
                        DotDimensions(leftContracting: [1], rightContracting: [0]), accumulation: .float32,
                        result: .float32),
                    [flat, weights])
                try b.output("y", (product + positions).reshape([6, 20]))
                try b.output("flat", product)
            }
        ),
        (
            "attention with its composites",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4, 3]))
                let scale = try b.constant(Literal([Float(1), 2, 3], shape: [3]))
                let shift = try b.constant(0.5, TensorType(.float32, [3]))
                let normal = try b.add(LayerNormalization(axis: 2), [x, scale, shift])
                let heads = try normal.reshape([6, 4, 1, 3]).transpose([0, 2, 1, 3])
                let mask = try b.add(.iota(TensorType(.float32, [1, 1, 4, 4]), dimension: 3), [])
                let seen = try b.add(Attention(causality: .topLeft), [heads, heads, heads, mask])
                try b.output("y", b.add(Softmax(axis: 2), [seen.transpose([0, 2, 1, 3]).reshape([6, 4, 3])]) + x)
            }
        ),
        (
            "rows in another dimension, taken by number within a row, sorted within a row",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4, 3]))
                let turned = try x.transpose([1, 2, 0])
                let ids = try b.constant(Literal([Int32(3), 0], shape: [2, 1]))
                let taken = try b.add(.gather(dimensions: [0]), [turned, ids])
                try b.output("taken", taken)
                try b.output("order", b.add(.sort(dimension: 1, descending: true, indexType: .int32), [x]))
                try b.output("sums", b.add(.reduce(.sum, dimensions: [1]), [turned]))
                try b.output("backwards", b.add(.reverse(dimensions: [1, 2]), [x]))
            }
        ),
        (
            "an embedding, and results that no row matters to",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4, 3]))
                let ids = try b.input("ids", TensorType(.int32, [6, 4]))
                let table = try b.constant(Literal((0..<21).map { Float($0) }, shape: [7, 3]))
                let embedded = try b.add(.gather(dimensions: [0]), [table, ids.reshape([6, 4, 1])])
                try b.output("y", embedded + x)
                try b.output("table", table.exp())
                try b.output("same", b.constant(2, TensorType(.float32, [6, 2])))
            }
        ),
        (
            "concatenation with a constant that repeats, padding and slices within rows",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4, 3]))
                let row: [Float] = [1, 2, 3]
                let token = try b.constant(Literal((0..<6).flatMap { _ in row }, shape: [6, 1, 3]))
                let joined = try b.add(.concatenate(dimension: 1), [token, x])
                let padded = try b.add(
                    .pad(low: [0, 1, 0], high: [0, 0, 2], interior: [0, 0, 1]),
                    [joined, b.constant(7, .scalar(.float32))])
                try b.output("y", padded.slice([0, 1, 0], [6, 5, 4], strides: [1, 2, 1]))
            }
        ),
        (
            "a branch and a loop whose state gets rows on the way",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4, 3]))
                let flag = try b.input("flag", .scalar(.bool))
                let type = TensorType(.float32, [6, 4, 3])
                let then = try GraphBuilder.region([type]) { (_, a) throws(GraphError) in [try a[0].exp()] }
                let otherwise = try GraphBuilder.region([type]) { (r, _) throws(GraphError) in [try r.constant(3, type)]
                }
                let chosen = try b.add(.conditional(then: then, otherwise: otherwise), [flag, x])
                let states: [TensorType] = [.scalar(.int32), type, type]
                let condition = try GraphBuilder.region(states) { (_, s) throws(GraphError) in
                    [try s[0].compare(.less, 3)]
                }
                let body = try GraphBuilder.region(states) { (_, s) throws(GraphError) in
                    [try s[0] + 1, try s[1] + s[2], s[2]]
                }
                let results = try b.addAll(
                    .primitive(.loop(condition: condition, body: body)),
                    [b.constant(0, .scalar(.int32)), b.constant(1, type), chosen])
                try b.output("y", results[1])
                try b.output("count", results[0])
            }
        ),
        (
            "a block that is cut and replaced within every row",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4, 3]))
                let at = try b.input("at", .scalar(.int32))
                let zero = try b.constant(0, .scalar(.int32))
                let block = try b.add(.dynamicSlice(sizes: [6, 2, 3]), [x, zero, at, zero])
                let zeros = try b.constant(0, TensorType(.float32, [6, 4, 3]))
                try b.output("y", b.add(.dynamicUpdateSlice, [zeros, block, zero, at, zero]))
                let index = try b.constant(Literal([Int32(1)], shape: [1, 1]))
                let update = try b.constant(1, TensorType(.float32, [1, 6, 3]))
                try b.output("s", b.add(.scatter(.add, dimensions: [1]), [x, index, update]))
            }
        ),
    ]

    @Test("Shares give the rows of the whole", arguments: accepted.indices, [[6], [3, 3], [1, 5], [2, 1, 3]])
    func shares(index: Int, shares: [Int]) throws {
        let (name, build) = Self.accepted[index]
        let builder = GraphBuilder()
        try build(builder)
        let graph = try builder.build()
        var random = RandomGraphs(seed: UInt64(index))
        let inputs = try graph.inputTypes.map { try random.literal($0) }
        let axes = graph.inputNames.map { ["x", "ids"].contains($0) ? 0 : nil }
        try Self.check(graph, axes, inputs, shares: shares, name)
    }

    @Test("Outputs say where their rows are")
    func outputs() throws {
        func outputs(_ index: Int) throws -> [BatchAxis?] {
            let builder = GraphBuilder()
            try Self.accepted[index].1(builder)
            let graph = try builder.build()
            return try BatchAnalysis(
                graph, axes: graph.inputNames.map { ["x", "ids"].contains($0) ? 0 : nil }
            ).outputs
        }
        #expect(try outputs(2) == [BatchAxis(0), BatchAxis(0, inner: 4)])
        #expect(try outputs(4) == [BatchAxis(2), BatchAxis(0), BatchAxis(1), BatchAxis(0)])
        #expect(try outputs(5) == [BatchAxis(0), nil, nil])
        #expect(try outputs(7) == [BatchAxis(0), nil])
    }

    /// Graphs that mix rows, with the operation that does.
    static let refused: [(String, Build)] = [
        (
            "reduce",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4]))
                try b.output("y", b.add(.reduce(.sum, dimensions: [0]), [x.exp()]))
            }
        ),
        ("softmax", { b in try b.output("y", b.add(Softmax(axis: 0), [b.input("x", TensorType(.float32, [6, 4]))])) }),
        ("reshape", { b in try b.output("y", b.input("x", TensorType(.float32, [6, 4])).reshape([2, 12])) }),
        (
            "reshape",
            { b in
                try b.output("y", b.input("x", TensorType(.float32, [6, 4])).transpose([1, 0]).reshape([24]))
            }
        ),
        (
            "sort",
            { b in
                try b.output(
                    "y",
                    b.add(
                        .sort(dimension: 0, descending: false, indexType: .int32),
                        [b.input("x", TensorType(.float32, [6]))]))
            }
        ),
        (
            "concatenate",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4]))
                try b.output("y", b.add(.concatenate(dimension: 0), [x, x]))
            }
        ),
        (
            "reverse",
            { b in try b.output("y", b.add(.reverse(dimensions: [0]), [b.input("x", TensorType(.float32, [6, 4]))])) }
        ),
        ("slice", { b in try b.output("y", b.input("x", TensorType(.float32, [6, 4])).slice([0, 0], [3, 4])) }),
        (
            "pad",
            { b in
                let x = try b.input("x", TensorType(.float32, [6]))
                try b.output(
                    "y", b.add(.pad(low: [1], high: [0], interior: [0]), [x, b.constant(0, .scalar(.float32))]))
            }
        ),
        (
            "gather",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4]))
                try b.output(
                    "y", b.add(.gather(dimensions: [0]), [x, b.constant(Literal([Int32(1)], shape: [1, 1]))]))
            }
        ),
        (
            "dot",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4]))
                try b.output(
                    "y",
                    b.add(
                        .dot(
                            DotDimensions(leftContracting: [0], rightContracting: [0]), accumulation: .float32,
                            result: .float32), [x, x]))
            }
        ),
        (
            "dot",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 4]))
                try b.output(
                    "y",
                    b.add(
                        .dot(
                            DotDimensions(leftContracting: [1], rightContracting: [1]), accumulation: .float32,
                            result: .float32), [x, x]))
            }
        ),
        (
            "add",
            { b in
                let x = try b.input("x", TensorType(.float32, [6]))
                try b.output("y", x + b.add(.iota(TensorType(.float32, [6]), dimension: 0), []))
            }
        ),
        (
            "multiply",
            { b in
                let x = try b.input("x", TensorType(.float32, [6]))
                try b.output("y", x * b.constant(Literal((0..<6).map { Float($0) })))
            }
        ),
        (
            "multiply",
            { b in
                let x = try b.input("x", TensorType(.float32, [6]))
                try b.output("y", x * b.input("w", TensorType(.float32, [6])))
            }
        ),
        (
            "add",
            { b in
                let x = try b.input("x", TensorType(.float32, [6, 6]))
                try b.output("y", x + x.transpose([1, 0]))
            }
        ),
        (
            "while",
            { b in
                let type = TensorType(.float32, [6])
                let x = try b.input("x", type)
                let condition = try GraphBuilder.region([type]) { (r, s) throws(GraphError) in
                    [try r.add(.reduce(.sum, dimensions: [0]), [s[0]]).compare(.less, 10)]
                }
                let body = try GraphBuilder.region([type]) { (_, s) throws(GraphError) in [try s[0] + 1] }
                try b.output("y", b.add(.loop(condition: condition, body: body), [x]))
            }
        ),
        (
            "if",
            { b in
                let type = TensorType(.float32, [6])
                let (x, flag) = (try b.input("x", type), try b.input("flag", .scalar(.bool)))
                let then = try GraphBuilder.region([type]) { (_, s) throws(GraphError) in [s[0]] }
                let otherwise = try GraphBuilder.region([type]) { (r, s) throws(GraphError) in
                    [try r.add(.iota(type, dimension: 0), [])]
                }
                try b.output("y", b.add(.conditional(then: then, otherwise: otherwise), [flag, x]))
            }
        ),
    ]

    @Test("The first node that mixes rows is named", arguments: refused.indices)
    func refusals(index: Int) throws {
        let (operation, build) = Self.refused[index]
        let builder = GraphBuilder()
        builder.currentLocation = SourceLocation(file: "Model.swift", line: 12)
        try build(builder)
        let graph = try builder.build()
        let error = graphError { _ = try BatchAnalysis(graph, axes: graph.inputNames.map { $0 == "x" ? 0 : nil }) }
        #expect(error?.kind == .unsupported)
        #expect(error?.operation?.contains("\(operation)(") == true, "\(error.debugDescription)")
        #expect(error?.location?.line == 12)
    }

    @Test("What is dead mixes nothing; one row and none are not split")
    func edges() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [6]))
        _ = try builder.add(.reduce(.sum, dimensions: [0]), [x])
        try builder.output("y", x.exp())
        let analysis = try BatchAnalysis(builder.build(), axes: [0])
        #expect(analysis.outputs == [BatchAxis(0)])
        #expect(try analysis.graph(rows: 2).outputTypes == [TensorType(.float32, [2])])
        #expect(try analysis.graph(rows: 0).outputTypes == [TensorType(.float32, [0])])
        #expect(try analysis.graph(rows: 6) == analysis.graph)
        #expect(graphError { _ = try analysis.graph(rows: 7) }?.kind == .invalidAttribute)
        #expect(graphError { _ = try analysis.graph(rows: -1) }?.kind == .invalidAttribute)
        for rows in 0...1 {
            let graph = try parse(
                """
                heterodyne 1
                graph(%0 "x": float32[\(rows), 2]) {
                  %1 = reduce(%0) {kind = "sum", dimensions = [0]} : float32[2]
                  return "y" = %1
                }
                """)
            let small = try BatchAnalysis(graph, axes: [0])
            #expect(small.rowCount == rows && small.outputs == [nil])
            #expect(try small.graph(rows: rows) == graph)
        }
    }

    @Test("Wrong choices of inputs are named")
    func choices() throws {
        let graph = try parse(
            """
            heterodyne 1
            graph(%0 "x": float32[6, 2], %1 "w": float32[2]) {
              %2 = broadcast(%1) {shape = <6, 2>, dimensions = [1]} : float32[6, 2]
              %3 = add(%0, %2) : float32[6, 2]
              return "y" = %3
            }
            """)
        #expect(BatchAnalysis.leadingAxes(of: graph) == [0, 0])
        for axes: [Int?] in [[0, 0], [2, nil], [-1, nil], [nil, nil]] {
            #expect(graphError { _ = try BatchAnalysis(graph, axes: axes) }?.kind == .invalidAttribute, "\(axes)")
        }
        #expect(graphError { _ = try BatchAnalysis(graph, axes: [0]) }?.kind == .operandCount)
        // Columns are rows too, where the graph keeps them apart.
        #expect(try BatchAnalysis(graph, axes: [1, 0]).outputs == [BatchAxis(1)])
        #expect(graphError { _ = try BatchAnalysis(graph, axes: [1, nil]) }?.kind == .unsupported)
    }

    @Test("Random graphs: what is accepted is right")
    func random() throws {
        var accepted = 0
        for seed in 0..<1500 {
            var random = RandomGraphs(seed: UInt64(seed))
            let graph = try random.graph(nodes: 4 + seed % 9)
            let rows = 2 + seed % 3
            let axes = try graph.inputTypes.map { try $0.shape.extents().firstIndex(of: rows) }
            guard axes.contains(where: { $0 != nil }), let analysis = try? BatchAnalysis(graph, axes: axes),
                analysis.outputs.contains(where: { $0 != nil })
            else { continue }
            accepted += 1
            let inputs = try random.inputs(for: graph)
            for first in 1..<rows {
                try Self.check(graph, axes, inputs, shares: [first, rows - first], "seed \(seed)")
            }
        }
        #expect(accepted > 150)
    }
}
