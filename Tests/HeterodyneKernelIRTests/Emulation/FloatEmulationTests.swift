// Heterodyne: kernels whose float64 is a pair of float32 compute the same within the pair's bounds.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

/// A device that emulated kernels are tried on.
struct EmulatingDevice: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var fuses: Bool
    var floats: FloatBehaviour

    static let all = [
        EmulatingDevice(testDescription: "IEEE 754 with fused multiply-add", fuses: true, floats: .exact),
        EmulatingDevice(testDescription: "IEEE 754 without", fuses: false, floats: .exact),
        EmulatingDevice(
            testDescription: "the least that Vulkan promises", fuses: false,
            floats: FloatBehaviour(flushesDenormals: true, looseUnits: 2)),
    ]
}

@Suite("Kernels with float64 as pairs of float32")
struct FloatEmulationTests {
    /// Numbers that are pairs, so that nothing is lost when they are loaded: 48 bits, exponents of ordinary size.
    static let operands: [Double] = {
        var random = Sequence64(42)
        return (0..<256).map { index in
            let exponent = Int(random.next() % 40) - 20
            let high = Float(
                sign: .plus, exponent: exponent, significand: 1 + Float(random.next() % (1 << 23)) * 0x1p-23)
            let steps = Int64(random.next() % (1 << 24)) - (1 << 23)
            let number = Double(high) + Double(steps) * Double(high.ulp) * 0x1p-24
            return index % 3 == 0 ? -number : number
        }
    }()

    /// An operation and its bound in units of 2^-48 of the result; 0: exact.
    static let functions: [(EmulatedFunction, Double)] = [
        (EmulatedFunction("add") { $1 + $2 }, DoubleSingleFormat.bound(.add)),
        (EmulatedFunction("subtract") { $1 - $2 }, DoubleSingleFormat.bound(.add)),
        (EmulatedFunction("multiply") { $1 * $2 }, DoubleSingleFormat.bound(.multiply)),
        (EmulatedFunction("divide") { $1 / $2 }, DoubleSingleFormat.bound(.divide)),
        (EmulatedFunction("square root") { _, a, _ in a.magnitude.squareRoot }, DoubleSingleFormat.bound(.squareRoot)),
        // Of operands of one sign, so that nothing cancels.
        (
            EmulatedFunction("multiply-add") { k, a, b in k.multiplyAdd(a.magnitude, b.magnitude, a.magnitude) },
            DoubleSingleFormat.bound(.add) + DoubleSingleFormat.bound(.multiply)
        ),
        (EmulatedFunction("floor") { _, a, _ in a.floor }, 0),
        (EmulatedFunction("ceiling") { _, a, _ in a.ceiling }, 0),
        (EmulatedFunction("truncate") { _, a, _ in a.truncated }, 0),
        (EmulatedFunction("round") { _, a, _ in a.rounded }, 0),
        (EmulatedFunction("negate") { _, a, _ in -a }, 0),
        (EmulatedFunction("magnitude") { _, a, _ in a.magnitude }, 0),
        (EmulatedFunction("minimum") { $1.minimum($2) }, 0), (EmulatedFunction("maximum") { $1.maximum($2) }, 0),
        (EmulatedFunction("select") { k, a, b in k.select(a .< b, a, b) }, 0),
        (EmulatedFunction("select computed") { k, a, b in k.select(a .< b, -(-a), b) }, 0),
    ]

