// Heterodyne: every movement primitive against its index formula, element by element.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneReference
import Testing

/// Index arithmetic that is independent of the kernels' strides.
private struct Grid {
    let extents: [Int]

    init(_ shape: Shape) throws { extents = try shape.extents() }

    /// Every index vector in row-major order.
    var indices: [[Int]] {
        var all: [[Int]] = [[]]
        for extent in extents { all = all.flatMap { prefix in (0..<extent).map { prefix + [$0] } } }
        return all
    }

    /// The position of an index vector.
    func position(_ index: [Int]) -> Int { zip(index, extents).reduce(0) { $0 * $1.1 + $1.0 } }
}

@Suite("Movement")
struct MovementTests {
    static let types: [ScalarType] = [.bool, .int4, .uint4, .int8, .float8e4m3fn, .bfloat16, .float32, .int64]

    private func randomShape(_ numbers: inout Numbers, rank: Int? = nil) -> [Int] {
        (0..<(rank ?? Int(numbers.next() % 5))).map { _ in [0, 1, 2, 3, 4, 5, 3, 2][Int(numbers.next() % 8)] }
    }

    /// Checks one primitive: element `i` of the result is the operand's at `source(i)`, or `other` where that is nil.
    private func check(
        _ primitive: Primitive, _ operand: Literal, _ others: [Literal] = [], missing: UInt64 = 0,
        _ source: ([Int]) -> [Int]?
    ) throws {
        let result = try Run.graph([operand] + others) { builder, terms throws(GraphError) in
            [try builder.add(primitive, terms)]
        }[0]
        let (from, to) = (try Grid(operand.type.shape), try Grid(result.type.shape))
        let expected = to.indices.map { index in source(index).map { operand.bits(at: from.position($0)) } ?? missing }
        #expect(try result.allBits == expected, "\(primitive) on \(operand.type)")
    }

    @Test("Transpose, reverse, reshape, broadcast", arguments: types)
    func permutations(_ type: ScalarType) throws {
        var numbers = Numbers(state: 11)
        for _ in 0..<25 {
            let extents = randomShape(&numbers)
            let x = try Literal.random(TensorType(type, extents), &numbers)
            let permutation = Array(0..<extents.count).shuffled(using: &numbers)
            try check(.transpose(permutation: permutation), x) { index in
                (0..<extents.count).map { d in index[permutation.firstIndex(of: d) ?? 0] }
            }
            let reversed = (0..<extents.count).filter { _ in Bool.random(using: &numbers) }
            try check(.reverse(dimensions: reversed), x) { index in
                index.indices.map { reversed.contains($0) ? extents[$0] - 1 - index[$0] : index[$0] }
            }
            let flat = try Run.primitive(.reshape([.fixed(extents.reduce(1, *))]), x)
            #expect(try flat.allBits == x.allBits)
            // Insert two new dimensions and widen the extents that are 1.
            let wide = extents.map { $0 == 1 ? 3 : $0 }
            let rank = extents.count
            let shape = Shape([2] + wide + [3])
            try check(.broadcast(shape, dimensions: Array(1..<rank + 1)), x) { index in
                (0..<rank).map { extents[$0] == 1 ? 0 : index[$0 + 1] }
            }
        }
    }

    @Test("Slice and dynamic slice", arguments: types)
    func slices(_ type: ScalarType) throws {
        var numbers = Numbers(state: 12)
        for _ in 0..<25 {
            let extents = randomShape(&numbers)
            let x = try Literal.random(TensorType(type, extents), &numbers)
            let starts = extents.map { Int.random(in: 0...$0, using: &numbers) }
            let limits = zip(starts, extents).map { Int.random(in: $0...$1, using: &numbers) }
            let strides = extents.map { _ in Int.random(in: 1...3, using: &numbers) }
            try check(.slice(starts: starts.map(Extent.fixed), limits: limits.map(Extent.fixed), strides: strides), x) {
                index in index.indices.map { starts[$0] + index[$0] * strides[$0] }
            }
            let sizes = extents.map { Int.random(in: 0...$0, using: &numbers) }
            let wanted = extents.map { Int.random(in: -2...$0 + 2, using: &numbers) }
            try check(.dynamicSlice(sizes: sizes.map(Extent.fixed)), x, wanted.map { Literal(Int32($0)) }) { index in
                index.indices.map { max(0, min(wanted[$0], extents[$0] - sizes[$0])) + index[$0] }
            }
        }
        let x = try Literal.random(TensorType(type, [3]), &numbers)
        for far in [Int.min, Int.max] {
            try check(.dynamicSlice(sizes: [2]), x, [Literal(far)]) { [$0[0] + (far > 0 ? 1 : 0)] }
        }
        try check(.slice(starts: [1], limits: [3], strides: [Int.max - 5]), x) { _ in [1] }
    }

