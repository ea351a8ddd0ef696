// Heterodyne: runs one case on one device.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneRuntime
import Synchronization

/// Runs cases on one device.
struct CaseRunner: Sendable {
    let device: Device
    let capabilities: Capabilities
    let limits: ErrorLimits
    let oracle: any Evaluator
    let conditions: MissingTypes
    private let runtime: Runtime

    init(
        device: Device, conditions: MissingTypes = .none, oracle: any Evaluator
    ) throws(BackendError) {
        self.device = device
        self.conditions = conditions
        self.oracle = oracle
        capabilities = try device.capabilities()
        var numerics = [capabilities.numerics]
        for other in conditions.fallbacks { numerics.append(try other.capabilities().numerics) }
        limits = ErrorLimits(numerics, standIns: conditions.standIns)
        // The device as it is masked: backends of several devices would otherwise show the unmasked one.
        let others = conditions.fallbacks.map(\.backend).filter { $0.name != device.backend.name }
        runtime = Runtime(
            registry: DeviceRegistry([device.backend] + others), evaluator: oracle, cacheCapacity: 1)
    }

    /// Why a case is wrong.
    private struct Failure: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
        init(_ what: String, _ error: any Error) { reason = "\(what): \(error)" }
    }

    func run(_ test: ConformanceCase) -> CaseResult {
        var result = CaseResult(test, device: device.id)
        switch test.body {
        case .conduct(let check):
            if let reason = check(device) { (result.status, result.reason) = (.failed, reason) }
        case .graph(let metric, _):
            do throws(Failure) { try run(test, metric, &result) } catch {
                (result.status, result.reason) = (.failed, error.reason)
            }
        }
        return result
    }

    private func run(_ test: ConformanceCase, _ metric: Metric, _ result: inout CaseResult) throws(Failure) {
        let graph: Graph
        let inputs: [Literal]
        let query = SupportQuery(device: device, policy: conditions.policy)
        do {
            guard let program = try test.program() else { return }
            (graph, inputs) = program
            // What is hidden is asked for by compiling.
            if !conditions.touches(graph), let refusal = try query.refusal(graph) {
                (result.status, result.reason) = (.skipped, refusal)
                return
            }
        } catch { throw Failure("the case cannot be built", error) }
        var options = ProgramOptions()
        options.donatedInputs = test.donatedInputs
        options.compiler.threads = test.threads
        options.label = test.id
        if !test.folds { options.compiler.foldingLimit = 0 }
        options.compiler.scalarTypes = conditions.policy
        options.fallbacks = .devices(conditions.fallbacks.map(\.id))
        let program: Program
        do { program = try runtime.compile(graph, on: device, options: options) } catch {
            guard conditions.touches(graph), case .graph(let refusal) = error, refusal.kind == .unsupported else {
                throw Failure("the device says that it runs this, but it does not compile", error)
            }
            (result.status, result.reason) = (try verdict(on: refusal, graph), refusal.description)
            return
        }
        if conditions.touches(graph) { try requireHonesty(program.report, graph) }
        let start = ContinuousClock.now
        let outputs = try observed(test, program, inputs)
        let duration = start.duration(to: .now).components
        result.seconds = Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
        do {
            let oracle = Oracle(evaluator: oracle, limits: limits, isClaimed: { isClaimed($0, query) })
            let verdict = try oracle.judge(outputs, of: graph, inputs, metric)
            (result.deviation, result.limit) = (verdict.deviation, verdict.limit)
        } catch { throw Failure("the oracle failed", error) }
        if let failure = result.deviation.failure { throw Failure(failure) }
    }

    /// Whether a device that may run a composite runs it by itself.
    private func isClaimed(_ signature: NodeSignature, _ query: SupportQuery) -> Bool {
        query.isClaimed(signature)
            || conditions.fallbacks.contains { SupportQuery(device: $0).isClaimed(signature) }
    }

    /// What a refusal is worth: what the policy asks for, or a skip where the device has no way. It has to name the node.
    private func verdict(on refusal: GraphError, _ graph: Graph) throws(Failure) -> CaseResult.Status {
        let names = graph.scalarTypes.intersection(conditions.types).map(\.name)
        guard refusal.operation != nil, names.contains(where: refusal.message.contains) else {
            throw Failure("the refusal names no node or no missing type", refusal)
        }
        let rules = Set(graph.scalarTypes.intersection(conditions.types).map { conditions.policy[$0] })
        if rules.contains(.error) { return .refused }
        if rules == [.fallback] && !conditions.fallbacks.isEmpty {
            throw Failure("nothing stands in although a device is allowed to", refusal)
        }
        return .skipped
    }

    /// Nothing is converted in silence: a program that computes with a hidden type has a line that says how, and under
    /// the rule `error` it does not exist.
    private func requireHonesty(_ report: CompilationReport, _ graph: Graph) throws(Failure) {
        let types = conditions.types
        if graph.onlyMoves(types) { return }
        let lines = report.entries.filter { $0.kind == .legalization || $0.kind == .fallback }
        let rules = Set(graph.scalarTypes.intersection(types).map { conditions.policy[$0] })
        if rules == [.error], let line = lines.first(where: { !$0.isFree }) {
            throw Failure("the policy says error, and yet: \(line.rule) \(line.operation): \(line.reason)")
        }
        // Constant folding may leave nothing of a small case.
        let remains = report.entries.contains { $0.kind == .placement || $0.kind == .fallback }
        guard lines.isEmpty, remains, computes(graph) else { return }
        throw Failure("the program computes with a type that the device lacks, and no line of the report says how")
    }

    /// Whether a graph computes something of hidden types from its inputs.
    private func computes(_ graph: Graph) -> Bool {
        var depends = [Bool](repeating: false, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            if case .parameter = node.operation { depends[index] = true }
            for operand in node.operands where depends[Int(operand.node)] { depends[index] = true }
            guard depends[index], case .primitive(let primitive) = node.operation else { continue }
            switch primitive.code.group {
            case .elementwise, .contraction, .reduction:
                if case .select = primitive { continue }
                // Of nothing, or of one element each, nothing is computed.
                let counts = node.operands.map { (try? graph.type(of: $0).elementCount()) ?? 1 }
                if counts.contains(0) { continue }
                if case .reduce = primitive, counts.first == (try? node.resultTypes.first?.elementCount()) { continue }
                if conditions.hides(NodeSignature(node, in: graph)) { return true }
            case .source, .movement, .sorting, .control: continue
            }
        }
        return false
    }

    /// The outputs, after every check that needs no oracle: guards, inputs, repetition, concurrency.
    private func observed(
        _ test: ConformanceCase, _ program: Program, _ inputs: [Literal]
    ) throws(Failure) -> [Literal] {
        let session: Session
        do { session = try program.makeSession() } catch { throw Failure("cannot make a session", error) }
        let first = try once(session, program, test, inputs, misaligned: false, fill: 0xFF)
        // Again, elsewhere in memory and over other garbage: the bits must be the same.
        let second = try once(session, program, test, inputs, misaligned: true, fill: 0x5A)
        for (index, (a, b)) in zip(first, second).enumerated() where a != b {
            throw Failure(
                "output\(index) differs between two runs on the same data \(Self.firstDifference(a, b)); the second "
                    + "run had unaligned buffers with other content before it")
        }
        if test.concurrency > 1 { try concurrently(test, program, inputs, expecting: first) }
        return first
    }

    private func concurrently(
        _ test: ConformanceCase, _ program: Program, _ inputs: [Literal], expecting expected: [Literal]
    ) throws(Failure) {
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: test.concurrency) { thread in
            do throws(Failure) {
                let session: Session
                do { session = try program.makeSession() } catch { throw Failure("cannot make a session", error) }
                for _ in 0..<3 {
                    let outputs = try once(session, program, test, inputs, misaligned: thread % 2 == 1, fill: 0xFF)
                    for (index, (a, b)) in zip(expected, outputs).enumerated() where a != b {
                        throw Failure("output\(index) is another in thread \(thread) \(Self.firstDifference(a, b))")
                    }
                }
            } catch { failures.withLock { $0.append(error.reason) } }
        }
        if let first = failures.withLock({ $0.first }) {
            throw Failure("\(test.concurrency) threads at the same time: \(first)")
        }
    }

    private static func firstDifference(_ a: Literal, _ b: Literal) -> String {
        let count = (try? a.type.elementCount()) ?? 0
        guard let index = (0..<count).first(where: { a.bits(at: $0) != b.bits(at: $0) }) else { return "" }
        let type = a.type.scalarType
        return "at element \(index): \(type.number(fromBits: a.bits(at: index))) and "
            + "\(type.number(fromBits: b.bits(at: index)))"
    }

    /// Runs `program` once in fresh buffers and checks everything around the results.
    private func once(
        _ session: Session, _ program: Program, _ test: ConformanceCase, _ inputs: [Literal], misaligned: Bool,
        fill: UInt8
    ) throws(Failure) -> [Literal] {
        var buffers: [any Buffer] = []
        var results: [any Buffer] = []
        var storages: [LiteralStorage] = []
        do {
            for (port, input) in zip(program.inputs, inputs) {
                let storage = try input.denseStorage()
                storages.append(storage)
                let buffer = try makeBuffer(port, misaligned, fill)
                try buffer.write(from: storage.bytes, at: 0)
                buffers.append(buffer)
            }
            let inPlace = program.inPlaceOutputs
            for (index, port) in program.outputs.enumerated() {
                guard let input = inPlace[index] else {
                    results.append(try makeBuffer(port, misaligned, fill))
                    continue
                }
                guard test.donatedInputs.contains(input) else {
                    throw Failure("output\(index) is computed in input\(input), which was not given away")
                }
                results.append(buffers[input])
            }
            for (index, buffer) in buffers.enumerated() { try session.bind(input: index, to: buffer) }
            for (index, buffer) in results.enumerated() { try session.bind(output: index, to: buffer) }
        } catch let failure as Failure { throw failure } catch { throw Failure("cannot bind", error) }
        do { try session.run() } catch { throw Failure("the program failed", error) }
        for (role, list) in [("input", buffers), ("output", results)] {
            for (index, buffer) in list.enumerated() {
                if let damage = (buffer as? GuardedBuffer)?.firstDamage {
                    throw Failure("byte \(damage) of \(role)\(index), which has \(buffer.byteCount) bytes, was written")
                }
            }
        }
        do {
            for (index, port) in program.inputs.enumerated() where !test.donatedInputs.contains(index) {
                let after = try Program.literal(of: buffers[index], port.type, port.byteCount)
                let before = try Literal(type: port.type, storage: storages[index])
                if after != before {
                    throw Failure("input\(index) was changed by the run \(Self.firstDifference(before, after))")
                }
            }
            var outputs: [Literal] = []
            for (port, buffer) in zip(program.outputs, results) {
                outputs.append(try Program.literal(of: buffer, port.type, port.byteCount))
            }
            return outputs
        } catch let failure as Failure { throw failure } catch { throw Failure("cannot read the results", error) }
    }

    private func makeBuffer(_ port: Program.Port, _ misaligned: Bool, _ fill: UInt8) throws(BackendError) -> any Buffer
    {
        if capabilities.hasUnifiedMemory {
            let step = max(1, port.type.scalarType.bitWidth / 8)
            return try GuardedBuffer(byteCount: port.byteCount, misalignment: misaligned ? step : 0, fill: fill)
        }
        let buffer = try device.backend.allocate(byteCount: port.byteCount, on: device.id)
        let filling = LiteralStorage(count: port.byteCount) { $0.initializeMemory(as: UInt8.self, repeating: fill) }
        try buffer.write(from: filling.bytes, at: 0)
        return buffer
    }
}
