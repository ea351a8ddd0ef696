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
        let old = state.withLock { state -> State in
            let old = state
            if case .pending = state { state = .computed(buffers) }
            return old
        }
        // A long chain of operands would be released recursively, one stack frame per node; release it here instead.
        if case .pending(_, let operands) = old { Self.release(operands) }
    }

    private static func release(_ operands: [Tensor]) {
        var queue = operands.map(\.node)
        while var node = queue.popLast() {
            guard isKnownUniquelyReferenced(&node) else { continue }
            if case .pending(_, let inner) = node.state.withLock({ state -> State in
                let old = state
                if case .pending = state { state = .computed([]) }
                return old
            }) {
                queue += inner.map(\.node)
            }
        }
    }

    deinit {
        if case .pending(_, let operands) = state.withLock({ state -> State in
            let old = state
            state = .computed([])
            return old
        }) {
            Self.release(operands)
        }
    }
}

/// One tracing of a function; arguments of different tracings must not meet.
final class Trace: Sendable {}
