// Heterodyne: packed constant matrices, shared by all programs of the process.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Synchronization

/// A constant matrix in the packed form, in blocks of columns. Programs for other batch sizes or lengths of the same
/// model share it.
final class PackedMatrix: @unchecked Sendable {
    // Unchecked: the memory is written before the value is shared and never afterwards.

    /// What is packed, and how: the same key means the same bytes as long as the matrix lives, since it keeps the
    /// constant alive.
    struct Key: Hashable {
        var address: Int
        var type: ScalarType
        var rowStride: Int
        var columnStride: Int
        var rows: Int
        var columns: Int
        var blockColumns: Int
        var level: Int32
    }

    private struct WeakReference {
        weak var matrix: PackedMatrix?
    }

    let blocks: [UnsafeMutableRawPointer]
    let byteCount: Int
    private let owner: LiteralStorage

    /// Memory for blocks of the given sizes, aligned for the kernels.
    init(sizes: [Int], owner: LiteralStorage) {
        blocks = sizes.map { .allocate(byteCount: max($0, 64), alignment: 64) }
        byteCount = sizes.reduce(0, +)
        self.owner = owner
    }

    deinit { for block in blocks { block.deallocate() } }

    private static let known = Mutex<[Key: WeakReference]>([:])

    /// The living matrix for `key`, or nil.
    static func find(_ key: Key) -> PackedMatrix? { known.withLock { $0[key]?.matrix } }

    /// Shares `matrix` under `key` from now on.
    static func share(_ matrix: PackedMatrix, _ key: Key) {
        known.withLock { known in
            known = known.filter { $0.value.matrix != nil }
            known[key] = WeakReference(matrix: matrix)
        }
    }
}
