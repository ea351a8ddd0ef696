// Heterodyne: how large the error of each step may be on a device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// How large the error of each step may be: what the device declares, but never more than `Numerics.floor`.
public struct ErrorLimits: Sendable {
    /// What the device declares.
    public let declared: Numerics

    /// The limits of a device that declares `numerics`.
    public init(_ numerics: Numerics) { declared = numerics }

    /// The largest error of an elementwise primitive in units in the last place of the result type.
    public func maximumULP(_ code: PrimitiveCode) -> Double {
        let floor = Numerics.floor.maximumULP[code] ?? 0.5
        return min(declared.maximumULP[code] ?? (declared.roundsToNearestEven ? 0.5 : floor), floor)
    }

    /// The largest error of a claimed elementwise composite in units in the last place of the result type: declared and
    /// not above the floor. Composites that neither names get 16.
    public func maximumULP(composite name: String) -> Double {
        let floor = Numerics.floor.maximumCompositeULP[name] ?? 16
        return min(declared.maximumCompositeULP[name] ?? floor, floor)
    }

    /// Whether results below the smallest normal number may become zero.
    public var allowsFlushing: Bool { declared.denormals == .flushed }
}
