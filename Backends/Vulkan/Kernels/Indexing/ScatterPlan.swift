// Heterodyne: scatter as launches.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Scatter as launches: which kernels suit the mode, type and shapes, and their numbers.
struct ScatterPlan {
    enum Strategy: Hashable, Sendable {
        /// One update after the other for each element of the window.
        case ordered
        /// All at once, by integer atomics.
        case atomic
        /// First the last update of each slice is found, then written.
        case winners
        /// By the stable order of the slices that index vectors name: many slices at once, each in order.
        case sorted
    }

    /// Steps that one invocation takes in a launch; long scatters are split.
    static let largestRun = KernelTarget.iterationLimit
    /// The most slices for which winners are kept.
    static let largestWinnerCount = 1 << 26

    let mode: ScatterMode
    /// What is changed, whatever its strides.
    let operand: StridedView
    /// Index vectors [count, depth], dense; nil where they are empty and name the whole operand.
    let indices: StridedView?
    /// [count, window…], dense.
    let updates: StridedView
    let dimensions: [Int]

    /// `indices` has the index vectors along its last dimension, `updates` their other dimensions and then those of
    /// `operand` that are not indexed; both are dense, and updates are not empty.
    init(
        _ mode: ScatterMode, _ operand: StridedView, _ indices: StridedView, _ updates: StridedView, _ dimensions: [Int]
    ) {
        self.mode = mode
        self.operand = operand
        self.dimensions = dimensions
        let window = (0..<operand.rank).filter { !dimensions.contains($0) }.map { operand.extents[$0] }
        let count = updates.count / max(1, Strides.count(window))
        var flat = updates
        flat.extents = [count] + window
        flat.strides = Strides.dense(flat.extents)
        self.updates = flat
        if dimensions.isEmpty {
            self.indices = nil
        } else {
            var vectors = indices
            vectors.extents = [count, dimensions.count]
            vectors.strides = Strides.dense(vectors.extents)
            self.indices = vectors
        }
    }

    private var window: [Int] { (0..<operand.rank).filter { !dimensions.contains($0) } }
    private var vectorCount: Int { updates.extents[0] }
    private var limits: [Int] { dimensions.map { operand.extents[$0] - 1 } }
    private var indexedStrides: [Int] { dimensions.map { operand.strides[$0] } }
    /// Slices that index vectors name.
    var sliceCount: Int { Strides.count(dimensions.map { operand.extents[$0] }) }

    /// The strategy that suits the target.
    func strategy(_ target: KernelTarget) -> Strategy {
        guard let indices else { return .ordered }
        let windowCount = updates.count / vectorCount
        let isShort = vectorCount <= (target.tileMemory == .registers ? 4096 : 64)
        if isShort || windowCount >= (target.tileMemory == .registers ? 512 : 16_384) { return .ordered }
        if AtomicScatterKernel.takes(mode, operand.type, target) { return .atomic }
        let isNarrow = ![operand, updates, indices].contains {
            IndexSpace.needsWideIndices($0.extents, [$0.strides])
        }
        guard isNarrow else { return .ordered }
        if mode == .set { return sliceCount <= Self.largestWinnerCount ? .winners : .ordered }
        // Software devices go through the updates faster than they sort them.
        return target.tileMemory == .workgroup ? .sorted : .ordered
    }

    private var name: String { "scatter \(mode.rawValue) \(operand.type)\(operand.extents), \(vectorCount) updates" }

    private func width(_ target: KernelTarget) throws(BackendError) -> IndexWidth {
        let views = [operand, updates] + (indices.map { [$0] } ?? [])
        return try IndexWidth(views.map { ($0.extents, [$0.strides]) }, target, name)
    }

    private func addressing(_ strides: [Int]) -> Addressing {
        Addressing(strides: strides, componentStride: 1, stored: indices?.type ?? .int32)
    }

    /// One update after the other.
    func orderedLaunches(_ target: KernelTarget) throws(BackendError) -> [KernelLaunch] {
        let operands = [
            MovedSpace.Operand(
                origin: operand.bound.origin, strides: window.map { operand.strides[$0] }, others: indexedStrides),
            MovedSpace.Operand(
                origin: updates.bound.origin, strides: Array(updates.strides[1...]), others: [updates.strides[0]]),
        ]
        let moved = try MovedSpace(
            elementSize: operand.elementSize, extents: window.map { operand.extents[$0] }, operands,
            isWhole: mode == .set, target)
        let width = try width(target)
        let recipe = OrderedScatterKernel(
            combination: mode == .set ? .replace(moved.unit) : .combine(mode, operand.type), window: moved.space,
            updateStride: moved.operands[1].others[0], addressing: addressing(moved.operands[0].others),
            isWide: width.isWide)
        var accesses: [Access] = [.readWrite(operand), .read(updates)]
        if let indices { accesses.append(.read(indices)) }
        var launches: [KernelLaunch] = []
        for first in stride(from: 0, to: vectorCount, by: Self.largestRun) {
            let end = min(vectorCount, first + Self.largestRun)
            let numbers =
                [
                    moved.count, first, end, moved.operands[0].origin, moved.operands[1].origin,
                    indices?.bound.origin ?? 0,
                ] + limits
            launches.append(
                KernelLaunch(
                    recipe: recipe, accesses: accesses, constants: numbers.map(width.push),
                    grid: .linear(invocations: moved.count, width: target.linearWorkgroup),
                    // Even a single invocation takes its time for each update.
                    work: Double(max(64, moved.count)) * Double(end - first) * 8, description: name))
        }
        return launches
    }

