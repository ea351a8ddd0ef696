// Heterodyne: what a run counted or estimated besides its results.
// SPDX-License-Identifier: Apache-2.0

/// Something that a run counted or estimated: energy, bytes moved, the time that a simulated chip would take.
public struct Measurement: Sendable, Hashable, Codable {
    /// What it is, for instance `simulated time`.
    public var name: String
    /// The number.
    public var value: Double
    /// Its unit, for instance `s` or `J`; empty for ratios and counts.
    public var unit: String
    /// `measured`, or the model that it comes from, for instance `roofline model`.
    public var source: String

    /// A measurement.
    public init(name: String, value: Double, unit: String, source: String) {
        self.name = name
        self.value = value
        self.unit = unit
        self.source = source
    }
}
