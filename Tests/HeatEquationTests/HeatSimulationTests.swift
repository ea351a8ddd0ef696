// Heterodyne: the heat equation on devices with float64, and by every policy on devices without.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import SamplePolicies
import Testing

@testable import HeatEquationModel

/// Devices whose float64 the tests hide: each has another way to compute.
let maskable = Device.all.filter { ["vulkan:0", "openblas"].contains($0.id) && $0.hasFloat64 }

@Suite("Heat equation on devices")
struct HeatSimulationTests {
    static let steps = 3

    static func model(
        scalarType: ScalarType = .float64, tolerance: Double = 1e-12, mostIterations: Int = 10_000
    ) throws -> HeatModel {
        try HeatModel(
            HeatProblem(size: 16), scalarType: scalarType, tolerance: tolerance, mostIterations: mostIterations)
    }

    static func run(_ way: PolicyCase, on device: Device) throws -> HeatResult {
        let way = way.way(label: "heat equation")
        return try HeatSimulation(model(), device: way.device(device), options: way.options).run(steps: steps)
    }

    /// The most that the error can be. A⁻¹ has no row with a sum of magnitudes above 1 (A is an M-matrix with row sums of at
    /// least 1), so a step adds at most the largest residual: the tolerance times |b|₂, and what rounding hides of it.
    static func bound(_ model: HeatModel) -> Double {
        let problem = model.problem
        return (1...steps).reduce(0) { sum, step in
            let time = Double(step) * problem.timeStep
            let right = HostHeat.right(problem.solution(at: time - problem.timeStep), endingAt: time, problem)
            let rounding = 64 * Double.ulpOfOne * (1 + 8 * problem.coupling)
            return sum + model.tolerance * HostHeat.norm(right) + rounding
        }
    }

    @Test("natively the error is the solver's tolerance", arguments: Device.all.filter(\.hasFloat64))
    func native(device: Device) throws {
        let result = try Self.run(.native, on: device)
        #expect(result.errors.count == Self.steps && result.iterations.allSatisfy { $0 > 0 })
        #expect(result.measurement.largestError <= Self.bound(try Self.model()))
        // The solution is not handed through: the start is far from the end.
        #expect(result.measurement.largestError > 0)
        #expect(result.report.costlyEntries.isEmpty && result.report.computingDevices == [device.id])
    }

    @Test("without float64 another device gives its own answer, and the report names it", arguments: maskable)
    func fallback(device: Device) throws {
        let result = try Self.run(.fallback, on: device)
        let fallbacks = result.report.entries.filter { $0.kind == .fallback }
        let names = Set(fallbacks.map(\.device))
        let name = try #require(names.first)
        #expect(names.count == 1 && name != device.id)
        // What computes goes there because of float64, and movement goes along.
        let because = fallbacks.filter { $0.reason.contains("float64") }
        #expect(because.contains { $0.operation == "while" } && because.contains { $0.operation == "reduce" })
        #expect(fallbacks.allSatisfy { !$0.isFree && !$0.reason.isEmpty })
        // Memory is shared only where both devices read that of the host.
        let other = try Device(name)
        let shares = try device.capabilities().hasUnifiedMemory && other.capabilities().hasUnifiedMemory
        #expect((result.report.transfers.count > 0) == !shares)
        #expect(result.report.entries.allSatisfy { $0.kind != .transfer || $0.byteCount > 0 })
        let native = try Self.run(.native, on: other)
        #expect(result.values.map(\.bitPattern) == native.values.map(\.bitPattern))
        #expect(result.errors == native.errors && result.iterations == native.iterations)
    }

    @Test("alone and without float64, pairs of float32 are as good, and float32 is not", arguments: maskable)
    func alone(device: Device) throws {
        let native = try Self.run(.native, on: device)
        let emulated = try Self.run(.emulate, on: device)
        let demoted = try Self.run(.demote, on: device)
        for result in [emulated, demoted] {
            #expect(result.report.computingDevices == [device.id])
            #expect(!result.report.entries.contains { $0.kind == .fallback || $0.kind == .transfer })
        }
        let (least, paired, single) = (
            native.measurement.largestError, emulated.measurement.largestError, demoted.measurement.largestError
        )
        #expect(paired <= 10 * least, "\(paired) is not within 10 times \(least)")
        #expect(single >= 1e4 * paired, "\(single) is not 10000 times \(paired)")
        // The solver took the steps that it takes in float64, not many more.
        let tolerance = try Self.model().tolerance
        #expect(emulated.residuals.allSatisfy { $0 <= 10 * tolerance })
        for (found, expected) in zip(emulated.iterations, native.iterations) {
            #expect(found <= expected + expected / 10 + 1)
        }
    }

    @Test("what the owner allowed is in the report, with the rule", arguments: maskable, [PolicyCase.emulate, .demote])
    func rules(device: Device, way: PolicyCase) throws {
        let report = try Self.run(way, on: device).report
        let costly = report.entries.filter { $0.kind == .legalization && !$0.isFree }
        #expect(!costly.isEmpty && costly.allSatisfy { $0.rule == "float64=\(way.rawValue)" }, "\(report.text)")
        // Every node of a step that computes in float64 is counted; the report may name more, inside of loops.
        let computing = costly.reduce(0) { $0 + $1.count }
        #expect(computing >= 10, "\(report.text)")
    }

    @Test(
        "where float64 is an error, or strictly, nothing runs and the nodes are named",
        arguments: maskable, [PolicyCase.error, .strict])
    func refused(device: Device, way: PolicyCase) throws {
        let way = way.way(label: "heat equation")
        let simulation = HeatSimulation(try Self.model(), device: way.device(device), options: way.options)
        let error = try #require(throws: HeterodyneError.self) { try simulation.run(steps: 1) }
        guard case .graph(let refusal) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(refusal.kind == .unsupported)
        #expect(refusal.description.contains("float64") && refusal.description.contains(device.id), "\(refusal)")
        // The operations of the step: by what the device says, all that compute in float64.
        let names =
            way.name == "error" ? ["add", "multiply", "reduce", "while", "divide", "sqrt"] : ["add", "fallbacks"]
        for name in names { #expect(refusal.description.contains(name), "\(name) in \(refusal)") }
    }

    @Test("the solver stops where the arithmetic allows no less", arguments: [ScalarType.float32, .float64])
    func stagnation(scalarType: ScalarType) throws {
        let device = try Device("reference")
        let model = try Self.model(scalarType: scalarType, tolerance: 0)
        let result = try HeatSimulation(model, device: device).run(steps: 1)
        #expect(result.iterations[0] > 10 && result.iterations[0] < 5000)
        #expect(result.residuals[0] > 0 && result.measurement.largestError < 1e-3)
    }

    @Test("the solver stops after the most iterations")
    func mostIterations() throws {
        let model = try Self.model(mostIterations: 3)
        let result = try HeatSimulation(model, device: Device("reference")).run(steps: 2)
        #expect(result.iterations == [3, 3])
        #expect(result.residuals.allSatisfy { $0 > model.tolerance })
    }

    @Test("the equation in float32 is that of every device", arguments: Device.all)
    func float32(device: Device) throws {
        let result = try HeatSimulation(Self.model(scalarType: .float32), device: device).run(steps: Self.steps)
        // Rounding of the right-hand side and of A u, 2⁻²⁴ each of terms of 1 + 8 c, three steps, with room for sums.
        let unit = Double(Float.ulpOfOne) * (1 + 8 * (try Self.model().problem.coupling))
        #expect(result.measurement.largestError > Double(Float.ulpOfOne) / 4)
        #expect(result.measurement.largestError <= 16 * unit)
    }
}
