// Heterodyne: an opened Vulkan device, its queue and its fate.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import Synchronization

/// An opened Vulkan device with one queue. Everything that is made on it keeps it alive.
final class LogicalDevice: @unchecked Sendable {
    // Unchecked: handles are constant; the queue is used under `queueLock`; the rest is atomic.

    /// The identifier for errors, such as `vulkan:0`.
    let id: String
    let physical: PhysicalDevice
    let instance: VulkanInstance
    let handle: VkDevice
    let vk: HeterodyneVulkanDeviceFunctions
    let queueFamily: UInt32
    let failures: FailureInjector?
    let patience: Int
    private let queue: VkQueue
    private let queueLock = Mutex<Void>(())
    private let lost = Atomic<Bool>(false)
    private let hung = Atomic<Bool>(false)
    private let live = Atomic<Int>(0)

    /// Whether the device stopped answering.
    var isLost: Bool { lost.load(ordering: .acquiring) }
    /// Whether the device may still be at work although nobody waits for it any more. Then nothing of it is destroyed:
    /// what it writes to must not be used for anything else.
    var isHung: Bool { hung.load(ordering: .acquiring) }
    /// Vulkan objects that exist on the device.
    var liveObjectCount: Int { live.load(ordering: .relaxed) }

    init(
        id: String, instance: VulkanInstance, physical: PhysicalDevice, features: KernelTarget.Features,
        options: VulkanOptions
    ) throws(BackendError) {
        guard let family = physical.queueFamily else {
            throw BackendError(.deviceUnavailable, "no family of queues computes", device: id)
        }
        self.id = id
        self.instance = instance
        self.physical = physical
        queueFamily = family.index
        failures = options.failures
        patience = options.patience

        let (chain, extensions) = Self.enabled(physical, features)
        var device: VkDevice?
        var priority: Float = 1
        let result = withUnsafePointer(to: &priority) { priority in
            var queueInfo = VkDeviceQueueCreateInfo()
            queueInfo.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO
            queueInfo.queueFamilyIndex = family.index
            queueInfo.queueCount = 1
            queueInfo.pQueuePriorities = priority
            return withUnsafePointer(to: &queueInfo) { queueInfo in
                withCStrings(extensions) { names in
                    var info = VkDeviceCreateInfo()
                    info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO
                    info.pNext = UnsafeRawPointer(chain.head)
                    info.queueCreateInfoCount = 1
                    info.pQueueCreateInfos = queueInfo
                    info.enabledExtensionCount = UInt32(names.count)
                    info.ppEnabledExtensionNames = names.baseAddress
                    return instance.functions.vkCreateDevice(physical.handle, &info, nil, &device)
                }
            }
        }
        guard result == VK_SUCCESS, let device else {
            throw BackendError(
                result.isOutOfMemory ? .outOfMemory : .deviceUnavailable,
                "the driver does not open \(physical.name): \(result.name)", device: id)
        }
        handle = device
        let table = UnsafeMutablePointer<HeterodyneVulkanDeviceFunctions>.allocate(capacity: 1)
        defer { table.deallocate() }
        if let missing = heterodyne_vulkan_load_device(table, instance.functions.vkGetDeviceProcAddr, device) {
            throw BackendError(
                .deviceUnavailable, "the driver of \(physical.name) has no function \(String(cString: missing))",
                device: id)
        }
        vk = table.pointee
        var first: VkQueue?
        vk.vkGetDeviceQueue(device, family.index, 0, &first)
        guard let first else {
            vk.vkDestroyDevice(device, nil)
            throw BackendError(.deviceUnavailable, "the driver of \(physical.name) gives no queue", device: id)
        }
        queue = first
    }

    deinit {
        if isHung { return }
        _ = vk.vkDeviceWaitIdle(handle)
        vk.vkDestroyDevice(handle, nil)
    }

