// Heterodyne: a backend that computes with the reference and behaves as a test wants it to.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Synchronization

/// Memory that the host cannot address.
final class RemoteBuffer: Buffer {
    let byteCount: Int
    private let bytes: Mutex<[UInt8]>

    init(byteCount: Int) {
        self.byteCount = byteCount
        bytes = Mutex([UInt8](repeating: 0xA5, count: byteCount))
    }

    var hostAddress: UnsafeMutableRawPointer? { nil }

    func write(from source: UnsafeRawBufferPointer, at offset: Int) throws(BackendError) {
        guard offset >= 0, source.count <= byteCount - offset else {
            throw BackendError(.invalidArgument, "does not fit")
        }
        let new = Array(source)
        bytes.withLock { $0.replaceSubrange(offset..<offset + new.count, with: new) }
    }

    func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(BackendError) {
        guard offset >= 0, destination.count <= byteCount - offset else {
            throw BackendError(.invalidArgument, "does not fit")
        }
        destination.copyBytes(from: bytes.withLock { $0[offset..<offset + destination.count] })
    }
}

/// One device that computes with the reference.
final class FakeBackend: Backend {
    struct Behavior: Sendable {
        /// Whether memory is the device's own, out of the host's reach.
        var isRemote = false
        /// Scalar types that the device lacks.
        var missing: Set<ScalarType> = []
        /// Whether outputs are computed in donated inputs of the same size.
        var isInPlace = false
        /// Whether donated inputs that hold no output are overwritten with rubbish.
        var scribbles = false
        /// Called at the start of each run with the graph that is run.
        var willRun: (@Sendable (Graph) throws(BackendError) -> Void)?
    }

    let name: String
    let behavior: Behavior
    /// How many of the next runs fail.
    let failures = Mutex(0)
    let compilations = Mutex(0)
    let invocations = Mutex(0)

    init(_ name: String, _ behavior: Behavior = Behavior()) {
        self.name = name
        self.behavior = behavior
    }

    func discover() -> DeviceListing {
        DeviceListing(devices: [
            DeviceDescriptor(
                id: name, backend: name, kind: .accelerator, name: "Fake", vendor: "Tests", threads: 1,
                memoryByteCount: 1 << 30, fingerprint: "\(name)-1")
        ])
    }

    func capabilities(of device: String) throws(BackendError) -> Capabilities {
        guard device == name else { throw BackendError(.deviceUnavailable, "no such device", device: device) }
        var types: [ScalarType: ScalarUsage] = [:]
        for type in ScalarType.allCases where !behavior.missing.contains(type) {
            types[type] = type.isArithmetic ? .compute : [.storage, .convert]
        }
        return Capabilities(
            scalarTypes: types, maximumBufferByteCount: 1 << 30, hasUnifiedMemory: !behavior.isRemote,
            numerics: ReferenceBackend.numerics)
    }

    func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        behavior.isRemote ? RemoteBuffer(byteCount: byteCount) : try HostBuffer(byteCount: byteCount)
    }

    func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        compilations.withLock { $0 += 1 }
        return try FakeExecutable(unit, self)
    }

    /// The device as a registry lists it.
    var device: Device { Device(descriptor: discover().devices[0], backend: self) }
}

final class FakeExecutable: Executable {
    let unit: CompilationUnit
    let backend: FakeBackend
    let inPlaceOutputs: [Int: Int]
    let arenaByteCount = 64
    let constantByteCount = 32
    let stepDescriptions = ["everything"]

    init(_ unit: CompilationUnit, _ backend: FakeBackend) throws(BackendError) {
        self.unit = unit
        self.backend = backend
        var inPlace: [Int: Int] = [:]
        if backend.behavior.isInPlace {
            for (output, type) in unit.graph.outputTypes.enumerated() {
                inPlace[output] = unit.donatedInputs.sorted().first {
                    unit.graph.inputTypes[$0] == type && !inPlace.values.contains($0)
                }
            }
        }
        inPlaceOutputs = inPlace
    }

    func makeInvocation() throws(BackendError) -> any Invocation {
        backend.invocations.withLock { $0 += 1 }
        return FakeInvocation(self)
    }
}

final class FakeInvocation: Invocation {
    let executable: FakeExecutable
    var inputs: [(any Buffer)?]
    var outputs: [(any Buffer)?]

