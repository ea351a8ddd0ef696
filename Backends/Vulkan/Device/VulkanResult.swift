// Heterodyne: results of Vulkan calls as text and as errors.
// SPDX-License-Identifier: Apache-2.0

import CVulkan

extension VkResult {
    /// The name in the specification.
    var name: String {
        switch self {
        case VK_SUCCESS: "VK_SUCCESS"
        case VK_NOT_READY: "VK_NOT_READY"
        case VK_TIMEOUT: "VK_TIMEOUT"
        case VK_INCOMPLETE: "VK_INCOMPLETE"
        case VK_ERROR_OUT_OF_HOST_MEMORY: "VK_ERROR_OUT_OF_HOST_MEMORY"
        case VK_ERROR_OUT_OF_DEVICE_MEMORY: "VK_ERROR_OUT_OF_DEVICE_MEMORY"
        case VK_ERROR_INITIALIZATION_FAILED: "VK_ERROR_INITIALIZATION_FAILED"
        case VK_ERROR_DEVICE_LOST: "VK_ERROR_DEVICE_LOST"
        case VK_ERROR_MEMORY_MAP_FAILED: "VK_ERROR_MEMORY_MAP_FAILED"
        case VK_ERROR_LAYER_NOT_PRESENT: "VK_ERROR_LAYER_NOT_PRESENT"
        case VK_ERROR_EXTENSION_NOT_PRESENT: "VK_ERROR_EXTENSION_NOT_PRESENT"
        case VK_ERROR_FEATURE_NOT_PRESENT: "VK_ERROR_FEATURE_NOT_PRESENT"
        case VK_ERROR_INCOMPATIBLE_DRIVER: "VK_ERROR_INCOMPATIBLE_DRIVER"
        case VK_ERROR_TOO_MANY_OBJECTS: "VK_ERROR_TOO_MANY_OBJECTS"
        case VK_ERROR_FRAGMENTED_POOL: "VK_ERROR_FRAGMENTED_POOL"
        case VK_ERROR_OUT_OF_POOL_MEMORY: "VK_ERROR_OUT_OF_POOL_MEMORY"
        case VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS: "VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS"
        case VK_ERROR_UNKNOWN: "VK_ERROR_UNKNOWN"
        default: "VkResult \(rawValue)"
        }
    }

    /// Whether memory was short, on the device or on the host.
    var isOutOfMemory: Bool {
        self == VK_ERROR_OUT_OF_DEVICE_MEMORY || self == VK_ERROR_OUT_OF_HOST_MEMORY
            || self == VK_ERROR_TOO_MANY_OBJECTS || self == VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS
    }
}

/// A version number as Vulkan packs it.
struct VulkanVersion: Hashable, Sendable, Comparable, CustomStringConvertible {
    var packed: UInt32

    init(_ major: UInt32, _ minor: UInt32, _ patch: UInt32 = 0) { packed = major << 22 | minor << 12 | patch }
    init(packed: UInt32) { self.packed = packed }

    var major: UInt32 { packed >> 22 & 0x7f }
    var minor: UInt32 { packed >> 12 & 0x3ff }
    var patch: UInt32 { packed & 0xfff }

    static func < (a: VulkanVersion, b: VulkanVersion) -> Bool {
        (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
    }
    var description: String { "\(major).\(minor).\(patch)" }
}
