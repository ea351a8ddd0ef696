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
    enum State: Sendable {
        case pending(Recipe, [Tensor])
        case computed([any Buffer])
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

    init(buffer: any Buffer, _ type: TensorType) {
        types = [type]
        location = nil
        state = Mutex(.computed([buffer]))
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

    var failure: HeterodyneError? { if case .failed(let error) = current { error } else { nil } }

    /// Keeps the results and lets go of the operands.
    func complete(_ buffers: [any Buffer]) {
        Self.release(takeOperands(leaving: .computed(buffers)))
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
            if isKnownUniquelyReferenced(&node) { queue += node.takeOperands(leaving: .computed([])) }
        }
    }

    deinit { Self.release(takeOperands(leaving: .computed([]))) }
}

/// One tracing of a function; arguments of different tracings must not meet.
final class Trace: Sendable {}
