// Heterodyne: a kernel for tests of the device layer.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneKernelIR

@testable import HeterodyneVulkan

/// y[i] = a x[i] + y[i] for i < n, with the product rounded by itself.
struct AxpyRecipe: KernelRecipe {
    var name = "axpy"
    /// Makes kernels that differ in nothing else different.
    var salt = 0

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let k = KernelBuilder(name, workgroup: [UInt32(width), 1, 1])
        let (x, y) = (k.buffer("x", .f32, .read), k.buffer("y", .f32, .readWrite))
        let (a, n) = (k.pushConstant("a", .f32), k.pushConstant("n", .u32))
        let i = k.linearInvocation(width: width, .u32)
        k.if(i .< n) { y[i] = a * x[i] + y[i] + Double(salt) }
        return try k.finish()
    }

    /// The grid for `count` elements.
    static func grid(_ count: Int, _ target: KernelTarget) -> Grid {
        let width = target.linearWorkgroup
        return Grid.linear(workgroups: (count + width - 1) / width)
    }
}
