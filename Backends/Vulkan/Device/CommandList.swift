// Heterodyne: commands that are recorded once and run many times.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import HeterodyneKernelIR

/// Commands of a device: recorded once, run many times. One thread at a time uses a list; recording anew, with `begin`,
/// lets go of what was recorded. Running allocates nothing.
final class CommandList {
    let device: LogicalDevice
    let target: KernelTarget
    private let pool: VkCommandPool
    private let buffer: VkCommandBuffer
    private let semaphore: VkSemaphore
    /// The semaphore's value when the last submission is complete.
    private var submitted: UInt64 = 0
    /// The value that was waited for.
    private var completed: UInt64 = 0
    private let descriptors: DescriptorPools
    private var queries: VkQueryPool?
    private var queryCapacity = 0
    private var queryCount = 0
    private var timestampData: [UInt64] = []
    /// What the recorded commands use.
    private var retained: [AnyObject] = []
    private var retainedIDs: Set<ObjectIdentifier> = []
    private var bound: Pipeline?
    private var boundSet: [BoundSlice] = []
    private var isRecording = false
    private var isRecorded = false
    private var lastKernel: String?

    private struct BoundSlice: Equatable {
        var buffer: VkBuffer
        var offset: UInt64
        var byteCount: UInt64
    }

    init(_ device: LogicalDevice, target: KernelTarget) throws(BackendError) {
        try device.checkAlive()
        let vk = device.vk
        self.device = device
        self.target = target
        var poolInfo = VkCommandPoolCreateInfo()
        poolInfo.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO
        poolInfo.queueFamilyIndex = device.queueFamily
        var pool: VkCommandPool?
        var result = device.call(.commands) { vk.vkCreateCommandPool(device.handle, &poolInfo, nil, &pool) }
        guard result == VK_SUCCESS, let pool else { throw device.error(result, "making a command pool") }
        var info = VkCommandBufferAllocateInfo()
        info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO
        info.commandPool = pool
        info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY
        info.commandBufferCount = 1
        var buffer: VkCommandBuffer?
        result = device.call(.commands) { vk.vkAllocateCommandBuffers(device.handle, &info, &buffer) }
        guard result == VK_SUCCESS, let buffer else {
            vk.vkDestroyCommandPool(device.handle, pool, nil)
            throw device.error(result, "making a command buffer")
        }
        var type = VkSemaphoreTypeCreateInfo()
        type.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO
        type.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE
        var semaphore: VkSemaphore?
        result = withUnsafePointer(to: &type) { type in
            var info = VkSemaphoreCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO
            info.pNext = UnsafeRawPointer(type)
            return device.call(.commands) { vk.vkCreateSemaphore(device.handle, &info, nil, &semaphore) }
        }
        guard result == VK_SUCCESS, let semaphore else {
            vk.vkDestroyCommandPool(device.handle, pool, nil)
            throw device.error(result, "making a semaphore")
        }
        self.pool = pool
        self.buffer = buffer
        self.semaphore = semaphore
        descriptors = DescriptorPools(device)
        device.created()
    }

    deinit {
        // A run that gave up may still be in progress. A device that is really lost answers at once, one that hangs is
        // not waited for twice.
        if completed != submitted, !device.isHung, waitSlice(seconds: device.patience) == VK_TIMEOUT {
            device.markHung()
        }
        device.destroy {
            if let queries { device.vk.vkDestroyQueryPool(device.handle, queries, nil) }
            device.vk.vkDestroySemaphore(device.handle, semaphore, nil)
            device.vk.vkDestroyCommandPool(device.handle, pool, nil)
        }
        device.destroyed()
    }

    /// Whether the list keeps the memory alive that its commands name. Where it does not, the owner sees to it that the
    /// list is only run while the memory is there.
    var retainsMemory = true

    // MARK: Recording

