// Heterodyne: what an import makes of a model: graphs to run one after the other.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// What an import makes of a model for inputs of one signature.
///
/// Most models become one step. Where the graph depends on a value that is computed at run time, such as the number of
/// non-zero elements, the model is cut: a step computes the value, its *answer* is given to the next import, and the
/// steps go on from there. Equal signatures and answers always give equal steps, and the steps for more answers begin
/// with the steps for fewer, so a runner remembers plans by signature and answers.
public struct ImportPlan: Sendable {
    /// A tensor at run time. The first slots are the tensors of the model's inputs in order, those of lists one by one.
    public typealias Slot = Int

    /// One graph to run.
    public struct Step: Sendable {
        /// What the step is for.
        public enum Purpose: Sendable, Hashable {
            /// To compute outputs of the model or what later steps need.
            case compute
            /// As `compute`; besides, its last output, which has no slot, is the next answer.
            case computeAndAnswer
            /// Its only output is the next answer. Small work on few elements, best done on the host.
            case answer
        }

        /// What the step is for.
        public var purpose: Purpose
        /// The graph.
        public var graph: Graph
        /// The slots that the graph's inputs are read from, in order.
        public var inputs: [Slot]
        /// The slots that the graph's outputs go to, in order.
        public var outputs: [Slot]
    }

    /// A result of the model, made of slots and constants.
    public indirect enum Result: Sendable {
        /// A tensor that a step computes, or an input handed through.
        case slot(ONNXElementType, Slot)
        /// A tensor that does not depend on any input.
        case constant(ONNXElementType, Literal)
        /// Text.
        case text(ONNXText)
        /// A list.
        case sequence([Result])
        /// A value or none.
        case optional(Result?)
    }

    /// The steps in order.
    public internal(set) var steps: [Step] = []
    /// The types of all slots.
    public internal(set) var slots: [TensorType] = []
    /// How many slots are inputs.
    public internal(set) var inputSlotCount = 0
    /// The outputs of the model by name, in order; nil while answers are missing.
    public internal(set) var results: [(name: String, result: Result)]?
}
