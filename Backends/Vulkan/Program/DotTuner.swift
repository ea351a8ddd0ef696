// Heterodyne: finds the fastest tiles of products by running them, and remembers them per device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import Synchronization

/// Finds the fastest tiles of products by running the candidates on scratch memory while a program is compiled. Off
/// unless `VulkanOptions.autotunes` (`HETERODYNE_AUTOTUNE=1`), since it takes a few seconds for each new product; what
/// was found is kept on disk for the device, its driver and features.
final class DotTuner: Sendable {
    private struct State {
        /// The winners' texts by the keys of products.
        var winners: [String: String]
        /// How many products were measured.
        var measured = 0
    }

    /// Changes when kernels change so much that old winners mean nothing.
    private static let version = 1

    let device: VulkanDevice
    private let file: CacheFile?
    private let state: Mutex<State>
    /// Held while candidates run, so that they do not disturb each other.
    private let measuring = Mutex(())

    init(_ device: VulkanDevice) {
        self.device = device
        let parts = [
            "dot \(Self.version)", device.logical.physical.fingerprint, String(device.target.features.rawValue),
            "\(device.target.tileMemory)", "\(device.target.spirv.version)", "\(device.target.spirv.multiplyAdd)",
        ]
        let identity = Checksum.of(parts.joined(separator: "|"))
        file = device.options.cacheDirectory.map {
            CacheFile(folder: $0 + "/vulkan", name: hexadecimal(identity) + ".dot", identity: identity)
        }
        state = Mutex(State(winners: Self.read(file)))
    }

    /// How many products were measured, and not remembered.
    var measured: Int { state.withLock { $0.measured } }

    /// The tiles for a product; nil where there is nothing to choose from, or it cannot be measured.
    func tuning(for problem: DotProblem, leftByteCount: Int, rightByteCount: Int) -> DotTuning? {
        var plain = problem
        plain.dot.epilogue = nil
        // The last candidate is for devices that none of the others fits.
        let candidates = Array(DotTuning.candidates(plain, device.target).dropLast())
        guard candidates.count > 1 else { return nil }
        let key = Self.key(plain)
        func remembered() -> DotTuning? {
            guard let text = state.withLock({ $0.winners[key] }) else { return nil }
            return candidates.first { $0.text == text }
        }
        if let known = remembered() { return known }
        return measuring.withLock { _ in
            if let known = remembered() { return known }
            guard let winner = fastest(candidates, plain, leftByteCount, rightByteCount) else { return nil }
            state.withLock { state in
                state.winners[key] = winner.text
                state.measured += 1
            }
            save(key, winner.text)
            return winner
        }
    }

    // MARK: - Measuring

    /// The candidate that took the least time; nil where none ran.
    private func fastest(
        _ candidates: [DotTuning], _ problem: DotProblem, _ leftByteCount: Int, _ rightByteCount: Int
    ) -> DotTuning? {
        var best: (tuning: DotTuning, time: Duration)?
        for tuning in candidates {
            guard let time = try? time(tuning, problem, leftByteCount, rightByteCount) else { continue }
            if let known = best, known.time <= time { continue }
            best = (tuning, time)
        }
        return best?.tuning
    }

    private func time(
        _ tuning: DotTuning, _ problem: DotProblem, _ leftByteCount: Int, _ rightByteCount: Int
    ) throws(BackendError) -> Duration {
        let target = device.target
        let schedule = DotSchedule(oriented: problem, tuning, target)
        let (numbers, dot) = (schedule.problem.numbers, schedule.problem.dot)
        let sum = schedule.sum(for: target)
        var recipes: [any KernelRecipe] = [schedule.recipe]
        if let sum { recipes.append(sum) }
        let pipelines = try device.pipelines(
            recipes.map { PipelineRequest($0, memory: .descriptors, multiplyAdd: nil) })
        let count = numbers.rows * numbers.columns * numbers.batchCount
        let size = max(1, dot.types.result.bitWidth / 8)
        var sizes = [leftByteCount, rightByteCount, count * size]
        if sum != nil { sizes.append(count * numbers.splits * dot.types.sum.byteCount) }
        var slices: [MemorySlice] = []
        for size in sizes {
            guard size <= target.maximumStorageBufferRange else {
                throw BackendError(.unsupported, "\(size) bytes are too many to measure")
            }
            // Fills are of whole words.
            let bytes = (size + 3) / 4 * 4
            slices.append(
                MemorySlice(try device.allocate(byteCount: bytes, for: .tensor)))
        }
        let (left, right, result) = (slices[0], slices[1], slices[2])
        let list = try device.makeCommandList()
        try list.begin()
        // Small normal numbers in every float type, so that nothing runs slower than it would.
        for slice in slices { list.fill(slice, word: 0x3c00_3c00) }
        try list.end()
        try list.run(label: "autotune")
        let repeats = max(1, min(16, Int(1e8 / max(1, problem.products))))
        try list.begin()
        for _ in 0..<repeats {
            list.barrier()
            let last = sum == nil ? result : slices[3]
            try list.dispatch(
                pipelines[0], [left, right, last], numbers.constants(for: dot), groups: schedule.grid)
            if let sum {
                list.barrier()
                let groups = (sum.invocations(numbers) + sum.workgroup - 1) / sum.workgroup
                try list.dispatch(
                    pipelines[1], [last, result], sum.constants(numbers), groups: .linear(workgroups: groups))
            }
        }
        try list.end()
        let clock = ContinuousClock()
        // The first run pays for what the driver puts off.
        try list.run(label: "autotune")
        var best = Duration.seconds(3600)
        for _ in 0..<3 {
            let start = clock.now
            try list.run(label: "autotune")
            best = min(best, clock.now - start)
        }
        return best / repeats
    }

    // MARK: - Memory on disk

    /// What products are told apart by: types, layouts, extents.
    static func key(_ problem: DotProblem) -> String {
        var problem = problem
        problem.classify(vectorColumns: true, wholeDepth: false)
        let (dot, numbers) = (problem.dot, problem.numbers)
        let types = [dot.types.left, dot.types.right, dot.types.accumulation, dot.types.result].map(\.name)
        let layouts = [dot.left, dot.right].map { "\($0.order)\($0.width)" }
        let extents = [numbers.batchCount, numbers.rows, numbers.columns, numbers.depth].map(String.init)
        let others = "\(dot.transposesResult) \(dot.isWide)"
        return (types + layouts + extents + [others]).joined(separator: " ")
    }

    private static func read(_ file: CacheFile?) -> [String: String] {
        guard let bytes = file?.read() else { return [:] }
        var winners: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "\t")
            if parts.count == 2 { winners[String(parts[0])] = String(parts[1]) }
        }
        return winners
    }

    /// Adds a winner to those that this and other processes have found.
    private func save(_ key: String, _ winner: String) {
        guard let file else { return }
        file.exclusively {
            var winners = Self.read(file)
            winners[key] = winner
            let lines = winners.sorted { $0.key < $1.key }.map { "\($0.key)\t\($0.value)\n" }
            file.write(Array(lines.joined().utf8))
        }
    }
}

extension DotTuner: Hashable {
    static func == (a: DotTuner, b: DotTuner) -> Bool { a === b }
    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
