// Heterodyne: the chips that `heterodyne plan --list` knows.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneRoofline

/// The profiles with their key figures, the least confidence among them, and what is unknown.
struct ProfileList {
    let catalog: ProfileCatalog

    /// The rates that the list shows: for each title the types, the first of which the chip has counts.
    private static let rates: [(title: String, types: [ScalarType])] = [
        ("float64", [.float64]), ("float32", [.float32]), ("16-bit float", [.bfloat16, .float16]), ("int8", [.int8]),
    ]

    /// The table and, under it, files that cannot be used.
    var text: String {
        var columns = PlanColumns(rightAligned: [2, 3, 4, 5, 6, 7, 8, 9])
        columns.rows.append(
            ["id", "also", "year"] + Self.rates.map(\.title) + [
                "memory", "bandwidth", "power", "confidence", "unknown",
            ])
        for profile in catalog.profiles {
            columns.rows.append(
                [
                    profile.id, profile.aliases.first ?? "",
                    profile.year.value.map { abs($0) < 1e6 ? "\(Int($0))" : PlanUnits.number($0) } ?? "?",
                ]
                    + Self.rates.map { Self.rate($0.types, profile) } + [
                        Self.text(profile.memoryByteCount, "B"), Self.text(profile.memoryBandwidth, "B/s"),
                        Self.text(profile.power, "W"), Self.confidence(of: profile), "\(profile.missing.count)",
                    ])
        }
        var lines = columns.lines()
        lines += [
            "",
            "\(catalog.profiles.count) chips. Rates are peaks in op/s, of the matrix unit where there is one; - is absent, ? "
                + "unknown.",
            "confidence: the least of the figures shown. unknown: figures without a source. --list --json has all.",
        ]
        for refusal in catalog.refused { lines.append("refused: \(refusal.error)") }
        return lines.joined(separator: "\n")
    }

    private static func rate(_ types: [ScalarType], _ profile: ChipProfile) -> String {
        let known = types.map { profile.type($0) }
        guard let type = known.first(where: \.isNative) else {
            let isAbsent = known.contains { if case .absent = $0.presence { true } else { false } }
            return isAbsent ? "-" : "?"
        }
        // Of two types with the same rate the first is named; the one with a figure counts.
        return (known.lazy.compactMap(\.dotRate.positive).first ?? type.dotRate.positive)
            .map { PlanUnits.text($0, "") } ?? "?"
    }

    private static func text(_ fact: Fact, _ unit: String) -> String {
        fact.value.map { PlanUnits.text($0, unit) } ?? "?"
    }

    /// The least confidence among the figures that are shown.
    private static func confidence(of profile: ChipProfile) -> String {
        let order = Confidence.allCases
        let shown = figures(of: profile).compactMap(\.fact.figure?.confidence)
        return shown.max { (order.firstIndex(of: $0) ?? 0) < (order.firstIndex(of: $1) ?? 0) }?.rawValue ?? ""
    }

    /// All figures of a profile.
    static func figures(of profile: ChipProfile) -> [PlanFigure] {
        var figures = [
            PlanFigure(name: "year", unit: "", fact: profile.year),
            PlanFigure(name: "memory size", unit: "B", fact: profile.memoryByteCount),
            PlanFigure(name: "memory bandwidth", unit: "B/s", fact: profile.memoryBandwidth),
            PlanFigure(name: "power", unit: "W", fact: profile.power),
            PlanFigure(name: "start of a program", unit: "s", fact: profile.launch),
            PlanFigure(name: "start of a kernel", unit: "s", fact: profile.step),
        ]
        if let link = profile.interconnect {
            figures.append(PlanFigure(name: "\(link.name) bandwidth", unit: "B/s", fact: link.bandwidth))
        }
        for type in ScalarType.allCases {
            let known = profile.type(type)
            if known.units.contains(.vector) {
                figures.append(PlanFigure(name: "\(type) vector rate", unit: "op/s", fact: known.vector))
            }
            if known.units.contains(.matrix) {
                figures.append(PlanFigure(name: "\(type) matrix rate", unit: "op/s", fact: known.matrix))
            }
        }
        return figures
    }
}
