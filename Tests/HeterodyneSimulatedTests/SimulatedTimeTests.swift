// Heterodyne: the times that simulated chips tell are the roofline model's.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneRoofline
import HeterodyneRuntime
import HeterodyneSimulated
import Testing

@Suite("Simulated time")
struct SimulatedTimeTests {
    /// A chip whose every figure is known: 1 TFLOP/s in the matrix unit, 100 GFLOP/s in the vector unit, 10 GB/s, 1 ms per
    /// program, 1 us per kernel, 100 W.
    private static func profile() throws -> ChipProfile {
        try Chips.profile("A100") { profile in
            profile.types[.float32] = TypeProfile(
                presence: .native(source: "the test", confidence: .assumed), units: [.vector, .matrix],
                vector: Chips.figure(1e11), matrix: Chips.figure(1e12))
            profile.memoryBandwidth = Chips.figure(1e10)
            profile.power = Chips.figure(100)
            profile.launch = Chips.figure(1e-3)
            profile.step = Chips.figure(1e-6)
        }
    }

    private static func session(
        _ device: Device, _ types: [TensorType], _ body: @escaping @Sendable ([Tensor]) -> [Tensor]
    ) throws -> (program: Program, session: Session) {
        let program = try compile(device: device, all: body).program(for: types)
        let session = try program.makeSession()
        for (index, input) in program.inputs.enumerated() {
            try session.bind(input: index, to: device.backend.allocate(byteCount: input.byteCount, on: device.id))
        }
        for (index, output) in program.outputs.enumerated() {
            try session.bind(output: index, to: device.backend.allocate(byteCount: output.byteCount, on: device.id))
        }
        return (program, session)
    }

    @Test("a product takes what its operations take, or what its bytes take")
    func product() throws {
        // 2 x 512^3 operations at 1e12 take 268 us; 3 x 512 x 512 x 4 bytes at 1e10 take 315 us.
        let type = TensorType(.float32, [512, 512])
        let (program, session) = try Self.session(Chips.device(Self.profile()), [type, type]) { [$0[0].matmul($0[1])] }
        let times = try session.profile()
        #expect(program.stepDescriptions.count == times.count && times.count == 1)
        #expect(program.stepDescriptions[0].contains("dot"))
        #expect(times[0] == 315_573 || times[0] == 315_574)  // 3145728 bytes / 1e10 + 1 us
        let measurements = Dictionary(
            uniqueKeysWithValues: try session.measurements().map { ($0.measurement.name, $0.measurement) })
        let seconds = try #require(measurements["simulated time"])
        #expect(seconds.unit == "s" && seconds.source == "roofline model")
        #expect(abs(seconds.value - 1.315_572_8e-3) < 1e-9)
        let energy = try #require(measurements["simulated energy at full power"])
        #expect(energy.unit == "J" && abs(energy.value - 0.131_557_28) < 1e-6)
        let utilisation = try #require(measurements["simulated utilisation"])
        #expect(abs(utilisation.value - 268.435_456e-6 / 1.315_572_8e-3) < 1e-6)
        #expect(measurements.count == 3)
    }

    @Test("what is not known is named, and the time is a bound")
    func gaps() throws {
        let profile = try Chips.profile("A100") { profile in
            profile.memoryBandwidth = .unknown("the test does not say")
            profile.power = .unknown("the test does not say either")
        }
        let type = TensorType(.float32, [64, 64])
        let (_, session) = try Self.session(Chips.device(profile), [type, type]) { [$0[0].matmul($0[1])] }
        try session.run()
        let measurements = try session.measurements().map(\.measurement)
        #expect(measurements.contains { $0.name == "simulated time (at least)" && $0.value > 0 })
        #expect(!measurements.contains { $0.unit == "J" })
        let missing = measurements.filter { $0.name.hasPrefix("not in the simulated time: ") }
        #expect(missing.contains { $0.name.contains("memory bandwidth") && $0.name.contains("the test does not say") })
        #expect(missing.contains { $0.name.contains("seconds per kernel") })
    }

    @Test("a faster chip is faster, whatever the host is")
    func order() throws {
        let type = TensorType(.float32, [256, 256])
        func seconds(_ name: String) throws -> Double {
            let (_, session) = try Self.session(Chips.device(name), [type, type]) { [$0[0].matmul($0[1]).exp()] }
            try session.run()
            return try #require(try session.measurements().first { $0.measurement.unit == "s" }).measurement.value
        }
        let (p100, a100, h100) = (try seconds("P100"), try seconds("A100"), try seconds("H100"))
        #expect(p100 > a100 && a100 > h100 && h100 > 0)
    }
}
