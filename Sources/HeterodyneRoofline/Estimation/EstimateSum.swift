// Heterodyne: adds steps up to an estimate.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Adds steps up to an estimate and collects what is missing from it.
struct EstimateSum {
    private let figures: ChipFigures
    private var steps: [StepEstimate] = []
    private var missing: [MissingTerm] = []
    /// Where each figure is in `missing`, and the step that asked for it last.
    private var positions: [MissingTerm.Figure: (index: Int, step: Int)] = [:]
    private var loads: [UnitLoad] = []
    private var secondsByRoof: [Roof: Double] = [:]
    private var byteCount = 0.0
    private var communicationByteCount = 0.0
    private var assumedLoopCount = 0
    private var usesFunctionCost = false

    init(figures: ChipFigures) { self.figures = figures }

    /// Adds the step of a node.
    mutating func add(
        _ node: Node, at index: Int, _ work: NodeWork, traffic: MemoryTrace.Traffic, communicationBytes: Double
    ) {
        var gaps = 0
        let isInner = if case .composite(let composite) = node.operation { !(composite is FusedRegion) } else { false }
        let computing = computingSeconds(work, isInner: isInner, &gaps)
        var (moving, overhead, sending) = (0.0, 0.0, 0.0)
        if let seconds = traffic.seconds {
            moving = seconds
        } else if traffic.byteCount > 0 {
            gaps += 1
            note(.memoryBandwidth, figures.profile.memoryBandwidth.reason ?? "", traffic.byteCount)
        }
        if communicationBytes > 0 {
            if let rate = figures.sending {
                sending = communicationBytes / rate
            } else {
                gaps += 1
                note(.interconnectBandwidth, figures.sendingReason, communicationBytes)
            }
        }
        switch figures.profile.step {
        case .known(let figure): overhead = max(figure.value, 0)
        case .unknown(let why):
            gaps += 1
            note(.step, why, 1)
        }
        let parts: [(Roof, Double)] = [
            (.compute, computing), (.memory, moving), (.interconnect, sending), (.overhead, overhead),
        ]
        let seconds = max(computing, moving) + sending + overhead
        // Where nothing is known of what a step takes, nothing is said.
        let isKnown = seconds > 0 || gaps == 0
        let roof = parts.max { $0.1 < $1.1 }.flatMap { $0.1 > 0 ? $0.0 : nil }
        steps.append(
            StepEstimate(
                node: index, name: node.operation.name, work: work, byteCount: traffic.byteCount,
                computeSeconds: computing,
                memorySeconds: moving, communicationSeconds: sending, overheadSeconds: overhead,
                seconds: isKnown ? seconds : nil, roof: roof, isLowerBound: gaps > 0))
        secondsByRoof[computing > moving ? .compute : .memory, default: 0] += max(computing, moving)
        secondsByRoof[.interconnect, default: 0] += sending
        secondsByRoof[.overhead, default: 0] += overhead
        byteCount += traffic.byteCount
        communicationByteCount += communicationBytes
        assumedLoopCount += work.assumedLoopCount
    }

    private mutating func computingSeconds(_ work: NodeWork, isInner: Bool, _ gaps: inout Int) -> Double {
        var seconds = 0.0
        for share in work.shares {
            switch figures.rate(share.kind, share.type, isInner: isInner) {
            case .known(let unit, let perSecond):
                if share.kind == .contraction, let detail = figures.options.detail {
                    // The curve was measured without any efficiency.
                    let efficiency = figures.options.efficiency.compute
                    for product in work.products where product.type == share.type {
                        seconds += detail.seconds(product, peak: perSecond / efficiency) / efficiency
                    }
                } else {
                    seconds += share.count / perSecond
                }
                load(unit, share.type, share.count)
                if share.kind == .transcendental,
                    figures.options.detail?.rate(share.kind, share.type, isInner: isInner) == nil
                {
                    usesFunctionCost = true
                }
            case .missing(let unit, let type, let reason):
                gaps += 1
                note(.rate(unit, type), reason, share.count)
                load(unit, type, share.count)
            }
        }
        return seconds
    }

    private mutating func load(_ unit: TypeProfile.Unit, _ type: ScalarType, _ count: Double) {
        let total = count * figures.partCount
        if let index = loads.firstIndex(where: { $0.unit == unit && $0.type == type }) {
            loads[index].operationCount += total
        } else {
            let peak = figures.peak(unit, type).map { $0 * figures.partCount }
            loads.append(UnitLoad(unit: unit, type: type, operationCount: total, peak: peak))
        }
    }

    private mutating func note(_ figure: MissingTerm.Figure, _ reason: String, _ amount: Double) {
        guard let position = positions[figure] else {
            positions[figure] = (missing.count, steps.count)
            missing.append(MissingTerm(figure: figure, reason: reason, amount: amount, stepCount: 1))
            return
        }
        missing[position.index].amount += amount
        if position.step != steps.count { missing[position.index].stepCount += 1 }
        positions[figure] = (position.index, steps.count)
    }

    /// The estimate: the sum of the steps and the start of the program.
    func finished() -> RooflineEstimate {
        var missing = missing
        var launch = 0.0
        switch figures.profile.launch {
        case .known(let figure): launch = max(figure.value, 0)
        case .unknown(let why):
            missing.append(MissingTerm(figure: .launch, reason: why, amount: 1, stepCount: 0))
        }
        let isLowerBound = !missing.isEmpty
        let sum = steps.reduce(launch) { $0 + ($1.seconds ?? 0) }
        let seconds = sum > 0 || !isLowerBound ? sum : nil
        // Energy needs the power, the time does not.
        if figures.power == nil {
            let why = figures.profile.power.reason ?? "the profile says 0"
            missing.append(MissingTerm(figure: .power, reason: why, amount: 1, stepCount: 0))
        }
        var byRoof = secondsByRoof
        byRoof[.overhead, default: 0] += launch
        let parts = figures.partCount
        return RooflineEstimate(
            seconds: seconds, isLowerBound: isLowerBound, missing: missing, assumptions: assumptions, steps: steps,
            secondsByRoof: byRoof.filter { $0.value > 0 },
            loads: loads.sorted { $0.operationCount > $1.operationCount }, byteCount: byteCount * parts,
            peakBandwidth: figures.peakBandwidth.map { $0 * parts }, communicationByteCount: communicationByteCount,
            launchSeconds: launch, chipCount: figures.chipCount ?? max(1, figures.profile.chipCount),
            power: figures.power)
    }

    private var assumptions: [String] {
        var lines: [String] = []
        let options = figures.options
        if usesFunctionCost {
            lines.append(
                "a transcendental function takes \(Self.text(options.functionCost)) operations of the vector unit"
            )
        }
        let parts = [
            ("the peak rate", options.efficiency.compute), ("the memory's bandwidth", options.efficiency.memory),
            ("the interconnect's bandwidth", options.efficiency.interconnect),
        ]
        for (roof, part) in parts where part < 1 { lines.append("\(Self.text(part * 100)) % of \(roof) are reached") }
        if assumedLoopCount > 0 {
            let loops = assumedLoopCount == 1 ? "a loop runs" : "\(assumedLoopCount) loops run"
            lines.append("\(loops) \(Self.text(NodeWork.assumedIterations)) times; nothing tells before it does")
        }
        if figures.chipCount == nil, figures.profile.chipCount > 1 {
            lines.append(
                "the \(figures.profile.chipCount) chips of \(figures.profile.name) share all work evenly and exchange nothing"
            )
        }
        return lines
    }

    /// A number without needless digits.
    static func text(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
    }
}
