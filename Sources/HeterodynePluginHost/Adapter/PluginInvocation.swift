// Heterodyne: one place to run a program of a plugin.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

/// One place to run a program of a plugin. What it consists of outlives it where the plugin did not come back from a
/// run and may still write.
final class PluginInvocation: Invocation {
    private let core: InvocationCore

    /// An invocation.
    init(_ core: InvocationCore) { self.core = core }

    /// The buffer of input `index` from now on. Throws `invalidArgument`.
    func bind(input index: Int, to buffer: any Buffer) throws(BackendError) {
        try core.bind(index, of: core.inputs, to: buffer)
    }

    /// The buffer of output `index` from now on. Throws `invalidArgument`.
    func bind(output index: Int, to buffer: any Buffer) throws(BackendError) {
        try core.bind(index, of: core.outputs, to: buffer)
    }

    /// Lets go of the buffer of input `index`.
    func unbind(input index: Int) { core.unbind(index, of: core.inputs) }

    /// Lets go of the buffer of output `index`.
    func unbind(output index: Int) { core.unbind(index, of: core.outputs) }

    /// Runs the program to completion. Allocates nothing.
    func run() throws(BackendError) { try core.run() }

    /// Runs the program and returns the nanoseconds of each step.
    func profile() throws(BackendError) -> [UInt64] { try core.profile() }

    /// What the plugin says of the last run.
    func measurements() throws(BackendError) -> [Measurement] { try core.measurements() }
}

/// The inputs or the outputs of an invocation: an array for the plugin that never moves, and what keeps its buffers
/// alive.
final class PortArray {
    let role: String
    let ports: [PluginPort]
    /// What `execute` gets.
    let handles: UnsafeMutablePointer<OpaquePointer?>
    /// What was bound, and the same as memory of the device.
    fileprivate(set) var bound: [(buffer: any Buffer, own: PluginBuffer)?]
    fileprivate(set) var unboundCount: Int

    init(_ role: String, _ ports: [PluginPort]) {
        self.role = role
        self.ports = ports
        handles = .allocate(capacity: max(ports.count, 1))
        handles.initialize(repeating: nil, count: max(ports.count, 1))
        bound = Array(repeating: nil, count: ports.count)
        unboundCount = ports.count
    }

    deinit { handles.deallocate() }

    fileprivate func name(_ index: Int) -> String { "\(role) \(index) '\(ports[index].name)'" }
}

/// What an invocation consists of: everything that the plugin may touch during a run.
final class InvocationCore {
    let inputs: PortArray
    let outputs: PortArray
    private let executable: PluginExecutable
    private let device: PluginDevice
    private let table: PluginTable
    private let handle: OpaquePointer
    private let execute: PluginTable.Execute
    private let context: OpaquePointer?
    private let slot: RunSlot
    /// Whether everything is bound and nothing is lost: what `run` looks at.
    private var isReady = false
    private var isAbandoned = false
    /// Donated inputs that are bound to memory that must not be written.
    private var forbiddenCount = 0

    /// The most measurements that are read.
    private static let measurementLimit = 4096

    /// A place to run `executable`. Throws what the plugin reports.
    init(_ executable: PluginExecutable) throws(BackendError) {
        let device = executable.device
        let table = device.table
        guard let create = table.function(\.invocation_create), let execute = table.function(\.execute) else {
            throw device.error(.executionFailed, "it has no invocation_create or no execute")
        }
        var made: OpaquePointer?
        try device.call(.invocationCreate) { create(table.context, executable.handle, &made, $0) }
        guard let made else {
            throw device.error(.executionFailed, "invocation_create succeeded and handed out NULL")
        }
        handle = made
        self.executable = executable
        self.device = device
        self.table = table
        self.execute = execute
        context = table.context
        inputs = PortArray("input", executable.inputs)
        outputs = PortArray("output", executable.outputs)
        slot = RunSlot.take()
        update()
    }

    deinit {
        if let free = table.function(\.invocation_free) {
            let (context, handle) = (context, handle)
            table.alone { free(context, handle) }
        }
        RunSlot.rest(slot)
    }

    // MARK: Binding

    /// Binds a buffer. Memory of the host is taken without a copy where the device reads it, once for all ports that it
    /// is bound to.
    func bind(_ index: Int, of ports: PortArray, to buffer: any Buffer) throws(BackendError) {
        guard ports.ports.indices.contains(index) else {
            throw device.error(.invalidArgument, "the program has no \(ports.role) \(index)")
        }
        if isAbandoned { throw obstacle() }
        if let bound = ports.bound[index], bound.buffer === buffer { return }
        let port = ports.ports[index]
        guard buffer.byteCount == port.byteCount else {
            throw device.error(
                .invalidArgument,
                "\(ports.name(index)) is \(port.type), \(port.byteCount) bytes; the buffer has \(buffer.byteCount)")
        }
        guard ports === inputs || !buffer.isReadOnly else {
            throw device.error(.invalidArgument, "\(ports.name(index)) is bound to a read-only buffer")
        }
        unbind(index, of: ports)
        let own: PluginBuffer
        if let known = known(buffer) { own = known } else { own = try device.adopt(buffer, as: ports.name(index)) }
        ports.bound[index] = (buffer, own)
        ports.handles[index] = own.handle
        ports.unboundCount -= 1
        if isForbidden(own, index, ports) { forbiddenCount += 1 }
        update()
    }

