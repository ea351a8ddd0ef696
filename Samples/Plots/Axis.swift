// Heterodyne: an axis of a plot: its range, its marks, and where a value lies on it.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// How values are laid out along an axis.
public enum AxisScale: Sendable, Hashable {
    /// In proportion to the value.
    case linear
    /// In proportion to the logarithm; values that are not above 0 cannot be shown.
    case logarithmic
}

/// The range of an axis and the marks on it.
struct Axis: Sendable, Hashable {
    let scale: AxisScale
    /// The ends, as values.
    let low: Double
    let high: Double
    /// The values that are marked.
    let ticks: [Double]

    /// The axis that shows all of `values` that can be shown.
    init(_ scale: AxisScale, showing values: some Sequence<Double>) {
        self.scale = scale
        let shown = values.filter { Self.canShow($0, scale) }
        switch scale {
        case .linear:
            var (low, high) = (shown.min() ?? 0, shown.max() ?? 1)
            // One value alone, or values that differ in nothing but rounding, get a range around them.
            if high - low <= 1e-12 * max(low.magnitude, high.magnitude) {
                let margin = max(low.magnitude, high.magnitude) * 0.1
                (low, high) = margin == 0 ? (0, 1) : (low - margin, high + margin)
            }
            let step = Self.step((high - low) / 5)
            let (first, last) = ((low / step).rounded(.down), (high / step).rounded(.up))
            self.low = first * step
            self.high = last * step
            ticks = last - first <= 64 ? stride(from: first, through: last, by: 1).map { $0 * step } : [low, high]
        case .logarithmic:
            let first = shown.min().map { Int(log10($0).rounded(.down)) } ?? 0
            let last = max(first + 1, shown.max().map { Int(log10($0).rounded(.up)) } ?? 1)
            low = pow(10, Double(first))
            high = pow(10, Double(last))
            ticks = stride(from: first, through: last, by: max(1, (last - first + 7) / 8)).map { pow(10, Double($0)) }
        }
    }

    /// Whether a value can lie on an axis of the scale. Numbers below the normal range count as 0.
    static func canShow(_ value: Double, _ scale: AxisScale) -> Bool {
        switch scale {
        case .linear: value.isFinite && value.magnitude < 1e300
        case .logarithmic: value.isFinite && value.isNormal && value > 0
        }
    }

    /// Where a value lies: 0 at the low end, 1 at the high one; nil where it cannot be shown.
    func place(of value: Double) -> Double? {
        guard Self.canShow(value, scale) else { return nil }
        switch scale {
        case .linear: return (value - low) / (high - low)
        case .logarithmic: return (log10(value) - log10(low)) / (log10(high) - log10(low))
        }
    }

    /// The text at a mark.
    func label(of tick: Double) -> String {
        switch scale {
        case .linear: NumberText.short(tick.magnitude < (high - low) * 1e-9 ? 0 : tick, digits: 4)
        case .logarithmic: NumberText.short(tick, digits: 1)
        }
    }

    /// The least of 1, 2, 5, 10 times a power of ten that is not below `least`.
    private static func step(_ least: Double) -> Double {
        let power = pow(10, log10(least).rounded(.down))
        guard power.isNormal else { return 1 }
        return ([1.0, 2, 5].first { $0 * power >= least * (1 - 1e-9) } ?? 10) * power
    }
}
