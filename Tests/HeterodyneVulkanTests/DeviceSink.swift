// Heterodyne: runs the launches of row kernels on the first Vulkan device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

@testable import HeterodyneVulkan

/// Keeps blocks in the memory of the device and runs each launch on it at once.
final class DeviceSink: TestSink {
    let device: VulkanDevice
    private var blocks: [DeviceMemory] = []
    private(set) var launches = 0
    /// How often each launch is run, and what the fastest took, in seconds.
    var repetitions = 1
    private(set) var seconds: [Double] = []

    var target: KernelTarget { device.target }

    init() throws { device = try DeviceRunner.shared.device }

    func newResult(_ extents: [Int], _ type: ScalarType) throws(BackendError) -> StridedView {
        let view = StridedView(dense: blocks.count, extents: extents, type: type)
        blocks.append(try device.allocate(byteCount: max(view.byteCount, 4), for: .tensor))
        try fill(blocks.count - 1, [UInt8](repeating: 0xA5, count: view.byteCount))
        return view
    }

    func input(_ bytes: [UInt8], _ extents: [Int], _ type: ScalarType) throws(BackendError) -> StridedView {
        let view = StridedView(dense: blocks.count, extents: extents, type: type)
        blocks.append(try device.allocate(byteCount: max(bytes.count, 4), for: .tensor))
        try fill(blocks.count - 1, bytes)
        return view
    }

    private func fill(_ block: Int, _ bytes: [UInt8]) throws(BackendError) {
        if bytes.isEmpty { return }
        var failure: BackendError?
        bytes.withUnsafeBytes { raw in
            do throws(BackendError) { try device.upload(raw, to: blocks[block], at: 0) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func content(_ block: Int) throws(BackendError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: blocks[block].byteCount)
        var failure: BackendError?
        bytes.withUnsafeMutableBytes { raw in
            do throws(BackendError) {
                try device.download(blocks[block], at: 0, into: raw)
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    func copied(_ view: StridedView) throws(BackendError) -> StridedView {
        let result = try newResult(view.extents, view.type)
        try emitCopy(from: view, to: result)
        return result
    }

    func emitCopy(from: StridedView, to: StridedView) throws(BackendError) {
        let source = try content(from.root)
        var target = try content(to.root)
        let size = from.elementSize
        for (a, b) in zip(from.allOffsets, to.allOffsets) {
            for byte in 0..<size { target[b * size + byte] = source[a * size + byte] }
        }
        try fill(to.root, target)
    }

    func emitFill(_ view: StridedView, bits: UInt64) throws(BackendError) {
        var target = try content(view.root)
        let size = view.elementSize
        for offset in view.allOffsets {
            for byte in 0..<size { target[offset * size + byte] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte)) }
        }
        try fill(view.root, target)
    }

    func emit(
        _ recipe: some KernelRecipe, _ accesses: [Access], constants: [PushValue], grid: Grid, work: Double,
        _ description: @autoclosure () -> String
    ) throws(BackendError) {
        launches += 1
        let pipeline = try device.pipelines([PipelineRequest(recipe, memory: .descriptors, multiplyAdd: nil)])[0]
        let slices = accesses.map { access in
            let range = access.view.bound
            return MemorySlice(
                memory: blocks[access.view.root], byteOffset: range.byteOffset, byteCount: range.byteCount)
        }
        let list = try device.makeCommandList()
        try list.begin(timestampCount: 2 * repetitions)
        for repetition in 0..<repetitions {
            list.writeTimestamp(2 * repetition)
            try list.dispatch(pipeline, slices, constants, groups: grid)
            list.barrier()
            list.writeTimestamp(2 * repetition + 1)
        }
        try list.end()
        try list.run(label: description())
        let times = try list.timestamps()
        let spans = (0..<times.count / 2).map { Double(times[2 * $0 + 1] - times[2 * $0]) * 1e-9 }
        seconds.append(spans.min() ?? 0)
    }

    func bytes(_ view: StridedView) throws(BackendError) -> [UInt8] {
        let all = try content(view.root)
        let size = view.elementSize
        if view.isDense { return Array(all[view.byteOffset..<view.byteOffset + view.byteCount]) }
        return view.allOffsets.flatMap { all[$0 * size..<($0 + 1) * size] }
    }
}
