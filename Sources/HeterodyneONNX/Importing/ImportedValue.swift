// Heterodyne: what a name of an ONNX model stands for while the model is imported.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// A tensor of the graph under construction. The term's scalar type is the carrier of the element type.
struct ImportedTensor {
    var term: Term
    var element: ONNXElementType

    /// A tensor of one of the graph language's own element types.
    init(_ term: Term) {
        self.term = term
        element = ONNXElementType(term.scalarType)
    }

    /// A tensor of an element type and the term that carries it.
    init(_ term: Term, _ element: ONNXElementType) {
        self.term = term
        self.element = element
    }
}

/// What a name of an ONNX model stands for while the model is imported. Lists, options and text exist only then: they
/// are resolved into tensors.
indirect enum ImportedValue {
    case tensor(ImportedTensor)
    case text(ONNXText)
    case sequence([ImportedValue])
    case optional(ImportedValue?)

    /// A tensor.
    init(_ term: Term) { self = .tensor(ImportedTensor(term)) }

    /// For messages.
    var kind: String {
        switch self {
        case .tensor(let tensor): "a tensor \(tensor.element)\(tensor.term.shape)"
        case .text: "a tensor of text"
        case .sequence: "a sequence"
        case .optional: "an optional"
        }
    }

    /// The terms in the value, in order.
    var terms: [Term] {
        switch self {
        case .tensor(let tensor): [tensor.term]
        case .text: []
        case .sequence(let elements): elements.flatMap(\.terms)
        case .optional(let value): value?.terms ?? []
        }
    }

    /// The value with every term replaced.
    func mapTerms(_ transform: (Term) throws(GraphError) -> Term) throws(GraphError) -> ImportedValue {
        switch self {
        case .tensor(let tensor): return .tensor(ImportedTensor(try transform(tensor.term), tensor.element))
        case .text: return self
        case .sequence(let elements):
            var mapped: [ImportedValue] = []
            for element in elements { mapped.append(try element.mapTerms(transform)) }
            return .sequence(mapped)
        case .optional(let value): return .optional(try value?.mapTerms(transform))
        }
    }
}
