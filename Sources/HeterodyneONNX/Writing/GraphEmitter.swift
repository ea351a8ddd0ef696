// Heterodyne: writes the nodes of one graph of a model.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Writes the nodes of one graph of a model: the model's own, or the body of an `If`, a `Loop` or a `Scan`.
final class GraphEmitter {
    let model: ModelEmitter
    let parent: GraphEmitter?
    var graph: OutgoingGraph
    /// Values that this graph's own nodes define.
    private var defined: Set<String> = []
    /// Values that were expanded to their whole shape.
    private var wholes: [WholeKey: Port] = [:]
    /// What is written now, for names and messages.
    private(set) var path = ""
    private var location: SourceLocation?

    private struct WholeKey: Hashable {
        let name: String
        let type: TensorType
    }

    init(model: ModelEmitter, parent: GraphEmitter? = nil) {
        self.model = model
        self.parent = parent
        path = parent?.path ?? ""
        location = parent?.location
        graph = OutgoingGraph(name: "")
    }

    /// The graph whose nodes all others may use.
    var root: GraphEmitter { parent?.root ?? self }

    // MARK: Nodes

    /// A node with any number of results; nil stands for an operand that is left out.
    func nodes(
        _ opType: String, _ operands: [Port?], _ attributes: [(String, OutgoingAttribute)] = [],
        results: [TensorType?]
    ) throws(ONNXError) -> [Port] {
        var inputs: [String] = []
        for operand in operands {
            if let operand { inputs.append(try name(of: try whole(operand))) } else { inputs.append("") }
        }
        while inputs.last == "" { inputs.removeLast() }
        let name = model.unique(path.isEmpty ? opType : "\(path)/\(opType)")
        var outputs: [String] = []
        var ports: [Port] = []
        for (index, type) in results.enumerated() {
            guard let type else {
                outputs.append("")
                continue
            }
            let output = index == 0 ? name : model.unique("\(name):\(index)")
            defined.insert(output)
            outputs.append(output)
            ports.append(Port(output, type))
        }
        append(opType, name, inputs, outputs, attributes)
        return ports
    }

    private func append(
        _ opType: String, _ name: String, _ inputs: [String], _ outputs: [String],
        _ attributes: [(String, OutgoingAttribute)]
    ) {
        var node = OutgoingNode(
            name: name, opType: opType, inputs: inputs, outputs: outputs,
            attributes: attributes.map { OutgoingEntry(name: $0.0, value: $0.1) })
        if model.options.writesLocations, let location { node.documentation = location.description }
        graph.nodes.append(node)
    }

    /// A node with one result of `type`, on whole operands.
    func node(
        _ opType: String, _ operands: [Port?], _ attributes: [(String, OutgoingAttribute)] = [], _ type: TensorType
    ) throws(ONNXError) -> Port {
        try nodes(opType, operands, attributes, results: [type])[0]
    }

    /// A node that broadcasts its operands by NumPy's rules: they are used in the shapes that the model has, and so is
    /// the result.
    func elementwise(
        _ opType: String, _ operands: [Port], _ attributes: [(String, OutgoingAttribute)] = [],
        result scalarType: ScalarType
    ) throws(ONNXError) -> Port {
        var held = Shape.scalar
        var inputs: [String] = []
        for operand in operands {
            held = held.broadcastTogether(operand.held)
            inputs.append(try name(of: operand))
        }
        let name = model.unique(path.isEmpty ? opType : "\(path)/\(opType)")
        defined.insert(name)
        append(opType, name, inputs, [name], attributes)
        return Port(name, TensorType(scalarType, operands[0].shape), held: held)
    }

    /// The name of the value as the model has it; constants become initializers.
    func name(of port: Port) throws(ONNXError) -> String {
        switch port.source {
        case .value(let name): return name
        case .literal(let literal): return model.initializer(literal)
        }
    }

    // MARK: Whole values

    /// Up to so many bytes a repeated constant is stored in full instead of being expanded by a node.
    private static let smallConstant = 64

    /// The value in its whole shape.
    func whole(_ port: Port) throws(ONNXError) -> Port {
        if port.isWhole { return port }
        // Of nothing, it does not matter what.
        let bits = port.shape.dimensions.contains(0) ? 0 : port.splatBits
        if let bits {
            let literal = Literal(splatBits: bits, type: port.type)
            if let size = try? port.type.byteCount(), size <= Self.smallConstant {
                let dense = try graphStep { () throws(GraphError) in
                    try Literal(type: port.type, storage: literal.denseStorage())
                }
                return Port(dense, spreadTo: port.type)
            }
            // Narrow types that ConstantOfShape has no kernel for are few and small enough to be stored.
            if port.scalarType.bitWidth >= 8 {
                let element = Literal(splatBits: bits, type: TensorType(port.scalarType, [1]))
                let dense = try graphStep { () throws(GraphError) in
                    try Literal(type: element.type, storage: element.denseStorage())
                }
                return try cached(port) { () throws(ONNXError) in
                    try node("ConstantOfShape", [shapeVector(port.shape)], [("value", .tensor(dense))], port.type)
                }
            }
            let dense = try graphStep { () throws(GraphError) in
                try Literal(type: port.type, storage: literal.denseStorage())
            }
            return Port(dense, spreadTo: port.type)
        }
        return try cached(port) { () throws(ONNXError) in
            let held = Port(try name(of: port), port.type.with(port.held))
            return try carried("Expand", held) { (x) throws(ONNXError) in
                try self.node("Expand", [x, shapeVector(port.shape)], [], x.type.with(port.shape))
            }
        }
    }

