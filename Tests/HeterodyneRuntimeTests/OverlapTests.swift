// Heterodyne: parts of one program run at the same time on several devices, with the results of one after the other.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Synchronization
import Testing

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Where several threads meet: each that arrives waits until the others have arrived too.
final class Rendezvous: Sendable {
    let expected: Int
    private let arrived = Mutex<Set<String>>([])

    init(_ expected: Int) { self.expected = expected }

    /// Throws after a time that no machine needs to let another thread run.
    func meet(_ name: String) throws(BackendError) {
        arrived.withLock { _ = $0.insert(name) }
        let deadline = ContinuousClock.now + .seconds(20)
        while arrived.withLock({ $0.count }) < expected {
            guard ContinuousClock.now < deadline else {
                throw BackendError(.executionFailed, "\(name) met nobody")
            }
            usleep(200)
        }
    }

    func reset() { arrived.withLock { $0 = [] } }
}

@Suite("Overlap of devices")
struct OverlapTests {
    typealias Hook = @Sendable (Graph) throws(BackendError) -> Void

    /// Two chains that need nothing of each other, one of them on each device.
    static let independent = """
        graph(%0 "x": float32[3], %1 "d": float64[3]) {
          %2 = negate(%0) : float32[3]
          %3 = negate(%1) : float64[3]
          return "f" = %2, "wide" = %3
        }
        """
    static let inputs = [Literal([Float(1), 2, 3]), Literal([0.5, 0.25, 0.125])]

    static func devices(_ kind: Int, first: Hook? = nil, second: Hook? = nil) -> (FakeBackend, FakeBackend) {
        (
            FakeBackend("a", .init(isRemote: kind & 1 != 0, missing: [.float64], willRun: first)),
            FakeBackend("b", .init(isRemote: kind & 2 != 0, willRun: second))
        )
    }

    static func program(_ graph: Graph, _ first: FakeBackend, _ second: FakeBackend) throws -> Program {
        var options = ProgramOptions()
        options.fallbacks = ["b"]
        return try runtime([first, second]).program(for: graph, on: first.device, options: options)
    }

    @Test("Parts that need nothing of each other run at the same time", arguments: 0..<4)
    func overlap(kind: Int) throws {
        let rendezvous = Rendezvous(2)
        let (first, second) = Self.devices(
            kind, first: { (_) throws(BackendError) in try rendezvous.meet("a") },
            second: { (_) throws(BackendError) in try rendezvous.meet("b") })
        let graph = try parse(Self.independent)
        let program = try Self.program(graph, first, second)
        let expected = try ReferenceEvaluator.evaluate(graph, inputs: Self.inputs)
        for _ in 0..<3 {
            #expect(try program.call(Self.inputs) == expected)
            rendezvous.reset()
        }
    }

    @Test("Programs on one device and chains of parts have no threads")
    func sequential() throws {
        let (first, second) = Self.devices(0)
        let alone = try Self.program(
            parse(
                """
                graph(%0 "x": float32[3]) {
                  %1 = negate(%0) : float32[3]
                  return "y" = %1
                }
                """), first, second)
        #expect(try alone.makeSession().laneCount == 1)
        let chain = try Self.program(
            parse(
                """
                graph(%0 "x": float32[3]) {
                  %1 = negate(%0) : float32[3]
                  %2 = convert(%1) {to = float64} : float64[3]
                  %3 = exp(%2) : float64[3]
                  %4 = convert(%3) {to = float32} : float32[3]
                  %5 = negate(%4) : float32[3]
                  return "y" = %5
                }
                """), first, second)
        #expect(try chain.makeSession().laneCount == 1)
        #expect(try Self.program(parse(Self.independent), first, second).makeSession().laneCount == 2)
    }

