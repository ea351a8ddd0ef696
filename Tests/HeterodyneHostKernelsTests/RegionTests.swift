// Heterodyne: tests of elementwise regions: layouts, several outputs, aliasing, narrow types, bad programs.
// SPDX-License-Identifier: Apache-2.0
import CHostKernels
import Foundation
import Testing

extension HostKernels {
    @Suite struct Regions {
        /// gelu-like chain over a random layout: (x * a + b), compared with c, selected.
        @Test(arguments: [Scalar.float32, .float64, .float16, .bfloat16, .int32, .int8], levels)
        func randomLayouts(type: Scalar, level: Int) throws {
            var random = Random(Int(type.code) * 10 + level)
            for round in 0..<24 {
                let rank = Int(random.next() % 5)
                let dims = (0..<rank).map { _ in [1, 2, 3, 5, 8, 17, 40][Int(random.next() % (rank > 2 ? 5 : 7))] }
                let total = dims.reduce(1, *)
                var program = Program(dims)
                var bases: [UnsafeMutableRawPointer?] = []
                var sources: [(storage: Storage, offset: Int, strides: [Int])] = []
                for _ in 0..<3 {
                    // broadcast, reversed, transposed or dense in each dimension
                    var strides = [Int](repeating: 0, count: rank)
                    var size = 1
                    var offset = 0
                    for d in (0..<rank).shuffled(using: &random) where random.next() % 4 != 0 {
                        strides[d] = size
                        size *= dims[d]
                        if random.next() % 5 == 0 {
                            offset += strides[d] * (dims[d] - 1)
                            strides[d] = -strides[d]
                        }
                    }
                    if round % 3 == 0 { (strides, size, offset) = (rowMajor(dims), total, 0) }
                    let storage = Storage(type, numbers: (0..<size).map { _ in random.uniform(-4, 4).rounded() * 0.5 })
                    _ = program.input(type, strides)
                    bases.append(storage.at(offset))
                    sources.append((storage, offset, strides))
                }
                let product = program.add(HK_OP_MULTIPLY, type, 0, 1)
                let sum = program.add(HK_OP_ADD, type, product, 2)
                let less = program.add(HK_OP_LT, type, sum, 2)
                let choice = program.add(HK_OP_SELECT, type, less, sum, 0)
                let output = Storage(type, count: total)
                let second = Storage(.bool, count: total)
                program.output(type, choice, rowMajor(dims))
                // the second output is stored with its dimensions reversed
                program.output(.bool, less, Array(rowMajor(dims.reversed()).reversed()))
                bases += [output.base, second.base]
                let status = atLevel(level) { program.run(bases, pool: round % 2 == 0 ? sharedPool.pointer : nil) }
                #expect(status == HK_OK)
                #expect(output.guardsIntact && second.guardsIntact)
                for (i, position) in positions(dims).enumerated() {
                    let v = sources.map { type.number($0.storage[$0.offset + dot($0.strides, position)]) }
                    func rounded(_ x: Double) -> Double {
                        type.isFloat ? type.number(type.bits(x)) : type.number(UInt64(bitPattern: Int64(x)))
                    }
                    let s = rounded(rounded(v[0] * v[1]) + v[2])
                    let want = s < v[2] ? s : v[0]
                    let at = dot(Array(rowMajor(dims.reversed()).reversed()), position)
                    try #require(
                        type.number(output[i]) == want && second[at] == (s < v[2] ? 1 : 0), "\(dims) \(position)")
                }
            }
        }

