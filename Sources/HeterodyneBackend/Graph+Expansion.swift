// Heterodyne: taking composites apart, for lowerings of backends.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension Graph {
    /// The graph with every composite that `mustExpand` names replaced by its definition, and what that is made of
    /// likewise. Throws `compilationFailed` where a definition is faulty or has no end.
    public func expanded(
        device: String, where mustExpand: (Node, Graph) -> Bool
    ) throws(BackendError) -> Graph {
        var current = self
        // A definition may use composites itself; each round goes one level down.
        for _ in 0..<64 {
            guard current.nodes.contains(where: { mustExpand($0, current) }) else { return current }
            do { current = try current.expandedOnce(where: mustExpand) } catch {
                throw BackendError(error, device: device)
            }
        }
        throw BackendError(.compilationFailed, "composites decompose into each other without end", device: device)
    }

    private func expandedOnce(where mustExpand: (Node, Graph) -> Bool) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var mapped: [[Value]] = []
        for node in nodes {
            let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
            builder.currentLocation = node.location
            switch node.operation {
            case .parameter(_, let name, let type): mapped.append([try builder.input(name, type).value])
            case .composite(let composite) where mustExpand(node, self):
                let terms = operands.map { Term(builder, $0) }
                mapped.append(try composite.decompose(terms, in: builder).map(\.value))
            case .primitive, .composite: mapped.append(try builder.add(node.operation, operands))
            }
        }
        for output in outputs {
            try builder.output(output.name, Term(builder, mapped[Int(output.value.node)][Int(output.value.result)]))
        }
        return try builder.build()
    }
}
