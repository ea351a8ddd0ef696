// Heterodyne: what devices counted or estimated during a run, for people and as JSON.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneModels

/// What the devices counted or estimated during a run of a model; the same kind of figure of several parts is one.
struct MeasurementLines {
    /// Figures of one name, unit and source of one device.
    struct Entry: Encodable, Hashable {
        let device: String
        let name: String
        /// Of several parts the sum where the figure has a unit, else the mean: ratios do not add up.
        var value: Double
        let unit: String
        let source: String
        /// How many parts of the model gave one.
        var count = 1
    }

    private(set) var entries: [Entry] = []

    init(_ measurements: [(device: String, measurement: Measurement)]) {
        for (device, one) in measurements where one.value.isFinite {
            let known = entries.firstIndex {
                $0.device == device && $0.name == one.name && $0.unit == one.unit && $0.source == one.source
            }
            guard let known else {
                entries.append(
                    Entry(device: device, name: one.name, value: one.value, unit: one.unit, source: one.source))
                continue
            }
            entries[known].count += 1
            let count = Double(entries[known].count)
            entries[known].value =
                one.unit.isEmpty
                ? entries[known].value + (one.value - entries[known].value) / count : entries[known].value + one.value
        }
    }

    /// Symbols of units take prefixes, words do not.
    private static func text(_ value: Double, _ unit: String) -> String {
        if !unit.isEmpty, unit.count <= 2 { return PlanUnits.text(value, unit) }
        let isWhole = value == value.rounded() && abs(value) < 1000
        let number = isWhole ? "\(Int(value))" : PlanUnits.number(value)
        return unit.isEmpty ? number : "\(number) \(unit)"
    }

    /// A line for each figure: `simulated time on a100: 1.2 ms (roofline model)`.
    var lines: [String] {
        entries.map { entry in
            let number = Self.text(entry.value, entry.unit)
            let parts = entry.count > 1 ? ", \(entry.count) parts" : ""
            return "\(entry.name) on \(entry.device): \(number) (\(entry.source)\(parts))"
        }
    }
}
