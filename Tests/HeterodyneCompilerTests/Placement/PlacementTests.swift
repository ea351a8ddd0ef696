// Heterodyne: where the nodes of graphs run, and what the report says about it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

@Suite("Placement on devices")
struct PlacementTests {
    typealias Figure = DeviceProfile.Figure

    /// A device with round figures: operations and bytes per second, and links of a megabyte per second.
    static func profile(
        operations: Double = 1e9, memory: Double = 1e9, launch: Double = 1e-6, link: Double = 1e6
    ) -> DeviceProfile {
        func all(_ value: Double) -> [ScalarType: Figure] { [.float32: Figure(value, .measured)] }
        let link = DeviceProfile.Link(latency: Figure(1e-6, .measured), bytesPerSecond: Figure(link, .measured))
        return DeviceProfile(
            operations: [
                .contraction: all(operations), .elementwise: all(operations), .transcendental: all(operations),
                .reduction: all(operations),
            ],
            memory: Figure(memory, .measured), launch: Figure(launch, .measured), step: Figure(1e-7, .measured),
            upload: link, download: link)
    }

    static func target(
        _ device: String, without missing: Set<ScalarType> = [], isRemote: Bool = false,
        exceptions: [SupportException] = [], fusion: FusionCapabilities = .none,
        profile: DeviceProfile? = profile()
    ) -> CompilationTarget {
        var capabilities = Targets.capabilities(without: missing, fusion: fusion, hasUnifiedMemory: !isRemote)
        capabilities.exceptions = exceptions
        var target = CompilationTarget(device: device, capabilities: capabilities)
        target.profile = profile
        return target
    }

    static func compile(
        _ graph: Graph, _ targets: [CompilationTarget], _ goal: PlacementGoal = .asked
    ) throws -> CompiledGraph {
        var options = CompilerOptions()
        options.placement = goal
        options.fuses = false
        return try Compiler(targets: targets, options: options, evaluator: ReferenceEvaluator()).compile(graph)
    }

    /// The device of each placed operation, in the order of the report.
    static func places(_ compiled: CompiledGraph) -> [String] {
        compiled.report.entries.filter { $0.kind == .placement || $0.kind == .fallback }.map {
            "\($0.operation) \($0.device)"
        }
    }

    static func refusing(_ primitive: PrimitiveCode) -> [SupportException] {
        [SupportException(primitive: primitive, scalarType: .float32, reason: "no \(primitive.name) here")]
    }

