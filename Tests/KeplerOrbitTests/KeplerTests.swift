// Heterodyne: planets return to where they started, on devices with float64 and by every policy without.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import SamplePolicies
import Testing

@testable import KeplerOrbitModel

extension Device {
    /// Whether the device computes in float64.
    var hasFloat64: Bool {
        (try? capabilities())?.scalarTypes[.float64]?.isSuperset(of: [.storage, .arithmetic]) == true
    }
}

/// Devices whose float64 the tests hide.
let maskable = Device.all.filter { ["vulkan:0", "openblas"].contains($0.id) && $0.hasFloat64 }

@Suite("Orbits")
struct KeplerTests {
    static let revolutions = 2

    static func run(_ way: PolicyCase, on device: Device, steps: Int = 60) throws -> KeplerResult {
        let way = way.way(label: "orbits")
        let model = try KeplerModel(KeplerProblem(count: 5, stepsPerRevolution: steps))
        return try KeplerSimulation(model, device: way.device(device), options: way.options)
            .run(revolutions: revolutions)
    }

    @Test("the method's parts make a whole, symmetrically")
    func coefficients() {
        let parts = KeplerModel.substeps
        #expect(parts.count == 15 && parts == parts.reversed())
        #expect((parts.reduce(0, +) - 1).magnitude <= 8 * Double.ulpOfOne)
        // What a symmetric method of order four and more needs besides.
        #expect(parts.reduce(0) { $0 + $1 * $1 * $1 }.magnitude <= 16 * Double.ulpOfOne)
    }

    @Test("half the step makes the error 2⁸ times smaller")
    func order() throws {
        let device = try Device("reference")
        let errors = try [25, 50].map { try Self.run(.native, on: device, steps: $0).measurement.largestError }
        #expect((log2(errors[0] / errors[1]) - 8).magnitude < 0.8, "\(errors)")
    }

    private func log2(_ value: Double) -> Double {
        // Powers of two until below one, and linear between: enough to tell orders apart.
        var (value, result) = (value, 0.0)
        while value >= 2 { (value, result) = (value / 2, result + 1) }
        return result + value - 1
    }

    @Test("natively planets come back", arguments: Device.all.filter(\.hasFloat64))
    func native(device: Device) throws {
        let result = try Self.run(.native, on: device)
        #expect(result.measurement.largestError < 1e-8 && result.measurement.largestError > 0)
        // A symplectic method keeps energy where the steps begin again at the same place: rounding of 2 x 60 x 16 updates.
        #expect(result.energyErrors.allSatisfy { $0 < 2000 * Double.ulpOfOne })
        #expect(result.report.costlyEntries.isEmpty)
    }

    @Test("without float64 another device gives its own answer", arguments: maskable)
    func fallback(device: Device) throws {
        let result = try Self.run(.fallback, on: device)
        let names = Set(result.report.entries.filter { $0.kind == .fallback }.map(\.device))
        let name = try #require(names.first)
        #expect(names.count == 1 && name != device.id)
        let native = try Self.run(.native, on: Device(name))
        #expect(result.places.map(\.bitPattern) == native.places.map(\.bitPattern))
        #expect(result.velocities.map(\.bitPattern) == native.velocities.map(\.bitPattern))
    }

    @Test("alone and without float64, pairs of float32 keep the planets, and float32 does not", arguments: maskable)
    func alone(device: Device) throws {
        let errors = try [PolicyCase.native, .emulate, .demote].map { way in
            let result = try Self.run(way, on: device, steps: 100)
            #expect(result.report.computingDevices == [device.id])
            return result.measurement.largestError
        }
        #expect(errors[1] <= 10 * errors[0], "\(errors)")
        #expect(errors[2] >= 1e4 * errors[1], "\(errors)")
    }

    @Test("where float64 is an error, or strictly, nothing runs", arguments: maskable, [PolicyCase.error, .strict])
    func refused(device: Device, way: PolicyCase) throws {
        let error = try #require(throws: HeterodyneError.self) { try Self.run(way, on: device) }
        #expect(error.description.contains("float64") && error.description.contains(device.id), "\(error)")
        #expect(error.location != nil || error.description.contains("KeplerModel"), "\(error)")
    }

    @Test("errors are those of places and energies")
    func errors() throws {
        let problem = try KeplerProblem(count: 3)
        let (places, velocities) = (problem.startingPlaces, problem.startingVelocities)
        let none = problem.errors(places: places, velocities: velocities)
        #expect(none.distance == 0 && none.energy <= 8 * Double.ulpOfOne)
        var moved = places
        moved[1] += 3e-3
        moved[4] += 4e-3
        #expect((problem.errors(places: moved, velocities: velocities).distance - 5e-3).magnitude < 1e-15)
        moved[0] = .nan
        #expect(problem.errors(places: moved, velocities: velocities).distance.isNaN)
        #expect(problem.errors(places: [], velocities: velocities).energy.isNaN)
    }

    @Test("bad requests are errors")
    func badRequests() throws {
        #expect(throws: KeplerProblemError.self) { try KeplerProblem(count: 0) }
        #expect(throws: KeplerProblemError.self) { try KeplerProblem(count: .max) }
        #expect(throws: KeplerProblemError.self) { try KeplerProblem(count: 2, eccentricity: .nan) }
        #expect(throws: KeplerProblemError.self) { try KeplerProblem(count: 2, eccentricity: 0.6) }
        #expect(throws: KeplerProblemError.self) { try KeplerProblem(count: 2, stepsPerRevolution: 9) }
        #expect(throws: KeplerProblemError.self) { try KeplerModel(KeplerProblem(count: 2), scalarType: .bfloat16) }
    }
}
