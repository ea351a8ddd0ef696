// Heterodyne: intervals of numbers with a common power of two, and arithmetic on them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What is known of all elements of a tensor: each is finite and `k * 2^scale` with an integer `k` in `low...high`.
///
/// Integers have scale 0. A zero among floats may have either sign.
struct NumberRange: Sendable, Hashable {
    /// The least multiple.
    let low: Int128
    /// The greatest multiple.
    let high: Int128
    /// The exponent of the power of two that all numbers are multiples of.
    let scale: Int

    init(_ low: Int128, _ high: Int128, scale: Int = 0) {
        (self.low, self.high, self.scale) = (low, high, scale)
    }

    /// Every number of an integer type; for bool 0 and 1; nil for floats.
    init?(every type: ScalarType) {
        if type == .bool {
            self.init(0, 1)
        } else if type.isInteger {
            let bits = type.bitWidth
            if type.isSignedInteger {
                self.init(-(1 << Int128(bits - 1)), (1 << Int128(bits - 1)) - 1)
            } else {
                self.init(0, (1 << Int128(bits)) - 1)
            }
        } else {
            return nil
        }
    }

    /// The largest of the multiples' sizes.
    var magnitude: Int128 { max(high.magnitude, low.magnitude) > UInt128(Int128.max) ? .max : max(abs(low), abs(high)) }

    /// Whether the number 0 is among those that the range allows.
    var allowsZero: Bool { low <= 0 && high >= 0 }

    /// Whether a type holds every number of the range, floats among the normal numbers and zero.
    func fits(_ type: ScalarType) -> Bool {
        if let every = NumberRange(every: type) { return scale == 0 && low >= every.low && high <= every.high }
        guard let format = FloatFormat(type) else { return false }
        let magnitude = magnitude
        if magnitude == 0 { return true }
        let bits = 128 - magnitude.leadingZeroBitCount
        return magnitude <= 1 << Int128(format.precision) && scale >= format.minimumExponent
            && scale + bits - 1 <= format.maximumExponent
    }

    /// The range where `type` holds it, else everything that the type may hold: integers wrap, floats round.
    func held(by type: ScalarType) -> NumberRange? { fits(type) ? self : NumberRange(every: type) }

    // MARK: Arithmetic; nil where it leaves 128 bits

    /// Both with the lesser of their scales.
    private static func aligned(_ a: NumberRange, _ b: NumberRange) -> (NumberRange, NumberRange)? {
        let scale = min(a.scale, b.scale)
        guard let a = a.scaled(to: scale), let b = b.scaled(to: scale) else { return nil }
        return (a, b)
    }

    private func scaled(to scale: Int) -> NumberRange? {
        let shift = self.scale - scale
        if shift == 0 { return self }
        guard shift > 0, shift < 100, magnitude >> Int128(120 - shift) == 0 else {
            return low == 0 && high == 0 ? NumberRange(0, 0, scale: scale) : nil
        }
        return NumberRange(low << Int128(shift), high << Int128(shift), scale: scale)
    }

    func adding(_ other: NumberRange) -> NumberRange? {
        guard let (a, b) = Self.aligned(self, other) else { return nil }
        let (low, high) = (a.low.addingReportingOverflow(b.low), a.high.addingReportingOverflow(b.high))
        return low.overflow || high.overflow
            ? nil : NumberRange(low.partialValue, high.partialValue, scale: a.scale)
    }

    func negated() -> NumberRange? {
        low == .min || high == .min ? nil : NumberRange(-high, -low, scale: scale)
    }

    func subtracting(_ other: NumberRange) -> NumberRange? { other.negated().flatMap(adding) }

    func multiplied(by other: NumberRange) -> NumberRange? {
        var (least, greatest): (Int128?, Int128?) = (nil, nil)
        for a in [low, high] {
            for b in [other.low, other.high] {
                let (product, overflow) = a.multipliedReportingOverflow(by: b)
                if overflow { return nil }
                least = min(least ?? product, product)
                greatest = max(greatest ?? product, product)
            }
        }
        guard let least, let greatest, abs(scale) < 1 << 20, abs(other.scale) < 1 << 20 else { return nil }
        return NumberRange(least, greatest, scale: scale + other.scale)
    }

    func absolute() -> NumberRange? {
        guard let negated = negated() else { return nil }
        if low >= 0 { return self }
        return high <= 0 ? negated : NumberRange(0, max(high, negated.high), scale: scale)
    }

