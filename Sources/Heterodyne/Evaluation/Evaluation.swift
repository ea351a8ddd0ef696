// Heterodyne: turns pending tensors into a graph, runs it, keeps the results.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
public import HeterodyneRuntime

/// The graph under some tensors, gathered from the nodes that they reach.
struct GatheredGraph {
    let graph: Graph
    /// What the graph's inputs are bound to, in order; nil for arguments of the function being traced.
    let buffers: [(any Buffer)?]
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
    private var terms: [ObjectIdentifier: [Term]] = [:]
    private var buffers: [(any Buffer)?] = []
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
        guard let term = terms[ObjectIdentifier(tensor.node)]?[tensor.result] else {
            throw .graph(GraphError(.malformedGraph, "a tensor has no value"))
        }
        return term
    }

    private mutating func terms(for node: LazyNode) throws(HeterodyneError) -> [Term] {
        let state = node.current
        if case .failed(let error) = state { throw error }
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
                var made: [Term] = []
                for (buffer, type) in zip(results, node.types) { made.append(try data(buffer, type)) }
                return made
            case .pending(let recipe, let operands):
                let arguments = operands.compactMap { terms[ObjectIdentifier($0.node)]?[$0.result] }
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

    private mutating func data(_ buffer: any Buffer, _ type: TensorType) throws(GraphError) -> Term {
        switch dataUse {
        case .inputs:
            let term = try builder.input("data\(buffers.count)", type)
            buffers.append(buffer)
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
            node.complete(Array(results[position..<position + node.types.count]))
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
    static func reachable(_ buffer: any Buffer, from device: Device) throws(HeterodyneError) -> any Buffer {
        do throws(BackendError) {
            if buffer is HostBuffer, try device.capabilities().hasUnifiedMemory { return buffer }
            guard let address = buffer.hostAddress else { return buffer }
            let copy = try device.backend.allocate(byteCount: buffer.byteCount, on: device.id)
            try copy.write(from: UnsafeRawBufferPointer(start: address, count: buffer.byteCount), at: 0)
            return copy
        } catch { throw .backend(error) }
    }

    /// The buffer with this tensor's value, computed if need be.
    func buffer(on device: Device? = nil) throws(HeterodyneError) -> any Buffer {
        try Self.evaluate([self], on: device)
        switch node.current {
        case .computed(let buffers): return buffers[result]
        case .failed(let error): throw error
        case .argument: throw Self.argumentRead
        case .pending: throw .graph(GraphError(.malformedGraph, "a tensor has no value after it was computed"))
        }
    }
}
