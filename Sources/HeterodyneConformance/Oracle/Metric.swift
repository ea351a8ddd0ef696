// Heterodyne: how results are compared.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// How the results of a case are compared with the oracle's.
public enum Metric: Sendable, Hashable {
    /// Every bit as the definition gives it; NaN of any payload.
    case exact
    /// Within the device's limit for an elementwise primitive, in units in the last place around the float64 result.
    case ulp(PrimitiveCode)
    /// Within the bound that running error analysis gives for the whole graph.
    case bound

    /// The name in reports.
    public var name: String {
        switch self {
        case .exact: "exact"
        case .ulp: "ulp"
        case .bound: "bound"
        }
    }
}

/// What comparing one output, or all outputs of a case, showed.
public struct Deviation: Sendable, Hashable {
    /// The largest distance from the oracle in units in the last place of the output's type, 0 for none; elements
    /// about which the bound says nothing are left out.
    public var ulp = 0.0
    /// The largest distance from the oracle as a part of what is allowed; above 1 for a failure.
    public var ratio = 0.0
    /// Sum of squared distances divided by the sum of the oracle's squares, over finite elements; a summary only.
    public var normalizedMeanSquare = 0.0
    /// Elements compared.
    public var count = 0
    /// Elements about which the bound says nothing.
    public var unboundedCount = 0
    /// The first element that is wrong, in words.
    public var failure: String?

    var squaredError = 0.0
    var squaredNorm = 0.0

    /// Nothing compared yet.
    public init() {}

    /// Adds what comparing another output showed.
    mutating func merge(_ other: Deviation) {
        ulp = max(ulp, other.ulp)
        ratio = max(ratio, other.ratio)
        count += other.count
        unboundedCount += other.unboundedCount
        failure = failure ?? other.failure
        squaredError += other.squaredError
        squaredNorm += other.squaredNorm
        normalizedMeanSquare = squaredNorm > 0 ? squaredError / squaredNorm : 0
    }
}
