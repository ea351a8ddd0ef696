// Heterodyne: runs graphs on a Vulkan device as the runtime does, for tests.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference

@testable import HeterodyneVulkan

/// Runs graphs on a Vulkan device and by definition.
struct ProgramRunner {
    let backend: VulkanBackend
    static let device = "vulkan:0"

    init(_ options: VulkanOptions? = nil) { backend = options.map { VulkanBackend($0) } ?? VulkanBackend() }

    init(_ backend: VulkanBackend) { self.backend = backend }

    /// The outputs of a graph for literals, bound to fresh buffers.
    func run(
        _ graph: Graph, _ inputs: [Literal], donated: Set<Int> = [], emulated: Set<ScalarType> = []
    ) throws -> [Literal] {
        let unit = CompilationUnit(graph: graph, donatedInputs: donated, emulatedTypes: emulated)
        let program = try backend.compile(unit, for: Self.device)
        return try run(program, graph, inputs)
    }

    func run(_ program: any Executable, _ graph: Graph, _ inputs: [Literal]) throws -> [Literal] {
        let invocation = try program.makeInvocation()
        return try run(invocation, graph, inputs, inPlace: program.inPlaceOutputs)
    }

    func run(
        _ invocation: any Invocation, _ graph: Graph, _ inputs: [Literal], inPlace: [Int: Int] = [:]
    ) throws -> [Literal] {
        var buffers: [any Buffer] = []
        for (index, input) in inputs.enumerated() {
            buffers.append(try backend.importing(input.denseStorage(), on: Self.device))
            try invocation.bind(input: index, to: buffers[index])
        }
        var results: [any Buffer] = []
        for (index, type) in graph.outputTypes.enumerated() {
            if let input = inPlace[index] {
                results.append(buffers[input])
            } else {
                results.append(try backend.allocate(byteCount: type.byteCount(), on: Self.device))
            }
            try invocation.bind(output: index, to: results[index])
        }
        try invocation.run()
        var literals: [Literal] = []
        for (buffer, type) in zip(results, graph.outputTypes) {
            var bytes = [UInt8](repeating: 0, count: buffer.byteCount)
            try bytes.withUnsafeMutableBytes { try buffer.read(into: $0, at: 0) }
            let storage = bytes.withUnsafeBytes { LiteralStorage(copying: $0) }
            literals.append(try Literal(type: type, storage: storage))
        }
        return literals
    }

    /// What the definition gives.
    static func expected(_ graph: Graph, _ inputs: [Literal]) throws -> [Literal] {
        try ReferenceEvaluator().evaluate(graph, inputs)
    }
}
