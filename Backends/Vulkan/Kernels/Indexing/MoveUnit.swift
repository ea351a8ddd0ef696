// Heterodyne: the pieces in which kernels move elements that they do not look into.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// The pieces in which a kernel moves elements that it does not look into. One kernel serves all scalar types of a
/// size, and several elements that lie side by side travel as one piece.
enum MoveUnit: Int, Hashable, Sendable, CaseIterable {
    case bytes1 = 1
    case bytes2 = 2
    case bytes4 = 4
    case bytes8 = 8
    case bytes16 = 16

    /// The type in kernels. Pieces of 8 and 16 bytes are vectors, so that no 64-bit integers are needed.
    var type: KernelType {
        switch self {
        case .bytes1: .u8
        case .bytes2: .u16
        case .bytes4: .u32
        case .bytes8: .u32.with(width: 2)
        case .bytes16: .u32.with(width: 4)
        }
    }

    /// Whether the target's buffers can hold such pieces.
    func isStored(by target: KernelTarget) -> Bool {
        switch self {
        case .bytes1: target.features.contains(.storage8)
        case .bytes2: target.features.contains(.storage16)
        case .bytes4, .bytes8, .bytes16: true
        }
    }
}

/// Operands over one iteration space, in pieces as large as their layout allows.
struct MovedSpace {
    /// An operand whose elements are moved.
    struct Operand {
        /// Elements from the start of the bound range to the operand's origin.
        var origin: Int
        /// Strides over the iteration space.
        var strides: [Int]
        /// Other strides by which positions in the operand move, such as those of indexed dimensions.
        var others: [Int] = []
    }

    let unit: MoveUnit
    /// Merged extents, counted in pieces.
    private(set) var extents: [Int]
    /// The operands, counted in pieces.
    private(set) var operands: [Operand]
    /// Strides of operands that are not moved, such as indices: in their own elements.
    private(set) var unmoved: [[Int]]

    /// The space over `extents` of operands with elements of `elementSize` bytes. Without `isWhole` pieces are
    /// elements, for kernels that look into them.
    init(
        elementSize: Int, extents: [Int], _ operands: [Operand], unmoved: [[Int]] = [], isWhole: Bool = true,
        _ target: KernelTarget
    ) throws(BackendError) {
        let merged = Strides.merged(extents, operands.map(\.strides) + unmoved)
        var lists = merged.strides
        var inner = merged.extents
        var moved = operands
        for i in moved.indices { moved[i].strides = lists[i] }
        lists.removeFirst(operands.count)
        var factor = isWhole ? 16 / elementSize : 1
        while factor > 1, !Self.allows(factor, inner, moved, lists) { factor /= 2 }
        if factor > 1, let last = inner.indices.last {
            inner[last] /= factor
            for i in moved.indices {
                moved[i].origin /= factor
                moved[i].strides = moved[i].strides.map { $0 / factor }
                moved[i].strides[last] = 1
                moved[i].others = moved[i].others.map { $0 / factor }
            }
        }
        guard let unit = MoveUnit(rawValue: elementSize * factor), unit.isStored(by: target) else {
            throw BackendError(
                .unsupported, "the device's buffers hold no elements of \(elementSize) bytes; convert to a wider type")
        }
        self.unit = unit
        self.extents = inner
        self.operands = moved
        self.unmoved = lists
    }

    private static func allows(_ factor: Int, _ extents: [Int], _ operands: [Operand], _ unmoved: [[Int]]) -> Bool {
        guard let last = extents.indices.last, extents[last] % factor == 0 else { return false }
        return operands.allSatisfy { operand in
            operand.strides[last] == 1 && operand.origin % factor == 0
                && operand.strides.dropLast().allSatisfy { $0 % factor == 0 }
                && operand.others.allSatisfy { $0 % factor == 0 }
        } && unmoved.allSatisfy { $0[last] == 0 }
    }

    /// Pieces in the space.
    var count: Int { Strides.count(extents) }
    /// The space for index arithmetic: moved operands first.
    var space: IndexSpace { IndexSpace(extents: extents, strides: operands.map(\.strides) + unmoved) }
    /// What decides on the width of indices.
    var reach: (extents: [Int], strides: [[Int]]) { (extents, operands.map(\.strides) + unmoved) }
}
