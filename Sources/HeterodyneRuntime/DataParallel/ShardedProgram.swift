// Heterodyne: one graph over several devices, each of which computes some rows of the batch.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneCompiler
public import HeterodyneGraph
import Synchronization

/// A graph compiled for several devices, each of which computes some rows of the batch, all at the same time.
///
/// That rows can be computed apart is proved before anything is compiled (`BatchAnalysis`). Arguments and results are those
/// of the whole batch: rows are cut out and put together by the library. What a device computes for a row is what its
/// program of fewer rows computes; devices agree with one another within their declared numerics.
///
/// Immutable: any number of threads may run it at the same time, each in a `ShardedSession` of its own or through `call`.
/// The shares never change; `rebalanced()` gives another program whose shares follow what was measured since.
public final class ShardedProgram: Sendable {
    /// The analysis of the graph of the whole batch.
    public let analysis: BatchAnalysis
    /// The inputs of the whole batch, in order.
    public let inputs: [Program.Port]
    /// The outputs of the whole batch, in order.
    public let outputs: [Program.Port]
    /// Who computes what, in order of rows; devices without rows are left out.
    public let shares: [BatchShare]
    /// How the batch was split and why, then what was decided for each share.
    public let report: CompilationReport
    /// All devices that were named.
    public let devices: [Device]
    let programs: [Program]
    let options: ShardOptions
    private let runtime: Runtime
    /// Rows per second of each device, by identifier: from the calibration, then from the runs.
    private let measured: Mutex<[String: Double]>
    private let pool = Mutex<[PooledSession]>([])
    /// Sessions at rest beyond this many are dropped.
    private static let poolLimit = 8

    /// A session at rest. Unchecked: it is in the hands of one thread at a time, by the pool's lock.
    private struct PooledSession: @unchecked Sendable { let session: ShardedSession }

    /// Splits `graph` over `devices`; see `Runtime.sharded`.
    init(
        _ analysis: BatchAnalysis, over devices: [Device], options: ShardOptions, sample: [any Buffer]?,
        runtime: Runtime
    ) throws(HeterodyneError) {
        try Self.check(devices, options)
        try Self.checkBytes(analysis)
        self.analysis = analysis
        self.devices = devices
        self.options = options
        self.runtime = runtime
        let graph = analysis.graph
        inputs = try liftingGraph { () throws(GraphError) in try Program.ports(graph.inputNames, graph.inputTypes) }
        outputs = try liftingGraph { () throws(GraphError) in
            try Program.ports(graph.outputs.map(\.name), graph.outputTypes)
        }
        let rowCount = analysis.rowCount
        var speeds = options.speeds
        let weights: [Double]
        if let shares = options.shares {
            weights = shares
        } else if rowCount < 2 || devices.count == 1 {
            // Nothing to share out: the first device, or the one that is known to be the fastest.
            let fastest = devices.indices.max { (speeds[devices[$0].id] ?? 0) < (speeds[devices[$1].id] ?? 0) } ?? 0
            let first = speeds.isEmpty ? 0 : fastest
            weights = devices.indices.map { $0 == first ? 1 : 0 }
        } else {
            let calibration = ShardCalibration(analysis: analysis, options: options, sample: sample, runtime: runtime)
            for device in devices where speeds[device.id] == nil {
                speeds[device.id] = try calibration.rowsPerSecond(on: device, among: devices.count)
            }
            weights = devices.map { speeds[$0.id] ?? 0 }
        }
        let counts = try liftingBackend { () throws(BackendError) in
            try BatchShare.counts(of: rowCount, weights: weights)
        }
        var shares: [BatchShare] = []
        var programs: [Program] = []
        var lines: [CompilationReport.Share] = []
        var first = 0
        let holder = weights.firstIndex { $0 > 0 } ?? 0
        for (index, device) in devices.enumerated() {
            // A batch without rows is still computed, by one device.
            guard counts[index] > 0 || (rowCount == 0 && index == holder) else { continue }
            let rows = first..<first + counts[index]
            first = rows.upperBound
            let program = try Self.program(analysis, rows.count, device, options, runtime)
            let share = BatchShare(device: device, rows: rows, speed: speeds[device.id])
            shares.append(share)
            programs.append(program)
            lines.append(Self.line(share, program, rowCount, isGiven: options.shares != nil))
        }
        // Devices that were named and get nothing are told too.
        let idle = devices.filter { device in !shares.contains { $0.device == device } }
        if !idle.isEmpty, !lines.isEmpty {
            let names = idle.map { device in
                device.id + (speeds[device.id].map { " (\(Self.number($0)) rows/s measured)" } ?? "")
            }
            lines[0].reason += "; no row for \(names.joined(separator: ", "))"
        }
        self.shares = shares
        self.programs = programs
        measured = Mutex(speeds)
        report = CompilationReport(label: options.program.label, rowCount: rowCount, shares: lines)
    }

