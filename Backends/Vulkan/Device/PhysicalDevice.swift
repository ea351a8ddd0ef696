// Heterodyne: what a Vulkan driver says of one device.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend

/// What a driver says of one device, asked once.
struct PhysicalDevice: @unchecked Sendable {
    // Unchecked: constant facts and a handle that may be used from any thread.

    let handle: VkPhysicalDevice
    let properties: VkPhysicalDeviceProperties
    let properties11: VkPhysicalDeviceVulkan11Properties
    let properties12: VkPhysicalDeviceVulkan12Properties
    let subgroupSizes: VkPhysicalDeviceSubgroupSizeControlProperties?
    let maintenance4: VkPhysicalDeviceMaintenance4Properties?
    let features: VkPhysicalDeviceFeatures
    let features11: VkPhysicalDeviceVulkan11Features
    let features12: VkPhysicalDeviceVulkan12Features
    let subgroupSizeControl: VkPhysicalDeviceSubgroupSizeControlFeatures?
    let hasMaintenance4: Bool
    let atomicFloat: VkPhysicalDeviceShaderAtomicFloatFeaturesEXT?
    let cooperativeMatrix: VkPhysicalDeviceCooperativeMatrixFeaturesKHR?
    let bfloat16: VkPhysicalDeviceShaderBfloat16FeaturesKHR?
    let matrices: [VkCooperativeMatrixPropertiesKHR]
    /// Names of the extensions that the driver offers.
    let extensions: Set<String>
    let memory: VkPhysicalDeviceMemoryProperties
    /// The family of queues to compute on, and how many bits its timestamps have; nil without such a family.
    let queueFamily: (index: UInt32, timestampBits: UInt32)?

    var name: String { text(properties.deviceName) }
    var version: VulkanVersion { VulkanVersion(packed: properties.apiVersion) }
    var limits: VkPhysicalDeviceLimits { properties.limits }
    var isSoftware: Bool { properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU }

    /// The version of a device, without asking for more than any version has.
    static func basics(_ instance: VulkanInstance, _ handle: VkPhysicalDevice) -> VkPhysicalDeviceProperties {
        var properties = VkPhysicalDeviceProperties()
        instance.functions.vkGetPhysicalDeviceProperties(handle, &properties)
        return properties
    }

    /// Asks a device of Vulkan 1.2 or later.
    init(_ instance: VulkanInstance, _ handle: VkPhysicalDevice) {
        let vk = instance.functions
        self.handle = handle
        let listed = enumerated(VkExtensionProperties()) {
            vk.vkEnumerateDeviceExtensionProperties(handle, nil, $0, $1)
        }
        extensions = Set(((try? listed.get()) ?? []).map { text($0.extensionName) })
        let version = VulkanVersion(packed: Self.basics(instance, handle).apiVersion)
        // Part of the core since Vulkan 1.3.
        let isRecent = version >= VulkanVersion(1, 3)
        let sizes = isRecent || extensions.contains("VK_EXT_subgroup_size_control")
        let upkeep = isRecent || extensions.contains("VK_KHR_maintenance4")
        let atomics = extensions.contains("VK_EXT_shader_atomic_float")
        let matrixEngine = extensions.contains("VK_KHR_cooperative_matrix")
        let brainFloat = extensions.contains("VK_KHR_shader_bfloat16")

        let facts = StructureChain()
        let root = facts.append(
            Self.make(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, VkPhysicalDeviceProperties2()))
        let p11 = facts.append(
            Self.make(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, VkPhysicalDeviceVulkan11Properties()))
        let p12 = facts.append(
            Self.make(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES, VkPhysicalDeviceVulkan12Properties()))
        let pSizes =
            sizes
            ? facts.append(
                Self.make(
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES,
                    VkPhysicalDeviceSubgroupSizeControlProperties())) : nil
        let pUpkeep =
            upkeep
            ? facts.append(
                Self.make(
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES,
                    VkPhysicalDeviceMaintenance4Properties())) : nil
        vk.vkGetPhysicalDeviceProperties2(handle, root)
        properties = root.pointee.properties
        properties11 = p11.pointee
        properties12 = p12.pointee
        subgroupSizes = pSizes?.pointee
        maintenance4 = pUpkeep?.pointee

        let able = StructureChain()
        let first = able.append(
            Self.make(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, VkPhysicalDeviceFeatures2()))
        let f11 = able.append(
            Self.make(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, VkPhysicalDeviceVulkan11Features()))
        let f12 = able.append(
            Self.make(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, VkPhysicalDeviceVulkan12Features()))
        let fSizes =
            sizes
            ? able.append(
                Self.make(
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
                    VkPhysicalDeviceSubgroupSizeControlFeatures())) : nil
        let fUpkeep =
            upkeep
            ? able.append(
                Self.make(
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES, VkPhysicalDeviceMaintenance4Features()))
            : nil
        let fAtomics =
            atomics
            ? able.append(
                Self.make(
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_FEATURES_EXT,
                    VkPhysicalDeviceShaderAtomicFloatFeaturesEXT())) : nil
        let fMatrix =
            matrixEngine
            ? able.append(
                Self.make(
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
                    VkPhysicalDeviceCooperativeMatrixFeaturesKHR())) : nil
        let fBrain =
            brainFloat
            ? able.append(
                Self.make(
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR,
                    VkPhysicalDeviceShaderBfloat16FeaturesKHR())) : nil
        vk.vkGetPhysicalDeviceFeatures2(handle, first)
        features = first.pointee.features
        features11 = f11.pointee
        features12 = f12.pointee
        subgroupSizeControl = fSizes?.pointee
        hasMaintenance4 = fUpkeep?.pointee.maintenance4 == 1
        atomicFloat = fAtomics?.pointee
        cooperativeMatrix = fMatrix?.pointee
        bfloat16 = fBrain?.pointee

        if cooperativeMatrix?.cooperativeMatrix == 1,
            let query = vk.vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR
        {
            let zero = Self.make(
                VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR, VkCooperativeMatrixPropertiesKHR())
            matrices = (try? enumerated(zero) { query(handle, $0, $1) }.get()) ?? []
        } else {
            matrices = []
        }
        memory = Self.memory(instance, handle, budget: false).properties
        queueFamily = Self.queueFamily(instance, handle)
    }