    /// exp, tanh, sin one after the other on 1000 numbers, and a sum that is the only thing to come back.
    func chain(_ count: Int = 1000) throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [count]))
        try builder.output("y", x.exp().tanh().sin().reduce(.sum, [0]))
        return try builder.build()
    }

    @Test("A region goes where one of its nodes has to go, if that saves a transfer")
    func regions() throws {
        let first = Self.target("a", isRemote: true, exceptions: Self.refusing(.tanh))
        let compiled = try Self.compile(try chain(), [first, Self.target("b")])
        // sin and the sum follow tanh: one number comes back instead of a thousand. exp has no reason to move.
        #expect(Self.places(compiled) == ["exp a", "tanh b", "sin b", "reduce b"])
        #expect(compiled.parts.map(\.target) == [0, 1])
        let entries = compiled.report.entries
        #expect(entries[1].reason == "refused on a: no tanh here")
        #expect(entries[2].reason == "goes along with its neighbours (saves a transfer of 4 kB)")
        #expect(entries[2].kind == .fallback && entries[2].seconds != nil)
        let transfers = entries.filter { $0.kind == .transfer }
        #expect(transfers.map(\.byteCount) == [4000, 4])
        // 1 us until the first byte, then a megabyte per second.
        #expect(abs((transfers[0].seconds ?? 0) - 4.001e-3) < 1e-9)
    }

    @Test("The report names the rule that sent a node away")
    func rules() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float64, [3]))
        try builder.output("y", x.exp())
        let targets = [Self.target("a", without: [.float64]), Self.target("b")]
        let compiled = try Self.compile(try builder.build(), targets)
        let entry = try #require(compiled.report.entries.first { $0.operation == "exp" })
        #expect(entry.kind == .fallback && entry.rule == "float64=fallback")
        #expect(entry.reason.hasPrefix("refused on a: the device has no float64"))
        // No type is to blame for an operation that is missing.
        let other = try Self.compile(
            try chain(), [Self.target("a", exceptions: Self.refusing(.tanh)), Self.target("b")])
        #expect(other.report.entries.filter { $0.kind == .fallback }.map(\.rule) == [""])
    }

    @Test("Where the devices share memory, or nothing is refused, nothing goes along")
    func alone() throws {
        let shared = Self.target("a", exceptions: Self.refusing(.tanh))
        let slow = Self.target("b", profile: Self.profile(operations: 1e7))
        #expect(
            Self.places(try Self.compile(try chain(100_000), [shared, slow])) == [
                "exp a", "tanh b", "sin a", "reduce a",
            ])
        // A faster second device is no reason.
        let fast = Self.target("b", profile: Self.profile(operations: 1e13, memory: 1e13))
        let quiet = try Self.compile(try chain(), [Self.target("a"), fast])
        #expect(Self.places(quiet) == ["exp a", "tanh a", "sin a", "reduce a"])
        #expect(quiet.report.entries.allSatisfy { $0.reason == "native" })
    }

    @Test("What the first device emulates stays there")
    func emulated() throws {
        var policy = ScalarTypePolicy()
        policy[.float64] = .emulate
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float64, [1000]))
        try builder.output("y", x.tanh().exp().sin())
        let graph = try builder.build()
        struct Emulating: Backend {
            let capabilities: Capabilities
            var name: String { "e" }
            func discover() -> DeviceListing { DeviceListing() }
            func capabilities(of device: String) throws(BackendError) -> Capabilities { capabilities }
            func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
                try HostBuffer(byteCount: byteCount)
            }
            func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
                throw BackendError(.compilationFailed, "only asked about nodes")
            }
            func support(for node: NodeSignature, on device: String) -> Support {
                guard node.scalarTypes.contains(.float64) else { return .native }
                return node.operation.name == "exp"
                    ? .unsupported(reason: "no exp") : .afterLegalization(reason: "pairs")
            }
        }
        var capabilities = Targets.capabilities(hasUnifiedMemory: false)
        capabilities.emulations = [.float64: Emulation(method: "pairs", precision: 48, costFactor: 30)]
        var first = try CompilationTarget(backend: Emulating(capabilities: capabilities), device: "e")
        first.profile = Self.profile()
        var report = CompilationReport(label: "", devices: [])
        let segments = try Partitioner(
            graph: graph, targets: [first, Self.target("b")], policy: policy
        ).segments(&report)
        #expect(segments.map(\.target) == [0, 1, 0])
        #expect(segments.map(\.emulatedTypes) == [[.float64], [], [.float64]])
        // Where costs decide, thirty times slower is a reason to leave.
        let cheapest = try Partitioner(
            graph: graph, targets: [first, Self.target("b", profile: Self.profile(link: 1e9))], policy: policy,
            goal: .cheapest
        ).segments(&report)
        #expect(cheapest.map(\.target) == [1])
    }

    @Test("The cheapest placement pays for transfers with speed, and says so")
    func cheapest() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [64, 64]))
        var product = x
        for _ in 0..<4 { product = try product.dot(x, DotDimensions(leftContracting: [1], rightContracting: [0])) }
        try builder.output("y", product)
        let graph = try builder.build()
        let slow = Self.target("a", profile: Self.profile(operations: 1e8))
        // 2 MFLOP take 21 ms here and 2.1 ms there; moving 16 kB there and back takes 0.3 ms.
        let near = Self.target("b", isRemote: true, profile: Self.profile(link: 1e8))
        let moved = try Self.compile(graph, [slow, near], .cheapest)
        #expect(Self.places(moved) == ["dot b"])
        let entry = try #require(moved.report.entries.first)
        #expect(entry.kind == .placement && entry.isFree && entry.count == 4)
        #expect(entry.reason.hasPrefix("cheaper here by "))
        #expect(entry.reason.contains("us: compute ") && entry.reason.contains(", transfer "))
        #expect(abs((entry.seconds ?? 0) - 4 * (2 * 64 * 64 * 64 / 1e9 + 1e-7)) < 1e-9)
        #expect(moved.report.costlyEntries.isEmpty)
        // Over a slow link it is not worth it.
        let far = Self.target("b", isRemote: true, profile: Self.profile(link: 1e5))
        let kept = try Self.compile(graph, [slow, far], .cheapest)
        #expect(Self.places(kept) == ["dot a"] && kept.report.entries[0].reason == "native")
    }

    @Test("A fused chain is not parted where only a little is gained")
    func chains() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [100_000]))
        try builder.output("y", x.exp().tanh().sin())
        let graph = try builder.build()
        // Each device is a little faster at one of the steps: 0.1 ms for each, and 0.8 ms to write and read a result.
        var profiles = [Self.profile(operations: 1e9), Self.profile(operations: 1e9)]
        profiles[1].operations[.transcendental] = [.float32: Figure(1.2e9, .measured)]
        let without = [
            SupportException(primitive: .sin, scalarType: .float32, reason: "no sine"),
            SupportException(primitive: .exp, scalarType: .float32, reason: "no exponential"),
        ]
        let fused = [
            Self.target("a", fusion: Targets.everyFusion, profile: profiles[0]),
            Self.target("b", exceptions: without, fusion: Targets.everyFusion, profile: profiles[1]),
        ]
        #expect(Self.places(try Self.compile(graph, fused, .cheapest)) == ["exp a", "tanh a", "sin a"])
    }

    @Test("Segments take all that can run by then; one of its own only for what then runs beside another device")
    func merged() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [8]))
        // tanh and floor run on b. cos on a needs nothing of b, and sin is ready together with exp.
        let wide = try x.tanh()
        try builder.output("y", wide.exp() + x.cos())
        try builder.output("z", wide.sin().floor().abs())
        let graph = try builder.build()
        let refused = Self.refusing(.tanh) + Self.refusing(.floor)
        let targets = [Self.target("a", exceptions: refused), Self.target("b")]
        let compiled = try Self.compile(graph, targets)
        #expect(compiled.parts.map(\.target) == [0, 1, 0, 1, 0])
        #expect(compiled.parts.map { $0.graph.nodes.count - $0.inputs.count } == [1, 1, 3, 1, 1])
        // Without cos nothing can begin on a.
        let later = GraphBuilder()
        let first = try later.input("x", TensorType(.float32, [8])).tanh()
        try later.output("y", first.exp() + first.cos())
        try later.output("z", first.sin())
        #expect(try Self.compile(try later.build(), targets).parts.map(\.target) == [1, 0])
        let inputs = [Literal((0..<8).map { Float($0) / 3 })]
        #expect(try run(compiled, inputs) == (try ReferenceEvaluator.evaluate(graph, inputs: inputs)))
    }

    /// Runs the parts one after the other with the reference.
    func run(_ compiled: CompiledGraph, _ inputs: [Literal]) throws -> [Literal] {
        var values: [Value: Literal] = [:]
        for (value, literal) in zip(compiled.placed.inputs, inputs) { values[value] = literal }
        for part in compiled.parts {
            let arguments = try part.inputs.map { try #require(values[$0]) }
            let results = try ReferenceEvaluator.evaluate(part.graph, inputs: arguments)
            for (value, literal) in zip(part.outputs, results) { values[value] = literal }
        }
        return try compiled.placed.outputs.map { try #require(values[$0.value]) }
    }

    @Test(
        "Whatever is refused where, the parts together compute the graph, the same way each time",
        arguments: 0..<24, PlacementGoal.allCases)
    func random(seed: Int, goal: PlacementGoal) throws {
        var numbers = Numbers(state: UInt64(seed) + 17)
        let builder = GraphBuilder()
        var terms = [
            try builder.input("x", TensorType(.float32, [16])), try builder.input("w", TensorType(.float32, [16])),
        ]
        for _ in 0..<30 {
            let (a, b) = (terms[numbers.next(below: terms.count)], terms[numbers.next(below: terms.count)])
            switch numbers.next(below: 6) {
            case 0: terms.append(try a.tanh())
            case 1: terms.append(try a.sin())
            case 2: terms.append(try a + b)
            case 3: terms.append(try a.maximum(b))
            case 4: terms.append(try a.cos() * 2)
            default: terms.append(try a.abs())
            }
        }
        for (index, term) in terms.suffix(3).enumerated() { try builder.output("y\(index)", term) }
        let graph = try builder.build()
        let codes: [PrimitiveCode] = [.tanh, .sin, .add, .maximum, .cos, .abs]
        let targets = (0..<3).map { device in
            // The last one takes everything.
            let refused = device == 2 ? [] : codes.filter { _ in numbers.next(below: 3) == 0 }
            return Self.target(
                "d\(device)", isRemote: numbers.next(below: 2) == 0, exceptions: refused.flatMap(Self.refusing),
                profile: Self.profile(operations: 1e6 * Double(1 + numbers.next(below: 100)), link: 1e7))
        }
        let compiled = try Self.compile(graph, targets, goal)
        let inputs = [
            Literal((0..<16).map { Float($0) / 7 - 1 }), Literal((0..<16).map { 1 - Float($0) / 5 }),
        ]
        let expected = try ReferenceEvaluator.evaluate(compiled.placed, inputs: inputs)
        #expect(try run(compiled, inputs) == expected)
        for part in compiled.parts {
            for node in part.graph.nodes {
                #expect(targets[part.target].support(for: NodeSignature(node, in: part.graph)).isNative)
            }
        }
        var again = try Self.compile(graph, targets, goal)
        #expect(again.parts.map(\.graph) == compiled.parts.map(\.graph))
        #expect(again.parts.map(\.target) == compiled.parts.map(\.target))
        again.report.seconds = compiled.report.seconds
        again.report.passes = compiled.report.passes
        #expect(again.report == compiled.report)
        // Every placed node has a line and every line a reason.
        let lines = compiled.report.entries.filter { $0.kind == .placement || $0.kind == .fallback }
        #expect(lines.allSatisfy { !$0.reason.isEmpty && $0.seconds != nil })
        #expect(lines.reduce(0) { $0 + $1.count } >= compiled.parts.count)
    }

    @Test("Without profiles nothing is said about seconds")
    func unmeasured() throws {
        let first = Self.target("a", isRemote: true, exceptions: Self.refusing(.tanh), profile: nil)
        let compiled = try Self.compile(try chain(), [first, Self.target("b", profile: nil)])
        #expect(compiled.report.entries.allSatisfy { $0.seconds == nil })
        #expect(Self.places(compiled)[1] == "tanh b")
    }
}
