// Heterodyne: positions that are data, read in kernels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Reads integers that are positions. int64 is read as two words, so that devices without 64-bit integers do it too.
struct IndexReader {
    let builder: KernelBuilder
    /// u32 or u64: the type of positions in the kernel.
    let position: KernelType
    /// int32 or int64: the type of the integers in memory.
    let stored: ScalarType

    init(_ builder: KernelBuilder, position: KernelType, stored: ScalarType) {
        self.builder = builder
        self.position = position
        self.stored = stored
    }

    /// The element of a buffer that holds such integers.
    static func element(_ stored: ScalarType) -> KernelType { stored == .int64 ? .u32.with(width: 2) : .i32 }

    /// Declares a buffer of such integers.
    static func buffer(_ builder: KernelBuilder, _ name: String, _ stored: ScalarType) -> MemoryArray {
        builder.buffer(name, element(stored), .read)
    }

    /// max(0, min(raw, limit)).
    func clamped(_ raw: KernelValue, limit: KernelValue) -> KernelValue {
        let zero = builder.constant(0, position)
        guard stored == .int64 else {
            let bits = raw.bitcast(to: .u32).converted(to: position.scalar)
            return builder.select(raw .< 0, zero, bits.minimum(limit))
        }
        let isNegative = raw[1].bitcast(to: .i32) .< 0
        if position.bits == 64 {
            return builder.select(isNegative, zero, raw.bitcast(to: .u64).minimum(limit))
        }
        let inRange = builder.select(raw[1] .== 0, raw[0].minimum(limit), limit)
        return builder.select(isNegative, zero, inRange)
    }

    /// The position, and whether 0 <= raw <= limit; 0 where not.
    func checked(_ raw: KernelValue, limit: KernelValue) -> (value: KernelValue, isInside: KernelValue) {
        let zero = builder.constant(0, position)
        guard stored == .int64 else {
            // A limit is below 2^31 where positions have 32 bits, and signs are spread otherwise.
            let bits =
                position.bits == 64
                ? raw.converted(to: .int64).bitcast(to: .u64) : raw.bitcast(to: .u32)
            let isInside = bits .<= limit
            return (builder.select(isInside, bits, zero), isInside)
        }
        if position.bits == 64 {
            let bits = raw.bitcast(to: .u64)
            let isInside = bits .<= limit
            return (builder.select(isInside, bits, zero), isInside)
        }
        let isInside = (raw[1] .== 0) & (raw[0] .<= limit)
        return (builder.select(isInside, raw[0], zero), isInside)
    }
}

/// How index vectors name slices of an operand.
struct Addressing: Hashable, Sendable {
    /// The operand's strides along the indexed dimensions, in pieces.
    var strides: [Int]
    /// From one number of an index vector to the next.
    var componentStride: Int
    /// int32 or int64.
    var stored: ScalarType

    /// Where the slice of the index vector at `base` starts, each index clamped to its limit.
    func clampedStart(
        _ indices: MemoryArray, base: KernelValue, _ limits: [KernelValue], _ builder: KernelBuilder
    ) -> KernelValue {
        let reader = IndexReader(builder, position: base.type, stored: stored)
        var sum = builder.constant(0, base.type)
        for (k, stride) in strides.enumerated() {
            let raw = indices[base + builder.strideConstant(k * componentStride, base.type)]
            sum = sum + IndexSpace.scaled(reader.clamped(raw, limit: limits[k]), stride)
        }
        return sum
    }

    /// Where the slice of the index vector at `base` starts, and whether all indices are within their limits.
    func checkedStart(
        _ indices: MemoryArray, base: KernelValue, _ limits: [KernelValue], _ builder: KernelBuilder
    ) -> (start: KernelValue, isInside: KernelValue) {
        let reader = IndexReader(builder, position: base.type, stored: stored)
        var sum = builder.constant(0, base.type)
        var isInside = builder.constant(true)
        for (k, stride) in strides.enumerated() {
            let raw = indices[base + builder.strideConstant(k * componentStride, base.type)]
            let (value, inside) = reader.checked(raw, limit: limits[k])
            sum = sum + IndexSpace.scaled(value, stride)
            isInside = k == 0 ? inside : isInside & inside
        }
        return (sum, isInside)
    }
}