    /// A structure with its type set.
    static func make<T: BitwiseCopyable>(_ type: VkStructureType, _ value: T) -> T {
        var value = value
        withUnsafeMutableBytes(of: &value) { $0.storeBytes(of: type, as: VkStructureType.self) }
        return value
    }

    /// A family that computes but does not draw is preferred: it runs beside the desktop.
    private static func queueFamily(
        _ instance: VulkanInstance, _ handle: VkPhysicalDevice
    ) -> (index: UInt32, timestampBits: UInt32)? {
        var count: UInt32 = 0
        instance.functions.vkGetPhysicalDeviceQueueFamilyProperties(handle, &count, nil)
        var list = [VkQueueFamilyProperties](repeating: VkQueueFamilyProperties(), count: Int(count))
        list.withUnsafeMutableBufferPointer {
            instance.functions.vkGetPhysicalDeviceQueueFamilyProperties(handle, &count, $0.baseAddress)
        }
        let able = list.prefix(Int(count)).enumerated().filter {
            $0.element.queueCount > 0 && $0.element.queueFlags & VK_QUEUE_COMPUTE_BIT.rawValue != 0
        }
        let pure = able.first { $0.element.queueFlags & VK_QUEUE_GRAPHICS_BIT.rawValue == 0 }
        guard let chosen = pure ?? able.first else { return nil }
        return (UInt32(chosen.offset), chosen.element.timestampValidBits)
    }

    /// The heaps and types of memory, and, with `budget`, what other programs and this one use of each heap.
    static func memory(
        _ instance: VulkanInstance, _ handle: VkPhysicalDevice, budget: Bool
    ) -> (properties: VkPhysicalDeviceMemoryProperties, budget: VkPhysicalDeviceMemoryBudgetPropertiesEXT?) {
        let chain = StructureChain()
        let root = chain.append(
            make(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, VkPhysicalDeviceMemoryProperties2()))
        let used =
            budget
            ? chain.append(
                make(
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT,
                    VkPhysicalDeviceMemoryBudgetPropertiesEXT())) : nil
        instance.functions.vkGetPhysicalDeviceMemoryProperties2(handle, root)
        return (root.pointee.memoryProperties, used?.pointee)
    }

    /// The memory types: flags and heap.
    var memoryTypes: [(flags: UInt32, heap: Int)] {
        withUnsafeBytes(of: memory.memoryTypes) { bytes in
            bytes.bindMemory(to: VkMemoryType.self).prefix(Int(memory.memoryTypeCount)).map {
                ($0.propertyFlags, Int($0.heapIndex))
            }
        }
    }

    /// The heaps: bytes, and whether the device has them for itself.
    var memoryHeaps: [(byteCount: UInt64, isLocal: Bool)] {
        withUnsafeBytes(of: memory.memoryHeaps) { bytes in
            bytes.bindMemory(to: VkMemoryHeap.self).prefix(Int(memory.memoryHeapCount)).map {
                ($0.size, $0.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT.rawValue != 0)
            }
        }
    }

    /// Why the device cannot be used, or nil.
    var obstacle: String? {
        if queueFamily == nil { return "no family of queues computes" }
        if features12.timelineSemaphore == 0 { return "the feature timelineSemaphore is missing" }
        if limits.maxPerStageDescriptorStorageBuffers < 4 || limits.maxDescriptorSetStorageBuffers < 4 {
            return "a kernel may see fewer than 4 buffers"
        }
        return nil
    }

    /// One string for the device and its driver's build: equal strings may share compiled code.
    var fingerprint: String {
        let identity = withUnsafeBytes(of: properties.pipelineCacheUUID) { hexadecimal($0) }
        let driver = withUnsafeBytes(of: properties11.driverUUID) { hexadecimal($0) }
        return [
            hexadecimal(properties.vendorID), hexadecimal(properties.deviceID), hexadecimal(properties.driverVersion),
            identity, driver, text(properties12.driverInfo), version.description, name,
        ].joined(separator: "|")
    }
}

/// Lower-case hexadecimal digits.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    var result = ""
    for byte in bytes {
        let digits = String(byte, radix: 16)
        result += digits.count == 1 ? "0" + digits : digits
    }
    return result
}

/// Lower-case hexadecimal digits.
func hexadecimal(_ value: some FixedWidthInteger & UnsignedInteger) -> String { String(value, radix: 16) }
