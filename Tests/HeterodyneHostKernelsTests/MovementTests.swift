// Heterodyne: tests of copies, pad, gather, scatter, iota, convert and sort against plain Swift.
// SPDX-License-Identifier: Apache-2.0
import CHostKernels
import Foundation
import Testing

private let sized: [Int: Scalar] = [1: .uint8, 2: .uint16, 4: .uint32, 8: .uint64]

extension HostKernels {
    @Suite struct Movement {
        @Test(arguments: [1, 2, 4, 8], levels)
        func stridedCopies(bytes: Int, level: Int) throws {
            let type = try #require(sized[bytes])
            var random = Random(bytes)
            for round in 0..<80 {
                let rank = Int(random.next() % 5)
                let dims = (0..<rank).map { _ in [1, 2, 3, 7, 17, 33, 70][Int(random.next() % (rank > 3 ? 4 : 7))] }
                let total = dims.reduce(1, *)
                let order = (0..<rank).shuffled(using: &random)
                var strides = [Int](repeating: 0, count: rank)
                var (size, offset) = (1, 0)
                for d in order where random.next() % 6 != 0 {
                    strides[d] = size
                    size *= dims[d]
                    if random.next() % 5 == 0 {
                        offset += strides[d] * (dims[d] - 1)
                        strides[d] = -strides[d]
                    }
                }
                let source = Storage(type, (0..<size).map { _ in random.next() & type.mask })
                // every third one scatters into a transposed destination
                let target = round % 3 == 2 ? Array(rowMajor(dims.reversed()).reversed()) : rowMajor(dims)
                let output = Storage(type, count: total)
                let status = atLevel(level) {
                    hk_copy_strided(
                        bytes, Int32(rank), int64s(dims), source.at(offset), int64s(strides), output.base,
                        int64s(target),
                        sharedPool.pointer)
                }
                #expect(status == HK_OK && output.guardsIntact)
                let good = positions(dims).allSatisfy { output[dot(target, $0)] == source[offset + dot(strides, $0)] }
                try #require(good, "\(dims) \(strides) \(target)")
            }
        }

