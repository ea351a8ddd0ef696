// Heterodyne: how a tensor lies in a block of memory, so that movement becomes arithmetic on strides.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// For lowerings of backends: a tensor as a window on a block of memory ("root"): offset and strides in elements, which may be zero or negative.
public struct StridedView: Hashable, Sendable {
    /// Index of the block.
    public var root: Int
    /// Elements from the start of the block to the element at index zero.
    public var offset: Int
    /// Elements along each dimension.
    public var extents: [Int]
    /// Elements in memory from one index to the next, for each dimension.
    public var strides: [Int]
    /// The type of the elements in memory; 4-bit integers lie as bytes inside a program.
    public var type: ScalarType
    /// The bits of the one element, where all elements are known to be the same constant.
    public var splatBits: UInt64?

    /// A dense row-major tensor at the start of a block.
    public init(dense root: Int, extents: [Int], type: ScalarType) {
        self.init(root: root, offset: 0, extents: extents, strides: Strides.dense(extents), type: type)
    }

    /// A tensor of the given offset and strides in a block.
    public init(root: Int, offset: Int, extents: [Int], strides: [Int], type: ScalarType, splatBits: UInt64? = nil) {
        self.root = root
        self.offset = offset
        self.extents = extents
        self.strides = strides
        self.type = type
        self.splatBits = splatBits
    }

    /// Number of dimensions.
    public var rank: Int { extents.count }
    /// Number of elements. The graph's types were validated, so the product fits.
    public var count: Int { Strides.count(extents) }
    /// Bytes of one element.
    public var elementSize: Int { max(1, type.bitWidth / 8) }
    /// Bytes of a dense copy.
    public var byteCount: Int { count * elementSize }
    /// Bytes from the start of the block to the element at index zero.
    public var byteOffset: Int { offset * elementSize }

    /// Whether the elements lie one after the other in row-major order.
    public var isDense: Bool {
        var expected = 1
        for d in stride(from: rank - 1, through: 0, by: -1) where extents[d] != 1 {
            if extents[d] == 0 { return true }
            if strides[d] != expected { return false }
            expected *= extents[d]
        }
        return true
    }

    /// Dimension `i` of the result is dimension `permutation[i]`.
    public func transposed(_ permutation: [Int]) -> StridedView {
        var copy = self
        copy.extents = permutation.map { extents[$0] }
        copy.strides = permutation.map { strides[$0] }
        return copy
    }

    /// Dimension `i` becomes dimension `dimensions[i]`; the other result dimensions repeat.
    public func broadcast(_ target: [Int], _ dimensions: [Int]) -> StridedView {
        var copy = self
        copy.extents = target
        copy.strides = [Int](repeating: 0, count: target.count)
        for (from, to) in dimensions.enumerated() {
            copy.strides[to] = extents[from] == 1 ? 0 : strides[from]
        }
        return copy
    }

    /// Elements `starts[d] + k * steps[d]` for `k < result[d]`.
    public func sliced(starts: [Int], steps: [Int], extents result: [Int]) -> StridedView {
        var copy = self
        copy.extents = result
        if !result.contains(0) {
            for d in 0..<rank {
                copy.offset += starts[d] * strides[d]
                copy.strides[d] = strides[d] * steps[d]
            }
        }
        return copy
    }

    /// Elements in opposite order along the dimensions.
    public func reversed(_ dimensions: [Int]) -> StridedView {
        var copy = self
        for d in dimensions where extents[d] > 0 {
            copy.offset += (extents[d] - 1) * strides[d]
            copy.strides[d] = -strides[d]
        }
        return copy
    }

    /// The same elements in row-major order under other extents, or nil where only a copy has such strides.
    public func reshaped(_ target: [Int]) -> StridedView? {
        var copy = self
        copy.extents = target
        if splatBits != nil || target.contains(0) {
            copy.strides = [Int](repeating: 0, count: target.count)
            return copy
        }
        // Runs of source dimensions are matched with runs of target dimensions of equal element count.
        let (source, sourceStrides) = Strides.merged(extents, [strides])
        var result = [Int](repeating: 0, count: target.count)
        var position = 0
        for (extent, stride) in zip(source, sourceStrides[0]) {
            var run = 1
            let first = position
            while run < extent && position < target.count {
                run *= target[position]
                position += 1
            }
            if run != extent { return nil }
            var step = stride
            for d in Swift.stride(from: position - 1, through: first, by: -1) {
                result[d] = target[d] == 1 ? 0 : step
                step *= target[d]
            }
        }
        copy.strides = result
        return copy
    }

    /// The view with the dimensions that repeat (stride 0) cut to extent 1.
    public var withoutRepetition: StridedView {
        var copy = self
        for d in 0..<rank where strides[d] == 0 && extents[d] > 1 { copy.extents[d] = 1 }
        return copy
    }

    /// Neighbouring dimensions `dimensions` as one: its extent and stride, or nil where no single stride exists.
    public func group(_ dimensions: [Int]) -> (extent: Int, stride: Int)? {
        var extent = 1
        var groupStride = 0
        for d in dimensions.reversed() where extents[d] != 1 {
            if extent == 1 {
                groupStride = strides[d]
            } else if strides[d] != groupStride * extent {
                return nil
            }
            extent *= extents[d]
        }
        return (extent, groupStride)
    }
}

/// Arithmetic on extents and strides.
public enum Strides {
    /// Number of elements.
    public static func count(_ extents: [Int]) -> Int { extents.contains(0) ? 0 : extents.reduce(1, *) }

    /// Strides of a dense row-major tensor; zeros where it has no elements.
    public static func dense(_ extents: [Int]) -> [Int] {
        var strides = [Int](repeating: 0, count: extents.count)
        if extents.contains(0) { return strides }
        var step = 1
        for d in stride(from: extents.count - 1, through: 0, by: -1) {
            strides[d] = step
            step *= extents[d]
        }
        return strides
    }

    /// Drops dimensions of extent 1 and joins neighbours that every stride list allows to be joined.
    public static func merged(_ extents: [Int], _ lists: [[Int]]) -> (extents: [Int], strides: [[Int]]) {
        var result: [Int] = []
        var strides = [[Int]](repeating: [], count: lists.count)
        for d in 0..<extents.count where extents[d] != 1 {
            let last = result.count - 1
            let joins =
                last >= 0 && lists.indices.allSatisfy { strides[$0][last] == lists[$0][d] * extents[d] }
            if joins {
                result[last] *= extents[d]
                for i in lists.indices { strides[i][last] = lists[i][d] }
            } else {
                result.append(extents[d])
                for i in lists.indices { strides[i].append(lists[i][d]) }
            }
        }
        return (result, strides)
    }
}
