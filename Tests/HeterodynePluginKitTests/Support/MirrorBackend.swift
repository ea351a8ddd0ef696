// Heterodyne: the backend of docs/PluginKit.md, which a test compares with the page and runs.
// SPDX-License-Identifier: Apache-2.0

// example: Sources/Mirror/MirrorBackend.swift
import HeterodyneBackend
import HeterodyneGraph

/// A make-believe chip that negates float32 and nothing else.
struct MirrorBackend: Backend {
    let name = "mirror"

    func discover() -> DeviceListing {
        DeviceListing(devices: [
            DeviceDescriptor(
                id: "mirror", backend: name, kind: .accelerator, name: "Mirror 1", vendor: "Example", threads: 1,
                memoryByteCount: 1 << 30, fingerprint: "example|mirror|1")
        ])
    }

    func capabilities(of device: String) throws(BackendError) -> Capabilities {
        Capabilities(
            scalarTypes: [.float32: .storage], maximumBufferByteCount: 1 << 30, hasUnifiedMemory: true,
            numerics: Numerics(
                denormals: .preserved, propagatesNaN: true, contracts: false, roundsToNearestEven: true,
                maximumULP: [:]))
    }

    func support(for node: NodeSignature, on device: String) -> Support {
        switch node.operation {
        case .parameter: .native
        case .composite: .byDecomposition
        case .primitive(.unary(.negate)) where node.operandTypes[0].scalarType == .float32: .native
        case .primitive: .unsupported(reason: "the Mirror negates float32 and does nothing else")
        }
    }

    func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        try HostBuffer(byteCount: byteCount)
    }

    func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        do { return try MirrorProgram(unit.graph) } catch { throw BackendError(error, device: device) }
    }
}

/// Every output is an input, negated or not.
final class MirrorProgram: Executable {
    struct Step { let input: Int, isNegated: Bool, count: Int }
    let steps: [Step]
    let inPlaceOutputs: [Int: Int] = [:]
    let arenaByteCount = 0
    let constantByteCount = 0
    var stepDescriptions: [String] { steps.map { "\($0.isNegated ? "negate" : "copy") input \($0.input)" } }

    init(_ graph: Graph) throws(GraphError) {
        var steps: [Step] = []
        for output in graph.outputs {
            var (value, isNegated) = (output.value, false)
            while let operand = graph.node(of: value).operands.first { (value, isNegated) = (operand, !isNegated) }
            let input = graph.inputs.firstIndex(of: value) ?? 0
            steps.append(Step(input: input, isNegated: isNegated, count: try graph.type(of: value).elementCount()))
        }
        self.steps = steps
    }

    func makeInvocation() throws(BackendError) -> any Invocation { MirrorInvocation(self) }
}

final class MirrorInvocation: Invocation {
    private let program: MirrorProgram
    private var inputs: [Int: any Buffer] = [:]
    private var outputs: [Int: any Buffer] = [:]

    init(_ program: MirrorProgram) { self.program = program }

    func bind(input index: Int, to buffer: any Buffer) throws(BackendError) { inputs[index] = buffer }
    func bind(output index: Int, to buffer: any Buffer) throws(BackendError) { outputs[index] = buffer }
    func unbind(input index: Int) { inputs[index] = nil }
    func unbind(output index: Int) { outputs[index] = nil }

    func run() throws(BackendError) {
        for (index, step) in program.steps.enumerated() {
            guard let source = inputs[step.input]?.hostAddress, let target = outputs[index]?.hostAddress else {
                throw BackendError(.invalidArgument, "output \(index) or its input is not bound")
            }
            for element in 0..<step.count {
                // Host memory may begin at any byte.
                let bits = source.loadUnaligned(fromByteOffset: 4 * element, as: UInt32.self)
                target.storeBytes(
                    of: step.isNegated ? bits ^ 1 << 31 : bits, toByteOffset: 4 * element, as: UInt32.self)
            }
        }
    }

    func profile() throws(BackendError) -> [UInt64] {
        try run()
        return program.steps.map { _ in 0 }
    }
}
// end of example
