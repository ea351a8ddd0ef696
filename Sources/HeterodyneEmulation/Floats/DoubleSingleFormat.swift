// Heterodyne: what emulated float64 promises, as data.
// SPDX-License-Identifier: Apache-2.0

/// What `DoubleSingle` promises on every device whose float32 sums and products are rounded to nearest even, whose
/// quotients are within 2.5 units in the last place and whose square roots within 4, whether or not it keeps subnormal
/// numbers.
public enum DoubleSingleFormat {
    /// Significant bits that a pair holds at least.
    public static let precision = 48
    /// The unit in which bounds are given, relative to the exact result.
    public static let unit = 0x1p-48
    /// The exponent of the smallest normal number of the parts; below 2^-126 a number may be flushed to zero.
    public static let minimumExponent = -126
    /// The largest finite pair, just below 2^128 - 2^103. Larger results are infinity.
    public static let largest = 0x1p128 - 0x1p103 - 0x1p79
    /// From this magnitude on both parts of a pair are normal numbers. The relative bounds hold where operands and result
    /// are zero or not smaller.
    public static let smallestAccurate = 0x1p-78
    /// By how much a result below that may be off, and by how much an operand below that counts as changed, on devices that
    /// flush subnormal numbers to zero: the parts that are lost.
    public static let absoluteError = 0x1p-123

    /// The largest angle whose sine and cosine are computed; those of larger ones are NaN, because a pair does not hold
    /// these angles well enough.
    public static let largestAngle = 0x1p24
    /// The largest quotient whose remainder is computed; that of larger ones is NaN.
    public static let largestQuotient = 0x1p64

    /// What has a bound of its own.
    public enum Operation: String, Sendable, Hashable, CaseIterable {
        /// Rounding a float64 number to a pair.
        case fromFloat64
        /// Rounding a 64-bit integer to a pair.
        case fromInteger
        /// Sums and differences.
        case add
        /// Products.
        case multiply
        /// Quotients.
        case divide
        /// Square roots.
        case squareRoot
        /// Exponentials.
        case exponential
        /// Natural logarithms.
        case logarithm
        /// Sines, relative to the larger of |sin x| and 2^-49 |x|, which is how finely pairs hold x.
        case sine
        /// Cosines, likewise.
        case cosine
        /// Hyperbolic tangents.
        case hyperbolicTangent
        /// Powers x^y, of the result and per 1 + |y log x|.
        case power
        /// Remainders x mod y, relative to the larger of |y| and 2^-16 |x|.
        case remainder
    }

    /// The largest relative error of an operation in units of 2^-48.
    public static func bound(_ operation: Operation) -> Double {
        switch operation {
        case .fromFloat64: 0.5
        case .fromInteger: 1
        case .add: 3
        case .multiply: 5
        case .divide: 10
        case .squareRoot: 6
        case .exponential: 4
        case .logarithm: 12
        case .sine: 6
        case .cosine: 6
        case .hyperbolicTangent: 12
        case .power: 14
        case .remainder: 2
        }
    }
}
