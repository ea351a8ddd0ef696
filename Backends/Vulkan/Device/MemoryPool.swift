// Heterodyne: hands out device memory from large blocks.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import Synchronization

/// What memory is for.
enum MemoryUse: Sendable, Hashable {
    /// Inputs, outputs and constants of programs.
    case tensor
    /// Intermediate results.
    case arena
    /// Between the host and memory that the host does not see.
    case staging
}

/// Hands out device memory. Small pieces share blocks, large ones have their own: drivers limit how many allocations
/// there may be, and each takes long.
final class MemoryPool: @unchecked Sendable {
    // Unchecked: the state is under a lock, the rest is constant.

    /// What every start and every size is a multiple of: the most that Vulkan lets a device demand of storage-buffer
    /// offsets and of flushed ranges.
    static let alignment: UInt64 = 256

    private struct State {
        /// Blocks that are shared, by type of memory.
        var blocks: [UInt32: [MemoryBlock]] = [:]
        var allocationCount = 0
        var byteCount: UInt64 = 0
    }

    let device: LogicalDevice
    let usesAddresses: Bool
    /// The type of memory for tensors and arenas.
    let tensorType: UInt32
    /// The type of memory for staging; the host always sees it.
    let stagingType: UInt32
    /// Whether staging is needed to write tensors, and whether it is needed to read them.
    let writesThroughStaging: Bool
    let readsThroughStaging: Bool
    private let forcesStaging: Bool
    private let types: [(flags: UInt32, heap: Int)]
    private let heaps: [(byteCount: UInt64, isLocal: Bool)]
    private let maximumAllocation: UInt64
    private let maximumAllocations: Int
    private let state = Mutex(State())
    private let serials = Atomic<UInt64>(1)

    /// Looks for the types of memory.
    init(_ device: LogicalDevice, features: KernelTarget.Features, options: VulkanOptions) throws(BackendError) {
        self.device = device
        forcesStaging = options.forcesStaging
        usesAddresses = features.contains(.bufferAddresses)
        let physical = device.physical
        types = physical.memoryTypes
        heaps = physical.memoryHeaps
        let largest = min(
            physical.properties11.maxMemoryAllocationSize, physical.maintenance4?.maxBufferSize ?? UInt64.max)
        maximumAllocation = largest / Self.alignment * Self.alignment
        maximumAllocations = min(
            options.maximumAllocationCount ?? Int.max, Int(clamping: physical.limits.maxMemoryAllocationCount))

        // All buffers have the same usage, so one of them tells which types of memory they may lie in.
        var info = VkBufferCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO
        info.size = 65_536
        info.usage = MemoryBlock.usage(addresses: usesAddresses)
        info.sharingMode = VK_SHARING_MODE_EXCLUSIVE
        var probe: VkBuffer?
        let result = device.vk.vkCreateBuffer(device.handle, &info, nil, &probe)
        guard result == VK_SUCCESS, let probe else { throw device.error(result, "making a buffer", .deviceUnavailable) }
        var requirements = VkMemoryRequirements()
        device.vk.vkGetBufferMemoryRequirements(device.handle, probe, &requirements)
        device.vk.vkDestroyBuffer(device.handle, probe, nil)

        let able = types.indices.filter { requirements.memoryTypeBits & (1 << UInt32($0)) != 0 }
        let (local, visible, coherent, cached) = (
            VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT.rawValue, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT.rawValue,
            VK_MEMORY_PROPERTY_HOST_COHERENT_BIT.rawValue, VK_MEMORY_PROPERTY_HOST_CACHED_BIT.rawValue
        )
        // Memory that only some access, or that is there only while it is used, is of no use here.
        let odd =
            VK_MEMORY_PROPERTY_PROTECTED_BIT.rawValue | VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT.rawValue
            | VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD.rawValue
            | VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD.rawValue
        let (listed, sizes) = (types, heaps)
        let usable = able.filter { listed[$0].flags & odd == 0 }
        func size(_ index: Int) -> UInt64 { sizes[listed[index].heap].byteCount }
        func has(_ index: Int, _ flags: UInt32) -> Bool { listed[index].flags & flags == flags }
        let biggest = usable.filter { has($0, local) }.map(size).max() ?? 0
        // The host's window into the memory of a card may be small: then it is not where tensors go.
        let open = usable.filter { has($0, local | visible | coherent) && size($0) >= biggest }
        let preferred =
            open.first { has($0, cached) } ?? open.first ?? usable.first { has($0, local) && !has($0, visible) }
            ?? usable.first { has($0, local) } ?? usable.first
        let staging =
            usable.first { has($0, visible | coherent | cached) } ?? usable.first { has($0, visible | cached) }
            ?? usable.first { has($0, visible | coherent) } ?? usable.first { has($0, visible) }
        guard let preferred, let staging else {
            throw BackendError(
                .deviceUnavailable, "\(physical.name) has no memory that buffers and the host can use",
                device: device.id
            )
        }
        tensorType = UInt32(preferred)
        stagingType = UInt32(staging)
        writesThroughStaging = forcesStaging || !has(preferred, visible | coherent)
        readsThroughStaging = writesThroughStaging || !has(preferred, cached)
    }