        /// [rows, cols] with a row vector, a column vector and an immediate: sizes on both sides of the tile.
        @Test(arguments: [1, 3, 31, 384, 1000, 2500], levels)
        func rowAndColumnVectors(cols: Int, level: Int) {
            let rows = 37
            var random = Random(cols)
            let x = Storage(.float32, numbers: random.floats(rows * cols))
            let row = Storage(.float32, numbers: random.floats(cols))
            let column = Storage(.float32, numbers: random.floats(rows))
            let output = Storage(.float32, count: rows * cols)
            var program = Program([rows, cols])
            _ = program.input(.float32, [cols, 1])
            _ = program.input(.float32, [0, 1])
            _ = program.input(.float32, [1, 0])
            _ = program.immediate(.float32, Scalar.float32.bits(0.25))
            let a = program.add(HK_OP_ADD, .float32, 0, 1)
            let b = program.add(HK_OP_MULTIPLY, .float32, a, 2)
            let c = program.add(HK_OP_SUBTRACT, .float32, b, 3)
            program.output(.float32, c, [cols, 1])
            let status = atLevel(level) {
                program.run([x.base, row.base, column.base, nil, output.base], pool: sharedPool.pointer)
            }
            #expect(status == HK_OK && output.guardsIntact)
            let good = (0..<rows * cols).allSatisfy { i in
                output.floats[i] == (x.floats[i] + row.floats[i % cols]) * column.floats[i / cols] - 0.25
            }
            #expect(good)
        }

        @Test(arguments: oddSizes, levels)
        func inPlaceAndContraction(size: Int, level: Int) {
            var random = Random(size)
            for flags in [0, HK_REGION_CONTRACT] {
                let x = Storage(.float32, numbers: random.floats(size))
                let y = Storage(.float32, numbers: random.floats(size))
                let (px, py) = (x.numbers.map { Float($0) }, y.numbers.map { Float($0) })
                var program = Program([size])
                program.flags = UInt32(flags)
                _ = program.input(.float32, [1])
                _ = program.input(.float32, [1])
                let product = program.add(HK_OP_MULTIPLY, .float32, 0, 1)
                let sum = program.add(HK_OP_ADD, .float32, product, 0)
                let difference = program.add(HK_OP_SUBTRACT, .float32, sum, 1)
                // both outputs take the place of their inputs
                program.output(.float32, sum, [1])
                program.output(.float32, difference, [1])
                let status = atLevel(level) { program.run([x.base, y.base, x.base, y.base]) }
                #expect(status == HK_OK && x.guardsIntact && y.guardsIntact)
                for i in 0..<size {
                    let want = flags == 0 ? px[i] * py[i] + px[i] : px[i].addingProduct(px[i], py[i])
                    #expect(x.floats[i] == want)
                    #expect(y.floats[i] == want - py[i])
                }
            }
        }

        /// Larger than the caches: the streaming path, at an odd offset.
        @Test(arguments: levels)
        func streamingStores(level: Int) {
            let size = 6_300_003
            let x = Storage(.float32, count: size)
            for i in 0..<size { x.floats[i] = Float(i % 1001) }
            let output = Storage(.float32, count: size + 1)
            var program = Program([size])
            _ = program.input(.float32, [1])
            _ = program.immediate(.float32, Scalar.float32.bits(3))
            let result = program.add(HK_OP_ADD, .float32, 0, 1)
            program.output(.float32, result, [1])
            let status = atLevel(level) { program.run([x.base, nil, output.at(1)], pool: sharedPool.pointer) }
            #expect(status == HK_OK && output.guardsIntact)
            var wrong = 0
            for i in 0..<size where output.floats[i + 1] != Float(i % 1001) + 3 { wrong += 1 }
            #expect(wrong == 0)
        }

        @Test(arguments: Scalar.all, levels)
        func convertsInsideARegion(from: Scalar, level: Int) {
            var random = Random(Int(from.code))
            let size = 300
            let x = Storage(from, (0..<size).map { _ in random.bits(from) })
            for to in Scalar.all {
                var program = Program([size])
                _ = program.input(from, [1])
                let result = program.add(HK_OP_CONVERT, to, from: from, 0)
                program.output(to, result, [1])
                let output = Storage(to, count: size)
                let direct = Storage(to, count: size)
                atLevel(level) {
                    #expect(program.run([x.base, output.base]) == HK_OK)
                    #expect(hk_convert(to.code, from.code, direct.base, x.base, Int64(size), nil) == HK_OK)
                }
                #expect(output.guardsIntact)
                #expect((0..<size).allSatisfy { to.same(output[$0], direct[$0]) }, "\(from.name) to \(to.name)")
            }
        }

