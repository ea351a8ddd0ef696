// Heterodyne: conversions of pairs from and to float64 and 64-bit integers.
// SPDX-License-Identifier: Apache-2.0

extension DoubleSingle {
    /// The pair nearest to a float64 number that is given by its bits, off by at most 2^-49 of it: infinity from
    /// 2^128 - 2^103 on, zero below 2^-126.
    public init(float64 bits: WideWord<Lane.Word>) {
        let upper = bits.high
        let sign = upper & upper.like(0x8000_0000)
        let exponent = upper.shiftedRight(by: upper.like(20)) & upper.like(0x7FF)
        let mantissa = upper & upper.like(0xF_FFFF)
        // The 53 bits as 24, rounded up where the remaining 29 are more than half, and a signed remainder.
        let top =
            mantissa.shiftedLeft(by: upper.like(3)) | bits.low.shiftedRight(by: upper.like(29))
            | upper.like(0x80_0000)
        let rest = bits.low & upper.like(0x1FFF_FFFF)
        let goesUp = rest.shiftedRight(by: upper.like(28))
        let fill = upper.like(0) - goesUp
        let distance = ((rest - goesUp.shiftedLeft(by: upper.like(29))) ^ fill) - fill
        let signed = (distance.toFloat.bits | goesUp.shiftedLeft(by: upper.like(31))).asFloat
        let number = (top + goesUp).toFloat
        let sum = (number * number.like(0x1p-23)).exactSum(ofSmaller: signed * number.like(0x1p-52))
        let scale = ((exponent - upper.like(896)).shiftedLeft(by: upper.like(23)) | sign).asFloat

        let isInRange = (exponent - upper.like(897)).isLess(than: upper.like(254))
        let isNaN = exponent.isEqual(to: upper.like(0x7FF)) & !(mantissa | bits.low).isEqual(to: upper.like(0))
        var special = Lane.Word.select(isNaN, upper.like(0x7FC0_0000), upper.like(0x7F80_0000))
        special = Lane.Word.select(exponent.isLess(than: upper.like(897)), upper.like(0), special)
        high = Lane.select(isInRange, sum.high * scale, (special | sign).asFloat)
        low = Lane.select(isInRange & high.isNumberButZero, sum.low * scale, number.like(0))
    }

    /// The bits of the float64 number, rounded to nearest even (a pair may have more than 53 bits where its parts lie far
    /// apart). Numbers below 2^-126 become zero.
    public var float64Bits: WideWord<Lane.Word> {
        let bits = high.bits
        let sign = bits & bits.like(0x8000_0000)
        let exponent = bits.shiftedRight(by: bits.like(23)) & bits.like(0xFF)
        let fraction = bits & bits.like(0x7F_FFFF)
        // The second part in units of the result's last place. Just below a power of two that is half as large.
        let fill = (low.bits ^ bits).signFill
        let size = low.magnitude
        let borrows =
            !fill.isEqual(to: bits.like(0)) & fraction.isEqual(to: bits.like(0)) & !size.isEqual(to: size.like(0))
        let inverse = (bits.like(255) - exponent).shiftedLeft(by: bits.like(23)).asFloat
        let steps = (size * inverse) * Lane.select(borrows, size.like(0x1p52), size.like(0x1p51))
        let magic = size.like(0x1p23)
        let whole = Lane.select(steps.isLess(than: magic), (steps + magic) - magic, steps)
        let rest = WideWord(zeroExtending: whole.truncatedWord).negated(where: fill)

        let borrow = bits.one(where: borrows)
        let top = fraction | bits.like(0x80_0000)
        let mantissa = WideWord(
            low: top.shiftedLeft(by: bits.like(29)),
            high: top.shiftedRight(by: bits.like(3)).shiftedLeft(by: borrow))
        // The mantissa's leading bit adds the one that is taken off the exponent here.
        let biased = (exponent + bits.like(895) - borrow).shiftedLeft(by: bits.like(20))
        let number = mantissa + rest
        let isNumber = (exponent - bits.like(1)).isLess(than: bits.like(254))
        var special = bits.like(0)
        special = Lane.Word.select(exponent.isEqual(to: bits.like(255)), bits.like(0x7FF0_0000), special)
        special = Lane.Word.select(high.isNaN, bits.like(0x7FF8_0000), special)
        return WideWord(
            low: Lane.Word.select(isNumber, number.low, bits.like(0)),
            high: Lane.Word.select(isNumber, number.high + biased, special) | sign)
    }

    /// A 64-bit integer: exact up to 2^48, beyond that off by at most 2^-48 of it.
    public init(_ integer: WideWord<Lane.Word>, isSigned: Bool) {
        let number = isSigned ? integer.magnitude : integer
        let (low, high) = (number.low, number.high)
        // Three parts that are exact floats.
        let first = high.shiftedRight(by: low.like(8)).toFloat
        let second =
            (high.shiftedLeft(by: low.like(16)) & low.like(0xFF_FFFF) | low.shiftedRight(by: low.like(16))).toFloat
        let third = (low & low.like(0xFFFF)).toFloat
        let sum = (first * first.like(0x1p40)).exactSum(ofSmaller: second * first.like(0x1p16))
        let pair = sum.high.exactSum(ofSmaller: sum.low + third)
        guard isSigned else {
            self.init(high: pair.high, low: pair.low)
            return
        }
        let sign = integer.high & low.like(0x8000_0000)
        self.init(high: (pair.high.bits | sign).asFloat, low: (pair.low.bits ^ sign).asFloat)
    }

    /// The number truncated toward zero; the nearest that there is for numbers out of range; 0 for NaN.
    public func truncated(isSigned: Bool) -> WideWord<Lane.Word> {
        let size = magnitude
        let limit = size.like(isSigned ? 0x1p63 : 0x1p64)
        let isOver = limit.isLessOrEqual(to: size)
        let whole = size.floor
        // Both parts are integers now. The first may be 2^64, which wraps to 0 where the second takes it below.
        let isWrapped = !whole.high.isLess(than: size.high.like(0x1p64))
        let upper = WideWord<Lane.Word>(
            truncating: Lane.select(isWrapped | high.isNaN, high.like(0), whole.high))
        let lower = WideWord<Lane.Word>(truncating: Lane.select(isOver, high.like(0), whole.low.magnitude))
        let number = upper + lower.negated(where: whole.low.bits.signFill)
        let isNegative = high.isLess(than: high.like(0))
        if isSigned {
            let bound = WideWord.select(isNegative, number.like(1 << 63), number.like((1 << 63) - 1))
            return WideWord.select(isOver, bound, number.negated(where: high.bits.signFill))
        }
        let clamped = WideWord.select(isOver, number.like(.max), number)
        return WideWord.select(isNegative, number.like(0), clamped)
    }
}
