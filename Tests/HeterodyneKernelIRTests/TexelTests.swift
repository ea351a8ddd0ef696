// Heterodyne: buffers that are read as texels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@Suite("Texels")
struct TexelTests {
    /// Doubles every element of `x`.
    private func doubling(_ element: KernelType, index: KernelType, output: Int = 1) throws -> Kernel {
        let k = KernelBuilder("doubling", workgroup: [64])
        let x = k.buffer("x", element, .read, slot: 0)
        let y = k.buffer("y", element, .write, slot: output)
        let i = k.globalID(.x).converted(to: index.scalar)
        y[i] = x[i] + x[i]
        return try k.finish()
    }

    @Test(
        "Read-only buffers of 32-bit numbers are texels, and the modules are valid",
        .enabled(if: Validator.path != nil, Validator.reason),
        arguments: [KernelType.f32, .i32, .u32], [1, 2, 4])
    func valid(scalar: KernelType, width: Int) throws {
        let element = scalar.with(width: width)
        let kernel = try doubling(element, index: .u32)
        for version in SPIRVOptions.Version.allCases {
            let options = SPIRVOptions(version: version, texels: true)
            let module = try kernel.spirv(options)
            #expect(module.texels == [TexelBinding(binding: TexelBinding.firstBinding, slot: 0, element: element)])
            #expect(module.capabilities.contains("SampledBuffer"))
            try Validator.expectValid(kernel, options)
        }
    }

    @Test("What cannot be a texel is loaded")
    func loaded() throws {
        let texels = SPIRVOptions(texels: true)
        let kernel = try doubling(.f32, index: .u32)
        // Not asked for; reached by addresses; 64-bit places; memory that the kernel writes; other elements.
        #expect(try kernel.spirv(SPIRVOptions()).texels.isEmpty)
        #expect(try kernel.spirv(SPIRVOptions(memory: .addresses, texels: true)).texels.isEmpty)
        #expect(try doubling(.f32, index: .u64).spirv(texels).texels.isEmpty)
        #expect(try doubling(.f32, index: .u32, output: 0).spirv(texels).texels.isEmpty)
        for element in [KernelType.f64, .f16, .u8, .i64] {
            #expect(try doubling(element, index: .u32).spirv(texels).texels.isEmpty, "\(element)")
        }
    }

    @Test("A module has no more than every device binds")
    func many() throws {
        let k = KernelBuilder("many", workgroup: [64])
        let y = k.buffer("y", .f32, .write)
        let i = k.globalID(.x)
        var sum = k.constant(0.0, .f32)
        for number in 0..<20 { sum = sum + k.buffer("x\(number)", .f32, .read)[i] }
        y[i] = sum
        let module = try k.finish().spirv(SPIRVOptions(texels: true))
        #expect(module.texels.count == TexelBinding.mostPerModule)
        #expect(Set(module.texels.map(\.binding)).count == TexelBinding.mostPerModule)
    }
}
