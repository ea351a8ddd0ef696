// Heterodyne: gather, blocks and padding in the interpreter against the definition.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneReference
import Testing

@testable import HeterodyneVulkan

/// The bits of the elements of the outputs of a graph, by the definition.
func definition(
    _ inputs: [Literal], _ content: (GraphBuilder, [Term]) throws -> [Term]
) throws -> [[UInt64]] {
    let builder = GraphBuilder()
    var terms: [Term] = []
    for (i, input) in inputs.enumerated() { terms.append(try builder.input("x\(i)", input.type)) }
    for (i, output) in try content(builder, terms).enumerated() { try builder.output("y\(i)", output) }
    return try ReferenceEvaluator.evaluate(builder.build(), inputs: inputs).map { literal in
        try (0..<literal.type.elementCount()).map { literal.bits(at: $0) }
    }
}

@Suite("Kernels that move elements")
struct MovementKernelTests {
    struct GatherCase: Sendable, CustomTestStringConvertible {
        var shape: [Int]
        var batch: [Int]
        var dimensions: [Int]
        var range = -20...20
        /// A permutation of the operand's dimensions in memory.
        var order: [Int]?
        var padding = 0
        var testDescription: String { "\(shape) by \(batch) along \(dimensions) \(order ?? []) \(padding)" }
    }

    static let gathers = [
        GatherCase(shape: [9, 7], batch: [5], dimensions: [0], padding: 3),
        GatherCase(shape: [9, 32], batch: [2, 3], dimensions: [0]),
        GatherCase(shape: [9, 32], batch: [5], dimensions: [0], padding: 64),
        GatherCase(shape: [5, 9], batch: [4], dimensions: [1]),
        GatherCase(shape: [5, 7], batch: [11], dimensions: [0, 1]),
        GatherCase(shape: [4, 5, 3], batch: [3, 2], dimensions: [1, 0]),
        GatherCase(shape: [4, 5, 6], batch: [3], dimensions: [1], order: [2, 0, 1]),
        GatherCase(shape: [2, 3, 2, 2, 3, 2, 2], batch: [2, 1, 2], dimensions: [5, 1, 3]),
        GatherCase(shape: [1, 4], batch: [], dimensions: [0]),
        GatherCase(shape: [300], batch: [200], dimensions: [0], range: 1000...2000),
    ]

    @Test(arguments: gathers, LaunchPlace.all)
    func gather(_ test: GatherCase, _ place: LaunchPlace) throws {
        var generator = IndexingGenerator(7)
        for type in place.types {
            for indexType in [ScalarType.int32, .int64] {
                let x = try generator.bits(type, test.shape)
                let indices = try generator.integers(indexType, test.batch + [test.dimensions.count], test.range)
                let expected = try definition([x, indices]) { _, terms in
                    [try terms[0].gather(terms[1], dimensions: test.dimensions)]
                }[0]
                var runner = LaunchRunner(place)
                var operand = try runner.place(x, padding: test.padding)
                if let order = test.order {
                    // The same tensor, with its dimensions in another order in memory.
                    let permuted = try definition([x]) { _, terms in [try terms[0].transpose(order)] }[0]
                    let extents = order.map { test.shape[$0] }
                    var block = runner.block(extents, type)
                    runner.write(permuted, to: block)
                    block = block.transposed(order.indices.map { d in order.firstIndex(of: d) ?? 0 })
                    operand = block
                }
                let positions = try runner.place(indices, padding: 5)
                let window = test.shape.indices.filter { !test.dimensions.contains($0) }.map { test.shape[$0] }
                let result = runner.block(test.batch + window, type)
                try runner.run(
                    GatherKernel.launch(operand, positions, result, test.dimensions, place.target))
                #expect(runner.bits(result) == expected, "\(type) \(indexType)")
            }
        }
    }

