// Heterodyne: `heterodyne bench`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX

/// Times an ONNX model.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Time an ONNX model on a device.",
        discussion: """
            Inputs stay on the device and outputs are not read back. Inputs that are not given are random.

            With --interactive the command prints 'ready' when the model is compiled and warm, answers each line \
            'run K' with the nanoseconds that K runs took, and ends at 'quit' or the end of input; so a script can \
            take turns with another engine in another process.

            What the device itself counted or estimated during the last run, such as the time and energy of a simulated \
            chip, follows where there is any.

            Exit status: 0 when the model ran, 1 when it did not, 64 for wrong usage.
            """)

    @OptionGroup var arguments: ModelArguments

    @Option(help: "How many runs to time; by default as many as fit into two seconds, at least 5.")
    var runs: Int?

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(help: "Answer 'run K' on standard input until 'quit'.")
    var interactive = false

    func validate() throws {
        if let runs, runs < 1 { throw ValidationError("--runs \(runs): at least 1 is needed") }
        if json && interactive { throw ValidationError("--json and --interactive exclude each other") }
    }

    private struct Result: Encodable {
        let model: String
        let device: String
        let threads: Int?
        let runs: Int
        let compileSeconds: Double
        let medianMilliseconds: Double
        let fastestMilliseconds: Double
        let slowestMilliseconds: Double
        /// What the device counted or estimated during the last run; empty for devices that count nothing.
        let measurements: [MeasurementLines.Entry]
    }

    func run() throws {
        Output.reserve()
        let progress = ProgressLine()
        defer { progress.finish() }
        progress.show("reading \(arguments.model)")
        let model = try arguments.load()
        let device = try arguments.target()
        var completed = arguments
        completed.input.append("random")
        let inputs = try completed.inputs(of: model)
        try reporting(arguments.model) {
            progress.show("compiling for \(device.id)")
            let start = ContinuousClock.now
            let prepared = try PreparedModel(try arguments.runner(model, on: device, progress: progress), inputs)
            let compileSeconds = Self.seconds(since: start)
            progress.show("warming up on \(device.id)")
            for _ in 0..<3 { try prepared.run() }
            progress.finish()
            if interactive { return try serve(prepared) }
            let times = try measure(prepared)
            let measurements = MeasurementLines(try prepared.measurements())
            let result = Result(
                model: arguments.model, device: device.id, threads: arguments.threads, runs: times.count,
                compileSeconds: compileSeconds, medianMilliseconds: times[times.count / 2],
                fastestMilliseconds: times[0], slowestMilliseconds: times[times.count - 1],
                measurements: measurements.entries)
            try show(result)
            if !json { for line in measurements.lines { print(line) } }
        }
    }

    private static func seconds(since start: ContinuousClock.Instant) -> Double {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }

    private func measure(_ prepared: PreparedModel) throws -> [Double] {
        var times: [Double] = []
        let start = ContinuousClock.now
        while times.count < runs ?? Int.max {
            if runs == nil, times.count >= 5, Self.seconds(since: start) > 2 { break }
            let begin = ContinuousClock.now
            try prepared.run()
            times.append(Self.seconds(since: begin) * 1e3)
        }
        return times.sorted()
    }

    private func show(_ result: Result) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
            print(String(decoding: try encoder.encode(result), as: UTF8.self))
            return
        }
        print(
            String(
                format: "median %.3f ms, fastest %.3f ms, slowest %.3f ms, %d runs; prepared in %.2f s",
                result.medianMilliseconds, result.fastestMilliseconds, result.slowestMilliseconds, result.runs,
                result.compileSeconds))
    }

    private func serve(_ prepared: PreparedModel) throws {
        answer("ready")
        while let line = readLine() {
            let words = line.split(separator: " ")
            if words.first == "quit" { return }
            guard words.count == 2, words[0] == "run", let count = Int(words[1]), count > 0 else {
                answer("error not understood: \(line)")
                continue
            }
            let start = ContinuousClock.now
            for _ in 0..<count { try prepared.run() }
            answer(String(UInt64(Self.seconds(since: start) * 1e9)))
        }
    }

    private func answer(_ text: String) {
        print(text)
        fflush(nil)
    }
}
