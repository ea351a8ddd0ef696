// Heterodyne: checking that names mean something.
// SPDX-License-Identifier: Apache-2.0

/// Checks names, order, operator sets and calls of a model, and finds what subgraphs use of the graphs around them.
///
/// A name of a graph may be that of a value around it, which it then hides; within one graph every name is defined once.
struct ModelChecker {
    private let opsets: [String: Int]
    private let functionDomains: Set<String>
    /// The attributes that nodes may refer to: those of the function, or nil outside of functions.
    private let parameters: Set<String>?

    static func check(_ model: inout ONNXModel) throws(ONNXError) {
        var identifiers: [ONNXFunction.Identifier: Int] = [:]
        for (index, function) in model.functions.enumerated()
        where identifiers.updateValue(index, forKey: function.identifier) != nil {
            throw ONNXError(
                .duplicateName,
                "there are two functions \(quoted(function.identifier.name)) in domain "
                    + "\(quoted(function.identifier.domain)); rename one or give it an overload")
        }
        let domains = Set(model.functions.map(\.identifier.domain))
        let checker = ModelChecker(opsets: model.opsets, functionDomains: domains, parameters: nil)
        model.graph.captures = []
        _ = try within("graph \(quoted(model.graph.name))") { () throws(ONNXError) in
            try checker.check(&model.graph, around: [])
        }
        for index in model.functions.indices {
            let parameters = Set(model.functions[index].parameters).union(model.functions[index].defaults.keys)
            let checker = ModelChecker(
                opsets: model.functions[index].opsets, functionDomains: domains, parameters: parameters)
            try within("function \(quoted(model.functions[index].identifier.name))") { () throws(ONNXError) in
                try checker.check(&model.functions[index])
            }
        }
        try checkCalls(model.functions, identifiers)
    }

    private func check(_ function: inout ONNXFunction) throws(ONNXError) {
        var defined = Set<String>()
        for name in function.inputs { try define(name, as: "input", in: &defined) }
        _ = try check(&function.nodes, defined: &defined, around: [])
        for name in function.outputs where !defined.contains(name) { throw Self.undefined(name, "is an output") }
    }

    /// Checks a graph within the names around it and returns what it uses of them.
    private func check(_ graph: inout ONNXGraph, around: [Set<String>]) throws(ONNXError) -> Set<String> {
        var defined = Set<String>()
        for input in graph.inputs { try define(input.name, as: "input", in: &defined) }
        // An initializer of the name of an input is its default, so only initializers exclude each other.
        var constants = Set<String>()
        for name in graph.initializers.map(\.name) { try define(name, as: "initializer", in: &constants) }
        for name in graph.sparseInitializers.map(\.name) { try define(name, as: "initializer", in: &constants) }
        defined.formUnion(constants)
        var captures = try check(&graph.nodes, defined: &defined, around: around)
        for output in graph.outputs where !defined.contains(output.name) {
            guard around.contains(where: { $0.contains(output.name) }) else {
                throw Self.undefined(output.name, "is an output")
            }
            captures.insert(output.name)
        }
        return captures
    }

    private func check(
        _ nodes: inout [ONNXNode], defined: inout Set<String>, around: [Set<String>]
    ) throws(ONNXError) -> Set<String> {
        var captures = Set<String>()
        for index in nodes.indices {
            let label = nodes[index].label
            for name in nodes[index].inputs where !name.isEmpty && !defined.contains(name) {
                guard around.contains(where: { $0.contains(name) }) else {
                    throw missing(name, nodes[index...]).inside(label)
                }
                captures.insert(name)
            }
            try within(label) { () throws(ONNXError) in
                try checkOperatorSet(nodes[index])
                for (name, attribute) in nodes[index].attributes {
                    try within("attribute \(quoted(name))") { () throws(ONNXError) in
                        let checked = try check(attribute, around: around + [defined])
                        for used in checked.captures where !defined.contains(used) { captures.insert(used) }
                        if let replacement = checked.replacement { nodes[index].attributes[name] = replacement }
                    }
                }
                for name in nodes[index].outputs where !name.isEmpty { try define(name, as: "output", in: &defined) }
            }
        }
        return captures
    }