        @Test(arguments: levels)
        func largeTransposeAndSixteenByteElements(level: Int) {
            let (rows, cols) = (515, 391)
            let source = Storage(.uint32, (0..<rows * cols).map { UInt64($0) })
            let output = Storage(.uint32, count: rows * cols)
            atLevel(level) {
                #expect(
                    hk_copy_strided(
                        4, 2, [Int64(cols), Int64(rows)], source.base, [1, Int64(cols)], output.base, [Int64(rows), 1],
                        sharedPool.pointer) == HK_OK)
            }
            #expect((0..<rows * cols).allSatisfy { output[$0] == UInt64($0 % rows * cols + $0 / rows) })
            let wide = Storage(.uint64, (0..<60).map { UInt64($0) })
            let copy = Storage(.uint64, count: 60)
            #expect(hk_copy_strided(16, 2, [6, 5], wide.base, [1, 6], copy.base, [5, 1], nil) == HK_OK)
            #expect(
                (0..<30).allSatisfy {
                    copy[2 * $0] == wide[2 * ($0 % 5 * 6 + $0 / 5)] && copy[2 * $0 + 1] == copy[2 * $0] + 1
                })
        }

        @Test func refusesBadCopies() {
            var x: UInt64 = 0
            #expect(hk_copy_strided(3, 0, nil, &x, nil, nil, nil, nil) == HK_ERR_ARGUMENT)
            #expect(hk_copy_strided(4, 9, nil, &x, nil, nil, nil, nil) == HK_ERR_SHAPE)
            #expect(hk_copy_strided(4, 1, [-4], &x, [1], nil, [1], nil) == HK_ERR_SHAPE)
            #expect(hk_copy_strided(4, 1, [4], &x, [1], nil, [1], nil) == HK_ERR_ARGUMENT)
            #expect(hk_copy_strided(4, 1, [0], nil, [1], nil, [1], nil) == HK_OK)
        }

        @Test(arguments: [1, 2, 4, 8])
        func pads(bytes: Int) throws {
            let type = try #require(sized[bytes])
            var random = Random(bytes + 50)
            for _ in 0..<150 {
                let rank = 1 + Int(random.next() % 3)
                let dims = (0..<rank).map { _ in Int(random.next() % 6) }
                let low = dims.map { _ in Int(random.next() % 7) - 3 }
                let interior = dims.map { _ in Int(random.next() % 3) }
                let high = dims.map { _ in Int(random.next() % 7) - 3 }
                let spans = zip(dims, interior).map { $0 + max($0 - 1, 0) * $1 }
                let shape = (0..<rank).map { spans[$0] + low[$0] + high[$0] }
                let source = Storage(type, (0..<dims.reduce(1, *)).map { UInt64($0 + 1) })
                var value = UInt64(200)
                let total = shape.reduce(1) { $0 * max($1, 0) }
                let output = Storage(type, count: total)
                let status = hk_pad(
                    bytes, Int32(rank), int64s(dims), source.base, int64s(rowMajor(dims)), int64s(low), int64s(high),
                    int64s(interior), &value, output.base, nil)
                if shape.contains(where: { $0 < 0 }) {
                    #expect(status == HK_ERR_SHAPE)
                    continue
                }
                #expect(status == HK_OK && output.guardsIntact)
                for (i, position) in positions(shape).enumerated() where total > 0 {
                    let inside = (0..<rank).map { (position[$0] - low[$0], interior[$0] + 1, dims[$0]) }
                    let hit = inside.allSatisfy { $0.0 >= 0 && $0.0 % $0.1 == 0 && $0.0 / $0.1 < $0.2 }
                    let want = hit ? source[dot(rowMajor(dims), inside.map { $0.0 / $0.1 })] : 200
                    try #require(output[i] == want)
                }
            }
        }

        static func descriptor(
            _ type: Scalar, _ dims: [Int], _ strides: [Int], _ indexDims: [Int], wide: Bool, count: Int
        ) -> hk_index_desc {
            var desc = hk_index_desc()
            desc.element_size = type.bytes
            desc.type = type.code
            desc.index_type = UInt8(wide ? HK_INT64 : HK_INT32)
            desc.rank = Int32(dims.count)
            desc.index_depth = Int32(indexDims.count)
            desc.index_count = Int64(count)
            fill(&desc.index_dims, indexDims.map { Int32($0) })
            fill(&desc.dims, int64s(dims))
            fill(&desc.strides, int64s(strides))
            return desc
        }

        @Test(
            arguments: [false, true],
            [HK_SCATTER_SET, HK_SCATTER_ADD, HK_SCATTER_MULTIPLY, HK_SCATTER_MAX, HK_SCATTER_MIN])
        func gatherAndScatter(wide: Bool, kind: Int) throws {
            var random = Random(kind + 20)
            for type in [Scalar.float32, .float64, .int8, .int32, .uint16, .float16, .bfloat16] {
                for round in 0..<12 {
                    let rank = 1 + Int(random.next() % 4)
                    let dims = (0..<rank).map { _ in 1 + Int(random.next() % 5) }
                    // sometimes a transposed operand
                    let strides = round % 3 == 0 ? Array(rowMajor(dims.reversed()).reversed()) : rowMajor(dims)
                    let chosen = Array(
                        (0..<rank).shuffled(using: &random).prefix(Int(random.next() % UInt64(rank + 1))))
                    let rest = (0..<rank).filter { !chosen.contains($0) }
                    let windows = positions(rest.map { dims[$0] })
                    let count = 9
                    let tuples = (0..<count).map { _ in chosen.map { Int(random.next() % UInt64(dims[$0] + 2)) - 1 } }
                    let flat = tuples.flatMap { $0 }.map { UInt64(bitPattern: Int64($0)) }
                    let indices = Storage(wide ? .int64 : .int32, flat)
                    let numbers = (0..<dims.reduce(1, *)).map { _ in (random.uniform(-3, 3) * 4).rounded() / 4 }
                    let operand = Storage(type, numbers: numbers)
                    var desc = Self.descriptor(type, dims, strides, chosen, wide: wide, count: count)
                    func place(_ tuple: [Int], _ window: [Int], clamp: Bool) -> Int? {
                        var at = 0
                        for (d, i) in zip(chosen, tuple) {
                            if !clamp && !(0..<dims[d]).contains(i) { return nil }
                            at += strides[d] * min(max(i, 0), dims[d] - 1)
                        }
                        return at + zip(rest, window).reduce(0) { $0 + strides[$1.0] * $1.1 }
                    }
                    let gathered = Storage(type, count: count * windows.count)
                    #expect(hk_gather(&desc, operand.base, indices.base, gathered.base, sharedPool.pointer) == HK_OK)
                    #expect(gathered.guardsIntact)
                    for (i, tuple) in tuples.enumerated() {
                        for (j, window) in windows.enumerated() {
                            let at = try #require(place(tuple, window, clamp: true))
                            try #require(gathered[i * windows.count + j] == operand[at])
                        }
                    }
                    let updates = Storage(
                        type, numbers: (0..<count * windows.count).map { _ in random.uniform(-2, 2).rounded() })
                    var expected = operand.bits
                    for (i, tuple) in tuples.enumerated() {
                        for (j, window) in windows.enumerated() {
                            guard let at = place(tuple, window, clamp: false) else { continue }
                            let update = updates[i * windows.count + j]
                            if kind == HK_SCATTER_SET {
                                expected[at] = update
                                continue
                            }
                            let op = [0, HK_OP_ADD, HK_OP_MULTIPLY, HK_OP_MAXIMUM, HK_OP_MINIMUM][kind]
                            if type.isFloat {
                                let exact = Elementwise.float(op, type.number(expected[at]), type.number(update), 0)
                                expected[at] = type.bits(try #require(exact))
                            } else {
                                expected[at] = try #require(Elementwise.integer(op, type, expected[at], update, 0))
                            }
                        }
                    }
                    #expect(
                        hk_scatter(&desc, Int32(kind), operand.base, indices.base, updates.base, sharedPool.pointer)
                            == HK_OK)
                    #expect(operand.guardsIntact)
                    #expect(
                        (0..<operand.count).allSatisfy { type.same(operand[$0], expected[$0]) },
                        "\(type.name) \(dims) \(chosen)")
                }
            }
        }

        @Test func refusesBadIndexing() {
            var twice = Self.descriptor(.float32, [3, 3], [3, 1], [1, 1], wide: false, count: 1)
            #expect(hk_index_validate(&twice) == HK_ERR_SHAPE)
            var outside = Self.descriptor(.float32, [3, 3], [3, 1], [2], wide: false, count: 1)
            #expect(hk_index_validate(&outside) == HK_ERR_SHAPE)
            var empty = Self.descriptor(.float32, [0], [1], [0], wide: false, count: 1)
            let x = Storage(.float32, count: 4)
            #expect(hk_gather(&empty, x.base, x.base, x.base, nil) == HK_ERR_SHAPE)
            var negative = Self.descriptor(.float32, [3], [1], [0], wide: false, count: -1)
            #expect(hk_index_validate(&negative) == HK_ERR_SHAPE)
        }

        @Test func dynamicOffsets() {
            var starts: [Int64] = [7, -3, 1]
            starts.withUnsafeMutableBufferPointer { buffer in
                let pointers: [UnsafeRawPointer?] = (0..<3).map { UnsafeRawPointer(buffer.baseAddress! + $0) }
                #expect(
                    hk_dynamic_offset(3, [8, 5, 4], [3, 5, 2], [20, 4, 1], UInt8(HK_INT64), pointers) == 5 * 20 + 0 + 1)
            }
        }

        @Test(arguments: Scalar.all)
        func iota(type: Scalar) {
            let dims = [3, 100, 5]
            for axis in 0..<3 {
                let output = Storage(type, count: 1500)
                let status = hk_iota(type.code, 3, int64s(dims), Int32(axis), output.base, nil)
                guard type != .bool else {
                    #expect(status == HK_ERR_TYPE)
                    continue
                }
                #expect(status == HK_OK && output.guardsIntact)
                for (i, position) in positions(dims).enumerated() {
                    let want = type.isFloat ? type.bits(Double(position[axis])) : UInt64(position[axis])
                    #expect(type.same(output[i], want))
                }
            }
        }

        /// Every pair of types: edges, random bits, ties of the narrow formats.
        @Test(arguments: Scalar.all, levels)
        func conversions(from: Scalar, level: Int) {
            var random = Random(Int(from.code) + 70)
            for to in Scalar.all where to != from {
                var bits = (0..<400).map { _ in random.bits(from) }
                if from.isFloat {
                    // halfway points and their neighbours in the target
                    for _ in 0..<200 {
                        let near = to.isFloat ? to.number(random.bits(to)) : random.uniform(-300, 300)
                        guard near.isFinite else { continue }
                        let step = to.isFloat ? to.number((to.bits(near) & ~(to.mask >> 1 + 1)) + 1) - abs(near) : 0.5
                        bits += [from.bits(near), from.bits(near + step / 2), from.bits(near + step * 0.500001)]
                    }
                }
                let x = Storage(from, bits)
                let y = Storage(to, count: bits.count)
                let status = atLevel(level) {
                    hk_convert(to.code, from.code, y.base, x.base, Int64(bits.count), sharedPool.pointer)
                }
                #expect(status == HK_OK && y.guardsIntact)
                for i in 0..<bits.count {
                    let want = Self.converted(x[i], from, to)
                    if !to.same(y[i], want) {
                        Issue.record(
                            "\(from.name) \(from.number(x[i])) to \(to.name): \(to.number(y[i])), not \(to.number(want))"
                        )
                        break
                    }
                }
            }
        }

        static func converted(_ bits: UInt64, _ from: Scalar, _ to: Scalar) -> UInt64 {
            if to == .bool { return from.isFloat ? (from.number(bits) != 0 ? 1 : 0) : (bits != 0 ? 1 : 0) }
            if from.isFloat { return to.bits(from.number(bits)) }
            if !to.isFloat { return UInt64(bitPattern: from.integer(bits)) & to.mask }
            // 64-bit integers beyond 2^53: the sign of what the double drops decides ties
            if from == .uint64 {
                if to == .float64 { return Double(bits).bitPattern }
                if to == .float32 { return UInt64(Float(bits).bitPattern) }
                let d = Double(bits)
                let tie = d >= 0x1p64 ? -1 : bits > UInt64(d) ? 1 : bits < UInt64(d) ? -1 : 0
                return to.bits(d, tie: tie)
            }
            let value = from.integer(bits)
            if to == .float64 { return Double(value).bitPattern }
            if to == .float32 { return UInt64(Float(value).bitPattern) }
            let d = Double(value.magnitude)
            let magnitude = value.magnitude
            let tie = magnitude > UInt64(d) ? 1 : magnitude < UInt64(d) ? -1 : 0
            return to.bits(value < 0 ? -d : d, tie: tie)
        }

        @Test(arguments: [0, 1, 2, 7, 1023, 1024, 1025, 40001])
        func packedFourBit(count: Int) {
            var random = Random(count)
            let values = (0..<count).map { _ in Int(random.next() % 16) }
            let packed = Storage(.uint8, count: (count + 1) / 2)
            for i in 0..<packed.count { packed[i] = 0 }
            for (i, v) in values.enumerated() { packed[i / 2] |= UInt64(v) << UInt64(i % 2 * 4) }
            for (code, signed) in [(HK_INT4, true), (HK_UINT4, false)] {
                let wide = Storage(.float32, count: count)
                #expect(
                    hk_convert(UInt8(HK_F32), UInt8(code), wide.base, packed.base, Int64(count), sharedPool.pointer)
                        == HK_OK)
                #expect(
                    values.indices.allSatisfy {
                        Int(wide.floats[$0]) == (signed && values[$0] > 7 ? values[$0] - 16 : values[$0])
                    })
                let back = Storage(.uint8, count: (count + 1) / 2)
                #expect(
                    hk_convert(UInt8(code), UInt8(HK_F32), back.base, wide.base, Int64(count), sharedPool.pointer)
                        == HK_OK)
                #expect(back.bits == packed.bits && back.guardsIntact)
            }
        }

        @Test(arguments: Scalar.all, [false, true])
        func sorts(type: Scalar, descending: Bool) {
            var random = Random(Int(type.code) + 5)
            for (dims, axis) in [
                ([1], 0), ([47], 0), ([600], 0), ([3, 50, 4], 1), ([20, 60], 0), ([2, 9], 1), ([0, 3], 1), ([5, 0], 1),
            ] {
                let total = dims.reduce(1, *)
                let x = Storage(type, (0..<total).map { _ in random.bits(type) })
                let strides = Array(rowMajor(dims.reversed()).reversed())
                let order = Storage(.int32, count: total)
                let status = hk_sort_permutation(
                    type.code, descending ? 1 : 0, Int32(dims.count), int64s(dims), int64s(strides), Int32(axis),
                    x.base,
                    UInt8(HK_INT32), order.base, sharedPool.pointer)
                #expect(status == HK_OK && order.guardsIntact)
                var lineDims = dims
                lineDims[axis] = min(1, dims[axis])
                for start in positions(lineDims) where total > 0 {
                    let line = (0..<dims[axis]).map { x[dot(strides, start) + $0 * strides[axis]] }
                    func before(_ a: UInt64, _ b: UInt64) -> Bool {
                        if type.isFloat {
                            let (p, q) = (type.number(a), type.number(b))
                            return p.isNaN ? false : q.isNaN ? true : p < q
                        }
                        return type.isSigned ? type.integer(a) < type.integer(b) : a < b
                    }
                    let want = (0..<line.count).sorted { i, j in
                        let (a, b) = descending ? (line[j], line[i]) : (line[i], line[j])
                        return before(a, b) || (!before(b, a) && i < j)
                    }
                    let dense = rowMajor(dims)
                    let got = (0..<line.count).map { Int(order[dot(dense, start) + $0 * dense[axis]]) }
                    #expect(got == want, "\(type.name) \(dims) axis \(axis)")
                }
            }
        }
    }
}
