// Heterodyne: a figure of a chip with its source, or why there is none.
// SPDX-License-Identifier: Apache-2.0

/// How far a figure can be trusted.
public enum Confidence: String, Sendable, Hashable, Codable, CaseIterable {
    /// Somebody measured it and says how.
    case measured
    /// The vendor publishes it, or several independent sources agree.
    case high
    /// Reliable sources have it, with gaps or at second hand.
    case medium
    /// Sources contradict each other, or there is only one weak one.
    case low
    /// Nobody says so; it is taken to be so, by a rule that is written down.
    case assumed
}

/// A number in SI units, where it comes from and how far it can be trusted.
public struct Figure: Sendable, Hashable, Codable {
    /// The number: operations per second, bytes, bytes per second, watts, seconds, a year.
    public var value: Double
    /// Who says so, and how it was derived where it was.
    public var source: String
    /// How far it can be trusted.
    public var confidence: Confidence

    /// A figure.
    public init(_ value: Double, source: String, confidence: Confidence) {
        self.value = value
        self.source = source
        self.confidence = confidence
    }
}

/// A figure, or why it is unknown. There is no third: what nobody published stays unknown.
public enum Fact: Sendable, Hashable {
    /// The figure.
    case known(Figure)
    /// Why there is none.
    case unknown(String)

    /// The number, or nil where it is unknown. Zero says that the chip has no such thing.
    public var value: Double? { figure?.value }

    /// The figure, or nil where it is unknown.
    public var figure: Figure? { if case .known(let figure) = self { figure } else { nil } }

    /// Why the figure is unknown, or nil where it is known.
    public var reason: String? { if case .unknown(let reason) = self { reason } else { nil } }

    /// The number where it is known and above zero: a rate that work can be divided by.
    public var positive: Double? { value.flatMap { $0 > 0 ? $0 : nil } }
}
