// Heterodyne: host memory that notices writes outside a tensor.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// Host memory for one tensor between two guard zones. The zones hold a pattern that reads as NaN or -1, so that a
/// device which reads too far spoils its result, and that shows when a device has written too far.
final class GuardedBuffer: Buffer, @unchecked Sendable {
    // Unchecked: concurrent use follows the rule of the protocol.

    /// Bytes of each guard zone.
    static let guardByteCount = 1024
    static let pattern: UInt8 = 0xFF

    let byteCount: Int
    private let memory: UnsafeMutableRawBufferPointer
    private let start: Int

    /// A buffer whose first byte lies `misalignment` bytes after a multiple of 64, filled with `fill`.
    init(byteCount: Int, misalignment: Int, fill: UInt8) throws(BackendError) {
        let (size, overflow) = byteCount.addingReportingOverflow(2 * Self.guardByteCount + 64)
        guard byteCount >= 0, !overflow, misalignment >= 0, misalignment < 64 else {
            throw BackendError(.outOfMemory, "cannot allocate \(byteCount) guarded bytes")
        }
        self.byteCount = byteCount
        start = Self.guardByteCount + misalignment
        memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: Self.pattern)
        UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + byteCount])
            .initializeMemory(as: UInt8.self, repeating: fill)
    }

    deinit { memory.deallocate() }

    var hostAddress: UnsafeMutableRawPointer? { memory.baseAddress.map { $0 + start } }

    private var contents: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + byteCount])
    }

    func write(from source: UnsafeRawBufferPointer, at offset: Int) throws(BackendError) {
        guard offset >= 0, offset <= byteCount, source.count <= byteCount - offset else {
            throw BackendError(.invalidArgument, "\(source.count) bytes at \(offset) do not fit in \(byteCount)")
        }
        UnsafeMutableRawBufferPointer(rebasing: contents[offset..<offset + source.count]).copyMemory(from: source)
    }

    func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(BackendError) {
        guard offset >= 0, offset <= byteCount, destination.count <= byteCount - offset else {
            throw BackendError(.invalidArgument, "\(destination.count) bytes at \(offset) do not lie in \(byteCount)")
        }
        destination.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: contents[offset..<offset + destination.count]))
    }

    /// Where a guard zone was written to, counted from the tensor's first byte; nil where none was.
    var firstDamage: Int? {
        for index in memory.indices where index < start || index >= start + byteCount {
            if memory[index] != Self.pattern { return index - start }
        }
        return nil
    }
}