    /// Starts recording, with places for `timestampCount` timestamps.
    func begin(timestampCount: Int = 0) throws(BackendError) {
        try finish(label: "an earlier recording")
        let vk = device.vk
        var result = device.call(.commands) { vk.vkResetCommandPool(device.handle, pool, 0) }
        guard result == VK_SUCCESS else { throw device.error(result, "resetting a command pool") }
        try descriptors.reset()
        retained.removeAll(keepingCapacity: true)
        retainedIDs.removeAll(keepingCapacity: true)
        forgetBindings()
        isRecorded = false
        lastKernel = nil
        try makeQueries(timestampCount)
        var info = VkCommandBufferBeginInfo()
        info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO
        result = device.call(.commands) { vk.vkBeginCommandBuffer(buffer, &info) }
        guard result == VK_SUCCESS else { throw device.error(result, "starting to record commands") }
        isRecording = true
        if queryCount > 0 { vk.vkCmdResetQueryPool(buffer, queries, 0, UInt32(queryCount)) }
        // Earlier submissions are complete; this makes what they wrote visible to these commands.
        barrier()
    }

    /// Ends recording.
    func end() throws(BackendError) {
        guard isRecording else { throw BackendError(.executionFailed, "commands are not being recorded") }
        // The host reads results directly where it sees the memory.
        memoryBarrier(
            VK_ACCESS_SHADER_WRITE_BIT.rawValue | VK_ACCESS_TRANSFER_WRITE_BIT.rawValue,
            VK_ACCESS_HOST_READ_BIT.rawValue, to: VK_PIPELINE_STAGE_HOST_BIT.rawValue)
        isRecording = false
        let result = device.call(.commands) { device.vk.vkEndCommandBuffer(buffer) }
        guard result == VK_SUCCESS else { throw device.error(result, "recording commands") }
        isRecorded = true
    }

    private func forgetBindings() {
        bound = nil
        boundSet.removeAll(keepingCapacity: true)
    }

    private func retain(_ object: AnyObject) {
        if object is DeviceMemory, !retainsMemory { return }
        if retainedIDs.insert(ObjectIdentifier(object)).inserted { retained.append(object) }
    }

    /// Records the workgroups `firstGroup ..< firstGroup + groups` of a kernel. `slices` are bound to the kernel's slots
    /// in ascending order. Throws `invalidArgument` where they do not fit the kernel or the limits of the device.
    func dispatch(
        _ pipeline: Pipeline, _ slices: [MemorySlice], _ constants: [PushValue], firstGroup: Grid = Grid(0, 0, 0),
        groups: Grid
    ) throws(BackendError) {
        let name = pipeline.kernel.name
        func wrong(_ text: String) -> BackendError {
            BackendError(.invalidArgument, "the kernel \(name): \(text)", device: device.id)
        }
        guard isRecording else { throw wrong("commands are not being recorded") }
        guard slices.count == pipeline.slots.count else {
            throw wrong("\(slices.count) slices for \(pipeline.slots.count) slots")
        }
        guard constants.count == pipeline.push.constants.count else {
            throw wrong("\(constants.count) push constants for \(pipeline.push.constants.count)")
        }
        let (first, count) = ([firstGroup.x, firstGroup.y, firstGroup.z], [groups.x, groups.y, groups.z])
        for axis in 0..<3 {
            let (end, overflow) = first[axis].addingReportingOverflow(count[axis])
            guard first[axis] >= 0, count[axis] >= 0, !overflow, end <= target.maximumWorkgroupCounts[axis] else {
                throw wrong(
                    "workgroups \(first[axis]) ..< \(first[axis]) + \(count[axis]) along axis \(axis); the device has"
                        + " \(target.maximumWorkgroupCounts[axis])")
            }
        }
        if groups.x == 0 || groups.y == 0 || groups.z == 0 { return }
        var ranges: [BoundSlice] = []
        ranges.reserveCapacity(slices.count)
        for slice in slices {
            let (end, overflow) = slice.byteOffset.addingReportingOverflow(slice.byteCount)
            guard slice.byteOffset >= 0, slice.byteCount >= 0, !overflow, UInt64(end) <= slice.memory.capacity,
                slice.byteOffset.isMultiple(of: target.bufferOffsetAlignment), slice.memory.block.device === device
            else {
                throw wrong(
                    "bytes \(slice.byteOffset) ..< \(slice.byteOffset) + \(slice.byteCount) of a piece of"
                        + " \(slice.memory.byteCount) on this device")
            }
            // A range has at least a word; pieces of memory have 256 bytes at least.
            let padded = max(UInt64(slice.byteCount) + 3, 4) / 4 * 4
            let room = slice.memory.capacity - UInt64(slice.byteOffset)
            guard room >= 4 else { throw wrong("an empty slice at the end of a piece of memory") }
            ranges.append(
                BoundSlice(
                    buffer: slice.memory.buffer, offset: slice.bufferOffset, byteCount: min(padded, room)))
            retain(slice.memory)
        }
        retain(pipeline)
        let vk = device.vk
        if bound !== pipeline { vk.vkCmdBindPipeline(buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.handle) }
        if pipeline.layout.set != nil {
            let largest = target.maximumStorageBufferRange
            if let range = ranges.first(where: { $0.byteCount > UInt64(largest) }) {
                throw wrong("a slice of \(range.byteCount) bytes; descriptors show \(largest): use addresses")
            }
            if bound?.layout !== pipeline.layout || boundSet != ranges {
                var set: VkDescriptorSet? = try descriptors.set(pipeline.layout)
                write(set, pipeline.slots, ranges)
                try write(set, texels: pipeline, ranges)
                vk.vkCmdBindDescriptorSets(
                    buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.layout.handle, 0, 1, &set, 0, nil)
                boundSet = ranges
            }
        } else {
            boundSet.removeAll(keepingCapacity: true)
        }
        bound = pipeline
        try push(pipeline, slices, constants)
        vk.vkCmdDispatchBase(
            buffer, UInt32(first[0]), UInt32(first[1]), UInt32(first[2]), UInt32(count[0]), UInt32(count[1]),
            UInt32(count[2]))
        lastKernel = name
    }

