// Heterodyne: vectors of extents as values of the graph, also where the extents are symbols.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Turns extents into integer vectors of the graph, and such vectors, after the arithmetic that models do with them,
/// back into extents.
///
/// A symbolic extent `e` as a value is the sum of `e` ones, which every pass and device understands: with a number for
/// the symbol it folds to a constant.
struct ShapeValues {
    let facts: BuilderFacts
    /// Most elements of a tensor that is looked at.
    private static let countLimit = 1_024

    init(_ facts: BuilderFacts) { self.facts = facts }

    /// The extents as a vector of int64.
    func vector(_ extents: [Extent]) throws(GraphError) -> Term {
        let builder = facts.builder
        let numbers = extents.compactMap(\.fixedValue)
        if numbers.count == extents.count { return try builder.constant(Literal(numbers)) }
        var parts: [Term] = []
        var run: [Int] = []
        for extent in extents {
            if let number = extent.fixedValue {
                run.append(number)
                continue
            }
            if !run.isEmpty { parts.append(try builder.constant(Literal(run))) }
            run = []
            let ones = try builder.constant(1, TensorType(.int64, Shape([extent])))
            parts.append(try ones.reduce(.sum, [0]).reshape([1]))
        }
        if !run.isEmpty { parts.append(try builder.constant(Literal(run))) }
        return try builder.concatenate(parts, dimension: 0)
    }

    /// The elements of `term` as extents where all of them follow from constants and symbols, else nil.
    func extents(of term: Term) throws(GraphError) -> [Extent]? {
        guard let elements = try elements(of: term) else { return nil }
        let known = elements.compactMap { $0 }
        return known.count == elements.count ? known : nil
    }

    /// The elements of an integer term as extents, nil for those that do not follow from constants and symbols; nil
    /// where none does or the term is too large to look at.
    func elements(of term: Term) throws(GraphError) -> [Extent?]? {
        guard term.scalarType.isInteger, isSmall(term.type) else { return nil }
        var inference = ShapeInference(facts)
        let elements = try inference.elements(of: term.value).map { $0?.extent }
        return elements.isEmpty || elements.contains { $0 != nil } ? elements : nil
    }

    private func isSmall(_ type: TensorType) -> Bool {
        guard let count = try? type.elementCount() else { return false }
        return count <= Self.countLimit
    }
}