    private func cached(_ port: Port, _ make: () throws(ONNXError) -> Port) throws(ONNXError) -> Port {
        let key = WholeKey(name: try name(of: port), type: port.type)
        var emitter: GraphEmitter? = self
        while let current = emitter {
            if let known = current.wholes[key] { return known }
            emitter = current.parent
        }
        let result = try make()
        wholes[key] = result
        return result
    }

    /// What `body` gives, with its mistakes as errors of writing.
    func graphStep<Result>(_ body: () throws(GraphError) -> Result) throws(ONNXError) -> Result {
        do throws(GraphError) { return try body() } catch {
            throw inexpressible(error.message)
        }
    }

    /// The error that the current node cannot be written.
    func inexpressible(_ message: String) -> ONNXError {
        ONNXError(.notExpressible, message)
    }

    // MARK: Graphs

    /// Writes the nodes of `graph`, whose inputs are `arguments`, and gives its outputs.
    func emit(_ graph: Graph, _ arguments: [Port]) throws(ONNXError) -> [Port] {
        var isNeeded = [Bool](repeating: false, count: graph.nodes.count)
        for output in graph.outputs { isNeeded[Int(output.value.node)] = true }
        for index in graph.nodes.indices.reversed() where isNeeded[index] {
            for operand in graph.nodes[index].operands { isNeeded[Int(operand.node)] = true }
        }
        let outer = (path, location)
        defer { (path, location) = outer }
        var values = [[Port]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() where isNeeded[index] {
            if case .parameter(let number, _, _) = node.operation {
                values[index] = [arguments[number]]
                continue
            }
            let name = "\(node.operation.name)_\(index)"
            path = outer.0.isEmpty ? name : "\(outer.0)/\(name)"
            location = node.location ?? outer.1
            let operands = node.operands.map { values[Int($0.node)][Int($0.result)] }
            do throws(ONNXError) {
                values[index] = try emit(node.operation, operands, node.resultTypes)
            } catch {
                var place = "node \(index) '\(node.operation.name)'"
                if let location = node.location { place += " from \(location)" }
                throw error.inside(place)
            }
        }
        return graph.outputs.map { values[Int($0.value.node)][Int($0.value.result)] }
    }

    private func emit(
        _ operation: NodeOperation, _ operands: [Port], _ results: [TensorType]
    ) throws(ONNXError) -> [Port] {
        switch operation {
        case .parameter: return []
        case .primitive(let primitive): return try emit(primitive, operands, results)
        case .composite(let composite):
            if let native = try CompositeRules.emit(composite, operands, results, in: self) { return native }
            return try decompose(composite, operands)
        }
    }

    /// Writes the definition of `composite`.
    func decompose(_ composite: any Composite, _ operands: [Port]) throws(ONNXError) -> [Port] {
        let body = try graphStep { () throws(GraphError) in
            let builder = GraphBuilder()
            var terms: [Term] = []
            for (index, operand) in operands.enumerated() {
                terms.append(try builder.input("arg\(index)", operand.type))
            }
            for (index, term) in try composite.decompose(terms, in: builder).enumerated() {
                try builder.output("result\(index)", term)
            }
            return try builder.build()
        }
        return try emit(body, operands)
    }

    /// The graph with `results` as its outputs. Each output gets a value of its own that a node of this graph defines.
    func finish(_ results: [Port], names: [String]? = nil) throws(ONNXError) -> OutgoingGraph {
        var renamed: [String: String] = [:]
        path = parent?.path ?? ""
        var taken: Set<String> = []
        for (index, result) in results.enumerated() {
            var port = try whole(result)
            var name = try self.name(of: port)
            if !defined.contains(name) || !taken.insert(name).inserted {
                port = try node("Identity", [port], [], port.type)
                name = try self.name(of: port)
                taken.insert(name)
            }
            if let names { renamed[name] = names[index] }
            graph.outputs.append(OutgoingValue(name: name, type: result.type))
        }
        return graph.renaming(renamed)
    }

    /// A graph within a node: `body` writes it and gives its outputs.
    func subgraph(
        _ name: String, inputs: [TensorType] = [], _ body: (GraphEmitter, [Port]) throws(ONNXError) -> [Port]
    ) throws(ONNXError) -> OutgoingGraph {
        let inner = GraphEmitter(model: model, parent: self)
        let full = path.isEmpty ? name : "\(path)/\(name)"
        inner.path = full
        inner.graph.name = full
        var arguments: [Port] = []
        for (index, type) in inputs.enumerated() {
            let input = model.unique("\(full)/in\(index)")
            inner.graph.inputs.append(OutgoingValue(name: input, type: type))
            arguments.append(Port(input, type))
        }
        let results = try body(inner, arguments)
        return try inner.finish(results)
    }
}