    private func write(_ set: VkDescriptorSet?, _ slots: [Int], _ ranges: [BoundSlice]) {
        let infos = ranges.map { VkDescriptorBufferInfo(buffer: $0.buffer, offset: $0.offset, range: $0.byteCount) }
        infos.withUnsafeBufferPointer { infos in
            let writes = slots.indices.map { index in
                var write = VkWriteDescriptorSet()
                write.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET
                write.dstSet = set
                write.dstBinding = UInt32(slots[index])
                write.descriptorCount = 1
                write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                write.pBufferInfo = infos.baseAddress.map { $0 + index }
                return write
            }
            writes.withUnsafeBufferPointer {
                device.vk.vkUpdateDescriptorSets(device.handle, UInt32($0.count), $0.baseAddress, 0, nil)
            }
        }
    }

    /// Views of the ranges that the kernel reads as texels; they live as long as what was recorded.
    private func write(
        _ set: VkDescriptorSet?, texels pipeline: Pipeline, _ ranges: [BoundSlice]
    ) throws(BackendError) {
        for texel in pipeline.texels {
            guard let index = pipeline.slots.firstIndex(of: texel.slot) else { continue }
            let size = UInt64(texel.element.byteCount)
            let range = ranges[index]
            // A texel that is there in part is read in part: pieces of memory have room for whole ones.
            let view = try TexelView(
                device, range.buffer, offset: range.offset, byteCount: (range.byteCount + size - 1) / size * size,
                element: texel.element)
            retained.append(view)
            var handle: VkBufferView? = view.handle
            withUnsafePointer(to: &handle) { handle in
                var write = VkWriteDescriptorSet()
                write.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET
                write.dstSet = set
                write.dstBinding = UInt32(texel.binding)
                write.descriptorCount = 1
                write.descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                write.pTexelBufferView = handle
                device.vk.vkUpdateDescriptorSets(device.handle, 1, &write, 0, nil)
            }
        }
    }

