// Heterodyne: the user's wishes for an imported model.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneONNX
public import HeterodyneRuntime

/// What a model that is prepared is at.
public enum ModelProgress: Sendable, Hashable {
    /// So many of its nodes are graphs already.
    case importing(done: Int, total: Int)
    /// So many of the programs that are known so far are compiled.
    case compiling(done: Int, total: Int)
    /// Its programs run for the first time.
    case running
}

/// The user's wishes for an imported model.
public struct ModelOptions: Sendable {
    /// Wishes for the compiler, devices to fall back to, and so on; `donatedInputs` is taken from the names below.
    public var program = ProgramOptions()
    /// Inputs whose memory the program may overwrite, such as the caches of a decoder.
    public var donatedInputs: Set<String> = []
    /// Most plans that are remembered: one for each combination of input types, and of values on which the structure
    /// of the graph depends.
    public var planLimit = 64
    /// Most values that one run may have to compute before the rest of the graph is known.
    public var answerLimit = 4_096

    /// Told what the model is at while it is imported and compiled, from the thread that does it.
    public var progress: (@Sendable (ModelProgress) -> Void)?
    /// The most iterations of a loop on constants that is computed while the model is imported.
    public var constantIterationLimit = 100_000
    /// The most bytes that constants which are computed while the model is imported may take, besides twice those of the
    /// model's own.
    public var constantByteLimit = 32 << 20

    /// The defaults: nothing is donated.
    public init() {}

    /// The limits of what is computed while `model` is imported.
    func constantLimits(of model: ONNXModel) -> EvaluationLimits {
        var bytes = constantByteLimit
        for tensor in model.graph.initializers {
            let (doubled, overflow) = tensor.byteCount.multipliedReportingOverflow(by: 2)
            let (sum, overflowing) = bytes.addingReportingOverflow(doubled)
            bytes = overflow || overflowing ? Int.max : sum
        }
        return EvaluationLimits(iterations: constantIterationLimit, bytes: bytes)
    }
}
