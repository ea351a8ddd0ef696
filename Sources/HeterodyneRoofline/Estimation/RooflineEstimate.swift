// Heterodyne: what a graph takes on a chip, estimated.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// What bounds a step, or the whole: the roofs of Williams, Waterman and Patterson ("Roofline: An Insightful Visual
/// Performance Model for Multicore Architectures", 2009), the link between chips, and what starting costs.
public enum Roof: String, Sendable, Hashable, CaseIterable, Codable {
    /// The rate of arithmetic.
    case compute
    /// The bandwidth of memory.
    case memory
    /// The bandwidth between chips.
    case interconnect
    /// Starting programs and kernels.
    case overhead
}

/// What one step takes: a node of the graph as a backend compiles it.
public struct StepEstimate: Sendable, Hashable {
    /// The node's index in the graph.
    public var node: Int
    /// The operation's name, for instance `dot` or `fused`.
    public var name: String
    /// What it computes and moves, on one chip.
    public var work: NodeWork
    /// Bytes that it exchanges with memory.
    public var byteCount: Double
    /// Seconds of arithmetic; without the shares whose rate is not known.
    public var computeSeconds: Double
    /// Seconds of moving bytes; 0 where the bandwidth is not known.
    public var memorySeconds: Double
    /// Seconds of exchanging results with other chips.
    public var communicationSeconds: Double
    /// Seconds that a kernel takes at least; 0 where that is not known.
    public var overheadSeconds: Double
    /// The longer of computing and moving, with communication and overhead; nil where no figure is known that any of it
    /// depends on.
    public var seconds: Double?
    /// What takes longest; nil where nothing is known.
    public var roof: Roof?
    /// Whether a figure is missing that the step depends on, so that it takes longer than `seconds`.
    public var isLowerBound: Bool

    /// A step.
    public init(
        node: Int, name: String, work: NodeWork, byteCount: Double, computeSeconds: Double, memorySeconds: Double,
        communicationSeconds: Double = 0, overheadSeconds: Double = 0, seconds: Double?, roof: Roof?,
        isLowerBound: Bool
    ) {
        self.node = node
        self.name = name
        self.work = work
        self.byteCount = byteCount
        self.computeSeconds = computeSeconds
        self.memorySeconds = memorySeconds
        self.communicationSeconds = communicationSeconds
        self.overheadSeconds = overheadSeconds
        self.seconds = seconds
        self.roof = roof
        self.isLowerBound = isLowerBound
    }

    /// Operations per byte of memory traffic; nil where the step moves none.
    public var intensity: Double? { byteCount > 0 ? work.operationCount / byteCount : nil }

    /// Operations per second while the step runs; nil where its time is not known or nothing is computed.
    public var operationRate: Double? {
        guard let seconds, seconds > 0, work.operationCount > 0 else { return nil }
        return work.operationCount / seconds
    }
}

/// How many operations of a type run on a unit, and its peak.
public struct UnitLoad: Sendable, Hashable {
    /// The unit.
    public var unit: TypeProfile.Unit
    /// The scalar type.
    public var type: ScalarType
    /// Operations in one run, over all chips; a function counts as one.
    public var operationCount: Double
    /// Operations per second at the peak, over all chips; nil where that is not known.
    public var peak: Double?

    /// A load.
    public init(unit: TypeProfile.Unit, type: ScalarType, operationCount: Double, peak: Double?) {
        self.unit = unit
        self.type = type
        self.operationCount = operationCount
        self.peak = peak
    }
}

/// What a graph takes on a chip: a bound from below that figures of the chip give, and what is missing from it.
public struct RooflineEstimate: Sendable, Hashable {
    /// Seconds of one run; nil where no figure is known that any of it depends on.
    public var seconds: Double?
    /// Whether figures are missing, so that the chip takes longer than `seconds` even where it reaches every roof.
    public var isLowerBound: Bool
    /// The figures that are missing.
    public var missing: [MissingTerm]
    /// What is taken for granted where nobody says so, for people.
    public var assumptions: [String]
    /// What each node takes, in the order of the graph; views, inputs and constants are no steps.
    public var steps: [StepEstimate]
    /// Seconds that are bound by each roof; starting the program is overhead.
    public var secondsByRoof: [Roof: Double]
    /// What is computed, by unit and scalar type, most operations first.
    public var loads: [UnitLoad]
    /// Bytes exchanged with memory in one run, over all chips.
    public var byteCount: Double
    /// Bytes per second at the peak of memory, over all chips; nil where that is not known.
    public var peakBandwidth: Double?
    /// Bytes that each chip sends to others in one run.
    public var communicationByteCount: Double
    /// Seconds to start the program; 0 where that is not known.
    public var launchSeconds: Double
    /// How many chips take part.
    public var chipCount: Int
    /// Watts of all chips together at full load; nil where that is not known.
    public var power: Double?

    /// The roof that most time goes to; nil where nothing is known.
    public var boundBy: Roof? {
        let most = Roof.allCases.max { (secondsByRoof[$0] ?? 0) < (secondsByRoof[$1] ?? 0) }
        return most.flatMap { (secondsByRoof[$0] ?? 0) > 0 ? $0 : nil }
    }

    /// Operations of all kinds and types in one run.
    public var operationCount: Double { loads.reduce(0) { $0 + $1.operationCount } }

    /// The unit and type with most operations; nil where nothing is computed.
    public var dominantLoad: UnitLoad? { loads.first }

    /// Operations per second of the dominant unit and type as a part of its peak, over the whole run: what others call
    /// the utilisation of the model. Where the time is a lower bound, an upper bound. Nil where either is not known.
    public var utilisation: Double? {
        guard let seconds, seconds > 0, let load = dominantLoad, let peak = load.peak, peak > 0 else { return nil }
        return load.operationCount / seconds / peak
    }

    /// Bytes per second as a part of the memory's bandwidth, over the whole run; nil where either is not known.
    public var memoryUtilisation: Double? {
        guard let seconds, seconds > 0, let peakBandwidth, peakBandwidth > 0 else { return nil }
        return byteCount / seconds / peakBandwidth
    }

    /// Joules of one run at the power of full load, which a chip that waits for its memory does not take: an upper bound
    /// for each second. Nil where time or power is not known.
    public var joules: Double? {
        guard let seconds, let power else { return nil }
        return seconds * power
    }

    /// Operations per byte of memory traffic; nil where nothing is moved.
    public var intensity: Double? { byteCount > 0 ? operationCount / byteCount : nil }
}
