// Heterodyne: the node at hand, as the rules of operators see it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The node that a rule imports: its inputs, its attributes (in `OperatorContext+Attributes.swift`), and the graph
/// under construction.
struct OperatorContext {
    /// The node.
    let node: ONNXNode
    /// The version of the operator set that the node is from.
    let version: Int
    /// What the inputs stand for; nil for those that are left out.
    let inputs: [ImportedValue?]
    /// The names around the node.
    let scope: ImportScope

    init(_ node: ONNXNode, version: Int, inputs: [ImportedValue?], scope: ImportScope) {
        self.node = node
        self.version = version
        self.inputs = inputs
        self.scope = scope
    }

    /// The graph under construction.
    var builder: GraphBuilder { scope.facts.builder }

    /// How many outputs the node names.
    var outputCount: Int { node.outputs.count }

    /// Whether somebody may use output `index`.
    func wants(output index: Int) -> Bool { index < node.outputs.count && !node.outputs[index].isEmpty }

    // MARK: - Inputs

    /// Whether input `index` is there.
    func has(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

    /// What input `index` stands for. Throws `operandCount` where it is left out.
    func value(_ index: Int) throws(GraphError) -> ImportedValue {
        guard index < inputs.count, let value = inputs[index] else {
            throw GraphError(.operandCount, "input \(index) is missing")
        }
        return value
    }

    /// Input `index` as a tensor. Throws `invalidType` where it is something else.
    func tensor(_ index: Int) throws(GraphError) -> ImportedTensor {
        let value = try value(index)
        switch value {
        case .tensor(let tensor): return tensor
        case .optional(.some(.tensor(let tensor))): return tensor
        default: throw GraphError(.invalidType, "input \(index) is \(value.kind), not a tensor of numbers")
        }
    }

    /// Input `index` as a term of one of the graph language's own element types.
    func term(_ index: Int) throws(GraphError) -> Term {
        let tensor = try tensor(index)
        guard tensor.element.scalarType != nil else {
            throw GraphError(
                .invalidType,
                "input \(index) has elements of type \(tensor.element), which can only be moved and converted")
        }
        return tensor.term
    }

    /// Input `index` as a term, nil where it is left out.
    func optionalTerm(_ index: Int) throws(GraphError) -> Term? { has(index) ? try term(index) : nil }

    /// The inputs from `first` on as terms.
    func terms(from first: Int = 0) throws(GraphError) -> [Term] {
        var result: [Term] = []
        for index in first..<max(first, inputs.count) { result.append(try term(index)) }
        return result
    }

    /// Input `index` as text.
    func text(_ index: Int) throws(GraphError) -> ONNXText {
        let value = try value(index)
        guard case .text(let text) = value else {
            throw GraphError(.invalidType, "input \(index) is \(value.kind), not a tensor of text")
        }
        return text
    }

    /// Input `index` as a list.
    func sequence(_ index: Int) throws(GraphError) -> [ImportedValue] {
        let value = try value(index)
        switch value {
        case .sequence(let elements): return elements
        case .optional(.some(.sequence(let elements))): return elements
        default: throw GraphError(.invalidType, "input \(index) is \(value.kind), not a sequence")
        }
    }

    // MARK: - Values that the shape of the graph depends on

    /// The elements of a term: of a constant, or of what inputs decide at run time (the model is cut there).
    func literal(_ term: Term) throws(GraphError) -> Literal { try scope.session.value(of: term, in: scope) }

    /// The only element of an integer term, and the terms `keeping`, which it was computed from, as they are called
    /// from here on: with them a rule goes on after its question without computing them again.
    func integer(of term: Term, keeping terms: [Term]) throws(GraphError) -> (number: Int, kept: [Term]) {
        let (literal, kept) = try scope.session.value(of: term, in: scope, keeping: terms)
        guard term.scalarType == .int64, let bits = literal.splatBits else {
            throw GraphError(.shapeMismatch, "needs one integer and was given \(term.type)")
        }
        return (Int(Int64(bitPattern: bits)), kept)
    }

    /// The elements of a term where they depend on no input, else nil.
    func constantLiteral(_ term: Term) throws(GraphError) -> Literal? {
        guard term.type.shape.fixedExtents != nil else { return nil }
        return try scope.facts.literal(term)
    }

    /// Most numbers that are read from a term.
    private static let numberLimit = 1 << 24

    /// The number of elements of a term whose numbers are to be read. Throws `overflow` for too many.
    private func countToRead(_ term: Term) throws(GraphError) -> Int {
        guard term.type.shape.fixedExtents != nil else { return 0 }
        let count = try term.type.elementCount()
        guard count <= Self.numberLimit else {
            throw GraphError(
                .overflow, "needs the numbers of \(term.type); at most \(Self.numberLimit) are read while importing")
        }
        return count
    }

    /// The elements of a term as integers in row-major order. Throws `invalidType` for floats.
    func integers(of term: Term) throws(GraphError) -> [Int] {
        guard term.scalarType.isInteger || term.scalarType == .bool else {
            throw GraphError(.invalidType, "needs integers and was given \(term.type)")
        }
        let count = try countToRead(term)
        let literal = try literal(term)
        var result: [Int] = []
        for index in 0..<count {
            let bits = literal.bits(at: index)
            if term.scalarType == .int64 || term.scalarType == .uint64 {
                result.append(Int(Int64(bitPattern: bits)))
            } else {
                result.append(Int(term.scalarType.number(fromBits: bits)))
            }
        }
        return result
    }

    /// The elements of a term as numbers in row-major order.
    func numbers(of term: Term) throws(GraphError) -> [Double] {
        let count = try countToRead(term)
        let literal = try literal(term)
        var result: [Double] = []
        for index in 0..<count {
            result.append(term.scalarType.number(fromBits: literal.bits(at: index)))
        }
        return result
    }

    /// The elements of input `index` as integers.
    func integers(_ index: Int) throws(GraphError) -> [Int] { try integers(of: try term(index)) }

    /// The elements of input `index` as integers, nil where it is left out.
    func optionalIntegers(_ index: Int) throws(GraphError) -> [Int]? { has(index) ? try integers(index) : nil }

    /// The only element of input `index` as an integer.
    func integer(_ index: Int) throws(GraphError) -> Int {
        let all = try integers(index)
        guard all.count == 1 else {
            throw GraphError(.shapeMismatch, "input \(index) has \(all.count) elements where one is needed")
        }
        return all[0]
    }

    /// The elements of input `index` as numbers.
    func numbers(_ index: Int) throws(GraphError) -> [Double] { try numbers(of: try term(index)) }

    /// The only element of input `index` as a number.
    func number(_ index: Int) throws(GraphError) -> Double {
        let all = try numbers(index)
        guard all.count == 1 else {
            throw GraphError(.shapeMismatch, "input \(index) has \(all.count) elements where one is needed")
        }
        return all[0]
    }

    /// The elements of an integer vector as extents: numbers, or, where free dimensions decide them, expressions.
    func extents(of term: Term) throws(GraphError) -> [Extent] {
        if let symbolic = try ShapeValues(scope.facts).extents(of: term) { return symbolic }
        return try integers(of: term).map(Extent.fixed)
    }

    /// The elements of input `index`, an integer vector, as extents.
    func extents(_ index: Int) throws(GraphError) -> [Extent] { try extents(of: try term(index)) }

    // MARK: - Terms

    /// A scalar or tensor of `type` with every element `number`.
    func constant(_ number: Double, _ type: TensorType) throws(GraphError) -> Term {
        try builder.constant(number, type)
    }

    /// A vector of int64.
    func vector(_ numbers: [Int]) throws(GraphError) -> Term { try builder.constant(Literal(numbers)) }

    /// The extents as a vector of int64, also where they are symbolic.
    func vector(_ extents: [Extent]) throws(GraphError) -> Term {
        try ShapeValues(scope.facts).vector(extents)
    }

    /// An axis from `-rank` to `rank - 1` as one from zero. Throws `invalidAttribute`.
    func axis(_ axis: Int, rank: Int) throws(GraphError) -> Int {
        guard axis >= -rank, axis < rank else {
            throw GraphError(.invalidAttribute, "axis \(axis) is not within rank \(rank)")
        }
        return axis < 0 ? axis + rank : axis
    }

    /// Axes as ones from zero, in the order given. Throws `invalidAttribute`, also for one that is given twice.
    func axes(_ axes: [Int], rank: Int) throws(GraphError) -> [Int] {
        var result: [Int] = []
        for given in axes { result.append(try axis(given, rank: rank)) }
        guard Set(result).count == result.count else {
            throw GraphError(.invalidAttribute, "axes \(axes) name one axis twice")
        }
        return result
    }
}
