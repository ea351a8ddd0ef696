// Heterodyne: a node of the graph that tensors build as they are used.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneRuntime
import Synchronization

/// How a node is computed.
enum Recipe: Sendable {
    /// One operation.
    case operation(NodeOperation)
    /// A small graph whose inputs are the operands.
    case graph(Graph)
}

/// A node of the graph that tensors build as they are used: pending, computed, an argument of a function being
/// traced, or a mistake.
final class LazyNode: Sendable {
    /// The values of a node's results.
    struct Results: Sendable {
        /// One buffer per result; nil where it was donated to a compiled function.
        var buffers: [(any Buffer)?]
        /// The identifier of the device that allocated them; nil for host memory that came from elsewhere.
        var device: String?
    }

    enum State: Sendable {
        case pending(Recipe, [Tensor])
        case computed(Results)
        case argument(Int, trace: Trace)
        case failed(HeterodyneError)
    }

    let types: [TensorType]
    let location: SourceLocation?
    private let state: Mutex<State>

    init(_ recipe: Recipe, _ operands: [Tensor], _ types: [TensorType], _ location: SourceLocation?) {
        self.types = types
        self.location = location
        state = Mutex(.pending(recipe, operands))
    }

    init(buffer: any Buffer, on device: String? = nil, _ type: TensorType) {
        types = [type]
        location = nil
        state = Mutex(.computed(Results(buffers: [buffer], device: device)))
    }

    init(argument index: Int, of trace: Trace, _ type: TensorType) {
        types = [type]
        location = nil
        state = Mutex(.argument(index, trace: trace))
    }

    init(failure: HeterodyneError) {
        types = [.scalar(.float32)]
        location = failure.location
        state = Mutex(.failed(failure))
    }

    var current: State { state.withLock { $0 } }

    /// The mistake that the node stands for, or that `result` is no longer there.
    func failure(of result: Int) -> HeterodyneError? {
        switch current {
        case .failed(let error): return error
        case .computed(let results):
            return result < results.buffers.count && results.buffers[result] == nil ? Self.donated(location) : nil
        case .pending, .argument: return nil
        }
    }

    /// What reading a donated tensor throws.
    static func donated(_ location: SourceLocation?) -> HeterodyneError {
        .graph(
            GraphError(
                .invalidLiteral,
                "the tensor was donated to a compiled function, which may have overwritten it; use the function's result, "
                    + "or do not donate this argument", location: location))
    }

    /// Takes the buffer of a computed result out, so that nobody reads it through this node again. Nil where there is
    /// none to take.
    func donate(_ result: Int) -> (any Buffer)? {
        state.withLock { state in
            guard case .computed(var results) = state, result < results.buffers.count else { return nil }
            // The state lets go of its array first: the caller wants to see whether the buffer has other owners.
            state = .computed(Results(buffers: [], device: nil))
            let buffer = results.buffers[result].take()
            state = .computed(results)
            return buffer
        }
    }

    /// Makes a small constant memory of the host. It takes no program, of which every other number would need another
    /// one, and no device that has the type. Whether it did.
    func completeOnHost() throws(HeterodyneError) -> Bool {
        guard case .pending(.operation(.primitive(.constant(let literal))), _) = current else { return false }
        do throws(GraphError) {
            guard try literal.type.byteCount() <= 4096 else { return false }
            complete([HostBuffer(sharing: try literal.denseStorage())], on: nil)
        } catch { throw .graph(error) }
        return true
    }

    /// Keeps the results and lets go of the operands. Without a device they are memory of the host.
    func complete(_ buffers: [any Buffer], on device: String?) {
        Self.release(takeOperands(leaving: .computed(Results(buffers: buffers, device: device))))
    }

    /// Replaces a pending state and returns the nodes that it referred to; other states stay.
    private func takeOperands(leaving next: State) -> [LazyNode] {
        state.withLock { state in
            guard case .pending(_, let operands) = state else { return [] }
            state = next
            return operands.map(\.node)
        }
    }

    /// Lets go of nodes and of what only they refer to. A long chain released by itself would recurse once per node and
    /// overflow the stack.
    private static func release(_ nodes: consuming [LazyNode]) {
        var queue = nodes
        while var node = queue.popLast() {
            if isKnownUniquelyReferenced(&node) { queue += node.takeOperands(leaving: Self.released) }
        }
    }

    private static let released = State.computed(Results(buffers: [], device: nil))

    deinit { Self.release(takeOperands(leaving: Self.released)) }
}

/// One tracing of a function; arguments of different tracings must not meet.
final class Trace: Sendable {}
