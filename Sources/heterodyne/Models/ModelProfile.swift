// Heterodyne: where a model spends its time.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HeterodyneModels

/// The times of one run's steps, as a table and as a trace.
struct ModelProfile {
    let steps: [PreparedModel.StepTime]
    let device: String
    let label: String

    init(_ steps: [PreparedModel.StepTime], device: String, label: String) {
        self.steps = steps
        self.device = device
        self.label = label
    }

    /// Prints the table and writes the trace.
    func show(trace: String) throws {
        print(table)
        try write(traceText, to: trace)
        print("trace: \(trace) (open it in chrome://tracing or ui.perfetto.dev)")
    }

    /// Steps that do the same, added up, the longest first.
    var table: String {
        var totals: [String: (nanoseconds: UInt64, count: Int)] = [:]
        for step in steps {
            let known = totals[step.name] ?? (0, 0)
            totals[step.name] = (known.nanoseconds + step.nanoseconds, known.count + 1)
        }
        let all = steps.reduce(UInt64(0)) { $0 + $1.nanoseconds }
        var lines = [String(format: "profile: %d steps, %.3f ms", steps.count, Double(all) * 1e-6)]
        lines.append("       ms      %  count  step")
        let sorted = totals.sorted { ($0.value.nanoseconds, $1.key) > ($1.value.nanoseconds, $0.key) }
        for (name, total) in sorted {
            let share = all == 0 ? 0 : 100 * Double(total.nanoseconds) / Double(all)
            let count = String(total.count)
            let padding = String(repeating: " ", count: max(0, 6 - count.count))
            lines.append(
                String(format: "%9.3f %6.1f ", Double(total.nanoseconds) * 1e-6, share) + "\(padding)\(count)  \(name)")
        }
        return lines.joined(separator: "\n")
    }

    private struct Event: Encodable {
        let name: String
        let cat = "step"
        let ph = "X"
        /// Microseconds.
        let ts: Double
        let dur: Double
        let pid = 1
        let tid = 1
    }

    private struct Trace: Encodable {
        let traceEvents: [Event]
        let displayTimeUnit = "ns"
        let otherData: [String: String]
    }

    /// The steps one after the other in the Trace Event Format; the time between steps is not measured.
    var traceText: String {
        var now = 0.0
        var events: [Event] = []
        for step in steps {
            let duration = Double(step.nanoseconds) * 1e-3
            events.append(Event(name: step.name, ts: now, dur: duration))
            now += duration
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let trace = Trace(traceEvents: events, otherData: ["device": device, "model": label])
        guard let data = try? encoder.encode(trace) else { return "{}" }
        return String(decoding: data, as: UTF8.self) + "\n"
    }
}
