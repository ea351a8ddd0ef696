// Heterodyne: drops what nothing in a kernel needs.
// SPDX-License-Identifier: Apache-2.0

extension Kernel {
    /// The kernel without values that nothing uses and without stores to variables that nothing loads. Emulation makes
    /// both forms of a number, its pair and its bits, and leaves it to this to drop the one that is not needed.
    func withoutDeadValues() throws(KernelError) -> Kernel {
        var walk = LiveValues(self)
        walk.collect(body)
        walk.spread()
        var result = self
        result.body = walk.live(body)
        try result.verify()
        return result
    }
}

/// What is needed for the writes to memory and the control flow of a kernel.
private struct LiveValues {
    var operations: [Operation?]
    /// The values that are stored to each variable.
    var stored: [[ValueID]]
    var isLive: [Bool]
    var isLoaded: [Bool]
    var work: [ValueID] = []

    init(_ kernel: Kernel) {
        operations = [Operation?](repeating: nil, count: kernel.types.count)
        stored = [[ValueID]](repeating: [], count: kernel.variables.count)
        isLive = [Bool](repeating: false, count: kernel.types.count)
        isLoaded = [Bool](repeating: false, count: kernel.variables.count)
    }

    mutating func need(_ id: ValueID) {
        if isLive[id.index] { return }
        isLive[id.index] = true
        work.append(id)
    }

    mutating func collect(_ statements: [Statement]) {
        for statement in statements {
            switch statement {
            case .define(let id, let operation, _):
                operations[id.index] = operation
                switch operation {
                case .atomic, .compareExchange: need(id)
                default: break
                }
            case .store(.variable(let variable), let value): stored[variable].append(value)
            case .store(let place, let value): for id in place.operands + [value] { need(id) }
            case .barrier: break
            case .conditional(let test, let then, let otherwise):
                need(test)
                collect(then)
                collect(otherwise)
            case .loop(let counter, let from, let to, _, let body):
                for id in [counter, from, to] { need(id) }
                collect(body)
            case .whileLoop(let before, let test, let body):
                need(test)
                collect(before)
                collect(body)
            case .matrix(let step): for id in step.operands { need(id) }
            }
        }
    }

    mutating func spread() {
        while let id = work.popLast() {
            guard let operation = operations[id.index] else { continue }
            for operand in operation.operands { need(operand) }
            if case .load(.variable(let variable)) = operation, !isLoaded[variable] {
                isLoaded[variable] = true
                for value in stored[variable] { need(value) }
            }
        }
    }

    func live(_ statements: [Statement]) -> [Statement] {
        statements.compactMap { statement in
            switch statement {
            case .define(let id, _, _): isLive[id.index] ? statement : nil
            case .store(.variable(let variable), _): isLoaded[variable] ? statement : nil
            case .store, .barrier, .matrix: statement
            case .conditional(let test, let then, let otherwise):
                .conditional(test, then: live(then), otherwise: live(otherwise))
            case .loop(let counter, let from, let to, let step, let body):
                .loop(counter: counter, from: from, to: to, step: step, live(body))
            case .whileLoop(let before, let test, let body): .whileLoop(live(before), condition: test, live(body))
            }
        }
    }
}
