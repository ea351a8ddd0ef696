// Heterodyne: the numbered notes under the table of `heterodyne plan`.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneRoofline

/// Notes, each with a number; chips of which the same is to be said share it.
struct PlanNotes {
    private(set) var texts: [String] = []

    /// The number of a note, from 1 on.
    mutating func number(of text: String) -> Int {
        if let known = texts.firstIndex(of: text) { return known + 1 }
        texts.append(text)
        return texts.count
    }

    /// The notes as lines that are not too long.
    func lines(width: Int = 120) -> [String] {
        texts.enumerated().flatMap { index, text in
            let mark = String(repeating: " ", count: max(0, 3 - "\(index + 1)".count)) + "\(index + 1)  "
            return Self.wrapped(text, width: width - mark.count).enumerated().map { line, part in
                (line == 0 ? mark : String(repeating: " ", count: mark.count)) + part
            }
        }
    }

    /// `text` in lines of at most `width` characters where its words are no longer.
    static func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " " + word
        }
        return lines + [line]
    }
}

extension ChipPlan {
    /// What is to be said about the chip, the most important first.
    var remarks: [String] {
        var remarks: [String] = []
        switch outcome {
        case .refused(let reason):
            let why = support.hostCount > 0 ? "; " + hostRemark : ""
            remarks.append("\(profile.id): \(reason)\(why)")
        case .tooLarge:
            if let memory, let capacity {
                remarks.append(
                    "\(profile.id): does not fit; the model needs \(PlanUnits.bytes(memory.total)) and there are "
                        + PlanUnits.bytes(capacity))
            }
        case .runs, .runsWithHost: break
        }
        if support.hostCount > 0, outcome.isRunning { remarks.append(hostRemark) }
        if !support.emulated.isEmpty, outcome.isRunning { remarks.append(emulationRemark) }
        if memory != nil, capacity == nil {
            remarks.append("whether it fits is unknown: \(profile.memoryByteCount.reason ?? "the profile says 0")")
        }
        remarks += notes
        if let estimate {
            if !estimate.missing.isEmpty { remarks.append(missingRemark(estimate)) }
            remarks += estimate.assumptions.map { "assumed: \($0)" }
        }
        if let doubt { remarks.append(doubt) }
        return remarks
    }

    private var hostRemark: String {
        let nodes = Self.counted(support.hostCount, "node")
        let list = Self.list(support.onHost)
        guard outcome.isRunning else { return "not for this chip: \(list)" }
        let share = support.operationCount > 0 ? support.chipOperationCount / support.operationCount : 1
        return
            "\(nodes) leave the chip for the host: \(list). On the chip: \(PlanUnits.percent(share)) of the operations. "
            + "Neither the host's time nor that of moving \(PlanUnits.bytes(support.transferredByteCount)) is in the estimate"
    }

    private var emulationRemark: String {
        let rules = Dictionary(grouping: support.emulated, by: \.rule).sorted { $0.key < $1.key }
        return "with other types: "
            + rules.map { rule, groups in
                // What is done is the same for many chips; why, --details says.
                let method = groups[0].reason.split(separator: ":").first.map(String.init) ?? groups[0].reason
                return "\(groups.reduce(0) { $0 + $1.count }) by \(rule) (\(method))"
            }.joined(separator: ", ")
    }

    private func missingRemark(_ estimate: RooflineEstimate) -> String {
        let timing = estimate.missing.filter { $0.figure != .power }.map(\.name)
        let energy = estimate.missing.contains { $0.figure == .power }
        guard !timing.isEmpty else { return "no energy: power unknown" }
        let start = estimate.seconds == nil ? "no estimate" : "lower bound"
        return "\(start): \(timing.joined(separator: ", ")) unknown" + (energy ? "; no energy: power unknown" : "")
    }

    /// Figures that the plan rests on and that are doubtful.
    private var doubt: String? {
        guard estimate != nil else { return nil }
        let doubtful = figures.compactMap { figure -> String? in
            guard let known = figure.fact.figure else { return nil }
            switch known.confidence {
            case .measured, .high, .medium: return nil
            case .low, .assumed: return "\(figure.name) (\(known.confidence.rawValue))"
            }
        }
        return doubtful.isEmpty ? nil : "doubtful figures: \(doubtful.joined(separator: ", "))"
    }

    /// The reasons, the one with most nodes first, each with its most frequent operations.
    static func list(_ groups: [NodeGroup], limit: Int = 2) -> String {
        var reasons: [(text: String, groups: [NodeGroup])] = []
        for group in groups {
            if let known = reasons.firstIndex(where: { $0.text == group.reason }) {
                reasons[known].groups.append(group)
            } else {
                reasons.append((group.reason, [group]))
            }
        }
        func total(_ groups: [NodeGroup]) -> Int { groups.reduce(0) { $0 + $1.count } }
        let sorted = reasons.enumerated().sorted {
            (total($1.element.groups), $0.offset) < (total($0.element.groups), $1.offset)
        }.map(\.element)
        let shown = sorted.prefix(limit).map { reason in
            let most = reason.groups.enumerated().sorted {
                ($1.element.count, $0.offset) < ($0.element.count, $1.offset)
            }.map(\.element)
            let names = most.prefix(3).map { "\($0.count) \($0.operation)" }
            let rest = total(Array(most.dropFirst(3)))
            return names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
                + " (\(shortened(reason.text)))"
        }
        let rest = total(sorted.dropFirst(limit).flatMap(\.groups))
        return shown.joined(separator: "; ") + (rest > 0 ? "; and \(rest) more" : "")
    }

    private static func shortened(_ text: String) -> String {
        text.count <= 140 ? text : text.prefix(139) + "\u{2026}"
    }

    static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
