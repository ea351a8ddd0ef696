// Heterodyne: compiles kernels once for all programs of a device.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import Dispatch
import HeterodyneBackend
import HeterodyneKernelIR
import Synchronization

/// Compiles kernels, several at once, and keeps what programs share.
final class PipelineStore: Sendable {
    /// A pipeline that exists or is being made.
    private final class Entry: Sendable {
        let made = Mutex<Result<Pipeline, BackendError>?>(nil)
        /// Left when `made` is set.
        let group = DispatchGroup()

        init() { group.enter() }

        func finish(_ result: Result<Pipeline, BackendError>) {
            made.withLock { $0 = result }
            group.leave()
        }
        func wait() -> Result<Pipeline, BackendError> {
            group.wait()
            return made.withLock { $0 }
                ?? .failure(BackendError(.compilationFailed, "a pipeline was given up while it was made"))
        }
    }

    private struct State {
        var entries: [PipelineRequest: (entry: Entry, lastUse: UInt64)] = [:]
        var layouts: [PipelineLayout.Key: PipelineLayout] = [:]
        var clock: UInt64 = 0
    }

    let device: LogicalDevice
    let target: KernelTarget
    let cache: PipelineCache
    /// Pipelines that are kept without a program that uses them.
    let capacity: Int
    private let state = Mutex(State())

    init(_ device: LogicalDevice, target: KernelTarget, cache: PipelineCache, capacity: Int) {
        self.capacity = capacity
        self.device = device
        self.target = target
        self.cache = cache
    }

    /// The pipelines of the requests, in their order. Throws the first failure.
    func pipelines(_ requests: [PipelineRequest]) throws(BackendError) -> [Pipeline] {
        try device.checkAlive()
        var own: [(PipelineRequest, Entry)] = []
        let entries: [Entry] = state.withLock { state in
            requests.map { request in
                state.clock += 1
                if let known = state.entries[request] {
                    state.entries[request]?.lastUse = state.clock
                    return known.entry
                }
                let entry = Entry()
                state.entries[request] = (entry, state.clock)
                own.append((request, entry))
                return entry
            }
        }
        let work = own
        if work.count == 1 {
            work[0].1.finish(make(work[0].0))
        } else if !work.isEmpty {
            DispatchQueue.concurrentPerform(iterations: work.count) { index in
                work[index].1.finish(make(work[index].0))
            }
        }
        var pipelines: [Pipeline] = []
        var failure: BackendError?
        for entry in entries {
            switch entry.wait() {
            case .success(let pipeline): pipelines.append(pipeline)
            case .failure(let error): failure = failure ?? error
            }
        }
        tidy(failed: failure != nil)
        if let failure { throw failure }
        if !work.isEmpty { cache.changed() }
        return pipelines
    }

    /// Forgets what failed, so that it is tried again, and what was not used for long.
    private func tidy(failed: Bool) {
        // Destroyed outside of the lock.
        var gone: [Entry] = []
        state.withLock { state in
            if failed {
                for (request, value) in state.entries {
                    if case .failure? = value.entry.made.withLock({ $0 }) {
                        gone.append(value.entry)
                        state.entries[request] = nil
                    }
                }
            }
            guard state.entries.count > capacity else { return }
            let old = state.entries.sorted { $0.value.lastUse < $1.value.lastUse }
            for (request, value) in old.prefix(state.entries.count - capacity * 7 / 8) {
                guard value.entry.made.withLock({ $0 }) != nil else { continue }
                gone.append(value.entry)
                state.entries[request] = nil
            }
        }
        withExtendedLifetime(gone) {}
    }

    private func make(_ request: PipelineRequest) -> Result<Pipeline, BackendError> {
        do throws(BackendError) { return .success(try compile(request)) } catch { return .failure(error) }
    }

