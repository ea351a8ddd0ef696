// Heterodyne: a program of a simulated chip.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneHostKernels
import HeterodyneRoofline

/// A program of a simulated chip: the host's program of the same graph, and what the chip would take for it.
final class SimulatedExecutable: Executable {
    let chip: SimulatedChip
    let program: HostProgram
    /// What the roofline model says.
    let estimate: RooflineEstimate
    /// Keeps the constants alive and counted.
    private let constants: SimulatedConstants
    let label: String

    init(_ unit: CompilationUnit, chip: SimulatedChip) throws(BackendError) {
        try chip.check(unit.graph)
        self.chip = chip
        label = unit.label
        program = try HostProgram(unit, options: HostProgramOptions(device: chip.device))
        estimate = RooflineEstimator(chip.profile).estimate(unit.graph)
        stepDescriptions = estimate.steps.map { step in
            let types = unit.graph.nodes[step.node].resultTypes.map(\.description).joined(separator: ", ")
            return "\(step.name) \(types)"
        }
        let storages = unit.graph.storages
        try Self.checkSize(unit.graph, storages, program.arenaByteCount, chip, label)
        constants = try SimulatedConstants(storages, in: chip.memory, of: label)
    }

    /// Throws `outOfMemory` where the program would not even fit into an empty chip.
    private static func checkSize(
        _ graph: Graph, _ constants: [LiteralStorage], _ arena: Int, _ chip: SimulatedChip, _ label: String
    ) throws(BackendError) {
        let weights = constants.reduce(0.0) { $0 + Double($1.bytes.count) }
        let ends = (graph.inputTypes + graph.outputTypes).reduce(0.0) { sum, type in
            let count = type.shape.dimensions.reduce(1.0) { $0 * Double($1.fixedValue ?? 1) }
            return sum + count * Double(type.scalarType.bitWidth) / 8
        }
        let needed = weights + ends + Double(arena)
        guard needed > Double(chip.memory.byteCount) else { return }
        func bytes(_ number: Double) -> String { number < 0x1p62 ? String(Int(number)) : String(number) }
        throw BackendError(
            .outOfMemory,
            "\(chip.profile.name) has \(chip.memory.byteCount) bytes of memory and '\(label)' needs \(bytes(needed)): "
                + "\(bytes(weights)) of constants, \(bytes(Double(arena))) of intermediate results, \(bytes(ends)) of "
                + "inputs and outputs",
            device: chip.device)
    }

    var inPlaceOutputs: [Int: Int] { program.inPlaceOutputs }
    var arenaByteCount: Int { program.arenaByteCount }
    var constantByteCount: Int { program.constantByteCount }
    /// One line for each node that the model gives a time.
    let stepDescriptions: [String]

    func makeInvocation() throws(BackendError) -> any Invocation { try SimulatedInvocation(self) }
}

extension Graph {
    /// The storages of all dense constants, each once, those inside regions included.
    fileprivate var storages: [LiteralStorage] {
        var known: Set<ObjectIdentifier> = []
        var found: [LiteralStorage] = []
        collectStorages(&known, &found)
        return found
    }

    private func collectStorages(_ known: inout Set<ObjectIdentifier>, _ found: inout [LiteralStorage]) {
        for node in nodes {
            if case .primitive(.constant(let literal)) = node.operation, case .dense(let storage) = literal.contents,
                known.insert(ObjectIdentifier(storage)).inserted
            {
                found.append(storage)
            }
            for region in node.operation.regions { region.collectStorages(&known, &found) }
        }
    }
}
