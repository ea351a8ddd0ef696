// Heterodyne: one place to run a program on a device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One place to run a program: the arena, the bound memory, and command buffers that are recorded when a binding
/// changes and replayed otherwise.
final class VulkanInvocation: Invocation {
    /// Consecutive steps: a batch that the device runs on its own, or one step that the host decides in.
    private enum Phase {
        case batch(Range<Int>)
        case control(Int)
    }

    /// The invocations of the regions of a step that the host decides in.
    private enum Regions {
        case conditional(then: VulkanInvocation, otherwise: VulkanInvocation)
        /// For each of the two states that the loop alternates between: condition on it, body from it to the other.
        case loop(conditions: [VulkanInvocation], bodies: [VulkanInvocation])
    }

    let program: VulkanProgram
    private let device: VulkanDevice
    private let arena: DeviceMemory?
    private var inputs: [MemorySlice?]
    private var outputs: [MemorySlice?]
    private let phases: [Phase]
    private var regions: [Int: Regions] = [:]
    /// For each phase that is a batch, what replays it.
    private var batches: [RecordedBatch?]
    private var profiles: [RecordedBatch?]
    /// Serial numbers of what inputs, then outputs, were bound to when the batches were recorded.
    private var recorded: [UInt64] = []
    private var profiled: [UInt64] = []

    init(_ program: VulkanProgram) throws(BackendError) {
        self.program = program
        device = program.device
        let plan = program.plan
        arena =
            plan.arenaByteCount > 0
            ? try program.device.allocate(byteCount: plan.arenaByteCount, for: .arena) : nil
        inputs = [MemorySlice?](repeating: nil, count: plan.inputByteCounts.count)
        outputs = [MemorySlice?](repeating: nil, count: plan.outputByteCounts.count)
        phases = Self.phases(plan)
        batches = [RecordedBatch?](repeating: nil, count: phases.count)
        profiles = batches
        for (index, step) in plan.steps.enumerated() {
            switch step.action {
            case .launch, .copy, .fill: break
            case .conditional(let then, let otherwise, _, _, _):
                regions[index] = .conditional(
                    then: try VulkanInvocation(program.children[then]),
                    otherwise: try VulkanInvocation(program.children[otherwise]))
            case .loop(let condition, let body, _, _, _):
                let (first, second) = (program.children[condition], program.children[body])
                regions[index] = .loop(
                    conditions: [try VulkanInvocation(first), try VulkanInvocation(first)],
                    bodies: [try VulkanInvocation(second), try VulkanInvocation(second)])
            }
        }
    }

    private static func phases(_ plan: ProgramPlan) -> [Phase] {
        var phases: [Phase] = []
        var start = 0
        for (index, step) in plan.steps.enumerated() where step.isHostDriven {
            if start < index { phases.append(.batch(start..<index)) }
            phases.append(.control(index))
            start = index + 1
        }
        if start < plan.steps.count { phases.append(.batch(start..<plan.steps.count)) }
        return phases
    }

    // MARK: - Binding

    func bind(input index: Int, to buffer: any Buffer) throws(BackendError) {
        guard inputs.indices.contains(index) else {
            throw invalid("input \(index) does not exist; the program has \(inputs.count)")
        }
        inputs[index] = try slice(buffer, program.plan.inputByteCounts[index], "input \(index)")
    }

    func bind(output index: Int, to buffer: any Buffer) throws(BackendError) {
        guard outputs.indices.contains(index) else {
            throw invalid("output \(index) does not exist; the program has \(outputs.count)")
        }
        outputs[index] = try slice(buffer, program.plan.outputByteCounts[index], "output \(index)")
    }

    func unbind(input index: Int) { if inputs.indices.contains(index) { inputs[index] = nil } }

    func unbind(output index: Int) { if outputs.indices.contains(index) { outputs[index] = nil } }

    private func invalid(_ message: String) -> BackendError {
        BackendError(.invalidArgument, message, device: device.id, node: program.label)
    }

    private func slice(
        _ buffer: any Buffer, _ needed: Int, _ name: @autoclosure () -> String
    ) throws(BackendError) -> MemorySlice {
        guard let buffer = buffer as? VulkanBuffer, buffer.device === device else {
            throw invalid("\(name()) is bound to memory that is not \(device.id)'s; copy it to this device")
        }
        guard buffer.byteCount >= needed else {
            throw invalid("\(name()) needs \(needed) bytes and the buffer has \(buffer.byteCount)")
        }
        return MemorySlice(memory: buffer.memory, byteOffset: 0, byteCount: needed)
    }

    private func checkBindings() throws(BackendError) {
        for index in inputs.indices where inputs[index] == nil { throw invalid("input \(index) is not bound") }
        for index in outputs.indices where outputs[index] == nil { throw invalid("output \(index) is not bound") }
    }

    /// Numbers that change when a binding does.
    private func bindingsEqual(_ serials: [UInt64]) -> Bool {
        guard serials.count == 2 * (inputs.count + outputs.count) else { return false }
        var position = 0
        func matches(_ slice: MemorySlice?) -> Bool {
            defer { position += 2 }
            return serials[position] == slice?.memory.serial ?? 0
                && serials[position + 1] == UInt64(slice?.byteOffset ?? 0)
        }
        for slice in inputs where !matches(slice) { return false }
        for slice in outputs where !matches(slice) { return false }
        return true
    }

    private var bindingSerials: [UInt64] {
        (inputs + outputs).flatMap { [$0?.memory.serial ?? 0, UInt64($0?.byteOffset ?? 0)] }
    }

