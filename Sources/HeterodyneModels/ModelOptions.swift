// Heterodyne: the user's wishes for an imported model.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneRuntime

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

    /// The defaults: nothing is donated.
    public init() {}
}
