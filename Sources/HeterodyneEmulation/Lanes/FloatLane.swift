// Heterodyne: what emulation is written in: float32 and 32-bit words, on whatever computes them.
// SPDX-License-Identifier: Apache-2.0

/// float32 numbers that are computed with together: one number on the host, a tensor of a graph, a register of a kernel.
///
/// Algorithms over lanes compute what their formulas say only where every operation rounds by itself: sums, differences,
/// products and quotients to nearest even, nothing contracted, nothing reassociated. Whoever implements lanes forbids
/// contraction for what they make, and a device is trusted with it only after its self-test.
public protocol FloatLane {
    /// The words of the same lanes.
    associatedtype Word: WordLane where Word.Number == Self, Word.Mask == Mask
    /// The truth values of the same lanes.
    associatedtype Mask: MaskLane

    /// `value` in every lane.
    func like(_ value: Float) -> Self

    /// a + b, rounded to nearest even.
    static func + (a: Self, b: Self) -> Self
    /// a - b, rounded to nearest even.
    static func - (a: Self, b: Self) -> Self
    /// a b, rounded to nearest even.
    static func * (a: Self, b: Self) -> Self
    /// a / b, rounded to nearest even or to one of the two neighbours.
    static func / (a: Self, b: Self) -> Self
    /// -x, exact, NaN and zero included.
    static prefix func - (x: Self) -> Self
    /// |x|
    var magnitude: Self { get }
    /// The largest integer that is not above x.
    var floor: Self { get }
    /// The square root, rounded to nearest even or to one of the two neighbours.
    var squareRoot: Self { get }

    /// a < b; false where one is NaN.
    func isLess(than b: Self) -> Mask
    /// a <= b; false where one is NaN.
    func isLessOrEqual(to b: Self) -> Mask
    /// a = b; false where one is NaN, true for zeros of both signs.
    func isEqual(to b: Self) -> Mask
    /// The first where the mask is true, else the second; moves bits.
    static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self

    /// The bits.
    var bits: Word { get }
    /// The integer part of a number from 0 to less than 2^32; anything for other numbers.
    var truncatedWord: Word { get }

    /// The product as a rounded product and its exact error, `a b = high + low`, where neither overflows nor falls
    /// below the normal numbers. The default splits the factors (Dekker 1971); lanes with a multiply-add that rounds
    /// once use that.
    func exactProduct(_ b: Self) -> (high: Self, low: Self)
}

/// 32-bit words in the same lanes as some floats; arithmetic wraps.
public protocol WordLane {
    /// The floats of the same lanes.
    associatedtype Number: FloatLane where Number.Word == Self, Number.Mask == Mask
    /// The truth values of the same lanes.
    associatedtype Mask: MaskLane

    /// `value` in every lane.
    func like(_ value: UInt32) -> Self

    /// a + b modulo 2^32.
    static func + (a: Self, b: Self) -> Self
    /// a - b modulo 2^32.
    static func - (a: Self, b: Self) -> Self
    /// a b modulo 2^32.
    static func * (a: Self, b: Self) -> Self
    /// Bitwise and.
    static func & (a: Self, b: Self) -> Self
    /// Bitwise or.
    static func | (a: Self, b: Self) -> Self
    /// Bitwise exclusive or.
    static func ^ (a: Self, b: Self) -> Self
    /// Bitwise complement.
    static prefix func ~ (a: Self) -> Self
    /// a 2^b modulo 2^32, for b from 0 to 31.
    func shiftedLeft(by b: Self) -> Self
    /// floor(a / 2^b), for b from 0 to 31.
    func shiftedRight(by b: Self) -> Self
    /// The whole product a b as two words. The default multiplies halves of 16 bits; lanes with an instruction for the
    /// upper word use that.
    func fullProduct(_ b: Self) -> (low: Self, high: Self)

    /// a < b as unsigned numbers.
    func isLess(than b: Self) -> Mask
    /// a = b
    func isEqual(to b: Self) -> Mask
    /// The first where the mask is true, else the second.
    static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self

    /// The float with these bits.
    var asFloat: Number { get }
    /// The unsigned number, rounded to nearest even.
    var toFloat: Number { get }
}

/// Truth values in lanes.
public protocol MaskLane {
    /// Both.
    static func & (a: Self, b: Self) -> Self
    /// Either.
    static func | (a: Self, b: Self) -> Self
    /// Not.
    static prefix func ! (a: Self) -> Self
}
