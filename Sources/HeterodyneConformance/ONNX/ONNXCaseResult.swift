// Heterodyne: what a case of the ONNX suite showed on a device.
// SPDX-License-Identifier: Apache-2.0

/// What a case of the ONNX suite showed on a device.
public struct ONNXCaseResult: Sendable, Identifiable {
    /// The outcomes. Only `passed` is a pass.
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// Every output is right.
        case passed
        /// An output is wrong.
        case failed
        /// The model could not be read, imported, compiled or run, or not in time.
        case error
        /// The model has an operator of `ONNXExceptions.declinedOperators` and was refused for it.
        case declined
        /// The case is in `ONNXExceptions.notTests`.
        case notATest
    }

    /// The case.
    public let test: ONNXCase
    /// The identifier of the device.
    public let device: String
    /// The outcome.
    public var outcome: Outcome
    /// Why the case did not pass.
    public var reason: String?
    /// The largest difference between numbers where they are what is wrong.
    public var largestDifference: Double?
    /// How long it took to read, import, compile, run and compare.
    public var seconds = 0.0

    /// The identifier of the case.
    public var id: String { test.id }

    /// The operator that a summary lists the case under: its only one, or how many it has and the name of the function
    /// whose body it is.
    public var subject: String {
        if test.operators.count == 1, let only = test.operators.first { return only }
        return test.name.contains("_expanded") ? "function bodies" : "\(test.group) models"
    }

    /// A result.
    public init(_ test: ONNXCase, device: String, _ outcome: Outcome, _ reason: String? = nil) {
        self.test = test
        self.device = device
        self.outcome = outcome
        self.reason = reason
    }
}
