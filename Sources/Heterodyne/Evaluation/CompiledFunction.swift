// Heterodyne: functions of tensors that are traced once and replayed.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
public import HeterodyneGraph
public import HeterodyneRuntime
import Synchronization

/// A function of tensors that is traced once for every combination of argument types, compiled, and replayed.
///
/// Tensors that the function captures become constants of the program. Safe to call from many threads.
public final class CompiledFunction: Sendable {
    private let body: @Sendable ([Tensor]) throws -> [Tensor]
    private let device: Device?
    /// The devices to compile for, where there are several.
    private let devices: DeviceSet?
    let options: ProgramOptions
    private let programs = Mutex<[Key: Program]>([:])

    private struct Key: Hashable {
        let types: [TensorType]
        let devices: [String]
        let fingerprints: [String]
    }

    /// A function to be compiled for `device`, or for the device that is current at each call.
    ///
    /// `options.donatedInputs` lists arguments whose memory the program may overwrite, so that a result can be computed in
    /// place. A donated tensor carries an error after the call.
    public init(
        device: Device? = nil, options: ProgramOptions = ProgramOptions(),
        _ body: @escaping @Sendable ([Tensor]) throws -> [Tensor]
    ) {
        self.body = body
        self.device = device
        devices = nil
        self.options = options
    }

    /// A function to be compiled for several devices, every node of it where the whole costs least. Arguments and results
    /// live on the first device of the set; of an automatic one on the device with most work.
    public init(
        devices: DeviceSet, options: ProgramOptions = ProgramOptions(),
        _ body: @escaping @Sendable ([Tensor]) throws -> [Tensor]
    ) {
        self.body = body
        device = devices.first
        self.devices = devices
        self.options = options
    }

    /// The graph of the function for arguments of the given types. Throws the first mistake in the function.
    public func graph(for types: [TensorType]) throws(HeterodyneError) -> Graph { try Self.trace(body, for: types) }

    /// The graph of `body` for arguments of the given types.
    static func trace(
        _ body: ([Tensor]) throws -> [Tensor], for types: [TensorType]
    ) throws(HeterodyneError) -> Graph {
        let trace = Trace()
        let arguments = types.enumerated().map { Tensor(LazyNode(argument: $0.offset, of: trace, $0.element)) }
        let results: [Tensor]
        do { results = try body(arguments) } catch let error as HeterodyneError { throw error } catch {
            throw .graph(GraphError(.malformedGraph, "the function threw while it was traced: \(error)"))
        }
        for result in results { _ = try result.checked() }
        var gatherer = try GraphGatherer(arguments: types, trace: trace)
        return try gatherer.gather(results).graph
    }

    /// The program for arguments of the given types: remembered, or traced and compiled now.
    public func program(for types: [TensorType]) throws(HeterodyneError) -> Program {
        let device = try Device.resolved(device)
        let all = devices?.devices ?? [device]
        let key = Key(types: types, devices: all.map(\.id), fingerprints: all.map(\.descriptor.fingerprint))
        if let known = programs.withLock({ $0[key] }) { return known }
        let graph = try graph(for: types)
        let program =
            if let devices {
                try Runtime.shared.compile(graph, on: devices, options: options)
            } else {
                try Runtime.shared.compile(graph, on: device, options: options)
            }
        return programs.withLock { programs in
            if let known = programs[key] { return known }
            programs[key] = program
            return program
        }
    }

