// Heterodyne: the contract between the runtime and whoever drives a device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Drives the devices of one kind. Six requirements; everything else has a default.
///
/// All methods may be called from any thread. An implementer's test is the conformance suite
/// (`HeterodyneConformance`), run over every device that `discover()` lists.
public protocol Backend: Sendable {
    /// Short, stable, lower-case name, for instance `vulkan`.
    var name: String { get }

    /// Looks for devices. Never throws and never prints: what cannot be used is listed with reason and remedy.
    func discover() -> DeviceListing

    /// What a device can do. Throws `deviceUnavailable` for an identifier that `discover()` does not list.
    func capabilities(of device: String) throws(BackendError) -> Capabilities

    /// Allocates memory on a device. Throws `outOfMemory`.
    func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer

    /// Makes a program of a graph whose nodes the device supports natively. Throws `unsupported` naming the node, or
    /// `compilationFailed`.
    func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable

    /// Whether and how the device runs a node. The default derives the answer from `capabilities(of:)`.
    func support(for node: NodeSignature, on device: String) -> Support

    /// A buffer with the bytes of `storage`, without copying where the device can read host memory. The default
    /// allocates and copies.
    func importing(_ storage: LiteralStorage, on device: String) throws(BackendError) -> any Buffer
}

extension Backend {
    /// The answer that the capabilities give.
    public func support(for node: NodeSignature, on device: String) -> Support {
        do { return try capabilities(of: device).support(for: node) } catch {
            return .unsupported(reason: error.message)
        }
    }

    /// Allocates and copies.
    public func importing(_ storage: LiteralStorage, on device: String) throws(BackendError) -> any Buffer {
        let buffer = try allocate(byteCount: storage.bytes.count, on: device)
        try storage.withBytes { (bytes) throws(BackendError) in try buffer.write(from: bytes, at: 0) }
        return buffer
    }
}

/// What a backend is asked to compile.
public struct CompilationUnit: Sendable {
    /// The graph. Shapes are known, every node is supported natively, nodes are in the order to run them in.
    public var graph: Graph
    /// Indices of inputs whose buffers the program may overwrite.
    public var donatedInputs: Set<Int>
    /// Types that kernels compute by emulation, as `Capabilities.emulations` says, even where the device has them: where
    /// the owner masked them. Nodes with these types are then supported as `.afterLegalization`, not natively.
    public var emulatedTypes: Set<ScalarType>
    /// How arithmetic may be reordered.
    public var arithmetic: ArithmeticMode
    /// The most threads to use, for devices that have threads; nil for all.
    public var threads: Int?
    /// For profiles and errors.
    public var label: String

    /// A unit.
    public init(
        graph: Graph, donatedInputs: Set<Int> = [], emulatedTypes: Set<ScalarType> = [],
        arithmetic: ArithmeticMode = .fast, threads: Int? = nil, label: String = "program"
    ) {
        self.graph = graph
        self.donatedInputs = donatedInputs
        self.emulatedTypes = emulatedTypes
        self.arithmetic = arithmetic
        self.threads = threads
        self.label = label
    }
}

/// How far a backend may go from the definition's rounding.
public enum ArithmeticMode: String, Sendable, Hashable, Codable, CaseIterable {
    /// Products and sums may fuse, reductions run in any fixed order.
    case fast
    /// Every elementwise primitive rounds by itself, also inside a fused region. Products of matrices, reductions and
    /// composites that a backend runs whole keep their kernels' own steps, which its `Numerics` declare.
    case uncontracted
}

/// A compiled program. Immutable; any number of invocations may run at the same time.
public protocol Executable: AnyObject, Sendable {
    /// A place to run: owns the memory for intermediate results. Throws `outOfMemory`.
    func makeInvocation() throws(BackendError) -> any Invocation

    /// For an output that is computed in the buffer of a donated input, the index of that input. The runtime then
    /// binds one buffer, which holds the input's content, to both. Inputs that are not donated are never written.
    var inPlaceOutputs: [Int: Int] { get }

