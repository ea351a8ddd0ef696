// Heterodyne: a file as a range of memory.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The bytes of a regular file, mapped read-only: nothing is read before it is touched, and pages that the system needs
/// elsewhere are dropped and read again later.
///
/// Whoever truncates a mapped file takes its pages away, and the next access to them ends the process with `SIGBUS`; no
/// reader can prevent that. Files that this module writes are replaced by renaming, which leaves existing mappings
/// intact. Where others may truncate a file in place, open it with `Access.copied`.
public final class MappedFile: @unchecked Sendable {
    // Unchecked: the bytes are never written after `init`; the advice calls are thread-safe in the kernel.

    /// How the bytes come into memory.
    public enum Access: Sendable, Hashable {
        /// Mapped: paged in on first use, shared with the page cache.
        case mapped
        /// Read into memory at once: independent of what happens to the file later.
        case copied
    }

    private enum Backing {
        case empty
        case mapping(UnsafeMutableRawPointer)
        case allocation(UnsafeMutableRawPointer)
    }

    /// The path it was opened with, or the label of bytes that never were a file.
    public let path: String
    /// The contents. Valid while the object lives, which `withExtendedLifetime` makes sure of: the object may otherwise be
    /// gone after the last mention of it, even within one expression.
    public let bytes: UnsafeRawBufferPointer
    private let backing: Backing

    /// Opens the regular file at `path`. Directories, devices, pipes and sockets are refused, and opening one never blocks.
    public init(path: String, access: Access = .mapped) throws(WeightsError) {
        let descriptor = try openRegularFile(path)
        defer { close(descriptor.number) }
        self.path = path
        let count = descriptor.byteCount
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            backing = .empty
            return
        }
        switch access {
        case .mapped:
            let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor.number, 0)
            guard let address, address != mapFailed else {
                throw systemError("map \(count) bytes", path: path)
            }
            bytes = UnsafeRawBufferPointer(start: address, count: count)
            backing = .mapping(address)
        case .copied:
            let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
            do throws(WeightsError) {
                try readAll(descriptor.number, into: UnsafeMutableRawBufferPointer(start: memory, count: count), path)
            } catch {
                memory.deallocate()
                throw error
            }
            bytes = UnsafeRawBufferPointer(start: memory, count: count)
            backing = .allocation(memory)
        }
    }

    /// Bytes that are in memory already, for instance a file that came over the network. `label` stands for the path in
    /// errors.
    public init(copying contents: some Collection<UInt8>, label: String) {
        path = label
        let count = contents.count
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            backing = .empty
            return
        }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
        UnsafeMutableRawBufferPointer(start: memory, count: count).copyBytes(from: contents)
        bytes = UnsafeRawBufferPointer(start: memory, count: count)
        backing = .allocation(memory)
    }

    deinit {
        switch backing {
        case .empty: break
        case .mapping(let address): munmap(address, bytes.count)
        case .allocation(let address): address.deallocate()
        }
    }

    /// Asks the system to read `range` soon, in the background. Ranges outside of the file are cut off.
    public func adviseWillNeed(_ range: Range<Int>) { advise(range, MADV_WILLNEED, wholePagesOnly: false) }

    /// Tells the system that `range` will be read once, front to back.
    public func adviseSequential(_ range: Range<Int>) { advise(range, MADV_SEQUENTIAL, wholePagesOnly: false) }

    /// Drops the resident pages that lie wholly inside `range`. The bytes stay readable (they are paged in again on the
    /// next touch), so this is always safe; it saves memory where a backend keeps its own repacked copy of weights.
    /// Does nothing for bytes that were copied into memory.
    public func release(_ range: Range<Int>) { advise(range, MADV_DONTNEED, wholePagesOnly: true) }

    private func advise(_ range: Range<Int>, _ advice: Int32, wholePagesOnly: Bool) {
        guard case .mapping(let address) = backing else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let clamped = range.clamped(to: 0..<bytes.count)
        guard page > 0, !clamped.isEmpty else { return }
        // The last page of the file is whole as far as the mapping is concerned.
        let end = clamped.upperBound == bytes.count ? bytes.count : clamped.upperBound / page * page
        let lower = wholePagesOnly ? (clamped.lowerBound + page - 1) / page * page : clamped.lowerBound / page * page
        let upper = wholePagesOnly ? end : clamped.upperBound
        guard lower < upper else { return }
        // Advice may be refused, for instance for locked pages; the bytes are right either way.
        _ = madvise(address + lower, upper - lower, advice)
    }

    /// The bytes of `range` as literal storage: in place where they are aligned to `alignment`, else copied. The caller
    /// has checked that `range` lies inside of the file.
    func storage(_ range: Range<Int>, alignment: Int) -> LiteralStorage {
        let slice = UnsafeRawBufferPointer(rebasing: bytes[range])
        guard let base = slice.baseAddress, !slice.isEmpty else { return LiteralStorage(count: 0) { _ in } }
        if Int(bitPattern: base) % max(alignment, 1) == 0 { return LiteralStorage(bytes: slice, owner: self) }
        return LiteralStorage(copying: slice)
    }
}

