// Heterodyne: the table of `heterodyne plan`.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneRoofline

/// A model on several chips as a table that people read.
struct PlanTable {
    let model: PlannedModel
    let plans: [ChipPlan]
    let policy: PlanPolicy
    let split: PlanSplit?

    /// The heading, the table and the notes.
    var text: String {
        var notes = PlanNotes()
        for note in model.notes { _ = notes.number(of: note) }
        let shared = model.notes.indices.map { $0 + 1 }
        var columns = PlanColumns(rightAligned: [2, 3, 4, 5, 6, 7, 8, 9, 11, 12])
        let isCounted = model.batch != nil
        let unit = model.tokens == nil ? (isCounted ? "sample" : "run") : "token"
        columns.rows.append([
            "chip", "runs", "needs", "of", "native", "emulated", "on host", "latency",
            isCounted ? "samples/s" : "runs/s", "tokens/s", "bound by", "util.", "\(unit)s/J", "notes",
        ])
        for plan in plans {
            let numbers = plan.remarks.map { notes.number(of: $0) }
            columns.rows.append(row(plan) + [(shared + numbers).sorted().map(String.init).joined(separator: " ")])
        }
        var lines = heading + [""] + columns.lines()
        if !notes.texts.isEmpty { lines += ["", "notes"] + notes.lines() }
        return lines.joined(separator: "\n")
    }

    private var heading: [String] {
        var lines = ["\(model.path): \(model.inputs.joined(separator: ", "))"]
        var facts: [String] = []
        if let batch = model.batch { facts.append("\(ChipPlan.counted(batch, "sample")) in a run") }
        if let sequence = model.sequence { facts.append("\(ChipPlan.counted(sequence, "token")) in a sample") }
        if let split {
            let who = split.units == 1 ? "the chips of each system" : "\(split.units) of each chip or system"
            facts.append("\(who) share the work, \(split.kind.rawValue) parallel; memory is that of one chip")
        }
        facts.append("for \(model.role.rawValue)")
        let types = policy.types.description
        facts.append(policy.allowsHost ? "the host computes what a chip refuses" : "nothing leaves the chip")
        if !types.isEmpty { facts.append("types: \(types)") }
        lines.append(facts.joined(separator: "; "))
        return lines
    }

    private func row(_ plan: ChipPlan) -> [String] {
        let isRunning = plan.outcome.isRunning
        // What little a refused model leaves on the chip is no answer to what it needs.
        let isRefused = if case .refused = plan.outcome { true } else { false }
        let support = plan.support
        func count(_ number: Int) -> String { support.nodeCount == 0 ? "" : "\(number)" }
        let (least, most) = plan.estimate?.isLowerBound == true ? ("\u{2265} ", "\u{2264} ") : ("", "")
        func rate(_ number: Double?) -> String { number.map { most + PlanUnits.number($0) } ?? "" }
        return [
            (split == nil || plan.chipCount == 1 ? "" : "\(plan.chipCount) x ") + plan.profile.id, plan.outcome.text,
            isRefused ? "" : plan.memory.map { PlanUnits.bytes($0.total) } ?? "",
            plan.capacity.map { PlanUnits.bytes($0) } ?? "?", count(support.nativeCount + support.movedCount),
            count(support.emulatedCount), count(support.hostCount),
            plan.seconds.map { least + PlanUnits.text($0, "s") } ?? (isRunning ? "?" : ""),
            rate(plan.perSecond(model.samples)), rate(plan.perSecond(model.tokens)),
            plan.estimate?.boundBy?.rawValue ?? (isRunning ? "?" : ""),
            plan.estimate?.utilisation.map { ($0 < 0.001 ? "" : most) + PlanUnits.percent($0) }
                ?? (isRunning ? "?" : ""),
            plan.perJoule(model.tokens ?? model.samples).map { most + PlanUnits.number($0) } ?? (isRunning ? "?" : ""),
        ]
    }
}

/// Everything about one chip: what `--details` shows.
struct PlanDetails {
    let plan: ChipPlan