    /// Bytes of intermediate memory that each invocation owns.
    var arenaByteCount: Int { get }

    /// Bytes of constants that the program keeps besides those that it shares with the graph.
    var constantByteCount: Int { get }

    /// One line per step in the order of execution, for `--dump` and profiles.
    var stepDescriptions: [String] { get }

    /// The code that was made for the device, for `--dump`: each piece once, in the order of first use. The default is
    /// none. Throws `compilationFailed` where it cannot be shown.
    func codeListings() throws(BackendError) -> [CodeListing]
}

extension Executable {
    /// None.
    public func codeListings() throws(BackendError) -> [CodeListing] { [] }
}

/// Code that a backend made, as text.
public struct CodeListing: Sendable, Hashable {
    /// What the text is written in, in lower case, for instance `kernels` or `spirv`.
    public var language: String
    /// The name of the piece.
    public var name: String
    /// The steps that run it, by position.
    public var steps: [Int]
    /// The code.
    public var text: String

    /// A listing.
    public init(language: String, name: String, steps: [Int], text: String) {
        self.language = language
        self.name = name
        self.steps = steps
        self.text = text
    }
}

/// One place to run a program: bind buffers, run, bind others, run again. Steady state allocates nothing.
///
/// Not thread-safe: one thread at a time uses an invocation.
public protocol Invocation: AnyObject {
    /// The buffer of input `index` from now on. Throws `invalidArgument` for a wrong index, size or device.
    func bind(input index: Int, to buffer: any Buffer) throws(BackendError)

    /// The buffer of output `index` from now on; may be the buffer of a donated input. Throws `invalidArgument`.
    func bind(output index: Int, to buffer: any Buffer) throws(BackendError)

    /// Lets go of the buffer of input `index`, so that the invocation does not keep it alive. The default does nothing.
    func unbind(input index: Int)

    /// Lets go of the buffer of output `index`, so that the invocation does not keep it alive. The default does nothing.
    func unbind(output index: Int)

    /// Runs the program to completion. Throws `executionFailed`, `deviceLost`, or `invalidArgument` where something is
    /// not bound.
    func run() throws(BackendError)

    /// Runs the program and returns the nanoseconds of each step, in the order of `stepDescriptions`.
    func profile() throws(BackendError) -> [UInt64]

    /// What the last run counted or estimated, for instance energy or the time that a simulated chip would take. The
    /// default is nothing.
    func measurements() throws(BackendError) -> [Measurement]
}

extension Invocation {
    /// Does nothing: the buffer stays bound until another is.
    public func unbind(input index: Int) {}
    /// Does nothing: the buffer stays bound until another is.
    public func unbind(output index: Int) {}
    /// Nothing.
    public func measurements() throws(BackendError) -> [Measurement] { [] }
}

/// How far an evaluation may go; beyond it ends in an error.
public struct EvaluationLimits: Sendable, Hashable {
    /// The most iterations of one loop; nil for any number.
    public var iterations: Int?
    /// The most bytes of intermediate results; nil for what the evaluator allows anyway.
    public var bytes: Int?

    /// Limits; nil for none.
    public init(iterations: Int? = nil, bytes: Int? = nil) {
        self.iterations = iterations
        self.bytes = bytes
    }
}

/// Evaluates small graphs on literals; constant folding uses it, so that there is one semantics.
public protocol Evaluator: Sendable {
    /// The outputs of `graph` for `inputs`. Throws where an operation cannot be evaluated, or a limit is exceeded.
    func evaluate(
        _ graph: Graph, _ inputs: [Literal], limits: EvaluationLimits
    ) throws(BackendError) -> [Literal]
}

extension Evaluator {
    /// The outputs of `graph` for `inputs`, without further limits. Throws where an operation cannot be evaluated.
    public func evaluate(_ graph: Graph, _ inputs: [Literal]) throws(BackendError) -> [Literal] {
        try evaluate(graph, inputs, limits: EvaluationLimits())
    }
}
