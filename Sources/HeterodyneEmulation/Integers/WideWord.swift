// Heterodyne: 64-bit integers as two 32-bit words.
// SPDX-License-Identifier: Apache-2.0

/// A 64-bit integer `low + 2^32 high`, signed in two's complement where an operation is told so. Exact: every operation
/// gives the bits that the graph's primitives give for int64 and uint64.
public struct WideWord<Word: WordLane> {
    /// Bits 0 to 31.
    public var low: Word
    /// Bits 32 to 63.
    public var high: Word

    /// A number from its words.
    public init(low: Word, high: Word) {
        self.low = low
        self.high = high
    }

    /// An unsigned word.
    public init(zeroExtending word: Word) { self.init(low: word, high: word.like(0)) }

    /// A signed word.
    public init(signExtending word: Word) { self.init(low: word, high: word.signFill) }

    /// `value` in every lane.
    public func like(_ value: UInt64) -> Self {
        Self(low: low.like(UInt32(truncatingIfNeeded: value)), high: low.like(UInt32(truncatingIfNeeded: value >> 32)))
    }

    /// The sum modulo 2^64.
    public static func + (a: Self, b: Self) -> Self {
        let low = a.low + b.low
        return Self(low: low, high: a.high + b.high + low.one(where: low.isLess(than: a.low)))
    }

    /// The difference modulo 2^64.
    public static func - (a: Self, b: Self) -> Self {
        Self(low: a.low - b.low, high: a.high - b.high - a.low.one(where: a.low.isLess(than: b.low)))
    }

    /// The product modulo 2^64.
    public static func * (a: Self, b: Self) -> Self {
        let (low, high) = a.low.fullProduct(b.low)
        return Self(low: low, high: high + a.low * b.high + a.high * b.low)
    }

    /// Bitwise and.
    public static func & (a: Self, b: Self) -> Self { Self(low: a.low & b.low, high: a.high & b.high) }
    /// Bitwise or.
    public static func | (a: Self, b: Self) -> Self { Self(low: a.low | b.low, high: a.high | b.high) }
    /// Bitwise exclusive or.
    public static func ^ (a: Self, b: Self) -> Self { Self(low: a.low ^ b.low, high: a.high ^ b.high) }
    /// Bitwise complement.
    public static prefix func ~ (a: Self) -> Self { Self(low: ~a.low, high: ~a.high) }
    /// The negative modulo 2^64.
    public static prefix func - (a: Self) -> Self { a.like(0) - a }

    /// The first where the mask is true, else the second.
    public static func select(_ mask: Word.Mask, _ a: Self, _ b: Self) -> Self {
        Self(low: Word.select(mask, a.low, b.low), high: Word.select(mask, a.high, b.high))
    }

    /// Whether bit 63 is set.
    public var isNegative: Word.Mask { !high.isLess(than: high.like(0x8000_0000)) }

    /// Whether no bit is set.
    public var isZero: Word.Mask { (low | high).isEqual(to: low.like(0)) }

    /// |x| of a signed number; of the smallest that number itself, which as an unsigned number is its magnitude.
    public var magnitude: Self { negated(where: high.signFill) }

    /// -x where the word is all ones, x where it is 0.
    func negated(where fill: Word) -> Self {
        let fills = Self(low: fill, high: fill)
        return (self ^ fills) - fills
    }
}

extension WideWord {
    /// a < b, as signed or unsigned numbers.
    public func isLess(than b: Self, isSigned: Bool) -> Word.Mask {
        // The order of signed numbers is that of unsigned ones with the sign bit flipped.
        let (x, y) = isSigned ? (high ^ high.like(0x8000_0000), b.high ^ high.like(0x8000_0000)) : (high, b.high)
        return x.isLess(than: y) | (x.isEqual(to: y) & low.isLess(than: b.low))
    }

    /// a = b
    public func isEqual(to b: Self) -> Word.Mask { low.isEqual(to: b.low) & high.isEqual(to: b.high) }

    /// The larger of two.
    public func maximum(_ b: Self, isSigned: Bool) -> Self {
        Self.select(isLess(than: b, isSigned: isSigned), b, self)
    }

    /// The smaller of two.
    public func minimum(_ b: Self, isSigned: Bool) -> Self {
        Self.select(b.isLess(than: self, isSigned: isSigned), b, self)
    }
}

extension WideWord {
    /// a 2^b modulo 2^64; 0 where b, as an unsigned number, is 64 or more.
    public func shiftedLeft(by b: Self) -> Self {
        let part = b.low & low.like(31)
        // What moves into the upper word is low >> (32 - part), in two steps because a shift by 32 is none.
        let carried = low.shiftedRight(by: low.like(1)).shiftedRight(by: part ^ low.like(31))
        let (x, y) = (low.shiftedLeft(by: part), high.shiftedLeft(by: part) | carried)
        let zero = low.like(0)
        let swaps = !b.low.isLess(than: low.like(32))
        let shifted = Self(low: Word.select(swaps, zero, x), high: Word.select(swaps, x, y))
        return Self.select(b.isShiftAmount, shifted, Self(low: zero, high: zero))
    }

    /// floor(a / 2^b) of an unsigned number; 0 where b, as an unsigned number, is 64 or more.
    public func shiftedRight(by b: Self) -> Self {
        let part = b.low & low.like(31)
        let carried = high.shiftedLeft(by: low.like(1)).shiftedLeft(by: part ^ low.like(31))
        let (x, y) = (low.shiftedRight(by: part) | carried, high.shiftedRight(by: part))
        let zero = low.like(0)
        let swaps = !b.low.isLess(than: low.like(32))
        let shifted = Self(low: Word.select(swaps, y, x), high: Word.select(swaps, zero, y))
        return Self.select(b.isShiftAmount, shifted, Self(low: zero, high: zero))
    }

    /// floor(a / 2^b) of a signed number; only its sign where b, as an unsigned number, is 64 or more.
    public func shiftedRightArithmetic(by b: Self) -> Self {
        let fill = high.signFill
        let fills = Self(low: fill, high: fill)
        return (self ^ fills).shiftedRight(by: b) ^ fills
    }

    private var isShiftAmount: Word.Mask { high.isEqual(to: high.like(0)) & low.isLess(than: low.like(64)) }
}

extension WordLane {
    /// All ones where bit 31 is set, else 0.
    var signFill: Self { like(0) - shiftedRight(by: like(31)) }

    /// 1 where the mask is true, else 0.
    func one(where mask: Mask) -> Self { Self.select(mask, like(1), like(0)) }
}
