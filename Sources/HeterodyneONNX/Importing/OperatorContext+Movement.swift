// Heterodyne: operators that move elements without looking at them, on tensors of any element type and on text.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorRule {
    /// An operator whose only output has elements of input 0, moved.
    static func moved(
        _ name: String, since: Int = 1,
        _ body: @escaping @Sendable (OperatorContext, Term) throws(GraphError) -> Term
    ) -> OperatorRule {
        .values(name, since: since) { (context) throws(GraphError) in
            try context.moving([0]) { (terms) throws(GraphError) in [try body(context, terms[0])] }
        }
    }
}

extension OperatorContext {
    /// What `body`, which only moves elements and fills in zeros, makes of the inputs at `indices`, which have one
    /// element type. For text, `body` moves positions in a list of which element 0 is the empty text, so that zeros
    /// stand for that.
    func moving(
        _ indices: [Int], _ body: ([Term]) throws(GraphError) -> [Term]
    ) throws(GraphError) -> [ImportedValue] {
        var values: [ImportedValue] = []
        for index in indices { values.append(try value(index)) }
        return try moving(values, body)
    }

    /// As `moving(_:_:)` for inputs, on values.
    func moving(
        _ values: [ImportedValue], _ body: ([Term]) throws(GraphError) -> [Term]
    ) throws(GraphError) -> [ImportedValue] {
        if case .text = values.first { return try movingText(values, body) }
        var terms: [Term] = []
        var element: ONNXElementType?
        for value in values {
            let tensor: ImportedTensor
            switch value {
            case .tensor(let plain), .optional(.some(.tensor(let plain))): tensor = plain
            default: throw GraphError(.invalidType, "an input is \(value.kind), not a tensor")
            }
            let first = element ?? tensor.element
            guard first == tensor.element else {
                throw GraphError(
                    .invalidType, "inputs have elements of types \(first) and \(tensor.element); convert one of them")
            }
            element = first
            terms.append(tensor.term)
        }
        return try body(terms).map { .tensor(ImportedTensor($0, element ?? ONNXElementType($0.scalarType))) }
    }

    /// Most elements of text that an operator gives.
    private static let textLimit = 1 << 24

    private func movingText(
        _ values: [ImportedValue], _ body: ([Term]) throws(GraphError) -> [Term]
    ) throws(GraphError) -> [ImportedValue] {
        var pool = [""]
        var terms: [Term] = []
        for value in values {
            guard case .text(let text) = value else {
                throw GraphError(.invalidType, "inputs are text and \(value.kind)")
            }
            let positions = Array(pool.count..<pool.count + text.elements.count)
            pool += text.elements
            terms.append(try builder.constant(Literal(positions, shape: Shape(text.dimensions))))
        }
        var results: [ImportedValue] = []
        for term in try body(terms) {
            let extents = try term.extents()
            guard try term.type.elementCount() <= Self.textLimit else {
                throw GraphError(
                    .overflow, "text of \(try term.type.elementCount()) elements; the limit is \(Self.textLimit)")
            }
            let literal = try literal(term)
            var elements: [String] = []
            for index in 0..<(try term.type.elementCount()) {
                let position = Int(truncatingIfNeeded: Int64(bitPattern: literal.bits(at: index)))
                guard pool.indices.contains(position) else {
                    throw GraphError(.malformedGraph, "text cannot be computed with")
                }
                elements.append(pool[position])
            }
            results.append(.text(ONNXText(dimensions: extents, elements: elements)))
        }
        return results
    }

    /// A list of integers that is the attribute `name` before version `since` of the operator set and input `index`
    /// from then on; nil where it is left out.
    func integers(_ name: String, orInput index: Int, since: Int) throws(GraphError) -> [Int]? {
        version >= since ? try optionalIntegers(index) : try optionalInts(name)
    }

    /// The shape that two shapes repeat to by NumPy's rules.
    func broadcast(_ a: Shape, _ b: Shape) throws(GraphError) -> Shape {
        let rank = max(a.rank, b.rank)
        var result: [Extent] = []
        for d in 0..<rank {
            let x: Extent = d < rank - a.rank ? 1 : a[d - (rank - a.rank)]
            let y: Extent = d < rank - b.rank ? 1 : b[d - (rank - b.rank)]
            guard x == y || x == 1 || y == 1 else {
                throw GraphError(
                    .shapeMismatch, "shapes \(a) and \(b) do not broadcast: extents \(x) and \(y) differ")
            }
            result.append(y == 1 ? x : y)
        }
        return Shape(result)
    }

    /// The elements of `x` at constant positions along `axis`, which are within its extent: slices where they are
    /// equally far apart, else a gather.
    func pick(_ x: Term, axis: Int, _ positions: [Int]) throws(GraphError) -> Term {
        guard let first = positions.first, let last = positions.last else {
            return try x.slice(dimension: axis, from: 0, to: 0)
        }
        let step = positions.count > 1 ? positions[1] - first : 1
        let isEven = step != 0 && positions.indices.allSatisfy { positions[$0] == first + $0 * step }
        if isEven {
            let (low, high) = (min(first, last), max(first, last))
            let block = try x.slice(
                dimension: axis, from: .fixed(low), to: .fixed(high + 1), stride: step.magnitude > 0 ? abs(step) : 1)
            return step < 0 ? try block.reverse([axis]) : block
        }
        let indices = try builder.constant(Literal(positions, shape: [.fixed(positions.count), 1]))
        let gathered = try x.gather(indices, dimensions: [axis])
        return try gathered.transpose(Array(1..<axis + 1) + [0] + Array(axis + 1..<x.rank))
    }
}