    @Test("int64 indices beyond 32 bits are clamped, not cut", arguments: LaunchPlace.all)
    func gatherExtremeIndices(_ place: LaunchPlace) throws {
        let wanted: [Int64] = [.min, -1 << 32, (1 << 32) + 1, .max, -1, 0, 2, 3, 4, 1 << 31, -(1 << 31)]
        let x = Literal([10, 11, 12, 13] as [Int32])
        let indices = try Literal(wanted, shape: Shape([wanted.count, 1]))
        var runner = LaunchRunner(place)
        let operand = try runner.place(x)
        let positions = try runner.place(indices)
        let result = runner.block([wanted.count], .int32)
        try runner.run(GatherKernel.launch(operand, positions, result, [0], place.target))
        #expect(runner.bits(result) == wanted.map { UInt64(10 + max(0, min($0, 3))) })
    }

    @Test("Rows travel in pieces of sixteen bytes where layout allows")
    func pieces() throws {
        let operand = StridedView(dense: 0, extents: [100, 384], type: .float32)
        let indices = StridedView(dense: 1, extents: [8, 128, 1], type: .int64)
        let result = StridedView(dense: 2, extents: [8, 128, 384], type: .float32)
        let launch = try GatherKernel.launch(operand, indices, result, [0], .software)
        #expect((launch.recipe as? GatherKernel)?.unit == .bytes16)
        #expect(launch.constants[0] == .u32(8 * 128 * 96))
        var shifted = operand
        shifted.offset = 1
        shifted.extents = [99, 384]
        let slower = try GatherKernel.launch(shifted, indices, result, [0], .software)
        #expect((slower.recipe as? GatherKernel)?.unit == .bytes4)
    }

