// Heterodyne: a compiled graph that can be run any number of times, from any number of threads.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneCompiler
public import HeterodyneGraph
import Synchronization

/// A compiled graph. Immutable: any number of threads may run it at the same time, each in a `Session` of its own or
/// through `call`, which keeps a pool of sessions.
public final class Program: Sendable {
    /// A named input or output.
    public struct Port: Sendable, Hashable {
        /// The name in the graph.
        public let name: String
        /// The type.
        public let type: TensorType
        /// The bytes of a dense tensor of the type.
        public let byteCount: Int
    }

    /// Where a part's input comes from or its output goes.
    enum Place: Sendable, Hashable {
        case input(Int)
        case output(Int)
        case intermediate(Int)
    }

    struct Part: Sendable {
        let device: Device
        let executable: any Executable
        let inputs: [Place]
        let outputs: [Place]
    }

    /// A copy between places at the end of a run: outputs that repeat a value, hand an input through, or are made where
    /// the program's device cannot read them.
    struct Copy: Sendable {
        let from: Place
        let toOutput: Int
    }

    /// A result that is not an output, or not yet.
    struct Intermediate: Sendable {
        let byteCount: Int
        let device: Device
    }

    /// The inputs in order.
    public let inputs: [Port]
    /// The outputs in order.
    public let outputs: [Port]
    /// What the compiler decided and why.
    public let report: CompilationReport
    /// The text of the graph after each pass, where the options asked for it.
    public let stages: [(pass: String, text: String)]
    /// The device that was asked for; inputs and outputs live there.
    public let device: Device
    let parts: [Part]
    let copies: [Copy]
    let intermediates: [Intermediate]
    /// For every output that is computed in the buffer of a donated input, that input.
    let inPlaceInputs: [Int?]
    /// Donated inputs that the program may overwrite although no output is computed in them.
    let scratchInputs: [Int]
    private let pool = Mutex<[PooledSession]>([])
    /// Sessions at rest beyond this many are dropped.
    private static let poolLimit = 64

    /// A session at rest. Unchecked: it is in the hands of one thread at a time, by the pool's lock.
    private struct PooledSession: @unchecked Sendable { let session: Session }

    /// Compiles the parts of `compiled`. Throws what the backends throw.
    init(_ compiled: CompiledGraph, devices: [Device], options: ProgramOptions) throws(HeterodyneError) {
        let graph = compiled.placed
        device = devices[0]
        stages = compiled.stages
        inputs = try liftingGraph { () throws(GraphError) in
            try Self.ports(graph.inputNames, graph.inputTypes)
        }
        outputs = try liftingGraph { () throws(GraphError) in
            try Self.ports(graph.outputs.map(\.name), graph.outputTypes)
        }
        var places: [Value: Place] = [:]
        for (index, value) in graph.inputs.enumerated() { places[value] = .input(index) }
        let handedThrough = Set(graph.outputs.compactMap { places[$0.value] })
        for (index, output) in graph.outputs.enumerated() where places[output.value] == nil {
            places[output.value] = .output(index)
        }
        var intermediates: [Intermediate] = []
        var parts: [Part] = []
        var donatedPlaces: [Place] = []
        var report = compiled.report
        for part in compiled.parts {
            let device = devices[part.target]
            let isReachable = try liftingBackend { () throws(BackendError) in
                try device.sharesMemory(with: devices[0])
            }
            for value in part.outputs {
                if let place = places[value], isReachable || !place.isOutput { continue }
                let bytes = try liftingGraph { () throws(GraphError) in try graph.type(of: value).byteCount() }
                places[value] = .intermediate(intermediates.count)
                intermediates.append(Intermediate(byteCount: bytes, device: device))
                report.arenaByteCounts[device.id, default: 0] += bytes
            }
            let inputPlaces = part.inputs.compactMap { places[$0] }
            // A donated input may be overwritten only by the one part that reads it, and not where it is handed through.
            let mayDonate = compiled.parts.count == 1 && isReachable
            let donated = inputPlaces.indices.filter { position in
                guard mayDonate, case .input(let index) = inputPlaces[position] else { return false }
                return options.donatedInputs.contains(index) && !handedThrough.contains(inputPlaces[position])
            }
            donatedPlaces += donated.map { inputPlaces[$0] }
            let unit = CompilationUnit(
                graph: part.graph, donatedInputs: Set(donated), emulatedTypes: part.emulatedTypes,
                arithmetic: part.arithmetic, threads: options.compiler.threads, label: report.label)
            let executable = try liftingBackend { () throws(BackendError) in
                try device.backend.compile(unit, for: device.id)
            }
            report.arenaByteCounts[device.id, default: 0] += executable.arenaByteCount
            report.constantByteCounts[device.id, default: 0] += executable.constantByteCount
            parts.append(
                Part(
                    device: device, executable: executable, inputs: inputPlaces,
                    outputs: part.outputs.compactMap { places[$0] }))
        }
        var copies: [Copy] = []
        for (index, output) in graph.outputs.enumerated() {
            guard let place = places[output.value], place != .output(index) else { continue }
            copies.append(Copy(from: place, toOutput: index))
        }
        self.copies = copies
        self.intermediates = intermediates
        self.parts = parts
        self.report = report
        let ports = (inputs, outputs)
        let inPlace = try liftingBackend { () throws(BackendError) in
            try Self.inPlaceInputs(parts, ports.0, ports.1)
        }
        inPlaceInputs = inPlace
        scratchInputs = inputs.indices.filter { donatedPlaces.contains(.input($0)) && !inPlace.contains($0) }
    }

