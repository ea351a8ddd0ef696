// Heterodyne: kernels whose 64-bit integers are two words compute the same bits.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@Suite("Kernels with 64-bit integers as two words")
struct IntegerEmulationTests {
    /// Numbers at the edges of words, and others; pairs of all.
    static let operands: [(UInt64, UInt64)] = {
        var list: [UInt64] = [
            0, 1, 2, 3, 63, 64, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, 1 << 53,
            (1 << 53) + 1, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0x8000_0000_0000_0001, .max - 1, .max,
            0xffff_ffff_0000_0000, 0xffff_ffff_7fff_ffff,
        ]
        var random = Sequence64()
        for bits in [8, 24, 33, 47, 64] { for _ in 0..<3 { list.append(random.next() >> UInt64(64 - bits)) } }
        return list.flatMap { a in list.map { (a, $0) } }
    }()

    static let functions: [EmulatedFunction] = [
        EmulatedFunction("add") { $1 + $2 }, EmulatedFunction("subtract") { $1 - $2 },
        EmulatedFunction("multiply") { $1 * $2 }, EmulatedFunction("and") { $1 & $2 },
        EmulatedFunction("or") { $1 | $2 }, EmulatedFunction("xor") { $1 ^ $2 }, EmulatedFunction("not") { ~($1 ^ $2) },
        EmulatedFunction("negate") { -($1 + $2) },
        EmulatedFunction("magnitude") { $1.type.isSigned ? ($1 ^ $2).magnitude : $1 },
        EmulatedFunction("minimum") { $1.minimum($2) }, EmulatedFunction("maximum") { $1.maximum($2) },
        EmulatedFunction("divide") { k, a, b in a / Self.divisor(k, b) },
        EmulatedFunction("remainder") { k, a, b in a % Self.divisor(k, b) },
        EmulatedFunction("shift left") { $1 << $2 }, EmulatedFunction("shift right") { $1 >> $2 },
        EmulatedFunction("less") { $1 .< $2 }, EmulatedFunction("less or equal") { $1 .<= $2 },
        EmulatedFunction("greater") { $1 .> $2 }, EmulatedFunction("greater or equal") { $1 .>= $2 },
        EmulatedFunction("equal") { $1 .== $2 }, EmulatedFunction("not equal") { $1 .!= $2 },
        EmulatedFunction("select") { k, a, b in k.select(a .< b, a, b) },
        EmulatedFunction("to int32") { ($1 + $2).converted(to: .int32) },
        EmulatedFunction("to uint32") { ($1 + $2).converted(to: .uint32) },
        EmulatedFunction("to int32 and back") { k, a, b in
            (a ^ b).converted(to: .int32).converted(to: a.type.scalar)
        },
        EmulatedFunction("to uint32 and back") { k, a, b in
            (a ^ b).converted(to: .uint32).converted(to: a.type.scalar)
        },
        EmulatedFunction("to float32") { ($1 ^ $2).converted(to: .float32) },
        EmulatedFunction("signs") { k, a, b in
            (a + b).converted(to: .int64).converted(to: .uint64).converted(to: a.type.scalar)
        },
        EmulatedFunction("bits") { k, a, b in (a - b).bitcast(to: a.type.with(scalar: .uint64)) },
    ]

    /// Something to divide by, for which division is defined.
    static func divisor(_ k: KernelBuilder, _ b: KernelValue) -> KernelValue {
        let safe = b | 1
        return k.select(safe .== ~safe.like(0), safe.like(3), safe)
    }

    @Test("give the bits of native ones", arguments: functions, [ScalarType.int64, .uint64])
    func operations(_ function: EmulatedFunction, _ scalar: ScalarType) throws {
        for width in [1, 2, 4] {
            let type = KernelType(scalar, width)
            var (a, b) = (Self.operands.map(\.0), Self.operands.map(\.1))
            while a.count % 8 != 0 {
                a.append(7)
                b.append(9)
            }
            let count = a.count / width
            let harness = EmulationHarness(types: [.int64])
            let kernel = try function.kernel(type)
            let (native, emulated) = try harness.both(
                kernel, [Bytes.of(a), Bytes.of(b)], resultByteCount: a.count * 8, groups: (count + 7) / 8,
                push: [UInt64(count)])
            #expect(native == emulated, "\(function.name) of \(type)")
        }
    }

