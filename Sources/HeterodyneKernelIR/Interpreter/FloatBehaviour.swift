// Heterodyne: what Vulkan leaves to devices in float arithmetic, for the interpreter to imitate.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What Vulkan leaves to devices in float arithmetic: the interpreter imitates a device that makes use of it.
public struct FloatBehaviour: Hashable, Sendable {
    /// Subnormal operands and results of arithmetic and comparisons are zeros of the same sign.
    public var flushesDenormals: Bool
    /// How many units in the last place quotients and square roots may be off, up or down; which way looks random.
    public var looseUnits: Int

    /// As IEEE 754 has it unless told otherwise.
    public init(flushesDenormals: Bool = false, looseUnits: Int = 0) {
        self.flushesDenormals = flushesDenormals
        self.looseUnits = looseUnits
    }

    /// As IEEE 754 has it.
    public static let exact = FloatBehaviour()

    /// The bits, with the sign alone where they stand for a subnormal number.
    func flushed(_ bits: UInt64, _ scalar: ScalarType) -> UInt64 {
        guard flushesDenormals, let format = Self.format(scalar) else { return bits }
        return bits & format.infinity == 0 ? bits & format.sign : bits
    }

    /// A quotient or root, off by a few units where that stays within the normal numbers.
    func loosened(_ bits: UInt64, _ scalar: ScalarType) -> UInt64 {
        guard looseUnits > 0, let format = Self.format(scalar) else { return bits }
        let magnitude = bits & ~format.sign
        let room = UInt64(looseUnits)
        let least = (format.infinity & (0 &- format.infinity)) + room
        guard magnitude >= least, magnitude + room < format.infinity else { return bits }
        let mixed = (bits ^ (bits >> 15)) &* 0x9e37_79b9_7f4a_7c15 >> 40
        return bits &- room &+ mixed % (2 * room + 1)
    }

    private static func format(_ scalar: ScalarType) -> (infinity: UInt64, sign: UInt64)? {
        switch scalar {
        case .float16: (0x7c00, 0x8000)
        case .float32: (0x7f80_0000, 0x8000_0000)
        case .float64: (0x7ff0_0000_0000_0000, 1 << 63)
        default: nil
        }
    }
}
