// Heterodyne: a compiled program as the object that a host holds.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import Synchronization

/// A compiled program as the object that a host holds.
final class ProgramBox: Sendable {
    let executable: any Executable
    /// What it was compiled from, to name nodes in errors.
    let graph: Graph
    private let info = Mutex<Info?>(nil)

    private struct Info: @unchecked Sendable {
        // Unchecked: constant after it was made.
        let memory: CMemory
        let pointer: UnsafePointer<heterodyne_program_info>
    }

    init(_ executable: any Executable, _ graph: Graph) {
        self.executable = executable
        self.graph = graph
    }

    /// What there is to know of the program, in memory of its own.
    func describe() throws(Failure) -> Forever<heterodyne_program_info> {
        if let info = info.withLock(\.self) { return Forever(pointer: info.pointer) }
        let inputs = try byteCounts(graph.inputTypes)
        let outputs = try byteCounts(graph.outputTypes)
        return info.withLock { info in
            if let info { return Forever(pointer: info.pointer) }
            let memory = CMemory()
            var result = heterodyne_program_info()
            result.struct_size = MemoryLayout<heterodyne_program_info>.size
            result.arena_byte_count = UInt64(clamping: executable.arenaByteCount)
            result.constant_byte_count = UInt64(clamping: executable.constantByteCount)
            let steps = executable.stepDescriptions
            result.step_count = UInt64(steps.count)
            result.steps = memory.texts(steps)
            let pairs = executable.inPlaceOutputs.sorted { $0.key < $1.key }.map {
                (UInt64(clamping: $0.key), UInt64(clamping: $0.value))
            }
            result.in_place_count = UInt64(pairs.count)
            result.in_place = memory.array(pairs)
            result.input_count = UInt64(inputs.count)
            result.input_byte_counts = memory.array(inputs)
            result.output_count = UInt64(outputs.count)
            result.output_byte_counts = memory.array(outputs)
            let made = Info(memory: memory, pointer: memory.value(result))
            info = made
            return Forever(pointer: made.pointer)
        }
    }

    private func byteCounts(_ types: [TensorType]) throws(Failure) -> [UInt64] {
        var counts: [UInt64] = []
        for type in types {
            do { counts.append(UInt64(clamping: try type.byteCount())) } catch {
                throw Failure(.internal, error.message)
            }
        }
        return counts
    }
}
