// Heterodyne: conversions that nobody can observe, where the device lacks 64-bit types.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// Computes in 32 bits what provably has the same results there, where the device asked for lacks float64, int64 or uint64:
/// one float64 epsilon must not spoil a float32 model, and indices that fit 32 bits need no others.
///
/// Every rewrite is exact, so each is free and made under every policy. There are two kinds:
///
/// - *Values that survive.* A float64 value whose every element is a float32 number (it was converted from a shorter
///   type, is a constant of such numbers, or was moved, chosen, negated or rounded down among such) is represented by a
///   float32 value, and so is arithmetic on numbers that are known to be multiples of one power of two within 24 bits:
///   counters, masks, sums of them. A 64-bit integer is represented by one of 32 bits where its interval is known to fit.
///   It is widened only for what really needs the wide type.
/// - *Casts.* What is only used rounded to float32 or cut to 32 bits is computed so: integer sums, products and bits
///   from their low words; a sum, difference, product, quotient or square root of float32 numbers because rounding to
///   53 bits first and to 24 then gives what rounding once gives (53 >= 2 * 24 + 2: Figueroa, "When is double rounding
///   innocuous?", 1995), where the device rounds to nearest even.
///
/// Each node that is computed otherwise than it was written is a line of the report. Time is linear in the graph and in the
/// bytes of its 64-bit constants.
public struct Narrowing: Pass {
    /// `narrow`.
    public let name = "narrow"

    /// The pass.
    public init() {}

    /// The graph with fewer values of the types that the device lacks, also inside `if` and `while`; the graph itself
    /// where the device has all types that occur.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        let rules = NarrowingRules(context.target.capabilities)
        guard !rules.standIns.isEmpty, !graph.scalarTypes.isDisjoint(with: rules.standIns.keys) else { return graph }
        return try GraphNarrower(rules, context).run(graph, inputs: []).graph
    }
}

/// What a device's 32-bit arithmetic may stand in for.
struct NarrowingRules {
    /// The types that the device lacks, with those that stand in for their values.
    let standIns: [ScalarType: ScalarType]
    /// Whether float32 arithmetic gives the nearest number, which is the exact one where that is a float32 number.
    let rounds: Bool
    /// Whether remainders are exact.
    let hasExactRemainder: Bool
    /// Whether subnormal numbers survive.
    let keepsSubnormals: Bool

    init(_ capabilities: Capabilities) {
        let pairs: [(ScalarType, ScalarType)] = [(.float64, .float32), (.int64, .int32), (.uint64, .uint32)]
        func computes(_ type: ScalarType) -> Bool { capabilities.usages(of: type).isSuperset(of: .compute) }
        standIns = Dictionary(
            uniqueKeysWithValues: pairs.filter { !computes($0.0) && computes($0.1) })
        rounds = capabilities.numerics.roundsToNearestEven
        hasExactRemainder = rounds && capabilities.numerics.maximumULP[.remainder] == nil
        keepsSubnormals = capabilities.numerics.denormals == .preserved
    }
}
