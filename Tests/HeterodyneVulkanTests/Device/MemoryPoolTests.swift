// Heterodyne: tests of device memory.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct MemoryPoolTests {
    @Test("pieces never overlap, are aligned, and share few allocations")
    func pieces() throws {
        let device = try TestDevices.open(TestDevices.options())
        var generator = SystemRandomNumberGenerator()
        var live: [DeviceMemory] = []
        for _ in 0..<2000 {
            if live.count > 200, Bool.random(using: &generator) {
                live.remove(at: Int.random(in: 0..<live.count, using: &generator))
            } else {
                let size = Int.random(in: 0...(1 << Int.random(in: 0...17, using: &generator)), using: &generator)
                live.append(try device.allocate(byteCount: size, for: .tensor))
            }
        }
        let sorted = live.sorted { ($0.buffer.hashValue, $0.offset) < ($1.buffer.hashValue, $1.offset) }
        for (a, b) in zip(sorted, sorted.dropFirst()) where a.buffer == b.buffer {
            #expect(a.offset + a.capacity <= b.offset)
        }
        for piece in live {
            #expect(piece.offset.isMultiple(of: 256) && piece.capacity >= UInt64(max(piece.byteCount, 1)))
            #expect(piece.deviceAddress.map { $0.isMultiple(of: 256) } ?? true)
        }
        #expect(Set(live.map(\.serial)).count == live.count)
        #expect(device.memory.allocationCount < 20)
        live = []
        // One empty block of each size class may stay.
        #expect(device.memory.allocationCount <= 2)
    }

    @Test("content survives what happens around it")
    func content() throws {
        let device = try TestDevices.open(TestDevices.options())
        var live: [(DeviceMemory, UInt8)] = []
        for index in 0..<300 {
            let piece = try device.allocate(byteCount: 1000 + index * 97, for: index % 2 == 0 ? .tensor : .arena)
            let mark = UInt8(truncatingIfNeeded: index)
            let bytes = [UInt8](repeating: mark, count: piece.byteCount)
            try bytes.withUnsafeBytes { try device.upload($0, to: piece, at: 0) }
            live.append((piece, mark))
            if index % 3 == 0 { live.remove(at: live.count / 2) }
        }
        for (piece, mark) in live {
            var bytes = [UInt8](repeating: 0, count: piece.byteCount)
            try bytes.withUnsafeMutableBytes { try device.download(piece, at: 0, into: $0) }
            #expect(bytes.allSatisfy { $0 == mark })
        }
    }

    @Test("too much is refused with the sizes and what to do", arguments: [Int.max, Int.max - 255, 1 << 60, -1])
    func tooMuch(byteCount: Int) throws {
        let device = try DeviceRunner.shared.device
        do {
            _ = try device.allocate(byteCount: byteCount, for: .tensor)
            Issue.record("\(byteCount) bytes were given")
        } catch {
            #expect(error.kind == .outOfMemory && error.device == "vulkan:0")
            #expect(error.message.contains("\(byteCount)"))
        }
    }

    @Test("more allocations than the driver allows are refused, sharing goes on")
    func allocationLimit() throws {
        let device = try TestDevices.open(TestDevices.options { $0.maximumAllocationCount = 3 })
        var live: [DeviceMemory] = []
        var failure: BackendError?
        while failure == nil, live.count < 100 {
            do throws(BackendError) { live.append(try device.allocate(byteCount: 16 << 20, for: .tensor)) } catch {
                failure = error
            }
        }
        #expect(failure?.kind == .outOfMemory && failure?.message.contains("VK_ERROR_TOO_MANY_OBJECTS") == true)
        #expect(live.count <= 3)
        live = []
        #expect(try TestDevices.works(device))
    }

    @Test("empty buffers exist")
    func empty() throws {
        let backend = VulkanBackend(TestDevices.options())
        let buffer = try backend.allocate(byteCount: 0, on: "vulkan:0")
        #expect(buffer.byteCount == 0)
        try buffer.write(from: UnsafeRawBufferPointer(start: nil, count: 0), at: 0)
        #expect(throws: BackendError.self) {
            try [UInt8(1)].withUnsafeBytes { try buffer.write(from: $0, at: 0) }
        }
    }

    @Test("ranges outside of a buffer are refused", arguments: [(0, 101), (100, 1), (-1, 1), (Int.max, 1), (50, 51)])
    func ranges(offset: Int, count: Int) throws {
        let device = try DeviceRunner.shared.device
        let buffer = VulkanBuffer(try device.allocate(byteCount: 100, for: .tensor), device)
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { bytes in
            do throws(BackendError) {
                try buffer.write(from: UnsafeRawBufferPointer(bytes), at: offset)
                Issue.record("written")
            } catch { #expect(error.kind == .invalidArgument) }
            do throws(BackendError) {
                try buffer.read(into: bytes, at: offset)
                Issue.record("read")
            } catch { #expect(error.kind == .invalidArgument) }
        }
    }

    @Test(
        "staged copies move every byte",
        arguments: [1, 3, 4096, Transfers.chunkByteCount, 2 * Transfers.chunkByteCount + 5])
    func staged(count: Int) throws {
        let device = try TestDevices.open(TestDevices.options { $0.forcesStaging = true })
        let buffer = VulkanBuffer(try device.allocate(byteCount: count + 7, for: .tensor), device)
        #expect(buffer.hostAddress == nil)
        var state: UInt32 = 7
        let bytes = (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
        try bytes.withUnsafeBytes { try buffer.write(from: $0, at: 3) }
        var back = [UInt8](repeating: 0, count: count)
        try back.withUnsafeMutableBytes { try buffer.read(into: $0, at: 3) }
        #expect(back == bytes)
    }

    @Test("memory beyond what a descriptor shows is reached by addresses, and refused by descriptors")
    func large() throws {
        let device = try DeviceRunner.shared.device
        let range = device.target.maximumStorageBufferRange
        let heap = device.memory.maximumByteCount
        guard device.target.features.contains(.bufferAddresses), range < heap / 2, range <= 1 << 28 else { return }
        let byteCount = range + (1 << 20)
        let memory = try device.allocate(byteCount: byteCount, for: .tensor)
        let small = try device.allocate(byteCount: 4096, for: .tensor)
        let ones = [Float](repeating: 1, count: 1024)
        try ones.withUnsafeBytes { try device.upload($0, to: small, at: 0) }
        let twos = [Float](repeating: 2, count: 1024)
        try twos.withUnsafeBytes { try device.upload($0, to: memory, at: byteCount - 4096) }
        let pipelines = try device.pipelines(
            SPIRVOptions.Memory.allCases.map { PipelineRequest(TailRecipe(), memory: $0, multiplyAdd: nil) })
        let list = try device.makeCommandList()
        try list.begin()
        let slices = [MemorySlice(small), MemorySlice(memory)]
        let first = UInt32((byteCount - 4096) / 4)
        do {
            try list.dispatch(pipelines[0], slices, [.u32(first)], groups: Grid(16))
            Issue.record("a descriptor of \(byteCount) bytes")
        } catch { #expect(error.kind == .invalidArgument && error.message.contains("addresses")) }
        try list.dispatch(pipelines[1], slices, [.u32(first)], groups: Grid(16))
        try list.end()
        try list.run(label: "large")
        var back = [Float](repeating: 0, count: 1024)
        try back.withUnsafeMutableBytes { try device.download(memory, at: byteCount - 4096, into: $0) }
        #expect(back == [Float](repeating: 3, count: 1024))
    }
}

/// y[first + i] += x[i] in workgroups of 64.
private struct TailRecipe: KernelRecipe {
    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("tail", workgroup: [64, 1, 1])
        let (x, y) = (k.buffer("x", .f32, .read), k.buffer("y", .f32, .readWrite))
        let first = k.pushConstant("first", .u32)
        let i = k.linearInvocation(width: 64, .u32)
        y[first + i] = y[first + i] + x[i]
        return try k.finish()
    }
}
