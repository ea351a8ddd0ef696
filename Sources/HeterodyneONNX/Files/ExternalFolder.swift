// Heterodyne: external data, and what keeps a model from reading other people's files.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The folder of a model, and the files of it that hold tensors.
///
/// A location is a relative path of plain names. It is walked one name at a time from the open folder, never following a
/// symbolic link (`O_NOFOLLOW`), so nothing that is changed meanwhile can lead outside. A file with a second name
/// (`st_nlink` over 1) is refused too: a hard link may be any file of the same file system under a harmless name. Stores that
/// keep one copy of equal files by links must be copied out first.
final class ExternalFolder {
    private let path: String
    private var files: [String: DataFile] = [:]

    init(path: String) { self.path = path }

    /// The file at `location`, mapped once.
    func file(at location: String) throws(ONNXError) -> DataFile {
        if let known = files[location] { return known }
        return try within("external file \(quoted(location))") { () throws(ONNXError) in
            let names = try Self.names(of: location)
            var descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { throw systemError("open the model's folder") }
            defer { close(descriptor) }
            for (index, name) in names.enumerated() {
                let isLast = index == names.count - 1
                let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (isLast ? O_NONBLOCK | O_NOCTTY : O_DIRECTORY)
                let next = openat(descriptor, name, flags)
                guard next >= 0 else { throw Self.openError(descriptor, name) }
                close(descriptor)
                descriptor = next
            }
            let status = try DataFile.regularStatus(descriptor)
            guard status.st_nlink == 1 else {
                throw ONNXError(
                    .externalData,
                    "has \(status.st_nlink) names (hard links), so it may be a file from elsewhere; copy it into the "
                        + "model's folder")
            }
            let file = try DataFile(mapping: descriptor, byteCount: Int(status.st_size))
            files[location] = file
            return file
        }
    }

    /// The plain names that `location` consists of.
    static func names(of location: String) throws(ONNXError) -> [String] {
        func refused(_ reason: String) -> ONNXError {
            ONNXError(.externalData, "\(reason); external data must lie in the model's folder, under plain names")
        }
        guard !location.isEmpty else { throw refused("no location is given") }
        guard !location.utf8.contains(0) else { throw refused("the path contains a zero byte") }
        guard location.utf8.first != UInt8(ascii: "/") else { throw refused("the path is absolute") }
        guard location.utf8.count <= 4096 else { throw refused("the path is longer than 4096 bytes") }
        // Compared as bytes: "/" followed by a combining mark is another character to Swift, but not to the system.
        var names: [String] = []
        for part in location.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true) {
            if part.elementsEqual(".".utf8) { continue }
            guard !part.elementsEqual("..".utf8) else { throw refused("the path contains '..'") }
            names.append(String(decoding: part, as: UTF8.self))
        }
        guard !names.isEmpty else { throw refused("the path names the folder itself") }
        return names
    }

    /// Why `name` could not be opened. Must be called before anything else changes `errno`.
    private static func openError(_ folder: Int32, _ name: String) -> ONNXError {
        let code = errno
        var status = stat()
        if fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFLNK {
            return ONNXError(
                .externalData, "\(quoted(name)) is a symbolic link, which may lead anywhere; put the file itself there")
        }
        errno = code
        return systemError("open \(quoted(name)) in the model's folder")
    }
}
