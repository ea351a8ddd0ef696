// Heterodyne: conversions from and to emulated 64-bit numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension Emulator {
    // MARK: 64-bit values that the device has

    /// An integer of the device from its words.
    func native(_ words: KernelWords, _ scalar: ScalarType) -> KernelValue {
        let (low, high) = (words.low.value.converted(to: .uint64), words.high.value.converted(to: .uint64))
        let number = low | (high << 32)
        return scalar == .int64 ? number.bitcast(to: number.type.with(scalar: .int64)) : number
    }

    /// The words of an integer of the device.
    private func words(native value: KernelValue) -> KernelWords {
        let bits = value.type.scalar == .uint64 ? value : value.bitcast(to: value.type.with(scalar: .uint64))
        return KernelWords(
            low: word(bits.converted(to: .uint32)), high: word((bits >> 32).converted(to: .uint32)))
    }

    /// The words of the bits of a value that occupies a multiple of 64 bits.
    private func words(bitsOf value: KernelValue) -> KernelWords {
        let count = value.type.bits * value.type.width / 32
        if count <= 4 {
            let words = KernelType.u32.with(width: count)
            return separated([value.type == words ? value : value.bitcast(to: words)])
        }
        return separated((0..<value.type.width).map { value[$0].bitcast(to: .u32.with(width: 2)) })
    }

    /// A value of 64-bit components, or of as many bits as the words, from its bits.
    private func value(bits words: KernelWords, _ type: KernelType) -> KernelValue {
        let parts = interleaved(words)
        if parts.count <= 4 {
            let raw = joined(parts)
            return raw.type == type ? raw : raw.bitcast(to: type)
        }
        let scalars = stride(from: 0, to: parts.count, by: 2).map { index in
            joined([parts[index], parts[index + 1]]).bitcast(to: type.with(width: 1))
        }
        return k.define(.construct(scalars.map(\.id)), type)
    }

    // MARK: Bits

    func bitcast(_ a: ValueID, _ type: KernelType) throws(KernelError) -> EmulatedValue {
        let raw: KernelWords
        switch try value(a) {
        case .plain(let value): raw = words(bitsOf: value)
        case .words(let words): raw = words
        case .float(let pair, let own): raw = bits(pair, own)
        }
        guard isEmulated(type) else { return .plain(value(bits: raw, type)) }
        return type.isFloat ? float(raw) : .words(raw)
    }

    // MARK: Values

    func convert(_ a: ValueID, _ type: KernelType) throws(KernelError) -> EmulatedValue {
        let (source, from) = (try value(a), self.type(a))
        if isEmulated(type) {
            if type.isFloat { return .float(try pair(source, from), bits: nil) }
            return .words(try words(source, from, isSigned: type.isSigned))
        }
        switch source {
        case .plain(let value): return .plain(value.converted(to: type.scalar))
        case .words(let words): return .plain(plain(words, from, type))
        case .float(let pair, _): return .plain(plain(pair, type))
        }
    }

    /// A number as a pair.
    private func pair(_ source: EmulatedValue, _ from: KernelType) throws(KernelError) -> KernelPair {
        switch source {
        case .float(let pair, _): return pair
        case .words(let words): return KernelPair(words, isSigned: from.isSigned)
        case .plain(let value):
            switch from.scalar {
            case .bool, .float16, .float32, .bfloat16: return KernelPair(exactly: lane(value.converted(to: .float32)))
            case .int64, .uint64: return KernelPair(words(native: value), isSigned: from.isSigned)
            case .int8, .int16, .int32, .uint8, .uint16, .uint32:
                return KernelPair(extended(value), isSigned: from.isSigned)
            case .float64, .int4, .uint4, .float8e4m3fn, .float8e5m2:
                throw .typeMismatch("convert: from \(from) to an emulated f64")
            }
        }
    }

    /// An integer of up to 32 bits, or a truth value, as two words.
    private func extended(_ value: KernelValue) -> KernelWords {
        guard value.type.isSigned else { return KernelWords(zeroExtending: word(value.converted(to: .uint32))) }
        let number = value.converted(to: .int32)
        return KernelWords(signExtending: word(number.bitcast(to: number.type.with(scalar: .uint32))))
    }

    /// A number as a 64-bit integer.
    private func words(
        _ source: EmulatedValue, _ from: KernelType, isSigned: Bool
    ) throws(KernelError) -> KernelWords {
        switch source {
        case .words(let words): return words
        case .float(let pair, _): return pair.truncated(isSigned: isSigned)
        case .plain(let value):
            switch from.scalar {
            case .float16, .float32:
                return KernelWords(truncating: lane(value.converted(to: .float32)), isSigned: isSigned)
            case .float64:
                // The upper word is the quotient by 2^32, rounded down; both are exact.
                let whole = value.truncated
                let upper = (whole * 0x1p-32).floor
                let lower = whole - upper * 0x1p32
                let high = upper.converted(to: isSigned ? .int32 : .uint32)
                return KernelWords(
                    low: word(lower.converted(to: .uint32)),
                    high: word(isSigned ? high.bitcast(to: high.type.with(scalar: .uint32)) : high))
            case .bool, .int8, .int16, .int32, .uint8, .uint16, .uint32: return extended(value)
            case .int64, .uint64, .bfloat16, .int4, .uint4, .float8e4m3fn, .float8e5m2:
                throw .typeMismatch("convert: from \(from) to an emulated 64-bit integer")
            }
        }
    }

    /// A 64-bit integer as a number of another type.
    private func plain(_ words: KernelWords, _ from: KernelType, _ type: KernelType) -> KernelValue {
        switch type.scalar {
        case .float64:
            // Both halves are exact, the sum rounds once.
            let high = words.high.value
            let upper = from.isSigned ? high.bitcast(to: high.type.with(scalar: .int32)) : high
            return upper.converted(to: .float64) * 0x1p32 + words.low.value.converted(to: .float64)
        case .float16, .float32, .bfloat16:
            // Beyond 24 bits there is nothing but infinity in float16.
            return words.toFloat(isSigned: from.isSigned).value.converted(to: type.scalar)
        default: return words.low.value.converted(to: type.scalar)
        }
    }

    /// A float64 as a number of another type.
    private func plain(_ pair: KernelPair, _ type: KernelType) -> KernelValue {
        if type.isFloat || type.scalar == .bfloat16 { return pair.single.value.converted(to: type.scalar) }
        let words = pair.truncated(isSigned: type.isSigned)
        return type.bits == 64 ? native(words, type.scalar) : words.low.value.converted(to: type.scalar)
    }
}
