// Heterodyne: figures that an estimate lacks.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A figure that a profile does not know, and what depends on it.
public struct MissingTerm: Sendable, Hashable {
    /// What is not known.
    public enum Figure: Sendable, Hashable {
        /// The operations per second of a unit on a scalar type.
        case rate(TypeProfile.Unit, ScalarType)
        /// The bandwidth of memory.
        case memoryBandwidth
        /// The bandwidth between chips.
        case interconnectBandwidth
        /// The seconds that each kernel takes at least.
        case step
        /// The seconds that a program takes to start.
        case launch
        /// The power at full load.
        case power

        /// For people, for instance `float32 vector rate`.
        public var name: String {
            switch self {
            case .rate(let unit, let type): "\(type) \(unit.rawValue) rate"
            case .memoryBandwidth: "memory bandwidth"
            case .interconnectBandwidth: "interconnect bandwidth"
            case .step: "seconds per kernel"
            case .launch: "seconds per program"
            case .power: "power"
            }
        }

        /// What `MissingTerm.amount` counts.
        public var unit: String {
            switch self {
            case .rate: "operations"
            case .memoryBandwidth, .interconnectBandwidth: "bytes"
            case .step: "kernels"
            case .launch, .power: "programs"
            }
        }
    }

    /// What is not known.
    public var figure: Figure
    /// Why the profile does not know it.
    public var reason: String
    /// How much depends on it, counted in `figure.unit`.
    public var amount: Double
    /// How many steps depend on it.
    public var stepCount: Int

    /// A figure that is missing.
    public init(figure: Figure, reason: String, amount: Double, stepCount: Int) {
        self.figure = figure
        self.reason = reason
        self.amount = amount
        self.stepCount = stepCount
    }

    /// What the figure is, for people.
    public var name: String { figure.name }

    /// What `amount` counts: `operations`, `bytes`, `kernels` or `programs`.
    public var unit: String { figure.unit }
}
