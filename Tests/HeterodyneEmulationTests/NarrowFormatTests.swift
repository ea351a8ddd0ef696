// Heterodyne: tests of 16-bit and 8-bit floats as bits.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

@Suite("Floats of 16 and 8 bits as bits")
struct NarrowFormatTests {
    /// The number with these bits by the definition of the format, in float64.
    func value(_ bits: UInt32, _ format: NarrowFormat) -> Double {
        let (exponentBits, mantissaBits) = (format.exponentBits, format.mantissaBits)
        let size = Int(bits) & ((1 << (format.bitWidth - 1)) - 1)
        let sign: Double = Int(bits) >> (format.bitWidth - 1) & 1 == 0 ? 1 : -1
        let (exponent, mantissa) = (size >> mantissaBits, size & ((1 << mantissaBits) - 1))
        let bias = (1 << (exponentBits - 1)) - 1
        if format == .float8e4m3fn {
            if size == 0x7F { return .nan }
        } else if exponent == (1 << exponentBits) - 1 {
            return mantissa == 0 ? sign * .infinity : .nan
        }
        let significand = exponent == 0 ? mantissa : mantissa + 1 << mantissaBits
        let scale = max(exponent, 1) - bias - mantissaBits
        return sign * Double(significand) * Double(sign: .plus, exponent: scale, significand: 1)
    }

    @Test("Every pattern is widened exactly and comes back", arguments: NarrowFormat.allCases)
    func roundTrip(_ format: NarrowFormat) {
        for bits in 0..<(UInt32(1) << UInt32(format.bitWidth)) {
            let wide = format.widened(HostWord(bits)).value
            let expected = value(bits, format)
            #expect(wide.isNaN == expected.isNaN)
            // Bits above the format's own do not matter.
            let above = format.widened(HostWord(bits | 0xABCD_0000))
            #expect(above.value.bitPattern == wide.bitPattern)
            if expected.isNaN {
                let back = format.narrowed(HostFloat(wide)).value
                #expect(value(back, format).isNaN)
                #expect(back >> UInt32(format.bitWidth - 1) == bits >> UInt32(format.bitWidth - 1))
            } else {
                #expect(wide.bitPattern == Float(expected).bitPattern && Double(wide) == expected)
                #expect(format.narrowed(HostFloat(wide)).value == bits)
            }
            if format == .float16 {
                let native = Float(Float16(bitPattern: UInt16(bits)))
                #expect(native.isNaN ? wide.isNaN : native.bitPattern == wide.bitPattern)
            }
        }
    }

    /// The nearest number of the format, ties to even, by search among the format's own numbers.
    struct Search {
        let format: NarrowFormat
        /// Numbers by their bits, from 0 up; the last is what the largest rounds to when it is exceeded by half a step.
        let numbers: [Double]

        func nearest(_ x: Float) -> UInt32 {
            let sign: UInt32 = x.sign == .minus ? 1 << UInt32(format.bitWidth - 1) : 0
            let size = Double(x.magnitude)
            var (below, above) = (0, numbers.count - 1)
            if size >= numbers[above] { return sign | UInt32(above) }
            while above - below > 1 {
                let middle = (below + above) / 2
                if numbers[middle] <= size { below = middle } else { above = middle }
            }
            let half = (numbers[below] + numbers[above]) / 2
            let goesUp = size > half || (size == half && below % 2 == 1)
            return sign | UInt32(goesUp ? above : below)
        }
    }

    @Test("Narrowing rounds once to the nearest, ties to even", arguments: NarrowFormat.allCases)
    func narrowing(_ format: NarrowFormat) {
        var numbers: [Double] = []
        for bits in 0..<(UInt32(1) << UInt32(format.bitWidth - 1)) {
            let number = value(bits, format)
            if !number.isFinite { break }
            numbers.append(number)
        }
        // What follows the largest, one step on, stands for infinity or NaN.
        numbers.append(2 * numbers[numbers.count - 1] - numbers[numbers.count - 2])
        let search = Search(format: format, numbers: numbers)
        var samples = Samples(seed: 7)
        var values: [Float] = [0, .infinity, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude]
        // Every tie of the format that is a float32 number, and its neighbours.
        let stride = max(1, numbers.count / Samples.count(8192, optimized: 65536))
        for index in Swift.stride(from: 0, to: numbers.count - 1, by: stride) {
            let tie = Float((numbers[index] + numbers[index + 1]) / 2)
            values += [tie.nextDown, tie, tie.nextUp, Float(numbers[index]).nextUp]
        }
        for _ in 0..<Samples.count(50_000, optimized: 2_000_000) {
            let bits = samples.next()
            values.append(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
            let exponent = Int(bits >> 33) % 40 - 26
            values.append(Float(sign: .plus, exponent: exponent, significand: 1 + Float(bits >> 41) * 0x1p-23))
        }
        for x in values.flatMap({ [$0, -$0] }) {
            let narrow = format.narrowed(HostFloat(x)).value
            if x.isNaN {
                #expect(value(narrow, format).isNaN)
                continue
            }
            #expect(narrow == search.nearest(x), "\(x)")
            if format == .float16 { #expect(UInt16(narrow) == Float16(x).bitPattern) }
        }
    }
}
