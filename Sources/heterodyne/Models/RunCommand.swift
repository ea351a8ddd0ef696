// Heterodyne: `heterodyne run`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX

/// Runs an ONNX model.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run an ONNX model on a device.",
        discussion: """
            Prints each output's type, range and first elements; --output writes them as files. With --profile or --repeat \
            it also prints what the device itself counted or estimated, such as the time and energy of a simulated chip.

              heterodyne run model.onnx --device vulkan:0 --input random
              heterodyne run model.onnx --input ids=ids.npy --output results --compare reference
              heterodyne run model.onnx --split vulkan:0,openblas --dim batch=32 --input random --report
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

    @Option(
        help: ArgumentHelp(
            """
            Split the batch, the first dimension of every input, over these devices, by their measured speed or as \
            DEVICE=SHARE says; see --report.
            """, valueName: "device[=share],..."))
    var split: String?

    @Option(name: .customLong("repeat"), help: "Run so many times and print the median latency.")
    var repetitions: Int?

    @OptionGroup(title: "Report") var reporting: ReportOptions

    @Flag(help: "Print the time of each step, the longest first, and write a trace for chrome://tracing or Perfetto.")
    var profile = false

    @Option(help: "Where --profile writes the trace.", completion: .file(extensions: ["json"]))
    var trace = "heterodyne-trace.json"

    func validate() throws {
        if let split {
            _ = try SplitDevices(parsing: split)
            if arguments.device != nil { throw ValidationError("--split names the devices; leave out --device") }
            if profile { throw ValidationError("--profile shows one device; leave out --split") }
        }
        if let repetitions, repetitions < 1 { throw ValidationError("--repeat \(repetitions): at least 1 is needed") }
    }

    func run() throws {
        Output.reserve()
        let progress = ProgressLine()
        defer { progress.finish() }
        let path = arguments.model
        progress.show("reading \(path)")
        let model = try arguments.load()
        let parts = try split.map { try SplitDevices(parsing: $0) }
        let device = try parts.map { ModelTarget(device: try heterodyne_cli.device($0.names[0])) } ?? arguments.target()
        let other = try compare.map { try heterodyne_cli.device($0) }
        let inputs = try arguments.inputs(of: model)
        try heterodyne_cli.reporting(path) {
            let place = try parts?.devices().map(\.id).joined(separator: " and ") ?? device.id
            progress.show("compiling for \(place) and running")
            let runner = try arguments.runner(model, on: device, progress: progress)
            let prepared = try prepare(runner, inputs, parts)
            progress.show("running on \(place)")
            try prepared.run()
            let outputs = try prepared.outputs()
            progress.finish()
            for (name, data) in outputs { print(OutputSummary.text(name, data)) }
            if let output { try OutputFiles(folder: output).write(outputs) }
            if let repetitions { try measure(prepared, repetitions, place) }
            try reporting.show(prepared.reports)
            if profile || repetitions != nil, case .one(let prepared) = prepared {
                for line in MeasurementLines(try prepared.measurements()).lines { print(line) }
            }
            if profile, case .one(let prepared) = prepared {
                try ModelProfile(try prepared.profile(), device: device.id, label: path).show(trace: trace)
            }
            if let other {
                let second = try arguments.runner(model, on: other).run(inputs)
                let comparison = OutputComparison(outputs, second, on: place, and: other.id)
                print(comparison.text)
                if !comparison.isComparable { throw ExitCode.failure }
            }
        }
    }

    /// A model ready to run, on one device or split over several.
    private enum Prepared {
        case one(PreparedModel)
        case split(ShardedModel)

        func run() throws(ModelError) {
            switch self {
            case .one(let model): try model.run()
            case .split(let model): try model.run()
            }
        }

        func outputs() throws(ModelError) -> [(name: String, data: ONNXData)] {
            switch self {
            case .one(let model): try model.outputs()
            case .split(let model): try model.outputs()
            }
        }

        var reports: [CompilationReport] {
            switch self {
            case .one(let model): model.reports
            case .split(let model): [model.report]
            }
        }
    }

    private func prepare(
        _ runner: ModelRunner, _ inputs: [String: ONNXData], _ parts: SplitDevices?
    ) throws -> Prepared {
        guard let parts else { return .one(try PreparedModel(runner, inputs)) }
        var options = ShardOptions()
        options.shares = parts.shares
        return .split(try ShardedModel(runner, inputs, over: try parts.devices(), options: options))
    }

    private func measure(_ prepared: Prepared, _ count: Int, _ place: String) throws {
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
            "latency on \(place): median \(text(median)), fastest \(text(times[0])), "
                + "slowest \(text(times[times.count - 1])), \(count) runs")
    }
}

/// The devices of `--split` and their shares.
struct SplitDevices {
    let names: [String]
    /// How much of the batch each gets; nil to measure.
    let shares: [Double]?

    /// Reads `vulkan:0,openblas` or `vulkan:0=3,openblas=1`. Throws a `ValidationError` that says what is wrong.
    init(parsing text: String) throws {
        var names: [String] = []
        var shares: [Double] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = sides.first, !name.isEmpty else {
                throw ValidationError("--split \(text): a device is missing; write for instance vulkan:0,openblas")
            }
            guard !names.contains(String(name)) else {
                throw ValidationError("--split \(text): \(name) is named twice")
            }
            names.append(String(name))
            guard sides.count == 2 else { continue }
            guard let share = Double(sides[1]), share >= 0, share.isFinite else {
                throw ValidationError("--split \(text): '\(sides[1])' is no share; write a number from 0 on")
            }
            shares.append(share)
        }
        guard shares.isEmpty || shares.count == names.count else {
            throw ValidationError("--split \(text): give every device a share, or none, to have them measured")
        }
        guard shares.isEmpty || shares.contains(where: { $0 > 0 }) else {
            throw ValidationError("--split \(text): at least one share must be above 0")
        }
        self.names = names
        self.shares = shares.isEmpty ? nil : shares
    }

    /// The devices. Throws where one is not there.
    func devices() throws -> [Device] { try names.map { try heterodyne_cli.device($0) } }
}
