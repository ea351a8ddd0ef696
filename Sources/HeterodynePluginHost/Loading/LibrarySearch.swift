// Heterodyne: which libraries the loader would not find, all of them at once.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Looks for libraries where the loader does (ld.so(8)), without loading any: the loader itself names only the first that is
/// missing.
struct LibrarySearch {
    /// The folders of `LD_LIBRARY_PATH`.
    private let environmentFolders: [String]
    /// What `/etc/ld.so.cache` knows: the paths by name.
    private let cache: [String: [String]]
    /// The folders that are searched last.
    private let defaultFolders: [String]

    /// A search as the loader of this process makes it.
    init() {
        environmentFolders =
            getenv("LD_LIBRARY_PATH").map { String(cString: $0).split(separator: ":").map(String.init) } ?? []
        cache = LoaderCache.read("/etc/ld.so.cache")
        defaultFolders = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"]
    }

    /// A library that is missing, and who needs it.
    struct Missing: Hashable, Sendable {
        /// The name that is looked for.
        var name: String
        /// The path of the library that needs it; nil for the manifest.
        var neededBy: String?
    }

    /// The libraries that are needed, directly or not, by the one at `path`, and cannot be found; each once.
    func missing(for path: String) -> [Missing] {
        var missing: [Missing] = []
        var names: Set<String> = []
        var seen: Set<String> = [path]
        // Each with the folders of DT_RPATH of those that need it.
        var queue: [(path: String, inherited: [String])] = [(path, [])]
        var next = 0
        while next < queue.count, queue.count < 4096 {
            let (library, inherited) = queue[next]
            next += 1
            guard let file = Self.read(library) else { continue }
            var own: [String] = []
            var passedOn = inherited
            if let runPath = file.runPath {
                own = environmentFolders + Self.folders(runPath, origin: library)
            } else {
                passedOn = (file.olderRunPath.map { Self.folders($0, origin: library) } ?? []) + inherited
                own = passedOn + environmentFolders
            }
            for name in file.needed where names.insert(name).inserted {
                switch find(name, in: own) {
                case .loaded: continue
                case .file(let found): if seen.insert(found).inserted { queue.append((found, passedOn)) }
                case .nowhere: missing.append(Missing(name: name, neededBy: library))
                }
            }
        }
        return missing
    }

    private enum Place { case loaded, file(String), nowhere }

    private func find(_ name: String, in folders: [String]) -> Place {
        // Runs nothing: the library is in the process already, or it stays out.
        if dlopen(name, RTLD_LAZY | RTLD_NOLOAD) != nil { return .loaded }
        if name.contains("/") { return Self.read(name) == nil ? .nowhere : .file(name) }
        let candidates = folders.map { $0 + "/" + name } + (cache[name] ?? []) + defaultFolders.map { $0 + "/" + name }
        // A library of another machine is passed over, as the loader does.
        return candidates.first { Self.read($0) != nil }.map { .file($0) } ?? .nowhere
    }

    private static func read(_ path: String) -> ELFFile? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return try? ELFFile(descriptor, byteCount: Int(clamping: status.st_size))
    }

    /// The folders of a run path, with `$ORIGIN` and `$LIB` filled in.
    static func folders(_ path: String, origin library: String) -> [String] {
        let folder = library.lastIndex(of: "/").map { String(library[..<$0]) } ?? "."
        return path.split(separator: ":").flatMap { entry -> [String] in
            let entry = replace(["${ORIGIN}", "$ORIGIN"], in: String(entry), with: folder)
            guard entry.contains("$LIB") || entry.contains("${LIB}") else { return [entry] }
            return ["lib", "lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"].map {
                replace(["${LIB}", "$LIB"], in: entry, with: $0)
            }
        }
    }

    private static func replace(_ names: [String], in text: String, with value: String) -> String {
        names.reduce(text) { text, name in
            text.split(separator: name, omittingEmptySubsequences: false).joined(separator: value)
        }
    }
}

/// The loader's index of libraries.
enum LoaderCache {
    /// The paths by name in the file at `path`, in the format that glibc writes since 2.32 ("glibc-ld.so.cache1.1"): a
    /// header of 48 bytes, then entries of 24 (flags, name, path, version, hwcap), names and paths as offsets from the
    /// header. Empty where there is no such file.
    static func read(_ path: String) -> [String: [String]] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [:] }
        defer { close(descriptor) }
        return parse(readBytes(descriptor, at: 0, count: 1 << 26) ?? [])
    }

    /// The paths by name in `bytes`.
    static func parse(_ bytes: [UInt8]) -> [String: [String]] {
        let magic = Array("glibc-ld.so.cache1.1".utf8)
        // Older systems write an older table in front.
        var start = 0
        if !bytes.starts(with: magic) {
            guard bytes.starts(with: Array("ld.so-1.7.0".utf8)), let count = number(bytes, 12) else { return [:] }
            let end = 16 + count * 12
            start = (end + 7) / 8 * 8
            guard start < bytes.count, bytes[start...].starts(with: magic) else { return [:] }
        }
        guard let count = number(bytes, start + 20), count <= bytes.count / 24 else { return [:] }
        func text(_ offset: Int) -> String? {
            let offset = start + offset
            guard offset < bytes.count, let end = bytes[offset...].prefix(4096).firstIndex(of: 0) else { return nil }
            return String(decoding: bytes[offset..<end], as: UTF8.self)
        }
        var paths: [String: [String]] = [:]
        for index in 0..<count {
            let entry = start + 48 + index * 24
            guard let name = number(bytes, entry + 4).flatMap(text), let path = number(bytes, entry + 8).flatMap(text)
            else { continue }
            paths[name, default: []].append(path)
        }
        return paths
    }

    /// A number of four bytes, in this machine's order.
    private static func number(_ bytes: [UInt8], _ offset: Int) -> Int? {
        guard offset >= 0, offset <= bytes.count - 4 else { return nil }
        var value: UInt32 = 0
        withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes[offset..<offset + 4]) }
        return Int(value)
    }
}
