// Heterodyne: ONNX operators: branches, and graphs applied to the elements of lists.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension OperatorTable {
    /// Branches and loops.
    static let control: [OperatorRule] = [
        .values("If") { (context) throws(GraphError) in try context.branch() },
        .values("Loop") { (context) throws(GraphError) in try LoopImport(context).results() },
        .values("Scan", since: 9) { (context) throws(GraphError) in try ScanImport(context).results() },
        .values("Scan", since: 8) { (context) throws(GraphError) in try BatchedScanImport(context).results() },
        .values("SequenceMap", since: 17) { (context) throws(GraphError) in try context.sequenceMap() },
    ]
}

extension OperatorContext {
    /// `If`: the branch that a known condition chooses becomes part of the graph; where the condition is computed at
    /// run time both become regions, or, where their results differ in type, the condition is asked for.
    fileprivate func branch() throws(GraphError) -> [ImportedValue] {
        let condition = try scalar(0, .bool)
        let then = try graph("then_branch")
        let otherwise = try graph("else_branch")
        guard then.outputs.count == otherwise.outputs.count else {
            throw GraphError(
                .malformedGraph,
                "its branches have \(then.outputs.count) and \(otherwise.outputs.count) outputs")
        }
        if let known = try constantLiteral(condition) {
            return try inline(known.bits(at: 0) != 0 ? then : otherwise)
        }
        switch try attempt({ () throws(GraphError) in try conditional(condition, then, otherwise) }) {
        case .success(let results): return results
        case .failure(let error):
            if scope.isRegion { throw error }
            return try inline(try literal(condition).bits(at: 0) != 0 ? then : otherwise)
        }
    }

    /// Both branches as regions of a `conditional`.
    private func conditional(
        _ condition: Term, _ then: ONNXGraph, _ otherwise: ONNXGraph
    ) throws(GraphError) -> [ImportedValue] {
        let names = Set(then.captures + otherwise.captures).sorted()
        let captures = RegionCaptures(names, in: scope)
        let first = try ImportedRegion(then, parameters: [], captures, in: scope)
        let second = try ImportedRegion(otherwise, parameters: [], captures, in: scope)
        guard first.results.count == second.results.count,
            zip(first.results, second.results).allSatisfy({ $0.hasStructure(of: $1) })
        else {
            throw GraphError(
                .unsupported, "its branches give values of different types, and the condition is known at run time only"
            )
        }
        guard let yes = first.graph, let no = second.graph else { return first.results }
        let results = try builder.conditional(condition, captures.arguments, then: yes, otherwise: no)
        var rest = results[...]
        var values: [ImportedValue] = []
        for template in first.results { values.append(try template.taking(&rest)) }
        return values
    }

    /// `SequenceMap`: the body on every element of the first list; further inputs that are lists give their elements,
    /// the others are handed to every call.
    fileprivate func sequenceMap() throws(GraphError) -> [ImportedValue] {
        let body = try graph("body")
        let first = try sequence(0)
        guard body.inputs.count == inputs.count else {
            throw GraphError(
                .operandCount, "its body takes \(body.inputs.count) values and is given \(inputs.count)")
        }
        var results = [[ImportedValue]](repeating: [], count: body.outputs.count)
        for index in first.indices {
            let child = scope.child()
            for (position, input) in body.inputs.enumerated() {
                guard case .sequence(let elements) = try value(position) else {
                    child.define(input.name, try value(position))
                    continue
                }
                guard elements.count == first.count else {
                    throw GraphError(
                        .shapeMismatch,
                        "input \(position) has \(elements.count) elements where the first list has \(first.count)")
                }
                child.define(input.name, elements[index])
            }
            let outputs = try scope.session.nested { () throws(GraphError) in try child.importGraph(body) }
            for (position, output) in outputs.enumerated() { results[position].append(output) }
        }
        return results.map { .sequence($0) }
    }

    // MARK: - Helpers of control flow

    /// The graph of an attribute as part of the graph under construction.
    func inline(_ graph: ONNXGraph) throws(GraphError) -> [ImportedValue] {
        let child = scope.child()
        return try scope.session.nested { () throws(GraphError) in try child.importGraph(graph) }
    }

    /// Input `index`, which has one element, as a scalar of `type`.
    func scalar(_ index: Int, _ type: ScalarType) throws(GraphError) -> Term {
        let term = try term(index)
        guard term.scalarType == type, term.shape.dimensions.allSatisfy({ $0 == 1 }) else {
            throw GraphError(.invalidType, "input \(index) is \(term.type); it must be one element of \(type)")
        }
        return try term.reshape([Int]())
    }

    /// The result of `body`, or its error where that is not the question for a value.
    func attempt<Result>(
        _ body: () throws(GraphError) -> Result
    ) throws(GraphError) -> Swift.Result<Result, GraphError> {
        do throws(GraphError) { return .success(try body()) } catch {
            if scope.session.isWaiting { throw error }
            return .failure(error)
        }
    }
}
