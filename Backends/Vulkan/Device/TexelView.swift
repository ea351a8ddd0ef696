// Heterodyne: ranges of buffers as texels.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// A range of a buffer as texels, for kernels that read it so.
final class TexelView: @unchecked Sendable {
    // Unchecked: constant.

    let handle: VkBufferView
    private let device: LogicalDevice

    /// A view of `byteCount` bytes, a multiple of the element's size.
    init(
        _ device: LogicalDevice, _ buffer: VkBuffer, offset: UInt64, byteCount: UInt64, element: KernelType
    ) throws(BackendError) {
        var info = VkBufferViewCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO
        info.buffer = buffer
        info.format = Self.format(element)
        info.offset = offset
        info.range = byteCount
        var handle: VkBufferView?
        let result = device.call(.descriptors) { device.vk.vkCreateBufferView(device.handle, &info, nil, &handle) }
        guard result == VK_SUCCESS, let handle else { throw device.error(result, "making a view of a buffer") }
        self.handle = handle
        self.device = device
        device.created()
    }

    deinit {
        device.destroy { device.vk.vkDestroyBufferView(device.handle, handle, nil) }
        device.destroyed()
    }

    /// Formats that every device reads from texel buffers.
    private static func format(_ element: KernelType) -> VkFormat {
        switch (element.scalar, element.width) {
        case (.float32, 4): VK_FORMAT_R32G32B32A32_SFLOAT
        case (.float32, 2): VK_FORMAT_R32G32_SFLOAT
        case (.float32, _): VK_FORMAT_R32_SFLOAT
        case (.int32, 4): VK_FORMAT_R32G32B32A32_SINT
        case (.int32, 2): VK_FORMAT_R32G32_SINT
        case (.int32, _): VK_FORMAT_R32_SINT
        case (_, 4): VK_FORMAT_R32G32B32A32_UINT
        case (_, 2): VK_FORMAT_R32G32_UINT
        default: VK_FORMAT_R32_UINT
        }
    }
}
