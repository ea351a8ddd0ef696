// Heterodyne: what running a node costs, estimated.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// An estimate of what running a node costs, from its types alone: the sums of its `NodeWork`.
public struct NodeCost: Sendable, Hashable {
    /// Arithmetic operations; a multiplication with an addition counts as two.
    public var operationCount: Double
    /// Bytes of operands read and results written.
    public var byteCount: Double

    /// The cost of a node of `graph`.
    public init(_ node: Node, in graph: Graph) { self.init(NodeWork(node, in: graph)) }

    /// The cost of a node with operands of the given types.
    public init(_ node: Node, operandTypes operands: [TensorType]) {
        self.init(NodeWork(node, operandTypes: operands))
    }

    private init(_ work: NodeWork) {
        operationCount = work.operationCount
        byteCount = work.byteCount
    }

    init(transferOf type: TensorType) {
        operationCount = 0
        byteCount = NodeWork.bytes(type)
    }
}
