// Heterodyne: reductions in the interpreter, against the reference's evaluator.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneReference
import Testing

@testable import HeterodyneVulkan

@Suite struct ReduceKernelTests {
    /// A reduction: the tensor, which of its dimensions go, and how it lies in memory.
    struct Case: CustomStringConvertible {
        var extents: [Int]
        var dimensions: [Int]
        /// Order of the dimensions in memory, outermost first; nil for row-major.
        var memory: [Int]?
        var reversed: [Int] = []
        var description: String { "\(extents) over \(dimensions) in memory \(memory ?? []) reversed \(reversed)" }
    }

    static let cases: [Case] = [
        Case(extents: [7], dimensions: [0]), Case(extents: [0], dimensions: [0]), Case(extents: [1], dimensions: [0]),
        Case(extents: [3, 0], dimensions: [1]), Case(extents: [0, 3], dimensions: [1]),
        Case(extents: [3, 1], dimensions: [1]), Case(extents: [2, 3], dimensions: [1]),
        Case(extents: [31, 32], dimensions: [1]), Case(extents: [32, 33], dimensions: [0]),
        Case(extents: [5, 1000], dimensions: [1]), Case(extents: [64, 48], dimensions: [0]),
        Case(extents: [3, 5, 8], dimensions: [1]), Case(extents: [3, 5, 8], dimensions: [0, 2]),
        Case(extents: [3, 5, 8], dimensions: [0, 1, 2]), Case(extents: [3, 5, 8], dimensions: []),
        Case(extents: [4, 6, 8], dimensions: [0], memory: [2, 0, 1]),
        Case(extents: [4, 6, 8], dimensions: [1], memory: [2, 1, 0]),
        Case(extents: [4, 6, 8], dimensions: [2, 0], memory: [1, 0, 2], reversed: [0]),
        Case(extents: [4, 6, 8], dimensions: [2], reversed: [2, 1]),
        Case(extents: [1, 2, 2, 2, 2, 3, 2, 2], dimensions: [1, 3, 5, 7]),
    ]

    /// Long enough to be split between workgroups.
    static let longCases: [Case] = [
        Case(extents: [4097], dimensions: [0]), Case(extents: [2, 4100], dimensions: [1]),
        Case(extents: [4100, 2], dimensions: [0]), Case(extents: [2100, 8], dimensions: [0]),
    ]

    static let types: [ScalarType] = [
        .bool, .int8, .uint8, .int16, .uint16, .int32, .uint32, .int64, .uint64, .float16, .bfloat16, .float32,
        .float64,
    ]

