// Heterodyne: what a case showed on a device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// What a case showed on a device.
public struct CaseResult: Sendable, Identifiable {
    /// The outcomes.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        /// Right.
        case passed
        /// Wrong, or an expected failure that has started to pass.
        case failed
        /// The device says that it cannot run the case. Not a pass.
        case skipped
        /// Refused before anything ran, by an error that names the node and the missing type, as the owner's policy asks.
        case refused
        /// Wrong, as was expected.
        case expectedFailure
    }

    /// The identifier of the case.
    public let id: String
    /// The identifier of the device.
    public let device: String
    /// The row of the report.
    public let operation: String
    /// The column of the report.
    public let scalarType: ScalarType
    /// The outcome.
    public var status: Status
    /// Why the case failed or was skipped.
    public var reason: String?
    /// How results were compared; nil for cases about conduct.
    public let metric: Metric?
    /// The largest distance from the oracle.
    public var deviation = Deviation()
    /// What the metric `ulp` allowed, in units in the last place; 0 for `exact`; nil for `bound`, where the allowance
    /// differs from element to element and `deviation.ratio` tells how much of it was used.
    public var limit: Double?
    /// Seconds that the device took for its runs.
    public var seconds = 0.0

    init(_ test: ConformanceCase, device: String, status: Status = .passed, reason: String? = nil) {
        id = test.id
        self.device = device
        operation = test.operation
        scalarType = test.scalarType
        metric = test.metric
        self.status = status
        self.reason = reason
    }
}
