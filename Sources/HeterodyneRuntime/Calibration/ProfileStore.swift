// Heterodyne: remembers how fast devices are, in memory and in files.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Remembers how fast devices are, in memory and in a folder: a file for each device, driver and build of this library.
/// Files are replaced whole; what cannot be read is measured again, and a folder that cannot be written is no error.
final class ProfileStore: Sendable {
    /// Where files are kept; nil for nowhere.
    let folder: String?
    private let known = Mutex<[String: DeviceProfile]>([:])

    init(folder: String?) { self.folder = folder }

    /// The profile that is in memory.
    func remembered(_ device: DeviceDescriptor) -> DeviceProfile? {
        known.withLock { $0[Self.identity(of: device)] }
    }

    /// The profile in memory or in a file.
    func find(_ device: DeviceDescriptor) -> DeviceProfile? {
        if let profile = remembered(device) { return profile }
        guard let path = path(of: device), let text = Self.read(path),
            let profile = ProfileText.profile(text, identity: Self.identity(of: device))
        else { return nil }
        return known.withLock { known in
            // Another thread may have measured it by now.
            if let earlier = known[Self.identity(of: device)] { return earlier }
            known[Self.identity(of: device)] = profile
            return profile
        }
    }

    /// Keeps a profile, in a file too where it was measured.
    func insert(_ profile: DeviceProfile, for device: DeviceDescriptor, isKept: Bool) {
        known.withLock { $0[Self.identity(of: device)] = profile }
        guard isKept, let path = path(of: device), let folder else { return }
        Self.replace(path, in: folder, with: ProfileText.text(profile, identity: Self.identity(of: device)))
    }

    /// Forgets the profile that is in memory.
    func remove(_ device: DeviceDescriptor) { known.withLock { $0[Self.identity(of: device)] = nil } }

    /// What figures depend on: the device, its driver, its threads, and how this library was built.
    static func identity(of device: DeviceDescriptor) -> String {
        #if DEBUG
        let build = "debug"
        #else
        let build = "release"
        #endif
        return "\(device.id) \(build) threads=\(device.threads) \(device.fingerprint)"
    }

    private func path(of device: DeviceDescriptor) -> String? {
        guard let folder else { return nil }
        let hash = ProfileText.hash(Self.identity(of: device))
        return "\(folder)/\(device.backend)-\(ProfileText.hexadecimal(hash)).profile"
    }

    // MARK: - Files

    /// `$HETERODYNE_CACHE/profiles`, else within `$XDG_CACHE_HOME/heterodyne` or `~/.cache/heterodyne`; nil without a home.
    static var defaultFolder: String? {
        if let folder = environment("HETERODYNE_CACHE") { return folder + "/profiles" }
        if let folder = environment("XDG_CACHE_HOME") { return folder + "/heterodyne/profiles" }
        if let folder = environment("HOME") { return folder + "/.cache/heterodyne/profiles" }
        return nil
    }

    private static func environment(_ name: String) -> String? {
        guard let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty else { return nil }
        return text
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_size <= off_t(ProfileText.maximumByteCount)
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(done))
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return nil }
            done += count
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func replace(_ path: String, in folder: String, with text: String) {
        var partial = ""
        for part in folder.split(separator: "/") {
            partial += (partial.isEmpty && !folder.hasPrefix("/") ? "" : "/") + part
            mkdir(partial, 0o700)
        }
        let temporary = path + ".\(getpid()).\(UInt64.random(in: 0 ... .max)).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            done += count
        }
        let isClosed = close(descriptor) == 0
        if done < bytes.count || !isClosed || rename(temporary, path) != 0 { unlink(temporary) }
    }
}