    private func push(_ pipeline: Pipeline, _ slices: [MemorySlice], _ constants: [PushValue]) throws(BackendError) {
        let byteCount = pipeline.layout.key.pushByteCount
        guard byteCount > 0 else { return }
        let declared = pipeline.kernel.pushConstants
        var bytes = [UInt8](repeating: 0, count: (byteCount + 3) / 4 * 4)
        func put(_ bits: UInt64, _ count: Int, at offset: Int) {
            for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: bits >> (8 * UInt64(index))) }
        }
        for (index, value) in constants.enumerated() {
            guard value.byteCount == declared[index].type.byteCount else {
                throw BackendError(
                    .invalidArgument,
                    "the kernel \(pipeline.kernel.name): the push constant \(declared[index].name) is of type"
                        + " \(declared[index].type), \(value) was given", device: device.id)
            }
            put(value.bits, value.byteCount, at: pipeline.push.constants[index])
        }
        for (slot, slice) in zip(pipeline.slots, slices) {
            guard let offset = pipeline.push.addresses[slot] else { continue }
            guard let address = slice.memory.deviceAddress else {
                throw BackendError(
                    .unsupported, "the kernel \(pipeline.kernel.name) uses addresses, which the device does not give",
                    device: device.id)
            }
            put(address + UInt64(slice.byteOffset), 8, at: offset)
        }
        bytes.withUnsafeBytes {
            device.vk.vkCmdPushConstants(
                buffer, pipeline.layout.handle, VK_SHADER_STAGE_COMPUTE_BIT.rawValue, 0, UInt32($0.count),
                $0.baseAddress)
        }
    }

    /// Every read and write behind it sees every write before it, of kernels and of copies.
    func barrier() {
        let write = VK_ACCESS_SHADER_WRITE_BIT.rawValue | VK_ACCESS_TRANSFER_WRITE_BIT.rawValue
        let read = VK_ACCESS_SHADER_READ_BIT.rawValue | VK_ACCESS_TRANSFER_READ_BIT.rawValue
        memoryBarrier(
            write, read | write,
            to: VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT.rawValue | VK_PIPELINE_STAGE_TRANSFER_BIT.rawValue)
    }

    private func memoryBarrier(_ source: UInt32, _ destination: UInt32, to stages: UInt32) {
        var info = VkMemoryBarrier()
        info.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER
        info.srcAccessMask = source
        info.dstAccessMask = destination
        device.vk.vkCmdPipelineBarrier(
            buffer, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT.rawValue | VK_PIPELINE_STAGE_TRANSFER_BIT.rawValue, stages, 0,
            1, &info, 0, nil, 0, nil)
    }

    /// Copies as many bytes as the smaller slice has. The slices must not overlap.
    func copy(_ from: MemorySlice, _ to: MemorySlice) {
        let count = min(from.byteCount, to.byteCount)
        guard isRecording, count > 0 else { return }
        retain(from.memory)
        retain(to.memory)
        var region = VkBufferCopy(srcOffset: from.bufferOffset, dstOffset: to.bufferOffset, size: UInt64(count))
        device.vk.vkCmdCopyBuffer(buffer, from.memory.buffer, to.memory.buffer, 1, &region)
    }

    /// Fills a slice with a word. Starts and sizes of slices are multiples of 4, up to what padding allows.
    func fill(_ to: MemorySlice, word: UInt32) {
        guard isRecording, to.byteCount > 0 else { return }
        retain(to.memory)
        let count = min((UInt64(to.byteCount) + 3) / 4 * 4, to.memory.capacity - UInt64(to.byteOffset))
        device.vk.vkCmdFillBuffer(buffer, to.memory.buffer, to.bufferOffset, count, word)
    }

    // MARK: Running

    /// Submits what was recorded and waits for it. Throws `deviceLost` naming `label` and the kernel.
    func run(label: String, lastKernel: String? = nil) throws(BackendError) {
        try start(label: label, lastKernel: lastKernel)
        try finish(label: label, lastKernel: lastKernel)
    }

    /// Submits what was recorded. Throws `deviceLost`.
    func start(label: String, lastKernel: String? = nil) throws(BackendError) {
        guard isRecorded else {
            throw BackendError(.executionFailed, "\(label): no commands were recorded", device: device.id)
        }
        try finish(label: label, lastKernel: lastKernel)
        let result = submit()
        guard result == VK_SUCCESS else { throw device.error(result, work(label, lastKernel)) }
    }

    /// Waits for what was submitted. Throws `deviceLost` naming `label` and the kernel.
    func finish(label: String, lastKernel: String? = nil) throws(BackendError) {
        try device.checkAlive()
        if completed == submitted { return }
        let result = wait(seconds: device.patience)
        if result == VK_SUCCESS {
            completed = submitted
            return
        }
        // A device that does not finish is as good as lost: its memory may still be written.
        if result == VK_TIMEOUT { device.markHung() }
        throw device.error(result == VK_TIMEOUT ? VK_ERROR_DEVICE_LOST : result, work(label, lastKernel))
    }

    private func work(_ label: String, _ lastKernel: String?) -> String {
        let kernel = (lastKernel ?? self.lastKernel).map { ", up to the kernel \($0)" } ?? ""
        return "the program \(label)\(kernel)"
    }

    private func submit() -> VkResult {
        let value = submitted + 1
        let result = withUnsafePointer(to: value) { value in
            var timeline = VkTimelineSemaphoreSubmitInfo()
            timeline.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO
            timeline.signalSemaphoreValueCount = 1
            timeline.pSignalSemaphoreValues = value
            return withUnsafePointer(to: &timeline) { timeline in
                withUnsafePointer(to: Optional(semaphore)) { semaphore in
                    withUnsafePointer(to: Optional(buffer)) { buffer in
                        var info = VkSubmitInfo()
                        info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO
                        info.pNext = UnsafeRawPointer(timeline)
                        info.commandBufferCount = 1
                        info.pCommandBuffers = buffer
                        info.signalSemaphoreCount = 1
                        info.pSignalSemaphores = semaphore
                        return device.submit(&info)
                    }
                }
            }
        }
        if result == VK_SUCCESS { submitted = value }
        return result
    }

    /// Waits a second at a time, so that a lost device is noticed.
    private func wait(seconds: Int) -> VkResult {
        var result = VK_TIMEOUT
        for _ in 0..<max(seconds, 1) where result == VK_TIMEOUT {
            if device.isLost { return VK_ERROR_DEVICE_LOST }
            result = device.call(.wait) { waitSlice(seconds: 1) }
        }
        return result
    }

    private func waitSlice(seconds: Int) -> VkResult {
        withUnsafePointer(to: Optional(semaphore)) { semaphore in
            withUnsafePointer(to: submitted) { value in
                var info = VkSemaphoreWaitInfo()
                info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO
                info.semaphoreCount = 1
                info.pSemaphores = semaphore
                info.pValues = value
                return device.vk.vkWaitSemaphores(device.handle, &info, UInt64(seconds) * 1_000_000_000)
            }
        }
    }

    // MARK: Timestamps

    private func makeQueries(_ count: Int) throws(BackendError) {
        queryCount = 0
        guard count > 0, (device.physical.queueFamily?.timestampBits ?? 0) > 0 else { return }
        if count > queryCapacity {
            if let queries { device.vk.vkDestroyQueryPool(device.handle, queries, nil) }
            queries = nil
            queryCapacity = 0
            var info = VkQueryPoolCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO
            info.queryType = VK_QUERY_TYPE_TIMESTAMP
            info.queryCount = UInt32(clamping: count)
            let result = device.call(.commands) {
                device.vk.vkCreateQueryPool(device.handle, &info, nil, &queries)
            }
            guard result == VK_SUCCESS else { throw device.error(result, "making a pool of timestamps") }
            queryCapacity = count
        }
        queryCount = count
        timestampData = [UInt64](repeating: 0, count: count)
    }

    /// Records the time at which everything before is done, as number `index` of those that `begin` made room for.
    func writeTimestamp(_ index: Int) {
        guard isRecording, index >= 0, index < queryCount else { return }
        device.vk.vkCmdWriteTimestamp(
            buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries, UInt32(index))
    }

    /// The times of the last run in nanoseconds, in the device's own count; none where the device has no clock.
    func timestamps() throws(BackendError) -> [UInt64] {
        guard queryCount > 0, submitted > 0 else { return [] }
        let count = queryCount
        let result = timestampData.withUnsafeMutableBytes {
            device.vk.vkGetQueryPoolResults(
                device.handle, queries, 0, UInt32(count), $0.count, $0.baseAddress, 8,
                VK_QUERY_RESULT_64_BIT.rawValue | VK_QUERY_RESULT_WAIT_BIT.rawValue)
        }
        guard result == VK_SUCCESS else { throw device.error(result, "reading timestamps") }
        let bits = device.physical.queueFamily?.timestampBits ?? 64
        let mask = bits >= 64 ? UInt64.max : (1 << UInt64(bits)) - 1
        let period = Double(device.physical.limits.timestampPeriod)
        let origin = timestampData.first.map { $0 & mask } ?? 0
        // Relative to the first one, modulo the clock's width, so that a clock that wraps does no harm.
        return timestampData.map { UInt64(Double(($0 & mask) &- origin & mask) * period) }
    }
}
