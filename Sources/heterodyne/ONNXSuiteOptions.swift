// Heterodyne: the ONNX suite in `heterodyne conformance`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Heterodyne
import HeterodyneConformance

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What is asked for about the ONNX suite.
struct ONNXSuiteOptions: ParsableArguments {
    @Option(
        name: .customLong("onnx"),
        help: ArgumentHelp(
            "Run the ONNX backend test suite too: the folder that scripts/onnx_suite exported, or 'default' for where it "
                + "exports to.", valueName: "folder"), completion: .directory)
    var folder: String?

    @Flag(name: .customLong("only-onnx"), help: "Run the ONNX suite and nothing else; the folder may be left out.")
    var isOnly = false

    @Option(
        help: ArgumentHelp("Rewrite the scoreboard of the ONNX suite in a Markdown file.", valueName: "file"),
        completion: .file(extensions: ["md"]))
    var scoreboard: String?

    @Option(
        help: ArgumentHelp(
            "A list of ONNX cases that are known not to pass; only others fail the command.", valueName: "file"),
        completion: .file())
    var baseline: String?

    @Flag(help: "Write the list of --baseline anew.")
    var updateBaseline = false

    @Option(help: ArgumentHelp("ONNX cases that run at the same time.", valueName: "count"))
    var jobs = 2

    @Option(help: ArgumentHelp("Seconds after which an ONNX case is given up.", valueName: "seconds"))
    var timeLimit = 60.0

    @Flag(name: .customLong("onnx-worker"), help: ArgumentHelp(visibility: .private))
    var isWorker = false

    /// Whether the suite is to be run.
    var isWanted: Bool { folder != nil || isOnly }

    func validate() throws {
        if !isWanted, scoreboard != nil || baseline != nil || updateBaseline {
            throw ValidationError("--scoreboard and --baseline are about the ONNX suite; add --onnx default")
        }
        if updateBaseline, baseline == nil { throw ValidationError("--update-baseline needs --baseline FILE") }
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs is a number from 1 to 256") }
        guard timeLimit > 0 else { throw ValidationError("--time-limit is a number of seconds above 0") }
    }

    /// The cases; nil where the suite is not wanted.
    func suite(filter: String?) throws -> ONNXSuite? {
        guard isWanted else { return nil }
        let path = folder == nil || folder == "default" ? ONNXSuite.defaultFolder : folder ?? ""
        let suite: ONNXSuite
        do { suite = try ONNXSuite(folder: path) } catch { throw ValidationError("\(error)") }
        return filter.map(suite.filtered) ?? suite
    }

    /// Runs `suite` on each of `devices`, every case in a process that may end by it.
    func run(
        _ suite: ONNXSuite, on devices: [Device], _ missing: MissingTypesOptions
    ) throws -> [ONNXReport] {
        // A process that has ended is noticed by what it does not answer.
        signal(SIGPIPE, SIG_IGN)
        return devices.map { device in
            let isTerminal = isatty(STDERR_FILENO) == 1
            let total = suite.cases.count
            let arguments =
                [
                    "conformance", "--only-onnx", "--onnx", folder ?? "default", "--device", device.id, "--onnx-worker",
                ] + missing.arguments
            let workers = (0..<jobs).map { _ in ONNXWorker(arguments) }
            let timeLimit = timeLimit
            let report = suite.run(on: device, threads: jobs) { result, done in
                guard isTerminal, done % 10 == 0 || done == total else { return }
                printError("\r\u{1B}[K\(device.id): ONNX \(done)/\(total) \(result.id.prefix(60))", terminator: "")
            } _: { test, thread in
                switch workers[thread].run(test.id, timeLimit: timeLimit) {
                case .line(let line):
                    ONNXCaseResult(test, device: device.id, line: line)
                        ?? ONNXCaseResult(test, device: device.id, .error, "the process answered '\(line.prefix(200))'")
                case .none(let reason): ONNXCaseResult(test, device: device.id, .error, reason)
                }
            }
            if isTerminal { printError("\r\u{1B}[K", terminator: "") }
            return report
        }
    }

    /// Answers for cases that are asked for on standard input: see `ONNXWorker`.
    func answer(
        _ suite: ONNXSuite, on device: Device, under conditions: MissingTypes, evaluator: any Evaluator
    ) {
        var options = ModelOptions()
        options.program.compiler.scalarTypes = conditions.policy
        let device = conditions.masks.isEmpty ? device : device.masking(conditions.masks)
        let runner = ONNXCaseRunner(
            on: device, fallbacks: conditions.fallbacks, evaluator: evaluator, options: options)
        let cases = Dictionary(suite.cases.map { ($0.id, $0) }) { first, _ in first }
        while let id = readLine() {
            print(cases[id].map { runner.run($0).line } ?? "error\t0\t-\tthere is no case \(id)")
            fflush(nil)
        }
    }

    /// Prints what did not pass, writes the files that are asked for, and says whether the suite is as it should be.
    func conclude(_ reports: [ONNXReport], json: Bool) throws -> Bool {
        func say(_ text: String) { if json { printError(text) } else { print(text) } }
        var known: ONNXBaseline?
        if let baseline, !updateBaseline {
            do { known = try ONNXBaseline(try read(baseline)) } catch let error as ONNXSuiteError {
                throw ValidationError("'\(baseline)': \(error)")
            }
        }
        if !json, known == nil {
            for result in reports.flatMap(\.results) where result.outcome == .failed || result.outcome == .error {
                print("\(result.outcome.rawValue) on \(result.device): \(result.id): \(result.reason ?? "")")
            }
        }
        for report in reports { say(report.summary) }
        if let scoreboard {
            guard let text = ONNXReport.rewritten(try read(scoreboard), reports) else {
                throw ValidationError(
                    "'\(scoreboard)' has no place for the scoreboard: put the lines "
                        + "'\(ONNXReport.scoreboardMarkers.begin)' and '\(ONNXReport.scoreboardMarkers.end)' into it")
            }
            try write(text, to: scoreboard)
        }
        if let baseline, updateBaseline {
            try write(ONNXBaseline(reports).text, to: baseline)
            return true
        }
        guard let known else {
            return reports.allSatisfy { $0.results.allSatisfy { $0.outcome != .failed && $0.outcome != .error } }
        }
        let comparison = known.compare(reports)
        for result in comparison.improvements {
            say("passes now on \(result.device), take it from the list: \(result.id)")
        }
        for result in comparison.changes {
            say(
                "\(result.outcome.rawValue) now on \(result.device), was listed otherwise: \(result.id): \(result.reason ?? "")"
            )
        }
        for result in comparison.regressions {
            say("\(result.outcome.rawValue) on \(result.device), not listed: \(result.id): \(result.reason ?? "")")
        }
        return comparison.regressions.isEmpty
    }
}
