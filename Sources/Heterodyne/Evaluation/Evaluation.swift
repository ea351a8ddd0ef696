// Heterodyne: turns pending tensors into a graph, runs it, keeps the results.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
public import HeterodyneRuntime

/// A buffer and the identifier of the device that allocated it, nil for host memory from elsewhere.
typealias PlacedBuffer = (buffer: any Buffer, device: String?)

/// The graph under some tensors, gathered from the nodes that they reach.
struct GatheredGraph {
    let graph: Graph
    /// What the graph's inputs are bound to, in order; nil for arguments of the function being traced.
    let buffers: [PlacedBuffer?]
}

/// Gathers the graph under some tensors.
struct GraphGatherer {
    /// What becomes of data that is computed already.
    enum DataUse {
        /// An input of the graph, so that programs are shared between values.
        case inputs
        /// A constant, so that it can be folded and prepared.
        case constants
    }

    private let builder = GraphBuilder()
    /// The terms of each node's results; nil for results that were donated.
    private var terms: [ObjectIdentifier: [Term?]] = [:]
    private var buffers: [PlacedBuffer?] = []
    private let dataUse: DataUse
    private let trace: Trace?
    private var kept: [LazyNode] = []

    /// The graph of a traced function: arguments are inputs, all other data is constant.
    init(arguments: [TensorType], trace: Trace) throws(HeterodyneError) {
        dataUse = .constants
        self.trace = trace
        argumentTerms = []
        do {
            for (index, type) in arguments.enumerated() {
                argumentTerms.append(try builder.input("arg\(index)", type))
                buffers.append(nil)
            }
        } catch { throw .graph(error) }
    }

    /// The graph of tensors that are being read.
    init() {
        dataUse = .inputs
        trace = nil
        argumentTerms = []
    }

    private var argumentTerms: [Term]

    /// The graph whose outputs are `tensors`.
    mutating func gather(_ tensors: [Tensor]) throws(HeterodyneError) -> GatheredGraph {
        for (index, tensor) in tensors.enumerated() {
            let term = try term(of: tensor)
            do { try builder.output("result\(index)", term) } catch { throw .graph(error) }
        }
        do { return GatheredGraph(graph: try builder.build(), buffers: buffers) } catch { throw .graph(error) }
    }

    /// Walks without recursion, so that chains of any length work.
    private mutating func term(of tensor: Tensor) throws(HeterodyneError) -> Term {
        var stack = [tensor.node]
        while let node = stack.last {
            if terms[ObjectIdentifier(node)] != nil {
                stack.removeLast()
                continue
            }
            if case .pending(_, let operands) = node.current {
                let missing = operands.map(\.node).filter { terms[ObjectIdentifier($0)] == nil }
                if !missing.isEmpty {
                    stack += missing
                    continue
                }
            }
            terms[ObjectIdentifier(node)] = try terms(for: node)
            kept.append(node)
            stack.removeLast()
        }
        return try known(tensor)
    }

    private func known(_ tensor: Tensor) throws(HeterodyneError) -> Term {
        if let all = terms[ObjectIdentifier(tensor.node)], tensor.result < all.count, let term = all[tensor.result] {
            return term
        }
        throw tensor.error ?? LazyNode.donated(tensor.node.location)
    }

    private mutating func terms(for node: LazyNode) throws(HeterodyneError) -> [Term?] {
        let state = node.current
        if case .failed(let error) = state { throw error }
        var arguments: [Term] = []
        if case .pending(_, let operands) = state { for operand in operands { arguments.append(try known(operand)) } }
        do throws(GraphError) {
            switch state {
            case .failed: return []
            case .argument(let index, let owner):
                guard owner === trace else {
                    throw GraphError(
                        .malformedGraph,
                        "the argument of a compiled function was used outside it; return it from the function instead",
                        location: node.location)
                }
                return [argumentTerms[index]]
            case .computed(let results):
                var made: [Term?] = []
                for (buffer, type) in zip(results.buffers, node.types) {
                    made.append(
                        try buffer.map { (buffer) throws(GraphError) in try data(buffer, results.device, type) })
                }
                return made
            case .pending(let recipe, _):
                switch recipe {
                case .operation(let operation):
                    return try builder.addAll(operation, arguments, location: node.location)
                case .graph(let graph): return try builder.inline(graph, arguments)
                }
            }
        } catch {
            throw .graph(error.at(operation: nil, location: node.location))
        }
    }

    private mutating func data(
        _ buffer: any Buffer, _ home: String?, _ type: TensorType
    ) throws(GraphError) -> Term {
        switch dataUse {
        case .inputs:
            let term = try builder.input("data\(buffers.count)", type)
            buffers.append((buffer, home))
            return term
        case .constants:
            let bytes = try type.byteCount()
            if let address = buffer.hostAddress {
                let storage = LiteralStorage(
                    bytes: UnsafeRawBufferPointer(start: address, count: bytes), owner: buffer)
                return try builder.constant(Literal(type: type, storage: storage))
            }
            var failure: BackendError?
            let storage = LiteralStorage(count: bytes) { destination in
                do throws(BackendError) { try buffer.read(into: destination, at: 0) } catch { failure = error }
            }
            if let failure { throw GraphError(.invalidLiteral, "a captured tensor cannot be read: \(failure.message)") }
            return try builder.constant(Literal(type: type, storage: storage))
        }
    }
}