/// What `mmap` returns when it fails; the C macro is not imported.
private var mapFailed: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: -1) }

/// An error for the current `errno`.
func systemError(_ action: String, path: String) -> WeightsError {
    let code = errno
    let reason = String(cString: strerror(code))
    switch code {
    case ENOENT, ENOTDIR: return WeightsError(.fileNotFound, "cannot \(action): \(reason)", path: path)
    case EACCES, EPERM, EROFS: return WeightsError(.accessDenied, "cannot \(action): \(reason)", path: path)
    case EISDIR, ENXIO, ENODEV:
        return WeightsError(.notRegularFile, "cannot \(action): \(reason)", path: path)
    default: return WeightsError(.inputOutput, "cannot \(action): \(reason)", path: path)
    }
}

/// Whether `path` is a directory.
func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return !path.utf8.contains(0) && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Whether something exists at `path`.
func fileExists(_ path: String) -> Bool {
    !path.utf8.contains(0) && access(path, F_OK) == 0
}

/// The names in a directory, sorted.
func directoryEntries(_ path: String) throws(WeightsError) -> [String] {
    guard let directory = opendir(path) else { throw systemError("list the directory", path: path) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        names.append(name)
    }
    return names.sorted()
}

private func openRegularFile(_ path: String) throws(WeightsError) -> (number: Int32, byteCount: Int) {
    guard !path.utf8.contains(0) else {
        throw WeightsError(.invalidArgument, "a path cannot contain a zero byte", path: path)
    }
    // O_NONBLOCK: a named pipe without a writer would block `open` forever. It has no effect on regular files.
    let number = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard number >= 0 else { throw systemError("open the file", path: path) }
    var status = stat()
    guard fstat(number, &status) == 0 else {
        let error = systemError("examine the file", path: path)
        close(number)
        throw error
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
        close(number)
        let what = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "a device, pipe or socket"
        throw WeightsError(.notRegularFile, "is \(what); give the path of a regular file", path: path)
    }
    return (number, Int(status.st_size))
}

private func readAll(
    _ descriptor: Int32, into memory: UnsafeMutableRawBufferPointer, _ path: String
) throws(WeightsError) {
    var done = 0
    while done < memory.count {
        // Linux moves at most about 2 GiB per call.
        let chunk = UnsafeMutableRawBufferPointer(rebasing: memory[done..<min(memory.count, done + 1 << 30)])
        let count = pread(descriptor, chunk.baseAddress, chunk.count, off_t(done))
        if count < 0 {
            if errno == EINTR { continue }
            throw systemError("read the file", path: path)
        }
        guard count > 0 else {
            throw WeightsError(
                .truncated, "shrank from \(memory.count) to \(done) bytes while it was read; try again", path: path)
        }
        done += count
    }
}
