// Heterodyne: `heterodyne run`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX

/// Runs an ONNX model.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run an ONNX model on a device.",
        discussion: """
            Prints each output's type, range and first elements; --output writes them as files.

              heterodyne run model.onnx --device vulkan:0 --input random
              heterodyne run model.onnx --input ids=ids.npy --output results --compare reference
              heterodyne run model.onnx --device vulkan:0 --types float64=emulate --report --report-json report.json

            Exit status: 0 when the model ran, 1 when it did not or --compare found a difference in shape or type, \
            64 for wrong usage.
            """)

    @OptionGroup var arguments: ModelArguments

    @Option(
        name: .shortAndLong, help: "Write each output as NAME.npy (lists as NAME.0.npy and so on) to this folder.",
        completion: .directory)
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Run on a second device too and print the largest difference of each output.", valueName: "device"))
    var compare: String?

    @Option(name: .customLong("repeat"), help: "Run so many times and print the median latency.")
    var repetitions: Int?

    @OptionGroup(title: "Report") var reporting: ReportOptions

    @Flag(help: "Print the time of each step, the longest first, and write a trace for chrome://tracing or Perfetto.")
    var profile = false

    @Option(help: "Where --profile writes the trace.", completion: .file(extensions: ["json"]))
    var trace = "heterodyne-trace.json"

    func validate() throws {
        if let repetitions, repetitions < 1 { throw ValidationError("--repeat \(repetitions): at least 1 is needed") }
    }

    func run() throws {
        let progress = ProgressLine()
        defer { progress.finish() }
        let path = arguments.model
        progress.show("reading \(path)")
        let model = try arguments.load()
        let device = try arguments.target()
        let other = try compare.map { try heterodyne_cli.device($0) }
        let inputs = try arguments.inputs(of: model)
        try heterodyne_cli.reporting(path) {
            progress.show("compiling for \(device.id) and running")
            let prepared = try PreparedModel(try arguments.runner(model, on: device, progress: progress), inputs)
            progress.show("running on \(device.id)")
            try prepared.run()
            let outputs = try prepared.outputs()
            progress.finish()
            for (name, data) in outputs { print(OutputSummary.text(name, data)) }
            if let output { try OutputFiles(folder: output).write(outputs) }
            if let repetitions { try measure(prepared, repetitions, device) }
            try reporting.show(prepared.reports)
            if profile { try ModelProfile(try prepared.profile(), device: device.id, label: path).show(trace: trace) }
            if let other {
                let second = try arguments.runner(model, on: other).run(inputs)
                let comparison = OutputComparison(outputs, second, on: device.id, and: other.id)
                print(comparison.text)
                if !comparison.isComparable { throw ExitCode.failure }
            }
        }
    }

    private func measure(_ prepared: PreparedModel, _ count: Int, _ device: ModelTarget) throws {
        var times: [Double] = []
        for _ in 0..<count {
            let start = ContinuousClock.now
            try prepared.run()
            let (seconds, attoseconds) = (ContinuousClock.now - start).components
            times.append(Double(seconds) * 1e3 + Double(attoseconds) * 1e-15)
        }
        times.sort()
        let median = times[times.count / 2]
        func text(_ milliseconds: Double) -> String { String(format: "%.3f ms", milliseconds) }
        print(
            "latency on \(device.id): median \(text(median)), fastest \(text(times[0])), "
                + "slowest \(text(times[times.count - 1])), \(count) runs")
    }
}