    private static func check(_ devices: [Device], _ options: ShardOptions) throws(HeterodyneError) {
        func refuse(_ message: String) throws(HeterodyneError) {
            throw .backend(BackendError(.invalidArgument, message))
        }
        if devices.isEmpty { try refuse("a batch needs at least one device to be computed on") }
        for (index, device) in devices.enumerated() where devices[..<index].contains(device) {
            try refuse("\(device.id) is named twice; a device has one share of a batch")
        }
        if let shares = options.shares, shares.count != devices.count {
            try refuse("\(shares.count) shares are given for \(devices.count) devices")
        }
        if !options.program.donatedInputs.isEmpty {
            try refuse("inputs of a batch that is split cannot be donated: its devices work on parts of them")
        }
    }

    /// Throws where rows cannot be cut out or put together byte by byte.
    private static func checkBytes(_ analysis: BatchAnalysis) throws(HeterodyneError) {
        guard analysis.rowCount > 1 else { return }
        let graph = analysis.graph
        let axes = analysis.inputs.map { $0.map { BatchAxis($0) } } + analysis.outputs
        for (type, axis) in zip(graph.inputTypes + graph.outputTypes, axes) {
            guard let axis else { continue }
            _ = try liftingGraph { () throws(GraphError) in
                try RowBlocks(of: type, axis, rows: 0..<1, rowCount: analysis.rowCount)
            }
        }
    }

    /// The program of so many rows, remembered by the runtime: shares of one size have one.
    static func program(
        _ analysis: BatchAnalysis, _ rows: Int, _ device: Device, _ options: ShardOptions, _ runtime: Runtime
    ) throws(HeterodyneError) -> Program {
        let graph = try liftingGraph { () throws(GraphError) in try analysis.graph(rows: rows) }
        return try runtime.program(for: graph, on: device, options: options.program)
    }

    /// A number for people, without more digits than it is worth.
    private static func number(_ value: Double) -> String {
        value >= 100 ? "\(Int(min(value, 1e15).rounded()))" : "\((value * 10).rounded() / 10)"
    }

    private static func line(
        _ share: BatchShare, _ program: Program, _ rowCount: Int, isGiven: Bool
    ) -> CompilationReport.Share {
        let part = rowCount > 0 ? Double(share.rows.count) / Double(rowCount) : 1
        let cause: String
        if isGiven {
            cause = "as asked for"
        } else if let speed = share.speed {
            cause = "\(Self.number(speed)) rows/s measured"
        } else {
            cause = rowCount < 2 ? "too few rows to split" : "the only device"
        }
        let bytes = (program.inputs + program.outputs).reduce(0) { sum, port in
            let (next, overflow) = sum.addingReportingOverflow(port.byteCount)
            return overflow ? .max : next
        }
        return CompilationReport.Share(
            device: share.device.id, rows: share.rows, rule: isGiven ? "given" : "measured",
            reason: "\(Self.number(part * 100))% of the rows: \(cause)",
            resultTypes: program.outputs.map(\.type.description).joined(separator: ", "), byteCount: bytes,
            seconds: share.speed.flatMap { $0 > 0 ? Double(share.rows.count) / $0 : nil }, report: program.report)
    }

    // MARK: Speeds

    /// Rows per second of each device, by identifier: from the runs so far, from the calibration for devices that have run
    /// nothing yet. Devices that run at the same time and share memory or cores slow each other down; the calibration
    /// runs each alone.
    public var speeds: [String: Double] { measured.withLock { $0 } }

    /// Takes in what a run took; later runs count more.
    func record(_ share: Int, nanoseconds: UInt64) {
        let (rows, id) = (shares[share].rows.count, shares[share].device.id)
        guard rows > 0 else { return }
        let speed = Double(rows) / (Double(max(1, nanoseconds)) * 1e-9)
        measured.withLock { speeds in
            guard let known = speeds[id], known > 0 else {
                speeds[id] = speed
                return
            }
            // Times are averaged rather than speeds, so that one slow run does not count for more than one fast run.
            speeds[id] = 1 / (0.75 / known + 0.25 / speed)
        }
    }