    func floored() -> NumberRange {
        if scale >= 0 { return self }
        // An arithmetic shift rounds down.
        let shift = Int128(min(-scale, 127))
        return NumberRange(low >> shift, high >> shift)
    }

    /// Toward zero, as conversions to integers round.
    func truncated() -> NumberRange? {
        if scale >= 0 { return scaled(to: 0) }
        let shift = Int128(min(-scale, 126))
        return NumberRange(low / (1 << shift), high / (1 << shift))
    }

    /// Everything that is in either.
    func union(_ other: NumberRange) -> NumberRange? {
        guard let (a, b) = Self.aligned(self, other) else { return nil }
        return NumberRange(min(a.low, b.low), max(a.high, b.high), scale: a.scale)
    }

    func minimum(_ other: NumberRange) -> NumberRange? {
        guard let (a, b) = Self.aligned(self, other) else { return nil }
        return NumberRange(min(a.low, b.low), min(a.high, b.high), scale: a.scale)
    }

    func maximum(_ other: NumberRange) -> NumberRange? {
        guard let (a, b) = Self.aligned(self, other) else { return nil }
        return NumberRange(max(a.low, b.low), max(a.high, b.high), scale: a.scale)
    }

    /// Of a sum of `count` such numbers and of the partial sums on the way.
    func summed(_ count: Int) -> NumberRange? {
        multiplied(by: NumberRange(Int128(count), Int128(count)))?.union(NumberRange(0, 0, scale: scale))
    }
}

/// The numbers of a binary floating-point type.
struct FloatFormat {
    /// Significant bits, the hidden one included.
    let precision: Int
    /// The exponent of the least normal number.
    let minimumExponent: Int
    /// The exponent of the greatest numbers.
    let maximumExponent: Int

    init?(_ type: ScalarType) {
        switch type {
        case .float64: (precision, minimumExponent, maximumExponent) = (53, -1022, 1023)
        case .float32: (precision, minimumExponent, maximumExponent) = (24, -126, 127)
        case .bfloat16: (precision, minimumExponent, maximumExponent) = (8, -126, 127)
        case .float16: (precision, minimumExponent, maximumExponent) = (11, -14, 15)
        case .bool, .int4, .int8, .int16, .int32, .int64, .uint4, .uint8, .uint16, .uint32, .uint64, .float8e4m3fn,
            .float8e5m2:
            return nil
        }
    }
}

extension NumberRange {
    /// Literals of types of 32 bits and fewer are looked at only up to this many elements: weights are large, and what
    /// is looked for are indices and scalars.
    static let literalLimit = 4096

    /// What is known of a constant's elements.
    init?(_ literal: Literal) {
        let type = literal.type.scalarType
        let count = literal.isSplat ? 1 : literal.type.shape.fixedExtents?.reduce(1, &*) ?? 0
        guard count > 0, type.bitWidth == 64 || count <= Self.literalLimit else {
            self.init(every: type)
            return
        }
        if let every = NumberRange(every: type) {
            var (low, high) = (every.high, every.low)
            for index in 0..<count {
                let bits = literal.bits(at: index)
                let number: Int128 =
                    switch type {
                    case .int64: Int128(Int64(bitPattern: bits))
                    case .uint64: Int128(bits)
                    // Exact: no other integer has more than 32 bits.
                    default: Int128(type.number(fromBits: bits))
                    }
                low = min(low, number)
                high = max(high, number)
            }
            self.init(low, high)
            return
        }
        var (low, high, scale) = (Double.infinity, -Double.infinity, Int.max)
        for index in 0..<count {
            let number = type.number(fromBits: literal.bits(at: index))
            guard number.isFinite else { return nil }
            low = min(low, number)
            high = max(high, number)
            // The exponent of the lowest bit that is set.
            if number != 0 { scale = min(scale, Int(number.ulp.exponent) + number.trailingZeros) }
        }
        if scale == Int.max {
            self.init(0, 0)
            return
        }
        let unit = Double(sign: .plus, exponent: scale, significand: 1)
        // Both quotients are integers; beyond 2^100 nothing is gained by knowing them.
        guard unit.isNormal, max(abs(low), abs(high)) / unit < 0x1p100 else { return nil }
        self.init(Int128(low / unit), Int128(high / unit), scale: scale)
    }
}

extension Double {
    /// How many of the significand's lowest bits are zero; for a finite number that is not zero.
    fileprivate var trailingZeros: Int {
        significandBitPattern == 0 ? Self.significandBitCount : significandBitPattern.trailingZeroBitCount
    }
}
