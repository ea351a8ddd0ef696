// Heterodyne: counter-based random bits.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011).
enum Threefry {
    /// Both words of the cipher on the counter (x0, x1) under the key.
    static func cipher(
        key: (KernelValue, KernelValue), _ x0: KernelValue, _ x1: KernelValue
    ) -> (KernelValue, KernelValue) {
        let rotations = [[13, 15, 26, 6], [17, 29, 16, 24]]
        let parity = key.0.builder.constant(0x1BD1_1BDA, .u32)
        let words = [key.0, key.1, key.0 ^ key.1 ^ parity]
        var (a, b) = (x0 + words[0], x1 + words[1])
        for group in 0..<5 {
            for amount in rotations[group % 2] {
                a = a + b
                b = ((b << amount) | (b >> (32 - amount))) ^ a
            }
            a = a + words[(group + 1) % 3]
            b = b + words[(group + 2) % 3] + (group + 1)
        }
        return (a, b)
    }
}

/// `result[i]` is the exclusive or of both words of the cipher on the counter (i >> 32, i mod 2^32).
///
/// Slots: key, result. Push constants: count (u32, u64 where wide), origins of key and result.
struct ThreefryBitsKernel: KernelRecipe {
    var isWide: Bool

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("threefry_bits", workgroup: [UInt32(width)])
        let key = builder.buffer("key", .u32, .read)
        let result = builder.buffer("result", .u32, .write)
        let type: KernelType = isWide ? .u64 : .u32
        let count = builder.pushConstant("count", type)
        let keyOrigin = builder.pushConstant("key_origin", type)
        let resultOrigin = builder.pushConstant("result_origin", type)
        let index = builder.linearInvocation(width: width, type)
        builder.if(index .< count) {
            let high = isWide ? (index >> 32).converted(to: .uint32) : builder.constant(0, .u32)
            let words = Threefry.cipher(
                key: (key[keyOrigin], key[keyOrigin + 1]), high, index.converted(to: .uint32))
            result[resultOrigin + index] = words.0 ^ words.1
        }
        return try builder.finish()
    }
}

/// Both words of the cipher on pairs of counters; the second words follow all of the first.
///
/// Slots: key, high words, low words, result. Push constants: count (u32, u64 where wide), origins of the four.
struct ThreefryKernel: KernelRecipe {
    var isWide: Bool

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("threefry", workgroup: [UInt32(width)])
        let arrays = ["key", "high", "low"].map { builder.buffer($0, .u32, .read) }
        let result = builder.buffer("result", .u32, .write)
        let type: KernelType = isWide ? .u64 : .u32
        let count = builder.pushConstant("count", type)
        let origins = ["key", "high", "low", "result"].map { builder.pushConstant("\($0)_origin", type) }
        let index = builder.linearInvocation(width: width, type)
        builder.if(index .< count) {
            let words = Threefry.cipher(
                key: (arrays[0][origins[0]], arrays[0][origins[0] + 1]), arrays[1][origins[1] + index],
                arrays[2][origins[2] + index])
            result[origins[3] + index] = words.0
            result[origins[3] + count + index] = words.1
        }
        return try builder.finish()
    }
}