    /// The memory of `buffer` where another port has taken it already.
    private func known(_ buffer: any Buffer) -> PluginBuffer? {
        if buffer is PluginBuffer { return nil }
        for ports in [inputs, outputs] {
            for case let bound? in ports.bound where bound.buffer === buffer { return bound.own }
        }
        return nil
    }

    /// Lets go of a buffer.
    func unbind(_ index: Int, of ports: PortArray) {
        guard !isAbandoned, ports.ports.indices.contains(index), let bound = ports.bound[index] else { return }
        if isForbidden(bound.own, index, ports) { forbiddenCount -= 1 }
        ports.handles[index] = nil
        ports.unboundCount += 1
        update()
        ports.bound[index] = nil
    }

    /// Whether the program may overwrite what it is bound to, although nobody may.
    private func isForbidden(_ buffer: PluginBuffer, _ index: Int, _ ports: PortArray) -> Bool {
        ports === inputs && buffer.isReadOnly && executable.donatedInputs.contains(index)
    }

    private func update() {
        isReady = !isAbandoned && inputs.unboundCount == 0 && outputs.unboundCount == 0 && forbiddenCount == 0
    }

    /// Why the program cannot run; called where it is not ready.
    private func obstacle() -> BackendError {
        if isAbandoned {
            return device.error(.deviceLost, "the device did not come back from an earlier run; make a new invocation")
        }
        for ports in [inputs, outputs] {
            if let index = ports.bound.firstIndex(where: { $0 == nil }) {
                return device.error(.invalidArgument, "\(ports.name(index)) is not bound")
            }
        }
        for index in executable.donatedInputs.sorted() where inputs.bound[index]?.own.isReadOnly == true {
            return device.error(.invalidArgument, "\(inputs.name(index)) is donated and bound to a read-only buffer")
        }
        return device.error(.executionFailed, "the invocation cannot run")
    }

    // MARK: Running

    /// Runs the program to completion. Allocates nothing unless it fails.
    func run() throws(BackendError) {
        guard isReady else { throw obstacle() }
        if device.isAsynchronous { return try runAndWait() }
        slot.error.reset()
        let status = call(nil, slot.error.error)
        if status != 0 { throw failure(status, .execute) }
    }

    private func call(
        _ completion: UnsafeMutablePointer<heterodyne_completion>?, _ error: UnsafeMutablePointer<heterodyne_error>
    ) -> Int32 {
        if table.gate == nil {
            return execute(context, handle, inputs.handles, outputs.handles, completion, error)
        }
        return table.alone { execute(context, handle, inputs.handles, outputs.handles, completion, error) }
    }

    /// Starts the program and waits for its end. Where that does not come, everything that the plugin may still write
    /// is kept for ever.
    private func runAndWait() throws(BackendError) {
        let started = call(slot.begin(), slot.error.error)
        if started != 0 {
            slot.cancel()
            throw failure(started, .execute)
        }
        guard let status = slot.wait(seconds: device.patience) else {
            isAbandoned = true
            update()
            _ = Unmanaged.passRetained(self)
            device.markLost()
            throw device.error(
                .deviceLost,
                "a run did not end within \(device.patience) seconds (HETERODYNE_PLUGIN_PATIENCE); its memory stays "
                    + "taken")
        }
        if status != 0 { throw failure(status, .execute) }
    }

    private func failure(_ status: Int32, _ function: PluginFunction) -> BackendError {
        let failure = slot.error.failure(status: status)
        var error = device.error(failure, of: function)
        PluginExecutable.name(failure.node, in: executable.graph, &error)
        return error
    }

    /// Runs the program and returns the nanoseconds of each step; of the whole program where the plugin does not
    /// measure steps.
    func profile() throws(BackendError) -> [UInt64] {
        guard isReady else { throw obstacle() }
        guard executable.measuresSteps, let profile = table.function(\.profile) else {
            let clock = ContinuousClock()
            let start = clock.now
            try run()
            let (seconds, attoseconds) = start.duration(to: clock.now).components
            return [UInt64(max(0, seconds)) &* 1_000_000_000 &+ UInt64(max(0, attoseconds / 1_000_000_000))]
        }
        var times = [UInt64](repeating: 0, count: executable.stepDescriptions.count)
        slot.error.reset()
        let status = times.withUnsafeMutableBufferPointer { times in
            table.alone {
                profile(
                    context, handle, inputs.handles, outputs.handles, times.baseAddress, UInt64(times.count),
                    slot.error.error)
            }
        }
        if status != 0 { throw failure(status, .profile) }
        return times
    }

    /// What the plugin says of the last run. Throws `executionFailed` where that is wrong.
    func measurements() throws(BackendError) -> [Measurement] {
        guard !isAbandoned, let measure = table.function(\.measurements) else { return [] }
        var pointer: UnsafePointer<UnsafePointer<heterodyne_measurement>?>?
        var count: UInt64 = 0
        try device.call(.measurements) { measure(context, handle, &pointer, &count, $0) }
        do throws(Refusal) {
            var result: [Measurement] = []
            let entries = try foreignArray(
                pointer, count: count, "measurements", limit: Self.measurementLimit)
            for (index, entry) in entries.enumerated() {
                let fields = try Foreign(entry, "measurements[\(index)]")
                let value = fields.value(\.value) ?? .nan
                guard value.isFinite else { throw Refusal("measurements[\(index)].value is \(value)") }
                result.append(
                    Measurement(
                        name: try fields.text(\.name, "name"), value: value, unit: try fields.text(\.unit, "unit"),
                        source: try fields.text(\.source, "source")))
            }
            return result
        } catch { throw device.error(.executionFailed, error.reason) }
    }
}
