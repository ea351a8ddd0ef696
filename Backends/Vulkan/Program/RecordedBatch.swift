// Heterodyne: steps recorded into command lists, with barriers where a dependency needs one.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// Steps recorded into command lists, each short enough that the device answers within a second; with barriers only
/// where a step depends on another since the last barrier.
final class RecordedBatch {
    /// A range of memory that was touched since the last barrier.
    private struct Touched {
        var serial: UInt64
        var range: Range<Int>
        var isWrite: Bool
    }

    private let device: VulkanDevice
    private var lists: [CommandList] = []
    private var labels: [String] = []
    private var used = 0
    private var isTiming = false
    private var touched: [Touched] = []
    /// Work in the list that is being recorded.
    private var work = 0.0
    /// A stretch of a step between two timestamps of a list.
    private typealias Span = (list: Int, start: Int, end: Int)
    /// The stretches of each step.
    private var parts: [[Span]] = []
    /// Stretches of the current step in earlier lists.
    private var carried: [Span] = []
    private var timestamps = 0
    private var timestampLimit = 0
    private static let mostTimestamps = 1024
    private var stepStart = (list: 0, index: 0)

    init(device: VulkanDevice) { self.device = device }

    /// Starts over. Timing takes so many steps.
    func begin(steps: Int, timing: Bool) throws(BackendError) {
        isTiming = timing
        timestampLimit = min(Self.mostTimestamps, 3 * steps + 16)
        used = 0
        parts = []
        carried = []
        try openList()
        startStep()
    }

    func end() throws(BackendError) { try closeList() }

    private func closeList() throws(BackendError) {
        // Reading waits for every timestamp.
        if isTiming { while timestamps < timestampLimit { mark() } }
        try list.end()
    }

    private func openList() throws(BackendError) {
        if used == lists.count {
            let list = try device.makeCommandList()
            // The invocation keeps what it owns; what it is bound to may go when it is unbound.
            list.retainsMemory = false
            lists.append(list)
            labels.append("")
        }
        used += 1
        touched = []
        work = 0
        timestamps = 0
        labels[used - 1] = ""
        try lists[used - 1].begin(timestampCount: isTiming ? timestampLimit : 0)
    }

    private var list: CommandList { lists[used - 1] }

    /// Puts an end to the list where `more` work would make it too long. Lists run one after the other.
    private func makeRoom(for more: Double) throws(BackendError) {
        guard work > 0, work + more > device.workPerSubmission else { return }
        if isTiming { mark() }
        let start = stepStart
        let last = timestamps - 1
        try closeList()
        try openList()
        // A step that goes on in the next list counts from there; its first part is added.
        if isTiming { carried.append((start.list, start.index, last)) }
        startStep()
    }

    private func mark() {
        list.writeTimestamp(timestamps)
        timestamps += 1
    }

    private func startStep() {
        guard isTiming else { return }
        mark()
        stepStart = (used - 1, timestamps - 1)
    }

    /// Ends a step of the program.
    func endStep() throws(BackendError) {
        guard isTiming else { return }
        mark()
        parts.append(carried + [(stepStart.list, stepStart.index, timestamps - 1)])
        carried = []
        if timestamps + 4 > timestampLimit {
            try closeList()
            try openList()
        }
        startStep()
    }

    /// A barrier if a range conflicts with what was touched since the last one.
    private func order(_ slices: [MemorySlice], _ kinds: [Access.Kind]) {
        func conflicts(_ slice: MemorySlice, _ kind: Access.Kind) -> Bool {
            let range = slice.byteOffset..<slice.byteOffset + max(1, slice.byteCount)
            return touched.contains { other in
                other.serial == slice.memory.serial && (other.isWrite || kind != .read) && other.range.overlaps(range)
            }
        }
        if zip(slices, kinds).contains(where: conflicts) {
            list.barrier()
            touched.removeAll(keepingCapacity: true)
        }
        for (slice, kind) in zip(slices, kinds) {
            touched.append(
                Touched(
                    serial: slice.memory.serial,
                    range: slice.byteOffset..<slice.byteOffset + max(1, slice.byteCount), isWrite: kind != .read))
        }
    }

    func launch(
        _ pipeline: Pipeline, _ slices: [MemorySlice], _ kinds: [Access.Kind], _ constants: [PushValue],
        _ grid: Grid, _ work: Double, _ node: String
    ) throws(BackendError) {
        // What a list's steps touch is noted for each list anew, also where parts of one launch lie in several; parts in
        // one list do not wait for each other.
        var ordered = -1
        for part in grid.split(work: work, limit: device.workPerSubmission, counts: device.target) {
            try makeRoom(for: part.work)
            if ordered != used { order(slices, kinds) }
            ordered = used
            labels[used - 1] = node
            try list.dispatch(pipeline, slices, constants, firstGroup: part.first, groups: part.groups)
            self.work += part.work
        }
    }

    func copy(_ from: MemorySlice, _ to: MemorySlice, _ node: String) throws(BackendError) {
        try makeRoom(for: Double(from.byteCount))
        order([from, to], [.read, .write])
        labels[used - 1] = node
        list.copy(from, to)
        work += Double(from.byteCount)
    }

    func fill(_ to: MemorySlice, _ word: UInt32, _ node: String) throws(BackendError) {
        try makeRoom(for: Double(to.byteCount))
        order([to], [.write])
        labels[used - 1] = node
        list.fill(to, word: word)
        work += Double(to.byteCount)
    }

    /// Submits and waits. Throws `deviceLost` or `executionFailed` naming program and node.
    func run(label: String) throws(BackendError) {
        for index in 0..<used { try lists[index].run(label: label, lastKernel: labels[index]) }
    }

    /// Nanoseconds of each step of the last run.
    func stepTimes() throws(BackendError) -> [UInt64] {
        var times: [[UInt64]] = []
        for list in lists[..<used] { times.append(try list.timestamps()) }
        return parts.map { spans in
            spans.reduce(0) { sum, span in
                let list = times[span.list]
                guard list.indices.contains(span.end), list.indices.contains(span.start) else { return sum }
                return sum &+ (list[span.end] &- list[span.start])
            }
        }
    }
}

extension Grid {
    /// A part of a grid.
    struct Part: Hashable {
        var first: Grid
        var groups: Grid
        var work: Double
    }

    /// The grid in parts of at most `limit` work, and within the device's counts, each cut along the slowest axis that
    /// is long enough.
    func split(work: Double, limit: Double, counts target: KernelTarget) -> [Part] {
        var parts: [Part] = []
        var open = [Part(first: Grid(0, 0, 0), groups: self, work: work)]
        let limits = target.maximumWorkgroupCounts
        while let part = open.popLast() {
            let edges = [part.groups.x, part.groups.y, part.groups.z]
            let tooLong = edges.indices.first { edges[$0] > limits[$0] }
            let axis = tooLong ?? edges.indices.last { edges[$0] > 1 }
            guard let axis, tooLong != nil || part.work > limit else {
                parts.append(part)
                continue
            }
            let half = edges[axis] / 2
            var (lower, upper) = (part, part)
            let share = Double(half) / Double(edges[axis])
            lower.work = part.work * share
            upper.work = part.work - lower.work
            lower.groups[axis] = half
            upper.groups[axis] = edges[axis] - half
            upper.first[axis] = part.first[axis] + half
            open.append(upper)
            open.append(lower)
        }
        return parts
    }

    private subscript(axis: Int) -> Int {
        get { [x, y, z][axis] }
        set {
            switch axis {
            case 0: x = newValue
            case 1: y = newValue
            default: z = newValue
            }
        }
    }
}
