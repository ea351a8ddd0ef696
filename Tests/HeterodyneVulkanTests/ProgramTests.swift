// Heterodyne: whole programs on a Vulkan device: views, regions, control flow, bindings, memory modes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodyneVulkan

extension GraphBuilder {
    /// A graph of inputs of the types, made by `body`.
    fileprivate static func graph(
        _ types: [TensorType], _ body: (GraphBuilder, [Term]) throws -> [Term]
    ) throws -> Graph {
        let builder = GraphBuilder()
        let inputs = try types.enumerated().map { try builder.input("in\($0)", $1) }
        for (index, term) in try body(builder, inputs).enumerated() { try builder.output("out\(index)", term) }
        return try builder.build()
    }
}

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct ProgramTests {
    /// Ways to reach memory that give the same results.
    enum Mode: String, CaseIterable, Sendable {
        case plain, addresses, staging

        var runner: ProgramRunner {
            var options = VulkanOptions.fromEnvironment()
            options.forcesAddresses = self == .addresses
            options.forcesStaging = self == .staging
            return ProgramRunner(options)
        }
    }

    static func counting(_ shape: [Int], _ type: ScalarType = .float32, from start: Int = 0) throws -> Literal {
        let count = shape.reduce(1, *)
        let numbers = (0..<count).map { Double((start + $0 * 37) % 101) - 50 }
        let size = type.byteCount(of: count) ?? 0
        return try Literal(
            type: TensorType(type, Shape(shape)),
            storage: LiteralStorage(count: size) { bytes in
                bytes.initializeMemory(as: UInt8.self, repeating: 0)
                for (index, number) in numbers.enumerated() {
                    let bits = type.bits(of: number)
                    if type.bitWidth == 4 {
                        bytes[index / 2] |= UInt8(truncatingIfNeeded: (bits & 15) << UInt64(index % 2 * 4))
                    } else {
                        let width = max(1, type.bitWidth / 8)
                        for byte in 0..<width {
                            bytes[index * width + byte] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))
                        }
                    }
                }
            })
    }

    func check(_ graph: Graph, _ inputs: [Literal], _ mode: Mode = .plain) throws {
        let results = try mode.runner.run(graph, inputs)
        let expected = try ProgramRunner.expected(graph, inputs)
        for (index, (a, b)) in zip(results, expected).enumerated() {
            #expect(a == b, "output \(index) of \(graph)")
        }
    }

    @Test(arguments: Mode.allCases) func addsViews(mode: Mode) throws {
        let (x, y) = (try Self.counting([5, 8, 12]), try Self.counting([12, 1, 8], from: 7))
        let graph = try GraphBuilder.graph([x.type, y.type]) { _, t in
            let turned = try t[1].transpose([1, 2, 0]).broadcast([5, 8, 12], dimensions: [0, 1, 2])
            let sum = try t[0] + turned
            let part = try t[0].slice([1, 2, 3], [5, 8, 12], strides: [2, 1, 4]).reverse([0, 2])
            return [sum, part, try part * part, try sum.reshape([40, 12]).transpose([1, 0])]
        }
        try check(graph, [x, y], mode)
    }

    @Test(arguments: [[1], [3], [4], [5], [63], [64], [65], [1023], [3, 7], [4, 4], [2, 3, 4, 5], [70_001]])
    func flatSizes(shape: [Int]) throws {
        let (x, y) = (try Self.counting(shape), try Self.counting(shape, from: 3))
        let graph = try GraphBuilder.graph([x.type, y.type]) { b, t in
            [
                try t[0] * t[1] - t[0], try t[0].compare(.less, t[1]), try t[0].convert(.int8),
                try t[1].convert(.float64),
            ]
        }
        try check(graph, [x, y])
    }

    @Test(arguments: [ScalarType.float32, .float16, .int8, .float64])
    func transposes(type: ScalarType) throws {
        let cases: [(shape: [Int], order: [Int])] = [
            ([64, 32], [1, 0]), ([33, 16], [1, 0]), ([3, 20, 36], [0, 2, 1]), ([16, 5, 16], [2, 1, 0]),
            ([2, 16, 3, 32], [3, 2, 1, 0]), ([300, 68], [1, 0]),
        ]
        for (shape, order) in cases {
            let x = try Self.counting(shape, type)
            let graph = try GraphBuilder.graph([x.type]) { _, t in
                [
                    try t[0].transpose(order),
                    try t[0].slice(
                        [Extent](repeating: 0, count: shape.count),
                        shape.map { .fixed($0 / 2) }
                    ).transpose(order),
                ]
            }
            try check(graph, [x])
        }
    }

    @Test func regionsFuseAndReuseMemory() throws {
        let type = TensorType(.float32, [33, 20])
        let row = TensorType(.float32, [20])
        let body = try GraphBuilder.graph([type, row]) { b, t in
            let bias = try t[1].broadcast([33, 20], dimensions: [1])
            let sum = try t[0] + bias
            return [try sum.maximum(b.constant(0, type)), try sum * sum]
        }
        let graph = try GraphBuilder.graph([type, row]) { b, t in
            let doubled = try t[0] + t[0]
            return try b.addAll(.composite(FusedRegion(kind: .elementwise, body: body)), [doubled, t[1]])
        }
        try check(graph, [try Self.counting([33, 20]), try Self.counting([20], from: 9)])
    }

    @Test(arguments: [ScalarType.int4, .uint4]) func fourBitIntegersArePackedAtTheBoundary(type: ScalarType) throws {
        for count in [1, 2, 7, 64, 1001] {
            let x = try Self.counting([count], type)
            let graph = try GraphBuilder.graph([x.type]) { _, t in
                [try t[0].convert(.int32), try t[0].reverse([0]), try t[0].convert(.float32).convert(type)]
            }
            try check(graph, [x])
        }
    }

    @Test(arguments: Mode.allCases, [true, false]) func branches(mode: Mode, predicate: Bool) throws {
        let x = try Self.counting([6, 10])
        let then = try GraphBuilder.graph([x.type]) { _, t in [try t[0] + t[0], try t[0].transpose([1, 0])] }
        let otherwise = try GraphBuilder.graph([x.type]) { _, t in
            [try t[0].negate(), try t[0].transpose([1, 0]) * t[0].transpose([1, 0])]
        }
        let graph = try GraphBuilder.graph([.scalar(.bool), x.type]) { b, t in
            let moved = try t[1] - t[1].abs()
            let results = try b.addAll(
                .primitive(.conditional(then: then, otherwise: otherwise)), [t[0], moved])
            return [try results[0] + results[0], results[1]]
        }
        try check(graph, [Literal(predicate), x], mode)
    }

    @Test(arguments: Mode.allCases, [0, 1, 2, 7]) func loops(mode: Mode, count: Int) throws {
        let state = [TensorType.scalar(.int32), TensorType(.float32, [5, 3])]
        let condition = try GraphBuilder.graph(state) { b, t in
            [try t[0].compare(.less, b.constant(Double(count), .scalar(.int32)))]
        }
        let body = try GraphBuilder.graph(state) { b, t in
            [try t[0] + b.constant(1, .scalar(.int32)), try t[1] * t[1] - t[1]]
        }
        let graph = try GraphBuilder.graph(state) { b, t in
            try b.addAll(.primitive(.loop(condition: condition, body: body)), t)
        }
        let start = try Self.counting([5, 3])
        let small = try ProgramRunner.expected(
            GraphBuilder.graph([start.type]) { b, t in [try t[0] * b.constant(0.015625, start.type)] }, [start])[0]
        try check(graph, [Literal(Int32(0)), small], mode)
    }

    @Test func donatedInputsAreOverwrittenInPlace() throws {
        let x = try Self.counting([100])
        let graph = try GraphBuilder.graph([x.type]) { _, t in [try t[0] + t[0]] }
        let runner = ProgramRunner()
        let program = try runner.backend.compile(
            CompilationUnit(graph: graph, donatedInputs: [0]), for: ProgramRunner.device)
        #expect(program.inPlaceOutputs == [0: 0])
        #expect(try runner.run(program, graph, [x]) == ProgramRunner.expected(graph, [x]))
    }

    @Test func invocationsRunAgainWithOtherBuffers() throws {
        let type = TensorType(.float32, [1000])
        let graph = try GraphBuilder.graph([type]) { _, t in [try (t[0] + t[0]).exp().tanh()] }
        let runner = ProgramRunner()
        let program = try runner.backend.compile(CompilationUnit(graph: graph), for: ProgramRunner.device)
        let invocation = try program.makeInvocation()
        var first: Literal?
        for round in 0..<20 {
            let x = try Self.counting([1000], from: round % 2)
            let result = try runner.run(invocation, graph, [x])[0]
            if round == 0 { first = result }
            if round % 2 == 0 { #expect(result == first, "round \(round)") } else { #expect(result != first) }
        }
        invocation.unbind(input: 0)
        #expect(throws: BackendError.self) { try invocation.run() }
        let times = try {
            _ = try runner.run(invocation, graph, [Self.counting([1000])])
            return try invocation.profile()
        }()
        #expect(times.count == program.stepDescriptions.count && times.allSatisfy { $0 > 0 && $0 < 10_000_000_000 })
    }

    @Test func wrongBindingsAreTypedErrors() throws {
        let type = TensorType(.float32, [10])
        let graph = try GraphBuilder.graph([type]) { _, t in [try t[0].exp()] }
        let runner = ProgramRunner()
        let program = try runner.backend.compile(CompilationUnit(graph: graph), for: ProgramRunner.device)
        let invocation = try program.makeInvocation()
        let good = try runner.backend.allocate(byteCount: 40, on: ProgramRunner.device)
        let small = try runner.backend.allocate(byteCount: 36, on: ProgramRunner.device)
        let host = try HostBuffer(byteCount: 40)
        #expect(throws: BackendError.self) { try invocation.bind(input: 1, to: good) }
        #expect(throws: BackendError.self) { try invocation.bind(input: 0, to: small) }
        #expect(throws: BackendError.self) { try invocation.bind(output: 0, to: host) }
        #expect(throws: BackendError.self) { try invocation.run() }
    }

    @Test func longGridsAreSplit() throws {
        let target = try DeviceRunner.shared.target
        let grid = Grid(10, 300, 7)
        let parts = grid.split(work: 1000, limit: 30, counts: target)
        var seen = Set<Int>()
        for part in parts {
            #expect(part.work <= 30)
            for z in 0..<part.groups.z {
                for y in 0..<part.groups.y {
                    for x in 0..<part.groups.x {
                        let number = (part.first.x + x) + 10 * ((part.first.y + y) + 300 * (part.first.z + z))
                        #expect(seen.insert(number).inserted)
                    }
                }
            }
        }
        #expect(seen.count == grid.count)
    }
}
