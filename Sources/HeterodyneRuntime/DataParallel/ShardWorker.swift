// Heterodyne: computes the rows of one share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph

/// One share of a batch: cuts its rows out of the arguments, runs its program, and puts its rows into the results.
///
/// Unchecked: a session changes it between runs only; during a run it is in the hands of its lane.
final class ShardWorker: @unchecked Sendable {
    private let program: Program
    private let session: Session
    /// The rows of each input and output; nil where all shares have all of it.
    private let inputBlocks: [RowBlocks?]
    private let outputBlocks: [RowBlocks?]
    /// Memory of the device for each input; nil where the device reads the arguments' own memory.
    private var inputCopies: [(any Buffer)?]
    private let outputs: [any Buffer]
    private var staging: HostBuffer?
    private let readsHostMemory: Bool
    /// The arguments whose rows are copied in every run.
    private var copiedInputs: [(any Buffer)?]
    /// Where rows of results go; nil for results that another share gives.
    private var targets: [(any Buffer)?]
    var failure: BackendError?
    var start = ContinuousClock.now
    var end = ContinuousClock.now

    /// A place to compute `rows` with `program`, which is compiled for so many.
    init(_ program: Program, rows: Range<Int>, analysis: BatchAnalysis) throws(HeterodyneError) {
        self.program = program
        session = try program.makeSession()
        let rowCount = analysis.rowCount
        func blocks(
            _ ports: [Program.Port], _ whole: [TensorType], _ axes: [BatchAxis?]
        ) throws(HeterodyneError) -> [RowBlocks?] {
            var result: [RowBlocks?] = []
            for (port, (type, axis)) in zip(ports, zip(whole, axes)) {
                guard let axis else {
                    result.append(nil)
                    continue
                }
                result.append(
                    rowCount < 2
                        ? Self.whole(port.byteCount)
                        : try liftingGraph { () throws(GraphError) in
                            try RowBlocks(of: type, axis, rows: rows, rowCount: rowCount)
                        })
            }
            return result
        }
        let graph = analysis.graph
        inputBlocks = try blocks(program.inputs, graph.inputTypes, analysis.inputs.map { $0.map { BatchAxis($0) } })
        outputBlocks = try blocks(program.outputs, graph.outputTypes, analysis.outputs)
        inputCopies = inputBlocks.map { _ in nil }
        copiedInputs = inputBlocks.map { _ in nil }
        targets = outputBlocks.map { _ in nil }
        let device = program.device
        var outputs: [any Buffer] = []
        do throws(BackendError) {
            readsHostMemory = try device.capabilities().hasUnifiedMemory
            for port in program.outputs {
                outputs.append(try device.backend.allocate(byteCount: port.byteCount, on: device.id))
            }
        } catch { throw .backend(error) }
        self.outputs = outputs
        for (output, block) in zip(outputs, outputBlocks) {
            // Rows that are not consecutive are sorted out in memory of the host.
            if let block, !block.isContiguous, output.hostAddress == nil { try makeStaging(output.byteCount) }
        }
        for (index, output) in outputs.enumerated() { try session.bind(output: index, to: output) }
    }

    /// The argument of the whole batch for input `index` from now on. What all rows share is brought to the device now
    /// and kept; rows are read in every run.
    func bind(input index: Int, to buffer: any Buffer) throws(HeterodyneError) {
        let port = program.inputs[index]
        let block = inputBlocks[index]
        copiedInputs[index] = nil
        if readsHostMemory, let address = buffer.hostAddress, block?.isContiguous ?? true {
            let bytes = UnsafeRawBufferPointer(start: address + (block?.start ?? 0), count: port.byteCount)
            inputCopies[index] = nil
            try session.bind(input: index, to: HostBuffer(sharing: LiteralStorage(bytes: bytes, owner: buffer)))
            return
        }
        // Between two devices of which the host reaches neither, and for rows that are not consecutive.
        if !readsHostMemory, buffer.hostAddress == nil || block?.isContiguous == false {
            try makeStaging(port.byteCount)
        }
        do throws(BackendError) {
            let device = program.device
            let copy: any Buffer
            if let known = inputCopies[index] {
                copy = known
            } else {
                copy = try device.backend.allocate(byteCount: port.byteCount, on: device.id)
                inputCopies[index] = copy
            }
            if block == nil {
                try Self.whole(port.byteCount).gather(from: buffer, to: copy, staging)
            } else {
                copiedInputs[index] = buffer
            }
        } catch { throw .backend(error) }
        if let copy = inputCopies[index] { try session.bind(input: index, to: copy) }
    }

    private func makeStaging(_ byteCount: Int) throws(HeterodyneError) {
        if let staging, staging.byteCount >= byteCount { return }
        staging = try liftingBackend { () throws(BackendError) in try HostBuffer(byteCount: byteCount) }
    }

    /// Where the rows of output `index` go from now on, memory that the host reaches; nil for nowhere.
    func bind(output index: Int, to buffer: (any Buffer)?) { targets[index] = buffer }

    /// Lets go of the arguments and the results.
    func unbind() {
        for index in copiedInputs.indices { copiedInputs[index] = nil }
        for index in targets.indices { targets[index] = nil }
        session.unbind()
        for (index, output) in outputs.enumerated() {
            // The same buffers as before, which fit.
            try? session.bind(output: index, to: output)
        }
    }

    private static func whole(_ byteCount: Int) -> RowBlocks {
        RowBlocks(start: 0, count: 1, byteCount: byteCount, stride: 0)
    }

    /// Brings the rows to the device and runs the program on them.
    func compute() throws(BackendError) {
        for index in copiedInputs.indices {
            guard let source = copiedInputs[index], let copy = inputCopies[index] else { continue }
            try inputBlocks[index]?.gather(from: source, to: copy, staging)
        }
        do throws(HeterodyneError) { try session.run() } catch {
            switch error {
            case .backend(let inner): throw inner
            case .graph(let inner): throw BackendError(.executionFailed, inner.description, device: program.device.id)
            }
        }
    }

    /// Does the whole share; an error is kept in `failure`.
    func run() {
        start = .now
        failure = nil
        do throws(BackendError) {
            try compute()
            for (index, output) in outputs.enumerated() {
                guard let target = targets[index]?.hostAddress else { continue }
                let blocks = outputBlocks[index] ?? Self.whole(program.outputs[index].byteCount)
                try blocks.scatter(from: output, to: target, staging)
            }
        } catch { failure = error }
        end = .now
    }
}
