// Heterodyne: finds and reads the files that describe chips.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

extension ProfileCatalog {
    /// The folders that are searched for profiles, in order: those of `HETERODYNE_PROFILE_PATH` (separated by colons,
    /// absolute), `heterodyne/profiles.d` in the user's data folder, `/etc/heterodyne/profiles.d`. A process that runs with
    /// more rights than its user ignores the first two.
    public static var searchedFolders: [String] {
        var folders: [String] = []
        if let list = environment("HETERODYNE_PROFILE_PATH") {
            folders += list.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        }
        if let data = environment("XDG_DATA_HOME"), data.hasPrefix("/") {
            folders.append(data + "/heterodyne/profiles.d")
        } else if let home = environment("HOME"), home.hasPrefix("/") {
            folders.append(home + "/.local/share/heterodyne/profiles.d")
        }
        folders.append("/etc/heterodyne/profiles.d")
        return folders
    }

    /// The variable, or nil where it is not set or the process has more rights than its user.
    private static func environment(_ name: String) -> String? {
        // The headers that Swift reads hide secure_getenv; the library has it.
        typealias Lookup = @convention(c) (UnsafePointer<CChar>) -> UnsafePointer<CChar>?
        guard let symbol = dlsym(nil, "secure_getenv") else { return nil }
        return unsafeBitCast(symbol, to: Lookup.self)(name).map { String(cString: $0) }
    }
}

/// Finds and reads files.
enum ProfileFiles {
    /// The files of `folder` whose names end in `.json`, by name; none where the folder cannot be read.
    static func list(_ folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while names.count < 4096, let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".json"), !name.hasPrefix(".") { names.append(name) }
        }
        let start = folder.hasSuffix("/") ? folder : folder + "/"
        return names.sorted().map { start + $0 }
    }

    /// The bytes of the regular file at `path`. Throws where it cannot be read or has more than `limit` bytes.
    static func read(_ path: String, limit: Int) throws(ProfileError) -> [UInt8] {
        func failure(_ code: Int32) -> ProfileError {
            let reason = strerror(code).map { String(cString: $0) } ?? "error \(code)"
            return ProfileError(.unreadable, "cannot be read: \(reason)", path: path)
        }
        guard !path.utf8.contains(0) else { throw ProfileError(.unreadable, "is no path", path: path) }
        // Opening a pipe without a writer would wait for one.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw failure(errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ProfileError(.unreadable, "is no regular file", path: path)
        }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = block.withUnsafeMutableBytes { readBlock(file, $0) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            if count == 0 { return bytes }
            bytes += block[0..<count]
            guard bytes.count <= limit else {
                throw ProfileError(.malformed, "has more than \(limit) bytes; a profile is smaller", path: path)
            }
        }
    }

    /// `read` of the C library, whose name the function above hides.
    private static func readBlock(_ file: Int32, _ block: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Musl)
        Musl.read(file, block.baseAddress, block.count)
        #else
        Glibc.read(file, block.baseAddress, block.count)
        #endif
    }
}
