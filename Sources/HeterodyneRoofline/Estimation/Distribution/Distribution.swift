// Heterodyne: how several chips share the work of a graph.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// How several equal chips share the work of a graph.
public struct Distribution: Sendable, Hashable {
    /// The ways to share.
    public enum Kind: String, Sendable, Hashable, CaseIterable, Codable {
        /// Each chip has all weights and a part of the batch. Nothing is exchanged but what depends on the whole batch, such
        /// as the gradients of weights, which are summed over all chips.
        case data
        /// Each chip has a part of every weight (Shoeybi and others, "Megatron-LM", 2019): products with weights are divided
        /// by columns, and by rows where what they are given is divided already; those give sums that are added over all
        /// chips, two for each block of a transformer. What has no weights and no divided operand is computed by every chip.
        case tensor
    }

    /// How the work is shared.
    public let kind: Kind
    /// How many chips share it. A profile of a system counts the chips that it consists of.
    public let chips: Int
    /// The inputs of the graph that are weights; constants always are.
    public let weights: Set<String>

    /// So many chips. Throws where `chips` is not 1 to 2^20.
    public init(_ kind: Kind, chips: Int, weights: Set<String> = []) throws(RooflineError) {
        guard (1...1 << 20).contains(chips) else {
            throw RooflineError("\(chips) chips cannot share work; write a number from 1 to \(1 << 20)")
        }
        (self.kind, self.chips, self.weights) = (kind, chips, weights)
    }
}

extension RooflineEstimator {
    /// What a graph takes that several chips share. Steps are those of one chip; the figures of the chips are those of the
    /// profile, divided where it is of a system.
    ///
    /// Sums over all chips and values that one chip needs whole are exchanged in a ring: of n chips each sends
    /// 2 (n - 1) / n times the bytes of a sum, and (n - 1) / n times the bytes of a value that all of them get whole, at half the
    /// bandwidth of the link, which counts both directions. Exchange and arithmetic do not overlap.
    ///
    /// - Throws: where the batch cannot be divided, or an input that is named is none of the graph.
    public func estimate(
        _ graph: Graph, over distribution: Distribution
    ) throws(RooflineError) -> RooflineEstimate {
        for name in distribution.weights.sorted() where !graph.inputNames.contains(name) {
            throw RooflineError("the graph has no input '\(name)'; it has \(graph.inputNames.joined(separator: ", "))")
        }
        let flow = SplitFlow(
            graph, inputs: try Self.inputStates(graph, distribution), distribution: distribution, depth: 0)
        var communication: [Int: Double] = [:]
        for (node, bytes) in flow.sent.enumerated() where bytes > 0 { communication[node] = bytes }
        let figures = ChipFigures(profile, options, chipCount: distribution.chips)
        var estimate = estimate(graph, work: flow.work, communication: communication, figures: figures)
        if estimate.communicationByteCount > 0, let link = profile.interconnect, link.isHostOnly {
            estimate.assumptions.append(
                "the chips exchange data through the host over \(link.name); what the host allows besides is not counted"
            )
        }
        return estimate
    }

    /// How the inputs lie on the chips at the start.
    private static func inputStates(
        _ graph: Graph, _ distribution: Distribution
    ) throws(RooflineError) -> [SplitFlow.State] {
        let names = graph.inputNames
        let isWeight = names.map(distribution.weights.contains)
        guard distribution.kind == .data, distribution.chips > 1 else {
            return isWeight.map { SplitFlow.State(layout: .whole, isWeight: $0) }
        }
        // The batch is the first extent of the first input that has one.
        let batch = zip(graph.inputTypes, isWeight).first { !$1 && $0.rank > 0 }?.0.shape[0].fixedValue
        guard let batch, batch > 0 else {
            throw RooflineError("no input of the graph has a batch that \(distribution.chips) chips could share")
        }
        guard batch % distribution.chips == 0 else {
            throw RooflineError(
                "\(distribution.chips) chips cannot share a batch of \(batch) evenly; choose a batch that is a multiple"
            )
        }
        return zip(graph.inputTypes, isWeight).map { type, isWeight in
            let isDivided = !isWeight && type.rank > 0 && type.shape[0].fixedValue == batch
            return SplitFlow.State(layout: isDivided ? .split(axis: 0, outer: 1) : .whole, isWeight: isWeight)
        }
    }
}
