// Heterodyne: the reference as a backend.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// The reference as a backend: one device on host memory that runs every primitive in every scalar type, and, when
/// asked, every composite by its decomposition.
public struct ReferenceBackend: Backend {
    /// Limits of each run.
    public var options: EvaluationOptions

    /// `reference`, which is also the identifier of its device.
    public var name: String { "reference" }

    /// A backend with limits.
    public init(options: EvaluationOptions = EvaluationOptions()) { self.options = options }

    /// One device, always there.
    public func discover() -> DeviceListing {
        #if arch(x86_64)
        let architecture = "x86_64"
        #elseif arch(arm64)
        let architecture = "arm64"
        #else
        let architecture = "host"
        #endif
        return DeviceListing(devices: [
            DeviceDescriptor(
                id: name, backend: name, kind: .cpu, name: "Reference interpreter", vendor: "Heterodyne", threads: 1,
                memoryByteCount: options.maximumBytes,
                details: ["float64 functions": WidestFloat.self == Double.self ? "float64" : "float80"],
                fingerprint: "\(name)-1-\(architecture)")
        ])
    }

    /// Every usage that a scalar type can have, and arithmetic that is as good as it gets.
    public func capabilities(of device: String) throws(BackendError) -> Capabilities {
        try check(device)
        var types: [ScalarType: ScalarUsage] = [:]
        for type in ScalarType.allCases { types[type] = type.isArithmetic ? .compute : [.storage, .convert] }
        return Capabilities(
            scalarTypes: types, maximumBufferByteCount: options.maximumBytes, hasUnifiedMemory: true,
            numerics: Self.numerics)
    }

    /// Correctly rounded arithmetic; functions within 0.51 units in the last place where there is an 80-bit float, else
    /// what the C library gives in float64.
    public static let numerics: Numerics = {
        let hasWideFloat = WidestFloat.self != Double.self
        var maximumULP: [PrimitiveCode: Double] = [:]
        for code: PrimitiveCode in [.exp, .log, .sin, .cos, .power] { maximumULP[code] = hasWideFloat ? 0.51 : 1 }
        maximumULP[.tanh] = hasWideFloat ? 0.51 : 2
        return Numerics(
            denormals: .preserved, propagatesNaN: true, contracts: false, roundsToNearestEven: true,
            maximumULP: maximumULP)
    }()

    /// Host memory. Throws `outOfMemory` beyond `options.maximumBytes`.
    public func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        try check(device)
        guard byteCount <= options.maximumBytes else {
            throw BackendError(
                .outOfMemory, "\(byteCount) bytes exceed the limit of \(options.maximumBytes)", device: device)
        }
        return try HostBuffer(byteCount: byteCount)
    }

    /// The bytes themselves.
    public func importing(_ storage: LiteralStorage, on device: String) throws(BackendError) -> any Buffer {
        try check(device)
        return HostBuffer(sharing: storage)
    }

    /// Prepares a graph. Composites are accepted too. Throws `compilationFailed`.
    public func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        try check(device)
        do throws(EvaluationError) {
            return ReferenceExecutable(try ReferenceProgram(unit.graph), options: options)
        } catch {
            throw BackendError(error, device: device, fallback: .compilationFailed)
        }
    }

    private func check(_ device: String) throws(BackendError) {
        guard device == name else {
            throw BackendError(
                .deviceUnavailable, "there is no device '\(device)'; the reference has one, '\(name)'", device: device)
        }
    }
}

extension ReferenceEvaluator: Evaluator {
    /// The outputs of `graph` for `inputs`, as `evaluate(_:inputs:)`, within the evaluator's own limits and those given.
    public func evaluate(
        _ graph: Graph, _ inputs: [Literal], limits: EvaluationLimits
    ) throws(BackendError) -> [Literal] {
        var limited = self
        limited.options.maximumIterations = [options.maximumIterations, limits.iterations].compactMap(\.self).min()
        limited.options.maximumBytes = min(options.maximumBytes, limits.bytes ?? Int.max)
        do throws(EvaluationError) { return try limited.evaluate(graph, inputs: inputs) } catch {
            throw BackendError(error, device: nil, fallback: .executionFailed)
        }
    }
}

extension BackendError {
    /// A failed evaluation; `fallback` is the kind of those that have no closer one.
    init(_ error: EvaluationError, device: String?, fallback: Kind) {
        let kind: Kind =
            switch error.kind {
            case .inputCount, .inputType: .invalidArgument
            case .memoryLimit: .outOfMemory
            case .cancelled: .cancelled
            case .unboundSymbol, .iterationLimit, .nestingLimit, .decomposition, .malformedGraph: fallback
            }
        self.init(kind, error.message, device: device, node: error.operation, location: error.location)
    }
}
