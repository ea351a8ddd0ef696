// Heterodyne: arithmetic with a constant zero, which drivers like to simplify.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodyneVulkan

@Suite("Constant zeros", .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct ConstantZeroTests {
    static let numbers: [Double] = [0, -0.0, 1, -1, 0.5, -3, .infinity, -.infinity, .nan, 1e-3, -200]

    /// The float types that the device computes in.
    static let types: [ScalarType] = {
        let capabilities = try? VulkanBackend().capabilities(of: ProgramRunner.device)
        return [.float32, .float16, .bfloat16, .float64].filter {
            capabilities?.usages(of: $0).contains(.arithmetic) ?? false
        }
    }()

    @Test(
        "Sums, differences, products and quotients are those of the definition, to the sign of zero",
        arguments: types, [false, true])
    func definition(type: ScalarType, isNegative: Bool) throws {
        let runner = ProgramRunner()
        let tensor = TensorType(type, Shape([Self.numbers.count]))
        let builder = GraphBuilder()
        let x = try builder.input("x", tensor)
        let zero = try builder.constant(isNegative ? -0.0 : 0, tensor)
        for op in [BinaryOperator.add, .subtract, .multiply, .divide] {
            try builder.output("x \(op.rawValue) 0", x.binary(op, zero))
            try builder.output("0 \(op.rawValue) x", zero.binary(op, x))
        }
        let graph = try builder.build()
        let width = type.bitWidth / 8
        let storage = LiteralStorage(count: Self.numbers.count * width) { bytes in
            for (index, number) in Self.numbers.enumerated() {
                let bits = type.bits(of: number)
                for byte in 0..<width {
                    bytes[index * width + byte] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))
                }
            }
        }
        let literal = try Literal(type: tensor, storage: storage)
        let unit = CompilationUnit(graph: graph, donatedInputs: [])
        let program = try #require(try runner.backend.compile(unit, for: ProgramRunner.device) as? VulkanProgram)
        let found = try runner.run(program, graph, [literal])
        let expected = try ProgramRunner.expected(graph, [literal])
        for (output, (a, b)) in zip(graph.outputs, zip(found, expected)) {
            for index in Self.numbers.indices {
                let (x, y) = (a.bits(at: index), b.bits(at: index))
                let bothNaN = type.number(fromBits: x).isNaN && type.number(fromBits: y).isNaN
                #expect(
                    x == y || bothNaN, "\(output.name) for x = \(Self.numbers[index]), zero \(isNegative ? "-0" : "+0")"
                )
            }
        }
    }
}