    /// What the executable says about outputs in donated inputs' buffers, checked, as places of the program.
    private static func inPlaceInputs(
        _ parts: [Part], _ inputs: [Port], _ outputs: [Port]
    ) throws(BackendError) -> [Int?] {
        var result = [Int?](repeating: nil, count: outputs.count)
        guard parts.count == 1 else { return result }
        var taken = Set<Int>()
        for (output, input) in parts[0].executable.inPlaceOutputs.sorted(by: { $0.key < $1.key }) {
            guard parts[0].outputs.indices.contains(output), parts[0].inputs.indices.contains(input),
                case .output(let to) = parts[0].outputs[output], case .input(let from) = parts[0].inputs[input],
                inputs[from].byteCount == outputs[to].byteCount, taken.insert(from).inserted
            else {
                throw BackendError(
                    .compilationFailed,
                    "the backend computes output \(output) in the buffer of input \(input), which does not fit",
                    device: parts[0].device.id)
            }
            result[to] = from
        }
        return result
    }

    static func ports(_ names: [String], _ types: [TensorType]) throws(GraphError) -> [Port] {
        var ports: [Port] = []
        for (name, type) in zip(names, types) {
            ports.append(Port(name: name, type: type, byteCount: try type.byteCount()))
        }
        return ports
    }

    /// For an output that is computed in the buffer of a donated input, the index of that input.
    public var inPlaceOutputs: [Int: Int] {
        var result: [Int: Int] = [:]
        for (output, input) in inPlaceInputs.enumerated() { result[output] = input }
        return result
    }

    /// One line per step of every part.
    public var stepDescriptions: [String] {
        parts.flatMap { part in part.executable.stepDescriptions.map { "\(part.device.id): \($0)" } }
    }

    /// The code that the backends made; steps count as in `stepDescriptions`. Throws what the backends throw.
    public func codeListings() throws(HeterodyneError) -> [CodeListing] {
        var listings: [CodeListing] = []
        var first = 0
        for part in parts {
            var own = try liftingBackend { () throws(BackendError) in try part.executable.codeListings() }
            for index in own.indices { own[index].steps = own[index].steps.map { $0 + first } }
            listings += own
            first += part.executable.stepDescriptions.count
        }
        return listings
    }

    /// Bytes of intermediate memory that each session owns.
    public var arenaByteCount: Int {
        parts.reduce(0) { $0 + $1.executable.arenaByteCount } + intermediates.reduce(0) { $0 + $1.byteCount }
    }

    /// A place to run the program, for one thread at a time. Throws `outOfMemory`.
    public func makeSession() throws(HeterodyneError) -> Session { try Session(self) }

