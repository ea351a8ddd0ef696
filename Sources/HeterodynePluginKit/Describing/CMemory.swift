// Heterodyne: Swift values as C structs in memory that stays where it is.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import Synchronization

/// Memory for C structs, arrays and text that a host reads. Freed with the object; what describes a plugin and its devices
/// is never freed.
final class CMemory {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    /// A copy of `value`, which must hold no references.
    func value<T: BitwiseCopyable>(_ value: T) -> UnsafePointer<T> {
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: 1)
        pointer.initialize(to: value)
        blocks.append(UnsafeMutableRawPointer(pointer))
        return UnsafePointer(pointer)
    }

    /// A copy of `values`; nil for none.
    func array<T: BitwiseCopyable>(_ values: [T]) -> UnsafePointer<T>? {
        guard !values.isEmpty else { return nil }
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: values.count)
        pointer.initialize(from: values, count: values.count)
        blocks.append(UnsafeMutableRawPointer(pointer))
        return UnsafePointer(pointer)
    }

    /// Copies of `values` behind an array of pointers; nil for none.
    func pointers<T: BitwiseCopyable>(_ values: [T]) -> UnsafePointer<UnsafePointer<T>?>? {
        array(values.map { Optional(value($0)) })
    }

    /// A copy of the bytes of `text`.
    func text(_ text: String) -> heterodyne_string {
        let bytes = text.utf8.map { CChar(bitPattern: $0) }
        return heterodyne_string(data: array(bytes), size: UInt64(bytes.count))
    }

    /// Copies of the bytes of `texts`; nil for none.
    func texts(_ texts: [String]) -> UnsafePointer<heterodyne_string>? { array(texts.map(text)) }

    private struct Kept: @unchecked Sendable {
        // Unchecked: nobody uses the object any more.
        let memory: CMemory
    }

    private static let kept = Mutex<[Kept]>([])

    /// Keeps everything for ever and returns `pointer` as a value that any thread may use.
    func forever<T>(_ pointer: UnsafePointer<T>) -> Forever<T> {
        // In a list and not by a retain without release: the optimiser frees an object that, as it sees, nobody can reach.
        let kept = Kept(memory: self)
        Self.kept.withLock { $0.append(kept) }
        return Forever(pointer: pointer)
    }
}

/// A pointer to memory that is never written or freed.
struct Forever<T>: @unchecked Sendable {
    // Unchecked: constant memory.

    let pointer: UnsafePointer<T>
}