    @Test(arguments: RowPlace.pairs(types, few: [.bool, .int8, .int64, .float16, .float32]))
    func everyKindMatchesTheReference(_ place: RowPlace, _ type: ScalarType) throws {
        let target = try place.sink().target
        guard target.stores(type) else {
            // Such tensors never reach the device.
            let sink = try place.sink()
            let view = try sink.newResult([4], type)
            #expect(throws: BackendError.self) {
                try RowPlanner(sink: sink).reduce(view, .sum, [0], into: sink.newResult([], type))
            }
            return
        }
        for kind in ReductionKind.allCases where kind.takes(type) {
            for test in Self.cases + Self.longCases where place.takes(test.extents, type) {
                try check(test, kind, type, place)
            }
        }
    }

    @Test(arguments: [
        (RowPlace.gpu, ScalarType.float32), (.withoutShuffle, .int16), (.least, .uint32),
    ])
    func longRowsMatchTheReference(_ place: RowPlace, _ type: ScalarType) throws {
        for kind in [ReductionKind.sum, .maximum] {
            for test in Self.longCases { try check(test, kind, type, place) }
        }
    }

    private func check(_ test: Case, _ kind: ReductionKind, _ type: ScalarType, _ place: RowPlace) throws {
        var dice = Dice(UInt64(test.extents.count + test.extents.reduce(0, +)))
        let sink = try place.sink()
        let count = Strides.count(test.extents)
        var bytes = dice.elements(type, count)
        if kind == .product, type.isFloatingPoint {
            // Products of thousands of numbers stay in range.
            bytes = (0..<count).flatMap { index -> [UInt8] in
                let bits = type.bits(of: 1 + (dice.number() < 0 ? 1 : -1) * 0x1p-7 * Double(index % 3 + 1))
                return (0..<type.bitWidth / 8).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
            }
        }
        let memory = test.memory ?? Array(test.extents.indices)
        let dense = try sink.input(bytes, memory.map { test.extents[$0] }, type)
        var back = [Int](repeating: 0, count: memory.count)
        for (position, d) in memory.enumerated() { back[d] = position }
        let view = dense.transposed(back).reversed(test.reversed)
        let x = try Literal.of(sink.bytes(view), test.extents, type)
        let kept = test.extents.indices.filter { !test.dimensions.contains($0) }.map { test.extents[$0] }
        let result = try sink.newResult(kept, type)
        try RowPlanner(sink: sink).reduce(view, kind, test.dimensions, into: result)
        let found = try Literal.of(sink.bytes(result), kept, type)
        let isInexact = type.isFloatingPoint && (kind == .sum || kind == .product)
        guard isInexact else {
            let expected = try reference([x]) { _, terms throws(GraphError) in
                [try terms[0].reduce(kind, test.dimensions)]
            }[0]
            let same = try zip(found.elements, expected.elements).allSatisfy { a, b in
                a == b || type.isFloatingPoint && type.number(fromBits: a) == type.number(fromBits: b)
            }
            #expect(same, "\(kind) of \(type)\(test)")
            return
        }
        let wide = try reference([x]) { _, terms throws(GraphError) in
            let x = try terms[0].convert(.float64)
            return [try x.reduce(kind, test.dimensions), try x.abs().reduce(kind, test.dimensions)]
        }
        let columns = Double(test.dimensions.map { test.extents[$0] }.reduce(1, *))
        let (expected, sizes, numbers) = (try wide[0].numbers, try wide[1].numbers, try found.numbers)
        for index in expected.indices {
            // n roundings of the accumulator, one of the result.
            let bound =
                2 * columns * unitRoundoff(type.accumulationType) * sizes[index]
                + 2 * unitRoundoff(type) * abs(expected[index])
            #expect(abs(numbers[index] - expected[index]) <= bound, "\(kind) of \(type)\(test) at \(index)")
        }
    }

    @Test(arguments: RowPlace.available, [ReductionKind.maximum, .minimum, .sum])
    func notANumberStays(_ place: RowPlace, _ kind: ReductionKind) throws {
        for position in [0, 1, 17, 99] {
            for extents in [[3, 100], [100, 3], [100, 4]] {
                let sink = try place.sink()
                var numbers = (0..<Strides.count(extents)).map { Float($0 % 13) }
                let axis = extents[0] == 100 ? 0 : 1
                numbers[axis == 1 ? 100 + position : position * extents[1] + 1] = .nan
                let view = try sink.input(numbers.withUnsafeBytes { Array($0) }, extents, .float32)
                let result = try sink.newResult([extents[1 - axis]], .float32)
                try RowPlanner(sink: sink).reduce(view, kind, [axis], into: result)
                let found = try Literal.of(sink.bytes(result), result.extents, .float32).numbers
                for (index, number) in found.enumerated() { #expect(number.isNaN == (index == 1)) }
            }
        }
    }

    /// A sum of equal numbers by one invocation shows how errors grow: one by one, 2^15 of them in each of sixteen
    /// accumulators would lose the fourth digit.
    @Test(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
    func longSumsAreBlocked() throws {
        let sink = try DeviceSink()
        let count = 1 << 19
        let numbers = [Float](repeating: 0.1, count: count)
        let view = try sink.input(numbers.withUnsafeBytes { Array($0) }, [count], .float32)
        let result = try sink.newResult([], .float32)
        let (space, counts) = RowSpace.plan(
            rows: [], columns: [count],
            [
                RowSpace.Operand(view, rows: [], columns: [0]),
                RowSpace.Operand(rowStrides: [], columnStrides: [], origin: 0),
            ], allowing: [.alongColumns])
        let recipe = ReduceRecipe(
            kind: .sum, source: .float32, result: .float32, space: space, team: TeamShape(size: 1, count: 1),
            isSplit: false, span: 1)
        try sink.emit(
            recipe, [.read(view), .write(result)],
            constants: [.u32(1), .u32(UInt32(counts.columns)), .u32(0), .u32(0)], grid: Grid(1), work: 1, "a long sum")
        let found = try Literal.of(sink.bytes(result), [], .float32).numbers[0]
        let expected = Double(Float(0.1)) * Double(count)
        // 256 additions in a block, 128 blocks, and the accumulators.
        #expect(abs(found - expected) <= expected * 400 * 0x1p-24)
    }
}
