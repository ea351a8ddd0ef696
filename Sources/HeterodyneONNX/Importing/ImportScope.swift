// Heterodyne: what the names of one ONNX graph or function stand for.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The names of one ONNX graph, of a graph within a node's attribute, or of a function's body.
final class ImportScope {
    let session: ImportSession
    /// The builder that the scope's terms belong to, and what is known of its values.
    let facts: BuilderFacts
    /// Versions of the operator sets that the nodes use.
    let opsets: [String: Int]
    /// Within a function: the attributes of the call.
    let parameters: [String: ONNXAttribute]
    /// The scope around a graph that stands in an attribute; nil for the model, functions and regions.
    let parent: ImportScope?
    /// Whether the terms are those of a region, where no value can be asked for that depends on the region's inputs.
    let isRegion: Bool
    private(set) var values: [String: ImportedValue] = [:]
    /// Within a function: inputs that the call leaves out.
    var omittedInputs: Set<String> = []

    init(
        _ session: ImportSession, _ facts: BuilderFacts, opsets: [String: Int],
        parameters: [String: ONNXAttribute] = [:], parent: ImportScope? = nil, isRegion: Bool = false
    ) {
        self.session = session
        self.facts = facts
        self.opsets = opsets
        self.parameters = parameters
        self.parent = parent
        self.isRegion = isRegion
    }

    /// A scope for a graph within an attribute of one of this scope's nodes, with the same builder.
    func child() -> ImportScope {
        let child = ImportScope(
            session, facts, opsets: opsets, parameters: parameters, parent: self, isRegion: isRegion)
        child.omittedInputs = omittedInputs
        return child
    }

    /// A scope for a graph within an attribute that becomes a region: with a builder of its own.
    func region(_ builder: GraphBuilder) -> ImportScope {
        let region = ImportScope(
            session, BuilderFacts(builder, session.evaluate), opsets: opsets, parameters: parameters, isRegion: true)
        region.omittedInputs = omittedInputs
        return region
    }

    /// What `name` stands for here or in the scopes around.
    func find(_ name: String) -> ImportedValue? {
        values[name] ?? parent?.find(name)
    }

    /// Lets `name` stand for a value. The empty name stands for nothing.
    func define(_ name: String, _ value: ImportedValue) {
        if !name.isEmpty { values[name] = value }
    }

    /// Forgets `name`.
    func forget(_ name: String) { values[name] = nil }

    /// Replaces all values.
    func replaceValues(_ new: [String: ImportedValue]) { values = new }

    /// Imports the initializers and nodes of a graph, whose inputs are defined, and returns its outputs.
    func importGraph(_ graph: ONNXGraph) throws(GraphError) -> [ImportedValue] {
        try defineInitializers(of: graph)
        for (index, node) in graph.nodes.enumerated() { try session.importNode(node, index: index, in: self) }
        return try outputs(graph.outputs.map(\.name))
    }

    /// Defines the initializers of `graph`, except those that are defined already, as inputs.
    func defineInitializers(of graph: ONNXGraph) throws(GraphError) {
        for tensor in graph.initializers where values[tensor.name] == nil {
            let value = try session.constant(tensor, in: facts.builder)
            define(tensor.name, value)
        }
        for tensor in graph.sparseInitializers where values[tensor.values.name] == nil {
            let name = tensor.values.name
            let literal = try lifting("initializer \(quoted(name))") { () throws(ONNXError) in
                try tensor.literal(byteLimit: session.sparseByteLimit)
            }
            define(name, ImportedValue(try facts.builder.constant(literal)))
        }
    }

    /// What `names` stand for.
    func outputs(_ names: [String]) throws(GraphError) -> [ImportedValue] {
        var results: [ImportedValue] = []
        for name in names {
            guard let value = find(name) else {
                throw GraphError(.malformedGraph, "output \(quoted(name)) is defined by no node")
            }
            results.append(value)
        }
        return results
    }
}

/// The result of `body`, its error as a `GraphError` about `part`.
func lifting<Result>(
    _ part: @autoclosure () -> String, _ body: () throws(ONNXError) -> Result
) throws(GraphError) -> Result {
    do throws(ONNXError) { return try body() } catch {
        let text = (error.place + [error.message]).joined(separator: ": ")
        throw GraphError(.invalidLiteral, text, operation: part())
    }
}