    @Test("Pad with positive, negative and interior amounts", arguments: types)
    func pads(_ type: ScalarType) throws {
        var numbers = Numbers(state: 13)
        for _ in 0..<40 {
            let extents = randomShape(&numbers)
            let x = try Literal.random(TensorType(type, extents), &numbers)
            let interior = extents.map { _ in Int.random(in: 0...2, using: &numbers) }
            let low = extents.map { _ in Int.random(in: -3...3, using: &numbers) }
            let middle = zip(extents, interior).map { $0 == 0 ? 0 : ($0 - 1) * ($1 + 1) + 1 }
            let high = extents.indices.map { Int.random(in: max(-3, -(low[$0] + middle[$0]))...5, using: &numbers) }
            let value = try Literal.random(TensorType(type, [Int]()), &numbers)
            try check(
                .pad(low: low.map(Extent.fixed), high: high.map(Extent.fixed), interior: interior), x, [value],
                missing: value.bits(at: 0)
            ) { index in
                var source: [Int] = []
                for d in index.indices {
                    let offset = index[d] - low[d]
                    guard offset >= 0, offset % (interior[d] + 1) == 0, offset / (interior[d] + 1) < extents[d] else {
                        return nil
                    }
                    source.append(offset / (interior[d] + 1))
                }
                return source
            }
        }
    }

