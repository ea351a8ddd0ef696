// Heterodyne: a compiled program on host memory: a flat list of steps over a table of addresses.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
public import HeterodyneBackend
import HeterodyneGraph

/// Matrix products of a BLAS library, as C function pointers with the CBLAS signature (32-bit integers).
public struct HostBLAS: Sendable {
    /// `cblas_sgemm`: order, transA, transB, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc.
    public typealias SGEMM =
        @convention(c) (
            Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>?, Int32, UnsafePointer<Float>?, Int32,
            Float, UnsafeMutablePointer<Float>?, Int32
        ) -> Void
    /// `cblas_dgemm`, likewise.
    public typealias DGEMM =
        @convention(c) (
            Int32, Int32, Int32, Int32, Int32, Int32, Double, UnsafePointer<Double>?, Int32, UnsafePointer<Double>?,
            Int32, Double, UnsafeMutablePointer<Double>?, Int32
        ) -> Void

    /// The float32 product; must be safe to call from many threads at once, each call using one thread.
    public var sgemm: SGEMM
    /// The float64 product, likewise.
    public var dgemm: DGEMM

    /// The two products of a library.
    public init(sgemm: @escaping SGEMM, dgemm: @escaping DGEMM) {
        self.sgemm = sgemm
        self.dgemm = dgemm
    }
}

/// How a host program is made.
public struct HostProgramOptions: Sendable {
    /// The matrix products to use; nil for the kernels' own.
    public var blas: HostBLAS?
    /// Whether constant float32 matrices are packed once, at compile time, into the form that the packed product
    /// reads, in place of the library's product.
    public var packsConstantMatrices: Bool
    /// Whether the kernels' own float32 product is taken in place of the library's, because they use a wider
    /// instruction set.
    public var prefersOwnProducts: Bool
    /// Identifier of the device, for errors.
    public var device: String

    /// Options.
    public init(
        blas: HostBLAS? = nil, packsConstantMatrices: Bool = true, prefersOwnProducts: Bool = false,
        device: String = "host"
    ) {
        self.blas = blas
        self.prefersOwnProducts = prefersOwnProducts
        self.packsConstantMatrices = packsConstantMatrices
        self.device = device
    }
}

/// One step as the run loop reads it.
struct StepCode: BitwiseCopyable {
    var function: StepFunction
    var payload: UnsafeRawPointer
    /// Where the step's addresses start in the table.
    var firstArgument: Int
    /// Whether the step is large enough for several threads.
    var isParallel: Bool
}

/// What an entry of the address table holds.
enum ArgumentSource: Sendable, Hashable {
    case none
    case arena(offset: Int)
    case input(Int, byteOffset: Int)
    case output(Int, byteOffset: Int)
    case constant(address: Int)
    case child(Int)
}

/// A compiled program on host memory: steps in a flat array, each a C function with a description that was prepared at
/// compile time and a run of entries in a table of addresses. Running allocates nothing and takes no lock of its own.
public final class HostProgram: Executable, @unchecked Sendable {
    // Unchecked: everything is constant after `init`; the steps' memory belongs to `store`.

    let store: PayloadStore
    let steps: UnsafeMutableBufferPointer<StepCode>
    let arguments: [ArgumentSource]
    let children: [HostProgram]
    let inputByteCounts: [Int]
    let outputByteCounts: [Int]
    let ownArenaByteCount: Int
    let pool: OpaquePointer?
    let device: String
    let label: String
    /// For an output computed in the buffer of a donated input, that input.
    public let inPlaceOutputs: [Int: Int]
    /// One line per step in the order of execution.
    public let stepDescriptions: [String]

    /// Compiles `unit`. Throws `unsupported` naming the node, or `compilationFailed`.
    public convenience init(_ unit: CompilationUnit, options: HostProgramOptions) throws(BackendError) {
        let threads = max(1, min(unit.threads ?? HostMachine.threads, HostMachine.threads))
        try self.init(unit, options: options, pool: HostPool.shared(threads: threads), threads: threads)
    }

    init(
        _ unit: CompilationUnit, options: HostProgramOptions, pool: OpaquePointer?, threads: Int
    ) throws(BackendError) {
        let graph = try Expansion.expanded(unit.graph, options)
        let lowering = Lowering(
            graph, donated: unit.donatedInputs, arithmetic: unit.arithmetic, options: options, pool: pool,
            threads: threads)
        let result = try lowering.run()
        self.pool = pool
        device = options.device
        label = unit.label
        store = lowering.store
        children = lowering.children
        arguments = result.arguments
        inputByteCounts = result.inputByteCounts
        outputByteCounts = result.outputByteCounts
        ownArenaByteCount = result.arenaByteCount
        inPlaceOutputs = result.inPlaceOutputs
        stepDescriptions = result.steps.map(\.description)
        steps = .allocate(capacity: result.steps.count)
        _ = steps.initialize(from: result.steps.map(\.code))
    }

    deinit { steps.deallocate() }

    /// Bytes of intermediate memory of one invocation, those of regions inside included.
    public var arenaByteCount: Int { children.reduce(ownArenaByteCount) { $0 + $1.arenaByteCount } }

    /// Bytes of constants that the program made for itself (splats, packed matrices, unpacked 4-bit integers).
    public var constantByteCount: Int { children.reduce(store.constantByteCount) { $0 + $1.constantByteCount } }

    /// A place to run. Throws `outOfMemory`.
    public func makeInvocation() throws(BackendError) -> any Invocation { try HostInvocation(self) }
}
