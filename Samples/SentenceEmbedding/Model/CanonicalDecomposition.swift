// Heterodyne: the canonical decomposition (NFD) of Unicode text in linear time.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Unicode's normalization form D (UAX #15): every scalar replaced by its full canonical decomposition, and marks brought
/// into canonical order.
///
/// Foundation knows the decompositions, but its conversion of a whole string inserts into the string and so takes time in
/// the square of its length: a minute for six megabytes. Here it is asked once per distinct scalar.
enum CanonicalDecomposition {
    static func of(_ text: some Sequence<Unicode.Scalar>) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var known: [Unicode.Scalar: [Unicode.Scalar]] = [:]
        // Where the marks that follow the last starter begin, and whether they have to be sorted.
        var marksStart = 0
        var isOrdered = true
        var lastClass: UInt8 = 0

        func append(_ scalar: Unicode.Scalar) {
            let combiningClass = scalar.value < 0x300 ? 0 : scalar.properties.canonicalCombiningClass.rawValue
            if combiningClass == 0 {
                if !isOrdered { order(&result, from: marksStart) }
                marksStart = result.count + 1
                isOrdered = true
            } else if combiningClass < lastClass {
                isOrdered = false
            }
            lastClass = combiningClass
            result.append(scalar)
        }

        for scalar in text {
            switch scalar.value {
            // Nothing below U+00C0 decomposes, nor do the unified ideographs.
            case 0..<0xC0, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0x20000...0x2F7FF:
                append(scalar)
            default:
                if known[scalar] == nil {
                    known[scalar] = Array(String(scalar).decomposedStringWithCanonicalMapping.unicodeScalars)
                }
                for part in known[scalar] ?? [scalar] { append(part) }
            }
        }
        if !isOrdered { order(&result, from: marksStart) }
        return result
    }

    /// Sorts marks by combining class, those of equal class staying in their order.
    private static func order(_ scalars: inout [Unicode.Scalar], from start: Int) {
        let sorted = scalars[start...].enumerated()
            .map { (combiningClass: $1.properties.canonicalCombiningClass.rawValue, place: $0, scalar: $1) }
            .sorted { ($0.combiningClass, $0.place) < ($1.combiningClass, $1.place) }
        scalars.replaceSubrange(start..., with: sorted.lazy.map(\.scalar))
    }
}
