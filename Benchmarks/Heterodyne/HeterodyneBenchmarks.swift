// Heterodyne: this project's side of the benchmarks.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Heterodyne

@main struct HeterodyneBenchmarks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heterodyne-benchmarks",
        abstract: "Times this library for Benchmarks/compare.py, or one case by itself.",
        subcommands: [Serve.self, Time.self, Boundary.self, CheckEstimates.self])
}

/// Options that both subcommands have.
struct EngineOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "A device's identifier. Default: the fastest backend.") var device: String?
    @Option(name: .shortAndLong, help: "Threads to use.") var threads: Int = 2

    func validate() throws {
        guard (1...1024).contains(threads) else { throw ValidationError("--threads must be 1 to 1024, not \(threads)") }
    }

    func chosenDevice() throws -> Device { try device.map { try Device($0) } ?? Device.current }
}

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answers the line protocol of Benchmarks/README.md on standard input and output.")

    @OptionGroup var options: EngineOptions

    func run() throws {
        Server(device: try options.chosenDevice(), threads: options.threads).serve()
    }
}

struct Time: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs one case and prints the time and the profile of its steps.",
        discussion: "Cases are named as in Benchmarks/README.md, for instance gemm:1024x1024x1024 or encoder:1x128.")

    @OptionGroup var options: EngineOptions
    @Option(help: "How often to run.") var count: Int = 20
    @Flag(help: "Print the time of every step, longest first.") var profile = false
    @Flag(help: "Print what the compiler decided.") var report = false
    @Argument(help: "The case.") var name: String

    func run() throws {
        let device = try options.chosenDevice()
        let benchmark = try BenchmarkCase(named: name)
        var program = ProgramOptions()
        program.compiler.fuses = benchmark.fuses
        program.compiler.threads = options.threads
        program.label = name
        let compiled = try Runtime.shared.compile(benchmark.graph, on: device, options: program)
        let session = try compiled.makeSession()
        for (index, port) in compiled.inputs.enumerated() {
            let storage = try BenchmarkCase.data(for: port.type, index: index).denseStorage()
            try session.bind(input: index, to: device.backend.importing(storage, on: device.id))
        }
        for (index, port) in compiled.outputs.enumerated() {
            try session.bind(output: index, to: device.backend.allocate(byteCount: port.byteCount, on: device.id))
        }
        try session.run()
        var times: [Double] = []
        for _ in 0..<max(1, count) {
            let start = ContinuousClock.now
            try session.run()
            let duration = start.duration(to: .now)
            times.append(
                Double(duration.components.seconds) * 1e3 + Double(duration.components.attoseconds) * 1e-15)
        }
        times.sort()
        print(
            "\(name) on \(device.id), \(options.threads) threads: median "
                + String(format: "%.3f ms, best %.3f ms", times[times.count / 2], times[0]))
        if profile {
            var sums = [UInt64](repeating: 0, count: compiled.stepDescriptions.count)
            let rounds = 10
            for _ in 0..<rounds {
                for (index, time) in try session.profile().enumerated() where index < sums.count { sums[index] += time }
            }
            let order = sums.indices.sorted { sums[$0] > sums[$1] }
            for index in order.prefix(40) {
                print(
                    String(format: "%9.1f us  ", Double(sums[index]) / 1e3 / Double(rounds))
                        + compiled.stepDescriptions[index])
            }
        }
        if report { print(compiled.report.text) }
    }
}
