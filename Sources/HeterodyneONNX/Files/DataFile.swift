// Heterodyne: the bytes of a model or of its external data.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The bytes of a regular file, mapped read-only, or a copy of bytes in memory.
final class DataFile: @unchecked Sendable {
    // Unchecked: the bytes are never written after `init`.

    /// The contents. Valid while the object lives.
    let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool

    /// Maps the regular file at `path`. Opening a pipe or a device does not block and is refused.
    convenience init(path: String, limit: Int) throws(ONNXError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw ONNXError(.fileNotFound, "a path cannot be empty or contain a zero byte")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw systemError("open the file") }
        defer { close(descriptor) }
        let status = try Self.regularStatus(descriptor)
        guard status.st_size <= limit else { throw Self.tooLarge(Int(status.st_size), limit) }
        try self.init(mapping: descriptor, byteCount: Int(status.st_size))
    }

    /// Maps an open regular file.
    init(mapping descriptor: Int32, byteCount: Int) throws(ONNXError) {
        guard byteCount > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            isMapped = false
            return
        }
        let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let address, address != UnsafeMutableRawPointer(bitPattern: -1) else {
            throw systemError("map \(byteCount) bytes")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: byteCount)
        isMapped = true
    }

    /// A copy of bytes in memory, aligned as a mapping would be for every element type.
    init(copying contents: [UInt8]) {
        isMapped = false
        guard !contents.isEmpty else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: contents.count, alignment: 64)
        memory.copyBytes(from: contents)
        bytes = UnsafeRawBufferPointer(memory)
    }

    deinit {
        guard let address = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return }
        if isMapped { munmap(address, bytes.count) } else { address.deallocate() }
    }

    static func tooLarge(_ count: Int, _ limit: Int) -> ONNXError {
        ONNXError(
            .limitExceeded,
            "has \(count) bytes and the limit is \(limit); save the model with its tensors as external data")
    }

    /// What the system knows of an open file; throws where it is not a regular one.
    static func regularStatus(_ descriptor: Int32) throws(ONNXError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw systemError("examine the file") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let what = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "a device, pipe or socket"
            throw ONNXError(.notRegularFile, "is \(what); give the path of a regular file")
        }
        return status
    }
}

/// An error for the current `errno`.
func systemError(_ action: String) -> ONNXError {
    let code = errno
    let message = "cannot \(action): \(String(cString: strerror(code)))"
    switch code {
    case ENOENT, ENOTDIR: return ONNXError(.fileNotFound, message)
    case EACCES, EPERM: return ONNXError(.accessDenied, message)
    case EISDIR, ENXIO, ENODEV: return ONNXError(.notRegularFile, message)
    default: return ONNXError(.inputOutput, message)
    }
}
