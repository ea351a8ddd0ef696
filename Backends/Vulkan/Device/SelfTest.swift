// Heterodyne: measures what a device's own arithmetic is worth.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Measures what a device's own arithmetic is worth: runs it over operands that are hard to round and compares the bits
/// with the processor's, which IEEE 754 binds.
struct SelfTest {
    let target: KernelTarget
    /// Runs kernels on buffers and gives the content of each last buffer.
    let run: ([Job]) throws(BackendError) -> [[UInt8]]

    /// A kernel with the contents of its buffers but the last, which takes `resultByteCount` bytes of results.
    struct Job {
        var recipe: any KernelRecipe
        var inputs: [[UInt8]]
        var resultByteCount: Int
        var grid: Grid
        /// How many invocations have something to do.
        var count: Int
    }

    /// The measurement: one submission.
    func arithmetic() throws(BackendError) -> KernelTarget.Arithmetic {
        let single = Operands<Float>()
        let double = Operands<Double>()
        var jobs = [job(single, .float32)]
        let has64 = target.features.contains(.float64)
        if has64 { jobs.append(job(double, .float64)) }
        let narrow = NarrowingRecipe()
        let has16 = target.features.isSuperset(of: [.float16, .storage16])
        let halves = Self.narrowingOperands
        if has16 {
            let grid = Grid.linear(workgroups: (halves.count + 63) / 64)
            let bytes = halves.withUnsafeBytes { Array($0) }
            jobs.append(
                Job(recipe: narrow, inputs: [bytes], resultByteCount: halves.count * 2, grid: grid, count: halves.count)
            )
        }
        // With the error of a product by multiply-add and without: which of the two counts is known afterwards.
        let pairs = EmulationSelfTest.operands
        for fuses in [false, true] {
            jobs.append(
                Job(
                    recipe: PairRecipe(fuses: fuses),
                    inputs: [pairs.a, pairs.b].map { list in list.withUnsafeBytes { Array($0) } },
                    resultByteCount: pairs.a.count * EmulationSelfTest.resultCount * 4,
                    grid: Grid((pairs.a.count + 63) / 64), count: pairs.a.count))
        }
        let results = try run(jobs)
        let first = single.judge(results[0])
        let second = has64 ? double.judge(results[1]) : nil
        var narrows = false
        if has16 {
            let bytes = results[has64 ? 2 : 1]
            let got = bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) }
            narrows = zip(halves, got).allSatisfy { value, bits in
                value.isNaN ? Float16(bitPattern: bits).isNaN : Float16(value).bitPattern == bits
            }
        }
        let fuses = first.fuses && second?.fuses ?? true
        let words = results[results.count - (fuses ? 1 : 2)].withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) }
        return KernelTarget.Arithmetic(
            dividesExactly: first.divides, rootsExactly: first.roots, dividesExactly64: second?.divides ?? false,
            rootsExactly64: second?.roots ?? false, fuses: fuses,
            narrowsToHalfExactly: narrows, keepsDenormals: first.keepsDenormals && second?.keepsDenormals ?? true,
            keepsSpecials: first.keepsSpecials && second?.keepsSpecials ?? true,
            keepsErrorTerms: EmulationSelfTest.fault(words) == nil)
    }

    private func job<T: ProbedFloat>(_ operands: Operands<T>, _ type: ScalarType) -> Job {
        let count = operands.a.count
        let inputs = [operands.a, operands.b, operands.c].map { list in list.withUnsafeBytes { Array($0) } }
        return Job(
            recipe: ArithmeticRecipe(type: type, count: count), inputs: inputs,
            resultByteCount: count * Probe.allCases.count * MemoryLayout<T>.size,
            grid: Grid.linear(workgroups: (count + 63) / 64), count: count)
    }

    /// Numbers around the halfway points and ends of float16.
    private static var narrowingOperands: [Float] {
        var list: [Float] = [0, -0.0, .infinity, -.infinity, .nan, 65_504, 65_519.996, 65_520, 1e-8, -2.98e-8, 2.99e-8]
        for bits in stride(from: UInt16(0), to: 0x7c00, by: 37) {
            let (low, high) = (Float(Float16(bitPattern: bits)), Float(Float16(bitPattern: bits + 1)))
            if high.isInfinite { continue }
            let middle = (low + high) / 2
            list += [low, middle, middle.nextUp, -middle.nextDown]
        }
        return list
    }
}

/// The operations that are measured, in the order of their results.
private enum Probe: Int, CaseIterable {
    case divide, root, multiplyAdd, add, multiply, minimum, maximum, comparisons
}

/// out[p n + i] = the p-th operation on a[i], b[i], c[i].
private struct ArithmeticRecipe: KernelRecipe {
    var type: ScalarType
    var count: Int

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("self_test_\(type == .float64 ? 64 : 32)", workgroup: [64, 1, 1])
        let element = KernelType(type)
        let (a, b, c) = (k.buffer("a", element, .read), k.buffer("b", element, .read), k.buffer("c", element, .read))
        let out = k.buffer("out", element, .readWrite)
        let n = k.pushConstant("n", .u32)
        let i = k.linearInvocation(width: 64, .u32)
        k.if(i .< n) {
            let (x, y, z) = (a[i], b[i], c[i])
            let one = k.constant(1, element)
            let zero = k.constant(0, element)
            var flags = k.select(x .< y, one, zero)
            flags = flags + k.select(x .<= y, one + one, zero)
            flags = flags + k.select(x .== y, k.constant(4, element), zero)
            flags = flags + k.select(x .!= y, k.constant(8, element), zero)
            flags = flags + k.select(x.isNaN, k.constant(16, element), zero)
            flags = flags + k.select(x.isInfinite, k.constant(32, element), zero)
            let results = [
                x / y, x.magnitude.squareRoot, k.multiplyAdd(x, y, z), x + y, x * y, x.minimum(y), x.maximum(y), flags,
            ]
            for (index, result) in results.enumerated() { out[i + n * index] = result }
        }
        return try k.finish()
    }
}

