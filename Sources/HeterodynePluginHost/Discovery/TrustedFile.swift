// Heterodyne: files that nobody but their owner can have changed.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A regular file, open for reading, that not everybody can change: neither itself, nor the folder that holds it, nor (by
/// renaming) a folder above. In a process with elevated rights all of these must belong to root too.
///
/// What was checked is what is read: the checks are made on the open file. A library is loaded by its path later; nobody
/// who fails the checks can change what that path leads to.
struct TrustedFile: ~Copyable {
    /// The descriptor.
    let descriptor: Int32
    /// The path without symbolic links.
    let path: String
    /// How large it is.
    let byteCount: Int
    /// Which file it is, whatever its path.
    let identity: Identity

    /// The device and inode of a file.
    struct Identity: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64

        init(_ status: stat) {
            device = UInt64(truncatingIfNeeded: status.st_dev)
            inode = UInt64(truncatingIfNeeded: status.st_ino)
        }
    }

    /// Opens the file at the absolute path `path`; `what` is "manifest" or "library".
    init(opening path: String, what: String, isElevated: Bool) throws(PluginRefusal) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Self.unreadable(path, what, errno) }
        do throws(PluginRefusal) {
            (self.path, identity, byteCount) = try Self.check(descriptor, path, what, isElevated)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func check(
        _ descriptor: Int32, _ path: String, _ what: String, _ isElevated: Bool
    ) throws(PluginRefusal) -> (String, Identity, Int) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(path, what, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw PluginRefusal(reason: "the \(what) \(path) is not a file", remedy: "Name a regular file")
        }
        guard let resolved = realpath(path, nil) else { throw unreadable(path, what, errno) }
        defer { free(resolved) }
        let real = String(cString: resolved)
        var named = stat()
        guard stat(real, &named) == 0, Identity(named) == Identity(status) else {
            throw PluginRefusal(
                reason: "the \(what) \(path) was replaced while it was being read", remedy: "Try again")
        }
        try check(status, "the \(what) \(real)", real, isElevated: isElevated)
        try checkFolders(of: real, isElevated: isElevated)
        if path != real { try checkFolders(of: path, isElevated: isElevated) }
        return (real, Identity(status), Int(clamping: status.st_size))
    }

    private static func check(
        _ status: stat, _ what: String, _ path: String, isElevated: Bool
    ) throws(PluginRefusal) {
        guard status.st_mode & S_IWOTH == 0 else {
            throw PluginRefusal(
                reason: "\(what) can be written by everybody", remedy: "Run: chmod o-w \(quoted(path))")
        }
        guard !isElevated || status.st_uid == 0 else {
            throw PluginRefusal(
                reason: "\(what) does not belong to root, and this process has elevated rights",
                remedy: "Run: chown root \(quoted(path))")
        }
    }

    /// Checks the folder that holds the file at the absolute path `path`, and those above it.
    private static func checkFolders(of path: String, isElevated: Bool) throws(PluginRefusal) {
        guard let slash = path.lastIndex(of: "/") else { return }
        try checkFolder(slash == path.startIndex ? "/" : String(path[..<slash]), isElevated: isElevated)
    }

    /// Checks a folder that holds manifests or libraries. Everybody may write to a folder above it where the sticky bit
    /// keeps them from renaming what belongs to others, as in `/tmp`; the folder itself takes no new files from them.
    static func checkFolder(_ path: String, isElevated: Bool) throws(PluginRefusal) {
        var folder = path
        while folder.count > 1, folder.last == "/" { folder.removeLast() }
        var isInnermost = true
        while true {
            var status = stat()
            guard stat(folder, &status) == 0 else { throw unreadable(folder, "folder", errno) }
            if status.st_mode & S_ISVTX != 0, !isInnermost { status.st_mode &= ~S_IWOTH }
            try check(status, "the folder \(folder)", folder, isElevated: isElevated)
            guard folder != "/", let slash = folder.lastIndex(of: "/") else { return }
            folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
            isInnermost = false
        }
    }

    /// The whole content, where it has at most `limit` bytes.
    func contents(limit: Int, what: String) throws(PluginRefusal) -> [UInt8] {
        let tooLarge = PluginRefusal(
            reason: "the \(what) \(path) is larger than \(limit) bytes",
            remedy: "Remove it, or what does not belong there")
        guard byteCount <= limit else { throw tooLarge }
        guard let bytes = bytes(at: 0, count: limit + 1) else {
            throw PluginRefusal(reason: "the \(what) \(path) cannot be read", remedy: "Check the file system")
        }
        guard bytes.count <= limit else { throw tooLarge }
        return bytes
    }

    /// `count` bytes from `offset`, fewer where the file ends before; nil where reading fails.
    func bytes(at offset: Int, count: Int) -> [UInt8]? { readBytes(descriptor, at: offset, count: count) }

    static func unreadable(_ path: String, _ what: String, _ code: Int32) -> PluginRefusal {
        switch code {
        case ENOTDIR where what == "folder":
            PluginRefusal(reason: "\(path) is no folder", remedy: "Name the folder that holds the manifests")
        case ENOENT, ENOTDIR:
            PluginRefusal(
                reason: "the \(what) \(path) does not exist",
                remedy: what == "library" ? "Install it, or correct or remove the manifest" : "Create it")
        case EACCES, EPERM:
            PluginRefusal(
                reason: "the \(what) \(path) must not be read by this user", remedy: "Run: chmod a+r \(quoted(path))")
        default:
            PluginRefusal(
                reason: "the \(what) \(path) cannot be opened: \(String(cString: strerror(code)))",
                remedy: "Check the path")
        }
    }

    /// `path` as a word of a shell.
    static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            byte > 0x7F || "/._-+:@%,=".utf8.contains(byte) || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
        }
        return isPlain
            ? path : "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

/// `count` bytes of an open file from `offset`, fewer where the file ends before; nil where reading fails.
func readBytes(_ descriptor: Int32, at offset: Int, count: Int) -> [UInt8]? {
    guard offset >= 0, count >= 0 else { return nil }
    // A file may be smaller than what is asked for; memory is taken for what is there.
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: min(count, 65536))
    while bytes.count < count {
        let (position, overflows) = offset.addingReportingOverflow(bytes.count)
        guard !overflows else { return nil }
        let wanted = min(chunk.count, count - bytes.count)
        let read = chunk.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, wanted, off_t(position)) }
        if read < 0 {
            guard errno == EINTR else { return nil }
            continue
        }
        if read == 0 { break }
        bytes += chunk[..<read]
    }
    return bytes
}