    /// The largest single piece.
    var maximumByteCount: Int {
        Int(clamping: min(maximumAllocation, heaps[types[Int(tensorType)].heap].byteCount))
    }

    /// Memory taken from the driver.
    var reservedByteCount: UInt64 { state.withLock { $0.byteCount } }
    /// Allocations that exist.
    var allocationCount: Int { state.withLock { $0.allocationCount } }

    /// Allocates; nothing is asked for the content. Throws `outOfMemory`.
    func allocate(_ byteCount: Int, for use: MemoryUse) throws(BackendError) -> DeviceMemory {
        try device.checkAlive()
        guard byteCount >= 0, UInt64(byteCount) <= maximumAllocation else {
            throw BackendError(
                .outOfMemory,
                "\(byteCount) bytes are more than one allocation of \(device.physical.name) holds:"
                    + " \(maximumAllocation) bytes; split the tensor", device: device.id)
        }
        // Not even empty tensors are without an address.
        let count = max((UInt64(byteCount) + Self.alignment - 1) / Self.alignment * Self.alignment, Self.alignment)
        guard count <= maximumAllocation else {
            throw shortage(VK_ERROR_OUT_OF_DEVICE_MEMORY, count, use == .staging ? stagingType : tensorType)
        }
        let type = use == .staging ? stagingType : tensorType
        let result: Result<(MemoryBlock, UInt64, Bool), VulkanFailure> = state.withLock { state in
            let step = blockByteCount(type, state.blocks[type]?.count ?? 0)
            if count > step / 2 {
                return make(count, type, &state).map { block in
                    block.free = []
                    return (block, 0, false)
                }
            }
            for block in state.blocks[type] ?? [] {
                if let offset = block.take(count) { return .success((block, offset, true)) }
            }
            // A block that the device cannot give may still leave room for what is asked.
            var result = make(step, type, &state)
            if case .failure(let failure) = result, failure.result.isOutOfMemory, count < step {
                result = make(count, type, &state)
            }
            return result.map { block in
                state.blocks[type, default: []].append(block)
                return (block, block.take(count) ?? 0, true)
            }
        }
        switch result {
        case .success(let (block, offset, isShared)):
            let serial = serials.wrappingAdd(1, ordering: .relaxed).oldValue
            return DeviceMemory(
                pool: self, block: block, range: offset..<offset + count, byteCount: byteCount, isShared: isShared,
                serial: serial, isVisible: use == .staging || !(forcesStaging || readsThroughStaging))
        case .failure(let failure):
            if failure.result.isOutOfMemory { throw shortage(failure.result, count, type) }
            throw device.error(failure.result, "allocating \(count) bytes", .outOfMemory)
        }
    }

    /// Blocks grow with the number of blocks, so that small programs take little and large ones make few calls.
    private func blockByteCount(_ type: UInt32, _ count: Int) -> UInt64 {
        let heap = heaps[types[Int(type)].heap].byteCount
        let wanted = UInt64(8 << 20) << UInt64(min(count, 4))
        let most = max(heap / 16 / Self.alignment * Self.alignment, 1 << 20)
        return min(wanted, most, maximumAllocation)
    }

    private func make(
        _ count: UInt64, _ type: UInt32, _ state: inout State
    ) -> Result<MemoryBlock, VulkanFailure> {
        guard state.allocationCount < maximumAllocations else {
            return .failure(VulkanFailure(result: VK_ERROR_TOO_MANY_OBJECTS))
        }
        // Beyond the budget drivers move memory to and fro, which takes the desktop down with it.
        if let free = heap(type).free, count > free {
            return .failure(VulkanFailure(result: VK_ERROR_OUT_OF_DEVICE_MEMORY))
        }
        let result = MemoryBlock.make(
            device, byteCount: count, typeIndex: type, flags: types[Int(type)].flags, addresses: usesAddresses)
        if case .success = result {
            state.allocationCount += 1
            state.byteCount += count
        }
        return result
    }

    /// Takes a piece back. One empty block is kept for the next program.
    fileprivate func release(_ block: MemoryBlock, _ range: Range<UInt64>, isShared: Bool) {
        // Destroyed outside of the lock.
        var gone: MemoryBlock?
        state.withLock { state in
            guard isShared else {
                gone = block
                state.allocationCount -= 1
                state.byteCount -= block.byteCount
                return
            }
            block.give(range)
            guard block.isEmpty, var list = state.blocks[block.typeIndex] else { return }
            if list.contains(where: { $0 !== block && $0.isEmpty }) {
                list.removeAll { $0 === block }
                state.blocks[block.typeIndex] = list
                gone = block
                state.allocationCount -= 1
                state.byteCount -= block.byteCount
            }
        }
        withExtendedLifetime(gone) {}
    }

