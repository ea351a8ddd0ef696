// Heterodyne: memory as steps of a program name it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// A tensor that a launch binds to a slot, and what the kernel does with it.
struct Access: Sendable {
    enum Kind: Sendable {
        case read, write, readWrite
    }

    var view: StridedView
    var kind: Kind

    static func read(_ view: StridedView) -> Access { Access(view: view, kind: .read) }
    static func write(_ view: StridedView) -> Access { Access(view: view, kind: .write) }
    static func readWrite(_ view: StridedView) -> Access { Access(view: view, kind: .readWrite) }
}

/// Where the range that is bound for a view starts, and where the view's origin lies in it.
struct BoundRange: Sendable, Hashable {
    /// Bytes from the start of the block, a multiple of `StridedView.boundAlignment`.
    var byteOffset: Int
    /// Bytes that the view reaches from there.
    var byteCount: Int
    /// Elements from there to the element at index zero.
    var origin: Int
}

extension StridedView {
    /// What the start of every bound range is a multiple of, in bytes: the most that Vulkan lets a device demand.
    static let boundAlignment = 256

    /// The range to bind: from the lowest element, rounded down, to the highest.
    var bound: BoundRange {
        var (lowest, highest) = (offset, offset)
        if !extents.contains(0) {
            for (extent, stride) in zip(extents, strides) {
                let reach = (extent - 1) * stride
                if reach < 0 { lowest += reach } else { highest += reach }
            }
        }
        let size = elementSize
        let start = lowest * size / Self.boundAlignment * Self.boundAlignment
        let end = extents.contains(0) ? start + size : (highest + 1) * size
        return BoundRange(byteOffset: start, byteCount: end - start, origin: offset - start / size)
    }
}