    @Test("A timeline has every part and copy, in lanes, in order", arguments: 0..<4)
    func timeline(kind: Int) throws {
        let (first, second) = Self.devices(kind)
        let program = try Self.program(parse(Self.independent), first, second)
        let session = try program.makeSession()
        for (index, literal) in Self.inputs.enumerated() {
            let storage = try literal.denseStorage()
            try session.bind(input: index, to: first.importing(storage, on: "a"))
        }
        for (index, port) in program.outputs.enumerated() {
            try session.bind(output: index, to: first.allocate(byteCount: port.byteCount, on: "a"))
        }
        let steps = try session.timeline()
        #expect(steps.filter { $0.work.hasPrefix("part") }.map(\.device) == ["a", "b"])
        #expect(Set(steps.map(\.lane)) == [0, 1])
        #expect(steps.filter { $0.work.hasPrefix("copies") }.count == (kind == 0 ? 0 : 2))
        #expect(steps.allSatisfy { $0.start <= $0.end })
        for lane in 0..<2 {
            let own = steps.filter { $0.lane == lane }.sorted { $0.start < $1.start }
            for (a, b) in zip(own, own.dropFirst()) { #expect(a.end <= b.start) }
        }
        #expect(steps.text.split(separator: "\n").count == steps.count)
        // A profile still has a time for each step of each part.
        #expect(try session.profile().count == program.stepDescriptions.count)
    }

    /// A graph whose float32 nodes run on `a` and whose float64 nodes on `b`, with values going to and fro.
    static func randomGraph(_ random: inout SplitMix) throws -> Graph {
        let builder = GraphBuilder()
        var narrow = [try builder.input("x", TensorType(.float32, [4]))]
        var wide = [try builder.input("d", TensorType(.float64, [4]))]
        for _ in 0..<Int.random(in: 4...24, using: &random) {
            let (n, w) = (narrow.randomElement(using: &random), wide.randomElement(using: &random))
            guard let n, let w else { continue }
            switch Int.random(in: 0..<6, using: &random) {
            case 0: narrow.append(try builder.add(.unary(.sin), [n]))
            case 1: wide.append(try builder.add(.unary(.sin), [w]))
            case 2: narrow.append(try builder.add(.binary(.add), [n, narrow[0]]))
            case 3: wide.append(try builder.add(.binary(.add), [w, wide[0]]))
            case 4: wide.append(try builder.add(.convert(.float64), [n]))
            default: narrow.append(try builder.add(.convert(.float32), [w]))
            }
        }
        for (index, value) in (narrow.suffix(3) + wide.suffix(3)).enumerated() {
            try builder.output("y\(index)", value)
        }
        return try builder.build()
    }

    @Test("Random graphs with random delays give what one device after the other gives", arguments: 0..<24)
    func randomGraphs(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed))
        let graph = try Self.randomGraph(&random)
        let hook: Hook = { (_) throws(BackendError) in usleep(.random(in: 0...400)) }
        let (first, second) = Self.devices(seed % 4, first: hook, second: hook)
        let program = try Self.program(graph, first, second)
        let expected = try ReferenceEvaluator.evaluate(graph, inputs: Self.inputs4)
        for _ in 0..<5 { #expect(try program.call(Self.inputs4) == expected) }
    }

    static let inputs4 = [Literal([Float(1), 2, 3, -4]), Literal([0.5, 0.25, 0.125, -8])]

    @Test("An error in either lane is thrown, the first in program order where both fail, and nothing is left running")
    func errors() throws {
        let fails = Mutex<Set<String>>([])
        let running = Atomic<Int>(0)
        @Sendable func hook(_ name: String) -> Hook {
            { (_) throws(BackendError) in
                running.add(1, ordering: .relaxed)
                defer { running.subtract(1, ordering: .relaxed) }
                // The first in program order is the slower one.
                usleep(name == "a" ? 3000 : 0)
                if fails.withLock({ $0.contains(name) }) { throw BackendError(.executionFailed, "fault of \(name)") }
            }
        }
        let (first, second) = Self.devices(3, first: hook("a"), second: hook("b"))
        let graph = try parse(Self.independent)
        let program = try Self.program(graph, first, second)
        let expected = try ReferenceEvaluator.evaluate(graph, inputs: Self.inputs)
        for faulty: Set<String> in [["a"], ["b"], ["a", "b"], []] {
            fails.withLock { $0 = faulty }
            let error = backendError { _ = try program.call(Self.inputs) }
            #expect(error?.message == faulty.min().map { "fault of \($0)" }, "\(faulty)")
            #expect(running.load(ordering: .relaxed) == 0)
            // After an error the program runs again.
            fails.withLock { $0 = [] }
            #expect(try program.call(Self.inputs) == expected)
        }
        // A session of one's own can run again after an error, too.
        let session = try program.makeSession()
        #expect(throws: HeterodyneError.self) { try session.run() }
    }

    @Test("A lane whose operand failed does not run")
    func skipping() throws {
        let ran = Mutex<[String]>([])
        let (first, second) = Self.devices(
            0, first: { (graph) throws(BackendError) in ran.withLock { $0.append("a") } },
            second: { (graph) throws(BackendError) in
                ran.withLock { $0.append("b") }
                throw BackendError(.executionFailed, "b broke")
            })
        // b makes what the second part on a needs.
        let program = try Self.program(
            parse(
                """
                graph(%0 "x": float32[3], %1 "d": float64[3]) {
                  %2 = negate(%0) : float32[3]
                  %3 = convert(%1) {to = float32} : float32[3]
                  %4 = add(%2, %3) : float32[3]
                  return "f" = %4, "g" = %2
                }
                """), first, second)
        #expect(try program.makeSession().laneCount == 2)
        #expect(backendError { _ = try program.call(Self.inputs) }?.message == "b broke")
        #expect(ran.withLock { $0.filter { $0 == "a" }.count } == 1)
    }

    @Test("Many sessions of one program run at once")
    func manySessions() async throws {
        let hook: Hook = { (_) throws(BackendError) in usleep(.random(in: 0...200)) }
        let (first, second) = Self.devices(3, first: hook, second: hook)
        var random = SplitMix(state: 99)
        let graph = try Self.randomGraph(&random)
        let program = try Self.program(graph, first, second)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for task in 0..<12 {
                group.addTask {
                    let inputs = [Literal([Float(task), 2, 3, -4]), Literal([0.5, Double(task), 0.125, -8])]
                    let expected = try ReferenceEvaluator.evaluate(graph, inputs: inputs)
                    for _ in 0..<10 where try program.call(inputs) != expected { return false }
                    return true
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }
}