    private func layout(_ key: PipelineLayout.Key) throws(BackendError) -> PipelineLayout {
        if let known = state.withLock({ $0.layouts[key] }) { return known }
        let layout = try PipelineLayout(device, key)
        return state.withLock { state in
            if let known = state.layouts[key] { return known }
            state.layouts[key] = layout
            return layout
        }
    }

    private func compile(_ request: PipelineRequest) throws(BackendError) -> Pipeline {
        let kernel: Kernel
        let module: SPIRVModule
        do throws(KernelError) {
            var target = target.emulating(request.emulated)
            target.spirv.memory = request.memory
            if let multiplyAdd = request.multiplyAdd { target.spirv.multiplyAdd = multiplyAdd }
            kernel = try target.kernel(of: request.recipe)
            module = try kernel.spirv(target.spirv)
        } catch {
            throw BackendError(.compilationFailed, "no kernel for \(request.recipe): \(error)", device: device.id)
        }
        guard module.pushConstants.byteCount <= target.maximumPushConstantByteCount else {
            throw BackendError(
                .compilationFailed,
                "the kernel \(kernel.name) takes \(module.pushConstants.byteCount) bytes of push constants; the device"
                    + " has \(target.maximumPushConstantByteCount)", device: device.id)
        }
        let slots = Set(kernel.buffers.map(\.slot)).sorted()
        if request.memory == .descriptors, slots.count > target.maximumBuffers {
            throw BackendError(
                .compilationFailed,
                "the kernel \(kernel.name) takes \(slots.count) buffers; the device has \(target.maximumBuffers)",
                device: device.id)
        }
        let layout = try layout(
            PipelineLayout.Key(
                slots: request.memory == .descriptors ? slots : [], texels: module.texels.map(\.binding).sorted(),
                pushByteCount: module.pushConstants.byteCount))
        let handle = try create(kernel, module, layout)
        return Pipeline(device, kernel, layout, module, handle)
    }

    private func create(
        _ kernel: Kernel, _ module: SPIRVModule, _ layout: PipelineLayout
    ) throws(BackendError) -> VkPipeline {
        let vk = device.vk
        var shader: VkShaderModule?
        var result = module.words.withUnsafeBufferPointer { words in
            var info = VkShaderModuleCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO
            info.codeSize = words.count * 4
            info.pCode = words.baseAddress
            return device.call(.pipeline) { vk.vkCreateShaderModule(device.handle, &info, nil, &shader) }
        }
        guard result == VK_SUCCESS else {
            throw device.error(result, "giving the kernel \(kernel.name) to the driver", .compilationFailed)
        }
        defer { vk.vkDestroyShaderModule(device.handle, shader, nil) }

        // Kernels with subgroup operations count on full subgroups where the target has them.
        let width = Int(kernel.workgroupExtent(.x))
        let fixes =
            target.features.contains(.fullSubgroups) && width.isMultiple(of: target.subgroupSize)
            && module.capabilities.contains { $0.hasPrefix("GroupNonUniform") }
        var size = VkPipelineShaderStageRequiredSubgroupSizeCreateInfo()
        size.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO
        size.requiredSubgroupSize = UInt32(target.subgroupSize)
        var pipeline: VkPipeline?
        result = withUnsafePointer(to: &size) { size in
            kernel.name.withCString { name in
                var info = VkComputePipelineCreateInfo()
                info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO
                info.flags = VK_PIPELINE_CREATE_DISPATCH_BASE_BIT.rawValue
                info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO
                info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT
                info.stage.module = shader
                info.stage.pName = name
                if fixes {
                    info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT.rawValue
                    info.stage.pNext = UnsafeRawPointer(size)
                }
                info.layout = layout.handle
                return device.call(.pipeline) {
                    vk.vkCreateComputePipelines(device.handle, cache.handle, 1, &info, nil, &pipeline)
                }
            }
        }
        guard result == VK_SUCCESS, let pipeline else {
            throw device.error(result, "compiling the kernel \(kernel.name)", .compilationFailed)
        }
        return pipeline
    }
}