    @Test("stay within the bounds", arguments: functions.indices, EmulatingDevice.all)
    func arithmetic(_ index: Int, _ device: EmulatingDevice) throws {
        let (function, bound) = Self.functions[index]
        let (a, b) = (Self.operands, Array(Self.operands.reversed()))
        for width in [1, 2, 4] {
            var harness = EmulationHarness(types: [.float64])
            (harness.options.fuses, harness.floats) = (device.fuses, device.floats)
            let (native, emulated) = try harness.both(
                function.kernel(KernelType(.float64, width)), [Bytes.of(a), Bytes.of(b)],
                resultByteCount: a.count * 8, groups: a.count / width / 8, push: [UInt64(a.count / width)])
            let (expected, found) = (Bytes.list(native, as: Double.self), Bytes.list(emulated, as: Double.self))
            for i in a.indices {
                // The reference is rounded too, to 53 bits.
                let allowed = bound == 0 ? 0 : (bound + 0x1p-5) * DoubleSingleFormat.unit * expected[i].magnitude
                #expect(
                    (found[i] - expected[i]).magnitude <= allowed,
                    "\(function.name)(\(a[i]), \(b[i])) = \(found[i]), not \(expected[i])")
            }
        }
    }

    static let exactFunctions: [EmulatedFunction] = [
        EmulatedFunction("less") { $1 .< $2 }, EmulatedFunction("less or equal") { $1 .<= $2 },
        EmulatedFunction("greater") { $1 .> $2 }, EmulatedFunction("greater or equal") { $1 .>= $2 },
        EmulatedFunction("equal") { $1 .== $2 }, EmulatedFunction("not equal") { $1 .!= $2 },
        EmulatedFunction("is NaN") { _, a, _ in a.isNaN }, EmulatedFunction("is infinite") { _, a, _ in a.isInfinite },
        EmulatedFunction("to f32") { _, a, _ in a.converted(to: .float32) },
        EmulatedFunction("f32 and back") { _, a, _ in a.converted(to: .float32).converted(to: .float64) },
        EmulatedFunction("to i32") { _, a, _ in a.converted(to: .int32) },
        EmulatedFunction("to i64") { _, a, _ in a.converted(to: .int64) },
        EmulatedFunction("to u64") { _, a, _ in a.magnitude.converted(to: .uint64) },
        EmulatedFunction("integers and back") { _, a, _ in a.converted(to: .int32).converted(to: .float64) },
        EmulatedFunction("bits") { _, a, _ in a.bitcast(to: a.type.with(scalar: .uint64)) },
        EmulatedFunction("bits of computed") { _, a, _ in (-(-a)).bitcast(to: a.type.with(scalar: .int64)) },
        EmulatedFunction("bits and back") { k, a, b in
            let words = a.type.with(scalar: .uint64)
            let sign = k.constant(bits: 1 << 63, words)
            return ((a.bitcast(to: words) & ~sign) | (b.bitcast(to: words) & sign)).bitcast(to: a.type)
        },
    ]

    @Test(
        "are exact where float64 is", arguments: exactFunctions, [[ScalarType.float64], [.float64, .int64]])
    func exact(_ function: EmulatedFunction, _ types: [ScalarType]) throws {
        let (a, b) = (Self.operands, [Self.operands[0], Self.operands[1]] + Self.operands[..<254])
        for width in [1, 2, 4] {
            let (native, emulated) = try EmulationHarness(types: Set(types)).both(
                function.kernel(KernelType(.float64, width)), [Bytes.of(a), Bytes.of(b)],
                resultByteCount: a.count * 8, groups: a.count / width / 8, push: [UInt64(a.count / width)])
            #expect(native == emulated, "\(function.name), \(width)")
        }
    }

    @Test("keep every bit of what is only moved")
    func moved() throws {
        let bits: [UInt64] = [
            0x7ff0_dead_beef_0001, 0xfff8_0000_0000_0123, 0x0000_0000_0000_0001, 0x8000_0000_0000_0000,
            0x7fef_ffff_ffff_ffff, 0x3ff0_0000_0000_0001, 0x0010_0000_0000_0000, 0xc08f_ffff_ffff_ffff,
        ]
        let moves = [
            EmulatedFunction("copy") { _, a, _ in a },
            EmulatedFunction("select") { k, a, b in
                k.select((a.bitcast(to: a.type.with(scalar: .uint64)) & 1) .== 1, a, b)
            },
            EmulatedFunction("sign") { _, a, b in (-a).magnitude },
            EmulatedFunction("constant") { k, a, _ in
                k.select(a.isNaN, k.constant(bits: 0x3ff0_0000_0000_0001, a.type), k.constant(bits: 0x1, a.type))
            },
        ]
        for move in moves {
            for width in [1, 2, 4] {
                let (native, emulated) = try EmulationHarness(types: [.float64]).both(
                    move.kernel(KernelType(.float64, width)), [Bytes.of(bits), Bytes.of(bits.reversed() as [UInt64])],
                    resultByteCount: 64, groups: 1, push: [UInt64(8 / width)])
                #expect(native == emulated, "\(move.name), \(width)")
            }
        }
    }

    @Test("treat zeros, infinities and NaN as IEEE 754 does", arguments: EmulatingDevice.all)
    func specials(_ device: EmulatingDevice) throws {
        let values: [Double] = [0, -0.0, .infinity, -.infinity, .nan, 1, -2.5, 0x1p100]
        let pairs = values.flatMap { a in values.map { (a, $0) } }
        let functions = [
            EmulatedFunction("add") { $1 + $2 }, EmulatedFunction("subtract") { $1 - $2 },
            EmulatedFunction("multiply") { k, a, b in
                a * k.select(b.magnitude .> 0x1p90, k.constant(bits: 0x7ff << 52, a.type), b)
            },
            EmulatedFunction("divide") { $1 / $2 }, EmulatedFunction("root") { _, a, _ in a.squareRoot },
            EmulatedFunction("floor") { _, a, _ in a.floor }, EmulatedFunction("round") { _, a, _ in a.rounded },
            EmulatedFunction("minimum") { k, a, b in a.minimum(b) + 1 },
            EmulatedFunction("equal") { $1 .== $2 }, EmulatedFunction("not equal") { $1 .!= $2 },
            EmulatedFunction("less") { $1 .< $2 }, EmulatedFunction("at most") { $1 .<= $2 },
            EmulatedFunction("at least") { $1 .>= $2 },
        ]
        for function in functions {
            var harness = EmulationHarness(types: [.float64])
            (harness.options.fuses, harness.floats) = (device.fuses, device.floats)
            let (native, emulated) = try harness.both(
                function.kernel(.f64), [Bytes.of(pairs.map(\.0)), Bytes.of(pairs.map(\.1))], resultByteCount: 512,
                groups: 8, push: [64])
            if ["equal", "not equal", "less", "at most", "at least"].contains(function.name) {
                #expect(native == emulated, "\(function.name)")
                continue
            }
            let (expected, found) = (Bytes.list(native, as: Double.self), Bytes.list(emulated, as: Double.self))
            for (index, pair) in pairs.enumerated() {
                let (x, y) = (expected[index], found[index])
                let isSame =
                    x.isNaN
                    ? y.isNaN
                    : x.isZero || x.isInfinite
                        ? x == y && x.sign == y.sign
                        : (x - y).magnitude <= 10 * DoubleSingleFormat.unit * x.magnitude
                #expect(isSame, "\(function.name)\(pair) = \(y), not \(x)")
            }
        }
    }

    @Test("reach memory, control flow and constants", arguments: [[ScalarType.float64], [.float64, .uint64]])
    func everything(_ types: [ScalarType]) throws {
        let k = KernelBuilder("everything", workgroup: [8])
        let x = k.buffer("x", .f64, .read)
        let y = k.buffer("y", KernelType(.float64, 2), .readWrite)
        let shared = k.workgroupArray("shared", .f64, count: 8)
        let table = k.table("table", .f64, [0.1, -2.0 / 3, 1e-9, 3e20].map(\.bitPattern))
        let scale = k.pushConstant("scale", .f64)
        let bias = k.specialization("bias", id: 3, .f64, bits: (1.0 / 3).bitPattern)
        let i = k.globalID(.x)
        shared[k.localID(.x)] = x[i] * scale
        k.barrier()
        let sum = k.variable(bias)
        k.loop(from: k.constant(0, .i64), to: k.constant(5, .i64)) { j in
            let term = j.converted(to: .float64) * shared[(i + 1) & 7]
            k.if(term .> 0.5) {
                sum.value = sum.value + term
            } else: {
                sum.value = k.multiplyAdd(term, term, sum.value)
            }
        }
        let lane = k.shuffleXor(sum.value, mask: k.constant(1, .u32))
        let parts = k.vector(sum.value, lane.squareRoot + table[i & 3])
        y[i] = parts * parts.like(1.0 / 7)
        let kernel = try k.finish()
        let numbers = Self.operands[..<16].map { $0.magnitude }
        let (native, emulated) = try EmulationHarness(types: Set(types)).both(
            kernel, [Bytes.of(Array(numbers))], resultByteCount: 256, groups: 2, push: [(0.7).bitPattern])
        for (a, b) in zip(Bytes.list(native, as: Double.self), Bytes.list(emulated, as: Double.self)) {
            // Positive terms but for the table's: a few dozen operations.
            #expect((a - b).magnitude <= 100 * DoubleSingleFormat.unit * a.magnitude, "\(a) \(b)")
        }
    }

    @Test("are trusted to devices that keep errors, and to no others", arguments: EmulatingDevice.all)
    func selfTest(_ device: EmulatingDevice) throws {
        let (a, b) = EmulationSelfTest.operands
        func words(_ kernel: Kernel, fuses: Bool) throws -> [UInt32] {
            let bytes = try EmulationHarness(types: []).run(
                kernel, [Bytes.of(a), Bytes.of(b)], resultByteCount: a.count * 4 * EmulationSelfTest.resultCount,
                groups: (a.count + 63) / 64, push: [UInt64(a.count)], floats: device.floats, fuses: fuses)
            return Bytes.list(bytes, as: UInt32.self)
        }
        let kernel = try EmulationSelfTest.kernel(fuses: device.fuses)
        try Validator.expectValid(kernel, SPIRVOptions())
        var found = try words(kernel, fuses: device.fuses)
        #expect(EmulationSelfTest.fault(found) == nil)
        // Every single bit counts.
        for result in 0..<EmulationSelfTest.resultCount {
            found[result * a.count + 17 * result] ^= 1
            #expect(EmulationSelfTest.fault(found) != nil)
            found[result * a.count + 17 * result] ^= 1
        }
        // A multiply-add that rounds twice loses the error of a product.
        if device.fuses { #expect(try EmulationSelfTest.fault(words(kernel, fuses: false)) != nil) }
    }

    @Test("leave elementary functions to whoever emulates")
    func elementary() throws {
        let k = KernelBuilder("exp", workgroup: [8])
        let (x, y) = (k.buffer("x", .f64, .read), k.buffer("y", .f64, .write))
        let math = MathLibrary(k, emulatesFloat64: true)
        y[k.globalID(.x)] = math.exponential(x[k.globalID(.x)])
        let kernel = try k.finish()
        #expect(throws: KernelError.self) { try kernel.spirv() }
        let input = (0..<8).map { Double($0) / 3 }
        let bytes = try EmulationHarness(types: []).run(kernel, [Bytes.of(input)], resultByteCount: 64, groups: 1)
        let found = Bytes.list(bytes, as: Double.self)
        for (x, y) in zip(input, found) {
            // The series, which is as good as any library's here.
            var (sum, term) = (0.0, 1.0)
            for n in 1..<40 {
                sum += term
                term *= x / Double(n)
            }
            #expect((y - sum).magnitude <= 1e-15 * sum)
        }
    }
}