    /// A program whose shares follow the speeds measured since, this one where they are the same. Throws as
    /// `Runtime.sharded` does.
    public func rebalanced() throws(HeterodyneError) -> ShardedProgram {
        var options = options
        options.shares = nil
        options.speeds = speeds
        let known = devices.map { options.speeds[$0.id] }
        let weights = known.compactMap(\.self)
        if weights.count == devices.count, weights.contains(where: { $0 > 0 }) {
            let counts = try liftingBackend { () throws(BackendError) in
                try BatchShare.counts(of: analysis.rowCount, weights: weights)
            }
            var now = [String: Int]()
            for share in shares { now[share.device.id] = share.rows.count }
            if zip(devices, counts).allSatisfy({ now[$0.id] ?? 0 == $1 }) { return self }
        }
        return try ShardedProgram(analysis, over: devices, options: options, sample: nil, runtime: runtime)
    }

    // MARK: Running

    /// A place to run the program, for one thread at a time. Throws `outOfMemory`.
    public func makeSession() throws(HeterodyneError) -> ShardedSession { try ShardedSession(self, isPooled: false) }

    /// Runs the program on the arguments of the whole batch and returns its results in memory of the host. Throws
    /// `invalidArgument` where the arguments do not fit the inputs, and the error of the first share that failed.
    public func call(_ arguments: [any Buffer]) throws(HeterodyneError) -> [any Buffer] {
        guard arguments.count == inputs.count else {
            throw .backend(
                BackendError(.invalidArgument, "the program takes \(inputs.count) inputs, was given \(arguments.count)")
            )
        }
        let session: ShardedSession
        if let pooled = pool.withLock({ $0.popLast() }) {
            session = pooled.session
        } else {
            session = try ShardedSession(self, isPooled: true)
        }
        for (index, argument) in arguments.enumerated() { try session.bind(input: index, to: argument) }
        var results: [any Buffer] = []
        for (index, output) in outputs.enumerated() {
            let result = try liftingBackend { () throws(BackendError) in try HostBuffer(byteCount: output.byteCount) }
            try session.bind(output: index, to: result)
            results.append(result)
        }
        // A session that failed is dropped, so that the next run starts from a clean one.
        try session.run()
        session.unbind()
        let pooled = PooledSession(session: session)
        pool.withLock { if $0.count < Self.poolLimit { $0.append(pooled) } }
        return results
    }

    /// Runs the program on literals and returns literals.
    public func call(_ arguments: [Literal]) throws(HeterodyneError) -> [Literal] {
        var buffers: [any Buffer] = []
        for (index, argument) in arguments.enumerated() {
            if inputs.indices.contains(index), argument.type != inputs[index].type {
                throw .backend(
                    BackendError(
                        .invalidArgument,
                        "input '\(inputs[index].name)' is \(inputs[index].type) and was given \(argument.type)"))
            }
            let storage = try liftingGraph { () throws(GraphError) in try argument.denseStorage() }
            buffers.append(HostBuffer(sharing: storage))
        }
        let results = try call(buffers)
        var literals: [Literal] = []
        for (port, buffer) in zip(outputs, results) {
            literals.append(try Program.literal(of: buffer, port.type, port.byteCount))
        }
        return literals
    }
}

extension Runtime {
    /// `graph`, whose shapes are those of the whole batch, compiled for several devices, each of which computes some rows.
    ///
    /// Without `options.shares` every device is timed on a few rows of the batch, of `sample` where arguments are given
    /// and of zeros where not, and gets rows in proportion to its speed. Throws `unsupported` naming the first node that
    /// lets rows depend on one another, `invalidArgument` for wrong options, and what compiling and running throw.
    public func sharded(
        _ graph: Graph, over devices: [Device], options: ShardOptions = ShardOptions(), sample: [any Buffer]? = nil
    ) throws(HeterodyneError) -> ShardedProgram {
        let analysis = try liftingGraph { () throws(GraphError) in
            try graph.verify()
            return try BatchAnalysis(graph, axes: options.axes ?? BatchAnalysis.leadingAxes(of: graph))
        }
        return try ShardedProgram(analysis, over: devices, options: options, sample: sample, runtime: self)
    }
}