    init(_ executable: FakeExecutable) {
        self.executable = executable
        inputs = executable.unit.graph.inputs.map { _ in nil }
        outputs = executable.unit.graph.outputs.map { _ in nil }
    }

    private func check(_ buffer: any Buffer) throws(BackendError) {
        guard (buffer is RemoteBuffer) == executable.backend.behavior.isRemote else {
            throw BackendError(.invalidArgument, "the buffer is not this device's", device: executable.backend.name)
        }
    }

    func bind(input index: Int, to buffer: any Buffer) throws(BackendError) {
        try check(buffer)
        inputs[index] = buffer
    }

    func bind(output index: Int, to buffer: any Buffer) throws(BackendError) {
        try check(buffer)
        outputs[index] = buffer
    }

    func unbind(input index: Int) { inputs[index] = nil }
    func unbind(output index: Int) { outputs[index] = nil }

    func run() throws(BackendError) {
        let fails = executable.backend.failures.withLock { count in
            defer { count = max(0, count - 1) }
            return count > 0
        }
        if fails { throw BackendError(.executionFailed, "told to fail", device: executable.backend.name) }
        let graph = executable.unit.graph
        try executable.backend.behavior.willRun?(graph)
        var literals: [Literal] = []
        for (input, type) in zip(inputs, graph.inputTypes) {
            guard let input else { throw BackendError(.invalidArgument, "not bound") }
            literals.append(try read(input, type))
        }
        for (output, input) in executable.inPlaceOutputs where outputs[output] !== inputs[input] {
            throw BackendError(.executionFailed, "output \(output) is not bound to the buffer of input \(input)")
        }
        if executable.backend.behavior.scribbles {
            for input in executable.unit.donatedInputs where !executable.inPlaceOutputs.values.contains(input) {
                guard let buffer = inputs[input] else { continue }
                let rubbish = [UInt8](repeating: 0xEE, count: buffer.byteCount)
                try write(rubbish, buffer)
            }
        }
        let results = try ReferenceEvaluator().evaluate(graph, literals) as [Literal]
        for (result, output) in zip(results, outputs) {
            guard let output else { throw BackendError(.invalidArgument, "not bound") }
            do { try output.write(from: result.denseStorage().bytes, at: 0) } catch let error as BackendError {
                throw error
            } catch { throw BackendError(.executionFailed, "\(error)") }
        }
    }

    private func write(_ bytes: [UInt8], _ buffer: any Buffer) throws(BackendError) {
        let storage = bytes.withUnsafeBytes { LiteralStorage(copying: $0) }
        try buffer.write(from: storage.bytes, at: 0)
    }

    private func read(_ buffer: any Buffer, _ type: TensorType) throws(BackendError) -> Literal {
        do { return try Program.literal(of: buffer, type, buffer.byteCount) } catch {
            throw BackendError(.executionFailed, "\(error)")
        }
    }

    func profile() throws(BackendError) -> [UInt64] {
        try run()
        return [1]
    }
}

// MARK: - Short cuts

func parse(_ text: String) throws -> Graph { try Graph(parsing: "heterodyne 1\n" + text) }

func runtime(_ backends: [any Backend], cacheCapacity: Int = 256) -> Runtime {
    Runtime(registry: DeviceRegistry(backends), evaluator: ReferenceEvaluator(), cacheCapacity: cacheCapacity)
}

let reference = Device(descriptor: ReferenceBackend().discover().devices[0], backend: ReferenceBackend())

/// A host buffer with the given elements.
func buffer(_ elements: [Float]) throws -> HostBuffer {
    let buffer = try HostBuffer(byteCount: elements.count * 4)
    try elements.withUnsafeBytes { (bytes) throws in try buffer.write(from: bytes, at: 0) }
    return buffer
}

func floats(_ buffer: any Buffer) throws -> [Float] {
    try Program.literal(of: buffer, TensorType(.float32, [buffer.byteCount / 4]), buffer.byteCount).scalars()
}

/// The backend error that `body` throws, or nil.
func backendError(_ body: () throws -> Void) -> BackendError? {
    do { try body() } catch {
        if case .backend(let inner)? = error as? HeterodyneError { return inner }
    }
    return nil
}
