// Heterodyne: sorting kernels in the interpreter, against the reference's evaluator.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneOps
import HeterodyneReference
import Testing

@testable import HeterodyneVulkan

@Suite struct SortKernelTests {
    static let cases: [(extents: [Int], axis: Int, memory: [Int]?)] = [
        ([5], 0, nil), ([1], 0, nil), ([3, 0], 1, nil), ([0, 3], 1, nil), ([3, 1], 1, nil), ([2, 3], 1, nil),
        ([6, 33], 1, nil), ([33, 6], 0, nil), ([3, 5, 6], 1, nil), ([3, 5, 6], 0, [2, 0, 1]), ([300], 0, nil),
        ([2, 700], 1, nil), ([700, 3], 0, nil), ([2, 600, 2], 1, [1, 2, 0]),
    ]

    @Test(arguments: RowPlace.pairs(ReduceKernelTests.types, few: [.bool, .int16, .int64, .float32]))
    func permutationsAreTheReferences(_ place: RowPlace, _ type: ScalarType) throws {
        let target = try place.sink().target
        for (extents, axis, memory) in Self.cases where place.takes(extents, type) {
            for descending in [false, true] {
                let index: ScalarType = target.stores(.int64) && extents.count == 2 ? .int64 : .int32
                guard SortPlanner.takes(type, extents, index, target) else { continue }
                var dice = Dice(UInt64(extents.reduce(axis, +)))
                let sink = try place.sink()
                // Few different elements, so that there are many ties.
                var bytes = dice.elements(type, Strides.count(extents), coarse: extents.count != 2)
                if type == .float32 || type == .float64 { insertSpecials(&bytes, type) }
                let order = memory ?? Array(extents.indices)
                var back = [Int](repeating: 0, count: order.count)
                for (position, d) in order.enumerated() { back[d] = position }
                let x = try sink.input(bytes, order.map { extents[$0] }, type).transposed(back)
                let result = try sink.newResult(extents, index)
                try SortPlanner(sink: sink).sort(x, axis, isDescending: descending, into: result)
                let literal = try Literal.of(sink.bytes(x), extents, type)
                let expected = try reference([literal]) { _, terms throws(GraphError) in
                    [try terms[0].sortPermutation(dimension: axis, descending: descending, indexType: index)]
                }[0].elements
                let found = try Literal.of(sink.bytes(result), extents, index).elements
                #expect(found == expected, "\(type)\(extents) along \(axis) descending \(descending)")
            }
        }
    }

    /// NaN of both signs, zeros of both signs and infinities in places throughout.
    private func insertSpecials(_ bytes: inout [UInt8], _ type: ScalarType) {
        let size = type.bitWidth / 8
        let specials: [Double] = [.nan, -0.0, 0, .infinity, -.infinity, -.nan, 0, -0.0]
        for element in 0..<bytes.count / size where element % 3 == 1 {
            let bits = type.bits(of: specials[element / 3 % specials.count])
            for byte in 0..<size { bytes[element * size + byte] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte)) }
        }
    }

    static let selections: [(extents: [Int], axis: Int, k: Int)] = [
        ([5], 0, 2), ([5], 0, 5), ([5], 0, 0), ([1], 0, 1), ([3, 33], 1, 4), ([33, 3], 0, 1), ([2, 700], 1, 10),
        ([2, 700], 1, 300), ([2, 5, 6], 1, 3),
    ]

    @Test(
        arguments: RowPlace.available,
        [ScalarType.bool, .uint8, .int16, .int32, .int64, .float16, .float32, .float64])
    func firstElementsAreTheReferences(_ place: RowPlace, _ type: ScalarType) throws {
        let target = try place.sink().target
        guard SortPlanner.takes(type, [1], .int32, target) else { return }
        for (extents, axis, k) in Self.selections where place.takes(extents, type) {
            for largest in [false, true] {
                let composite = TopK(k: k, axis: axis, largest: largest, indexType: .int32)
                let types = [TensorType(type, Shape(extents.map { .fixed($0) }))]
                let operation = try #require(SortSelection(composite, types, target))
                var dice = Dice(UInt64(extents.reduce(axis, +)))
                let sink = try place.sink()
                let x = try sink.input(
                    dice.elements(type, Strides.count(extents), coarse: true), extents, type)
                var kept = extents
                kept[axis] = k
                let positions = try sink.newResult(kept, .int32)
                let values = try sink.newResult(kept, type)
                let planner = SortPlanner(sink: sink)
                try planner.sort(x, operation.axis, isDescending: operation.isDescending, into: positions)
                try planner.gather(x, operation.axis, positions, into: values)
                let expected = try reference([Literal.of(sink.bytes(x), extents, type)]) {
                    builder, terms throws(GraphError) in
                    try builder.addAll(.composite(composite), terms)
                }
                let foundPositions = try Literal.of(sink.bytes(positions), kept, .int32).elements
                let foundValues = try Literal.of(sink.bytes(values), kept, type).elements
                let (expectedValues, expectedPositions) = (try expected[0].elements, try expected[1].elements)
                #expect(foundPositions == expectedPositions, "\(type)\(extents) along \(axis), \(k) largest \(largest)")
                #expect(foundValues == expectedValues, "\(type)\(extents) along \(axis), \(k) largest \(largest)")
            }
        }
    }

    @Test func whatCannotBeSortedIsNamed() throws {
        let sink: any TestSink = InterpreterSink(.least)
        let x = try sink.newResult([4], .float64)
        #expect(throws: BackendError.self) {
            try SortPlanner(sink: sink).sort(x, 0, isDescending: false, into: sink.newResult([4], .int32))
        }
        let long = StridedView(dense: 0, extents: [1 << 33], type: .float32)
        #expect(throws: BackendError.self) {
            try SortPlanner(sink: InterpreterSink(.gpu)).sort(
                long, 0, isDescending: false, into: StridedView(dense: 0, extents: [1 << 33], type: .int64))
        }
    }
}
