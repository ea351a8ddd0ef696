// Heterodyne: whether a device keeps the errors of sums and products, on which pairs of float32 rest.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

/// A kernel that shows whether a device, with its driver's compiler, keeps what emulated float64 rests on: that each float32
/// sum and product is rounded by itself and none is contracted, reordered or simplified. Its results are unique, so that they
/// are compared bit by bit with those of the same formulas on the host.
///
/// The operands are pairs of numbers whose sums and products are hard: cancelling, halfway between two numbers, far apart, just
/// below powers of two. All results are normal numbers or zeros, so that devices that flush subnormal numbers pass.
public enum EmulationSelfTest {
    /// Words that the kernel writes for each pair of operands.
    public static let resultCount = 11

    /// The operands; both lists have the same length.
    public static let operands: (a: [Float], b: [Float]) = makeOperands()

    /// The kernel. Slots: the operands, the results (u32, `resultCount` lists one after the other). Push constant: how many
    /// operands there are.
    public static func kernel(fuses: Bool) throws(KernelError) -> Kernel {
        let k = KernelBuilder(fuses ? "self_test_pairs_fused" : "self_test_pairs", workgroup: [64])
        let (a, b) = (k.buffer("a", .f32, .read), k.buffer("b", .f32, .read))
        let out = k.buffer("out", .u32, .readWrite)
        let n = k.pushConstant("n", .u32)
        let i = k.globalID(.x)
        let options = EmulationOptions(fuses: fuses)
        k.if(i .< n) {
            let results = formulas(KernelFloat(a[i], options), KernelFloat(b[i], options))
            for (index, result) in results.enumerated() { out[i + n * index] = result.value }
        }
        return try k.finish()
    }

    /// What is wrong with a device that gave these words; nil where nothing is.
    public static func fault(_ words: [UInt32]) -> String? {
        let (a, b) = operands
        guard words.count == a.count * resultCount else {
            return "the self-test of error-free sums and products gave \(words.count) words"
        }
        for i in a.indices {
            let expected = formulas(HostFloat(a[i]), HostFloat(b[i]))
            for (index, word) in expected.enumerated() where words[index * a.count + i] != word.value {
                return "\(names[index]) of \(a[i]) and \(b[i]) is \(hexadecimal(words[index * a.count + i])), not "
                    + "\(hexadecimal(word.value)): the driver does not keep error-free sums and products of float32"
            }
        }
        return nil
    }

    /// What each result is.
    private static let names = [
        "the sum", "the error of the sum", "the product", "the error of the product",
        "the high part of the product of pairs",
        "the low part of the product of pairs", "the high part of the sum of pairs", "the low part of the sum of pairs",
        "the sum with a constant taken off again", "the low word of the float64 of the pair",
        "the high word of the float64 of the pair",
    ]

    /// The formulas, on the host and in kernels.
    private static func formulas<Lane: FloatLane>(_ a: Lane, _ b: Lane) -> [Lane.Word] {
        let sum = a.exactSum(b)
        let product = a.exactProduct(b)
        let x = DoubleSingle(high: sum.high, low: sum.low)
        let y = DoubleSingle(high: product.high, low: product.low)
        let (times, plus) = (x * y, x + y)
        let magic = a.like(12_582_912)
        let bits = plus.float64Bits
        let back = DoubleSingle<Lane>(float64: bits)
        let moved = (a + magic) - magic
        return [
            sum.high, sum.low, product.high, product.low, times.high, times.low, back.high, back.low, moved,
        ].map(\.bits) + [bits.low, bits.high]
    }

    private static func makeOperands() -> (a: [Float], b: [Float]) {
        // A linear congruential sequence: the same operands on every machine.
        var state: UInt64 = 0x2545_f491_4f6c_dd1d
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 24
        }
        func number(_ spread: Int) -> Float {
            let exponent = Int(next() % UInt64(2 * spread + 1)) - spread
            let fraction = Float(next() & 0x7f_ffff) * 0x1p-23
            return Float(sign: next() & 1 == 0 ? .plus : .minus, exponent: exponent, significand: 1 + fraction)
        }
        var (a, b): ([Float], [Float]) = ([], [])
        func add(_ x: Float, _ y: Float) {
            a.append(x)
            b.append(y)
        }
        for _ in 0..<600 {
            let x = number(8)
            add(x, number(8))
            // Far apart, so that one of two is mostly or only an error.
            add(x, number(8) * 0x1p-20)
            // Nearly cancelling.
            add(x, -x.nextUp)
            add(x, -(x + number(0) * x.ulp))
            // Half a unit apart from a number, and just below a power of two.
            add(x, x.ulp / 2)
            add(x.binade.nextDown, x.ulp / 4)
        }
        return (a, b)
    }

    private static func hexadecimal(_ word: UInt32) -> String { "0x" + String(word, radix: 16) }
}
