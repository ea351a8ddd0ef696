// Heterodyne: memory of the host as a buffer that programs may write.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// Memory of the host as a buffer that programs may write, for devices that share the host's memory. The host keeps it valid
/// until it frees the buffer.
final class HostMemoryBuffer: Buffer, @unchecked Sendable {
    // Unchecked: concurrent use follows the rule of the protocol.

    private let bytes: UnsafeMutableRawBufferPointer
    private static var empty: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 64) }

    init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    var byteCount: Int { bytes.count }

    var hostAddress: UnsafeMutableRawPointer? { bytes.baseAddress ?? Self.empty }

    func write(from source: UnsafeRawBufferPointer, at offset: Int) throws(BackendError) {
        try check(source.count, at: offset)
        guard let target = bytes.baseAddress, let base = source.baseAddress else { return }
        (target + offset).copyMemory(from: base, byteCount: source.count)
    }

    func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(BackendError) {
        try check(destination.count, at: offset)
        guard let source = bytes.baseAddress, let base = destination.baseAddress else { return }
        base.copyMemory(from: source + offset, byteCount: destination.count)
    }

    private func check(_ count: Int, at offset: Int) throws(BackendError) {
        guard offset >= 0, offset <= byteCount, count <= byteCount - offset else {
            throw BackendError(
                .invalidArgument, "\(count) bytes at offset \(offset) do not lie in a buffer of \(byteCount)")
        }
    }
}
