// Heterodyne: one step of compilation.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// One step of compilation: a graph to an equivalent graph.
///
/// An implementer's test: for random graphs, the result verifies and evaluates to the same outputs.
public protocol Pass: Sendable {
    /// Short name for reports and dumps.
    var name: String { get }

    /// The equivalent graph. Inputs and outputs keep their names, order and types.
    func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph
}

/// What passes read and where they write their decisions.
public final class PassContext {
    /// The device to compile for.
    public let target: CompilationTarget
    /// The user's wishes.
    public let options: CompilerOptions
    /// Evaluates constants, where there is one.
    public let evaluator: (any Evaluator)?
    /// The decisions so far.
    public var report: CompilationReport
    /// Whether the graph rests on operations that are rounded one by one, which backends must not contract.
    public internal(set) var restsOnRounding = false
    /// The text of the graph after each pass, where asked for.
    public internal(set) var stages: [(pass: String, text: String)] = []

    /// A context for one compilation.
    public init(
        target: CompilationTarget, options: CompilerOptions = CompilerOptions(), evaluator: (any Evaluator)? = nil,
        label: String = "graph"
    ) {
        self.target = target
        self.options = options
        self.evaluator = evaluator
        report = CompilationReport(label: label, devices: [target.device])
    }
}
