// Heterodyne: the roofline model of a chip.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// What graphs take on a chip by its profile: the roofline model, node by node.
///
/// For each step (a node as a backend compiles it, fused regions included)
///
///     computing = sum over kinds and types   operations / rate
///     moving    = bytes / bandwidth
///     step      = max(computing, moving) + communication + seconds per kernel
///     run       = sum of the steps + seconds per program
///
/// so computing and moving overlap perfectly, but steps follow one another. Products of matrices run on the matrix unit where
/// the type has one, else on the vector unit, with everything else. A figure that the profile does not know is never
/// replaced by another: its term is left out and listed. `docs/Roofline.md` has the formulas and what they leave out.
public struct RooflineEstimator: Sendable {
    /// The chip.
    public let profile: ChipProfile
    /// What is taken for granted.
    public let options: RooflineOptions

    /// The model of a chip.
    public init(_ profile: ChipProfile, options: RooflineOptions = RooflineOptions()) {
        self.profile = profile
        self.options = options
    }

    /// What a graph takes that one backend compiles, with fused regions as it gets them.
    public func estimate(_ graph: Graph) -> RooflineEstimate {
        let work = graph.nodes.map { NodeWork($0, in: graph) }
        return estimate(graph, work: work, communication: [:], figures: ChipFigures(profile, options, chipCount: nil))
    }

    /// Adds up the steps of a graph. `communication` has the bytes that each chip sends after a node.
    func estimate(
        _ graph: Graph, work: [NodeWork], communication: [Int: Double], figures: ChipFigures
    ) -> RooflineEstimate {
        var sum = EstimateSum(figures: figures)
        var trace = MemoryTrace(graph, work: work, figures: figures)
        for index in graph.nodes.indices where !work[index].isView {
            sum.add(
                graph.nodes[index], at: index, work[index], traffic: trace.traffic(of: index),
                communicationBytes: communication[index] ?? 0)
        }
        return sum.finished()
    }
}

/// The figures of a chip as an estimate uses them: for each chip that takes part, with the part of each roof that is
/// reached.
struct ChipFigures {
    let profile: ChipProfile
    let options: RooflineOptions
    /// How many chips take part; nil for all of the profile's as if they were one.
    let chipCount: Int?

    init(_ profile: ChipProfile, _ options: RooflineOptions, chipCount: Int?) {
        self.profile = profile
        self.options = options
        self.chipCount = chipCount
    }

    /// How many chips the profile's figures are divided by.
    private var share: Double { chipCount == nil ? 1 : 1 / Double(max(1, profile.chipCount)) }

    /// How many parts of the size that the figures are of take part.
    var partCount: Double { Double(chipCount ?? 1) }

    /// A rate, or what is missing.
    enum Rate {
        case known(TypeProfile.Unit, perSecond: Double)
        case missing(TypeProfile.Unit, ScalarType, reason: String)
    }

    /// Operations per second of a unit at its peak.
    func peak(_ unit: TypeProfile.Unit, _ type: ScalarType) -> Double? {
        let known = profile.type(type)
        return (unit == .matrix ? known.matrix : known.vector).positive.map { $0 * share }
    }

    /// Operations per second of a kind on a type, as far as they are reached. Products of matrices run on the matrix unit
    /// where the type has one, else on the vector unit.
    func rate(_ kind: NodeWork.Kind, _ type: ScalarType, isInner: Bool) -> Rate {
        let known = profile.type(type)
        if kind == .contraction, known.units.contains(.matrix), known.matrix.value != 0 {
            return rate(.matrix, known.matrix, type, 1)
        }
        // Nobody says what multiplies the type.
        if kind == .contraction, !known.units.contains(.vector) { return rate(.matrix, known.matrix, type, 1) }
        let measured = options.detail?.rate(kind, type, isInner: isInner)
        if let measured { return .known(.vector, perSecond: measured * options.efficiency.compute) }
        return rate(.vector, known.vector, type, kind == .transcendental ? options.functionCost : 1)
    }

    private func rate(_ unit: TypeProfile.Unit, _ fact: Fact, _ type: ScalarType, _ cost: Double) -> Rate {
        if let value = fact.positive {
            return .known(unit, perSecond: value * share * options.efficiency.compute / cost)
        }
        let reason: String
        switch (fact, profile.type(type).presence) {
        case (_, .absent(let source, _)): reason = "\(profile.name) has no \(type) (\(source))"
        case (.unknown(let why), _): reason = why
        case (.known(let figure), _): reason = "there is no such unit (\(figure.source))"
        }
        return .missing(unit, type, reason: reason)
    }

    /// Bytes of memory per second at the peak.
    var peakBandwidth: Double? { profile.memoryBandwidth.positive.map { $0 * share } }

    /// Bytes of memory per second, as far as they are reached.
    var bandwidth: Double? { peakBandwidth.map { $0 * options.efficiency.memory } }

    /// Bytes per second that a chip sends, while it receives as many: half of what the link carries in both directions.
    var sending: Double? {
        guard let bandwidth = profile.interconnect?.bandwidth.positive else { return nil }
        return bandwidth / Double(max(1, profile.chipCount)) / 2 * options.efficiency.interconnect
    }

    /// Why nothing is known of the link.
    var sendingReason: String {
        guard let link = profile.interconnect else { return "the profile of \(profile.name) has no interconnect" }
        return link.bandwidth.reason ?? "\(link.name) has no bandwidth"
    }

    /// Watts of all that takes part.
    var power: Double? { profile.power.positive.map { $0 * share * partCount } }
}
