// Heterodyne: descriptor sets for recorded commands.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend

/// Descriptor sets of one command list: pools that grow with what is recorded and are emptied at once.
final class DescriptorPools {
    private let device: LogicalDevice
    private var pools: [VkDescriptorPool] = []
    /// The pool that sets are taken from, and what is left in it.
    private var current = 0
    private var setsLeft = 0
    private var descriptorsLeft = 0

    private static let setsPerPool = 256
    private static let descriptorsPerPool = 1024

    init(_ device: LogicalDevice) { self.device = device }

    deinit {
        for pool in pools {
            device.destroy { device.vk.vkDestroyDescriptorPool(device.handle, pool, nil) }
            device.destroyed()
        }
    }

    /// Gives all sets back.
    func reset() throws(BackendError) {
        for pool in pools {
            let result = device.call(.descriptors) { device.vk.vkResetDescriptorPool(device.handle, pool, 0) }
            guard result == VK_SUCCESS else { throw device.error(result, "resetting a descriptor pool") }
        }
        current = 0
        (setsLeft, descriptorsLeft) = pools.isEmpty ? (0, 0) : (Self.setsPerPool, Self.descriptorsPerPool)
    }

    /// A new set of a layout.
    func set(_ layout: PipelineLayout) throws(BackendError) -> VkDescriptorSet {
        let needed = max(layout.key.slots.count, layout.key.texels.count)
        if setsLeft == 0 || descriptorsLeft < needed { try advance() }
        if let set = try allocate(layout, again: true) { return set }
        // Pools may be used up earlier than their sizes say.
        try advance()
        guard let set = try allocate(layout, again: false) else {
            throw device.error(VK_ERROR_OUT_OF_POOL_MEMORY, "making a descriptor set")
        }
        return set
    }

    private func allocate(_ layout: PipelineLayout, again: Bool) throws(BackendError) -> VkDescriptorSet? {
        var set: VkDescriptorSet?
        let result = withUnsafePointer(to: layout.set) { layouts in
            var info = VkDescriptorSetAllocateInfo()
            info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO
            info.descriptorPool = pools[current]
            info.descriptorSetCount = 1
            info.pSetLayouts = layouts
            return device.call(.descriptors) { device.vk.vkAllocateDescriptorSets(device.handle, &info, &set) }
        }
        if again, result == VK_ERROR_OUT_OF_POOL_MEMORY || result == VK_ERROR_FRAGMENTED_POOL { return nil }
        guard result == VK_SUCCESS, let set else { throw device.error(result, "making a descriptor set") }
        setsLeft -= 1
        descriptorsLeft -= max(layout.key.slots.count, layout.key.texels.count)
        return set
    }

    private func advance() throws(BackendError) {
        if current + 1 < pools.count {
            current += 1
        } else {
            // As many of each type.
            let sizes = [VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER].map {
                VkDescriptorPoolSize(type: $0, descriptorCount: UInt32(Self.descriptorsPerPool))
            }
            var pool: VkDescriptorPool?
            let result = sizes.withUnsafeBufferPointer { sizes in
                var info = VkDescriptorPoolCreateInfo()
                info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO
                info.maxSets = UInt32(Self.setsPerPool)
                info.poolSizeCount = UInt32(sizes.count)
                info.pPoolSizes = sizes.baseAddress
                return device.call(.descriptors) {
                    device.vk.vkCreateDescriptorPool(device.handle, &info, nil, &pool)
                }
            }
            guard result == VK_SUCCESS, let pool else { throw device.error(result, "making a descriptor pool") }
            device.created()
            pools.append(pool)
            current = pools.count - 1
        }
        (setsLeft, descriptorsLeft) = (Self.setsPerPool, Self.descriptorsPerPool)
    }
}
