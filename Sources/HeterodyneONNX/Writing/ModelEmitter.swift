// Heterodyne: what all graphs of a model that is being written share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Names, constants and symbols of a model that is being written.
final class ModelEmitter {
    let options: ONNXWriteOptions
    let opset: Int
    private var usedNames: Set<String> = []
    private var counters: [String: Int] = [:]
    private var constantNames: [Literal: String] = [:]
    private(set) var initializers: [OutgoingConstant] = []
    /// Numbers for symbols that are known, as vectors of one element.
    var symbolPorts: [String: Port] = [:]
    /// The shapes of the inputs, from which symbols are read.
    private(set) var inputs: [(name: String, type: TensorType)] = []

    private init(options: ONNXWriteOptions, opset: Int) {
        self.options = options
        self.opset = opset
    }

    /// A name that nothing else has: `wish`, or with a number behind it.
    func unique(_ wish: String) -> String {
        if usedNames.insert(wish).inserted { return wish }
        while true {
            let number = counters[wish, default: 1] + 1
            counters[wish] = number
            let name = "\(wish)_\(number)"
            if usedNames.insert(name).inserted { return name }
        }
    }

    /// The name of a constant of the model; equal ones are stored once.
    func initializer(_ literal: Literal) -> String {
        if let known = constantNames[literal] { return known }
        let kind = literal.type.rank == 0 ? "scalar" : "constant"
        let name = unique("\(kind)_\(literal.type.scalarType)_\(initializers.count)")
        constantNames[literal] = name
        initializers.append(OutgoingConstant(name: name, value: literal))
        return name
    }

    /// Whether a node of the graph, at any depth, reads bits of integers as floats or the other way round.
    private static func readsBits(_ graph: Graph) -> Bool {
        for node in graph.nodes {
            switch node.operation {
            case .primitive(.bitcast(let to)):
                let from = graph.type(of: node.operands[0]).scalarType
                if from.isFloatingPoint != to.isFloatingPoint || (from.isFloatingPoint && from != to) { return true }
            case .composite(let composite):
                // The only decompositions with such a node are those of the normal distribution.
                if composite.name == "randomNormal" { return true }
            case .parameter, .primitive: break
            }
            if node.operation.regions.contains(where: readsBits) { return true }
        }
        return false
    }

    /// The names that are wanted, or the graph's own.
    private static func names(
        _ wanted: [String]?, _ own: [String], _ role: String
    ) throws(ONNXError) -> [String] {
        let names = wanted ?? own
        guard names.count == own.count else {
            throw ONNXError(
                .invalidInput,
                "\(names.count) names are given for \(own.count) \(role)s: \(own.joined(separator: ", "))")
        }
        guard Set(names).count == names.count, !names.contains("") else {
            throw ONNXError(.duplicateName, "the names of the \(role)s are not unique, or one is empty")
        }
        return names
    }

    /// `graph` as a model.
    static func model(of graph: Graph, _ options: ONNXWriteOptions) throws(ONNXError) -> OutgoingModel {
        let opset =
            options.opset ?? (readsBits(graph) ? ONNXWriteOptions.opsets.upperBound : ONNXWriteOptions.defaultOpset)
        guard ONNXWriteOptions.opsets.contains(opset) else {
            throw ONNXError(
                .unsupportedVersion,
                "operator set \(opset) cannot be written; choose one from \(ONNXWriteOptions.opsets.lowerBound) to "
                    + "\(ONNXWriteOptions.opsets.upperBound)")
        }
        let model = ModelEmitter(options: options, opset: opset)
        let root = GraphEmitter(model: model)
        var arguments: [Port] = []
        let inputNames = try names(options.inputNames, graph.inputNames, "input")
        let outputNames = try names(options.outputNames, graph.outputs.map(\.name), "output")
        for (name, type) in zip(inputNames, graph.inputTypes) {
            let name = model.unique(name)
            model.inputs.append((name, type))
            root.graph.inputs.append(OutgoingValue(name: name, type: type))
            arguments.append(Port(name, type))
        }
        // Outputs have their names before any node can take one.
        let names = outputNames.map { model.unique($0) }
        let results = try root.emit(graph, arguments)
        root.graph.name = options.modelName
        let whole = try root.finish(results, names: names)
        var outgoing = OutgoingModel(graph: whole, opset: opset, options: options)
        outgoing.graph.initializers = model.initializers
        return outgoing
    }
}
