// Heterodyne: programs on devices that lack scalar types, and devices that must not emulate.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Synchronization
import Testing

/// A reference without float64 that rounds products as `defect` says; counts what it compiles.
private final class RoughBackend: Backend {
    enum Defect: Sendable {
        case none
        /// A product and a sum are rounded once, also where that was forbidden.
        case contracts
        /// Numbers below 2^-100 become zero.
        case flushes
    }

    let name: String
    let defect: Defect
    let base = FakeBackend("rough", .init(missing: [.float64]))
    let selfTests = Mutex(0)

    init(_ defect: Defect) {
        name = "rough"
        self.defect = defect
    }

    func discover() -> DeviceListing { base.discover() }
    func capabilities(of device: String) throws(BackendError) -> Capabilities {
        try base.capabilities(of: device)
    }
    func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        try base.allocate(byteCount: byteCount, on: device)
    }

    func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        if unit.label.contains("self-test") { selfTests.withLock { $0 += 1 } }
        var unit = unit
        do { unit.graph = try spoiled(unit.graph) } catch {
            throw BackendError(.compilationFailed, "\(error)", device: device)
        }
        return try base.compile(unit, for: device)
    }

    private func spoiled(_ graph: Graph) throws(GraphError) -> Graph {
        let defect = defect
        return try graph.rewriting { (node, operands, builder) throws(GraphError) in
            guard case .primitive(.binary(let op)) = node.operation, operands[0].scalarType == .float32 else {
                return nil
            }
            switch defect {
            case .none: return nil
            case .contracts:
                guard op == .add else { return nil }
                for (x, y) in [(operands[0], operands[1]), (operands[1], operands[0])] {
                    let definition = builder.nodes[Int(x.value.node)]
                    guard case .primitive(.binary(.multiply)) = definition.operation else { continue }
                    let factors = definition.operands.map { Term(builder, $0) }
                    let product = try factors[0].convert(.float64) * factors[1].convert(.float64)
                    return [try (product + y.convert(.float64)).convert(.float32)]
                }
                return nil
            case .flushes:
                let result = try operands[0].binary(op, operands[1])
                return [try result.abs().compare(.less, 0x1p-100).select(result.like(0), result)]
            }
        }
    }

    var device: Device { Device(descriptor: discover().devices[0], backend: self) }
}

@Suite("Programs without scalar types")
struct EmulationTests {
    private func options(_ policy: String, _ fallbacks: FallbackDevices = []) throws -> ProgramOptions {
        var options = ProgramOptions()
        options.compiler.scalarTypes = try ScalarTypePolicy(parsing: policy)
        options.fallbacks = fallbacks
        return options
    }

