// Heterodyne: batches that are split over devices give the rows of one device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import Synchronization
import Testing

@testable import HeterodyneRuntime

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

@Suite("Batches over several devices")
struct ShardTests {
    /// Rows along the first dimension, along another one, merged, and not at all.
    static func graph(rows: Int) throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [rows, 2, 3]))
        let w = try builder.input("w", TensorType(.float32, [3]))
        let y = try (x * w.broadcast(to: x.shape)).tanh()
        try builder.output("y", y)
        try builder.output("turned", y.transpose([1, 0, 2]))
        try builder.output("flat", y.reshape([rows * 2, 3]) + 1)
        try builder.output("shared", w.exp())
        return try builder.build()
    }

    static func inputs(rows: Int) throws -> [Literal] {
        [
            try Literal((0..<rows * 6).map { Float($0) * 0.1 - 2 }, shape: Shape([rows, 2, 3])),
            Literal([Float(1), -0.5, 2]),
        ]
    }

    /// The rows that a device's part of the graph computes; the part may have its inputs in another order.
    static func rows(of graph: Graph) -> Int {
        graph.inputTypes.first { $0.rank == 3 }?.shape[0].fixedValue ?? 0
    }

    static func options(_ shares: [Double]? = nil) -> ShardOptions {
        var options = ShardOptions()
        options.axes = [0, nil]
        options.shares = shares
        options.program.fallbacks = []
        return options
    }

    static func devices(_ count: Int, remote: Int = 0, hook: OverlapTests.Hook? = nil) -> [FakeBackend] {
        (0..<count).map { FakeBackend("d\($0)", .init(isRemote: remote >> $0 & 1 == 1, willRun: hook)) }
    }

    // MARK: Shares

    @Test("Rows are shared out in proportion, none is left over", arguments: 0..<200)
    func counts(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed))
        let total = Int.random(in: 0...(seed % 2 == 0 ? 20 : 1 << 40), using: &random)
        var weights = (0..<Int.random(in: 1...6, using: &random)).map { _ in
            Bool.random(using: &random) ? 0 : Double.random(in: 0...1e6, using: &random)
        }
        weights[0] += 1e-3
        let counts = try BatchShare.counts(of: total, weights: weights)
        #expect(counts.reduce(0, +) == total)
        let sum = weights.reduce(0, +)
        for (count, weight) in zip(counts, weights) {
            #expect(abs(Double(count) - Double(total) * weight / sum) <= 1 + Double(total) * 1e-12)
            #expect(weight > 0 || count == 0)
        }
    }

    @Test("Shares that cannot be are refused")
    func badCounts() throws {
        for weights: [Double] in [[], [0, 0], [-1, 2], [.nan], [.infinity, 1]] {
            #expect(throws: BackendError.self) { try BatchShare.counts(of: 4, weights: weights) }
        }
        #expect(try BatchShare.counts(of: 5, weights: [1, 1]) == [3, 2])
        #expect(try BatchShare.counts(of: 9, weights: [0.25, 0.75]) == [2, 7])
        #expect(try BatchShare.counts(of: 3, weights: [.greatestFiniteMagnitude, .greatestFiniteMagnitude]) == [2, 1])
        #expect(try BatchShare.counts(of: 1, weights: [1e-300, 1]) == [0, 1])
    }

    // MARK: Results

    @Test("Any split gives the results of the whole", arguments: [0, 1, 2, 5, 9], 0..<8)
    func results(rows: Int, remote: Int) throws {
        let graph = try Self.graph(rows: rows)
        let inputs = try Self.inputs(rows: rows)
        let expected = try ReferenceEvaluator.evaluate(graph, inputs: inputs)
        for shares: [Double] in [[1, 1, 1], [0.2, 0.7, 0.1], [0, 1, 0], [1, 0, 3]] {
            let backends = Self.devices(3, remote: remote)
            let program = try runtime(backends).sharded(
                graph, over: backends.map(\.device), options: Self.options(shares))
            #expect(program.shares.map(\.rows.count).reduce(0, +) == rows)
            #expect(program.shares.allSatisfy { !$0.rows.isEmpty } || rows == 0)
            for _ in 0..<2 { #expect(try program.call(inputs) == expected) }
        }
    }

    @Test("Rows along any dimension of the inputs", arguments: 0..<4)
    func otherAxes(remote: Int) throws {
        let graph = try parse(
            """
            graph(%0 "x": float32[2, 5, 3], %1 "v": int16[5]) {
              %2 = negate(%0) : float32[2, 5, 3]
              %3 = negate(%1) : int16[5]
              return "y" = %2, "z" = %3
            }
            """)
        let inputs = [
            try Literal((0..<30).map { Float($0) }, shape: [2, 5, 3]), Literal([Int16(1), 2, 3, 4, 5]),
        ]
        var options = Self.options([2, 3])
        options.axes = [1, 0]
        let backends = Self.devices(2, remote: remote)
        let program = try runtime(backends).sharded(graph, over: backends.map(\.device), options: options)
        #expect(program.shares.map(\.rows) == [0..<2, 2..<5])
        #expect(try program.call(inputs) == ReferenceEvaluator.evaluate(graph, inputs: inputs))
        // Arguments out of the host's reach.
        let far = try zip(inputs, program.inputs).map { literal, port in
            let buffer = RemoteBuffer(byteCount: port.byteCount)
            try buffer.write(from: literal.denseStorage().bytes, at: 0)
            return buffer
        }
        let made = try program.call(far)
        #expect(try Program.literal(of: made[0], program.outputs[0].type, 120) == inputs[0].negated())
    }

    @Test("All devices compute at the same time, each of them its rows")
    func overlap() throws {
        let rendezvous = Rendezvous(3)
        let backends = Self.devices(3, remote: 5) { (graph) throws(BackendError) in
            try rendezvous.meet("\(Self.rows(of: graph))")
        }
        let graph = try Self.graph(rows: 6)
        let program = try runtime(backends).sharded(
            graph, over: backends.map(\.device), options: Self.options([1, 2, 3]))
        let expected = try ReferenceEvaluator.evaluate(graph, inputs: Self.inputs(rows: 6))
        for _ in 0..<3 {
            #expect(try program.call(Self.inputs(rows: 6)) == expected)
            rendezvous.reset()
        }
    }

    @Test("Rows are read in every run, what is shared when it is bound", arguments: 0..<2)
    func binding(remote: Int) throws {
        let backends = Self.devices(2, remote: remote * 3)
        let graph = try Self.graph(rows: 4)
        let program = try runtime(backends).sharded(
            graph, over: backends.map(\.device), options: Self.options([1, 1]))
        let session = try program.makeSession()
        #expect(backendError { try session.run() }?.kind == .invalidArgument)
        let (x, w) = (try buffer([Float](repeating: 1, count: 24)), try buffer([1, 1, 1]))
        try session.bind(input: 0, to: x)
        try session.bind(input: 1, to: w)
        var outputs: [HostBuffer] = []
        for (index, port) in program.outputs.enumerated() {
            outputs.append(try HostBuffer(byteCount: port.byteCount))
            try session.bind(output: index, to: outputs[index])
        }
        try session.run()
        let before = try floats(outputs[0])
        try [Float](repeating: 2, count: 24).withUnsafeBytes { (bytes) throws in try x.write(from: bytes, at: 0) }
        try session.run()
        #expect(try floats(outputs[0]) != before)
        try [Float](repeating: 0.5, count: 3).withUnsafeBytes { (bytes) throws in try w.write(from: bytes, at: 0) }
        try session.bind(input: 1, to: w)
        try session.run()
        // 2 * 0.5 is 1 * 1.
        #expect(try floats(outputs[0]) == before)
        let steps = try session.timeline()
        #expect(steps.map(\.device) == ["d0", "d1"] && steps.map(\.lane) == [0, 1])
        #expect(steps.allSatisfy { $0.start <= $0.end })
        // Wrong buffers.
        #expect(backendError { try session.bind(input: 2, to: x) }?.kind == .invalidArgument)
        #expect(backendError { try session.bind(output: 9, to: x) }?.kind == .invalidArgument)
        #expect(backendError { try session.bind(input: 1, to: x) }?.kind == .invalidArgument)
        #expect(backendError { try session.bind(output: 0, to: RemoteBuffer(byteCount: 96)) }?.kind == .invalidArgument)
        try session.bind(output: 0, to: x)
        #expect(backendError { try session.run() }?.message.contains("memory of input 'x'") == true)
        session.unbind()
        #expect(backendError { try session.run() }?.kind == .invalidArgument)
    }

    @Test("The error of the first share that fails is thrown, and the program runs again")
    func errors() throws {
        let backends = Self.devices(3)
        let graph = try Self.graph(rows: 6)
        let program = try runtime(backends).sharded(
            graph, over: backends.map(\.device), options: Self.options([1, 1, 1]))
        for failing: Set<Int> in [[0], [2], [1, 2]] {
            for index in failing { backends[index].failures.withLock { $0 = 1 } }
            let error = try #require(backendError { _ = try program.call(Self.inputs(rows: 6)) })
            #expect(error.device == failing.min().map { "d\($0)" })
            #expect(
                try program.call(Self.inputs(rows: 6))
                    == ReferenceEvaluator.evaluate(graph, inputs: Self.inputs(rows: 6)))
        }
    }

    @Test("Many threads use one program")
    func concurrency() async throws {
        let backends = Self.devices(2, remote: 2)
        let graph = try Self.graph(rows: 5)
        let program = try runtime(backends).sharded(
            graph, over: backends.map(\.device), options: Self.options([1, 1]))
        let inputs = try Self.inputs(rows: 5)
        let expected = try ReferenceEvaluator.evaluate(graph, inputs: inputs)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    for _ in 0..<10 where try program.call(inputs) != expected { return false }
                    return true
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }

    // MARK: Speeds

    /// `d0` takes a millisecond a row, `d1` five.
    static func unequal() -> [FakeBackend] {
        [1000, 5000].enumerated().map { index, delay in
            FakeBackend(
                "d\(index)",
                .init(
                    willRun: { (graph) throws(BackendError) in
                        usleep(UInt32(delay * rows(of: graph)))
                    }))
        }
    }

    @Test("Devices get rows by measured speed, which the report tells")
    func calibration() throws {
        let backends = Self.unequal()
        let program = try runtime(backends).sharded(
            Self.graph(rows: 12), over: backends.map(\.device), options: Self.options())
        let rows = program.shares.map(\.rows.count)
        #expect(rows.count == 2 && rows[0] > rows[1], "\(rows)")
        #expect(program.shares.allSatisfy { ($0.speed ?? 0) > 0 })
        let lines = program.report.entries.filter { $0.kind == .shard }
        #expect(lines.map(\.device) == ["d0", "d1"])
        #expect(lines.map(\.operation) == ["rows 0 to \(rows[0] - 1) of 12", "rows \(rows[0]) to 11 of 12"])
        #expect(lines.allSatisfy { $0.isFree && $0.rule == "measured" && $0.reason.contains("rows/s measured") })
        #expect(Set(program.report.entries.filter { $0.kind == .placement }.map(\.device)) == ["d0", "d1"])
        #expect(program.report.text.contains("rows 0 to"))
        #expect(program.report.summary.contains("split over 2 devices"))
    }

    @Test("Shares follow the runs only when that is asked for")
    func rebalancing() throws {
        let backends = Self.unequal()
        let program = try runtime(backends).sharded(
            Self.graph(rows: 12), over: backends.map(\.device), options: Self.options([1, 1]))
        #expect(program.shares.map(\.rows.count) == [6, 6])
        #expect(program.report.entries.first?.reason == "50.0% of the rows: as asked for")
        let inputs = try Self.inputs(rows: 12)
        let expected = try program.call(inputs)
        for _ in 0..<3 { _ = try program.call(inputs) }
        #expect(program.shares.map(\.rows.count) == [6, 6])
        let balanced = try program.rebalanced()
        let rows = balanced.shares.map(\.rows.count)
        #expect(rows[0] > 6, "\(rows)")
        #expect(try balanced.call(inputs) == expected)
        #expect(program.shares.map(\.rows.count) == [6, 6])
    }

    @Test("Known speeds are not measured again; arguments may serve as the sample")
    func knownSpeeds() throws {
        let backends = Self.devices(2)
        var options = Self.options()
        options.speeds = ["d0": 300, "d1": 100]
        let program = try runtime(backends).sharded(
            Self.graph(rows: 8), over: backends.map(\.device), options: options)
        #expect(program.shares.map(\.rows) == [0..<6, 6..<8])
        #expect(program.shares.map(\.speed) == [300, 100])
        #expect(backends.map { $0.compilations.withLock { $0 } } == [1, 1])
        let sample = try Self.inputs(rows: 8).map { HostBuffer(sharing: try $0.denseStorage()) }
        let measured = try runtime(backends).sharded(
            Self.graph(rows: 8), over: backends.map(\.device), options: Self.options(), sample: sample)
        #expect(measured.speeds.count == 2)
        // One row is not split, and costs no measuring.
        let single = try runtime(backends).sharded(
            Self.graph(rows: 1), over: backends.map(\.device), options: Self.options())
        #expect(single.shares.map(\.device.id) == ["d0"] && single.speeds.isEmpty)
        #expect(single.report.entries[0].reason == "100% of the rows: too few rows to split; no row for d1")
    }

    // MARK: Refusals

    @Test("What cannot be split is refused")
    func refusals() throws {
        let backends = Self.devices(2)
        let runtime = runtime(backends)
        let devices = backends.map(\.device)
        let mixing = try parse(
            """
            graph(%0 "x": float32[4, 2]) {
              %1 = reduce(%0) {kind = "sum", dimensions = [0]} : float32[2]
              return "y" = %1
            }
            """)
        do {
            _ = try runtime.sharded(mixing, over: devices)
            Issue.record("was split")
        } catch {
            guard case .graph(let inner) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(inner.kind == .unsupported && inner.operation?.contains("reduce(") == true)
        }
        let graph = try Self.graph(rows: 4)
        func refusal(_ devices: [Device], _ options: ShardOptions) -> BackendError? {
            backendError { _ = try runtime.sharded(graph, over: devices, options: options) }
        }
        #expect(refusal([], Self.options())?.kind == .invalidArgument)
        #expect(refusal([devices[0], devices[0]], Self.options())?.message.contains("named twice") == true)
        #expect(refusal(devices, Self.options([1]))?.message.contains("1 shares are given for 2") == true)
        #expect(refusal(devices, Self.options([.nan, 1]))?.kind == .invalidArgument)
        #expect(refusal(devices, Self.options([0, 0]))?.kind == .invalidArgument)
        var donating = Self.options()
        donating.program.donatedInputs = [0]
        #expect(refusal(devices, donating)?.message.contains("donated") == true)
        // Three numbers of four bits are one and a half bytes.
        let halves = try parse(
            """
            graph(%0 "x": int4[4, 3]) {
              %1 = reverse(%0) {dimensions = [1]} : int4[4, 3]
              return "y" = %1
            }
            """)
        var options = ShardOptions()
        options.shares = [1, 1]
        do {
            _ = try runtime.sharded(halves, over: devices, options: options)
            Issue.record("was split")
        } catch {
            guard case .graph(let inner) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(inner.kind == .unsupported && inner.message.contains("whole bytes"))
        }
    }
}

extension Literal {
    fileprivate func negated() throws -> Literal {
        let numbers: [Float] = try scalars()
        return try Literal(numbers.map { -$0 }, shape: type.shape)
    }
}
