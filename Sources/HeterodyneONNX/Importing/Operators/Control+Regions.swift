// Heterodyne: ONNX operators: graphs of attributes as regions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What graphs of attributes use of the graph around them. Constants whose elements may decide shapes are copied into
/// a region; everything else becomes an argument of it.
struct RegionCaptures {
    private let scope: ImportScope
    private let values: [(name: String, value: ImportedValue)]
    private var constants: [Value: Literal] = [:]
    /// The terms around that a region gets, in the order of its inputs, each once.
    private(set) var arguments: [Term] = []

    /// Most elements of a computed constant that is copied as its elements.
    private static let smallElementCount = 65_536

    /// The values that `names` stand for, and `more` that the region knows by other names.
    init(_ names: [String], _ more: [(name: String, value: ImportedValue)] = [], in scope: ImportScope) {
        self.scope = scope
        var values: [(name: String, value: ImportedValue)] = []
        // A name that nothing defines is an input that a function's call leaves out.
        for name in names { if let value = scope.find(name) { values.append((name, value)) } }
        self.values = values + more
        var seen: Set<Value> = []
        for (_, value) in self.values {
            for term in value.terms where seen.insert(term.value).inserted {
                if let literal = Self.literal(term, scope.facts) {
                    constants[term.value] = literal
                } else {
                    arguments.append(term)
                }
            }
        }
    }

    private static func literal(_ term: Term, _ facts: BuilderFacts) -> Literal? {
        if case .primitive(.constant(let literal)) = facts.builder.nodes[Int(term.value.node)].operation {
            return literal
        }
        guard facts.isConstant(term), let count = try? term.type.elementCount(), count <= smallElementCount else {
            return nil
        }
        return try? facts.literal(term)
    }

    /// Defines the names in a region whose inputs for the arguments are `inputs`.
    fileprivate func define(in region: ImportScope, _ inputs: [Term]) throws(GraphError) {
        let byValue = Dictionary(zip(arguments.map(\.value), inputs), uniquingKeysWith: { first, _ in first })
        for (name, value) in values {
            region.define(
                name,
                try value.mapTerms { (term) throws(GraphError) in
                    if let literal = constants[term.value] { return try region.facts.builder.constant(literal) }
                    guard let input = byValue[term.value] else {
                        throw GraphError(.malformedGraph, "\(quoted(name)) is no value of the graph around")
                    }
                    return input
                })
        }
    }
}

/// A graph of an attribute as a region: its inputs are the terms of `parameters`, then what it captures.
struct ImportedRegion {
    /// The region, whose outputs are the terms of the results, in order; nil where no result is a tensor.
    let graph: Graph?
    /// The results, in terms of the region.
    let results: [ImportedValue]
    /// What is known of the region's values.
    let facts: BuilderFacts

    /// Imports `body`. Of the values of `parameters`, which are named by the body's inputs, only the types count.
    init(
        _ body: ONNXGraph, parameters: [(name: String, value: ImportedValue)], _ captures: RegionCaptures,
        in scope: ImportScope
    ) throws(GraphError) {
        let builder = GraphBuilder()
        let region = scope.region(builder)
        var count = 0
        func input(_ type: TensorType) throws(GraphError) -> Term {
            defer { count += 1 }
            return try builder.input("arg\(count)", type)
        }
        for (name, value) in parameters {
            region.define(name, try value.mapTerms { (term) throws(GraphError) in try input(term.type) })
        }
        var arguments: [Term] = []
        for argument in captures.arguments { arguments.append(try input(argument.type)) }
        try captures.define(in: region, arguments)
        results = try scope.session.nested { () throws(GraphError) in try region.importGraph(body) }
        facts = region.facts
        var index = 0
        for term in results.flatMap(\.terms) {
            try builder.output("result\(index)", term)
            index += 1
        }
        graph = index == 0 ? nil : try builder.build()
    }
}

extension ImportedValue {
    /// Whether two values differ in nothing but the elements of tensors.
    func hasStructure(of other: ImportedValue) -> Bool {
        switch (self, other) {
        case (.tensor(let a), .tensor(let b)): return a.element == b.element && a.term.type == b.term.type
        case (.text(let a), .text(let b)): return a == b
        case (.sequence(let a), .sequence(let b)):
            return a.count == b.count && zip(a, b).allSatisfy { $0.hasStructure(of: $1) }
        case (.optional(nil), .optional(nil)): return true
        case (.optional(let a?), .optional(let b?)): return a.hasStructure(of: b)
        default: return false
        }
    }

    /// The value with its terms replaced by the first of `terms`, which are taken away.
    func taking(_ terms: inout ArraySlice<Term>) throws(GraphError) -> ImportedValue {
        var rest = terms
        let value = try mapTerms { (_) throws(GraphError) in
            guard let next = rest.popFirst() else {
                throw GraphError(.malformedGraph, "a region gives fewer results than its graph has outputs")
            }
            return next
        }
        terms = rest
        return value
    }
}