/// out[i] = a[i] as float16.
private struct NarrowingRecipe: KernelRecipe {
    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("self_test_16", workgroup: [64, 1, 1])
        let (a, out) = (k.buffer("a", .f32, .read), k.buffer("out", .f16, .readWrite))
        let n = k.pushConstant("n", .u32)
        let i = k.linearInvocation(width: 64, .u32)
        k.if(i .< n) { out[i] = a[i].converted(to: .float16) }
        return try k.finish()
    }
}

/// Sums and products of float32 with their errors.
private struct PairRecipe: KernelRecipe {
    var fuses: Bool

    func build(for target: KernelTarget) throws(KernelError) -> Kernel { try EmulationSelfTest.kernel(fuses: fuses) }
}

/// Floats whose operands can be chosen bit by bit.
private protocol ProbedFloat: BinaryFloatingPoint, BitwiseCopyable where RawSignificand: FixedWidthInteger {}
extension Float: ProbedFloat {}
extension Double: ProbedFloat {}

/// Operands that are hard to round, and the verdict on what a device made of them.
private struct Operands<T: ProbedFloat> {
    var a: [T] = []
    var b: [T] = []
    var c: [T] = []

    /// What was found.
    struct Verdict {
        var divides = true
        var roots = true
        var fuses = true
        var keepsDenormals = true
        var keepsSpecials = true
    }

    init() {
        // A linear congruential sequence: the same operands on every machine.
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 11
        }
        func number(_ spread: Int) -> T {
            let significand =
                T.RawSignificand(truncatingIfNeeded: next()) & ((1 << T.RawSignificand(T.significandBitCount)) - 1)
            let exponent = Int(next() % UInt64(2 * spread + 1)) - spread
            let bias = (1 << (T.exponentBitCount - 1)) - 1
            return T(
                sign: next() & 1 == 0 ? .plus : .minus, exponentBitPattern: T.RawExponent(bias + exponent),
                significandBitPattern: significand)
        }
        for round in 0..<512 {
            let (x, y) = (number(20), number(20))
            // The quotient of a rounded product and a factor is next to a number, the root of a rounded square too.
            for numerator in [x, (x * y), (x * y).nextUp, (x * x).nextDown] {
                a.append(numerator)
                b.append(y)
                // A product that nearly cancels shows whether it was rounded.
                c.append(round % 2 == 0 ? -(numerator * y) : number(20))
            }
        }
        let tiny = T.leastNormalMagnitude
        let specials: [T] = [
            0, -0.0, 1, -1, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, tiny,
            T.leastNonzeroMagnitude, -T.leastNonzeroMagnitude, tiny.nextDown, tiny / 2, tiny * 3, 2, 0.5,
        ]
        for x in specials {
            for y in specials {
                a.append(x)
                b.append(y)
                c.append(0)
            }
        }
    }

    /// Compares results with the processor's.
    func judge(_ bytes: [UInt8]) -> Verdict {
        var verdict = Verdict()
        bytes.withUnsafeBytes { raw in
            let results = raw.bindMemory(to: T.self)
            guard results.count == a.count * Probe.allCases.count else {
                verdict = Verdict(
                    divides: false, roots: false, fuses: false, keepsDenormals: false, keepsSpecials: false)
                return
            }
            for i in a.indices { judge(i, { results[$0.rawValue * a.count + i] }, &verdict) }
        }
        return verdict
    }

    private func judge(_ i: Int, _ result: (Probe) -> T, _ verdict: inout Verdict) {
        let (x, y, z) = (a[i], b[i], c[i])
        func same(_ probe: Probe, _ expected: T) -> Bool {
            let got = result(probe)
            return expected.isNaN ? got.isNaN : got == expected && got.sign == expected.sign
        }
        func isNormal(_ values: T...) -> Bool { values.allSatisfy { !$0.isSubnormal } }
        let (sum, product, quotient, root) = (x + y, x * y, x / y, x.magnitude.squareRoot())
        let fused = z.addingProduct(x, y)
        let isOrdinary = isNormal(x, y)
        if isOrdinary, isNormal(quotient), !same(.divide, quotient) { verdict.divides = false }
        if isNormal(x), !same(.root, root) { verdict.roots = false }
        if isOrdinary, isNormal(z, fused), !same(.multiplyAdd, fused) { verdict.fuses = false }
        if !isNormal(x, y, sum, product), !same(.add, sum) || !same(.multiply, product) {
            verdict.keepsDenormals = false
        }
        guard isOrdinary, !(x == 0 && y == 0) else { return }
        let isUnordered = x.isNaN || y.isNaN
        let flags: T =
            (x < y ? 1 : 0) + (x <= y ? 2 : 0) + (x == y ? 4 : 0) + (x != y ? 8 : 0) + (x.isNaN ? 16 : 0)
            + (x.isInfinite ? 32 : 0)
        if isNormal(sum), !same(.add, sum) { verdict.keepsSpecials = false }
        if isNormal(product), !same(.multiply, product) { verdict.keepsSpecials = false }
        if !same(.minimum, isUnordered ? .nan : Swift.min(x, y)) { verdict.keepsSpecials = false }
        if !same(.maximum, isUnordered ? .nan : Swift.max(x, y)) { verdict.keepsSpecials = false }
        if !same(.comparisons, flags) { verdict.keepsSpecials = false }
    }
}
