// Heterodyne: numbers as short text for plots and tables.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Numbers as short text.
public enum NumberText {
    /// `value` with at most `digits` significant digits (1 to 15): plain from 0.001 to 99999, else as `1.2e-7`.
    public static func short(_ value: Double, digits: Int = 3) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        guard value != 0 else { return "0" }
        let digits = min(max(digits, 1), 15)
        var exponent = Int(log10(value.magnitude).rounded(.down))
        // Scaling in two steps keeps the smallest numbers from overflowing the power.
        let half = exponent / 2
        var mantissa = value.magnitude / pow(10, Double(half)) / pow(10, Double(exponent - half))
        let unit = pow(10, Double(digits - 1))
        mantissa = (mantissa * unit).rounded() / unit
        // The logarithm may be off by one unit at powers of ten, and rounding may carry.
        if mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
        if mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
        let sign = value < 0 ? "-" : ""
        if (-3...4).contains(exponent) {
            return sign + decimal(mantissa * pow(10, Double(exponent)), places: max(0, digits - 1 - exponent))
        }
        return "\(sign)\(decimal(mantissa, places: digits - 1))e\(exponent)"
    }

    /// `value` with at most `places` digits after the point (0 to 15), without zeros at the end. Magnitudes of 1e15 and more, and
    /// what is not finite, become 0: nothing that is drawn is so far away.
    public static func decimal(_ value: Double, places: Int) -> String {
        let places = min(max(places, 0), 15)
        var unit = 1.0
        for _ in 0..<places { unit *= 10 }
        let scaled = (value.magnitude * unit).rounded()
        guard scaled.isFinite, scaled < 9e15, scaled > 0 else { return "0" }
        let digits = String(Int64(scaled))
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        let whole = padded.dropLast(places)
        var fraction = padded.suffix(places)
        while fraction.last == "0" { fraction.removeLast() }
        return (value < 0 ? "-" : "") + whole + (fraction.isEmpty ? "" : "." + fraction)
    }
}
