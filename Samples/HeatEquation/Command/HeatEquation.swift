// Heterodyne: solves the heat equation on any device, and compares the ways to do so without float64.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HeatEquationModel
import Heterodyne
import SamplePlots
import SamplePolicies

@main struct HeatEquation: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "HeatEquation",
        abstract: "Solves the two-dimensional heat equation in float64 by conjugate gradients, and prints the error.",
        discussion: """
            The solution is known and the discretization adds no error, so what is printed is the error of the \
            arithmetic and of the solver's tolerance.

            With --compare the device is asked as it is and with its float64 hidden: another device falls in, pairs of \
            float32 emulate it, float32 stands for it, or it is an error.

            Exit status: 0 done, 1 something failed, 64 wrong usage.
            """)

    @Option(name: .shortAndLong, help: "A device's identifier as devquery lists it. Default: the fastest backend.")
    var device: String?
    @Option(name: .shortAndLong, help: "Points inside the square along each side, 2 to 1024.") var size: Int = 64
    @Option(help: "Steps in time.") var steps: Int = 10
    @Option(help: "The length of a step in time.") var timeStep: Double = 0.01
    @Option(help: "The residual, relative to the right-hand side, at which the solver is done.")
    var tolerance: Double = 1e-12
    @Option(help: "The solver gives up after this many iterations in one step.") var iterations: Int = 10_000
    @Option(help: "float64 or float32.") var scalarType: String = "float64"
    @Option(
        help: ArgumentHelp(
            "What happens to scalar types that the device lacks: fallback, emulate, demote or error, or for one type as in float64=emulate.",
            valueName: "policy"))
    var types: String?
    @Flag(help: "Refuse to run where a decision of the compiler is not free.") var strict = false
    @Flag(help: "Hide float64 of the device, to see what happens without it.") var mask = false
    @Flag(help: "Run natively, and by every policy with float64 hidden; print one table.") var compare = false
    @Flag(help: "Print what the compiler decided.") var report = false
    @Flag(help: "Print one JSON document and nothing else.") var json = false
    @Option(help: ArgumentHelp("Write a plot there.", valueName: "file.svg")) var plot: String?

    func validate() throws {
        guard (1...100_000).contains(steps) else { throw ValidationError("--steps must be 1 to 100000, not \(steps)") }
        guard ScalarType(name: scalarType) != nil else {
            throw ValidationError("--scalar-type must be float64 or float32, not '\(scalarType)'")
        }
        guard !compare || (types == nil && !strict && !mask) else {
            throw ValidationError("--compare chooses --types, --strict and --mask itself")
        }
        // Errors other than this one's are no wrong usage to the parser.
        do {
            _ = try model()
            _ = try ways()
        } catch { throw ValidationError("\(error)") }
    }

    private func model() throws -> HeatModel {
        try HeatModel(
            HeatProblem(size: size, timeStep: timeStep), scalarType: ScalarType(name: scalarType) ?? .float64,
            tolerance: tolerance, mostIterations: iterations)
    }

    func run() throws {
        do { try solve() } catch {
            let line = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
            FileHandle.standardError.write(Data("HeatEquation: \(line)\n".utf8))
            throw ExitCode.failure
        }
    }

    /// Why the only way that was asked for does not run, or why the plot is not written.
    private struct Refusal: Error, CustomStringConvertible { let description: String }

    private func ways() throws -> [PolicyWay] {
        let label = "heat equation"
        if compare { return PolicyCase.allCases.map { $0.way(label: label) } }
        return [try PolicyWay(parsing: types, hidesFloat64: mask, isStrict: strict, label: label)]
    }

    private func solve() throws {
        let device = try self.device.map { id throws(HeterodyneError) in try Device(id) } ?? Device.current
        let model = try model()
        var results: [String: HeatResult] = [:]
        var runs: [PolicyRun] = []
        for way in try ways() {
            var result: HeatResult?
            let run = PolicyRun(name: way.name, device: device.id) {
                let simulation = HeatSimulation(model, device: way.device(device), options: way.options)
                let found = try simulation.run(steps: steps)
                result = found
                return found.measurement
            }
            results[way.name] = result
            runs.append(run)
        }
        if !compare, let refusal = runs.first?.refusal { throw Refusal(description: refusal) }
        if json { print(try runs.json()) } else { printText(runs, results, model) }
        if let plot {
            let picture = Data(figure(runs, results).svg().utf8)
            do { try picture.write(to: URL(fileURLWithPath: plot)) } catch {
                throw Refusal(description: "cannot write '\(plot)' (\(error.localizedDescription))")
            }
        }
    }

    // MARK: - Output

    private func printText(_ runs: [PolicyRun], _ results: [String: HeatResult], _ model: HeatModel) {
        print(
            "heat equation on \(runs.first?.device ?? ""): \(size) x \(size) points, \(steps) steps of "
                + "\(NumberText.short(timeStep)), \(scalarType), tolerance \(NumberText.short(tolerance))\n")
        print(PolicyTable(runs, countColumns: [HeatResult.iterationColumn], call: "step").text)
        for run in runs {
            guard let result = results[run.name] else { continue }
            if let worst = result.residuals.max(), !(worst <= tolerance) {
                print(
                    "\(run.name): the residual stays at \(NumberText.short(worst)), above the tolerance: the arithmetic "
                        + "allows no less, or --iterations is too small")
            }
        }
        if report {
            for run in runs { if let report = run.measurement?.report { print("\n\(run.name)\n\(report.text)") } }
        }
    }

    /// The errors over time, the solution, and where the error of the last way that ran lies.
    private func figure(_ runs: [PolicyRun], _ results: [String: HeatResult]) -> Figure {
        var figure = Figure()
        let series = runs.compactMap { run in
            run.measurement.map { PlotSeries(run.name, values: $0.errors) }
        }
        figure.add(
            LinePlot(
                title: "Largest error, \(size) x \(size) points", xLabel: "time step", yLabel: "error",
                yScale: .logarithmic, series: series))
        let ran = runs.filter { results[$0.name] != nil }
        if let first = ran.first, let values = results[first.name]?.values {
            figure.add(
                HeatMap(
                    title: "u at t = \(NumberText.short(Double(steps) * timeStep)), \(first.name)", xLabel: "y",
                    yLabel: "x", values: values, columns: size))
        }
        for name in ["emulate", "demote"] {
            guard let values = results[name]?.values,
                let exact = try? HeatProblem(size: size, timeStep: timeStep).solution(at: Double(steps) * timeStep)
            else { continue }
            figure.add(
                HeatMap(
                    title: "error of u, \(name)", xLabel: "y", yLabel: "x", values: zip(values, exact).map { $0 - $1 },
                    columns: size))
        }
        return figure
    }
}