        @Test(arguments: [
            (Scalar.float32, Scalar.int32), (.int32, .float32), (.float16, .int16), (.uint16, .bfloat16),
            (.float16, .bfloat16), (.float64, .uint64), (.e4m3, .uint8), (.int8, .uint8),
        ])
        func bitcasts(from: Scalar, to: Scalar) {
            var random = Random(3)
            let size = 777
            let x = Storage(from, (0..<size).map { _ in random.bits(from) })
            for i in 0..<size where from.isNaN(x[i]) || to.isNaN(x[i]) { x[i] = from.bits(1) }
            let output = Storage(to, count: size)
            #expect(
                hk_apply(UInt16(HK_OP_BITCAST), to.code, from.code, output.base, x.base, nil, nil, Int64(size)) == HK_OK
            )
            #expect(output.bits == x.bits)
        }

        @Test func refusesBadPrograms() {
            var region: OpaquePointer?
            func status(_ build: (inout Program) -> Void, _ dims: [Int] = [4]) -> Int {
                var program = Program(dims)
                build(&program)
                return Int(program.prepare(&region))
            }
            // a register that nothing defines
            #expect(
                status { p in
                    _ = p.input(.float32, [1])
                    p.output(.float32, p.add(HK_OP_ADD, .float32, 0, 9), [1])
                } == HK_ERR_ARGUMENT)
            // a register used before it is defined
            #expect(
                status { p in
                    _ = p.input(.float32, [1])
                    p.instructions.append(
                        hk_instr(op: UInt16(HK_OP_ADD), type: UInt8(HK_F32), from_type: 0, dst: 1, a: 0, b: 2, c: 0))
                    p.instructions.append(
                        hk_instr(op: UInt16(HK_OP_ADD), type: UInt8(HK_F32), from_type: 0, dst: 2, a: 0, b: 0, c: 0))
                    p.output(.float32, 2, [1])
                } == HK_ERR_ARGUMENT)
            // operands of different types
            #expect(
                status { p in
                    _ = p.input(.float32, [1])
                    _ = p.input(.int32, [1])
                    p.output(.float32, p.add(HK_OP_ADD, .float32, 0, 1), [1])
                } == HK_ERR_TYPE)
            // an output that does not step
            #expect(
                status { p in
                    _ = p.input(.float32, [1])
                    p.output(.float32, p.add(HK_OP_NEGATE, .float32, 0), [0])
                } == HK_ERR_SHAPE)
            #expect(status({ _ in }, [-1]) == HK_ERR_SHAPE)
            #expect(status({ _ in }, [Int.max, 4]) == HK_ERR_SHAPE)
            #expect(status({ _ in }, [1, 1, 1, 1, 1, 1, 1, 1, 1]) == HK_ERR_SHAPE)
            // more live registers than a tile has room for
            #expect(
                status { p in
                    for _ in 0..<400 { _ = p.immediate(.float64, 0) }
                    p.output(.float64, p.add(HK_OP_ADD, .float64, 0, 1), [1])
                } == HK_ERR_LIMIT)
            #expect(hk_region_prepare(nil, nil) == HK_ERR_ARGUMENT)
            #expect(hk_region_prepare(&region, nil) == HK_ERR_ARGUMENT)
            hk_region_destroy(nil)
        }

        /// 100 live registers: small tiles, many of them.
        @Test func manyRegisters() {
            let size = 5000
            var random = Random(1)
            let x = Storage(.float32, numbers: random.floats(size))
            var program = Program([size])
            _ = program.input(.float32, [1])
            var registers: [UInt16] = []
            for _ in 0..<100 { registers.append(program.add(HK_OP_ADD, .float32, registers.last ?? 0, 0)) }
            var total = registers[0]
            for register in registers.dropFirst() { total = program.add(HK_OP_MAXIMUM, .float32, total, register) }
            program.output(.float32, total, [1])
            let output = Storage(.float32, count: size)
            #expect(program.run([x.base, output.base], pool: sharedPool.pointer) == HK_OK)
            for i in 0..<size {
                var (sum, best) = (x.floats[i] + x.floats[i], x.floats[i] + x.floats[i])
                for _ in 1..<100 {
                    sum += x.floats[i]
                    best = max(best, sum)
                }
                #expect(output.floats[i] == best)
            }
        }
    }
}
