// Heterodyne: compares what the roofline model says with what a device does.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Heterodyne
import HeterodyneRoofline

/// Compares what the roofline model says with what a device does: surveys the device, predicts, measures, several times
/// over, and prints the medians. What else runs on the machine hits both sides of a round.
struct CheckEstimates: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-estimates",
        abstract: "Compares the roofline model's predictions for a device with measurements.",
        discussion: """
            Measures the device's rates, predicts the cases from these and measures them, round by round. Prints predicted and \
            measured medians with their ratio, and ends with status 1 where a ratio is further from 1 than the tolerance.
            """)

    @OptionGroup var options: EngineOptions
    @Option(help: "How many rounds.") var rounds: Int = 5
    @Option(help: "How far a prediction may be off, as a part of what was measured.") var tolerance: Double = 0.3
    @Flag(help: "Print what was measured of the device, and the steps of each case.") var verbose = false
    @Argument(help: "Cases, named as in Benchmarks/README.md.") var cases: [String] = []

    static let standard =
        [64, 128, 256, 512, 1024, 2048].map { "gemm:\($0)x\($0)x\($0)" } + ["encoder:1x128", "encoder:8x128"]

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds must be 1 to 100, not \(rounds)") }
        guard tolerance > 0, tolerance < 1 else {
            throw ValidationError("--tolerance must be above 0 and below 1, not \(tolerance)")
        }
    }

    /// A case, compiled once.
    private struct Prepared {
        let name: String
        let program: TimedProgram
        /// What the backend was asked to compile.
        let parts: [Graph]
    }

    func run() throws {
        let device = try options.chosenDevice()
        let survey = DeviceSurvey(device: device, threads: options.threads)
        let prepared = try (cases.isEmpty ? Self.standard : cases).map { try prepare($0, on: device) }
        var results: [[(predicted: Double, measured: Double)]] = prepared.map { _ in [] }
        for round in 0..<rounds {
            let (profile, detail) = try survey.measure()
            let estimator = RooflineEstimator(profile, options: RooflineOptions(detail: detail))
            if verbose, round == 0 { describe(profile, detail) }
            for (index, item) in prepared.enumerated() {
                let estimates = item.parts.map { estimator.estimate($0) }
                var predicted = 0.0
                for estimate in estimates {
                    guard let seconds = estimate.seconds else {
                        throw BenchmarkError("nothing is known of \(item.name)")
                    }
                    predicted += seconds
                    let gaps = estimate.missing.filter { $0.figure != .power }
                    if round == 0, !gaps.isEmpty {
                        print("\(item.name): not known: " + gaps.map(\.name).joined(separator: ", "))
                    }
                    if verbose, round == 0 { describe(item.name, estimate) }
                }
                results[index].append((predicted, try item.program.seconds()))
            }
        }
        print("\(device.id), \(options.threads) threads, medians of \(rounds) rounds")
        print("case                      predicted     measured  predicted/measured")
        var misses = 0
        for (item, rows) in zip(prepared, results) {
            let ratio = Self.median(rows.map { $0.predicted / $0.measured })
            let isMiss = abs(ratio - 1) > tolerance
            if isMiss { misses += 1 }
            print(
                item.name.padding(toLength: 22, withPad: " ", startingAt: 0)
                    + String(
                        format: "%10.1f us %10.1f us  %6.2f", Self.median(rows.map(\.predicted)) * 1e6,
                        Self.median(rows.map(\.measured)) * 1e6, ratio) + (isMiss ? "  off by more" : ""))
        }
        if misses > 0 {
            print("\(misses) of \(prepared.count) are off by more than \(tolerance * 100) %")
            throw ExitCode(1)
        }
    }

    private func prepare(_ name: String, on device: Device) throws -> Prepared {
        let benchmark = try BenchmarkCase(named: name)
        var compiler = CompilerOptions()
        compiler.fuses = benchmark.fuses
        compiler.threads = options.threads
        let target = try CompilationTarget(backend: device.backend, device: device.id)
        let compiled = try Compiler(targets: [target], options: compiler, evaluator: Runtime.shared.evaluator)
            .compile(benchmark.graph, label: name)
        return Prepared(
            name: name,
            program: try TimedProgram(
                benchmark.graph, on: device, threads: options.threads, fuses: benchmark.fuses),
            parts: compiled.parts.map(\.graph))
    }

    static func median(_ numbers: [Double]) -> Double { numbers.sorted()[numbers.count / 2] }

    // MARK: - For people

    private func describe(_ profile: ChipProfile, _ detail: DeviceDetail) {
        print(
            String(
                format: "launch %.2f us, step %.2f us, memory %.1f GB/s", (profile.launch.value ?? 0) * 1e6,
                (profile.step.value ?? 0) * 1e6, (profile.memoryBandwidth.value ?? 0) / 1e9))
        for cache in detail.caches {
            print(String(format: "cache %.1f MiB: %.1f GB/s", cache.byteCount / 1_048_576, cache.bandwidth / 1e9))
        }
        let float = profile.type(.float32)
        print(
            String(
                format: "float32: elementwise %.1f G/s, functions %.1f G/s, reductions %.1f G/s",
                (float.vector.value ?? 0) / 1e9, (detail.rates[.transcendental]?[.float32] ?? 0) / 1e9,
                (detail.rates[.reduction]?[.float32] ?? 0) / 1e9))
        print(
            String(
                format: "within composites: functions %.1f G/s, reductions %.1f G/s",
                (detail.innerRates[.transcendental]?[.float32] ?? 0) / 1e9,
                (detail.innerRates[.reduction]?[.float32] ?? 0) / 1e9))
        for point in detail.products[.float32]?.points ?? [] {
            print(
                String(
                    format: "product of %.0f cubed: %.1f us, %.1f G/s", cbrt(point.operationCount / 2),
                    point.seconds * 1e6, point.operationCount / point.seconds / 1e9))
        }
        if let lengths = detail.halfLengths[.float32] {
            print(
                String(
                    format: "half lengths: rows %.1f, columns %.1f, depth %.1f", lengths.rows, lengths.columns,
                    lengths.depth))
        }
    }

    private func describe(_ name: String, _ estimate: RooflineEstimate) {
        print("\(name): bound by \(estimate.boundBy?.rawValue ?? "nothing known")")
        for step in estimate.steps.sorted(by: { ($0.seconds ?? 0) > ($1.seconds ?? 0) }).prefix(60) {
            print(
                String(
                    format: "  %9.1f us (computing %.1f, moving %.1f)  ", (step.seconds ?? 0) * 1e6,
                    step.computeSeconds * 1e6, step.memorySeconds * 1e6) + "\(step.name) \(step.node)")
        }
    }
}
