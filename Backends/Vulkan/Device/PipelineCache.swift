// Heterodyne: the driver's compiled pipelines, kept on disk.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend

/// The driver's cache of compiled pipelines.
final class PipelineCache: @unchecked Sendable {
    // Unchecked: Vulkan guards the cache by itself.

    let handle: VkPipelineCache?
    private let device: LogicalDevice

    init(_ device: LogicalDevice) {
        self.device = device
        var info = VkPipelineCacheCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO
        var handle: VkPipelineCache?
        if device.vk.vkCreatePipelineCache(device.handle, &info, nil, &handle) != VK_SUCCESS { handle = nil }
        self.handle = handle
    }

    deinit { if let handle { device.vk.vkDestroyPipelineCache(device.handle, handle, nil) } }

    /// Pipelines were made.
    func changed() {}
}