    private func check(
        _ attribute: ONNXAttribute, around: [Set<String>]
    ) throws(ONNXError) -> (captures: Set<String>, replacement: ONNXAttribute?) {
        switch attribute {
        case .parameter(let name, _):
            guard let parameters else {
                throw ONNXError(
                    .invalidAttribute, "refers to attribute \(quoted(name)), which only nodes in functions can do")
            }
            guard parameters.contains(name) else {
                throw ONNXError(
                    .invalidAttribute, "refers to attribute \(quoted(name)), which the function does not have")
            }
            return ([], nil)
        case .graph(var graph):
            let captures = try check(&graph, around: around)
            graph.captures = captures.sorted()
            return (captures, .graph(graph))
        case .graphs(var graphs):
            var all = Set<String>()
            for index in graphs.indices {
                let captures = try check(&graphs[index], around: around)
                graphs[index].captures = captures.sorted()
                all.formUnion(captures)
            }
            return (all, .graphs(graphs))
        default: return ([], nil)
        }
    }

    private func checkOperatorSet(_ node: ONNXNode) throws(ONNXError) {
        guard opsets[node.domain] != nil || functionDomains.contains(node.domain) else {
            throw ONNXError(
                .unsupportedVersion,
                "is of operator set \(quoted(node.domain)), of which the model imports no version; add it to opset_import"
            )
        }
    }

    private func define(_ name: String, as role: String, in defined: inout Set<String>) throws(ONNXError) {
        guard !name.isEmpty else { throw ONNXError(.missingPart, "an \(role) has no name") }
        guard defined.insert(name).inserted else {
            throw ONNXError(
                .duplicateName, "\(role) \(quoted(name)) is defined a second time; every value needs its own name")
        }
    }

    /// Why `name` is not defined before the first of `nodes`.
    private func missing(_ name: String, _ nodes: ArraySlice<ONNXNode>) -> ONNXError {
        guard let maker = nodes.first(where: { $0.outputs.contains(name) }) else {
            return Self.undefined(name, "is used")
        }
        return ONNXError(
            .unordered,
            "uses \(quoted(name)), which only \(maker.label) makes, at its place or after it; nodes must be sorted so that "
                + "each uses what earlier ones made, which a cycle makes impossible")
    }

    private static func undefined(_ name: String, _ use: String) -> ONNXError {
        ONNXError(
            .undefinedValue,
            "\(quoted(name)) \(use), and no input, initializer or node defines it; export the model again")
    }

    /// Refuses functions that call each other in a circle: takes away functions that call no function that is left.
    private static func checkCalls(
        _ functions: [ONNXFunction], _ identifiers: [ONNXFunction.Identifier: Int]
    ) throws(ONNXError) {
        var callers: [[Int]] = Array(repeating: [], count: functions.count)
        var calls = Array(repeating: 0, count: functions.count)
        for (index, function) in functions.enumerated() {
            var called = Set<Int>()
            var pending = [function.nodes]
            while let nodes = pending.popLast() {
                for node in nodes {
                    let identifier = ONNXFunction.Identifier(
                        domain: node.domain, name: node.opType, overload: node.overload)
                    if let callee = identifiers[identifier] { called.insert(callee) }
                    for attribute in node.attributes.values {
                        pending.append(contentsOf: attribute.subgraphs.map(\.nodes))
                    }
                }
            }
            calls[index] = called.count
            for callee in called { callers[callee].append(index) }
        }
        var ready = functions.indices.filter { calls[$0] == 0 }
        while let index = ready.popLast() {
            for caller in callers[index] {
                calls[caller] -= 1
                if calls[caller] == 0 { ready.append(caller) }
            }
        }
        if let index = functions.indices.first(where: { calls[$0] > 0 }) {
            throw ONNXError(
                .recursiveFunction, "is defined by itself, directly or through others; functions must not recurse",
                at: ["function \(quoted(functions[index].identifier.name))"])
        }
    }
}