    @Test("shift by constants", arguments: [0, 1, 7, 31, 32, 33, 47, 63, 64, 70], [ScalarType.int64, .uint64])
    func shifts(_ amount: Int, _ scalar: ScalarType) throws {
        let left = EmulatedFunction("left") { _, a, _ in a << amount }
        let right = EmulatedFunction("right") { _, a, _ in a >> amount }
        let bytes = Bytes.of(Self.operands.map { $0.0 ^ $0.1 })
        for function in [left, right] {
            let (native, emulated) = try EmulationHarness(types: [.uint64]).both(
                function.kernel(KernelType(scalar)), [bytes, bytes], resultByteCount: bytes.count,
                groups: (bytes.count + 63) / 64, push: [UInt64(bytes.count / 8)])
            #expect(native == emulated, "\(function.name) by \(amount)")
        }
    }

    @Test("convert from narrower numbers", arguments: [ScalarType.int64, .uint64])
    func widening(_ scalar: ScalarType) throws {
        let sources: [ScalarType] = [.int32, .uint32, .int16, .uint8, .bool]
        let words = Bytes.of(
            Self.operands.flatMap { [UInt32(truncatingIfNeeded: $0.0), UInt32(truncatingIfNeeded: $0.1)] })
        for source in sources {
            let widen = EmulatedFunction("from \(source)") { _, a, b in
                let narrow = source == .bool ? a .< b : (a ^ b).converted(to: source)
                return narrow.converted(to: scalar)
            }
            let count = words.count / 4
            let (native, emulated) = try EmulationHarness(types: [.int64]).both(
                widen.kernel(.u32), [words, Array(words.reversed())], resultByteCount: count * 8,
                groups: (count + 7) / 8,
                push: [UInt64(count)])
            #expect(native == emulated, "\(source) to \(scalar)")
        }
    }

    @Test("convert from and to floats", arguments: [ScalarType.int64, .uint64])
    func floats(_ scalar: ScalarType) throws {
        let limit: Float = scalar == .int64 ? 0x1p63 : 0x1p64
        var list: [Float] = [0, 0.5, 1, 1.75, 16_777_216, 3e9, 4_294_967_296, 1e13, limit.nextDown, 0x1.fffffep62]
        if scalar == .int64 { list += list.map { -$0 } + [-0x1p63] }
        let truncate = EmulatedFunction("from f32") { _, a, _ in a.converted(to: scalar) }
        let (native, emulated) = try EmulationHarness(types: [.int64]).both(
            truncate.kernel(.f32), [Bytes.of(list), Bytes.of(list)], resultByteCount: list.count * 8,
            groups: (list.count + 7) / 8, push: [UInt64(list.count)])
        #expect(native == emulated)
        // float64 stays: only its partner changes.
        let doubles = list.map(Double.init) + [4_503_599_627_370_497.5, 9_007_199_254_740_991]
        for source in [ScalarType.float64, scalar] {
            let function = EmulatedFunction("\(source)") { _, a, _ in
                a.converted(to: source == .float64 ? scalar : .float64)
            }
            let bytes = source == .float64 ? Bytes.of(doubles) : Bytes.of(Self.operands.map { $0.0 ^ $0.1 })
            let count = bytes.count / 8
            let (native, emulated) = try EmulationHarness(types: [.int64]).both(
                function.kernel(KernelType(source)), [bytes, bytes], resultByteCount: bytes.count,
                groups: (count + 7) / 8, push: [UInt64(count)])
            #expect(native == emulated, "from \(source)")
        }
    }

