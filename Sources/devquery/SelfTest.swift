// Heterodyne: what devices' arithmetic does, beside what they declare.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Foundation
import Heterodyne
import HeterodyneConformance

/// Measures devices and shows what they declare beside what was found.
struct SelfTest {
    let devices: [Device]
    let json: Bool

    /// Prints the results; throws exit status 1 where a device is worse than it declares.
    func run() throws {
        guard let oracle = Runtime.shared.evaluator else { throw ValidationError("there is no reference evaluator") }
        var measurements: [NumericsMeasurement] = []
        for device in devices {
            let isTerminal = isatty(STDERR_FILENO) == 1
            func show(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
            let measurement = try NumericsMeasurement(of: device, oracle: oracle, sampleCount: Self.sampleCount) {
                if isTerminal { show("\r\u{1B}[K\(device.id): \($0) \($1)") }
            }
            if isTerminal { show("\r\u{1B}[K") }
            measurements.append(measurement)
            if !json { Output.print(Self.text(measurement) + (device == devices.last ? "" : "\n")) }
        }
        if json { Output.print(try Self.document(measurements)) }
        if !measurements.allSatisfy(\.isAsDeclared) { throw ExitCode(1) }
    }

    /// Fewer in debug builds, whose reference is slow.
    private static var sampleCount: Int {
        #if DEBUG
        1 << 10
        #else
        1 << 16
        #endif
    }

    // MARK: - Text

    private static func text(_ measurement: NumericsMeasurement) -> String {
        let verdict =
            measurement.isAsDeclared
            ? "as declared" : "WORSE THAN DECLARED: \(worseCount(measurement)) lines are marked with *"
        var lines = ["\(measurement.device): \(verdict) (\(String(format: "%.1f", measurement.seconds)) s)", ""]
        var findings = [["", "", "TYPE", "DECLARED", "MEASURED"]]
        for finding in measurement.findings {
            findings.append([
                finding.isWorse ? "*" : "", finding.subject, finding.scalarType?.name ?? "", finding.declared,
                finding.measured,
            ])
        }
        lines += Listing.aligned(findings)
        lines += ["", "largest errors in units of the last place"]
        var rows = [["", "", "TYPE", "DECLARED", "MEASURED", "AT", "GIVES", "SAMPLES"]]
        for row in measurement.errors {
            rows.append([
                row.isWorse ? "*" : "", row.operation, row.scalarType.name, number(row.declared), number(row.measured),
                row.worstOperands.map(exactly).joined(separator: ", "),
                row.worstOperands.isEmpty ? "" : exactly(row.worstResult), "\(row.sampleCount)",
            ])
        }
        lines += Listing.aligned(rows)
        if !measurement.problems.isEmpty { lines += ["", "not measured"] + measurement.problems.map { "* \($0)" } }
        return lines.joined(separator: "\n")
    }

    private static func worseCount(_ measurement: NumericsMeasurement) -> Int {
        measurement.errors.filter(\.isWorse).count + measurement.findings.filter(\.isWorse).count
            + measurement.problems.count
    }

    private static func number(_ value: Double) -> String {
        value.isFinite ? String(format: "%.4g", value) : "another kind"
    }

    private static func exactly(_ value: Double) -> String { value.isNaN ? "nan" : String(format: "%.9g", value) }

    // MARK: - JSON

    private struct Document: Encodable {
        struct ErrorRow: Encodable {
            var operation: String
            var kind: String
            var scalarType: String
            var declaredULP: Double
            /// Absent where a result is of another kind, a number in place of NaN say.
            var measuredULP: Double?
            /// As text, since JSON has no infinities.
            var worstOperands: [String]
            var worstResult: String
            var samples: Int
            var worse: Bool
        }
        struct Finding: Encodable {
            var subject: String
            var scalarType: String?
            var declared: String
            var measured: String
            var worse: Bool
        }
        struct Entry: Encodable {
            var id: String
            var asDeclared: Bool
            var seconds: Double
            var errors: [ErrorRow]
            var findings: [Finding]
            var problems: [String]
        }
        var schema = 1
        var devices: [Entry]
    }

    private static func document(_ measurements: [NumericsMeasurement]) throws -> String {
        let entries = measurements.map { measurement in
            Document.Entry(
                id: measurement.device, asDeclared: measurement.isAsDeclared, seconds: measurement.seconds,
                errors: measurement.errors.map {
                    Document.ErrorRow(
                        operation: $0.operation, kind: $0.isComposite ? "composite" : "primitive",
                        scalarType: $0.scalarType.name, declaredULP: $0.declared,
                        measuredULP: $0.measured.isFinite ? $0.measured : nil,
                        worstOperands: $0.worstOperands.map { "\($0)" }, worstResult: "\($0.worstResult)",
                        samples: $0.sampleCount, worse: $0.isWorse)
                },
                findings: measurement.findings.map {
                    Document.Finding(
                        subject: $0.subject, scalarType: $0.scalarType?.name, declared: $0.declared,
                        measured: $0.measured, worse: $0.isWorse)
                }, problems: measurement.problems)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(Document(devices: entries)), as: UTF8.self)
    }
}
