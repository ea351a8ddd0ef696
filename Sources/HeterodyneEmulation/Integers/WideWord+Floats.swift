// Heterodyne: conversions between 64-bit integers as two words and float32.
// SPDX-License-Identifier: Apache-2.0

extension WideWord {
    /// The number as float32, rounded once to nearest even.
    public func toFloat(isSigned: Bool) -> Word.Number {
        guard isSigned else { return unsignedFloat }
        let number = magnitude.unsignedFloat
        return Word.Number.select(isNegative, -number, number)
    }

    /// Two halves of 24 bits are exact floats, and one addition rounds their sum. Numbers from 2^48 on lose 16 bits
    /// first; that something was there goes into the lowest bit kept, which is far below the last place of the result.
    private var unsignedFloat: Word.Number {
        let zero = low.like(0)
        let isBig = !high.isLess(than: low.like(0x1_0000))
        let lost = low & low.like(0xFFFF)
        let shifted = shiftedRight(by: 16)
        let sticky = shifted.low | low.one(where: !lost.isEqual(to: zero))
        let (x, y) = (Word.select(isBig, sticky, low), Word.select(isBig, shifted.high, high))
        let upper = (y.shiftedLeft(by: low.like(8)) | x.shiftedRight(by: low.like(24))).toFloat
        let lower = (x & low.like(0xFF_FFFF)).toFloat
        let sum = upper * upper.like(0x1p24) + lower
        return Word.Number.select(isBig, sum * sum.like(0x1p16), sum)
    }

    /// `x` truncated toward zero; the nearest that there is for numbers out of range; 0 for NaN.
    public init(truncating x: Word.Number, isSigned: Bool) {
        let size = x.magnitude
        let limit = x.like(isSigned ? 0x1p63 : 0x1p64)
        let fits = size.isLess(than: limit)
        let number = Self(truncating: Word.Number.select(fits, size, x.like(0)))
        let isOver = limit.isLessOrEqual(to: size)
        let isNegative = x.isLess(than: x.like(0))
        if isSigned {
            let signed = Self.select(isNegative, -number, number)
            let bound = Self.select(isNegative, number.like(1 << 63), number.like((1 << 63) - 1))
            self = Self.select(isOver, bound, signed)
        } else {
            let clamped = Self.select(isOver, number.like(.max), number)
            self = Self.select(isNegative, number.like(0), clamped)
        }
    }
}
