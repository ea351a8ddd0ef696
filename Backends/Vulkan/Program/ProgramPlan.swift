// Heterodyne: a lowered graph: steps on blocks of memory, before pipelines exist.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// What a lowering is told besides the graph and the target.
struct ProgramLoweringOptions: Hashable, Sendable {
    /// Identifier of the device, for errors.
    var device: String
    /// Whether kernels reach memory through addresses even where descriptors would do.
    var forcesAddresses = false
    /// Chooses the tiles of products by running them; nil: they are chosen by the device's limits.
    var dotTuner: DotTuner?
}

/// A range of a block that a step uses.
struct PlannedBinding: Sendable {
    var root: Int
    var byteOffset: Int
    var byteCount: Int
    var kind: Access.Kind
}

/// A launch of a kernel.
struct PlannedLaunch: Sendable {
    var pipeline: PipelineRequest
    var bindings: [PlannedBinding]
    var constants: [PushValue]
    var grid: Grid
    var work: Double
}

/// One step of a program.
struct PlannedStep: Sendable {
    enum Action: Sendable {
        case launch(PlannedLaunch)
        /// Copies bytes between two ranges of equal length that do not overlap.
        case copy(from: PlannedBinding, to: PlannedBinding)
        /// Fills a range with a repeated word.
        case fill(PlannedBinding, word: UInt32)
        /// Runs one of two regions: child numbers, the predicate (a byte), operands, results.
        case conditional(
            then: Int, otherwise: Int, predicate: PlannedBinding, inputs: [PlannedBinding], outputs: [PlannedBinding])
        /// Runs a region while another gives true: child numbers, the flag (a byte), the state, and a second state.
        /// The first state holds the operands at first and the results at last.
        case loop(
            condition: Int, body: Int, flag: PlannedBinding, state: [PlannedBinding], other: [PlannedBinding])
    }

    var action: Action
    var description: String
    /// Name of the node that the step belongs to.
    var node: String

    /// The ranges that the step uses.
    var bindings: [PlannedBinding] {
        switch action {
        case .launch(let launch): launch.bindings
        case .copy(let from, let to): [from, to]
        case .fill(let range, _): [range]
        case .conditional(_, _, let predicate, let inputs, let outputs): [predicate] + inputs + outputs
        case .loop(_, _, let flag, let state, let other): [flag] + state + other
        }
    }

    /// Whether the host decides in the step, so that what came before must have run.
    var isHostDriven: Bool {
        switch action {
        case .launch, .copy, .fill: false
        case .conditional, .loop: true
        }
    }
}

/// A lowered graph.
struct ProgramPlan: Sendable {
    /// Where a block lies.
    enum Block: Sendable, Hashable {
        case arena(offset: Int)
        case input(Int)
        case output(Int)
        case constant(Int)
        /// No step touches it.
        case unused
    }

    var steps: [PlannedStep]
    var blocks: [Block]
    var blockByteCounts: [Int]
    var constants: [LiteralStorage]
    var children: [ProgramPlan]
    var inputByteCounts: [Int]
    var outputByteCounts: [Int]
    var arenaByteCount: Int
    var inPlaceOutputs: [Int: Int]

    /// The pipelines that the program and its regions need.
    var pipelines: [PipelineRequest] {
        var requests: [PipelineRequest] = []
        for step in steps { if case .launch(let launch) = step.action { requests.append(launch.pipeline) } }
        return children.reduce(requests) { $0 + $1.pipelines }
    }
}
