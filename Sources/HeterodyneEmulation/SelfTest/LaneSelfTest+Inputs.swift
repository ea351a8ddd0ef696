// Heterodyne: the numbers that a device is tested with.
// SPDX-License-Identifier: Apache-2.0

extension LaneSelfTest {
    /// How many lanes each formula but `special` is tested with.
    public static let count = 2048

    /// The numbers of a formula, the same in every run: random significands and signs, operands near and far, last bits that
    /// make ties, ends of binades, and low parts down to the smallest normal numbers.
    public static func inputs(of formula: Formula) -> Inputs {
        if formula == .special { return specials }
        var generator = Generator(state: 0x9E37_79B9_7F4A_7C15)
        var inputs = Inputs()
        for lane in 0..<count {
            var (a, b) = (generator.number(-30...30), Float(0))
            // Near, so that sums cancel; far, so that their errors are whole operands; anywhere.
            switch lane % 4 {
            case 0: b = generator.number(Int(a.exponent) - 2...Int(a.exponent) + 2)
            case 1: b = generator.number(Int(a.exponent) - 26...Int(a.exponent) - 20)
            case 2: b = -a * (1 + Float(generator.next() >> 62) * 0x1p-22)
            default: b = generator.number(-30...30)
            }
            switch formula {
            case .product where lane % 8 == 3:
                // The error of the product lies just above the smallest normal number, 2^-126.
                (a, b) = (generator.number(-40 ... -38), generator.number(-38 ... -37))
            case .split where lane % 8 == 3: a = generator.number(60...100)
            case .rounded, .integers: a = generator.number(-2...21)
            case .constants where lane % 2 == 0: a = generator.number(-26...0)
            default: break
            }
            inputs.a.append(a)
            inputs.b.append(b)
            switch formula {
            case .separateProduct: inputs.c.append(-(a * b))
            default: inputs.c.append(generator.part(of: a))
            }
            inputs.d.append(generator.part(of: b))
        }
        return inputs
    }

    /// Each with each.
    private static var specials: Inputs {
        let numbers: [Float] = [
            0, -0.0, 1, -1.5, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0x1p127,
            -0x1p120, 0x1p-60,
        ]
        var inputs = Inputs()
        for a in numbers {
            for b in numbers {
                inputs.a.append(a)
                inputs.b.append(b)
            }
        }
        inputs.c = [Float](repeating: 0, count: inputs.a.count)
        inputs.d = inputs.c
        return inputs
    }

    /// Pseudo-random numbers (xorshift).
    private struct Generator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state &* 0x2545_F491_4F6C_DD1D
        }

        /// A number with an exponent in the range, of either sign; one in eight has few bits, or all of them.
        mutating func number(_ exponents: ClosedRange<Int>) -> Float {
            let bits = next()
            let exponent = exponents.lowerBound + Int(bits % UInt64(exponents.count))
            var significand = UInt32(truncatingIfNeeded: bits >> 32) & 0x7F_FFFF
            switch bits >> 8 & 15 {
            case 0: significand &= 0x70_0000
            case 1: significand |= 0x7F_FFF0
            default: break
            }
            let number = Float(sign: .plus, exponent: exponent, significand: 1 + Float(significand) * 0x1p-23)
            return bits >> 12 & 1 == 0 ? number : -number
        }

        /// What may be the second part of a pair whose first is `high`: less than half of its last place.
        mutating func part(of high: Float) -> Float {
            let low = number(Int(high.exponent) - 40...Int(high.exponent) - 26)
            return high + low == high ? low : 0
        }
    }
}
