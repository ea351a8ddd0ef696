// Heterodyne: values from one form into another while a graph is rewritten.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneEmulation
import HeterodyneGraph

extension RegionLegalizer {
    typealias Wide = WideWord<TermWord>
    typealias Double2 = DoubleSingle<TermFloat>

    func float(_ term: Term) -> TermFloat { TermFloat(term, errors) }
    func word(_ term: Term) -> TermWord { TermWord(term, errors) }

    /// The value in its own type.
    func typed(_ value: CarriedValue) throws(GraphError) -> Term { try form(.typed, of: value).planes[0] }
    /// The value in the 32-bit type that stands in for its own.
    func single(_ value: CarriedValue) throws(GraphError) -> Term { try form(.single, of: value).planes[0] }
    /// The bits of a 64-bit value.
    func words(_ value: CarriedValue) throws(GraphError) -> Wide {
        let planes = try form(.words, of: value).planes
        return Wide(low: word(planes[0]), high: word(planes[1]))
    }
    /// A float64 value as a pair.
    func pair(_ value: CarriedValue) throws(GraphError) -> Double2 {
        let planes = try form(.pair, of: value).planes
        return Double2(high: float(planes[0]), low: float(planes[1]))
    }

    /// A result that was computed in words.
    func result(_ type: TensorType, words: Wide) -> CarriedValue {
        CarriedValue(type, .words(low: words.low.term, high: words.high.term))
    }
    /// A result that was computed in pairs.
    func result(_ type: TensorType, pair: Double2) -> CarriedValue {
        CarriedValue(type, .pair(high: pair.high.term, low: pair.low.term))
    }
    /// A result that was computed in the type that stands in. Narrow types are rounded or wrapped to unless the result
    /// is a value of the type already.
    func result(_ type: TensorType, single: Term, isExact: Bool = false) throws(GraphError) -> CarriedValue {
        if isExact || type.scalarType.bitWidth == 64 { return CarriedValue(type, .single(single)) }
        if active[type.scalarType] == .bridged {
            return CarriedValue(type, .typed(try narrowTyped(single, type.scalarType)))
        }
        return CarriedValue(type, .bits(try narrowBits(single, type.scalarType)))
    }

    /// The value in a form, made once.
    func form(_ kind: Form.Kind, of value: CarriedValue) throws(GraphError) -> Form {
        if let known = value.forms[kind] { return known }
        let made: Form
        if let literal = value.literal {
            made = try constant(literal, kind)
        } else {
            made = try convert(value, kind)
        }
        try errors.rethrow()
        value.forms[kind] = made
        return made
    }

    private func constant(_ literal: Literal, _ kind: Form.Kind) throws(GraphError) -> Form {
        switch kind {
        case .typed: return .typed(try builder.constant(literal))
        case .bits: return .bits(try builder.constant(literal.reinterpreted(as: try bitsType(literal.type.scalarType))))
        case .words, .pair, .single:
            var planes: [Term] = []
            for plane in try literal.planes(kind) { planes.append(try builder.constant(plane)) }
            return kind.form(planes)
        }
    }

    private func convert(_ value: CarriedValue, _ kind: Form.Kind) throws(GraphError) -> Form {
        guard let origin = value.origin, let source = value.forms[origin] else {
            throw GraphError(.malformedGraph, "a value of type \(value.type) has no form")
        }
        let type = value.scalarType
        switch (kind, source) {
        case (.typed, .bits(let bits)): return .typed(try bits.bitcast(type))
        case (.typed, .single(let term)):
            return .typed(type.bitWidth == 64 ? try term.convert(type) : try narrowTyped(term, type))
        case (.typed, .words(let low, let high)):
            return .typed(try join(Wide(low: word(low), high: word(high)), type))
        case (.typed, .pair(let high, let low)):
            return .typed(try high.convert(.float64) + low.convert(.float64))

        case (.words, .typed(let term)): return form(try split(term))
        case (.words, .pair(let high, let low)): return form(Double2(high: float(high), low: float(low)).float64Bits)
        case (.words, .single(let term)):
            switch type {
            case .float64: return form(Double2(exactly: float(term)).float64Bits)
            case .int64: return form(Wide(signExtending: word(try term.bitcast(.uint32))))
            default: return form(Wide(zeroExtending: word(term)))
            }

        case (.pair, .typed(let term)):
            let high = try term.convert(.float32)
            let isFinite = try high.abs().compare(.less, high.like(.infinity))
            // Infinity and NaN have no rest.
            let rest = try (term - high.convert(.float64)).convert(.float32)
            return .pair(high: high, low: try isFinite.select(rest, rest.like(0)))
        case (.pair, .words(let low, let high)):
            let made = Double2(float64: Wide(low: word(low), high: word(high)))
            return .pair(high: made.high.term, low: made.low.term)
        case (.pair, .single(let term)): return .pair(high: term, low: try term.like(0))

        case (.single, .typed(let term)):
            return .single(type.bitWidth == 64 ? try term.convert(type.standIn) : try widenTyped(term))
        case (.single, .bits(let bits)): return .single(try widenBits(bits, type))
        case (.single, .pair(let high, let low)):
            return .single(Double2(high: float(high), low: float(low)).single.term)
        case (.single, .words(let low, let high)):
            switch type {
            case .float64: return .single(Double2(float64: Wide(low: word(low), high: word(high))).single.term)
            case .int64: return .single(try low.bitcast(.int32))
            default: return .single(low)
            }

        case (.bits, .typed(let term)): return .bits(try term.bitcast(try bitsType(type)))
        case (.bits, .single(let term)): return .bits(try narrowBits(term, type))
        default:
            throw GraphError(.malformedGraph, "a value of type \(value.type) cannot be held as \(kind) from \(origin)")
        }
    }

