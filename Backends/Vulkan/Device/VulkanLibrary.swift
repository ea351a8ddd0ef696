// Heterodyne: loads libvulkan at run time.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The Vulkan loader. Never unloaded: drivers have threads of their own.
final class VulkanLibrary: @unchecked Sendable {
    // Unchecked: everything is constant after `init`, and the functions may be called from any thread.

    /// The name under which it was loaded.
    let name: String
    let getInstanceProcAddr: PFN_vkGetInstanceProcAddr
    let functions: HeterodyneVulkanGlobals
    /// The newest version of the interface that the loader knows.
    let version: VulkanVersion

    /// What a person can do where the loader is missing.
    static let remedy =
        "install the Vulkan loader and a driver (Debian and Ubuntu: apt-get install libvulkan1 mesa-vulkan-drivers;"
        + " Fedora: dnf install vulkan-loader mesa-vulkan-drivers), or name the loader in HETERODYNE_VULKAN_LIBRARY"

    private static let loaded = Mutex<[[String]: Result<VulkanLibrary, BackendError>]>([:])

    /// The library under the first of `names` that can be loaded; found once per list of names. Throws
    /// `libraryUnavailable` with what the dynamic linker said about each.
    static func load(_ names: [String]) throws(BackendError) -> VulkanLibrary {
        let result = loaded.withLock { known in
            if let result = known[names] { return result }
            let result: Result<VulkanLibrary, BackendError>
            do throws(BackendError) { result = .success(try open(names)) } catch { result = .failure(error) }
            known[names] = result
            return result
        }
        return try result.get()
    }

    private static func open(_ names: [String]) throws(BackendError) -> VulkanLibrary {
        var failures: [String] = []
        for name in names {
            guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
                failures.append(dlerror().map { String(cString: $0) } ?? "\(name) cannot be loaded")
                continue
            }
            do throws(BackendError) { return try VulkanLibrary(handle, name) } catch {
                dlclose(handle)
                failures.append(error.message)
            }
        }
        throw BackendError(.libraryUnavailable, failures.joined(separator: "; "), device: VulkanBackend.firstDevice)
    }

    private init(_ handle: UnsafeMutableRawPointer, _ name: String) throws(BackendError) {
        self.name = name
        guard let entry = dlsym(handle, "vkGetInstanceProcAddr") else {
            throw BackendError(.libraryUnavailable, "\(name) has no function vkGetInstanceProcAddr")
        }
        let lookup = unsafeBitCast(entry, to: PFN_vkGetInstanceProcAddr.self)
        getInstanceProcAddr = lookup
        let table = UnsafeMutablePointer<HeterodyneVulkanGlobals>.allocate(capacity: 1)
        defer { table.deallocate() }
        if let missing = heterodyne_vulkan_load_global(table, lookup, nil) {
            throw BackendError(.libraryUnavailable, "\(name) has no function \(String(cString: missing))")
        }
        functions = table.pointee
        // Absent from Vulkan 1.0.
        var packed = VulkanVersion(1, 0).packed
        if let function = lookup(nil, "vkEnumerateInstanceVersion") {
            _ = unsafeBitCast(function, to: PFN_vkEnumerateInstanceVersion.self)(&packed)
        }
        version = VulkanVersion(packed: packed)
        guard version >= VulkanVersion(1, 2) else {
            throw BackendError(
                .libraryUnavailable, "\(name) is a loader of Vulkan \(version); 1.2 or later is needed")
        }
    }
}