    @Test("Concatenate and dynamic update slice", arguments: types)
    func joins(_ type: ScalarType) throws {
        var numbers = Numbers(state: 14)
        for _ in 0..<25 {
            let rank = Int.random(in: 1...4, using: &numbers)
            let extents = randomShape(&numbers, rank: rank)
            let dimension = Int.random(in: 0..<rank, using: &numbers)
            var parts: [Literal] = []
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                var own = extents
                own[dimension] = Int.random(in: 0...3, using: &numbers)
                parts.append(try Literal.random(TensorType(type, own), &numbers))
            }
            let joined = try Run.graph(parts) { builder, terms throws(GraphError) in
                [try builder.add(.concatenate(dimension: dimension), terms)]
            }[0]
            let expected = try Grid(joined.type.shape).indices.map { index in
                var index = index
                for part in parts {
                    let grid = try Grid(part.type.shape)
                    if index[dimension] < grid.extents[dimension] { return part.bits(at: grid.position(index)) }
                    index[dimension] -= grid.extents[dimension]
                }
                throw GraphError(.malformedGraph, "an index beyond every part")
            }
            #expect(try joined.allBits == expected)

            let x = try Literal.random(TensorType(type, extents), &numbers)
            let sizes = extents.map { Int.random(in: 0...$0, using: &numbers) }
            let update = try Literal.random(TensorType(type, sizes), &numbers)
            let wanted = extents.map { Int64.random(in: -2...Int64($0) + 2, using: &numbers) }
            let starts = wanted.indices.map { max(0, min(Int(wanted[$0]), extents[$0] - sizes[$0])) }
            let updated = try Run.graph([x, update] + wanted.map { Literal($0) }) { builder, terms throws(GraphError) in
                [try builder.add(.dynamicUpdateSlice, terms)]
            }[0]
            let grid = try Grid(x.type.shape)
            let inner = try Grid(update.type.shape)
            #expect(
                try updated.allBits
                    == grid.indices.map { index in
                        let own = zip(index, starts).map { $0 - $1 }
                        let inside = zip(own, sizes).allSatisfy { $0 >= 0 && $0 < $1 }
                        return inside ? update.bits(at: inner.position(own)) : x.bits(at: grid.position(index))
                    })
        }
    }

    @Test("Gather clamps and scatter drops", arguments: types)
    func indexing(_ type: ScalarType) throws {
        var numbers = Numbers(state: 15)
        for _ in 0..<30 {
            let rank = Int.random(in: 1...4, using: &numbers)
            let extents = (0..<rank).map { _ in Int.random(in: 1...4, using: &numbers) }
            let x = try Literal.random(TensorType(type, extents), &numbers)
            let dimensions = Array(
                Array(0..<rank).shuffled(using: &numbers).prefix(Int.random(in: 0...rank, using: &numbers)))
            let rest = (0..<rank).filter { !dimensions.contains($0) }
            let batch = randomShape(&numbers, rank: Int.random(in: 0...2, using: &numbers))
            let vectors = Grid(extents: batch).indices.map { _ in
                dimensions.map { Int64.random(in: -1...Int64(extents[$0]), using: &numbers) }
            }
            let indices = try Literal(vectors.flatMap { $0 }, shape: Shape(batch + [dimensions.count]))
            func place(_ index: [Int]) -> (vector: [Int64], rest: [Int]) {
                (
                    vectors[Grid(extents: batch).position(Array(index.prefix(batch.count)))],
                    Array(index.dropFirst(batch.count))
                )
            }
            func full(_ vector: [Int], _ others: [Int]) -> [Int] {
                var index = [Int](repeating: 0, count: rank)
                for (d, i) in zip(dimensions, vector) { index[d] = i }
                for (d, i) in zip(rest, others) { index[d] = i }
                return index
            }
            try check(.gather(dimensions: dimensions), x, [indices]) { index in
                let (vector, others) = place(index)
                return full(zip(vector, dimensions).map { max(0, min(Int($0), extents[$1] - 1)) }, others)
            }
            let updates = try Literal.random(TensorType(type, batch + rest.map { extents[$0] }), &numbers)
            let scattered = try Run.primitive(.scatter(.set, dimensions: dimensions), x, indices, updates)
            var expected = try x.allBits
            let from = try Grid(updates.type.shape)
            for index in from.indices {
                let (vector, others) = place(index)
                guard zip(vector, dimensions).allSatisfy({ $0 >= 0 && $0 < Int64(extents[$1]) }) else { continue }
                expected[Grid(extents: extents).position(full(vector.map { Int($0) }, others))] =
                    updates.bits(at: from.position(index))
            }
            #expect(try scattered.allBits == expected)
        }
    }

    @Test("Scatter combines in order")
    func scatterModes() throws {
        let x = Literal([10, 20, 30] as [Int32])
        let indices = try Literal([0, 2, 0, 3, -1] as [Int32], shape: [5, 1])
        let updates = Literal([1, 50, 3, 1000, 1000] as [Int32])
        func result(_ mode: ScatterMode) throws -> [Int32] {
            try Run.primitive(.scatter(mode, dimensions: [0]), x, indices, updates).scalars()
        }
        #expect(try result(.set) == [3, 20, 50])
        #expect(try result(.add) == [14, 20, 80])
        #expect(try result(.multiply) == [30, 20, 1500])
        #expect(try result(.maximum) == [10, 20, 50])
        #expect(try result(.minimum) == [1, 20, 30])
        // float16 rounds after every update: 2048 + 1 is 2048 again, while 1 + 1 first would be 2050.
        let narrow = try Run.primitive(
            .scatter(.add, dimensions: [0]), Literal([2048 as Float16]), Literal([0, 0] as [Int32], shape: [2, 1]),
            Literal([1, 1] as [Float16]))
        #expect(try narrow.scalars(as: Float16.self) == [2048])
    }

    @Test("Gather from nothing needs an empty result; scatter into nothing gives nothing")
    func emptyOperands() throws {
        let x = try Literal([] as [Float], shape: [0, 2])
        let indices = try Literal([0, 5] as [Int32], shape: [2, 1])
        #expect { try Run.primitive(.gather(dimensions: [0]), x, indices) } throws: {
            ($0 as? GraphError)?.kind == .shapeMismatch
        }
        let wide = try Literal([] as [Float], shape: [0, 0])
        #expect(try Run.primitive(.gather(dimensions: [0]), wide, indices).type.shape == [2, 0])
        let updates = Literal(1 as Float, shape: [2, 2])
        #expect(try Run.primitive(.scatter(.add, dimensions: [0]), x, indices, updates).type == x.type)
    }

    @Test("4-bit elements are packed two per byte, low nibble first, with a zero odd nibble")
    func packing() throws {
        let x = Literal([1, -2, 7, -8, 3] as [Int8])
        let packed = try Run.primitive(.convert(.int4), x)
        #expect([UInt8](try packed.denseStorage().bytes) == [0xE1, 0x87, 0x03])
        #expect(try Run.primitive(.convert(.int8), packed).scalars(as: Int8.self) == [1, -2, 7, -8, 3])
        let reversed = try Run.primitive(.reverse(dimensions: [0]), packed)
        #expect([UInt8](try reversed.denseStorage().bytes) == [0x83, 0xE7, 0x01])
        let unsigned = try Run.primitive(.bitcast(.uint4), packed)
        #expect(try Run.primitive(.convert(.int32), unsigned).scalars(as: Int32.self) == [1, 14, 7, 8, 3])
        let chosen = try Run.primitive(.select, Literal([true, false, true, false, true]), packed, reversed)
        #expect(try Run.primitive(.convert(.int8), chosen).scalars(as: Int8.self) == [1, -8, 7, -2, 3])
    }
}

extension Grid {
    fileprivate init(extents: [Int]) { self.extents = extents }
}