    private func form(_ wide: Wide) -> Form { .words(low: wide.low.term, high: wide.high.term) }

    // MARK: 64-bit values that the device holds

    /// The words of a 64-bit term.
    func split(_ term: Term) throws(GraphError) -> Wide {
        let bits = term.scalarType == .float64 ? try term.bitcast(try wideCarrier()) : term
        return Wide(
            low: word(try bits.convert(.uint32)), high: word(try bits.shiftRight(bits.like(32)).convert(.uint32)))
    }

    /// The 64-bit term of words.
    func join(_ words: Wide, _ type: ScalarType) throws(GraphError) -> Term {
        if type == .float64 { return try join(words, wideCarrier()).bitcast(.float64) }
        let high = try words.high.term.convert(type)
        return try high.shiftLeft(high.like(32)).or(words.low.term.convert(type))
    }

    /// A 64-bit integer type that the device computes in, through which float64 that it holds becomes words.
    private func wideCarrier() throws(GraphError) -> ScalarType {
        try carrier([.uint64, .int64], [[.storage, .convert, .arithmetic]], for: .float64)
    }

    private func carrier(
        _ candidates: [ScalarType], _ usages: [ScalarUsage], for type: ScalarType
    ) throws(GraphError) -> ScalarType {
        for needed in usages {
            for candidate in candidates where plan.target.capabilities.usages(of: candidate).isSuperset(of: needed) {
                return candidate
            }
        }
        throw GraphError(
            .unsupported, "\(plan.target.device) has no integers of \(type.bitWidth) bits to hold \(type) in")
    }

    // MARK: Types of 8 and 16 bits

    /// The integer type that holds the bits of a type: the carriage's, or where the device holds the type the first that it
    /// has of the width, best one that it converts.
    func bitsType(_ type: ScalarType) throws(GraphError) -> ScalarType {
        if case .bits(let carrier)? = active[type] { return carrier }
        return try carrier(
            type.bitWidth == 8 ? [.uint8, .int8] : [.uint16, .int16], [[.storage, .convert], .storage], for: type)
    }

    private func format(_ type: ScalarType) -> NarrowFormat? {
        switch type {
        case .float8e4m3fn: .float8e4m3fn
        case .float8e5m2: .float8e5m2
        case .float16: .float16
        case .bfloat16: .bfloat16
        default: nil
        }
    }

    private func widenTyped(_ term: Term) throws(GraphError) -> Term {
        let type = term.scalarType
        if plan.runs(.convert(type.standIn), type) || type.bitWidth > 16 { return try term.convert(type.standIn) }
        return try widenBits(term.bitcast(try bitsType(type)), type)
    }

    private func narrowTyped(_ term: Term, _ type: ScalarType) throws(GraphError) -> Term {
        if plan.runs(.convert(type), term.scalarType) || type.bitWidth > 16 { return try term.convert(type) }
        return try narrowBits(term, type).bitcast(type)
    }

    /// Bits in an integer type to the value in the type that stands in.
    private func widenBits(_ bits: Term, _ type: ScalarType) throws(GraphError) -> Term {
        let mask: UInt64 = type.bitWidth == 8 ? 0xFF : 0xFFFF
        var raw = try bits.convert(.uint32)
        if bits.scalarType.isSignedInteger { raw = try raw.and(raw.splat(mask)) }
        if let format = format(type) { return format.widened(word(raw)).term }
        guard type.isSignedInteger else { return raw }
        let sign = try raw.splat(type.bitWidth == 8 ? 0x80 : 0x8000)
        return try (raw.xor(sign) - sign).bitcast(.int32)
    }

    /// A value in the type that stands in to bits, rounded to nearest even or wrapped.
    private func narrowBits(_ term: Term, _ type: ScalarType) throws(GraphError) -> Term {
        let carrier = try bitsType(type)
        guard let format = format(type) else { return try term.convert(carrier) }
        return try format.narrowed(float(term)).term.convert(carrier)
    }
}

extension Term {
    /// A constant of the term's type with every element of these bits.
    func splat(_ bits: UInt64) throws(GraphError) -> Term {
        try builder.constant(Literal(splatBits: bits, type: type))
    }
}
