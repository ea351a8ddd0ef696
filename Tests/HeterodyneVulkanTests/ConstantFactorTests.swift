// Heterodyne: constant factors of products, stored in either order.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodyneVulkan

@Suite(
    "Constant factors", .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct ConstantFactorTests {
    /// The product of an input and constant weights that are stored as (outputs, inputs).
    private func graph(rows: Int, depth: Int, columns: Int, transposes: Bool) throws -> (Graph, Literal) {
        let x = try ProgramTests.counting([rows, depth])
        let weights = try ProgramTests.counting([columns, depth], from: 3)
        let graph = try DotProgramTests.graph([x.type]) { builder, t in
            let w = try builder.constant(weights)
            if transposes {
                return [try t[0].dot(w.transpose([1, 0]), DotDimensions(leftContracting: [1], rightContracting: [0]))]
            }
            return [try t[0].dot(w, DotDimensions(leftContracting: [1], rightContracting: [1]))]
        }
        return (graph, x)
    }

    @Test(
        "Products are those of the definition",
        arguments: [[8, 12, 8], [33, 40, 130], [16, 33, 65], [1, 64, 48], [9, 1, 24], [12, 20, 3]], [false, true])
    func products(extents: [Int], transposes: Bool) throws {
        let (graph, x) = try graph(
            rows: extents[0], depth: extents[1], columns: extents[2], transposes: transposes)
        try DotProgramTests.check(graph, [x])
    }

    @Test(
        "Weights in 16 bits are widened where they are read",
        arguments: [[8, 12, 8], [33, 40, 130], [16, 33, 65], [1, 64, 48], [9, 1, 24], [12, 20, 3]],
        [ScalarType.float16, .bfloat16])
    func widened(extents: [Int], type: ScalarType) throws {
        let (rows, depth, columns) = (extents[0], extents[1], extents[2])
        let x = try ProgramTests.counting([rows, depth])
        for isTransposed in [false, true] {
            let shape = isTransposed ? [depth, columns] : [columns, depth]
            let numbers = (0..<depth * columns).map { Float($0 * 7 % 23 - 11) / 8 }
            let weights =
                try type == .float16
                ? Literal(numbers.map { Float16($0) }, shape: Shape(shape))
                : Literal(numbers.map { BFloat16($0) }, shape: Shape(shape))
            let graph = try DotProgramTests.graph([x.type]) { builder, t in
                let dimensions = DotDimensions(leftContracting: [1], rightContracting: [isTransposed ? 0 : 1])
                return [try t[0].dot(builder.constant(weights).convert(.float32), dimensions)]
            }
            #expect(graph.widenedFactors.count == 1)
            try DotProgramTests.check(graph, [x])
        }
    }

    @Test("Weights in 16 bits are in device memory once, and no step widens them at every run")
    func widenedOnce() throws {
        let runner = ProgramRunner()
        let x = try ProgramTests.counting([16, 40])
        let weights = try Literal((0..<48 * 40).map { BFloat16(Float($0 % 17)) }, shape: [48, 40])
        let graph = try DotProgramTests.graph([x.type]) { builder, t in
            let w = try builder.constant(weights).convert(.float32)
            return [try t[0].dot(w, DotDimensions(leftContracting: [1], rightContracting: [1]))]
        }
        let unit = CompilationUnit(graph: graph, donatedInputs: [])
        let program = try #require(try runner.backend.compile(unit, for: ProgramRunner.device) as? VulkanProgram)
        #expect([2 * 40 * 48, 4 * 40 * 48].contains(program.constantByteCount))
        #expect(program.arenaByteCount == 0)
        #expect(try runner.run(program, graph, [x]) == ProgramRunner.expected(graph, [x]))
    }

    @Test("Only the order that is read is in device memory")
    func once() throws {
        let runner = ProgramRunner()
        let (graph, x) = try graph(rows: 16, depth: 40, columns: 48, transposes: false)
        let unit = CompilationUnit(graph: graph, donatedInputs: [])
        let program = try #require(try runner.backend.compile(unit, for: ProgramRunner.device) as? VulkanProgram)
        #expect(program.constantByteCount == 4 * 40 * 48)
        #expect(try runner.run(program, graph, [x]) == ProgramRunner.expected(graph, [x]))
    }

    @Test("One constant for several products and for other work, whole and in part")
    func shared() throws {
        let x = try ProgramTests.counting([16, 24])
        let y = try ProgramTests.counting([10, 24], from: 5)
        let weights = try ProgramTests.counting([40, 24], from: 3)
        let graph = try DotProgramTests.graph([x.type, y.type]) { builder, t in
            let w = try builder.constant(weights)
            let part = try w.slice([8, 0], [32, 24])
            let d = DotDimensions(leftContracting: [1], rightContracting: [1])
            return [try t[0].dot(w, d), try t[1].dot(w, d), try t[0].dot(part, d), try w + w]
        }
        try DotProgramTests.check(graph, [x, y])
    }
}
