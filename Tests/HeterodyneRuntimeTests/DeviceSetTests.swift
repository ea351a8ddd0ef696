// Heterodyne: programs that run on several devices because that costs least.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Testing

@Suite("Device sets")
struct DeviceSetTests {
    /// A device with a gigabyte per second of memory and links.
    static func profile(contraction: Double, elementwise: Double) -> DeviceProfile {
        func figure(_ value: Double) -> DeviceProfile.Figure { .init(value, .measured) }
        func all(_ value: Double) -> [ScalarType: DeviceProfile.Figure] { [.float32: figure(value)] }
        let link = DeviceProfile.Link(latency: figure(1e-6), bytesPerSecond: figure(1e9))
        return DeviceProfile(
            operations: [
                .contraction: all(contraction), .elementwise: all(elementwise), .transcendental: all(elementwise),
                .reduction: all(elementwise),
            ],
            memory: figure(1e10), launch: figure(1e-6), step: figure(1e-7), upload: link, download: link)
    }

    let inputs = [try? Literal((0..<1024).map { Float($0 % 13) / 32 }, shape: [32, 32])].compactMap(\.self)

    /// Products, and functions of their elements.
    func program() throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [32, 32]))
        let dimensions = DotDimensions(leftContracting: [1], rightContracting: [0])
        let wide = try x.dot(x, dimensions).tanh().sin()
        try builder.output("y", wide.dot(x, dimensions).exp())
        try builder.output("z", wide)
        return try builder.build()
    }

    /// Two devices, one good at products and one at everything else.
    func specialists(_ folder: ScratchFolder, isRemote: Bool) -> (Runtime, FakeBackend, FakeBackend) {
        let (a, b) = (FakeBackend("a", .init(isRemote: isRemote)), FakeBackend("b", .init(isRemote: isRemote)))
        let runtime = Runtime(
            registry: DeviceRegistry([a, b]), evaluator: ReferenceEvaluator(), profileFolder: folder.path)
        runtime.setProfile(Self.profile(contraction: 1e10, elementwise: 1e6), of: a.device)
        runtime.setProfile(Self.profile(contraction: 1e7, elementwise: 1e9), of: b.device)
        return (runtime, a, b)
    }

    @Test("Each device does what it does best, and results are those of one device", arguments: [true, false])
    func specialisation(isRemote: Bool) throws {
        let folder = try ScratchFolder()
        let (runtime, a, _) = specialists(folder, isRemote: isRemote)
        let graph = try program()
        let program = try runtime.program(for: graph, on: runtime.registry.set(["a", "b"]))
        let places = program.report.entries.filter { $0.kind == .placement }
        #expect(places.map { "\($0.operation) \($0.device)" } == ["dot a", "tanh b", "sin b", "exp b"])
        #expect(places.allSatisfy { $0.isFree && $0.seconds != nil })
        #expect(places[1].reason.hasPrefix("cheaper here by "))
        #expect(program.device == a.device && program.report.devices == ["a", "b"])
        let transfers = program.report.entries.filter { $0.kind == .transfer }
        #expect(transfers.isEmpty != isRemote)
        #expect(transfers.allSatisfy { $0.seconds != nil && $0.isFree })
        #expect(program.report.costlyEntries.isEmpty)
        let expected = try ReferenceEvaluator.evaluate(graph, inputs: inputs)
        for _ in 0..<2 { #expect(try program.call(inputs) == expected) }
        let alone = try runtime.program(for: graph, on: a.device)
        #expect(try alone.call(inputs) == expected)
        // Nothing was measured, for everything was said.
        #expect(folder.files.isEmpty)
    }

    @Test("Programs are remembered by set, by its order and by what is known of its devices")
    func cache() throws {
        let folder = try ScratchFolder()
        let (runtime, a, _) = specialists(folder, isRemote: true)
        let graph = try program()
        let set = try runtime.registry.set(["a", "b"])
        let first = try runtime.program(for: graph, on: set)
        #expect(try runtime.program(for: graph, on: set) === first)
        let turned = try runtime.program(for: graph, on: runtime.registry.set(["b", "a"]))
        #expect(turned !== first && turned.device.id == "b")
        #expect(try runtime.program(for: graph, on: a.device) !== first)
        #expect(try runtime.program(for: graph, on: runtime.registry.automaticSet()) !== first)
        runtime.setProfile(Self.profile(contraction: 1e10, elementwise: 1e10), of: a.device)
        let second = try runtime.program(for: graph, on: set)
        #expect(second !== first)
        #expect(second.report.entries.allSatisfy { $0.device == "a" && $0.kind == .placement })
    }

    @Test("Inputs and outputs of an automatic set live where most is done")
    func automatic() throws {
        let folder = try ScratchFolder()
        let (runtime, a, b) = specialists(folder, isRemote: true)
        runtime.setProfile(Self.profile(contraction: 1e6, elementwise: 1e6), of: a.device)
        runtime.setProfile(Self.profile(contraction: 1e9, elementwise: 1e9), of: b.device)
        let graph = try program()
        let set = try runtime.registry.automaticSet()
        #expect(set.isAutomatic && set.devices.map(\.id) == ["a", "b"])
        let program = try runtime.program(for: graph, on: set)
        #expect(program.device == b.device && program.report.devices == ["b", "a"])
        // Where inputs and outputs are to live on one device, they do.
        let fixed = try runtime.program(for: graph, on: set.starting(with: a.device))
        #expect(fixed.device == a.device && fixed !== program)
        #expect(runtime.fastestDevice(of: set) == b.device)
        #expect(backendError { _ = try set.starting(with: FakeBackend("c").device) }?.kind == .invalidArgument)
        // Nothing has to move then.
        #expect(program.report.entries.allSatisfy { $0.device == "b" && $0.kind == .placement })
        #expect(try program.call(inputs) == ReferenceEvaluator.evaluate(graph, inputs: inputs))
    }

    @Test("The interpreter is in an automatic set only where nothing else is, or for what nothing else runs")
    func interpreter() throws {
        let folder = try ScratchFolder()
        let a = FakeBackend("a", .init(missing: [.float64]))
        func runtime(_ backends: [any Backend]) -> Runtime {
            Runtime(registry: DeviceRegistry(backends), evaluator: ReferenceEvaluator(), profileFolder: folder.path)
        }
        let both = runtime([ReferenceBackend(), a])
        both.setProfile(Self.profile(contraction: 1e9, elementwise: 1e9), of: a.device)
        #expect(try both.registry.automaticSet().devices.map(\.id) == ["a"])
        #expect(try runtime([ReferenceBackend()]).registry.automaticSet().devices.map(\.id) == ["reference"])
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [4]))
        try builder.output("y", x.tanh().convert(.float64).exp())
        let graph = try builder.build()
        let program = try both.program(for: graph, on: both.registry.automaticSet())
        let places = program.report.entries.filter { $0.kind == .placement }
        #expect(places.map { "\($0.operation) \($0.device)" }.contains("exp reference"))
        let input = [Literal([Float(0), 0.5, 1, -1])]
        #expect(try program.call(input) == ReferenceEvaluator.evaluate(graph, inputs: input))
        // A set that was named gets no further device.
        #expect(throws: HeterodyneError.self) { try both.program(for: graph, on: both.registry.set(["a"])) }
    }

    @Test("Sets of nothing, of what is not there and of one device twice are errors that say so")
    func mistakes() throws {
        let registry = DeviceRegistry([FakeBackend("a"), FakeBackend("b")])
        let none = backendError { _ = try registry.set([]) }
        #expect(none?.kind == .invalidArgument && none?.message.contains("empty") == true)
        let twice = backendError { _ = try registry.set(["a", "b", "a"]) }
        #expect(twice?.kind == .invalidArgument && twice?.device == "a")
        let unknown = backendError { _ = try registry.set(["a", "c"]) }
        #expect(unknown?.kind == .deviceUnavailable && unknown?.message.contains("a, b") == true)
        #expect(backendError { _ = try DeviceRegistry([]).automaticSet() }?.kind == .deviceUnavailable)
        #expect(try registry.set(["b", "a"]).description == "b,a")
    }
}
