// Heterodyne: checks that the parts of a graph agree.
// SPDX-License-Identifier: Apache-2.0

extension Graph {
    /// How deeply regions may lie within regions; keeps every recursion over a graph shallow.
    public static let maximumRegionDepth = 64

    /// A graph of nodes that come from outside, such as a file or another process, checked by `verify()`.
    ///
    /// - Throws: what `verify()` throws.
    public init(verifying nodes: [Node], inputs: [Value], outputs: [GraphOutput]) throws(GraphError) {
        self.init(nodes: nodes, inputs: inputs, outputs: outputs)
        try verify()
    }

    /// Checks every invariant, also inside regions:
    ///
    /// - operands are defined earlier and their result indices exist;
    /// - result types are what inference gives for the operands' types, and there is at least one;
    /// - the parameters are the inputs, numbered from 0 in order of definition, with unique names;
    /// - there is at least one output, every output exists, and output names are unique;
    /// - regions nest at most `maximumRegionDepth` deep.
    ///
    /// - Throws: `malformedGraph`, or what inference throws; the error names the node as the text form prints it.
    public func verify() throws(GraphError) {
        try checkRegionDepth()
        guard nodes.count < Int(Int32.max) else {
            throw GraphError(.overflow, "a graph holds at most 2^31 - 2 nodes, not \(nodes.count)")
        }
        var parameterCount = 0
        var names: Set<String> = []
        for (index, node) in nodes.enumerated() {
            do {
                if case .parameter(let number, let name, _) = node.operation {
                    try Rules.require(
                        number == parameterCount, .malformedGraph,
                        "input '\(name)' has index \(number) where \(parameterCount) comes next")
                    try Rules.require(
                        names.insert(name).inserted, .malformedGraph, "there are two inputs called '\(name)'")
                    try Rules.require(
                        number < inputs.count && inputs[number] == Value(node: index), .malformedGraph,
                        "input '\(name)' is not number \(number) in the list of inputs")
                    parameterCount += 1
                }
                try verify(node, at: index)
            } catch {
                throw error.at(operation: nodeText(index), location: node.location)
            }
        }
        try Rules.require(
            inputs.count == parameterCount, .malformedGraph,
            "\(inputs.count) inputs are listed and \(parameterCount) parameters exist")
        try verifyOutputs()
    }

    private func verify(_ node: Node, at index: Int) throws(GraphError) {
        var types: [TensorType] = []
        types.reserveCapacity(node.operands.count)
        for operand in node.operands {
            try Rules.require(
                operand.node >= 0 && operand.node < index && operand.result >= 0
                    && operand.result < nodes[Int(operand.node)].resultTypes.count, .malformedGraph,
                "operand (node \(operand.node), result \(operand.result)) is not defined before node \(index)")
            types.append(type(of: operand))
        }
        // Before inference, which reads the regions' input and output types.
        var verified: [Graph] = []
        // Equal regions, which share their storage as a rule, are checked once: nested ones would else double the work
        // at every level.
        for region in node.operation.regions where !verified.contains(region) {
            try region.verify()
            verified.append(region)
        }
        let inferred: [TensorType]
        do { inferred = try node.operation.inferTypes(types) } catch {
            // The caller names the whole node, which says more than the operation's name.
            throw GraphError(error.kind, error.message, location: error.location)
        }
        try Rules.require(
            inferred == node.resultTypes, .malformedGraph,
            "result types are \(Rules.list(node.resultTypes)) where inference gives \(Rules.list(inferred))")
        try Rules.require(!inferred.isEmpty, .malformedGraph, "has no result")
    }

    func checkRegionDepth() throws(GraphError) {
        try Rules.require(
            regionDepth <= Self.maximumRegionDepth, .malformedGraph,
            "regions are nested \(regionDepth) deep; the limit is \(Self.maximumRegionDepth)")
    }

    private func verifyOutputs() throws(GraphError) {
        try Rules.require(!outputs.isEmpty, .malformedGraph, "a graph needs at least one output")
        var names: Set<String> = []
        for output in outputs {
            let value = output.value
            try Rules.require(
                value.node >= 0 && value.node < nodes.count && value.result >= 0
                    && value.result < nodes[Int(value.node)].resultTypes.count, .malformedGraph,
                "output '\(output.name)' is (node \(value.node), result \(value.result)), which does not exist")
            try Rules.require(
                names.insert(output.name).inserted, .malformedGraph, "there are two outputs called '\(output.name)'")
        }
    }
}
