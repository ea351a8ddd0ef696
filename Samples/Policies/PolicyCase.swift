// Heterodyne: the ways to run a float64 computation on a device that may lack float64.
// SPDX-License-Identifier: Apache-2.0

public import Heterodyne

/// A way to run a computation: what is hidden of the device, and what the compiler is told.
public struct PolicyWay: Sendable, Hashable {
    /// The name in tables and plots.
    public var name: String
    /// Whether float64 of the device is hidden.
    public var hidesFloat64: Bool
    /// What the compiler is told.
    public var options: ProgramOptions

    /// A way.
    public init(name: String, hidesFloat64: Bool, options: ProgramOptions) {
        self.name = name
        self.hidesFloat64 = hidesFloat64
        self.options = options
    }

    /// The way with the policy that a text describes (`ScalarTypePolicy.init(parsing:)`), the usual one for nil. Other devices fall in
    /// only where float64's rule is that they do.
    public init(parsing types: String?, hidesFloat64: Bool, isStrict: Bool, label: String) throws(GraphError) {
        self.init(name: types ?? "default", hidesFloat64: hidesFloat64, options: ProgramOptions())
        options.label = label
        options.compiler.isStrict = isStrict
        if let types { options.compiler.scalarTypes = try ScalarTypePolicy(parsing: types) }
        if options.compiler.scalarTypes[.float64] != .fallback { options.fallbacks = [] }
    }

    /// The device to run on: `device` itself, or the same without float64.
    public func device(_ device: Device) -> Device { hidesFloat64 ? device.masking(.float64) : device }
}

/// The ways that are compared to run a computation in float64. All but the first hide float64 of the device, so that the ways can be compared on
/// hardware that has it.
public enum PolicyCase: String, Sendable, Hashable, Codable, CaseIterable {
    /// The device's own float64, compiled strictly: nothing is converted or moved.
    case native
    /// Another device that has float64 computes.
    case fallback
    /// The device alone computes, with pairs of float32.
    case emulate
    /// The device alone computes, in float32.
    case demote
    /// float64 is an error, although another device has it.
    case error
    /// Another device would compute, and strict compilation forbids it.
    case strict

    /// The way, for a program with the given label.
    public func way(label: String) -> PolicyWay {
        PolicyWay(name: rawValue, hidesFloat64: self != .native, options: options(label: label))
    }

    /// What the compiler is told.
    private func options(label: String) -> ProgramOptions {
        var options = ProgramOptions()
        options.label = label
        options.fallbacks = []
        switch self {
        case .native:
            options.compiler.isStrict = true
            options.compiler.scalarTypes[.float64] = .error
        case .fallback:
            options.fallbacks = .automatic
            options.compiler.scalarTypes[.float64] = .fallback
        case .emulate: options.compiler.scalarTypes[.float64] = .emulate
        case .demote: options.compiler.scalarTypes[.float64] = .demote
        case .error:
            options.fallbacks = .automatic
            options.compiler.scalarTypes[.float64] = .error
        case .strict:
            options.compiler.isStrict = true
            options.fallbacks = .automatic
            options.compiler.scalarTypes[.float64] = .fallback
        }
        return options
    }
}
