// Heterodyne: kernels that a device has compiled.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// A kernel to compile: what it is made of and how it is emitted.
struct PipelineRequest: Hashable, Sendable {
    let recipe: any KernelRecipe
    let memory: SPIRVOptions.Memory
    /// nil: as the target says.
    let multiplyAdd: SPIRVOptions.MultiplyAdd?
    /// The types that the kernel emulates.
    let emulated: Set<ScalarType>

    init(
        _ recipe: any KernelRecipe, memory: SPIRVOptions.Memory, multiplyAdd: SPIRVOptions.MultiplyAdd?,
        emulated: Set<ScalarType> = []
    ) {
        self.recipe = recipe
        self.memory = memory
        self.multiplyAdd = multiplyAdd
        self.emulated = emulated
    }

    static func == (a: PipelineRequest, b: PipelineRequest) -> Bool {
        func equal<R: KernelRecipe>(_ first: R, _ second: any KernelRecipe) -> Bool { second as? R == first }
        return a.memory == b.memory && a.multiplyAdd == b.multiplyAdd && a.emulated == b.emulated
            && equal(a.recipe, b.recipe)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(type(of: recipe)))
        recipe.hash(into: &hasher)
        hasher.combine(memory)
        hasher.combine(multiplyAdd)
        hasher.combine(emulated)
    }
}

/// The layouts that pipelines share: which slots there are and how many bytes of push constants.
final class PipelineLayout: @unchecked Sendable {
    // Unchecked: constant handles.

    /// What layouts are told apart by.
    struct Key: Hashable {
        /// The bindings, ascending; none where kernels use addresses.
        var slots: [Int]
        /// The bindings of texel buffers, ascending.
        var texels: [Int]
        var pushByteCount: Int
    }

    let device: LogicalDevice
    let key: Key
    let set: VkDescriptorSetLayout?
    let handle: VkPipelineLayout

    init(_ device: LogicalDevice, _ key: Key) throws(BackendError) {
        self.device = device
        self.key = key
        var set: VkDescriptorSetLayout?
        if !key.slots.isEmpty {
            let storage = key.slots.map { (UInt32($0), VK_DESCRIPTOR_TYPE_STORAGE_BUFFER) }
            let texels = key.texels.map { (UInt32($0), VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER) }
            let bindings = (storage + texels).map { number, type in
                var binding = VkDescriptorSetLayoutBinding()
                binding.binding = number
                binding.descriptorType = type
                binding.descriptorCount = 1
                binding.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT.rawValue
                return binding
            }
            let result = bindings.withUnsafeBufferPointer { bindings in
                var info = VkDescriptorSetLayoutCreateInfo()
                info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO
                info.bindingCount = UInt32(bindings.count)
                info.pBindings = bindings.baseAddress
                return device.call(.descriptors) {
                    device.vk.vkCreateDescriptorSetLayout(device.handle, &info, nil, &set)
                }
            }
            guard result == VK_SUCCESS else {
                throw device.error(result, "making a descriptor set layout", .compilationFailed)
            }
        }
        var range = VkPushConstantRange()
        range.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT.rawValue
        // Sizes are multiples of 4.
        range.size = UInt32((key.pushByteCount + 3) / 4 * 4)
        var handle: VkPipelineLayout?
        let result = withUnsafePointer(to: &range) { range in
            withUnsafePointer(to: &set) { sets in
                var info = VkPipelineLayoutCreateInfo()
                info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO
                info.setLayoutCount = key.slots.isEmpty ? 0 : 1
                info.pSetLayouts = key.slots.isEmpty ? nil : sets
                info.pushConstantRangeCount = key.pushByteCount == 0 ? 0 : 1
                info.pPushConstantRanges = key.pushByteCount == 0 ? nil : range
                return device.call(.descriptors) {
                    device.vk.vkCreatePipelineLayout(device.handle, &info, nil, &handle)
                }
            }
        }
        guard result == VK_SUCCESS, let handle else {
            if let set { device.vk.vkDestroyDescriptorSetLayout(device.handle, set, nil) }
            throw device.error(result, "making a pipeline layout", .compilationFailed)
        }
        self.set = set
        self.handle = handle
        device.created()
    }

    deinit {
        device.destroy {
            device.vk.vkDestroyPipelineLayout(device.handle, handle, nil)
            if let set { device.vk.vkDestroyDescriptorSetLayout(device.handle, set, nil) }
        }
        device.destroyed()
    }
}

/// A kernel that a device has compiled.
final class Pipeline: @unchecked Sendable {
    // Unchecked: constant.

    /// The kernel, for dumps and errors.
    let kernel: Kernel
    let layout: PipelineLayout
    /// What the push constants hold.
    let push: PushConstantLayout
    /// The slots, ascending: one slice is bound to each.
    let slots: [Int]
    /// What is read as texels, and the slots whose memory that is.
    let texels: [TexelBinding]
    let handle: VkPipeline
    private let device: LogicalDevice

    init(
        _ device: LogicalDevice, _ kernel: Kernel, _ layout: PipelineLayout, _ module: SPIRVModule,
        _ handle: VkPipeline
    ) {
        self.device = device
        self.kernel = kernel
        self.layout = layout
        push = module.pushConstants
        texels = module.texels
        self.handle = handle
        slots = Set(kernel.buffers.map(\.slot)).sorted()
        device.created()
    }

    deinit {
        device.destroy { device.vk.vkDestroyPipeline(device.handle, handle, nil) }
        device.destroyed()
    }
}
