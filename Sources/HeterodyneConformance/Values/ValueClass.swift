// Heterodyne: what the elements of an operand are like.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What the elements of an operand are like.
public enum ValueClass: Sendable, Hashable {
    /// Floats of mixed sign and magnitude around 1 (some exact small integers); integers of small magnitude.
    case normal
    /// Numbers from `low` to `high`; whole ones for integers.
    case range(Double, Double)
    /// Floats just above the smallest normal number.
    case tiny
    /// Floats near the largest finite number; integers near both ends.
    case huge
    /// Subnormal floats.
    case denormal
    /// Zeros of both signs among a few normal numbers.
    case zeros
    /// Infinities among normal numbers.
    case infinities
    /// NaN among normal numbers.
    case nan
    /// Everything above in turn, and every power of two nearby: the edges of the type.
    case edges
    /// Any bits at all; NaN of any payload included.
    case bits
    /// The given numbers in turn, rounded to the type.
    case list([Double])

    /// The name in identifiers of cases.
    public var name: String {
        switch self {
        case .normal: "normal"
        case .range: "range"
        case .tiny: "tiny"
        case .huge: "huge"
        case .denormal: "denormal"
        case .zeros: "zeros"
        case .infinities: "inf"
        case .nan: "nan"
        case .edges: "edges"
        case .bits: "bits"
        case .list: "list"
        }
    }

    /// The element bits of a tensor of `count` elements.
    func bits(_ type: ScalarType, count: Int, _ random: inout SplitMix) -> [UInt64] {
        switch self {
        case .edges:
            let edges = Self.edges(of: type)
            let start = random.integer(0...(edges.count - 1))
            return (0..<count).map { edges[(start + $0) % edges.count] }
        case .list(let numbers):
            if numbers.isEmpty { return [UInt64](repeating: 0, count: count) }
            return (0..<count).map { type.bits(of: numbers[$0 % numbers.count]) }
        default:
            return (0..<count).map { element(type, $0, &random) }
        }
    }

    private func element(_ type: ScalarType, _ index: Int, _ random: inout SplitMix) -> UInt64 {
        if type == .bool { return random.next() & 1 }
        if case .range(let low, let high) = self {
            let number = random.number(low, high)
            return type.bits(of: type.isFloatingPoint ? number : number.rounded())
        }
        if case .bits = self { return Self.truncated(random.next(), type) }
        guard let format = FloatFormat(type) else { return integer(type, &random) }
        let sign = random.next() & 1 == 0 ? 1.0 : -1.0
        let isSpecial = random.next() % 4 == 0
        switch self {
        case .tiny: return type.bits(of: sign * format.smallestNormal * random.number(1, 64))
        case .huge: return type.bits(of: sign * format.largest / random.number(1, 64))
        case .denormal: return type.bits(of: sign * format.smallestNormal * random.number(0, 1))
        case .zeros where isSpecial: return type.bits(of: sign * 0)
        case .infinities where isSpecial: return type.bits(of: sign * .infinity)
        case .nan where isSpecial: return type.bits(of: .nan)
        default:
            if random.next() % 8 == 0 { return type.bits(of: Double(random.integer(-4...4))) }
            return type.bits(
                of: sign * Double(sign: .plus, exponent: random.integer(-3...1), significand: 1)
                    * random.number(1, 2))
        }
    }

    private func integer(_ type: ScalarType, _ random: inout SplitMix) -> UInt64 {
        switch self {
        case .huge:
            let distance = random.next() % 8
            let end = random.next() & 1 == 0 ? type.highestBits &- distance : type.lowestBits &+ distance
            return Self.truncated(end, type)
        case .zeros where random.next() % 4 == 0: return 0
        default:
            let low = type.isSignedInteger ? (type.bitWidth == 4 ? -8 : -9) : 0
            return type.bits(of: Double(random.integer(low...(type.bitWidth == 4 ? 7 : 12))))
        }
    }

    static func truncated(_ bits: UInt64, _ type: ScalarType) -> UInt64 {
        if type == .bool { return bits & 1 }
        return type.bitWidth == 64 ? bits : bits & ((1 << UInt64(type.bitWidth)) - 1)
    }

    /// The bits of the edges of a type. For floats: zeros, the subnormal and normal ends, 1 and its neighbours, halves,
    /// large numbers, infinities and NaN, of both signs. For integers: both ends, -1, 0, 1, powers of two.
    static func edges(of type: ScalarType) -> [UInt64] {
        if type == .bool { return [0, 1] }
        guard let format = FloatFormat(type) else {
            let width = UInt64(type.bitWidth)
            var edges: [UInt64] = [0, 1, 2, 3, 5, 7, type.lowestBits, type.highestBits]
            edges += [type.lowestBits &+ 1, type.highestBits &- 1, UInt64.max, UInt64.max &- 1, width - 1, width]
            edges += [1 << (width / 2), 1 << (width - 2)]
            var seen = Set<UInt64>()
            return edges.map { truncated($0, type) }.filter { seen.insert($0).inserted }
        }
        let ulp = format.unitRoundoff * 2
        let magnitudes: [Double] = [
            0, format.smallestSubnormal, format.smallestNormal - format.smallestSubnormal, format.smallestNormal,
            format.unitRoundoff, 0.5, 1 - ulp / 2, 1, 1 + ulp, 1.5, 2, 2.5, 3, 7, 1 / ulp, format.largest / 2,
            format.largest, .infinity,
        ]
        var edges = magnitudes.flatMap { [type.bits(of: $0), type.bits(of: -$0)] }
        edges.append(type.bits(of: .nan))
        return edges
    }
}
