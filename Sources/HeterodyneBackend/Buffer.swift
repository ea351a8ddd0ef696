// Heterodyne: memory of a device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Memory of a device that holds one tensor, dense and row-major.
///
/// A buffer may be read by several threads at once; writing needs exclusive use, which the runtime arranges.
public protocol Buffer: AnyObject, Sendable {
    /// The size in bytes.
    var byteCount: Int { get }

    /// The address where the host can read and write the memory directly, or nil for memory it cannot reach.
    var hostAddress: UnsafeMutableRawPointer? { get }

    /// Whether the memory must never be written, such as that of a literal. The runtime binds no output to it and takes
    /// no donation of it. The default is false.
    var isReadOnly: Bool { get }

    /// Copies `source` to `offset`. Throws `invalidArgument` where it does not fit.
    func write(from source: UnsafeRawBufferPointer, at offset: Int) throws(BackendError)

    /// Fills `destination` from `offset`. Throws `invalidArgument` where it does not fit.
    func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(BackendError)
}

extension Buffer {
    /// False.
    public var isReadOnly: Bool { false }
}

/// Host memory as a buffer, aligned for every kernel; what CPU backends allocate.
public final class HostBuffer: Buffer, @unchecked Sendable {
    // Unchecked: concurrent use follows the rule of the protocol.

    /// The size in bytes.
    public let byteCount: Int
    /// The address of the first byte, aligned to 64 bytes unless the buffer refers to foreign memory.
    public let address: UnsafeMutableRawPointer
    private let owner: AnyObject?

    /// The address, always known.
    public var hostAddress: UnsafeMutableRawPointer? { address }

    /// Whether the buffer refers to foreign memory.
    public var isReadOnly: Bool { owner != nil }

    /// Allocates `byteCount` bytes. Throws `outOfMemory` where the system refuses.
    public init(byteCount: Int) throws(BackendError) {
        var pointer: UnsafeMutableRawPointer?
        // posix_memalign reports failure instead of trapping as Swift's allocator does.
        guard byteCount >= 0, posix_memalign(&pointer, 64, max(byteCount, 64)) == 0, let pointer else {
            throw BackendError(.outOfMemory, "cannot allocate \(byteCount) bytes of host memory")
        }
        self.byteCount = byteCount
        address = pointer
        owner = nil
    }

    /// Refers to the bytes of `storage` without copying. Such a buffer must never be written; `write` throws.
    public init(sharing storage: LiteralStorage) {
        byteCount = storage.bytes.count
        address = UnsafeMutableRawPointer(mutating: storage.bytes.baseAddress) ?? Self.emptyAddress
        owner = storage
    }

    /// Any non-null address for buffers of no bytes.
    private static var emptyAddress: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: 64).unsafelyUnwrapped
    }

    deinit { if owner == nil { free(address) } }

    /// Copies `source` to `offset`. Throws `invalidArgument` where it does not fit or the buffer is read-only.
    public func write(from source: UnsafeRawBufferPointer, at offset: Int) throws(BackendError) {
        guard !isReadOnly else {
            throw BackendError(.invalidArgument, "the buffer is a literal's memory, which must not be written")
        }
        guard offset >= 0, offset <= byteCount, source.count <= byteCount - offset else {
            throw BackendError(
                .invalidArgument, "\(source.count) bytes at offset \(offset) do not fit in a buffer of \(byteCount)")
        }
        guard let base = source.baseAddress else { return }
        (address + offset).copyMemory(from: base, byteCount: source.count)
    }

    /// Fills `destination` from `offset`. Throws `invalidArgument` where it does not fit.
    public func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(BackendError) {
        guard offset >= 0, offset <= byteCount, destination.count <= byteCount - offset else {
            throw BackendError(
                .invalidArgument,
                "\(destination.count) bytes at offset \(offset) do not lie in a buffer of \(byteCount)")
        }
        destination.baseAddress?.copyMemory(from: address + offset, byteCount: destination.count)
    }
}
