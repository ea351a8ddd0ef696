// Heterodyne: the bytes of literals on their way into a file.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// A literal that is to be written: checked, and streamed without writing out splats in memory.
struct LiteralWriter {
    let literal: Literal
    let extents: [Int]
    let byteCount: Int

    /// Checks that `literal` has a fixed and valid type.
    init(_ literal: Literal, path: String, tensor: String?) throws(WeightsError) {
        self.literal = literal
        do throws(GraphError) {
            try literal.type.validate()
            extents = try literal.type.shape.extents()
            byteCount = try literal.type.byteCount()
        } catch {
            throw WeightsError(.invalidArgument, "cannot be written: \(error.message)", path: path, tensor: tensor)
        }
    }

    /// Hands the data to `body` piece by piece, in order.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) throws(WeightsError) -> Void) throws(WeightsError) {
        switch literal.contents {
        case .dense(let storage): if byteCount > 0 { try body(storage.bytes) }
        case .splat(let bits):
            let width = max(literal.type.scalarType.bitWidth / 8, 1)
            let element = literal.type.scalarType.bitWidth == 4 ? bits | bits << 4 : bits
            var pattern: [UInt8] = []
            for index in 0..<min(byteCount, 1 << 16) {
                pattern.append(UInt8(truncatingIfNeeded: element >> UInt64(index % width * 8)))
            }
            var left = byteCount
            while left > 0 {
                let count = min(left, pattern.count)
                try pattern.withRawBytes { (raw) throws(WeightsError) in
                    try body(UnsafeRawBufferPointer(rebasing: raw[0..<count]))
                }
                left -= count
            }
        }
    }
}
