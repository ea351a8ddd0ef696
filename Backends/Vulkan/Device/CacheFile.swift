// Heterodyne: files that are kept between runs and shared by processes.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A file that is kept between runs: a header of magic, version, identity, length and checksum, and the content. Damaged
/// and foreign files count as absent. Files are replaced whole, so that readers see the old content or the new.
struct CacheFile: Sendable {
    /// Folder, with parents made as needed.
    let folder: String
    let path: String
    /// What the content belongs to.
    let identity: UInt64

    static let magic: UInt64 = 0x3145_4843_4143_5448  // "HTCACHE1"
    private static let headerByteCount = 32
    /// Nothing of ours is larger; a file that says so is damaged.
    private static let maximumByteCount = 1 << 30

    init(folder: String, name: String, identity: UInt64) {
        self.folder = folder
        self.identity = identity
        path = folder + "/" + name
    }

    /// The content, or nil where there is none that can be trusted.
    func read() -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_size >= off_t(Self.headerByteCount), status.st_size <= off_t(Self.maximumByteCount)
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let isRead = bytes.withUnsafeMutableBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = pread(
                    descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(done))
                if count < 0, errno == EINTR { continue }
                if count <= 0 { return false }
                done += count
            }
            return true
        }
        guard isRead else { return nil }
        return bytes.withUnsafeBytes { buffer in
            func word(_ index: Int) -> UInt64 {
                UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
            }
            let content = UnsafeRawBufferPointer(rebasing: buffer[Self.headerByteCount...])
            guard word(0) == Self.magic, word(1) == identity, word(2) == UInt64(content.count),
                word(3) == Checksum.of(content)
            else { return nil }
            return Array(content)
        }
    }

    /// Replaces the content. Gives false where the file cannot be written.
    @discardableResult
    func write(_ content: [UInt8]) -> Bool {
        guard content.count <= Self.maximumByteCount - Self.headerByteCount, makeFolder() else { return false }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerByteCount + content.count)
        let checksum = content.withUnsafeBytes { Checksum.of($0) }
        for word in [Self.magic, identity, UInt64(content.count), checksum] {
            withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes += content
        let temporary = path + ".\(getpid()).\(UInt64.random(in: 0 ... .max)).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        let isWritten = bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = pwrite(
                    descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(done))
                if count < 0, errno == EINTR { continue }
                if count <= 0 { return false }
                done += count
            }
            return true
        }
        let isClosed = close(descriptor) == 0
        guard isWritten, isClosed, rename(temporary, path) == 0 else {
            unlink(temporary)
            return false
        }
        return true
    }

    /// Runs `body` while no other process does; not at all where another one takes long or the folder cannot be written.
    func exclusively(_ body: () -> Void) {
        guard makeFolder() else { return }
        let descriptor = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        for attempt in 0..<20 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                body()
                return
            }
            guard errno == EWOULDBLOCK || errno == EINTR, attempt < 19 else { return }
            usleep(5000)
        }
    }

    private func makeFolder() -> Bool {
        if access(folder, W_OK | X_OK) == 0 { return true }
        var partial = ""
        for part in folder.split(separator: "/") {
            partial += (partial.isEmpty && !folder.hasPrefix("/") ? "" : "/") + part
            mkdir(partial, 0o700)
        }
        return access(folder, W_OK | X_OK) == 0
    }
}
