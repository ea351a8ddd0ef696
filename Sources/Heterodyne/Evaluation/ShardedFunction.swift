// Heterodyne: compiled functions over several devices, each of which computes some rows of the batch.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneCompiler
public import HeterodyneGraph
public import HeterodyneRuntime
import Synchronization

/// A compiled function over several devices, each of which computes some rows of the batch at the same time, so that a few
/// small devices act as one larger one.
///
/// ```swift
/// let classify = compile { images in network(images) }
/// let both = classify.sharded(over: [try Device("vulkan:0"), try Device("openblas")])
/// let labels = try both(images)
/// print(try both.report(for: [images.type]).text)
/// ```
///
/// The function is traced for the whole batch and proved to compute every row of its results from that row of its arguments
/// alone; other functions are refused with the operation that mixes rows. Devices are timed once, on a few rows of
/// the first arguments; what runs take is measured all the time, and shares follow it when `rebalance()` is called, never
/// otherwise. Safe to call from many threads.
public final class ShardedFunction: Sendable {
    /// The devices that share each batch.
    public let devices: [Device]
    private let function: CompiledFunction
    private let options: ShardOptions
    private let state: Mutex<State>

    private struct State {
        var programs: [[TensorType]: ShardedProgram] = [:]
        var speeds: [String: Double]
    }

    init(_ function: CompiledFunction, over devices: [Device], _ options: ShardOptions) {
        self.function = function
        self.devices = devices
        self.options = options
        state = Mutex(State(speeds: options.speeds))
    }

    /// The program for arguments of the given types: remembered, or traced, measured on zeros and compiled now. Throws
    /// `unsupported` where rows depend on one another, and what tracing, compiling and measuring throw.
    public func program(for types: [TensorType]) throws(HeterodyneError) -> ShardedProgram {
        try program(for: types, sample: nil)
    }

    private func program(
        for types: [TensorType], sample: [any Buffer]?
    ) throws(HeterodyneError) -> ShardedProgram {
        let (known, speeds) = state.withLock { ($0.programs[types], $0.speeds) }
        if let known { return known }
        var options = options
        // Measured once: another batch size is shared out by the same speeds.
        options.speeds = speeds
        let program = try Runtime.shared.sharded(
            function.graph(for: types), over: devices, options: options, sample: sample)
        return state.withLock { state in
            if let known = state.programs[types] { return known }
            state.programs[types] = program
            if state.speeds.isEmpty { state.speeds = program.speeds }
            return program
        }
    }

    /// The results for `arguments`, computed now, in memory of the host.
    public func results(_ arguments: [Tensor]) throws(HeterodyneError) -> [Tensor] {
        try Tensor.evaluate(arguments, on: devices.first)
        var buffers: [any Buffer] = []
        for argument in arguments { buffers.append(try argument.placedBuffer(on: devices.first).buffer) }
        let program = try program(for: arguments.map(\.type), sample: buffers)
        let results = try program.call(buffers)
        return zip(results, program.outputs).map { Tensor(LazyNode(buffer: $0, $1.type)) }
    }

    /// The only result for `arguments`, computed now. Throws where the function has several results.
    public func callAsFunction(_ arguments: Tensor...) throws(HeterodyneError) -> Tensor {
        let results = try results(arguments)
        guard results.count == 1 else {
            throw .graph(
                GraphError(.operandCount, "the function has \(results.count) results; call results(_:) instead"))
        }
        return results[0]
    }

    /// How the batch is split and why, and what the compiler decided for each share.
    public func report(for types: [TensorType]) throws(HeterodyneError) -> CompilationReport {
        try program(for: types).report
    }

    /// Rows per second of each device, by identifier, as far as they were measured.
    public var speeds: [String: Double] { state.withLock { $0.speeds } }

    /// Shares every batch out anew by what the runs took, and compiles what is missing. Throws what compiling throws; the
    /// shares are then as they were.
    public func rebalance() throws(HeterodyneError) {
        let programs = state.withLock { $0.programs }
        var balanced: [[TensorType]: ShardedProgram] = [:]
        var speeds: [String: Double] = [:]
        for (types, program) in programs {
            balanced[types] = try program.rebalanced()
            // The largest batch tells most about speed.
            let isLargest = programs.values.allSatisfy { $0.analysis.rowCount <= program.analysis.rowCount }
            if isLargest { speeds = program.speeds }
        }
        state.withLock { state in
            for (types, program) in balanced { state.programs[types] = program }
            if !speeds.isEmpty { state.speeds = speeds }
        }
    }
}

extension CompiledFunction {
    /// The function over several devices, each of which computes some rows of the batch. The device that the function
    /// itself was made for does not matter.
    ///
    /// - Parameters:
    ///   - devices: The devices, in the order in which they get rows.
    ///   - axes: The dimension of each argument that counts rows, nil for arguments that all rows share; by default the
    ///     first dimension of every argument that has one. Tensors that the function captures are shared anyway.
    ///   - shares: How much of the batch each device gets, in any unit; by default in proportion to measured speed.
    public func sharded(
        over devices: [Device], axes: [Int?]? = nil, shares: [Double]? = nil
    ) -> ShardedFunction {
        var options = ShardOptions()
        options.axes = axes
        options.shares = shares
        options.program = self.options
        return ShardedFunction(self, over: devices, options)
    }

    /// The function over the devices of a set, each of which computes some rows of the batch; see the other form.
    public func sharded(
        over devices: DeviceSet, axes: [Int?]? = nil, shares: [Double]? = nil
    ) -> ShardedFunction {
        sharded(over: devices.devices, axes: axes, shares: shares)
    }
}