    @Test("reach memory, control flow and constants")
    func everything() throws {
        let k = KernelBuilder("everything", workgroup: [8])
        let x = k.buffer("x", .i64, .read)
        let y = k.buffer("y", .u64, .readWrite)
        let shared = k.workgroupArray("shared", .i64, count: 8)
        let table = k.table("table", .u64, [0x1_2345_6789, .max, 5, 0x8000_0000_0000_0000])
        let scale = k.pushConstant("scale", .i64)
        let bias = k.specialization("bias", id: 3, .u64, bits: 0xffff_ffff_0000_0001)
        let i = k.globalID(.x)
        let wide = i.converted(to: .int64)
        shared[k.localID(.x)] = x[wide] * scale
        k.barrier()
        let sum = k.variable(k.constant(0, .i64))
        k.loop(from: k.constant(-3, .i64), to: wide + 2, step: 2) { j in
            k.if(j .< 4) {
                sum.value = sum.value + j * shared[(i + 1) & 7]
            } else: {
                sum.value = sum.value - 1
            }
        }
        let count = k.variable(bias)
        k.while(count.value .> 0xffff_ffff) { count.value = count.value >> 3 }
        let lane = k.shuffleXor(sum.value, mask: k.constant(1, .u32))
        let far = k.broadcast(count.value, lane: k.constant(2, .u32))
        let parts = k.vector(sum.value, lane)
        y[i] = (parts[0] ^ parts[1]).bitcast(to: .u64) + far + table[i & 3]
        let kernel = try k.finish()
        var random = Sequence64()
        let bytes = Bytes.of((0..<16).map { _ in random.next() })
        let push: [UInt64] = [0xffff_fff5_4321_0003]
        let harness = EmulationHarness(types: [.int64])
        let (native, emulated) = try harness.both(kernel, [bytes], resultByteCount: 128, groups: 2, push: push)
        #expect(native == emulated)
        // Specialized: the low word by the number itself, the high one by its own.
        let bits: UInt64 = 0x12_3456_789a
        let lowered = try kernel.emulating([.uint64])
        let one = try harness.run(
            kernel, [bytes], resultByteCount: 128, groups: 2, push: push, specializations: [3: bits])
        let two = try harness.run(
            lowered, [bytes], resultByteCount: 128, groups: 2, push: push,
            specializations: [3: bits & 0xffff_ffff, 3 | Kernel.highWordID: bits >> 32])
        #expect(one == two && one != native)
        // The bytes of the push constants stay.
        #expect(try lowered.spirv().pushConstants == kernel.spirv().pushConstants)
    }

    @Test("are told from what has no emulated form")
    func refusals() throws {
        let k = KernelBuilder("atomic", workgroup: [8])
        let x = k.buffer("x", .u64, .readWrite)
        x.atomic(.add, k.constant(0, .u32), k.constant(1, .u64))
        let atomic = try k.finish()
        #expect(throws: KernelError.self) { try atomic.emulating([.uint64]) }
        let other = KernelBuilder("reduction", workgroup: [8])
        let y = other.buffer("y", .f64, .readWrite)
        y[0] = other.subgroup(.add, y[0])
        let reduction = try other.finish()
        #expect(throws: KernelError.self) { try reduction.emulating([.float64]) }
        #expect(throws: KernelError.self) { try reduction.emulating([.int32]) }
        // What has none of the types stays as it is.
        #expect(try reduction.emulating([.int64]) == reduction)
    }

    @Test("index memory by all of their bits where the device has them")
    func indices() throws {
        let k = KernelBuilder("far", workgroup: [8])
        let (x, y) = (k.buffer("x", .i64, .read), k.buffer("y", .i64, .write))
        let i = k.globalID(.x).converted(to: .uint64)
        y[i] = x[i] + 1
        let kernel = try k.finish()
        let lowered = try kernel.emulating([.int64], EmulationOptions(hasInt64: true))
        #expect(try lowered.spirv().capabilities.contains("Int64"))
        let bytes = Bytes.of((0..<8).map { Int64($0) << 31 })
        let harness = EmulationHarness(types: [.int64])
        #expect(
            try harness.run(lowered, [bytes], resultByteCount: 64, groups: 1)
                == harness.run(kernel, [bytes], resultByteCount: 64, groups: 1))
    }
}
