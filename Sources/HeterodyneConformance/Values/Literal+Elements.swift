// Heterodyne: literals from element bits.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension Literal {
    /// A literal of the given element bits, one for each element of `type`. Throws `invalidLiteral`.
    init(bits: [UInt64], type: TensorType) throws(GraphError) {
        let width = type.scalarType.bitWidth
        let byteCount = try type.byteCount()
        guard try type.elementCount() == bits.count else {
            throw GraphError(.invalidLiteral, "\(type) was given \(bits.count) elements")
        }
        let storage = LiteralStorage(count: byteCount) { bytes in
            for index in bytes.indices { bytes[index] = 0 }
            for (index, value) in bits.enumerated() {
                if width == 4 {
                    bytes[index / 2] |= UInt8(truncatingIfNeeded: value & 0xF) << (index % 2 == 0 ? 0 : 4)
                } else {
                    for byte in 0..<width / 8 {
                        bytes[index * (width / 8) + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
                    }
                }
            }
        }
        try self.init(type: type, storage: storage)
    }

    /// The elements as numbers. 64-bit integers may round.
    var numbers: [Double] {
        let count = (try? type.elementCount()) ?? 0
        return (0..<count).map { type.scalarType.number(fromBits: bits(at: $0)) }
    }
}