    @Test("Operands beyond 2^31 elements are indexed with 64 bits, or refused")
    func wideIndices() throws {
        let operand = StridedView(dense: 0, extents: [3, 1 << 31], type: .float32)
        let indices = StridedView(dense: 1, extents: [2, 2], type: .int64)
        let result = StridedView(dense: 2, extents: [2], type: .float32)
        let launch = try GatherKernel.launch(operand, indices, result, [0, 1], .gpu)
        let recipe = try #require(launch.recipe as? GatherKernel)
        #expect(recipe.isWide)
        #expect(launch.constants.last == .u64((1 << 31) - 1))
        #expect(recipe.addressing.strides == [1 << 31, 1])
        _ = try recipe.build(for: .gpu).spirv(KernelTarget.gpu.spirv)
        #expect {
            try GatherKernel.launch(operand, indices, result, [0, 1], .least)
        } throws: { error in
            (error as? BackendError)?.kind == .unsupported && "\(error)".contains("64-bit")
        }
    }

    /// The place that a wide kernel computes is read off a table that is bound where the operand would be: indices
    /// beyond 2^32 elements are checked without the memory.
    @Test func widePlaces() throws {
        let builder = KernelBuilder("places", workgroup: [1])
        let indices = IndexReader.buffer(builder, "indices", .int64)
        let result = builder.buffer("result", .u64, .write)
        let limits = [builder.pushConstant("a", .u64), builder.pushConstant("b", .u64)]
        let addressing = Addressing(strides: [6_000_000_000, -7], componentStride: 1, stored: .int64)
        builder.loop(3) { n in
            let base = (n * 2).converted(to: .uint64)
            result[n * 2] = addressing.clampedStart(indices, base: base, limits, builder)
            let (start, isInside) = addressing.checkedStart(indices, base: base, limits, builder)
            result[n * 2 + 1] = builder.select(isInside, start, start.like(1))
        }
        let kernel = try builder.finish()
        let vectors: [[Int64]] = [[3, 2], [9, 1 << 40], [-5, 4]]
        var buffers: [Int: [UInt8]] = [0: [], 1: [UInt8](repeating: 0, count: 48)]
        for number in vectors.joined() { withUnsafeBytes(of: number) { buffers[0]?.append(contentsOf: $0) } }
        try KernelInterpreter().run(kernel, groups: [1], buffers: &buffers, pushConstants: [8, 5])
        let bytes = try #require(buffers[1])
        let words = (0..<6).map { i in bytes.withUnsafeBytes { $0.load(fromByteOffset: 8 * i, as: Int64.self) } }
        #expect(words == [17_999_999_986, 17_999_999_986, 47_999_999_965, 1, -28, 1])
    }

    struct BlockCase: Sendable {
        var shape: [Int]
        var sizes: [Int]
        var starts: [Int]
        var padding = 0
    }

    static let blocks = [
        BlockCase(shape: [5, 7], sizes: [2, 3], starts: [1, 2]),
        BlockCase(shape: [5, 7], sizes: [2, 3], starts: [-3, 100]),
        BlockCase(shape: [5, 7], sizes: [5, 7], starts: [2, 2]),
        BlockCase(shape: [6, 64], sizes: [1, 64], starts: [4, 0]),
        BlockCase(shape: [2, 3, 8, 16], sizes: [2, 3, 1, 16], starts: [0, 0, 5, 0], padding: 16),
        BlockCase(shape: [9], sizes: [4], starts: [3], padding: 1),
    ]

    @Test(arguments: blocks, LaunchPlace.all)
    func dynamicSlices(_ test: BlockCase, _ place: LaunchPlace) throws {
        var generator = IndexingGenerator(11)
        // Without known starts, four of them are bound as one array, as the lowering packs them.
        for (type, known) in place.types.flatMap({ type in [0, test.shape.count, 1].map { (type, $0) } }) {
            let x = try generator.bits(type, test.shape)
            let update = try generator.bits(type, test.sizes)
            let indexType: ScalarType = known == 1 ? .int64 : .int32
            let starts = test.starts.map { Literal(number: Double($0), type: .scalar(indexType)) }
            let expected = try definition([x, update] + starts) { _, terms in
                let starts = Array(terms[2...])
                return [
                    try terms[0].dynamicSlice(starts, sizes: test.sizes.map { .fixed($0) }),
                    try terms[0].dynamicUpdateSlice(terms[1], starts),
                ]
            }
            var runner = LaunchRunner(place)
            let packed = try runner.place(
                indexType == .int32
                    ? Literal(test.starts.map { Int32($0) }) : Literal(test.starts.map { Int64($0) }), padding: 2)
            let positions = test.starts.enumerated().map { d, start -> BlockKernel.Position in
                if d < known { return .known(start) }
                return .stored(
                    StridedView(root: packed.root, offset: packed.offset + d, extents: [], strides: [], type: indexType)
                )
            }
            let operand = try runner.place(x, padding: test.padding)
            let result = runner.block(test.sizes, type)
            try runner.run(
                BlockKernel.launch(block: result, whole: operand, positions: positions, updates: false, place.target))
            #expect(runner.bits(result) == expected[0], "\(type), \(known) known")
            let part = try runner.place(update, padding: 3)
            try runner.run(
                BlockKernel.launch(block: part, whole: operand, positions: positions, updates: true, place.target))
            #expect(runner.bits(operand) == expected[1], "\(type), \(known) known")
        }
    }

    struct PadCase: Sendable {
        var shape: [Int]
        var low: [Int]
        var high: [Int]
        var interior: [Int]
    }

    static let pads = [
        PadCase(shape: [3, 5], low: [1, 2], high: [0, 3], interior: [0, 0]),
        PadCase(shape: [3, 5], low: [-1, 2], high: [1, -3], interior: [0, 2]),
        PadCase(shape: [4, 3, 16], low: [2, 0, 0], high: [1, 0, 0], interior: [1, 0, 0]),
        PadCase(shape: [2, 3, 4], low: [0, -1, 0], high: [0, -1, 0], interior: [0, 0, 0]),
        PadCase(shape: [7], low: [-2], high: [-3], interior: [3]),
        PadCase(shape: [7], low: [-5], high: [3], interior: [4]),
        PadCase(shape: [1, 1], low: [0, 3], high: [2, 0], interior: [5, 5]),
        PadCase(shape: [2, 2, 2, 2, 2], low: [1, 0, 1, 0, 1], high: [0, 1, 0, 1, 0], interior: [0, 1, 0, 1, 0]),
    ]

    @Test(arguments: pads, LaunchPlace.all)
    func padding(_ test: PadCase, _ place: LaunchPlace) throws {
        var generator = IndexingGenerator(13)
        for type in place.types {
            let x = try generator.bits(type, test.shape)
            let value = try generator.bits(type, [])
            let expected = try definition([x, value]) { _, terms in
                [try terms[0].pad(terms[1], low: test.low, high: test.high, interior: test.interior)]
            }[0]
            let extents = test.shape.indices.map { d in
                test.low[d] + test.high[d] + test.shape[d] + max(0, test.shape[d] - 1) * test.interior[d]
            }
            for isKnown in [false, true] {
                var runner = LaunchRunner(place)
                let operand = try runner.place(x, padding: isKnown ? 0 : 5)
                var filler = try runner.place(value)
                if isKnown { filler.splatBits = value.bits(at: 0) }
                let result = runner.block(extents, type)
                let launch = try PadKernel.launch(
                    operand, value: filler, low: test.low, interior: test.interior, result: result, place.target)
                try runner.run(#require(launch))
                #expect(runner.bits(result) == expected, "\(type), known: \(isKnown)")
            }
        }
    }

    @Test("Padding that keeps nothing has no launch")
    func paddingWithoutSource() throws {
        let operand = StridedView(dense: 0, extents: [2, 3], type: .float32)
        let value = StridedView(dense: 1, extents: [], type: .float32)
        let result = StridedView(dense: 2, extents: [2, 1], type: .float32)
        let launch = try PadKernel.launch(
            operand, value: value, low: [0, -3], interior: [0, 0], result: result, .least)
        #expect(launch == nil)
    }

    @Test("Amounts may be as large as an Int")
    func extremePadding() throws {
        let operand = StridedView(dense: 0, extents: [2], type: .float32)
        let value = StridedView(dense: 1, extents: [], type: .float32)
        let result = StridedView(dense: 2, extents: [4], type: .float32)
        for (low, interior) in [(Int.min, 0), (Int.min + 1, Int.max - 1), (-(1 << 62), 1 << 62)] {
            let launch = try PadKernel.launch(
                operand, value: value, low: [low], interior: [interior], result: result, .least)
            // With such gaps the second element comes to stand just at the start.
            #expect((launch != nil) == (interior > 0), "\(low), \(interior)")
        }
    }

    @Test("Known values fill whole pieces")
    func knownPadding() throws {
        #expect(PadKernel.repeated(0xab, elementSize: 1, .bytes4) == [0xabab_abab])
        #expect(PadKernel.repeated(0x1234, elementSize: 2, .bytes8) == [0x1234_1234, 0x1234_1234])
        #expect(PadKernel.repeated(0x1_0000_0002, elementSize: 8, .bytes16) == [2, 1, 2, 1])
        #expect(PadKernel.repeated(0x1234, elementSize: 2, .bytes2) == [0x1234])
        let operand = StridedView(dense: 0, extents: [4, 3, 16], type: .uint8)
        var value = StridedView(dense: 1, extents: [], type: .uint8)
        value.splatBits = 7
        let result = StridedView(dense: 2, extents: [6, 3, 16], type: .uint8)
        let launch = try PadKernel.launch(
            operand, value: value, low: [1, 0, 0], interior: [0, 0, 0], result: result, .gpu)
        #expect((launch?.recipe as? PadKernel)?.unit == .bytes16)
    }
}