extension Tensor {
    /// Computes tensors together in one program on `device` (by default the current one) and keeps their values.
    ///
    /// What is computed already stays where it is: values move to another device only when a program there needs them,
    /// by a copy that leaves the original, or by no copy where both devices read host memory.
    /// Throws the mistake that a tensor carries, or what compiling and running throw.
    public static func evaluate(_ tensors: [Tensor], on device: Device? = nil) throws(HeterodyneError) {
        for tensor in tensors { _ = try tensor.checked() }
        var pending: [Tensor] = []
        var seen = Set<ObjectIdentifier>()
        for tensor in tensors {
            guard case .pending = tensor.node.current, seen.insert(ObjectIdentifier(tensor.node)).inserted else {
                if case .argument = tensor.node.current { throw Self.argumentRead }
                continue
            }
            if try tensor.node.completeOnHost() { continue }
            // Every result of a node is computed at once.
            for result in tensor.node.types.indices { pending.append(Tensor(tensor.node, result: result)) }
        }
        if pending.isEmpty { return }
        let device = try Device.resolved(device)
        var gatherer = GraphGatherer()
        let gathered = try gatherer.gather(pending)
        let program = try Runtime.shared.program(for: gathered.graph, on: device)
        var arguments: [any Buffer] = []
        for buffer in gathered.buffers {
            guard let buffer else { continue }
            arguments.append(try Self.reachable(buffer, from: device))
        }
        let results = try program.call(arguments)
        var position = 0
        while position < pending.count {
            let node = pending[position].node
            node.complete(Array(results[position..<position + node.types.count]), on: device.id)
            position += node.types.count
        }
    }

    /// Computes this tensor on `device` (by default the current one), keeps its value and returns it.
    @discardableResult
    public func evaluated(on device: Device? = nil) throws(HeterodyneError) -> Tensor {
        try Self.evaluate([self], on: device)
        return self
    }

    static var argumentRead: HeterodyneError {
        .graph(
            GraphError(
                .malformedGraph,
                "the value of a compiled function's argument was read while the function was traced; a traced function "
                    + "can only compute with its arguments"))
    }

    /// The buffer itself where `device` can read it, else a copy there.
    static func reachable(_ source: PlacedBuffer, from device: Device) throws(HeterodyneError) -> any Buffer {
        if source.device == device.id { return source.buffer }
        do throws(BackendError) {
            if source.buffer is HostBuffer, try device.capabilities().hasUnifiedMemory { return source.buffer }
            return try copied(source.buffer, to: device)
        } catch { throw .backend(error) }
    }

    /// A copy of the buffer in memory of `device`.
    static func copied(_ source: any Buffer, to device: Device) throws(BackendError) -> any Buffer {
        let copy = try device.backend.allocate(byteCount: source.byteCount, on: device.id)
        let count = source.byteCount
        if let address = source.hostAddress {
            try copy.write(from: UnsafeRawBufferPointer(start: address, count: count), at: 0)
            withExtendedLifetime(source) {}
        } else if let address = copy.hostAddress {
            try source.read(into: UnsafeMutableRawBufferPointer(start: address, count: count), at: 0)
        } else {
            let between = try HostBuffer(byteCount: count)
            try source.read(into: UnsafeMutableRawBufferPointer(start: between.address, count: count), at: 0)
            try copy.write(from: UnsafeRawBufferPointer(start: between.address, count: count), at: 0)
            withExtendedLifetime(between) {}
        }
        return copy
    }

    /// The buffer with this tensor's value, computed if need be, and the device that holds it.
    func placedBuffer(on device: Device? = nil) throws(HeterodyneError) -> PlacedBuffer {
        try Self.evaluate([self], on: device)
        switch node.current {
        case .computed(let results):
            guard result < results.buffers.count, let buffer = results.buffers[result] else {
                throw LazyNode.donated(node.location)
            }
            return (buffer, results.device)
        case .failed(let error): throw error
        case .argument: throw Self.argumentRead
        case .pending: throw .graph(GraphError(.malformedGraph, "a tensor has no value after it was computed"))
        }
    }

    /// The value in memory of `device` that nobody else refers to; this tensor carries an error from now on.
    func donated(to device: Device) throws(HeterodyneError) -> any Buffer {
        try Self.evaluate([self], on: device)
        let home = deviceID
        var object: AnyObject? = node.donate(result)
        // Captured constants, other tensors' programs that run now and mapped files may hold the same memory.
        let isUnique = isKnownUniquelyReferenced(&object)
        guard let buffer = object as? any Buffer else { throw error ?? Self.argumentRead }
        if isUnique, home == device.id { return buffer }
        do throws(BackendError) { return try Self.copied(buffer, to: device) } catch { throw .backend(error) }
    }
}
