// Heterodyne: what came of running a computation one way.
// SPDX-License-Identifier: Apache-2.0

import Foundation
public import Heterodyne

/// What a computation measured of itself.
public struct PolicyMeasurement: Sendable, Hashable, Codable {
    /// The largest error after each step, against the exact solution, in Double on the host.
    public var errors: [Double]
    /// Other numbers for the table by the names of their columns, for instance iterations.
    public var counts: [String: Int]
    /// Seconds of computing, compilation not among them.
    public var seconds: Double
    /// What the compiler decided.
    public var report: CompilationReport

    /// A measurement.
    public init(errors: [Double], counts: [String: Int] = [:], seconds: Double, report: CompilationReport) {
        self.errors = errors
        self.counts = counts
        self.seconds = seconds
        self.report = report
    }

    /// The largest error of all; NaN where any is.
    public var largestError: Double {
        errors.reduce(0) { $0.isNaN || $1.isNaN ? .nan : max($0, $1) }
    }
}

/// What came of running a computation one way: its measurement, or why it did not run.
public struct PolicyRun: Sendable, Hashable, Codable {
    /// The way's name.
    public var name: String
    /// The device that was asked for.
    public var device: String
    /// What was measured, nil where the computation did not run.
    public var measurement: PolicyMeasurement?
    /// Why the computation did not run, nil where it did.
    public var refusal: String?

    /// Runs `body` and notes what it measures or throws.
    public init(name: String, device: String, _ body: () throws -> PolicyMeasurement) {
        self.name = name
        self.device = device
        do { measurement = try body() } catch { refusal = "\(error)" }
    }
}

extension [PolicyRun] {
    /// The runs as one JSON document.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension CompilationReport {
    /// The devices that compute nodes, in the order of the report.
    public var computingDevices: [String] {
        var devices: [String] = []
        for entry in entries where entry.kind == .placement || entry.kind == .fallback {
            if !devices.contains(entry.device) { devices.append(entry.device) }
        }
        return devices
    }

    /// How many values move between devices in one call, and how many bytes they have.
    public var transfers: (count: Int, byteCount: Double) {
        entries.reduce(into: (0, 0)) { sum, entry in
            guard entry.kind == .transfer else { return }
            sum.0 += entry.count
            sum.1 += entry.byteCount
        }
    }
}
