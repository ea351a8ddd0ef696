// Heterodyne: follows a division among chips through a graph.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Follows a division among chips through a graph: what each chip computes and moves at every node, and the bytes that it
/// sends to others.
struct SplitFlow {
    /// A value on the chips.
    struct State: Hashable, Sendable {
        /// How it lies.
        var layout: SplitLayout
        /// Whether it depends on nothing but constants and weights.
        var isWeight: Bool
    }

    /// What each chip does at each node.
    private(set) var work: [NodeWork] = []
    /// Bytes that each chip sends at each node.
    private(set) var sent: [Double] = []
    /// How the outputs lie.
    private(set) var outputs: [State] = []
    /// Which part of each input a chip reads that has all of it.
    private(set) var inputNeeds: [Double] = []

    private let graph: Graph
    private let distribution: Distribution
    private let rules: SplitRules
    private let depth: Int
    private var states: [Value: State] = [:]
    private var needs: [Value: Double] = [:]

    private static let maximumDepth = 16

    init(_ graph: Graph, inputs: [State], distribution: Distribution, depth: Int) {
        self.graph = graph
        self.distribution = distribution
        self.depth = depth
        rules = SplitRules(chips: distribution.chips, kind: distribution.kind)
        for (value, state) in zip(graph.inputs, inputs) { states[value] = state }
        work.reserveCapacity(graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() { follow(node, index) }
        outputs = graph.outputs.map { state($0.value) }
        inputNeeds = graph.inputs.map { needs[$0] ?? 0 }
    }

    private var share: Double { 1 / Double(distribution.chips) }

    private func state(_ value: Value) -> State { states[value] ?? State(layout: .whole, isWeight: false) }

    static func bytes(_ type: TensorType) -> Double { NodeWork.bytes(type) }

    /// Bytes that each chip sends until all have a value of which each had a part.
    private func gathering(_ type: TensorType) -> Double { (1 - share) * Self.bytes(type) }

    /// Bytes that each chip sends until all have the sum of what each has.
    private func summing(_ type: TensorType) -> Double { 2 * (1 - share) * Self.bytes(type) }

    private mutating func follow(_ node: Node, _ index: Int) {
        if case .parameter = node.operation {
            work.append(NodeWork(node, in: graph))
            sent.append(0)
            return
        }
        let types = node.operands.map(graph.type(of:))
        let isWeight = node.operands.allSatisfy { state($0).isWeight }
        var full = NodeWork(node, in: graph)
        let outcome = outcome(of: node, types, full)
        var bytes = outcome.sent
        for operand in Set(outcome.rule.gathered) where node.operands.indices.contains(operand) {
            bytes += gathering(types[operand])
            // From now on every chip has it.
            states[node.operands[operand]]?.layout = .whole
        }
        if outcome.rule.isPartial { for type in node.resultTypes { bytes += summing(type) } }
        // What each chip reads and writes.
        var reads: [Double] = []
        for (position, operand) in node.operands.enumerated() {
            let need: Double
            if case .split = state(operand).layout { need = share } else { need = outcome.rule.needs[position] }
            reads.append(need)
            let source = NodeWork.source(of: operand, in: graph)
            if !full.isView { needs[source] = max(needs[source] ?? 0, need) }
        }
        let writes = zip(node.resultTypes, outcome.rule.results).map { _, layout in layout == .whole ? 1 : share }
        full.divide(
            part: outcome.rule.part, inner: outcome.work, reads: reads, writes: writes,
            resultByteCounts: node.resultTypes.map(Self.bytes))
        work.append(full)
        sent.append(bytes)
        for (result, layout) in outcome.rule.results.enumerated() {
            states[Value(node: index, result: result)] = State(layout: layout, isWeight: isWeight)
        }
    }

    /// What becomes of a node: the rule, what is computed where regions or definitions say so, and what they send.
    private struct Outcome {
        var rule: SplitRule
        var work: NodeWork?
        var sent = 0.0
    }

    private func outcome(of node: Node, _ types: [TensorType], _ full: NodeWork) -> Outcome {
        let operands = node.operands.map(state)
        let layouts = operands.map(\.layout)
        switch node.operation {
        case .parameter: return Outcome(rule: rules.whole(node.resultTypes, layouts))
        case .composite(let composite):
            guard depth < Self.maximumDepth, let definition = Self.definition(of: composite, types) else {
                return Outcome(rule: rules.whole(node.resultTypes, layouts))
            }
            let flow = SplitFlow(definition, inputs: operands, distribution: distribution, depth: depth + 1)
            return Outcome(
                rule: SplitRule(results: flow.outputs.map(\.layout), needs: flow.inputNeeds),
                work: NodeWork(sum: flow.work, times: 1, countsBytes: false), sent: flow.sent.reduce(0, +))
        case .primitive(.loop(let condition, let body)) where depth < Self.maximumDepth:
            return loop(node, condition, body, operands)
        case .primitive(.conditional(let then, let otherwise)) where depth < Self.maximumDepth:
            return conditional(node, then, otherwise, operands)
        case .primitive(let primitive):
            return Outcome(
                rule: rules.rule(
                    primitive, types, node.resultTypes, layouts, isWeight: operands.map(\.isWeight)))
        }
    }

    private static func definition(of composite: any Composite, _ types: [TensorType]) -> Graph? {
        try? GraphBuilder.region(types) { (builder, terms) throws(GraphError) in
            try composite.decompose(terms, in: builder)
        }
    }

    // MARK: - Regions

    /// Of two branches the longer one counts; results that they leave differently are made whole.
    private func conditional(_ node: Node, _ then: Graph, _ otherwise: Graph, _ operands: [State]) -> Outcome {
        let arguments = Array(operands.dropFirst())
        let flows = [then, otherwise].map {
            SplitFlow($0, inputs: arguments, distribution: distribution, depth: depth + 1)
        }
        let works = flows.map { NodeWork(sum: $0.work, times: 1, countsBytes: true) }
        let isThen =
            works[0].operationCount + works[0].byteCount >= works[1].operationCount + works[1].byteCount
        let (flow, other) = (flows[isThen ? 0 : 1], flows[isThen ? 1 : 0])
        var sent = max(flows[0].sent.reduce(0, +), flows[1].sent.reduce(0, +))
        var results: [SplitLayout] = []
        for (index, type) in node.resultTypes.enumerated() {
            let layouts = (flow.outputs[index].layout, other.outputs[index].layout)
            results.append(layouts.0 == layouts.1 ? layouts.0 : .whole)
            if layouts.0 != layouts.1, layouts.0 != .whole { sent += gathering(type) }
        }
        return Outcome(
            rule: SplitRule(results: results, needs: operands.map { _ in 1 }), work: works[isThen ? 0 : 1], sent: sent)
    }

    /// States that a round leaves divided otherwise than it found them are whole between rounds.
    private func loop(_ node: Node, _ condition: Graph, _ body: Graph, _ operands: [State]) -> Outcome {
        var states = operands
        for (index, output) in body.outputs.enumerated() where output.value != body.inputs[index] {
            states[index].isWeight = false
        }
        var flow = SplitFlow(body, inputs: states, distribution: distribution, depth: depth + 1)
        for round in 0..<3 {
            var isSame = true
            for index in states.indices where flow.outputs[index].layout != states[index].layout {
                // A part of what every chip has is there already; anything else is made whole.
                let isFirst = round == 0 && states[index].layout == .whole
                let layout = isFirst ? flow.outputs[index].layout : .whole
                if states[index].layout != layout { isSame = false }
                states[index].layout = layout
            }
            if isSame { break }
            flow = SplitFlow(body, inputs: states, distribution: distribution, depth: depth + 1)
        }
        let times = graph.tripCount(of: node) ?? NodeWork.assumedIterations
        var perRound = flow.sent.reduce(0, +)
        var sent = 0.0
        for index in states.indices {
            let type = node.resultTypes[index]
            if states[index].layout == .whole, flow.outputs[index].layout != .whole { perRound += gathering(type) }
            if states[index].layout != operands[index].layout, operands[index].layout != .whole {
                sent += gathering(type)
            }
        }
        let test = SplitFlow(condition, inputs: states, distribution: distribution, depth: depth + 1)
        var work = NodeWork(sum: flow.work, times: times, countsBytes: true)
        work.add(NodeWork(sum: test.work, times: times, countsBytes: false))
        perRound += test.sent.reduce(0, +)
        let needs = states.map { $0.layout == .whole ? 1 : share }
        return Outcome(
            rule: SplitRule(results: states.map(\.layout), needs: needs), work: work, sent: sent + perRound * times)
    }
}
