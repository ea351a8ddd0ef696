// Heterodyne: a composite that arrived from a host.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// A composite that arrived from a host: a name, attributes and a definition as data. A backend claims it by name and
/// attributes like any other.
struct ForeignComposite: Composite {
    /// Stands for all of them; each value has a name of its own.
    static let name = "foreign"

    let name: String
    let attributes: Attributes
    private let operandTypes: [TensorType]
    private let resultTypes: [TensorType]
    /// What it is made of. Questions about support come without.
    private let definition: Graph?

    init(
        name: String, attributes: Attributes, operandTypes: [TensorType], resultTypes: [TensorType], definition: Graph?
    ) {
        self.name = name
        self.attributes = attributes
        self.operandTypes = operandTypes
        self.resultTypes = resultTypes
        self.definition = definition
    }

    /// Always throws: attributes alone do not say which composite it is.
    init(attributes: Attributes) throws(GraphError) {
        throw GraphError(
            .invalidAttribute, "a composite that a host passed is not made from attributes alone",
            operation: Self.name)
    }

    /// The types that came with it, for operands of the types that came with it.
    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        guard operands == operandTypes else {
            throw GraphError(
                .shapeMismatch, "is defined for operands of the types \(operandTypes), not \(operands)", operation: name
            )
        }
        return resultTypes
    }

    /// The definition that came with it, inlined.
    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        guard let definition else {
            throw GraphError(.unsupported, "the host gave no definition to decompose into", operation: name)
        }
        return try builder.inline(definition, operands)
    }
}
