// Heterodyne: follows planets for many revolutions on any device, and compares the ways to do so without float64.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Heterodyne
import KeplerOrbitModel
import SamplePlots
import SamplePolicies

@main struct KeplerOrbit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "KeplerOrbit",
        abstract: "Follows planets around a star in float64, and prints how far from their exact places they end.",
        discussion: """
            After each whole revolution a planet is where it started, so the error is known. Errors of rounding grow with \
            the number of steps to the power 1.5: float32 loses the planets.

            With --compare the device is asked as it is and with its float64 hidden: another device falls in, pairs of \
            float32 emulate it, float32 stands for it, or it is an error.

            Exit status: 0 done, 1 something failed, 64 wrong usage.
            """)

    @Option(name: .shortAndLong, help: "A device's identifier as devquery lists it. Default: the fastest backend.")
    var device: String?
    @Option(name: .shortAndLong, help: "Revolutions.") var revolutions: Int = 100
    @Option(help: "Steps in a revolution, 10 to 100000.") var steps: Int = 100
    @Option(help: "How many planets there are.") var planets: Int = 16
    @Option(help: "The largest eccentricity, 0 to 0.5; the planets' are evenly spread from 0 to it.")
    var eccentricity: Double = 0.3
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
        guard (1...1_000_000).contains(revolutions) else {
            throw ValidationError("--revolutions must be 1 to 1000000, not \(revolutions)")
        }
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

    private func model() throws -> KeplerModel {
        try KeplerModel(
            KeplerProblem(count: planets, eccentricity: eccentricity, stepsPerRevolution: steps),
            scalarType: ScalarType(name: scalarType) ?? .float64)
    }

    private func ways() throws -> [PolicyWay] {
        let label = "orbits"
        if compare { return PolicyCase.allCases.map { $0.way(label: label) } }
        return [try PolicyWay(parsing: types, hidesFloat64: mask, isStrict: strict, label: label)]
    }

    func run() throws {
        do { try follow() } catch {
            let line = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
            FileHandle.standardError.write(Data("KeplerOrbit: \(line)\n".utf8))
            throw ExitCode.failure
        }
    }

    /// Why the only way that was asked for does not run, or why the plot is not written.
    private struct Refusal: Error, CustomStringConvertible { let description: String }

    private func follow() throws {
        let device = try self.device.map { id throws(HeterodyneError) in try Device(id) } ?? Device.current
        let model = try model()
        var results: [String: KeplerResult] = [:]
        var runs: [PolicyRun] = []
        for way in try ways() {
            var result: KeplerResult?
            runs.append(
                PolicyRun(name: way.name, device: device.id) {
                    let simulation = KeplerSimulation(model, device: way.device(device), options: way.options)
                    let found = try simulation.run(revolutions: revolutions)
                    result = found
                    return found.measurement
                })
            results[way.name] = result
        }
        if !compare, let refusal = runs.first?.refusal { throw Refusal(description: refusal) }
        if json { print(try runs.json()) } else { printText(runs, results) }
        if let plot {
            let picture = Data(figure(runs, results).svg().utf8)
            do { try picture.write(to: URL(fileURLWithPath: plot)) } catch {
                throw Refusal(description: "cannot write '\(plot)' (\(error.localizedDescription))")
            }
        }
    }

    // MARK: - Output

    private func printText(_ runs: [PolicyRun], _ results: [String: KeplerResult]) {
        print(
            "\(planets) orbits on \(runs.first?.device ?? ""): \(revolutions) revolutions of \(steps) steps, "
                + "eccentricities up to \(NumberText.short(eccentricity)), \(scalarType)\n")
        print(PolicyTable(runs, call: "revolution").text)
        print("")
        for run in runs {
            guard let worst = results[run.name]?.energyErrors.max() else { continue }
            print("\(run.name): largest relative error of an energy \(NumberText.short(worst))")
        }
        if report {
            for run in runs { if let report = run.measurement?.report { print("\n\(run.name)\n\(report.text)") } }
        }
    }

    /// The errors of places and energies over the revolutions.
    private func figure(_ runs: [PolicyRun], _ results: [String: KeplerResult]) -> Figure {
        func series(_ values: (KeplerResult) -> [Double]) -> [PlotSeries] {
            runs.compactMap { run in results[run.name].map { PlotSeries(run.name, values: values($0)) } }
        }
        var figure = Figure()
        figure.add(
            LinePlot(
                title: "Distance to the exact place", xLabel: "revolutions", yLabel: "half axes",
                xScale: .logarithmic, yScale: .logarithmic, series: series(\.errors)))
        figure.add(
            LinePlot(
                title: "Error of the energy, relative", xLabel: "revolutions", yLabel: "error",
                xScale: .logarithmic, yScale: .logarithmic, series: series(\.energyErrors)))
        return figure
    }
}
