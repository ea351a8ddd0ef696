// Heterodyne: the kernels that take packed 4-bit integers apart and pack them again.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Packed 4-bit integers, two per byte and low nibble first, to bytes, or back.
///
/// Slots: source, target. Push constant: the number of bytes written.
struct NibbleRecipe: KernelRecipe {
    enum Direction: Hashable, Sendable {
        case unpack, pack
    }

    let direction: Direction
    /// Whether bytes carry the sign of the nibble.
    let isSigned: Bool
    /// For packing: whether the number of nibbles is odd, so that the last byte has an empty high half.
    let isOdd: Bool
    /// The place of the first element in the source.
    let origin: Int
    let workgroup: Int

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("nibbles", workgroup: [UInt32(workgroup)])
        let source = k.buffer("source", .u8, .read)
        let result = k.buffer("target", .u8, .write)
        let count = k.pushConstant("count", .u32)
        let i = k.linearInvocation(width: workgroup, .u32)
        k.if(i .< count) {
            switch direction {
            case .unpack:
                let byte = source[(i >> 1) + origin].converted(to: .uint32)
                let nibble = (byte >> ((i & 1) * k.constant(4, .u32))) & 15
                let extended =
                    isSigned ? ((nibble ^ nibble.like(8)) - nibble.like(8)) : nibble
                result[i] = extended.converted(to: .uint8)
            case .pack:
                let low = source[(i << 1) + origin].converted(to: .uint32) & 15
                let high = k.variable(low.like(0))
                let isFull = isOdd ? (i + 1) .< count : k.constant(true)
                k.if(isFull) { high.value = (source[(i << 1) + (origin + 1)].converted(to: .uint32) & 15) << 4 }
                result[i] = (low | high.value).converted(to: .uint8)
            }
        }
        return try k.finish()
    }
}