    /// All at once.
    func atomicLaunch(_ target: KernelTarget) throws(BackendError) -> KernelLaunch {
        let width = try width(target)
        let vectors = indices ?? updates
        let none = [Int](repeating: 0, count: window.count)
        let space = IndexSpace(
            extents: updates.extents,
            strides: [
                [0] + window.map { operand.strides[$0] }, updates.strides, [vectors.strides[0]] + none,
            ])
        let numbers = [updates.count, operand.bound.origin, updates.bound.origin, vectors.bound.origin] + limits
        return KernelLaunch(
            recipe: AtomicScatterKernel(
                mode: mode, type: operand.type, space: space, addressing: addressing(indexedStrides),
                isWide: width.isWide),
            accesses: [.readWrite(operand), .read(updates), .read(vectors)], constants: numbers.map(width.push),
            grid: .linear(invocations: updates.count, width: target.linearWorkgroup), work: Double(updates.count) * 64,
            description: name)
    }

    /// First the last update of each slice, into `winners`, a dense uint32 tensor of `sliceCount` zeros; then these.
    func winnerLaunches(_ winners: StridedView, _ target: KernelTarget) throws(BackendError) -> [KernelLaunch] {
        let vectors = indices ?? updates
        let narrow = try IndexWidth([], target, name)
        let winnerStrides = Strides.dense(dimensions.map { operand.extents[$0] })
        let find = KernelLaunch(
            recipe: ScatterWinnerKernel(addressing: addressing(winnerStrides)),
            accesses: [.readWrite(winners), .read(vectors)],
            constants: ([vectorCount, winners.bound.origin, vectors.bound.origin] + limits).map(narrow.push),
            grid: .linear(invocations: vectorCount, width: target.linearWorkgroup), work: Double(vectorCount) * 64,
            description: name + ": winners")
        let none = [Int](repeating: 0, count: window.count)
        let moved = try MovedSpace(
            elementSize: operand.elementSize, extents: updates.extents,
            [
                MovedSpace.Operand(
                    origin: operand.bound.origin, strides: [0] + window.map { operand.strides[$0] },
                    others: indexedStrides),
                MovedSpace.Operand(origin: updates.bound.origin, strides: updates.strides),
            ],
            unmoved: [[vectors.strides[0]] + none, [1] + none], target)
        let write = KernelLaunch(
            recipe: WinningScatterKernel(
                unit: moved.unit, space: moved.space, addressing: addressing(moved.operands[0].others),
                winnerStrides: winnerStrides),
            accesses: [.readWrite(operand), .read(updates), .read(winners), .read(vectors)],
            constants: ([
                moved.count, moved.operands[0].origin, moved.operands[1].origin, winners.bound.origin,
                vectors.bound.origin,
            ] + limits).map(narrow.push),
            grid: .linear(invocations: moved.count, width: target.linearWorkgroup),
            work: Double(updates.byteCount) * 3, description: name)
        return [find, write]
    }

    /// Index vectors.
    var count: Int { vectorCount }

    /// The slice number of each index vector, into `numbers`, a dense uint32 tensor of `count` elements.
    func numberLaunch(_ numbers: StridedView, _ target: KernelTarget) throws(BackendError) -> KernelLaunch {
        let vectors = indices ?? updates
        let narrow = try IndexWidth([], target, name)
        let recipe = SliceNumberKernel(addressing: addressing(Strides.dense(dimensions.map { operand.extents[$0] })))
        return KernelLaunch(
            recipe: recipe, accesses: [.read(vectors), .write(numbers)],
            constants: ([vectorCount, vectors.bound.origin, numbers.bound.origin] + limits).map(narrow.push),
            grid: .linear(invocations: vectorCount, width: target.linearWorkgroup), work: Double(vectorCount) * 16,
            description: name + ": slices")
    }

    /// The updates, by `order`, the int32 permutation that sorts `numbers` and is stable.
    func sortedLaunch(
        numbers: StridedView, order: StridedView, _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        let narrow = try IndexWidth([], target, name)
        let none = [Int](repeating: 0, count: window.count)
        let recipe = SortedScatterKernel(
            mode: mode, type: operand.type,
            space: IndexSpace(
                extents: updates.extents,
                strides: [[0] + window.map { operand.strides[$0] }, [0] + updates.strides[1...], [1] + none]),
            slices: IndexSpace(extents: dimensions.map { operand.extents[$0] }, strides: [indexedStrides]),
            updateStride: updates.strides[0])
        let views = [operand, updates, numbers, order]
        return KernelLaunch(
            recipe: recipe, accesses: [.readWrite(operand)] + views[1...].map(Access.read),
            constants: ([updates.count, vectorCount] + views.map(\.bound.origin)).map(narrow.push),
            grid: .linear(invocations: updates.count, width: target.linearWorkgroup),
            work: Double(updates.count) * 64, description: name)
    }
}
