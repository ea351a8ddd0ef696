// Heterodyne: conversions from and to scalar types that a device lacks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension RegionLegalizer {
    /// A number of any scalar type, in what the device has.
    private enum Number {
        case truth(Term)
        /// Exact in float32.
        case float(Term)
        /// Exact in int32 or uint32.
        case integer(Term)
        case wide(Wide, isSigned: Bool)
        case pair(Double2)
        /// float64 that the device has.
        case double(Term)
    }

    private func number(_ value: CarriedValue) throws(GraphError) -> Number {
        let type = value.scalarType
        switch type {
        case .bool: return .truth(try typed(value))
        case .float32: return .float(try typed(value))
        case .int32, .uint32: return .integer(try typed(value))
        case .float64:
            if active[type] == nil || active[type] == .bridged { return .double(try typed(value)) }
            return try domain(type) == .pair ? .pair(pair(value)) : .float(single(value))
        case .int64, .uint64:
            if active[type] == nil || active[type] == .bridged {
                return .wide(try words(value), isSigned: type == .int64)
            }
            return try domain(type) == .words
                ? .wide(words(value), isSigned: type == .int64) : .integer(single(value))
        case .int4, .int8, .int16, .uint4, .uint8, .uint16:
            if active[type] != nil { _ = try domain(type) }
            return .integer(try single(value))
        case .float8e4m3fn, .float8e5m2, .float16, .bfloat16:
            if active[type] != nil { _ = try domain(type) }
            return .float(try single(value))
        }
    }

    func convert(_ value: CarriedValue, to type: ScalarType) throws(GraphError) -> CarriedValue {
        if value.scalarType == type { return value }
        let number = try number(value)
        let result = value.type.with(type)
        func typed(_ term: Term) -> CarriedValue { CarriedValue(result, .typed(term)) }
        switch type {
        case .bool: return typed(try truth(number))
        case .float32: return typed(try float32(number))
        case .int32, .uint32: return typed(try integer32(number, type))
        case .float64:
            if active[type] == nil || active[type] == .bridged { return typed(try float64(number)) }
            if try domain(type) == .single { return CarriedValue(result, .single(try float32(number))) }
            return self.result(result, pair: try pair(number))
        case .int64, .uint64:
            let isOwn = active[type] == nil || active[type] == .bridged
            if isOwn {
                switch number {
                case .truth(let term), .float(let term), .integer(let term), .double(let term):
                    return typed(try term.convert(type))
                case .wide, .pair: return typed(try join(wide(number, type), type))
                }
            }
            if try domain(type) == .single {
                return CarriedValue(result, .single(try integer32(number, type.standIn)))
            }
            return self.result(result, words: try wide(number, type))
        case .int4, .int8, .int16, .uint4, .uint8, .uint16:
            if active[type] == nil {
                switch number {
                case .truth(let term), .float(let term), .integer(let term), .double(let term):
                    return typed(try term.convert(type))
                case .wide, .pair: break
                }
            } else {
                _ = try domain(type)
            }
            let single = try clamped(number, type)
            if active[type] == nil { return typed(try single.convert(type)) }
            return try self.result(result, single: single)
        case .float8e4m3fn, .float8e5m2, .float16, .bfloat16:
            if active[type] == nil {
                switch number {
                case .truth(let term), .float(let term), .integer(let term), .double(let term):
                    return typed(try term.convert(type))
                case .wide, .pair: return typed(try sticky(number).convert(type))
                }
            }
            _ = try domain(type)
            return try self.result(result, single: sticky(number))
        }
    }

    private func truth(_ number: Number) throws(GraphError) -> Term {
        switch number {
        case .truth(let term): return term
        case .float(let term), .integer(let term), .double(let term): return try term.convert(.bool)
        case .wide(let words, _): return (!words.isZero).term
        case .pair(let pair): return try pair.high.term.compare(.notEqual, 0)
        }
    }

    /// Rounded to nearest even.
    private func float32(_ number: Number) throws(GraphError) -> Term {
        switch number {
        case .truth(let term), .float(let term), .integer(let term), .double(let term): try term.convert(.float32)
        case .wide(let words, let isSigned): words.toFloat(isSigned: isSigned).term
        case .pair(let pair): pair.single.term
        }
    }

    /// In float64 that the device has: one rounding.
    private func float64(_ number: Number) throws(GraphError) -> Term {
        switch number {
        case .truth(let term), .float(let term), .integer(let term), .double(let term):
            return try term.convert(.float64)
        case .pair(let pair): return try pair.high.term.convert(.float64) + pair.low.term.convert(.float64)
        case .wide(let words, let isSigned):
            let high = isSigned ? try words.high.term.bitcast(.int32) : words.high.term
            return try high.convert(.float64) * 0x1p32 + words.low.term.convert(.float64)
        }
    }

    private func pair(_ number: Number) throws(GraphError) -> Double2 {
        switch number {
        case .pair(let pair): return pair
        case .truth(let term), .float(let term): return Double2(exactly: float(try term.convert(.float32)))
        case .integer(let term): return Double2(extended(term), isSigned: term.scalarType.isSignedInteger)
        case .wide(let words, let isSigned): return Double2(words, isSigned: isSigned)
        case .double: throw GraphError(.malformedGraph, "float64 is held in its own type")
        }
    }

    private func extended(_ term: Term) -> Wide {
        guard term.scalarType.isSignedInteger else { return Wide(zeroExtending: word(term)) }
        return Wide(signExtending: word(errors.keeping(term) { () throws(GraphError) in try term.bitcast(.uint32) }))
    }

    /// In int64 or uint64: integers wrap, floats are truncated and saturate, NaN is 0.
    private func wide(_ number: Number, _ type: ScalarType) throws(GraphError) -> Wide {
        let isSigned = type == .int64
        switch number {
        case .truth(let term): return Wide(zeroExtending: word(try term.convert(.uint32)))
        case .float(let term): return Wide(truncating: float(term), isSigned: isSigned)
        case .integer(let term): return extended(term)
        case .wide(let words, _): return words
        case .pair(let pair): return pair.truncated(isSigned: isSigned)
        case .double(let term):
            let zero = try term.like(0)
            let whole = try term.compare(.less, zero).select(term.negate().floor().negate(), term.floor())
            let high = try (whole * 0x1p-32).floor()
            let low = try (whole - high * 0x1p32).convert(.uint32)
            let words = Wide(low: word(low), high: word(try high.convert(.int32).bitcast(.uint32)))
            let unsigned = Wide(low: word(low), high: word(try high.convert(.uint32)))
            let (least, most) = isSigned ? (-0x1p63, 0x1p63) : (0, 0x1p64)
            var result = isSigned ? words : unsigned
            func clamp(_ mask: Term, _ bits: UInt64) {
                result = Wide.select(TermMask(mask, errors), result.like(bits), result)
            }
            clamp(try whole.compare(.less, least), isSigned ? 1 << 63 : 0)
            clamp(try whole.compare(.greaterOrEqual, most), isSigned ? UInt64.max >> 1 : UInt64.max)
            clamp(try whole.compare(.notEqual, whole), 0)
            return result
        }
    }

    /// In int32 or uint32: integers wrap, floats are truncated and saturate, NaN is 0.
    private func integer32(_ number: Number, _ type: ScalarType) throws(GraphError) -> Term {
        switch number {
        case .truth(let term), .float(let term), .integer(let term), .double(let term): return try term.convert(type)
        case .wide(let words, _): return try words.low.term.bitcast(type)
        case .pair(let pair):
            let words = pair.truncated(isSigned: true)
            if type == .int32 { return try saturated(words) }
            let zero = words.low.like(0)
            let isLarge = zero.isLess(than: words.high)
            let positive = TermWord.select(isLarge, words.low.like(.max), words.low)
            return TermWord.select(words.isNegative, zero, positive).term
        }
    }

    /// A signed 64-bit integer in int32, saturating.
    func saturated(_ words: Wide) throws(GraphError) -> Term {
        let extended = Wide(signExtending: words.low)
        let limit = TermWord.select(words.isNegative, words.low.like(1 << 31), words.low.like(.max >> 1))
        return try TermWord.select(extended.high.isEqual(to: words.high), words.low, limit).term.bitcast(.int32)
    }

    /// In the type that stands in for a type of at most 16 bits: integers as they are, to be wrapped; floats in range.
    private func clamped(_ number: Number, _ type: ScalarType) throws(GraphError) -> Term {
        let whole: Term
        switch number {
        case .float, .pair, .double: whole = try integer32(number, type.standIn)
        case .truth, .integer, .wide: return try integer32(number, type.standIn)
        }
        let bits = type.bitWidth
        guard type.isSignedInteger else {
            return try whole.minimum(whole.splat((1 << UInt64(bits)) - 1))
        }
        let (least, most) = (try whole.like(-Double(1 << (bits - 1))), try whole.like(Double(1 << (bits - 1) - 1)))
        return try whole.maximum(least).minimum(most)
    }

    // MARK: One rounding to narrow floats

    /// In float32 so that rounding it to a float of at most 11 significant bits rounds the number itself: what is lost on the
    /// way shows in the last bit (round to odd; Boldo and Melquiond, When double rounding is odd, 2005).
    private func sticky(_ number: Number) throws(GraphError) -> Term {
        switch number {
        case .float(let term): return term
        case .truth(let term): return try term.convert(.float32)
        case .pair(let pair): return try odd(pair.high.term, pair.low.term)
        case .double(let term):
            let rounded = try term.convert(.float32)
            // Overflow leaves an infinite rest; NaN compares as no rest.
            let back = try rounded.convert(.float64)
            let rest = try term.compare(.greater, back).convert(.float32) - term.compare(.less, back).convert(.float32)
            return try odd(rounded, rest)
        case .integer(let term):
            guard term.scalarType.isSignedInteger else { return try sticky(word(term)).toFloat.term }
            let isNegative = try term.compare(.less, 0)
            let magnitude = try sticky(word(term.abs().bitcast(.uint32))).toFloat.term
            return try isNegative.select(magnitude.negate(), magnitude)
        case .wide(let words, let isSigned):
            let magnitude = isSigned ? words.magnitude : words
            let (low, high) = (magnitude.low, magnitude.high)
            let (zero, one, half) = (low.like(0), low.like(1), low.like(16))
            func mark(_ word: TermWord, lost: TermWord) throws(GraphError) -> TermFloat {
                try sticky(word | TermWord.select(lost.isEqual(to: zero), zero, one)).toFloat
            }
            // From 2^48 on the high word alone has enough bits, from 2^32 on the middle 32 bits.
            let middle = high.shiftedLeft(by: half) | low.shiftedRight(by: half)
            let huge = try mark(high, lost: low)
            let large = try mark(middle, lost: low & low.like(0xFFFF))
            let isHuge = low.like(0xFFFF).isLess(than: high)
            let value = TermFloat.select(
                isHuge, huge * huge.like(0x1p32),
                TermFloat.select(high.isEqual(to: zero), try sticky(low).toFloat, large * large.like(0x1p16)))
            return isSigned ? TermFloat.select(words.isNegative, -value, value).term : value.term
        }
    }

    /// `high` moved to its neighbour towards the sign of `rest` where its last bit is even and the rest is not 0.
    private func odd(_ high: Term, _ rest: Term) throws(GraphError) -> Term {
        let x = float(high)
        let bits = x.bits
        let zero = x.like(0)
        let rest = float(rest)
        let isInexact = rest.isLess(than: zero) | zero.isLess(than: rest)
        let isEven = (bits & bits.like(1)).isEqual(to: bits.like(0))
        // Away from zero where the rest has the number's sign.
        let isAway = (x.isLess(than: zero) & rest.isLess(than: zero)) | (zero.isLess(than: x) & zero.isLess(than: rest))
        let moved = TermWord.select(isAway, bits + bits.like(1), bits - bits.like(1))
        // Zero has no neighbour towards zero, and what became zero here is zero in every narrow float.
        return TermFloat.select(isInexact & isEven & !x.isEqual(to: zero), moved.asFloat, x).term
    }

    /// A word whose lowest 8 bits, where float32 may not hold them, are folded into one.
    private func sticky(_ value: TermWord) throws(GraphError) -> TermWord {
        let rest = value & value.like(0xFF)
        let kept = value & value.like(0xFFFF_FF00)
        let zero = value.like(0)
        let marked = kept | TermWord.select(rest.isEqual(to: zero), zero, value.like(0x100))
        return TermWord.select(value.isLess(than: value.like(1 << 24)), value, marked)
    }

    // MARK: The same bits

    func bitcast(_ value: CarriedValue, to type: ScalarType) throws(GraphError) -> CarriedValue {
        if value.scalarType == type { return value }
        let result = value.type.with(type)
        func isHeld(_ type: ScalarType) -> Bool { active[type] == nil || active[type] == .bridged }
        if value.scalarType.bitWidth == 64 {
            let words = try words(value)
            return isHeld(type)
                ? CarriedValue(result, .typed(try join(words, type))) : self.result(result, words: words)
        }
        // Types of 8 and 16 bits; those of 32 are not rewritten.
        let from = isHeld(value.scalarType) ? try typed(value) : try form(.bits, of: value).planes[0]
        if isHeld(type) { return CarriedValue(result, .typed(try from.bitcast(type))) }
        return CarriedValue(result, .bits(try from.bitcast(bitsType(type))))
    }
}
