// Heterodyne: one allocation of device memory, shown whole as one buffer.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend

/// One allocation of device memory with a buffer over all of it. Ranges of it are handed out by `MemoryPool`, under
/// whose lock the list of free ranges is.
final class MemoryBlock: @unchecked Sendable {
    // Unchecked: handles are constant, `free` is guarded by the pool's lock.

    let device: LogicalDevice
    let memory: VkDeviceMemory
    let buffer: VkBuffer
    let byteCount: UInt64
    let typeIndex: UInt32
    /// Where the host sees the block, or nil.
    let mapped: UnsafeMutableRawPointer?
    /// Whether the host sees writes without being told, and likewise the device.
    let isCoherent: Bool
    /// Whether the host reads the block at full speed.
    let isCached: Bool
    let deviceAddress: UInt64?
    /// Free ranges, ascending, no two adjacent.
    var free: [Range<UInt64>]

    /// What every buffer may be used for.
    static func usage(addresses: Bool) -> UInt32 {
        VK_BUFFER_USAGE_STORAGE_BUFFER_BIT.rawValue | VK_BUFFER_USAGE_TRANSFER_SRC_BIT.rawValue
            | VK_BUFFER_USAGE_TRANSFER_DST_BIT.rawValue | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT.rawValue
            | (addresses ? VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT.rawValue : 0)
    }

    /// Allocates a block. Gives the result of the call that failed.
    static func make(
        _ device: LogicalDevice, byteCount: UInt64, typeIndex: UInt32, flags: UInt32, addresses: Bool
    ) -> Result<MemoryBlock, VulkanFailure> {
        let vk = device.vk
        var info = VkBufferCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO
        info.size = byteCount
        info.usage = usage(addresses: addresses)
        info.sharingMode = VK_SHARING_MODE_EXCLUSIVE
        var buffer: VkBuffer?
        var result = device.call(.buffer) { vk.vkCreateBuffer(device.handle, &info, nil, &buffer) }
        guard result == VK_SUCCESS, let buffer else { return .failure(VulkanFailure(result: result)) }
        device.created()
        var requirements = VkMemoryRequirements()
        vk.vkGetBufferMemoryRequirements(device.handle, buffer, &requirements)

        var flagsInfo = VkMemoryAllocateFlagsInfo()
        flagsInfo.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO
        flagsInfo.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT.rawValue
        var memory: VkDeviceMemory?
        result = withUnsafePointer(to: &flagsInfo) { flagsInfo in
            var info = VkMemoryAllocateInfo()
            info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO
            info.pNext = addresses ? UnsafeRawPointer(flagsInfo) : nil
            info.allocationSize = requirements.size
            info.memoryTypeIndex = typeIndex
            return device.call(.allocation) { vk.vkAllocateMemory(device.handle, &info, nil, &memory) }
        }
        guard result == VK_SUCCESS, let memory else {
            vk.vkDestroyBuffer(device.handle, buffer, nil)
            device.destroyed()
            return .failure(VulkanFailure(result: result))
        }
        device.created()
        result = vk.vkBindBufferMemory(device.handle, buffer, memory, 0)
        var mapped: UnsafeMutableRawPointer?
        if result == VK_SUCCESS, flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT.rawValue != 0 {
            result = device.call(.map) { vk.vkMapMemory(device.handle, memory, 0, UInt64.max, 0, &mapped) }
        }
        guard result == VK_SUCCESS else {
            vk.vkDestroyBuffer(device.handle, buffer, nil)
            vk.vkFreeMemory(device.handle, memory, nil)
            device.destroyed()
            device.destroyed()
            return .failure(VulkanFailure(result: result))
        }
        var address: UInt64?
        if addresses {
            var info = VkBufferDeviceAddressInfo()
            info.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO
            info.buffer = buffer
            address = vk.vkGetBufferDeviceAddress(device.handle, &info)
        }
        return .success(
            MemoryBlock(
                device: device, memory: memory, buffer: buffer, byteCount: byteCount, typeIndex: typeIndex,
                mapped: mapped, flags: flags, deviceAddress: address))
    }

    private init(
        device: LogicalDevice, memory: VkDeviceMemory, buffer: VkBuffer, byteCount: UInt64, typeIndex: UInt32,
        mapped: UnsafeMutableRawPointer?, flags: UInt32, deviceAddress: UInt64?
    ) {
        self.device = device
        self.memory = memory
        self.buffer = buffer
        self.byteCount = byteCount
        self.typeIndex = typeIndex
        self.mapped = mapped
        self.deviceAddress = deviceAddress
        isCoherent = flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT.rawValue != 0
        isCached = flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT.rawValue != 0
        free = [0..<byteCount]
    }

    deinit {
        // Unmapped with the memory.
        device.destroy {
            device.vk.vkDestroyBuffer(device.handle, buffer, nil)
            device.vk.vkFreeMemory(device.handle, memory, nil)
        }
        device.destroyed()
        device.destroyed()
    }

    // MARK: Ranges, under the pool's lock

    var isEmpty: Bool { free.count == 1 && free[0].count == Int(byteCount) }

    /// Takes a range from the smallest free one that fits; nil where none does. Starts stay multiples of the pool's
    /// alignment because all sizes are.
    func take(_ count: UInt64) -> UInt64? {
        var best: Int?
        for (index, range) in free.enumerated() where UInt64(range.count) >= count {
            if best.map({ range.count < free[$0].count }) ?? true { best = index }
        }
        guard let best else { return nil }
        let range = free[best]
        if UInt64(range.count) == count {
            free.remove(at: best)
        } else {
            free[best] = range.lowerBound + count..<range.upperBound
        }
        return range.lowerBound
    }

    /// Gives a range back and joins it with its neighbours.
    func give(_ range: Range<UInt64>) {
        var (low, high) = (0, free.count)
        while low < high {
            let middle = (low + high) / 2
            if free[middle].lowerBound < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        free.insert(range, at: low)
        if low + 1 < free.count, free[low].upperBound == free[low + 1].lowerBound {
            free[low] = free[low].lowerBound..<free[low + 1].upperBound
            free.remove(at: low + 1)
        }
        if low > 0, free[low - 1].upperBound == free[low].lowerBound {
            free[low - 1] = free[low - 1].lowerBound..<free[low].upperBound
            free.remove(at: low)
        }
    }
}
