// Heterodyne: control flow of kernels under construction.
// SPDX-License-Identifier: Apache-2.0

extension KernelBuilder {
    /// The block where the condition is true.
    public func `if`(_ condition: KernelValue, then: () -> Void) {
        append(.conditional(condition.id, then: block(then), otherwise: []))
    }

    /// One of two blocks.
    public func `if`(_ condition: KernelValue, then: () -> Void, else otherwise: () -> Void) {
        append(.conditional(condition.id, then: block(then), otherwise: block(otherwise)))
    }

    /// The block for each of from, from + step, ... below `to`.
    public func loop(from: KernelValue, to: KernelValue, step: UInt32 = 1, body: (KernelValue) -> Void) {
        let counter = newValue(from.type)
        let statements = block { body(counter) }
        append(.loop(counter: counter.id, from: from.id, to: to.id, step: step, statements))
    }

    /// The block a fixed number of times, with a u32 counter.
    public func loop(_ count: Int, body: (KernelValue) -> Void) {
        loop(from: constant(0, .u32), to: constant(count, .u32), body: body)
    }

    /// The block as long as the condition, computed anew each time, is true.
    public func `while`(_ condition: @autoclosure () -> KernelValue, body: () -> Void) {
        blocks.append([])
        let test = condition()
        let before = blocks.removeLast()
        append(.whileLoop(before, condition: test.id, block(body)))
    }

    /// Makes the invocations of the workgroup wait for each other, with their writes to workgroup memory done.
    public func barrier(_ memory: BarrierMemory = .workgroup) { append(.barrier(memory)) }
}
