// Heterodyne: how fast devices compute rows of a batch.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph

/// Times the program of a few rows on a device.
struct ShardCalibration {
    let analysis: BatchAnalysis
    let options: ShardOptions
    /// Arguments of the whole batch; zeros where nil.
    let sample: [any Buffer]?
    let runtime: Runtime

    /// The most rows that are timed: enough to keep small devices busy, few enough that a slow one is done soon.
    private static let mostRows = 8
    /// The fastest of so many runs counts, after one that does not.
    private static let runs = 3

    /// Rows per second on `device`, which may have to share the batch with others. Throws what compiling and running throw.
    func rowsPerSecond(on device: Device, among deviceCount: Int) throws(HeterodyneError) -> Double {
        let rows = max(1, min(Self.mostRows, analysis.rowCount / max(1, deviceCount)))
        let program = try ShardedProgram.program(analysis, rows, device, options, runtime)
        let share = try ShardWorker(
            program, rows: 0..<rows, analysis: analysis)
        for index in program.inputs.indices {
            if let sample, sample.indices.contains(index) {
                try share.bind(input: index, to: sample[index])
            } else {
                let whole = analysis.graph.inputTypes[index]
                let bytes = try liftingGraph { () throws(GraphError) in try whole.byteCount() }
                let zeros = try liftingBackend { () throws(BackendError) in
                    let zeros = try HostBuffer(byteCount: bytes)
                    zeros.address.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
                    return zeros
                }
                try share.bind(input: index, to: zeros)
            }
        }
        var best = UInt64.max
        for run in 0...Self.runs {
            let start = ContinuousClock.now
            do throws(BackendError) { try share.compute() } catch { throw .backend(error) }
            if run > 0 { best = min(best, start.nanoseconds(to: .now)) }
        }
        return Double(rows) / (Double(max(1, best)) * 1e-9)
    }
}