    /// The features and extensions to enable: just those that kernels may use.
    private static func enabled(
        _ physical: PhysicalDevice, _ set: KernelTarget.Features
    ) -> (StructureChain, [String]) {
        func has(_ feature: KernelTarget.Features) -> VkBool32 { set.contains(feature) ? 1 : 0 }
        let chain = StructureChain()
        var extensions: [String] = []
        var root = PhysicalDevice.make(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, VkPhysicalDeviceFeatures2())
        root.features.shaderFloat64 = has(.float64)
        root.features.shaderInt64 = has(.int64)
        root.features.shaderInt16 = has(.int16)
        chain.append(root)
        var f11 = PhysicalDevice.make(
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, VkPhysicalDeviceVulkan11Features())
        f11.storageBuffer16BitAccess = has(.storage16)
        chain.append(f11)
        var f12 = PhysicalDevice.make(
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, VkPhysicalDeviceVulkan12Features())
        f12.timelineSemaphore = 1
        f12.shaderFloat16 = has(.float16)
        f12.shaderInt8 = has(.int8)
        f12.storageBuffer8BitAccess = has(.storage8)
        f12.shaderBufferInt64Atomics = has(.int64Atomics)
        f12.bufferDeviceAddress = has(.bufferAddresses)
        f12.shaderSubgroupExtendedTypes = max(has(.subgroupArithmetic), has(.subgroupShuffle))
        f12.subgroupBroadcastDynamicId = physical.features12.subgroupBroadcastDynamicId
        f12.vulkanMemoryModel = has(.cooperativeMatrix)
        chain.append(f12)
        let isRecent = physical.version >= VulkanVersion(1, 3)
        if set.contains(.fullSubgroups) {
            var sizes = PhysicalDevice.make(
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
                VkPhysicalDeviceSubgroupSizeControlFeatures())
            sizes.subgroupSizeControl = 1
            sizes.computeFullSubgroups = 1
            chain.append(sizes)
            if !isRecent { extensions.append("VK_EXT_subgroup_size_control") }
        }
        if physical.hasMaintenance4 {
            var upkeep = PhysicalDevice.make(
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES, VkPhysicalDeviceMaintenance4Features())
            upkeep.maintenance4 = 1
            chain.append(upkeep)
            if !isRecent { extensions.append("VK_KHR_maintenance4") }
        }
        if !set.isDisjoint(with: [.float32AtomicAdd, .float64AtomicAdd]) {
            var atomics = PhysicalDevice.make(
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_FEATURES_EXT,
                VkPhysicalDeviceShaderAtomicFloatFeaturesEXT())
            atomics.shaderBufferFloat32AtomicAdd = has(.float32AtomicAdd)
            atomics.shaderBufferFloat64AtomicAdd = has(.float64AtomicAdd)
            chain.append(atomics)
            extensions.append("VK_EXT_shader_atomic_float")
        }
        if set.contains(.cooperativeMatrix) {
            var matrix = PhysicalDevice.make(
                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
                VkPhysicalDeviceCooperativeMatrixFeaturesKHR())
            matrix.cooperativeMatrix = 1
            chain.append(matrix)
            extensions.append("VK_KHR_cooperative_matrix")
        }
        // Enabling this one is a duty where it is offered.
        if physical.extensions.contains("VK_KHR_portability_subset") { extensions.append("VK_KHR_portability_subset") }
        if physical.extensions.contains("VK_EXT_memory_budget") { extensions.append("VK_EXT_memory_budget") }
        return (chain, extensions)
    }

    // MARK: Calls

    /// Makes a call, unless a test makes it fail.
    func call(_ site: FailureInjector.Site, _ body: () -> VkResult) -> VkResult {
        let result = failures?.next(site) ?? body()
        if result == VK_ERROR_DEVICE_LOST { lost.store(true, ordering: .releasing) }
        return result
    }

    /// Counts an object that was made.
    func created() {
        live.add(1, ordering: .relaxed)
        failures?.created()
    }
    /// Counts an object that is gone.
    func destroyed() {
        live.subtract(1, ordering: .relaxed)
        failures?.destroyed()
    }

    /// Submits under the lock of the queue.
    func submit(_ info: inout VkSubmitInfo) -> VkResult {
        queueLock.withLock { _ in call(.submit) { vk.vkQueueSubmit(queue, 1, &info, nil) } }
    }

    /// Throws where the device is lost.
    func checkAlive() throws(BackendError) { if isLost { throw lostError("an earlier program") } }

    /// Marks a device that does not finish as lost.
    func markHung() {
        hung.store(true, ordering: .releasing)
        lost.store(true, ordering: .releasing)
    }

    /// Destroys an object, unless the device may still use it.
    func destroy(_ body: () -> Void) {
        if !isHung { body() }
    }

    /// The error of a lost device.
    func lostError(_ what: String) -> BackendError {
        BackendError(
            .deviceLost,
            "the device \(physical.name) stopped answering while it ran \(what); its memory is gone: open it again by"
                + " allocating and compiling anew", device: id)
    }

    /// The error of a call that failed.
    func error(_ result: VkResult, _ what: String, _ kind: BackendError.Kind = .executionFailed) -> BackendError {
        if result == VK_ERROR_DEVICE_LOST { return lostError(what) }
        if result.isOutOfMemory {
            return BackendError(
                .outOfMemory,
                "\(what) failed: \(result.name); free tensors and programs that are no longer needed, or use smaller"
                    + " batches", device: id)
        }
        return BackendError(kind, "\(what) failed: \(result.name)", device: id)
    }
}