    /// The memory of a step's range.
    private func resolve(_ binding: PlannedBinding) throws(BackendError) -> MemorySlice {
        let base: MemorySlice?
        switch program.plan.blocks[binding.root] {
        case .arena(let offset):
            base = arena.map { MemorySlice(memory: $0, byteOffset: offset, byteCount: 0) }
        case .input(let index): base = inputs[index]
        case .output(let index): base = outputs[index]
        case .constant(let index):
            base = program.constants[index].map { MemorySlice(memory: $0, byteOffset: 0, byteCount: 0) }
        case .unused: base = nil
        }
        guard let base else { throw invalid("a step names memory that is not bound") }
        // Kernels read and write whole vectors; blocks have room for the last one.
        let byteCount = (binding.byteCount + 15) / 16 * 16
        return MemorySlice(
            memory: base.memory, byteOffset: base.byteOffset + binding.byteOffset, byteCount: byteCount)
    }

    // MARK: - Running

    func run() throws(BackendError) {
        try checkBindings()
        try execute()
    }

    private func execute() throws(BackendError) {
        if !bindingsEqual(recorded) {
            recorded = []
            for (index, phase) in phases.enumerated() {
                if case .batch(let steps) = phase { try record(steps, into: &batches[index], times: false) }
            }
            recorded = bindingSerials
        }
        for (index, phase) in phases.enumerated() {
            switch phase {
            case .batch: try batches[index]?.run(label: program.label)
            case .control(let step): try control(step)
            }
        }
        try copyInPlaceOutputs()
    }

    /// An output that is computed in the buffer of a donated input, but is bound elsewhere, is copied there.
    private func copyInPlaceOutputs() throws(BackendError) {
        for (output, input) in program.inPlaceOutputs {
            guard let from = inputs[input], let to = outputs[output], from.memory !== to.memory else { continue }
            try device.copy(from, to)
        }
    }

    private func record(
        _ steps: Range<Int>, into batch: inout RecordedBatch?, times: Bool
    ) throws(BackendError) {
        let recording = batch ?? RecordedBatch(device: device)
        batch = recording
        try recording.begin(steps: steps.count, timing: times)
        for index in steps {
            let step = program.plan.steps[index]
            switch step.action {
            case .launch(let launch):
                guard let pipeline = program.pipelines[index] else { continue }
                var slices: [MemorySlice] = []
                for binding in launch.bindings { slices.append(try resolve(binding)) }
                try recording.launch(
                    pipeline, slices, launch.bindings.map(\.kind), launch.constants, launch.grid, launch.work,
                    step.node)
            case .copy(let from, let to):
                var (source, target) = (try resolve(from), try resolve(to))
                source.byteCount = from.byteCount
                target.byteCount = from.byteCount
                try recording.copy(source, target, step.node)
            case .fill(let range, let word):
                var target = try resolve(range)
                target.byteCount = range.byteCount
                try recording.fill(target, word, step.node)
            case .conditional, .loop: break
            }
            try recording.endStep()
        }
        try recording.end()
    }

    /// Runs the program and returns the nanoseconds of each step; those of steps that the host decides in by its clock.
    func profile() throws(BackendError) -> [UInt64] {
        try checkBindings()
        if !bindingsEqual(profiled) {
            profiled = []
            for (index, phase) in phases.enumerated() {
                if case .batch(let steps) = phase { try record(steps, into: &profiles[index], times: true) }
            }
            profiled = bindingSerials
        }
        var times: [UInt64] = []
        for (index, phase) in phases.enumerated() {
            switch phase {
            case .batch:
                guard let batch = profiles[index] else { continue }
                try batch.run(label: program.label)
                times += try batch.stepTimes()
            case .control(let step):
                let start = Self.now()
                try control(step)
                times.append(Self.now() &- start)
            }
        }
        try copyInPlaceOutputs()
        return times
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    // MARK: - Control

    /// Whether the byte at a range is not zero.
    private func flag(_ binding: PlannedBinding) throws(BackendError) -> Bool {
        let slice = try resolve(binding)
        var byte: UInt8 = 0
        try withUnsafeMutableBytes(of: &byte) { (bytes) throws(BackendError) in
            try device.download(slice.memory, at: slice.byteOffset, into: bytes)
        }
        return byte != 0
    }

    private func bind(
        _ inputs: [PlannedBinding], _ outputs: [PlannedBinding], of parent: VulkanInvocation
    ) throws(BackendError) {
        for (index, binding) in inputs.enumerated() { self.inputs[index] = try parent.resolve(binding) }
        for (index, binding) in outputs.enumerated() { self.outputs[index] = try parent.resolve(binding) }
    }

    private func control(_ step: Int) throws(BackendError) {
        guard let regions = regions[step] else { return }
        switch (program.plan.steps[step].action, regions) {
        case (.conditional(_, _, let predicate, let inputs, let outputs), .conditional(let then, let otherwise)):
            let branch = try flag(predicate) ? then : otherwise
            try branch.bind(inputs, outputs, of: self)
            try branch.execute()
        case (.loop(_, _, let flagRange, let state, let other), .loop(let conditions, let bodies)):
            let states = [state, other]
            for index in 0..<2 {
                try conditions[index].bind(states[index], [flagRange], of: self)
                try bodies[index].bind(states[index], states[1 - index], of: self)
            }
            var current = 0
            while true {
                try conditions[current].execute()
                guard try flag(flagRange) else { break }
                try bodies[current].execute()
                current = 1 - current
            }
            if current == 1 {
                for (from, to) in zip(other, state) where from.byteCount > 0 {
                    var (source, target) = (try resolve(from), try resolve(to))
                    // Blocks have room up to the next word.
                    source.byteCount = (from.byteCount + 3) / 4 * 4
                    target.byteCount = source.byteCount
                    try device.copy(source, target)
                }
            }
        case (.conditional, .loop), (.loop, .conditional), (.launch, _), (.copy, _), (.fill, _): break
        }
    }
}
