// Heterodyne: how the Vulkan backend is set up.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// How the Vulkan backend is set up; the environment gives the defaults, tests give their own.
struct VulkanOptions: Sendable {
    /// What the Khronos validation layer checks, where it is installed.
    enum ValidationMode: String, Sendable, Hashable {
        case off
        case core
        /// Core checks and hazards between commands.
        case synchronization
    }

    /// Names or paths of the loader, in the order in which they are tried.
    var libraryNames = ["libvulkan.so.1", "libvulkan.so"]
    /// Where compiled pipelines and measurements are kept; nil for nowhere.
    var cacheDirectory: String?
    /// Features that the device may have but that are not used.
    var maskedFeatures: KernelTarget.Features = []
    /// Overrides the choice by the type of the device.
    var tileMemory: KernelTarget.TileMemory?
    /// Treats device memory as out of the host's reach.
    var forcesStaging = false
    /// Makes every kernel reach memory through addresses.
    var forcesAddresses = false
    /// Finds the tiles of products by running the candidates when programs are compiled (`HETERODYNE_AUTOTUNE`).
    var autotunes = false
    var validation = ValidationMode.off
    /// Writes what the validation layer says to standard error as well.
    var printsValidation = false
    /// Makes calls fail, in tests.
    var failures: FailureInjector?
    /// Allows fewer allocations than the driver does.
    var maximumAllocationCount: Int?
    /// Pipelines that are kept without a program that uses them.
    var pipelineCapacity = 2048
    /// After how many seconds without completion a submission counts as lost.
    var patience = 300

    /// What the environment variables say; the README of the backend lists them.
    static func fromEnvironment() -> VulkanOptions {
        var options = VulkanOptions()
        if let name = environment("HETERODYNE_VULKAN_LIBRARY") { options.libraryNames = [name] }
        options.cacheDirectory = defaultCacheDirectory
        options.forcesStaging = environment("HETERODYNE_VULKAN_STAGING") == "1"
        options.forcesAddresses = environment("HETERODYNE_VULKAN_ADDRESSES") == "1"
        options.autotunes = environment("HETERODYNE_AUTOTUNE") == "1"
        switch environment("HETERODYNE_VULKAN_VALIDATION") {
        case "1", "core": options.validation = .core
        case "2", "synchronization": options.validation = .synchronization
        default: break
        }
        options.printsValidation = options.validation != .off
        if let text = environment("HETERODYNE_VULKAN_PATIENCE"), let seconds = Int(text), seconds > 0 {
            options.patience = min(seconds, 86_400)
        }
        return options
    }

    /// `$HETERODYNE_CACHE`, `$XDG_CACHE_HOME/heterodyne` or `~/.cache/heterodyne`; nil without a home.
    static var defaultCacheDirectory: String? {
        if let folder = environment("HETERODYNE_CACHE") { return folder }
        if let folder = environment("XDG_CACHE_HOME") { return folder + "/heterodyne" }
        if let folder = environment("HOME") { return folder + "/.cache/heterodyne" }
        return nil
    }

    /// The folder for what belongs to Vulkan.
    var vulkanCacheDirectory: String? { cacheDirectory.map { $0 + "/vulkan" } }

    /// A variable of the environment, nil where it is absent or empty.
    static func environment(_ name: String) -> String? {
        guard let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty else { return nil }
        return text
    }
}