    /// Memory, nodes, the costliest steps and the figures that they rest on.
    var text: String {
        var lines = ["== \(plan.profile.name) (\(plan.profile.id)) =="]
        if let memory = plan.memory {
            lines.append(
                "memory: \(PlanUnits.bytes(memory.total)): weights \(PlanUnits.bytes(memory.weights)), intermediate "
                    + "results \(PlanUnits.bytes(memory.intermediates)), inputs and outputs "
                    + "\(PlanUnits.bytes(memory.ports)); there are "
                    + (plan.capacity.map { PlanUnits.bytes($0) } ?? "unknown many"))
        }
        lines += nodeLines + loadLines + stepLines + figureLines
        return lines.joined(separator: "\n")
    }

    private var nodeLines: [String] {
        let support = plan.support
        guard support.nodeCount > 0 else { return [] }
        var lines: [String] = []
        func section(_ title: String, _ count: Int, _ groups: [NodeGroup], _ hasReason: Bool) {
            guard count > 0 else { return }
            guard hasReason else {
                let names = groups.map { "\($0.count) \($0.operation)" }.joined(separator: ", ")
                lines += PlanNotes.wrapped("\(title): \(count): \(names)", width: 116).enumerated().map {
                    ($0.offset == 0 ? "" : "  ") + $0.element
                }
                return
            }
            lines.append("\(title): \(count)")
            for group in groups {
                let rule = group.rule.isEmpty ? "" : "\(group.rule), "
                lines.append("  \(group.count) x \(group.operation): \(rule)\(group.reason)")
            }
        }
        section("native nodes", support.nativeCount, support.native, false)
        section("moved with other types, at no cost", support.movedCount, [], false)
        section("computed with other types", support.emulatedCount, support.emulated, true)
        section("decomposed into primitives", support.decomposedCount, support.decomposed, false)
        section("on the host", support.hostCount, support.onHost, true)
        return lines
    }

    private var loadLines: [String] {
        guard let estimate = plan.estimate else { return [] }
        var columns = PlanColumns(rightAligned: [1, 2])
        columns.rows.append(["computed", "operations", "peak"])
        for load in estimate.loads {
            columns.rows.append([
                "\(load.type) \(load.unit.rawValue)", PlanUnits.text(load.operationCount, "op"),
                load.peak.map { PlanUnits.text($0, "op/s") } ?? "unknown",
            ])
        }
        var lines = columns.lines()
        let roofs = Roof.allCases.compactMap { roof in
            estimate.secondsByRoof[roof].flatMap { $0 > 0 ? "\(roof.rawValue) \(PlanUnits.text($0, "s"))" : nil }
        }
        if !roofs.isEmpty { lines.append("time by roof: \(roofs.joined(separator: ", "))") }
        return lines
    }

    private var stepLines: [String] {
        let steps = plan.costliestSteps(12)
        guard !steps.isEmpty else { return [] }
        var columns = PlanColumns(rightAligned: [0, 3, 4, 5, 6, 7, 8])
        columns.rows.append(["", "costliest steps", "", "each", "share", "operations", "bytes", "op/B", "op/s", "roof"])
        for step in steps {
            let share = plan.seconds.flatMap { total in step.seconds.map { $0 / total } }
            let one = step.one
            columns.rows.append([
                "\(step.count) x", step.name, "-> \(step.resultTypes)",
                one.seconds.map { PlanUnits.text($0, "s") } ?? "?",
                share.map { PlanUnits.percent($0) } ?? "", PlanUnits.text(one.work.operationCount, "op"),
                PlanUnits.bytes(one.byteCount), one.intensity.map { PlanUnits.number($0) } ?? "",
                one.operationRate.map { PlanUnits.text($0, "op/s") } ?? "", one.roof?.rawValue ?? "?",
            ])
        }
        let rest = plan.steps.reduce(0) { $0 + $1.count } - steps.reduce(0) { $0 + $1.count }
        return columns.lines() + (rest > 0 ? ["  and \(rest) more"] : [])
    }

    private var figureLines: [String] {
        var columns = PlanColumns(rightAligned: [1])
        columns.rows.append(["figure", "value", "confidence", "source"])
        for figure in plan.figures {
            switch figure.fact {
            case .known(let known):
                columns.rows.append([
                    figure.name, PlanUnits.text(known.value, figure.unit), known.confidence.rawValue, known.source,
                ])
            case .unknown(let why): columns.rows.append([figure.name, "unknown", "", why])
            }
        }
        return columns.lines()
    }
}
