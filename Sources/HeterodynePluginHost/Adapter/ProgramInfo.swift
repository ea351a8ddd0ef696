// Heterodyne: what a plugin says of a program, checked against the graph.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

/// An input or output of a program.
struct PluginPort {
    var name: String
    var type: TensorType
    var byteCount: Int
}

/// What a plugin says of a program, checked against the graph.
struct ProgramInfo {
    var arenaByteCount = 0
    var constantByteCount = 0
    /// A line per step.
    var steps: [String] = []
    /// For every output that is computed in a donated input's buffer, that input.
    var inPlaceOutputs: [Int: Int] = [:]

    /// Of a program whose plugin says nothing.
    init() {}

    /// Reads `info`. Throws where it contradicts the graph.
    init(
        _ info: UnsafePointer<heterodyne_program_info>?, inputs: [PluginPort], outputs: [PluginPort],
        donatedInputs: Set<Int>
    ) throws(Refusal) {
        let fields = try Foreign(info, "program_info")
        arenaByteCount = Int(clamping: fields.value(\.arena_byte_count) ?? 0)
        constantByteCount = Int(clamping: fields.value(\.constant_byte_count) ?? 0)
        let lines = try fields.array(\.step_count, \.steps, "steps", limit: ForeignLimit.steps)
        for (index, line) in lines.enumerated() {
            steps.append(try ForeignText.display(line, "program_info.steps[\(index)]"))
        }
        try Self.check(fields, \.input_count, \.input_byte_counts, inputs, "input")
        try Self.check(fields, \.output_count, \.output_byte_counts, outputs, "output")
        var taken: Set<Int> = []
        for (output, input) in try fields.array(\.in_place_count, \.in_place, "in_place") {
            guard let output = Int(exactly: output), let input = Int(exactly: input),
                outputs.indices.contains(output), inputs.indices.contains(input)
            else {
                throw Refusal(
                    "it says that output \(output) is computed in the buffer of input \(input); the program has "
                        + "\(inputs.count) inputs and \(outputs.count) outputs")
            }
            guard donatedInputs.contains(input) else {
                throw Refusal(
                    "it says that output \(output) is computed in the buffer of input \(input), which is not donated")
            }
            guard inputs[input].byteCount == outputs[output].byteCount else {
                throw Refusal(
                    "it says that output \(output), \(outputs[output].type), is computed in the buffer of input "
                        + "\(input), \(inputs[input].type)")
            }
            guard inPlaceOutputs[output] == nil, taken.insert(input).inserted else {
                throw Refusal("it says twice that output \(output) or input \(input) is computed in place")
            }
            inPlaceOutputs[output] = input
        }
    }

    private static func check(
        _ fields: Foreign<heterodyne_program_info>, _ count: KeyPath<heterodyne_program_info, UInt64>,
        _ sizes: KeyPath<heterodyne_program_info, UnsafePointer<UInt64>?>, _ ports: [PluginPort], _ role: String
    ) throws(Refusal) {
        // A plugin of an interface without these fields, or one that leaves them out, says nothing.
        guard let number = fields.value(count), let pointer = fields.value(sizes), pointer != nil || number != 0
        else { return }
        guard number == UInt64(ports.count) else {
            throw Refusal("it says that the program has \(number) \(role)s; the graph has \(ports.count)")
        }
        let said = try fields.array(count, sizes, "\(role)_byte_counts", limit: ports.count)
        for (index, port) in ports.enumerated() where said[index] != UInt64(port.byteCount) {
            throw Refusal(
                "it says that \(role) \(index) '\(port.name)' has \(said[index]) bytes; \(port.type) has "
                    + "\(port.byteCount)")
        }
    }
}
