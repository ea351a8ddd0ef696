// Heterodyne: attributes, types and errors of the composites on data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import Testing

@Suite("Data composites")
struct DataCompositeTests {
    @Test("attributes round trip", arguments: DataCases.all)
    func roundTrip(_ item: DataCase) throws {
        let remade = try CompositeRegistry.standard.make(item.composite.name, item.composite.attributes)
        #expect(NodeOperation.composite(remade) == .composite(item.composite))
        var unknown = item.composite.attributes
        unknown.set("surprise", .bool(true))
        #expect { _ = try CompositeRegistry.standard.make(item.composite.name, unknown) } throws: {
            ($0 as? GraphError)?.kind == .invalidAttribute
        }
        for entry in item.composite.attributes.entries {
            var missing = Attributes()
            for other in item.composite.attributes.entries where other.name != entry.name {
                missing.set(other.name, other.value)
            }
            #expect { _ = try CompositeRegistry.standard.make(item.composite.name, missing) } throws: {
                ($0 as? GraphError)?.kind == .invalidAttribute
            }
        }
    }

    @Test("decompositions have the inferred types", arguments: DataCases.all)
    func types(_ item: DataCase) throws {
        let inferred = try item.composite.inferTypes(item.operands)
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (i, type) in item.operands.enumerated() { terms.append(try builder.input("x\(i)", type)) }
        #expect(try item.composite.decompose(terms, in: builder).map(\.type) == inferred)
    }

    @Test("a missing or an extra operand is an error", arguments: DataCases.all)
    func operandCount(_ item: DataCase) {
        let scalar = TensorType.scalar(.float32)
        for operands in [[], Array(item.operands.dropLast()), item.operands + [scalar, scalar]] {
            #expect { _ = try item.composite.inferTypes(operands) } throws: { $0 is GraphError }
        }
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        let item: DataCase
        let kind: GraphError.Kind
        /// What the message must name.
        let text: String

        init(_ composite: any Composite, _ operands: [TensorType], _ kind: GraphError.Kind, _ text: String) {
            item = operands.reduce(into: DataCase(composite)) { $0 = $0.adding($1) }
            self.kind = kind
            self.text = text
        }

        var testDescription: String { "\(item.testDescription) \(text)" }
    }

    private static func t(_ scalarType: ScalarType, _ shape: Shape) -> TensorType { TensorType(scalarType, shape) }
    private static let x = TensorType(.float32, [2, 3] as Shape)
    private static let key = TensorType(.uint32, [2] as Shape)

    static let mistakes: [Mistake] = [
        Mistake(ArgMax(ArgExtremeAttributes(axis: 2)), [x], .invalidAttribute, "axis 2"),
        Mistake(ArgMax(ArgExtremeAttributes(axis: .min)), [x], .invalidAttribute, "axis -9223372036854775808"),
        Mistake(ArgMax(ArgExtremeAttributes(axis: 0)), [t(.float32, [])], .invalidAttribute, "rank 0"),
        Mistake(ArgMin(ArgExtremeAttributes(axis: 0)), [t(.float32, [0, 3])], .shapeMismatch, "no element"),
        Mistake(ArgMin(ArgExtremeAttributes(axis: 0, indexType: .uint8)), [x], .invalidType, "uint8"),
        Mistake(
            ArgMin(ArgExtremeAttributes(axis: 0, indexType: .int32)), [t(.int8, [.fixed(1 << 40)])], .invalidAttribute,
            "int64"),
        Mistake(TopK(k: 4, axis: 1), [x], .invalidAttribute, "k is 4"),
        Mistake(TopK(k: .min, axis: 1), [x], .invalidAttribute, "negative"),
        Mistake(SortValues(axis: 9), [x], .invalidAttribute, "axis 9"),
        Mistake(OneHot(depth: -1), [t(.int32, [2]), t(.int8, []), t(.int8, [])], .invalidAttribute, "depth"),
        Mistake(
            OneHot(depth: .max), [t(.int32, [2]), t(.int8, []), t(.int8, [])], .invalidType, "9223372036854775807"),
        Mistake(OneHot(depth: 2), [x, t(.int8, []), t(.int8, [])], .invalidType, "indices"),
        Mistake(OneHot(depth: 2), [t(.int32, []), t(.int8, []), t(.int16, [])], .invalidType, "off value"),
        Mistake(OneHot(depth: 2), [t(.int32, []), t(.int8, [1]), t(.int8, [])], .shapeMismatch, "on or off"),
        Mistake(CumulativeSum(CumulativeAttributes(axis: 0)), [t(.bool, [3])], .invalidType, "arithmetic"),
        Mistake(CumulativeMax(CumulativeAttributes(axis: -3)), [x], .invalidAttribute, "axis -3"),
        Mistake(Take(axis: 0), [x, t(.float32, [1])], .invalidType, "indices"),
        Mistake(Take(axis: 0), [t(.int8, [0]), t(.int64, [1])], .shapeMismatch, "no element"),
        Mistake(
            Take(axis: 0), [t(.int8, [1, 1, 1, 1, 1, 1, 1, 1, 1]), t(.int64, [1, 1, 1, 1, 1, 1, 1, 1, 1])],
            .invalidType, "rank 17"),
        Mistake(GatherElements(axis: 0), [x, t(.int64, [2])], .shapeMismatch, "rank"),
        Mistake(GatherElements(axis: 0), [x, t(.int64, [9, 4])], .shapeMismatch, "dimension 1"),
        Mistake(
            ScatterElements(axis: 0, mode: .add), [t(.bool, [2]), t(.int64, [1]), t(.bool, [1])], .invalidType, "add"),
        Mistake(ScatterElements(axis: 0), [x, t(.int64, [1, 3]), t(.float32, [1, 2])], .shapeMismatch, "updates"),
        Mistake(GatherND(batchDimensions: .max), [x, t(.int64, [1, 2])], .invalidAttribute, "batchDimensions"),
        Mistake(GatherND(batchDimensions: 1), [x, t(.int64, [5, 1])], .shapeMismatch, "batch dimension 0"),
        Mistake(GatherND(), [x, t(.int64, [5, 3])], .shapeMismatch, "3 components"),
        Mistake(GatherND(), [x, t(.int64, [5, .symbol("k")])], .unboundSymbol, "indices"),
        Mistake(ScatterND(), [x, t(.int64, [5, 1]), t(.float32, [5, 2])], .shapeMismatch, "updates"),
        Mistake(Trilu(upper: true), [t(.float32, [3])], .shapeMismatch, "matrix"),
        Mistake(Tile(repeats: [1]), [x], .invalidAttribute, "1 repeats"),
        Mistake(Tile(repeats: [1, -1]), [x], .invalidAttribute, "repeats[1]"),
        Mistake(Tile(repeats: [.max, 2]), [x], .overflow, "9223372036854775807"),
        Mistake(ReduceMean(axes: [0, 0]), [x], .invalidAttribute, "twice"),
        Mistake(ReduceMean(axes: [0]), [t(.int32, [2])], .invalidType, "convert"),
        Mistake(ReduceVariance(axes: [0], correction: -1), [x], .invalidAttribute, "correction"),
        Mistake(Einsum("ij,jk->ik"), [x, t(.float32, [4, 5])], .shapeMismatch, "3 and 4"),
        Mistake(Einsum("ij->ik"), [x], .parse, "output label"),
        Mistake(Einsum("ij->ii"), [x], .parse, "repeats"),
        Mistake(Einsum("i-j"), [x], .parse, "->"),
        Mistake(Einsum("i..->i"), [x], .parse, "three dots"),
        Mistake(Einsum("......"), [x], .parse, "once per term"),
        Mistake(Einsum("i1"), [x], .parse, "'1'"),
        Mistake(Einsum("ij->i->j"), [x], .parse, "'-'"),
        Mistake(Einsum("ij,j"), [x], .operandCount, "2 terms"),
        Mistake(Einsum("ijk"), [x], .shapeMismatch, "3 labels"),
        Mistake(Einsum("ijk..."), [x], .shapeMismatch, "3 labels"),
        Mistake(Einsum("ii"), [x], .shapeMismatch, "diagonal"),
        Mistake(Einsum("ij"), [t(.bool, [2, 2])], .invalidType, "arithmetic"),
        Mistake(Resize(axes: [0], sizes: [1, 2]), [x], .invalidAttribute, "sizes"),
        Mistake(Resize(axes: [0], sizes: [.max]), [x], .invalidAttribute, "size"),
        Mistake(Resize(axes: [0], sizes: [3]), [t(.float32, [0, 2])], .shapeMismatch, "empty"),
        Mistake(Resize(axes: [0], sizes: [3], scales: [.nan]), [x], .invalidAttribute, "scale"),
        Mistake(Resize(axes: [0], sizes: [3], mode: .linear), [t(.int8, [2])], .invalidType, "linear"),
        Mistake(Resize(axes: [0], sizes: [3], transform: .cropAndResize), [x], .invalidAttribute, "roi"),
        Mistake(
            Resize(axes: [0], sizes: [3], scales: [1e-30], mode: .cubic, antialias: true), [x], .invalidAttribute,
            "weights"),
        Mistake(Resize(axes: [0, -2], sizes: [3, 3]), [x], .invalidAttribute, "twice"),
        Mistake(GridSample(), [t(.int8, [1, 1, 2]), t(.float32, [1, 2, 1])], .invalidType, "linear"),
        Mistake(GridSample(), [t(.float32, [1, 1, 2]), t(.float32, [2, 2, 1])], .shapeMismatch, "first dimension"),
        Mistake(GridSample(), [t(.float32, [1, 1, 0]), t(.float32, [1, 2, 1])], .shapeMismatch, "no element"),
        Mistake(GridSample(), [t(.float32, [1, 1, 2]), t(.float32, [1, 2, 2])], .shapeMismatch, "ok, k"),
        Mistake(
            GridSample(mode: .cubic), [t(.float32, [1, 1, 2, 2, 2, 2]), t(.float32, [1, 1, 1, 1, 1, 4])],
            .shapeMismatch, "64"),
        Mistake(SpaceToDepth(blockSize: 0), [t(.int8, [1, 1, 2, 2])], .invalidAttribute, "blockSize"),
        Mistake(SpaceToDepth(blockSize: 3), [t(.int8, [1, 1, 2, 3])], .shapeMismatch, "height"),
        Mistake(DepthToSpace(blockSize: .max), [t(.int8, [1, 1, 2, 3])], .invalidAttribute, "blockSize"),
        Mistake(DepthToSpace(blockSize: 2), [t(.int8, [1, 6, 2, 3])], .shapeMismatch, "channels"),
        Mistake(
            DataCases.accumulation, [t(.float32, [3]), t(.float32, [5, 2]), t(.float32, [])], .shapeMismatch, "body"),
        Mistake(
            Scan(body: DataCases.accumulation.body, stateCount: .max, sequenceCount: .max), [x], .operandCount,
            "states"),
        Mistake(RNN(), [x, x, x], .shapeMismatch, "[length, batch, input]"),
        Mistake(
            RNN(RecurrentSettings(activations: [.relu, .relu])),
            [t(.float32, [1, 1, 1]), t(.float32, [1, 1, 1]), t(.float32, [1, 1, 1])], .invalidAttribute,
            "2 activations"),
        Mistake(
            GRU(RecurrentSettings(clip: -1)),
            [t(.float32, [1, 1, 1]), t(.float32, [1, 3, 1]), t(.float32, [1, 3, 1])], .invalidAttribute, "clip"),
        Mistake(
            LSTM(RecurrentSettings(direction: .bidirectional)),
            [t(.float32, [1, 1, 1]), t(.float32, [1, 4, 1]), t(.float32, [1, 4, 1])], .shapeMismatch, "w is"),
        Mistake(Quantize(to: .int32), [x, t(.float32, [])], .invalidType, "int32"),
        Mistake(Quantize(to: .int8), [t(.int8, [2]), t(.float32, [])], .invalidType, "cannot quantize"),
        Mistake(
            Quantize(to: .int8, grid: QuantizationGrid(axis: 1)), [x, t(.float32, [2])], .shapeMismatch, "axis 1"),
        Mistake(
            Quantize(to: .int8, grid: QuantizationGrid(blockSize: -1)), [x, t(.float32, [])], .invalidAttribute,
            "blockSize"),
        Mistake(
            Quantize(to: .int8, grid: QuantizationGrid(blockSize: .max)), [x, t(.float32, [])], .invalidAttribute,
            "blockSize"),
        Mistake(
            Quantize(to: .int8, grid: QuantizationGrid(hasZeroPoint: true)),
            [x, t(.float32, []), t(.uint8, [])], .invalidType, "zero point"),
        Mistake(Dequantize(to: .int8), [t(.int8, [2]), t(.float32, [])], .invalidType, "the result"),
        Mistake(Dequantize(to: .float32), [x, t(.float32, [])], .invalidType, "quantized type"),
        Mistake(Threefry2x32(), [key, key, t(.uint32, [3])], .shapeMismatch, "low counter"),
        Mistake(ThreefryBits(shape: [2]), [t(.uint64, [2])], .invalidType, "key"),
        Mistake(ThreefryBits(shape: [-1]), [key], .invalidType, "-1"),
        Mistake(ThreefryBits(shape: [.fixed(1 << 45), .fixed(1 << 45)]), [key], .overflow, "element count"),
        Mistake(RandomUniform(t(.int32, [2])), [key], .invalidType, "the result"),
        Mistake(RandomNormal(t(.float64, [-1])), [key], .invalidType, "-1"),
    ]

    @Test("mistakes get typed errors that name them", arguments: mistakes)
    func errors(_ mistake: Mistake) throws {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (i, type) in mistake.item.operands.enumerated() { terms.append(try builder.input("x\(i)", type)) }
        do {
            _ = try builder.addAll(.composite(mistake.item.composite), terms)
            Issue.record("nothing was thrown")
        } catch {
            #expect(error.kind == mistake.kind, "\(error)")
            #expect(error.message.contains(mistake.text), "\(error)")
            #expect(error.operation == mistake.item.composite.name)
        }
    }

    @Test("decompositions evaluate", arguments: DataCases.all)
    func evaluation(_ item: DataCase) throws {
        let inputs = item.operands.map { Literal(number: 1, type: $0) }
        let results = try FixtureHarness.evaluate(item.composite, inputs)
        #expect(try results.map(\.type) == item.composite.inferTypes(item.operands))
    }

    @Test("the text form reads back", arguments: DataCases.all)
    func text(_ item: DataCase) throws {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (i, type) in item.operands.enumerated() { terms.append(try builder.input("x\(i)", type)) }
        for (i, result) in try builder.addAll(.composite(item.composite), terms).enumerated() {
            try builder.output("y\(i)", result)
        }
        let graph = try builder.build()
        #expect(try Graph(parsing: graph.text(), composites: .standard) == graph)
    }

    @Test("a layer over a symbolic batch binds and decomposes")
    func binding() throws {
        let builder = GraphBuilder()
        let (n, length) = (Extent.symbol("n"), Extent.symbol("length"))
        let x = try builder.input("x", TensorType(.float32, [length, n, 3]))
        let w = try builder.input("w", TensorType(.float32, [1, 8, 3] as Shape))
        let r = try builder.input("r", TensorType(.float32, [1, 8, 2] as Shape))
        let results = try builder.addAll(.composite(LSTM()), [x, w, r])
        let picked = try results[1].argMax(axis: -1).tile([1, 2])
        let summed = try builder.scan(
            states: [builder.constant(0, TensorType(.float32, [n, 1, 2]))],
            sequences: [results[0].transpose([0, 2, 1, 3])]
        ) { _, states, slices, _ throws(GraphError) in ([try states[0] + slices[0]], []) }
        try builder.output("picked", picked)
        try builder.output("summed", summed.states[0])
        let bound = try builder.build().binding(["n": 4, "length": 6])
        let flat = try FixtureHarness.flattened(bound)
        #expect(flat.outputTypes == [TensorType(.int64, [1, 8]), TensorType(.float32, [4, 1, 2])])
        #expect(flat.nodes.allSatisfy { if case .composite = $0.operation { false } else { true } })
    }

    @Test("symbolic extents are inferred")
    func symbols() throws {
        let n = Extent.symbol("n")
        let x = TensorType(.float32, [n, 4])
        #expect(try ArgMax(ArgExtremeAttributes(axis: 0)).inferTypes([x]) == [TensorType(.int64, [4] as Shape)])
        #expect(try Take(axis: 0).inferTypes([x, TensorType(.int64, [n, 2])])[0].shape == [n, 2, 4])
        #expect(try Einsum("ij,kj->ik").inferTypes([x, x])[0].shape == [n, n])
        #expect(try Tile(repeats: [3, 1]).inferTypes([x])[0].shape == [n.multiplied(by: 3), 4])
        #expect(try ReduceMean(axes: [0]).inferTypes([x])[0].shape == [4])
        #expect(try CumulativeSum(CumulativeAttributes(axis: 0)).inferTypes([x]) == [x])
        let key = TensorType(.uint32, [2] as Shape)
        #expect(try RandomNormal(x).inferTypes([key]) == [x])
        let w = TensorType(.float32, [1, 8, 4] as Shape)
        let r = TensorType(.float32, [1, 8, 2] as Shape)
        let sequence = TensorType(.float32, [n, .symbol("b"), 4])
        #expect(try LSTM().inferTypes([sequence, w, r])[0].shape == [n, 1, .symbol("b"), 2])
    }
}

extension DataCase {
    fileprivate init(composite: any Composite, operands: [TensorType]) {
        self.composite = composite
        self.operands = operands
    }

    func adding(_ type: TensorType) -> DataCase { DataCase(composite: composite, operands: operands + [type]) }
}
