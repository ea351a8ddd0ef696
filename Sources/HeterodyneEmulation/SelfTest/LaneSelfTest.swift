// Heterodyne: with what a device shows that its float32 lanes carry emulated float64.
// SPDX-License-Identifier: Apache-2.0

/// A self-test of lanes: formulas, numbers to put into them, and a judge of what comes out.
///
/// A caller makes the four inputs of a formula known to the device (tensors of a graph, buffers of a kernel), evaluates the
/// formula over lanes of that device, and gives what came back to `verify`. A device that contracts a product and a sum,
/// reassociates sums, computes with more digits than float32 has, folds constants otherwise than it computes, rounds
/// otherwise than to nearest even, loses low parts or mistakes zeros, infinities and NaN fails, and must not emulate.
/// All inputs and results are normal numbers, zeros, infinities or NaN; subnormal numbers are left to the device.
public enum LaneSelfTest {
    /// What is computed.
    public enum Formula: String, Sendable, Hashable, CaseIterable {
        /// The sum of a and b and its error.
        case sum
        /// The same for |a| >= |b| with three operations.
        case orderedSum
        /// The product of a and b and its error.
        case product
        /// a b + c with c = -(a b) rounded: 0 unless product and sum are contracted.
        case separateProduct
        /// (a + b) - a and a - (a - b): what is left of b at the place of a, unless sums are reassociated.
        case keptOrder
        /// 4097 a - (4097 a - a) and the rest: the first 12 bits of a and the others (Veltkamp's splitting).
        case split
        /// (a + 1.5 2^23) - 1.5 2^23 with a constant that compilers like to cancel: a rounded to an integer.
        case rounded
        /// Sums of constants alone, which a compiler folds, added to a.
        case constants
        /// Whole numbers to words and back, and floor.
        case integers
        /// The sum of two pairs.
        case pairSum
        /// The product of two pairs.
        case pairProduct
        /// The quotient of two pairs; judged by its bound because quotients of lanes may differ.
        case pairQuotient
        /// The square root of |x|, likewise.
        case pairRoot
        /// Sum, product and larger of zeros, infinities, NaN and numbers that overflow.
        case special
    }

    /// The results of a formula: the same number of lanes for every lane type.
    public static func evaluate<Lane: FloatLane>(
        _ formula: Formula, _ a: Lane, _ b: Lane, _ c: Lane, _ d: Lane
    ) -> [Lane] {
        let (x, y) = (DoubleSingle(high: a, low: c), DoubleSingle(high: b, low: d))
        switch formula {
        case .sum:
            let sum = a.exactSum(b)
            return [sum.high, sum.low]
        case .orderedSum:
            let swaps = a.magnitude.isLess(than: b.magnitude)
            let sum = Lane.select(swaps, b, a).exactSum(ofSmaller: Lane.select(swaps, a, b))
            return [sum.high, sum.low]
        case .product:
            let product = a.exactProduct(b)
            return [product.high, product.low]
        case .separateProduct: return [a * b + c, c + a * b, a * b - (-c)]
        case .keptOrder: return [(a + b) - a, a - (a - b), b - ((a + b) - a)]
        case .split:
            let scaled = a.like(4097) * a
            let high = scaled - (scaled - a)
            return [high, a - high]
        case .rounded:
            let magic = a.like(0x1.8p23)
            return [(a + magic) - magic, a - ((a + magic) - magic)]
        case .constants:
            let (large, one, third) = (a.like(0x1p24), a.like(1), a.like(0x1.555556p-2))
            let product = third.exactProduct(a.like(0x1.99999ap-4))
            return [a + ((large + one) - large), a + ((one + a.like(0x1p-24)) - one), a * product.low]
        case .integers:
            let word = a.magnitude.truncatedWord
            return [word.toFloat, (word | word.like(1)).toFloat, a.floor]
        case .pairSum: return (x + y).parts
        case .pairProduct: return (x * y).parts
        case .pairQuotient: return (x / y).parts
        case .pairRoot: return x.magnitude.squareRoot.parts
        case .special: return (x + y).parts + (x * y).parts + x.maximum(y).parts
        }
    }

    /// The inputs of a formula, one element per lane.
    public struct Inputs: Sendable {
        /// The first operand, or the first part of the first pair.
        public internal(set) var a: [Float] = []
        /// The second operand, or the first part of the second pair.
        public internal(set) var b: [Float] = []
        /// The third operand, or the second part of the first pair.
        public internal(set) var c: [Float] = []
        /// The second part of the second pair.
        public internal(set) var d: [Float] = []
    }

    /// A result that is not what it must be.
    public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// What was computed.
        public var formula: Formula
        /// Which of the inputs.
        public var lane: Int
        /// The inputs there.
        public var inputs: [Float]
        /// What must come out.
        public var expected: [Float]
        /// What came out.
        public var found: [Float]

        /// One line for reports.
        public var description: String {
            "self-test \(formula.rawValue): for \(inputs) the device computed \(found) and not \(expected); "
                + "it does not keep float32 arithmetic as written, so that emulated float64 would be wrong on it"
        }
    }

    /// The first result that is not what it must be, or nil. `results` has what `evaluate` gave, each with one element per
    /// lane; one of another shape is a failure as well.
    public static func verify(_ formula: Formula, _ results: [[Float]]) -> Failure? {
        let inputs = inputs(of: formula)
        for lane in inputs.a.indices {
            let numbers = [inputs.a[lane], inputs.b[lane], inputs.c[lane], inputs.d[lane]]
            let lanes = numbers.map { HostFloat($0) }
            let expected = evaluate(formula, lanes[0], lanes[1], lanes[2], lanes[3]).map(\.value)
            let found = results.map { lane < $0.count ? $0[lane] : .nan }
            let isRight =
                switch formula {
                case .pairQuotient: isNear(found, expected, DoubleSingleFormat.bound(.divide))
                case .pairRoot: isNear(found, expected, DoubleSingleFormat.bound(.squareRoot))
                default:
                    found.count == expected.count
                        && zip(found, expected).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
                }
            if !isRight {
                return Failure(formula: formula, lane: lane, inputs: numbers, expected: expected, found: found)
            }
        }
        return nil
    }

    /// Whether two pairs are at most twice a bound apart: each may be off by it.
    private static func isNear(_ found: [Float], _ expected: [Float], _ bound: Double) -> Bool {
        guard found.count == 2, expected.count == 2 else { return false }
        let (x, y) = (Double(found[0]) + Double(found[1]), Double(expected[0]) + Double(expected[1]))
        return (x - y).magnitude <= 2 * bound * DoubleSingleFormat.unit * y.magnitude
            && found[0] + found[1] == found[0]
    }
}

extension DoubleSingle {
    /// Both parts.
    fileprivate var parts: [Lane] { [high, low] }
}
