// Heterodyne: drops nodes that no output needs.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Drops nodes that no output needs. Inputs stay, so that the signature does not change.
public struct DeadCodeElimination: Pass {
    /// `dead-code`.
    public let name = "dead-code"

    /// The pass.
    public init() {}

    /// The graph without dead nodes, also inside regions; itself where all are needed.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        try graph.droppingDeadNodesEverywhere()
    }
}
