// Heterodyne: the code for tensor elements against the reference backend, run in the interpreter.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneReference
import Testing

@testable import HeterodyneVulkan

@Suite("Scalar code")
struct ScalarCodeTests {
    static let arithmetic = ScalarType.allCases.filter(\.isArithmetic)

    /// In the interpreter: trusting and fused with vectors, distrusting and uncontracted with scalars and pairs.
    private func check(_ item: ScalarCase) throws {
        for (width, trusts, mode) in [(4, true, SPIRVOptions.MultiplyAdd.fused), (1, false, .uncontracted)] {
            for operation in item.operations {
                let count = item.inputs[0].1.count
                let vectors = (count + width - 1) / width
                let recipe = ScalarRecipe(
                    inputs: item.types, operations: [operation], width: width, count: vectors, trusts: trusts)
                let kernel = try recipe.build(for: .software)
                var options = KernelTarget.software.spirv
                options.multiplyAdd = mode
                _ = try kernel.spirv(options)
                var buffers: [Int: [UInt8]] = [:]
                for (index, (type, elements)) in item.inputs.enumerated() {
                    let padding = [UInt64](repeating: elements[0], count: vectors * width - count)
                    buffers[index] = packed(elements + padding, type)
                }
                let size = max(1, operation.result.bitWidth / 8)
                buffers[item.inputs.count] = [UInt8](repeating: 0, count: vectors * width * size)
                let groups = [(vectors + 63) / 64]
                try KernelInterpreter(multiplyAdd: mode).run(kernel, groups: groups, buffers: &buffers)
                let results = unpacked(buffers[item.inputs.count] ?? [], count, operation.result)
                try item.expect(results, of: operation, "width \(width), \(mode)")
            }
        }
    }

    @Test("Primitives", arguments: arithmetic + [.bool])
    func primitives(type: ScalarType) throws {
        for item in ScalarCase.primitives(type) { try check(item) }
    }

    @Test("Conversion by value", arguments: ScalarType.allCases)
    func convert(from: ScalarType) throws { try check(.conversions(from)) }

    @Test("Conversion by bits", arguments: ScalarType.allCases)
    func bitcast(from: ScalarType) throws { try check(.bitcasts(from)) }

    @Test("Composites", arguments: arithmetic)
    func composites(type: ScalarType) throws { try check(.composites(type)) }

    @Test("Every composite is tested")
    func allComposites() {
        let names = ScalarOperation.composites(.float32) + ScalarOperation.composites(.float16)
        let tested = names.compactMap { operation in
            if case .composite(let name, _, _) = operation { name } else { nil }
        }
        #expect(Set(tested) == ScalarCode.composites)
    }

    @Test("Constants", arguments: ScalarType.allCases)
    func constants(type: ScalarType) throws {
        for bits in Samples.of(type, 60) {
            let k = KernelBuilder("constant", workgroup: [1])
            let code = ScalarCode(k, .software)
            let output = k.buffer("out", ScalarCode.memory(type).with(width: 2), .write)
            output[0] = code.encode(code.constant(bits: bits, type, width: 2), type)
            var buffers = [0: packed([0, 0], type)]
            try KernelInterpreter().run(try k.finish(), groups: [1], buffers: &buffers)
            let result = unpacked(buffers[0] ?? [], 2, type)
            let isNaN = type.isFloatingPoint && type.number(fromBits: bits).isNaN
            let isSame = result.allSatisfy { isNaN ? type.number(fromBits: $0).isNaN : $0 == bits }
            #expect(isSame, "\(type): \(result), not \(bits)")
        }
    }

    @Test("What has no code is refused with its name")
    func refused() throws {
        let k = KernelBuilder("k", workgroup: [1])
        let code = ScalarCode(k, .gpu)
        let x = k.constant(1.0, .f64)
        let attributes: Attributes = ["approximation": .string("none")]
        #expect(!ScalarCode.takes("gelu", attributes, .float64))
        #expect(throws: KernelError.self) { try code.composite("gelu", attributes, [x], .float64) }
        #expect(!ScalarCode.takes("erf", [:], .int32))
        #expect(!ScalarCode.takes("softmax", [:], .float32))
    }
}
