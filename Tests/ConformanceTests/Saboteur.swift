// Heterodyne: a backend that does one thing wrong.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Synchronization

/// What the backend does wrong.
enum Fault: String, CaseIterable, Sendable {
    case none
    /// The first float32 of every output is one unit in the last place too large.
    case lastBit
    /// Every float32 result is 0.2 % too large.
    case coarse
    /// The last element of every output is left as it was.
    case leavesOneOut
    /// One byte after every output is written.
    case writesBehind
    /// One byte before the first input is written.
    case writesBefore
    /// The first byte of the first input changes.
    case changesInput
    /// Zero comes out where NaN is right.
    case dropsNaN
    /// Subnormal float32 results become zero, undeclared.
    case flushes
    /// Every second run gives another last bit.
    case wavers
    /// Says that it supports everything and compiles nothing.
    case lies
    /// Fails when run.
    case breaksDown
    /// Says that the first output is computed in the first input, which nobody gave away.
    case takesInput
    /// Takes buffers of any size.
    case takesAnySize
    /// Supports nothing.
    case refuses
}

/// The reference with a fault.
struct Saboteur: Backend {
    let base: any Backend
    let fault: Fault

    var name: String { base.name }
    func discover() -> DeviceListing { base.discover() }
    func capabilities(of device: String) throws(BackendError) -> Capabilities { try base.capabilities(of: device) }
    func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        try base.allocate(byteCount: byteCount, on: device)
    }
    func support(for node: NodeSignature, on device: String) -> Support {
        fault == .refuses ? .unsupported(reason: "not today") : base.support(for: node, on: device)
    }
    func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        if fault == .lies { throw BackendError(.compilationFailed, "no kernel after all") }
        return SabotagedExecutable(try base.compile(unit, for: device), unit.graph, fault)
    }

    /// The reference device, with a fault.
    static func device(_ fault: Fault) throws -> Device {
        let reference = try Device("reference")
        return Device(
            descriptor: reference.descriptor, backend: Saboteur(base: reference.backend, fault: fault))
    }
}

private final class SabotagedExecutable: Executable {
    let base: any Executable
    let graph: Graph
    let fault: Fault
    let runs = Atomic<Int>(0)

    init(_ base: any Executable, _ graph: Graph, _ fault: Fault) {
        self.base = base
        self.graph = graph
        self.fault = fault
    }

    func makeInvocation() throws(BackendError) -> any Invocation {
        SabotagedInvocation(try base.makeInvocation(), self)
    }
    var inPlaceOutputs: [Int: Int] {
        let fits = graph.inputTypes.first == graph.outputTypes.first && !graph.inputs.isEmpty
        return fault == .takesInput && fits ? [0: 0] : base.inPlaceOutputs
    }
    var arenaByteCount: Int { base.arenaByteCount }
    var constantByteCount: Int { base.constantByteCount }
    var stepDescriptions: [String] { base.stepDescriptions }
}

private final class SabotagedInvocation: Invocation {
    let base: any Invocation
    let executable: SabotagedExecutable
    var inputs: [Int: any Buffer] = [:]
    var outputs: [Int: any Buffer] = [:]

    init(_ base: any Invocation, _ executable: SabotagedExecutable) {
        self.base = base
        self.executable = executable
    }

    func bind(input index: Int, to buffer: any Buffer) throws(BackendError) {
        inputs[index] = buffer
        do { try base.bind(input: index, to: buffer) } catch { if executable.fault != .takesAnySize { throw error } }
    }

    func bind(output index: Int, to buffer: any Buffer) throws(BackendError) {
        outputs[index] = buffer
        do { try base.bind(output: index, to: buffer) } catch { if executable.fault != .takesAnySize { throw error } }
    }

    func profile() throws(BackendError) -> [UInt64] { try base.profile() }

    func run() throws(BackendError) {
        if executable.fault == .breaksDown { throw BackendError(.executionFailed, "smoke") }
        let before = outputs.mapValues(Self.bytes)
        try base.run()
        let run = executable.runs.add(1, ordering: .relaxed).newValue
        for (index, buffer) in outputs {
            guard let address = buffer.hostAddress, buffer.byteCount > 0 else { continue }
            let type = executable.graph.outputTypes[index].scalarType
            let width = max(1, type.bitWidth / 8)
            switch executable.fault {
            case .lastBit where type == .float32: nudge(address)
            case .wavers where type == .float32 && run % 2 == 0: nudge(address)
            case .coarse where type == .float32: replace(address, buffer.byteCount) { $0 * 1.002 }
            case .leavesOneOut:
                for byte in buffer.byteCount - width..<buffer.byteCount {
                    address.storeBytes(of: before[index]?[byte] ?? 0, toByteOffset: byte, as: UInt8.self)
                }
            case .writesBehind: address.storeBytes(of: 1, toByteOffset: buffer.byteCount, as: UInt8.self)
            case .dropsNaN where type == .float32: replace(address, buffer.byteCount) { $0.isNaN ? 0 : $0 }
            case .flushes where type == .float32: replace(address, buffer.byteCount) { $0.isSubnormal ? 0 : $0 }
            default: break
            }
        }
        if let input = inputs[0], let address = input.hostAddress, input.byteCount > 0 {
            if executable.fault == .writesBefore { (address - 1).storeBytes(of: 1, as: UInt8.self) }
            if executable.fault == .changesInput {
                address.storeBytes(of: address.load(as: UInt8.self) ^ 1, as: UInt8.self)
            }
        }
    }

    private static func bytes(_ buffer: any Buffer) -> [UInt8] {
        guard let address = buffer.hostAddress else { return [] }
        return Array(UnsafeRawBufferPointer(start: address, count: buffer.byteCount))
    }

    private func nudge(_ address: UnsafeMutableRawPointer) {
        let bits = address.loadUnaligned(as: UInt32.self)
        address.storeBytes(of: bits ^ 1, as: UInt32.self)
    }

    private func replace(_ address: UnsafeMutableRawPointer, _ byteCount: Int, _ change: (Float) -> Float) {
        for offset in stride(from: 0, to: byteCount, by: 4) {
            let value = Float(bitPattern: address.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            address.storeBytes(of: change(value).bitPattern, toByteOffset: offset, as: UInt32.self)
        }
    }
}
