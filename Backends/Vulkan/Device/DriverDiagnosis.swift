// Heterodyne: finds out why a machine has no Vulkan devices.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Finds out why a machine has no Vulkan devices, or fewer than expected: looks for driver manifests where the loader
/// looks for them, reads them, tries the libraries that they name, and whether device files can be opened.
struct DriverDiagnosis {
    /// A variable of the environment.
    var variable: (String) -> String? = VulkanOptions.environment
    /// Folder in place of the root for the standard folders and device files, for tests.
    var root = ""

    static let installRemedy =
        "install a Vulkan driver (Debian and Ubuntu: apt-get install mesa-vulkan-drivers, or the vendor's package;"
        + " Fedora: dnf install mesa-vulkan-drivers)"

    /// A manifest, and the variable that names it.
    struct Manifest: Hashable {
        var path: String
        var variable: String?

        /// The identifier for listings.
        var id: String {
            let file = path.split(separator: "/").last.map(String.init) ?? path
            return "vulkan:" + (file.hasSuffix(".json") ? String(file.dropLast(5)) : file)
        }
    }

    /// Where the loader looks: the variables, or the standard folders.
    func manifests() -> [Manifest] {
        for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            if let list = variable(name) { return expanded(list, name) }
        }
        var found = variable("VK_ADD_DRIVER_FILES").map { expanded($0, "VK_ADD_DRIVER_FILES") } ?? []
        var seen = Set(found.map(\.path))
        for folder in folders {
            for path in Self.json(in: folder) where seen.insert(path).inserted { found.append(Manifest(path: path)) }
        }
        return found
    }

    /// The standard folders, in the loader's order.
    private var folders: [String] {
        func lists(_ name: String, _ standard: String) -> [String] {
            (variable(name) ?? standard).split(separator: ":").map(String.init)
        }
        let home = variable("HOME")
        var bases: [String] = []
        if let folder = variable("XDG_CONFIG_HOME") ?? home.map({ $0 + "/.config" }) { bases.append(folder) }
        bases += lists("XDG_CONFIG_DIRS", "/etc/xdg") + ["/usr/local/etc", "/etc"]
        if let folder = variable("XDG_DATA_HOME") ?? home.map({ $0 + "/.local/share" }) { bases.append(folder) }
        bases += lists("XDG_DATA_DIRS", "/usr/local/share:/usr/share")
        return bases.map { root + $0 + "/vulkan/icd.d" }
    }

    private func expanded(_ list: String, _ name: String) -> [Manifest] {
        list.split(separator: ":").flatMap { part in
            let path = String(part)
            let inside = Self.json(in: path)
            return inside.isEmpty
                ? [Manifest(path: path, variable: name)] : inside.map { Manifest(path: $0, variable: name) }
        }
    }

    private static func json(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".json") { names.append(name) }
        }
        return names.sorted().map { folder + "/" + $0 }
    }

    // MARK: What is wrong

    /// Why there are no devices at all: every manifest is looked at, its library tried.
    func absence() -> [UnavailableDevice] {
        let manifests = manifests()
        let problems = manifests.compactMap { problem($0, triesLibrary: true) } + lockedDevices()
        if !problems.isEmpty { return problems }
        if manifests.isEmpty {
            return [
                UnavailableDevice(
                    id: VulkanBackend.firstDevice, backend: "vulkan", reason: "no Vulkan driver is installed",
                    remedy: Self.installRemedy)
            ]
        }
        let names = manifests.map(\.path).joined(separator: ", ")
        return [
            UnavailableDevice(
                id: VulkanBackend.firstDevice, backend: "vulkan",
                reason: "the installed drivers find no device that they can drive (\(names))",
                remedy: Self.installRemedy)
        ]
    }

    /// What is wrong although there are devices: manifests that cannot be read, device files that cannot be opened.
    func remarks() -> [UnavailableDevice] {
        manifests().compactMap { problem($0, triesLibrary: false) } + lockedDevices()
    }

    /// What is wrong with a manifest.
    func problem(_ manifest: Manifest, triesLibrary: Bool) -> UnavailableDevice? {
        func unusable(_ reason: String, _ remedy: String) -> UnavailableDevice {
            UnavailableDevice(id: manifest.id, backend: "vulkan", reason: reason, remedy: remedy)
        }
        let source = manifest.variable.map { "\(manifest.path), which \($0) names," } ?? manifest.path
        let mend =
            manifest.variable.map { "correct or unset \($0), or \(Self.installRemedy)" }
            ?? "reinstall the driver that the file belongs to"
        let bytes: [UInt8]
        switch Self.contents(manifest.path) {
        case .success(let content): bytes = content
        case .failure(let failure):
            return unusable("the driver manifest \(source) cannot be read: \(failure.text)", mend)
        }
        let document: ManifestValue
        do throws(ManifestParser.Mistake) { document = try ManifestParser.parse(bytes) } catch {
            return unusable("the driver manifest \(source) is not JSON: line \(error.line): \(error.text)", mend)
        }
        guard let driver = document["ICD"], let library = driver["library_path"]?.text, !library.isEmpty else {
            return unusable("the driver manifest \(source) has no ICD.library_path", mend)
        }
        // A name without a slash is looked for by the dynamic linker; a relative path counts from the manifest.
        var path = library
        if library.contains("/"), !library.hasPrefix("/") {
            let parts = manifest.path.split(separator: "/", omittingEmptySubsequences: false)
            path = parts.dropLast().joined(separator: "/") + "/" + library
        }
        if triesLibrary {
            if let handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL) {
                dlclose(handle)
                return nil
            }
            let reason = dlerror().map { String(cString: $0) } ?? "it cannot be loaded"
            return unusable("the driver of \(source) cannot be loaded: \(reason)", mend)
        }
        if path.hasPrefix("/"), access(path, R_OK) != 0 {
            let reason = String(cString: strerror(errno))
            return unusable("the driver \(path) of \(source) cannot be loaded: \(reason)", mend)
        }
        return nil
    }

    /// Graphics cards whose device files this user may not open.
    private func lockedDevices() -> [UnavailableDevice] {
        let folder = root + "/dev/dri"
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix("renderD") { names.append(name) }
        }
        return names.sorted().compactMap { name in
            let path = folder + "/" + name
            let descriptor = open(path, O_RDWR | O_CLOEXEC)
            if descriptor >= 0 {
                close(descriptor)
                return nil
            }
            guard errno == EACCES || errno == EPERM else { return nil }
            return UnavailableDevice(
                id: "vulkan:" + name, backend: "vulkan", reason: "no permission to open \(path)",
                remedy: "add the user to the group that owns the file (usermod -aG render NAME) and log in again")
        }
    }

    private struct Failure: Error { var text: String }

    /// The bytes of a regular file of a sane size.
    private static func contents(_ path: String) -> Result<[UInt8], Failure> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(Failure(text: String(cString: strerror(errno)))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .failure(Failure(text: "it is no file"))
        }
        guard status.st_size <= 1 << 20 else { return .failure(Failure(text: "it is larger than 1 MiB")) }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { return .failure(Failure(text: String(cString: strerror(errno)))) }
        return .success(Array(bytes.prefix(count)))
    }
}
