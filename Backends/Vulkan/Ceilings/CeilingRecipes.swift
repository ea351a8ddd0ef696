// Heterodyne: kernels that do one thing as fast as a device can: copy memory, multiply and add.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Copies vectors of four float32, one for each invocation.
///
/// Slots: from, to. Push constant: how many vectors.
struct CopyCeilingRecipe: KernelRecipe {
    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let k = KernelBuilder("ceiling_copy", workgroup: [UInt32(width)])
        let type = KernelType.f32.with(width: 4)
        let from = k.buffer("from", type, .read)
        let to = k.buffer("to", type, .write)
        let count = k.pushConstant("count", .u32)
        let index = k.linearInvocation(width: width, .u32)
        k.if(index .< count) { to[index] = from[index] }
        return try k.finish()
    }
}

/// Independent chains of x = x a + b in registers, and at their end one store of their sum for each invocation.
///
/// Slot: the sums. Push constants: a, b, the rounds, how many invocations.
struct MultiplyAddCeilingRecipe: KernelRecipe {
    /// Chains: enough to hide the latency of an operation, few enough for sixteen registers.
    static let chains = 12
    /// Multiply-adds of each chain in a round.
    static let steps = 8
    /// Operations of an invocation in a round, a multiply-add counted as two.
    static let operationsPerRound = 2 * chains * steps

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let k = KernelBuilder("ceiling_fma", workgroup: [UInt32(width)])
        let sums = k.buffer("sums", .f32, .write)
        let (a, b) = (k.pushConstant("a", .f32), k.pushConstant("b", .f32))
        let rounds = k.pushConstant("rounds", .u32)
        let count = k.pushConstant("count", .u32)
        let index = k.linearInvocation(width: width, .u32)
        let start = index.converted(to: .float32)
        // No condition around the loop: it would cost masks.
        let chains = (0..<Self.chains).map { k.variable(start + start.like($0)) }
        k.loop(from: k.constant(0, .u32), to: rounds) { _ in
            var values = chains.map(\.value)
            for _ in 0..<Self.steps { values = values.map { k.multiplyAdd($0, a, b) } }
            for (chain, value) in zip(chains, values) { chain.value = value }
        }
        let sum = chains.dropFirst().reduce(chains[0].value) { $0 + $1.value }
        k.if(index .< count) { sums[index] = sum }
        return try k.finish()
    }
}
