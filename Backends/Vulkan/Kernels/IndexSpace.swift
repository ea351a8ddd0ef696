// Heterodyne: from a linear index to the places of several operands, with as little arithmetic as their strides allow.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// An iteration space with the places of its points in several operands: row-major over `extents`, operand `o` at
/// `sum_d coordinate[d] * strides[o][d]`. Extents and strides are folded into the kernel, except for the extent of the
/// outermost dimension, which no index computation needs.
struct IndexSpace: Hashable, Sendable {
    /// Extents with the outermost set to 0, so that kernels that differ in nothing else are shared.
    private(set) var extents: [Int]
    /// Strides in elements, for each operand.
    private(set) var strides: [[Int]]
    /// Whether indices need 64 bits.
    private(set) var isWide: Bool

    /// A space of merged dimensions: extents of 1 are dropped and neighbours joined where every operand allows it.
    init(extents: [Int], strides: [[Int]]) {
        let merged = Strides.merged(extents, strides)
        self.extents = merged.extents
        self.strides = merged.strides
        isWide = Self.needsWideIndices(merged.extents, merged.strides)
        if !self.extents.isEmpty { self.extents[0] = 0 }
    }

    /// A space over views of equal extents.
    init(_ views: [StridedView]) {
        self.init(extents: views.first?.extents ?? [], strides: views.map(\.strides))
    }

    /// Whether a linear index or the place of a point is beyond what unsigned 32-bit arithmetic holds. Places below
    /// zero do not occur: launches bind from the lowest element on.
    static func needsWideIndices(_ extents: [Int], _ strides: [[Int]]) -> Bool {
        let limit = Int(UInt32.max) / 2
        if Strides.count(extents) > limit { return true }
        return strides.contains { list in
            var reach = 0
            for (extent, stride) in zip(extents, list) { reach += max(0, extent - 1) * abs(stride) }
            return reach > limit
        }
    }

    var rank: Int { extents.count }
    /// The type of indices.
    var indexType: KernelType { isWide ? .u64 : .u32 }

    /// Whether an operand lies dense over the whole space.
    func isDense(_ operand: Int) -> Bool { rank == 0 || rank == 1 && strides[operand][0] == 1 }

    /// The coordinates of a linear index, outermost first. Where an index stands for a run of `width` neighbours along
    /// the innermost dimension, the innermost coordinate counts runs.
    func coordinates(of index: KernelValue, innermostDividedBy width: Int = 1) -> [KernelValue] {
        guard rank > 0 else { return [] }
        var rest = index
        var result: [KernelValue] = []
        for d in stride(from: rank - 1, through: 1, by: -1) {
            let extent = index.like(d == rank - 1 ? extents[d] / width : extents[d])
            let quotient = rest / extent
            result.append(rest - quotient * extent)
            rest = quotient
        }
        result.append(rest)
        return result.reversed()
    }

    /// The place of a point in an operand, from the operand's place of the origin, modulo 2^32 or 2^64.
    func place(_ operand: Int, _ coordinates: [KernelValue], origin: KernelValue) -> KernelValue {
        var sum = origin
        for (coordinate, stride) in zip(coordinates, strides[operand]) where stride != 0 {
            sum = sum + Self.scaled(coordinate, stride)
        }
        return sum
    }

    /// `value * factor` in wrapping unsigned arithmetic; the factor may be negative.
    static func scaled(_ value: KernelValue, _ factor: Int) -> KernelValue {
        if factor == 1 { return value }
        let bits = UInt64(bitPattern: Int64(factor)) & (value.type.bits == 64 ? .max : 0xffff_ffff)
        return value * value.builder.constant(bits: bits, value.type)
    }
}