    /// x exp(x) + sum, float64[4] to float64[4], and the indices of a sort in int64.
    private func graph() throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float64, [4]))
        let n = try builder.input("n", TensorType(.int64, [4]))
        let total = try x.reduce(.sum, [0]).broadcast(Shape([4]), dimensions: [])
        try builder.output("y", x * x.exp() + total)
        try builder.output("order", x.sortPermutation(dimension: 0))
        try builder.output("n", n * n)
        try builder.output("same", x.reverse([0]))
        return try builder.build()
    }

    private let x: [Double] = [0.1, -1.25, 3, 1e-5]
    private let n: [Int64] = [3, -4, 1 << 40, .max]

    private func check(_ results: [Literal], within limit: Double) throws {
        let expected = try ReferenceEvaluator.evaluate(graph(), inputs: [Literal(x), Literal(n)])
        for (a, b) in zip(try expected[0].scalars(as: Double.self), try results[0].scalars(as: Double.self)) {
            #expect((a - b).magnitude <= limit * max(1, a.magnitude), "\(a) and \(b)")
        }
        #expect(results[1] == expected[1])
        #expect(results[2] == expected[2])
        #expect(try results[3].scalars(as: Double.self) == x.reversed())
    }

    @Test("A masked device emulates by itself, fused and in donated buffers", arguments: [true, false])
    func masked(fuses: Bool) throws {
        let device = reference.masking(.float64, .int64)
        let runtime = runtime([ReferenceBackend()])
        var options = try options("float64=emulate")
        options.compiler.fuses = fuses
        options.donatedInputs = [0, 1]
        let program = try runtime.program(for: graph(), on: device, options: options)
        #expect(program.report.entries.contains { $0.kind == .legalization && $0.rule == "float64=emulate" })
        try check(try program.call([Literal(x), Literal(n)]), within: 0x1p-44)
        // A second time, after whatever the first did to buffers.
        try check(try program.call([Literal(x), Literal(n)]), within: 0x1p-44)
    }

    @Test(
        "Every device that is here emulates what is masked, alone and fused",
        arguments: [TypeMask(.float64), TypeMask(.float64, TypeMask.compute), TypeMask(.int64)])
    func devices(mask: TypeMask) throws {
        for device in Runtime.shared.registry.devices {
            let program = try Runtime.shared.compile(
                graph(), on: device.masking([mask]), options: options("float64=emulate"))
            #expect(program.report.entries.contains { $0.kind == .legalization }, "\(device.id)")
            try check(try program.call([Literal(x), Literal(n)]), within: 0x1p-44)
        }
    }

    @Test("Under fallback another device computes, and what is only moved stays")
    func fallback() throws {
        let masked = MaskedBackend(
            FakeBackend("small", .init(isRemote: true)),
            masks: [DeviceMask(device: "small", types: [TypeMask(.float64)])])
        let runtime = runtime([masked, ReferenceBackend()])
        let device = try runtime.registry.device("small")
        let program = try runtime.program(for: graph(), on: device, options: options("", .automatic))
        #expect(program.report.entries.contains { $0.kind == .fallback })
        try check(try program.call([Literal(x), Literal(n)]), within: 0)
        #expect(throws: HeterodyneError.self) {
            try runtime.program(for: graph(), on: device, options: options("float64=error"))
        }
    }

    @Test("A device that keeps error-free transforms is tested once and emulates")
    func sound() throws {
        let backend = RoughBackend(.none)
        let runtime = runtime([backend])
        let program = try runtime.program(for: graph(), on: backend.device, options: options("float64=emulate"))
        try check(try program.call([Literal(x), Literal(n)]), within: 0x1p-44)
        let builder = GraphBuilder()
        try builder.output("y", builder.input("x", TensorType(.float64, [2])).sqrt())
        _ = try runtime.program(for: builder.build(), on: backend.device, options: options("float64=emulate"))
        #expect(backend.selfTests.withLock { $0 } == 1)
    }

    @Test("A device that contracts or flushes too much does not emulate and says what it broke")
    func broken() throws {
        for defect in [RoughBackend.Defect.contracts, .flushes] {
            let backend = RoughBackend(defect)
            let alone = runtime([backend])
            do {
                _ = try alone.program(for: graph(), on: backend.device, options: options("float64=emulate"))
                Issue.record("\(defect): emulates")
            } catch let error as HeterodyneError {
                guard case .graph(let refusal) = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(refusal.kind == .unsupported)
                #expect(
                    refusal.message.contains("rough") && refusal.message.contains("self-test"), "\(refusal.message)")
            }
            // Another device computes it where one may, and the report says why.
            let both = runtime([backend, ReferenceBackend()])
            let program = try both.program(
                for: graph(), on: backend.device, options: options("float64=emulate", .automatic))
            let falls = program.report.entries.filter { $0.kind == .fallback }
            #expect(falls.contains { $0.reason.contains("self-test") }, "\(program.report.text)")
            try check(try program.call([Literal(x), Literal(n)]), within: 0)
            // Demotion rests on nothing of the kind.
            let demoted = try both.program(for: graph(), on: backend.device, options: options("float64=demote"))
            #expect(demoted.report.costlyEntries.contains { $0.rule == "float64=demote" })
        }
    }
}
