// Heterodyne: `heterodyne conformance`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Heterodyne
import HeterodyneConformance

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Measures devices against the definition of every operation.
struct ConformanceCommand: ParsableCommand {
    /// How many cases to run.
    enum Extent: String, EnumerableFlag {
        case quick, full

        static func help(for value: Extent) -> ArgumentHelp? {
            switch value {
            case .quick: "Run the quick set: every operation, the most telling types and values."
            case .full: "Run every case."
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "conformance", abstract: "Measure devices against the definition of every operation.",
        discussion: """
            Every case runs without fallback, between guard zones, twice, and is compared with the reference computing \
            in float64. The limits are those that the device declares. A skip is not a pass: it has the device's reason.

            A case's identifier reproduces it:
              heterodyne conformance --full --device openblas --filter dot/float32/plain/normal/7x5-5x3

            With --mask, types are hidden of the devices, and what stands in for them is measured:
              heterodyne conformance --device vulkan:0 --mask float64 --types float64=emulate

            With --onnx, the ONNX backend test suite runs too, whose cases are models with inputs and expected outputs:
              heterodyne conformance --only-onnx --device openblas --filter node/test_conv*

            Exit status: 0 when no case failed and at least one passed on each device, 1 otherwise, 64 for wrong usage. \
            With --baseline, ONNX cases fail the command only when they are not in that list.
            """)

    @Option(name: .shortAndLong, help: "The device to measure, or 'all'.")
    var device = "all"

    @Option(
        name: .shortAndLong,
        help: "Only cases whose identifier contains this; '*' stands for any text in a whole identifier.")
    var filter: String?

    @Flag var extent = Extent.quick

    @Flag(help: "Print the identifiers of the cases and run none.")
    var list = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    @Option(help: "Write the report as Markdown to a file.", completion: .file(extensions: ["md"]))
    var markdown: String?

    @Option(
        help: ArgumentHelp(
            "A file of known failures: each line a device (or '*'), a case ('*' for any text) and a reason.",
            valueName: "file"), completion: .file())
    var expectedFailures: String?

    @OptionGroup(title: "Missing types") var missing: MissingTypesOptions

    @OptionGroup(title: "ONNX suite") var onnx: ONNXSuiteOptions

    func run() throws {
        Output.reserve()
        var suite = extent == .full ? ConformanceSuite.standard : ConformanceSuite.standard.quick
        if let filter { suite = suite.filtered(filter) }
        if onnx.isOnly { suite.cases = [] }
        let models = try onnx.suite(filter: filter)
        guard !suite.cases.isEmpty || models?.cases.isEmpty == false else {
            throw ValidationError("no case matches '\(filter ?? "")'\(extent == .quick ? "; try --full" : "")")
        }
        if list {
            for test in suite.cases { print(test.id) }
            for test in models?.cases ?? [] { print(test.id) }
            return
        }
        let devices = device == "all" ? Device.all : [try heterodyne_cli.device(device)]
        guard !devices.isEmpty else { throw ValidationError("no device can be used; run devquery for the reasons") }
        guard let oracle = Runtime.shared.evaluator else { throw ValidationError("there is no reference evaluator") }
        if onnx.isWorker {
            if let models, let device = devices.first {
                try onnx.answer(models, on: device, under: missing.conditions(of: device), evaluator: oracle)
            }
            return
        }
        let expected = try expectedFailures.map { try Self.expectations(read($0), path: $0) } ?? []
        var reports: [DeviceReport] = []
        for device in devices where !suite.cases.isEmpty {
            let conditions = try missing.conditions(of: device)
            let suite = conditions.masks.isEmpty ? suite : try suite.touching(conditions)
            let progress = Progress(total: suite.cases.count, device: device.id)
            let report = try suite.run(
                on: device, under: conditions, oracle: oracle, expectedFailures: expected, progress: progress.show)
            progress.finish()
            // Standard output belongs to the document.
            if json { printError(report.summary) }
            reports.append(report)
        }
        let onnxReports = try models.map { try onnx.run($0, on: devices, missing) }
        if let markdown {
            let board = onnxReports.map { ["## ONNX suite\n\n" + ONNXReport.markdown($0)] } ?? []
            try write("# Conformance\n\n" + (reports.map(\.markdown) + board).joined(separator: "\n"), to: markdown)
        }
        if json { print(DeviceReport.json(reports, onnx: onnxReports), terminator: "") }
        if !json {
            for report in reports {
                for result in report.results where result.status == .failed {
                    print("failed on \(report.device.id): \(result.id): \(result.reason ?? "")")
                }
                print(report.summary)
            }
        }
        let isAsExpected = try onnxReports.map { try onnx.conclude($0, json: json) } ?? true
        if !isAsExpected || !reports.allSatisfy(\.isConformant) { throw ExitCode.failure }
    }

    /// Known failures, one a line: device, pattern, reason; `#` starts a comment.
    private static func expectations(_ text: String, path: String) throws -> [ExpectedFailure] {
        var result: [ExpectedFailure] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count == 3 else {
                throw ValidationError("\(path):\(index + 1): expected a device, a case and a reason")
            }
            result.append(ExpectedFailure(device: String(first), pattern: String(words[1]), reason: String(words[2])))
        }
        return result
    }
}

/// A line on a terminal that says how far the run is; nothing elsewhere.
private struct Progress {
    let total: Int
    let device: String
    let isTerminal = isatty(STDERR_FILENO) == 1

    func show(_ result: CaseResult, _ done: Int) {
        guard isTerminal, done % 10 == 0 || done == total || result.status == .failed else { return }
        let name = result.id.count > 60 ? result.id.prefix(57) + "..." : result.id[...]
        printError("\r\u{1B}[K\(device): \(done)/\(total) \(name)", terminator: "")
    }

    func finish() { if isTerminal { printError("\r\u{1B}[K", terminator: "") } }
}
