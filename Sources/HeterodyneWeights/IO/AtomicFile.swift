// Heterodyne: writing a file so that it is either the old one or the complete new one.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A new file that takes the place of `path` when it is complete.
///
/// It is written beside the target under a temporary name and renamed by `commit`, so readers (and mappings) of the old
/// file keep it, a crash leaves the old file, and a symbolic link at the target is replaced instead of followed.
/// Without `commit` the temporary file is removed.
final class AtomicFile {
    private let path: String
    private let temporaryPath: String
    private var descriptor: Int32
    private(set) var byteCount = 0
    private var buffer: [UInt8] = []
    private static let bufferSize = 1 << 16

    /// Creates the temporary file beside `path`.
    init(replacing path: String) throws(WeightsError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw WeightsError(.invalidArgument, "a path cannot be empty or contain a zero byte", path: path)
        }
        guard !isDirectory(path) else {
            throw WeightsError(.notRegularFile, "is a directory; give the path of the file to write", path: path)
        }
        self.path = path
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        temporaryPath = "\(folder).heterodyne-\(UInt64.random(in: 0 ... .max)).tmp"
        descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw systemError("create a file in its directory", path: path) }
        buffer.reserveCapacity(Self.bufferSize)
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unlink(temporaryPath)
    }

    /// Appends bytes.
    func write(_ bytes: UnsafeRawBufferPointer) throws(WeightsError) {
        if buffer.count + bytes.count <= Self.bufferSize {
            buffer.append(contentsOf: bytes)
        } else {
            try flush()
            try writeThrough(bytes)
        }
        byteCount += bytes.count
    }

    /// Appends bytes.
    func write(_ bytes: [UInt8]) throws(WeightsError) {
        try bytes.withRawBytes { (raw) throws(WeightsError) in try write(raw) }
    }

    /// Makes the file durable and puts it in place.
    func commit() throws(WeightsError) {
        try flush()
        guard fsync(descriptor) == 0 else { throw systemError("flush the file to disk", path: path) }
        guard rename(temporaryPath, path) == 0 else { throw systemError("put the file in place", path: path) }
        close(descriptor)
        descriptor = -1
    }

    private func flush() throws(WeightsError) {
        try buffer.withRawBytes { (raw) throws(WeightsError) in try writeThrough(raw) }
        buffer.removeAll(keepingCapacity: true)
    }

    private func writeThrough(_ bytes: UnsafeRawBufferPointer) throws(WeightsError) {
        var done = 0
        while done < bytes.count {
            let chunk = UnsafeRawBufferPointer(rebasing: bytes[done..<min(bytes.count, done + 1 << 30)])
            // Qualified by signature: the method of the same name takes no descriptor.
            let count = systemWrite(descriptor, chunk)
            if count < 0 {
                if errno == EINTR { continue }
                throw systemError("write \(bytes.count) bytes", path: path)
            }
            done += count
        }
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
