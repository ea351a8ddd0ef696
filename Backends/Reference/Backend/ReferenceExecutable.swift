// Heterodyne: a program of the reference backend and the places where it runs.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import HeterodyneGraph

/// A prepared graph as an executable. Intermediate results are allocated while it runs and freed after their last use,
/// so invocations own no memory.
public final class ReferenceExecutable: Executable {
    let program: ReferenceProgram
    let options: EvaluationOptions

    init(_ program: ReferenceProgram, options: EvaluationOptions) {
        self.program = program
        self.options = options
    }

    /// A place to run.
    public func makeInvocation() throws(BackendError) -> any Invocation { ReferenceInvocation(self) }

    /// None: results are made apart and copied to their buffers at the end.
    public var inPlaceOutputs: [Int: Int] { [:] }

    /// 0.
    public var arenaByteCount: Int { 0 }

    /// 0: constants are the graph's.
    public var constantByteCount: Int { 0 }

    /// Every node that computes something: its operation and its result types.
    public var stepDescriptions: [String] {
        program.computingNodes.map { index in
            let node = program.graph.nodes[index]
            return "\(node.operation.name) \(node.resultTypes.map(\.description).joined(separator: ", "))"
        }
    }
}

/// Binds host buffers to a program of the reference.
final class ReferenceInvocation: Invocation {
    private let executable: ReferenceExecutable
    private let inputTypes: [TensorType]
    private let outputTypes: [TensorType]
    private var inputs: [(any Buffer)?]
    private var outputs: [(any Buffer)?]

    init(_ executable: ReferenceExecutable) {
        self.executable = executable
        inputTypes = executable.program.graph.inputTypes
        outputTypes = executable.program.graph.outputTypes
        inputs = inputTypes.map { _ in nil }
        outputs = outputTypes.map { _ in nil }
    }

    func bind(input index: Int, to buffer: any Buffer) throws(BackendError) {
        try check(buffer, "input", index, inputTypes)
        inputs[index] = buffer
    }

    func bind(output index: Int, to buffer: any Buffer) throws(BackendError) {
        try check(buffer, "output", index, outputTypes)
        outputs[index] = buffer
    }

    func unbind(input index: Int) { if inputs.indices.contains(index) { inputs[index] = nil } }

    func unbind(output index: Int) { if outputs.indices.contains(index) { outputs[index] = nil } }

    private func check(
        _ buffer: any Buffer, _ role: String, _ index: Int, _ types: [TensorType]
    ) throws(BackendError) {
        guard types.indices.contains(index) else {
            throw BackendError(.invalidArgument, "there is no \(role) \(index); the program has \(types.count)")
        }
        let byteCount: Int
        do { byteCount = try types[index].byteCount() } catch { throw BackendError(error) }
        guard buffer.byteCount == byteCount else {
            throw BackendError(
                .invalidArgument,
                "\(role) \(index) is \(types[index]), \(byteCount) bytes, and was given \(buffer.byteCount) bytes")
        }
        guard buffer.hostAddress != nil else {
            throw BackendError(
                .invalidArgument, "\(role) \(index) lies where the host cannot reach it; copy it to the reference first"
            )
        }
    }

    func run() throws(BackendError) { try run(observer: nil) }

    func profile() throws(BackendError) -> [UInt64] {
        let nodes = executable.program.computingNodes
        var times = [UInt64](repeating: 0, count: executable.program.graph.nodes.count)
        try run { node, duration in times[node] = duration }
        return nodes.map { times[$0] }
    }

    private func run(observer: ((Int, UInt64) -> Void)?) throws(BackendError) {
        var literals: [Literal] = []
        for (index, type) in inputTypes.enumerated() {
            guard let buffer = inputs[index], let address = buffer.hostAddress else {
                throw BackendError(.invalidArgument, "input \(index) is not bound")
            }
            let bytes = UnsafeRawBufferPointer(start: address, count: buffer.byteCount)
            do { literals.append(try Literal(type: type, storage: LiteralStorage(bytes: bytes, owner: buffer))) } catch
            {
                throw BackendError(error)
            }
        }
        for (index, output) in outputs.enumerated() where output == nil {
            throw BackendError(.invalidArgument, "output \(index) is not bound")
        }
        var results: [LiteralStorage] = []
        do throws(EvaluationError) {
            for literal in try executable.program.run(literals, options: executable.options, observer: observer) {
                results.append(try EvaluationError.wrapping { () throws(GraphError) in try literal.denseStorage() })
            }
        } catch {
            throw BackendError(error, device: "reference", fallback: .executionFailed)
        }
        // An output may be an input unchanged, and another output may overwrite that input: read before writing.
        for (index, result) in results.enumerated() where overlapsOutput(result.bytes, except: index) {
            results[index] = LiteralStorage(copying: result.bytes)
        }
        for (result, output) in zip(results, outputs) { try output?.write(from: result.bytes, at: 0) }
    }

    private func overlapsOutput(_ bytes: UnsafeRawBufferPointer, except own: Int) -> Bool {
        guard let start = bytes.baseAddress else { return false }
        for (index, output) in outputs.enumerated() where index != own {
            guard let output, let address = output.hostAddress else { continue }
            if UnsafeRawPointer(address) < start + bytes.count && start < UnsafeRawPointer(address) + output.byteCount {
                return true
            }
        }
        return false
    }
}
