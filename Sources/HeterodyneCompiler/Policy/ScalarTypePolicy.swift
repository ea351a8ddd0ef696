// Heterodyne: what the owner of a model allows where a device lacks a scalar type.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// What the owner of a model allows where a device lacks a scalar type.
///
/// Conversions that change nothing that anybody can observe are free and always made: constants and scalars whose value
/// survives exactly, indices whose range is proved. Everything else follows the rule of its type, and each use of a rule is a line of the
/// report. Strict compilation turns every such line that is not free into an error before anything runs.
public struct ScalarTypePolicy: Sendable, Hashable, Codable {
    /// What happens to an operation whose scalar type the device lacks.
    public enum Rule: String, Sendable, Hashable, Codable, CaseIterable {
        /// Another device computes it, where one is allowed that has the type.
        case fallback
        /// The device computes it with the types that it has: float64 as a pair of float32 (about 48 significant bits
        /// and float32's range of exponents), 64-bit integers as two words (exact), narrower types in 32 bits with one
        /// rounding or wrapping at each operation (exact).
        case emulate
        /// The device computes it in the next narrower type that it has: float64 in float32, 64-bit integers in 32
        /// bits, wrapping. Results keep their type and lose precision. Narrower types have no such rule.
        case demote
        /// It is an error, which names the operations; other devices are not asked.
        case error
    }

    /// Rules that differ from the defaults.
    private var rules: [ScalarType: Rule] = [:]

    /// The defaults: float64 falls back, everything else is emulated, which is exact.
    public init() {}

    /// The defaults: float64 falls back, everything else is emulated, which is exact.
    public static let standard = ScalarTypePolicy()

    /// The same rule for all types; types that cannot be demoted are then emulated.
    public static func uniform(_ rule: Rule) -> ScalarTypePolicy {
        var policy = ScalarTypePolicy()
        for type in ScalarType.allCases { policy[type] = rule == .demote && !canDemote(type) ? .emulate : rule }
        return policy
    }

    /// The rule for a type.
    public subscript(type: ScalarType) -> Rule {
        get { rules[type] ?? Self.standardRule(type) }
        set { rules[type] = newValue == Self.standardRule(type) ? nil : newValue }
    }

    /// The rule for a type where nothing is said.
    public static func standardRule(_ type: ScalarType) -> Rule { type == .float64 ? .fallback : .emulate }

    /// The type that a type is demoted to, nil where it is not.
    public static func demotion(of type: ScalarType) -> ScalarType? {
        switch type {
        case .float64: .float32
        case .int64: .int32
        case .uint64: .uint32
        case .bool, .int4, .uint4, .int8, .int16, .int32, .uint8, .uint16, .uint32, .float8e4m3fn, .float8e5m2,
            .float16, .bfloat16, .float32:
            nil
        }
    }

    private static func canDemote(_ type: ScalarType) -> Bool { demotion(of: type) != nil }

    /// A policy as text: `emulate` for all types, or `float64=demote,int64=error`; the defaults for what is not named.
    /// Throws `parse` naming what is not understood.
    public init(parsing text: some StringProtocol) throws(GraphError) {
        self.init()
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let rules = Rule.allCases.map(\.rawValue).joined(separator: ", ")
            guard let name = sides.last, let rule = Rule(rawValue: String(name)) else {
                throw GraphError(.parse, "'\(sides.last ?? part)' is no rule for a scalar type; there are \(rules)")
            }
            guard sides.count == 2 else {
                self = Self.uniform(rule)
                continue
            }
            guard let type = ScalarType(name: String(sides[0])) else {
                let types = ScalarType.allCases.map(\.name).joined(separator: ", ")
                throw GraphError(.parse, "'\(sides[0])' is no scalar type; there are \(types)")
            }
            guard rule != .demote || Self.canDemote(type) else {
                throw GraphError(
                    .parse, "\(type) cannot be demoted; float64, int64 and uint64 can. Emulating it is exact")
            }
            self[type] = rule
        }
    }
}

extension ScalarTypePolicy: CustomStringConvertible {
    /// What differs from the defaults, in the form that `init(parsing:)` reads; empty for the defaults.
    public var description: String {
        rules.sorted { $0.key.name < $1.key.name }.map { "\($0.key.name)=\($0.value.rawValue)" }
            .joined(separator: ",")
    }
}
