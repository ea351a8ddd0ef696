// Heterodyne: how large the error of each step may be on a device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import HeterodyneEmulation
public import HeterodyneGraph

/// How large the error of each step may be: what the device declares, but never more than `Numerics.floor`.
public struct ErrorLimits: Sendable {
    /// What the device declares.
    public let declared: Numerics

    /// Types that the device computes with other arithmetic than their own.
    var standIns: [ScalarType: StandIn] = [:]

    /// The limits of a device that declares `numerics`.
    public init(_ numerics: Numerics) { declared = numerics }

    /// The limits of a device that declares `numerics` and has `standIns` for some types.
    init(_ numerics: Numerics, standIns: [ScalarType: StandIn]) {
        declared = numerics
        self.standIns = standIns
    }

    /// The limits of several devices that a program may run on: the widest.
    init(_ numerics: [Numerics], standIns: [ScalarType: StandIn]) {
        var widest = numerics[0]
        for other in numerics.dropFirst() {
            if other.denormals == .flushed { widest.denormals = .flushed }
            widest.contracts = widest.contracts || other.contracts
            widest.roundsToNearestEven = widest.roundsToNearestEven && other.roundsToNearestEven
            widest.maximumULP.merge(other.maximumULP) { max($0, $1) }
            widest.maximumCompositeULP.merge(other.maximumCompositeULP) { max($0, $1) }
        }
        self.init(widest, standIns: standIns)
    }

    /// The format that results of `type` are rounded to: its own, or that of what stands in; nil where it is no float.
    func format(_ type: ScalarType) -> FloatFormat? {
        switch standIns[type] {
        case .pairs: .pairs
        case .narrower(let narrow): FloatFormat(narrow)
        case nil: FloatFormat(type)
        }
    }

    /// Whether results of `type` below the smallest normal number of what computes them may become zero, or be off by as
    /// much as that.
    func allowsFlushing(_ type: ScalarType) -> Bool { standIns[type] != nil || allowsFlushing }

    /// The largest error of an elementwise primitive in units in the last place of `type`, or of what stands in for it.
    public func maximumULP(_ code: PrimitiveCode, _ type: ScalarType) -> Double {
        guard standIns[type] == .pairs else { return maximumULP(code) }
        // A unit in the last place is two units of roundoff.
        return DoubleSingleFormat.maximumError(of: code) / 2
    }

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

extension DoubleSingleFormat {
    /// The largest relative error of a primitive in units of 2^-48; 0 for those that are exact.
    static func maximumError(of code: PrimitiveCode) -> Double {
        switch code {
        case .add, .subtract: bound(.add)
        case .multiply: bound(.multiply)
        case .divide: bound(.divide)
        case .sqrt: bound(.squareRoot)
        case .remainder: bound(.remainder)
        case .exp: bound(.exponential)
        case .log: bound(.logarithm)
        case .sin: bound(.sine)
        case .cos: bound(.cosine)
        case .tanh: bound(.hyperbolicTangent)
        case .power: bound(.power)
        case .convert: bound(.fromInteger)
        case .constant, .iota, .bitcast, .negate, .abs, .floor, .maximum, .minimum, .and, .or, .xor, .shiftLeft,
            .shiftRight, .compare, .select, .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse,
            .gather, .scatter, .dynamicSlice, .dynamicUpdateSlice, .dot, .reduce, .sort, .conditional, .loop:
            0
        }
    }
}