    /// Bytes of the heap of tensors, and how many of them are free where the driver tells.
    func heap() -> (byteCount: UInt64, free: UInt64?) { heap(tensorType) }

    private func heap(_ type: UInt32) -> (byteCount: UInt64, free: UInt64?) {
        let index = types[Int(type)].heap
        return device.physical.heap(index, device.instance)
    }

    private func shortage(_ result: VkResult, _ count: UInt64, _ type: UInt32) -> BackendError {
        let (total, free) = heap(type)
        let (own, number) = state.withLock { ($0.byteCount, $0.allocationCount) }
        let room = free.map { ", \($0) of them free" } ?? ""
        return BackendError(
            .outOfMemory,
            "\(device.physical.name) does not give \(count) bytes (\(result.name)): its memory has \(total) bytes\(room);"
                + " this process holds \(own) bytes in \(number) allocations; free tensors and programs that are no"
                + " longer needed, or use smaller batches", device: device.id)
    }
}

/// A piece of device memory; given back when the last reference goes.
final class DeviceMemory: @unchecked Sendable {
    // Unchecked: constant; who writes the memory has it alone, by the rule of `Buffer`.

    let pool: MemoryPool
    let block: MemoryBlock
    private let range: Range<UInt64>
    private let isShared: Bool
    let byteCount: Int
    /// A number that no other piece of memory of the device ever had.
    let serial: UInt64
    /// Where the host reads and writes the memory directly.
    let hostAddress: UnsafeMutableRawPointer?

    var buffer: VkBuffer { block.buffer }
    /// Bytes from the start of the buffer.
    var offset: UInt64 { range.lowerBound }
    /// Bytes that may be bound: `byteCount` rounded up.
    var capacity: UInt64 { UInt64(range.count) }
    /// The address for kernels that use addresses.
    var deviceAddress: UInt64? { block.deviceAddress.map { $0 + range.lowerBound } }

    fileprivate init(
        pool: MemoryPool, block: MemoryBlock, range: Range<UInt64>, byteCount: Int, isShared: Bool, serial: UInt64,
        isVisible: Bool
    ) {
        self.pool = pool
        self.block = block
        self.range = range
        self.byteCount = byteCount
        self.isShared = isShared
        self.serial = serial
        let usable = isVisible && block.isCoherent
        hostAddress = usable ? block.mapped.map { $0 + Int(range.lowerBound) } : nil
    }

    deinit { pool.release(block, range, isShared: isShared) }

    /// Where the host sees the memory, even if slowly or with `flush` and `invalidate`.
    var mapped: UnsafeMutableRawPointer? { block.mapped.map { $0 + Int(range.lowerBound) } }

    /// Shows the device what the host wrote.
    func flush() -> VkResult { synchronize(block.device.vk.vkFlushMappedMemoryRanges) }

    /// Shows the host what the device wrote.
    func invalidate() -> VkResult { synchronize(block.device.vk.vkInvalidateMappedMemoryRanges) }

    private func synchronize(
        _ call: (VkDevice?, UInt32, UnsafePointer<VkMappedMemoryRange>?) -> VkResult
    ) -> VkResult {
        if block.isCoherent { return VK_SUCCESS }
        var part = VkMappedMemoryRange()
        part.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE
        part.memory = block.memory
        part.offset = range.lowerBound
        // Starts and sizes are multiples of 256, which every device's atom divides; the end may be the end of the block.
        part.size = range.upperBound == block.byteCount ? UInt64.max : UInt64(range.count)
        return call(block.device.handle, 1, &part)
    }
}

/// A part of a piece of memory.
struct MemorySlice: Sendable {
    var memory: DeviceMemory
    var byteOffset: Int
    var byteCount: Int

    /// A part.
    init(memory: DeviceMemory, byteOffset: Int, byteCount: Int) {
        self.memory = memory
        self.byteOffset = byteOffset
        self.byteCount = byteCount
    }

    /// The whole.
    init(_ memory: DeviceMemory) { self.init(memory: memory, byteOffset: 0, byteCount: memory.byteCount) }

    /// Bytes from the start of the buffer.
    var bufferOffset: UInt64 { memory.offset + UInt64(byteOffset) }
}

extension PhysicalDevice {
    /// Bytes of a heap, and how many of them are free where the driver tells.
    func heap(_ index: Int, _ instance: VulkanInstance) -> (byteCount: UInt64, free: UInt64?) {
        let total = memoryHeaps[index].byteCount
        guard extensions.contains("VK_EXT_memory_budget"),
            let budget = Self.memory(instance, handle, budget: true).budget
        else { return (total, nil) }
        let most = withUnsafeBytes(of: budget.heapBudget) { $0.bindMemory(to: UInt64.self)[index] }
        let used = withUnsafeBytes(of: budget.heapUsage) { $0.bindMemory(to: UInt64.self)[index] }
        return (total, most > used ? most - used : 0)
    }
}