    /// Runs the program on `arguments` and returns fresh output buffers or, for an output that is computed in place,
    /// the donated argument's. An argument is not donated where it is read-only or its memory is also another
    /// argument's: the program then works on a copy. Throws `invalidArgument` where the arguments do not fit the inputs.
    public func call(_ arguments: [any Buffer]) throws(HeterodyneError) -> [any Buffer] {
        guard arguments.count == inputs.count else {
            throw .backend(
                BackendError(.invalidArgument, "the program takes \(inputs.count) inputs, was given \(arguments.count)")
            )
        }
        let takesDonations = !scratchInputs.isEmpty || inPlaceInputs.contains { $0 != nil }
        let overlaps = takesDonations ? BufferOverlaps(arguments) : nil
        func mayOverwrite(_ input: Int) -> Bool {
            !arguments[input].isReadOnly && overlaps?.isShared(input) == false
        }
        var results: [any Buffer] = []
        results.reserveCapacity(outputs.count)
        for (index, output) in outputs.enumerated() {
            if let input = inPlaceInputs[index], mayOverwrite(input) {
                results.append(arguments[input])
                continue
            }
            do { results.append(try device.backend.allocate(byteCount: output.byteCount, on: device.id)) } catch {
                throw .backend(error)
            }
        }
        try withSession { (session) throws(HeterodyneError) in
            for (index, argument) in arguments.enumerated() { try session.bind(input: index, to: argument) }
            for input in scratchInputs where !mayOverwrite(input) { try session.bindCopy(ofInput: input) }
            for (index, result) in results.enumerated() { try session.bind(output: index, to: result) }
            try session.runTrusted()
        }
        return results
    }

    /// Runs the program on literals and returns literals.
    public func call(_ arguments: [Literal]) throws(HeterodyneError) -> [Literal] {
        var buffers: [any Buffer] = []
        guard arguments.count == inputs.count else {
            throw .backend(
                BackendError(.invalidArgument, "the program takes \(inputs.count) inputs, was given \(arguments.count)")
            )
        }
        for (index, argument) in arguments.enumerated() {
            guard argument.type == inputs[index].type else {
                throw .backend(
                    BackendError(
                        .invalidArgument,
                        "input '\(inputs[index].name)' is \(inputs[index].type) and was given \(argument.type)"))
            }
            let storage = try liftingGraph { () throws(GraphError) in try argument.denseStorage() }
            buffers.append(
                try liftingBackend { () throws(BackendError) in
                    try device.backend.importing(storage, on: device.id)
                })
        }
        let results = try call(buffers)
        var literals: [Literal] = []
        for (port, buffer) in zip(outputs, results) {
            literals.append(try Self.literal(of: buffer, port.type, port.byteCount))
        }
        return literals
    }

    /// The content of a buffer as a literal. Throws what reading throws.
    public static func literal(
        of buffer: any Buffer, _ type: TensorType, _ byteCount: Int
    ) throws(HeterodyneError) -> Literal {
        var failure: BackendError?
        let storage = LiteralStorage(count: byteCount) { destination in
            do throws(BackendError) { try buffer.read(into: destination, at: 0) } catch { failure = error }
        }
        if let failure { throw .backend(failure) }
        return try liftingGraph { () throws(GraphError) in try Literal(type: type, storage: storage) }
    }

    private func withSession(_ body: (Session) throws(HeterodyneError) -> Void) throws(HeterodyneError) {
        let session: Session
        if let pooled = pool.withLock({ $0.popLast() }) {
            session = pooled.session
        } else {
            session = try Session(self, isPooled: true)
        }
        // A session that failed is dropped, so that the next run starts from a clean one.
        try body(session)
        session.unbind()
        let pooled = PooledSession(session: session)
        pool.withLock { if $0.count < Self.poolLimit { $0.append(pooled) } }
    }
}

extension Program.Place {
    /// Whether the place is one of the program's outputs.
    var isOutput: Bool { if case .output = self { true } else { false } }
}

extension Device {
    /// Whether each of the two reads and writes the other's buffers, so that nothing is copied between them.
    func sharesMemory(with other: Device) throws(BackendError) -> Bool {
        if self == other { return true }
        guard try capabilities().hasUnifiedMemory else { return false }
        return try other.capabilities().hasUnifiedMemory
    }
}