    /// The results for `arguments`, computed now. Donated arguments carry an error afterwards, also where running fails.
    public func results(_ arguments: [Tensor]) throws(HeterodyneError) -> [Tensor] {
        try Tensor.evaluate(arguments, on: device)
        let program = try program(for: arguments.map(\.type))
        let donated = options.donatedInputs.filter { arguments.indices.contains($0) }
        guard Set(donated.map { ObjectIdentifier(arguments[$0].node) }).count == donated.count else {
            throw .graph(GraphError(.operandCount, "one tensor is donated as two arguments; copy it first"))
        }
        var buffers = [(any Buffer)?](repeating: nil, count: arguments.count)
        for (index, argument) in arguments.enumerated() where !donated.contains(index) {
            buffers[index] = try Tensor.reachable(argument.placedBuffer(on: device), from: program.device)
        }
        for index in donated { buffers[index] = try arguments[index].donated(to: program.device) }
        let results = try program.call(buffers.compactMap(\.self))
        return zip(results, program.outputs).map { Tensor(LazyNode(buffer: $0, on: program.device.id, $1.type)) }
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

    /// What the compiler decided for arguments of the given types.
    public func report(for types: [TensorType]) throws(HeterodyneError) -> CompilationReport {
        try program(for: types).report
    }
}

/// A function of one tensor that is traced once for every argument type, compiled and replayed.
/// `donating` lists arguments whose memory it may overwrite; such a tensor carries an error after the call.
public func compile(
    device: Device? = nil, donating: Set<Int> = [], options: ProgramOptions = ProgramOptions(),
    _ body: @escaping @Sendable (Tensor) throws -> Tensor
) -> CompiledFunction {
    CompiledFunction(device: device, options: options.donating(donating)) { arguments in
        try requireCount(arguments, 1)
        return [try body(arguments[0])]
    }
}

/// A function of two tensors that is traced once for every combination of argument types, compiled and replayed.
/// `donating` lists arguments whose memory it may overwrite; such a tensor carries an error after the call.
public func compile(
    device: Device? = nil, donating: Set<Int> = [], options: ProgramOptions = ProgramOptions(),
    _ body: @escaping @Sendable (Tensor, Tensor) throws -> Tensor
) -> CompiledFunction {
    CompiledFunction(device: device, options: options.donating(donating)) { arguments in
        try requireCount(arguments, 2)
        return [try body(arguments[0], arguments[1])]
    }
}

/// A function of three tensors that is traced once for every combination of argument types, compiled and replayed.
/// `donating` lists arguments whose memory it may overwrite; such a tensor carries an error after the call.
public func compile(
    device: Device? = nil, donating: Set<Int> = [], options: ProgramOptions = ProgramOptions(),
    _ body: @escaping @Sendable (Tensor, Tensor, Tensor) throws -> Tensor
) -> CompiledFunction {
    CompiledFunction(device: device, options: options.donating(donating)) { arguments in
        try requireCount(arguments, 3)
        return [try body(arguments[0], arguments[1], arguments[2])]
    }
}

/// A function of any number of tensors with any number of results, traced, compiled and replayed.
/// `donating` lists arguments whose memory it may overwrite; such a tensor carries an error after the call.
public func compile(
    device: Device? = nil, donating: Set<Int> = [], options: ProgramOptions = ProgramOptions(),
    all body: @escaping @Sendable ([Tensor]) throws -> [Tensor]
) -> CompiledFunction {
    CompiledFunction(device: device, options: options.donating(donating), body)
}

/// A function of one tensor that is compiled for several devices, every node of it where the whole costs least.
/// `donating` lists arguments whose memory it may overwrite; such a tensor carries an error after the call.
public func compile(
    devices: DeviceSet, donating: Set<Int> = [], options: ProgramOptions = ProgramOptions(),
    _ body: @escaping @Sendable (Tensor) throws -> Tensor
) -> CompiledFunction {
    CompiledFunction(devices: devices, options: options.donating(donating)) { arguments in
        try requireCount(arguments, 1)
        return [try body(arguments[0])]
    }
}

/// A function of two tensors that is compiled for several devices, every node of it where the whole costs least.
/// `donating` lists arguments whose memory it may overwrite; such a tensor carries an error after the call.
public func compile(
    devices: DeviceSet, donating: Set<Int> = [], options: ProgramOptions = ProgramOptions(),
    _ body: @escaping @Sendable (Tensor, Tensor) throws -> Tensor
) -> CompiledFunction {
    CompiledFunction(devices: devices, options: options.donating(donating)) { arguments in
        try requireCount(arguments, 2)
        return [try body(arguments[0], arguments[1])]
    }
}

/// A function of three tensors that is compiled for several devices, every node of it where the whole costs least.
/// `donating` lists arguments whose memory it may overwrite; such a tensor carries an error after the call.
public func compile(
    devices: DeviceSet, donating: Set<Int> = [], options: ProgramOptions = ProgramOptions(),
    _ body: @escaping @Sendable (Tensor, Tensor, Tensor) throws -> Tensor
) -> CompiledFunction {
    CompiledFunction(devices: devices, options: options.donating(donating)) { arguments in
        try requireCount(arguments, 3)
        return [try body(arguments[0], arguments[1], arguments[2])]
    }
}

/// A function of any number of tensors with any number of results that is compiled for several devices, every node of
/// it where the whole costs least.
/// `donating` lists arguments whose memory it may overwrite; such a tensor carries an error after the call.
public func compile(
    devices: DeviceSet, donating: Set<Int> = [], options: ProgramOptions = ProgramOptions(),
    all body: @escaping @Sendable ([Tensor]) throws -> [Tensor]
) -> CompiledFunction {
    CompiledFunction(devices: devices, options: options.donating(donating), body)
}

extension ProgramOptions {
    fileprivate func donating(_ inputs: Set<Int>) -> ProgramOptions {
        var options = self
        options.donatedInputs.formUnion(inputs)
        return options
    }
}

private func requireCount(_ arguments: [Tensor], _ count: Int) throws(HeterodyneError) {
    guard arguments.count == count else {
        throw .graph(
            GraphError(.operandCount, "the compiled function takes \(count) arguments, was given \(arguments.count)"))
    }
}
