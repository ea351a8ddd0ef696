// Heterodyne: a backend that remembers what it was asked, for tests of what crosses the plugin interface.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import Synchronization

/// A backend with every kind of statement about itself, that remembers what it was asked and fails as it is told.
final class RecordingBackend: Backend {
    struct Record: Sendable {
        var units: [CompilationUnit] = []
        var questions: [NodeSignature] = []
        var discoveries = 0
        var answer: Support = .native
        var failure: BackendError?
        var inPlaceOutputs: [Int: Int] = [:]
    }

    let name = "recording"
    let record = Mutex(Record())

    static let capabilities = Capabilities(
        scalarTypes: [
            .float32: .compute, .int8: [.storage, .convert, .matrixEngine], .uint32: [.storage, .atomicAdd],
        ],
        exceptions: [
            SupportException(primitive: .sort, scalarType: .float32, reason: "no sorter – “really”"),
            SupportException(primitive: .loop, scalarType: .int8, reason: "no jumps"),
        ],
        emulations: [
            .float64: Emulation(
                method: "pairs of float32", precision: 48, usages: [.storage, .arithmetic],
                exceptions: [SupportException(primitive: .tanh, scalarType: .float64, reason: "too slow")],
                costFactor: 20),
            .int64: Emulation(method: "two words", precision: nil, costFactor: 8.5),
        ],
        claims: ["softmax", "attention", "fünf"],
        fusion: FusionCapabilities(
            elementwiseRegions: true, dotEpilogues: false, maximumOperands: 7, maximumNodes: 99,
            scalarTypes: [.float32, .bool, .float64], composites: ["gelu", "erf"]),
        roles: [.inference], maximumBufferByteCount: 1 << 40, hasUnifiedMemory: true,
        rates: [
            Rate(what: "float32 dot", perSecond: 1.5e13, source: "measured"),
            Rate(what: "memory bytes", perSecond: 0.5, source: "https://example.org/a"),
        ],
        numerics: Numerics(
            denormals: .flushed, propagatesNaN: false, contracts: true, roundsToNearestEven: false,
            maximumULP: [.exp: 2.25, .loop: 3, .constant: 1], maximumCompositeULP: ["gelu": 16.5, "erf": 1]))

    static let plain = Capabilities(
        scalarTypes: [.float64: .storage], maximumBufferByteCount: 4096, hasUnifiedMemory: false,
        numerics: Numerics(
            denormals: .preserved, propagatesNaN: true, contracts: false, roundsToNearestEven: true, maximumULP: [:]))

    static let full = DeviceDescriptor(
        id: "recording:a.0", backend: "recording", kind: .accelerator, isSoftware: true, isSimulated: true,
        name: "Model „T“", vendor: "Tests", threads: 12, memoryByteCount: 1 << 38, freeMemoryByteCount: 77,
        versions: ["driver": "1.2", "firmware": ""], details: ["bus": "PCI 1:0"], fingerprint: "tests|T|1.2")

    static let bare = DeviceDescriptor(
        id: "recording:b", backend: "recording", kind: .integratedGPU, name: "B", vendor: "", threads: 1,
        memoryByteCount: 0, fingerprint: "")

    func discover() -> DeviceListing {
        record.withLock { $0.discoveries += 1 }
        return DeviceListing(
            devices: [Self.full, Self.bare],
            unavailable: [
                UnavailableDevice(
                    id: "recording:c", backend: "recording", reason: "it is unplugged", remedy: "plug it in")
            ])
    }

    func capabilities(of device: String) throws(BackendError) -> Capabilities {
        try fail()
        switch device {
        case Self.full.id: return Self.capabilities
        case Self.bare.id: return Self.plain
        default: throw BackendError(.deviceUnavailable, "there is no '\(device)'", device: device)
        }
    }

    func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        try fail()
        return CountedBuffer(try HostBuffer(byteCount: byteCount))
    }

    func support(for node: NodeSignature, on device: String) -> Support {
        record.withLock {
            $0.questions.append(node)
            return $0.answer
        }
    }

    func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        record.withLock { $0.units.append(unit) }
        try fail()
        return RecordingProgram(self)
    }

    func fail() throws(BackendError) {
        if let failure = record.withLock(\.failure) { throw failure }
    }
}

/// Memory that counts how much of it there is.
final class CountedBuffer: Buffer {
    static let live = Atomic<Int>(0)
    private let base: HostBuffer

    init(_ base: HostBuffer) {
        self.base = base
        Self.live.add(1, ordering: .sequentiallyConsistent)
    }

    deinit { Self.live.subtract(1, ordering: .sequentiallyConsistent) }

    var byteCount: Int { base.byteCount }
    var hostAddress: UnsafeMutableRawPointer? { base.hostAddress }

    func write(from source: UnsafeRawBufferPointer, at offset: Int) throws(BackendError) {
        try base.write(from: source, at: offset)
    }

    func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(BackendError) {
        try base.read(into: destination, at: offset)
    }
}

/// A program that does nothing and says much.
final class RecordingProgram: Executable {
    let backend: RecordingBackend
    let inPlaceOutputs: [Int: Int]
    let arenaByteCount = 1234
    let constantByteCount = 56
    let stepDescriptions = ["first step", "zweiter Schritt – ü"]

    init(_ backend: RecordingBackend) {
        self.backend = backend
        inPlaceOutputs = backend.record.withLock(\.inPlaceOutputs)
    }

    func makeInvocation() throws(BackendError) -> any Invocation {
        try backend.fail()
        return RecordingInvocation(self)
    }
}

final class RecordingInvocation: Invocation {
    private let program: RecordingProgram
    private var inputs: [Int: any Buffer] = [:]
    private var outputs: [Int: any Buffer] = [:]
    /// How often something was bound.
    private var bindings = 0

    init(_ program: RecordingProgram) { self.program = program }

    func bind(input index: Int, to buffer: any Buffer) throws(BackendError) {
        inputs[index] = buffer
        bindings += 1
    }

    func bind(output index: Int, to buffer: any Buffer) throws(BackendError) {
        outputs[index] = buffer
        bindings += 1
    }

    func unbind(input index: Int) { inputs[index] = nil }
    func unbind(output index: Int) { outputs[index] = nil }

    func run() throws(BackendError) { try program.backend.fail() }

    func profile() throws(BackendError) -> [UInt64] { [11, 22] }

    func measurements() throws(BackendError) -> [Measurement] {
        [
            Measurement(name: "bindings", value: Double(bindings), unit: "", source: "measured"),
            Measurement(
                name: "bound buffers", value: Double(inputs.count + outputs.count), unit: "", source: "measured"),
            Measurement(name: "energy", value: 0.25, unit: "J", source: "roofline model"),
        ]
    }
}
