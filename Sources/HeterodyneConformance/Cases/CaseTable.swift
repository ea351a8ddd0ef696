// Heterodyne: what the tables of cases share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What the tables of cases share.
enum CaseTable {
    /// The floats with arithmetic.
    static let floats: [ScalarType] = [.float32, .float64, .float16, .bfloat16]
    /// The integers with arithmetic.
    static let integers: [ScalarType] = [.int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64]
    /// One type of each width, and bool; the quick set of operations that only move bits.
    static let widths: [ScalarType] = [.bool, .int4, .uint8, .bfloat16, .float32, .int64]

    /// Extents around the widths of vector registers and tiles, taken in turn.
    static let oddExtents = [1, 3, 7, 31, 33, 63, 65, 127, 129, 255, 257]

    /// One of the odd extents, chosen by name, so that the tables stay short and every extent occurs.
    static func extent(_ name: String) -> Int {
        var random = SplitMix(name)
        return oddExtents[random.integer(0...(oddExtents.count - 1))]
    }

    /// `3x5` for extents, `scalar` for none.
    static func name(_ shape: [Int]) -> String {
        shape.isEmpty ? "scalar" : shape.map(String.init).joined(separator: "x")
    }
}
