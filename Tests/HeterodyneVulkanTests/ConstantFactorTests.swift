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
