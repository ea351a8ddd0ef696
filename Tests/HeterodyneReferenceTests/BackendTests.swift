// Heterodyne: the reference through the backend contract.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import Testing

@Suite("Reference backend")
struct BackendTests {
    private let backend = ReferenceBackend()

    private func buffer(_ values: [Float]) throws -> any Buffer {
        let buffer = try backend.allocate(byteCount: values.count * 4, on: "reference")
        try values.withUnsafeBytes { try buffer.write(from: $0, at: 0) }
        return buffer
    }

    private func values(_ buffer: any Buffer) throws -> [Float] {
        var values = [Float](repeating: 0, count: buffer.byteCount / 4)
        try values.withUnsafeMutableBytes { try buffer.read(into: $0, at: 0) }
        return values
    }

    private func kind(_ body: () throws -> Void) -> BackendError.Kind? {
        do { try body() } catch { return (error as? BackendError)?.kind }
        return nil
    }

    /// Outputs `x + y`, `x` and `y`.
    private func executable() throws -> any Executable {
        let type = TensorType(.float32, [2])
        let graph = try GraphBuilder.region([type, type]) { _, x throws(GraphError) in [try x[0] + x[1], x[0], x[1]] }
        return try backend.compile(CompilationUnit(graph: graph, donatedInputs: [0, 1]), for: "reference")
    }

    @Test("Lists one device whose capabilities support every primitive natively")
    func discovery() throws {
        let listing = backend.discover()
        #expect(listing.devices.map(\.id) == ["reference"])
        #expect(listing.unavailable.isEmpty)
        let capabilities = try backend.capabilities(of: "reference")
        for type in ScalarType.allCases {
            #expect(capabilities.usages(of: type).isSuperset(of: [.storage, .convert]))
            #expect(capabilities.usages(of: type).contains(.arithmetic) == type.isArithmetic)
        }
        #expect(kind { _ = try backend.capabilities(of: "cpu") } == .deviceUnavailable)
    }

    @Test("Runs, rebinds and runs again")
    func run() throws {
        let invocation = try executable().makeInvocation()
        let (x, y) = (try buffer([1, 2]), try buffer([10, 20]))
        let outputs = try (0..<3).map { _ in try buffer([0, 0]) }
        try invocation.bind(input: 0, to: x)
        try invocation.bind(input: 1, to: y)
        for (index, output) in outputs.enumerated() { try invocation.bind(output: index, to: output) }
        try invocation.run()
        #expect(try outputs.map(values) == [[11, 22], [1, 2], [10, 20]])
        try invocation.bind(input: 0, to: buffer([5, 5]))
        try invocation.run()
        #expect(try outputs.map(values) == [[15, 25], [5, 5], [10, 20]])
    }

    @Test("Outputs in the buffers of donated inputs see the inputs as they were")
    func donation() throws {
        let invocation = try executable().makeInvocation()
        let (x, y, other) = (try buffer([1, 2]), try buffer([10, 20]), try buffer([0, 0]))
        try invocation.bind(input: 0, to: x)
        try invocation.bind(input: 1, to: y)
        // The sum replaces x, x goes where y was, y goes elsewhere.
        try invocation.bind(output: 0, to: x)
        try invocation.bind(output: 1, to: y)
        try invocation.bind(output: 2, to: other)
        try invocation.run()
        #expect(try [x, y, other].map(values) == [[11, 22], [1, 2], [10, 20]])
    }

    @Test("Invocations of one program run at the same time")
    func concurrency() async throws {
        let executable = try executable()
        let sums = try await withThrowingTaskGroup(of: [Float].self) { group in
            for index in 0..<16 {
                group.addTask {
                    let invocation = try executable.makeInvocation()
                    let output = try buffer([0, 0])
                    for input in 0..<2 { try invocation.bind(input: input, to: buffer([Float(index), 1])) }
                    for other in 1..<3 { try invocation.bind(output: other, to: buffer([0, 0])) }
                    try invocation.bind(output: 0, to: output)
                    for _ in 0..<50 { try invocation.run() }
                    return try values(output)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(sums.sorted { $0[0] < $1[0] } == (0..<16).map { [Float(2 * $0), 2] })
    }

    @Test("Reports one time per step")
    func profile() throws {
        let executable = try executable()
        #expect(executable.stepDescriptions == ["add float32[2]"])
        let invocation = try executable.makeInvocation()
        for index in 0..<2 { try invocation.bind(input: index, to: buffer([1, 2])) }
        for index in 0..<3 { try invocation.bind(output: index, to: buffer([0, 0])) }
        #expect(try invocation.profile().count == 1)
    }

    @Test("Wrong bindings, sizes, devices and graphs are typed errors")
    func misuse() throws {
        let invocation = try executable().makeInvocation()
        #expect(kind { try invocation.run() } == .invalidArgument)
        #expect(kind { try invocation.bind(input: 2, to: buffer([1, 2])) } == .invalidArgument)
        #expect(kind { try invocation.bind(output: -1, to: buffer([1, 2])) } == .invalidArgument)
        #expect(kind { try invocation.bind(input: 0, to: buffer([1])) } == .invalidArgument)
        try invocation.bind(input: 0, to: buffer([1, 2]))
        try invocation.bind(input: 1, to: buffer([1, 2]))
        #expect(kind { try invocation.run() } == .invalidArgument)
        #expect(kind { _ = try backend.allocate(byteCount: .max, on: "reference") } == .outOfMemory)
        #expect(kind { _ = try backend.allocate(byteCount: -1, on: "reference") } == .outOfMemory)
        #expect(kind { _ = try backend.allocate(byteCount: 1, on: "gpu") } == .deviceUnavailable)
        let symbolic = try GraphBuilder.region([TensorType(.float32, [.symbol("n")])]) { _, x throws(GraphError) in x }
        #expect(
            kind { _ = try backend.compile(CompilationUnit(graph: symbolic), for: "reference") } == .compilationFailed)
    }

    @Test("Imports literals without copying, and 4-bit ones too")
    func importing() throws {
        let x = try Run.primitive(.convert(.int4), Literal([1, -2, 3] as [Int8]))
        let graph = try GraphBuilder.region([x.type]) { _, x throws(GraphError) in [try x[0].reverse([0])] }
        let invocation = try backend.compile(CompilationUnit(graph: graph), for: "reference").makeInvocation()
        let storage = try x.denseStorage()
        let input = try backend.importing(storage, on: "reference")
        #expect(input.hostAddress == UnsafeMutableRawPointer(mutating: storage.bytes.baseAddress))
        let output = try backend.allocate(byteCount: 2, on: "reference")
        try invocation.bind(input: 0, to: input)
        try invocation.bind(output: 0, to: output)
        try invocation.run()
        var bytes: [UInt8] = [0, 0]
        try bytes.withUnsafeMutableBytes { try output.read(into: $0, at: 0) }
        #expect(bytes == [0xE3, 0x01])
    }

    @Test("Evaluates for constant folding")
    func evaluator() throws {
        let evaluator: any Evaluator = ReferenceEvaluator()
        let graph = try GraphBuilder.region([.scalar(.float32)]) { _, x throws(GraphError) in [try x[0] * x[0]] }
        #expect(try evaluator.evaluate(graph, [Literal(3 as Float)])[0].scalars(as: Float.self) == [9])
        #expect(kind { _ = try evaluator.evaluate(graph, []) } == .invalidArgument)
    }
}
