// Heterodyne: simulated chips that come as a plugin are those that are linked in.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneBackend
import HeterodynePluginHost
import HeterodyneRoofline
import HeterodyneRuntime
import HeterodyneSimulated
import Testing

@Suite("Simulated chips as a plugin", .serialized)
struct SimulatedPluginTests {
    /// The plugin beside the tests, where the build made it.
    static let library: String? = {
        let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let path = folder.appendingPathComponent("libheterodyne-simulated.so").path
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    static func backend() throws -> any Backend {
        try PluginHost.load(path: try #require(library), name: "simulated", probeSeconds: 30)
    }

    static let missing: Comment = "the build made no libheterodyne-simulated.so beside the tests"

    @Test("the same devices with the same capabilities", .enabled(if: library != nil, missing))
    func listing() throws {
        let plugin = try Self.backend()
        // Both look into the folders of the user.
        let linked = SimulatedBackend()
        let (found, expected) = (plugin.discover(), linked.discover())
        #expect(found.devices.map(\.id).sorted() == expected.devices.map(\.id).sorted())
        #expect(Set(found.unavailable.map(\.id)) == Set(expected.unavailable.map(\.id)))
        #expect(found.devices.contains { $0.id == "simulated:nvidia-h100-sxm" })
        for device in found.devices {
            let other = try #require(expected.devices.first { $0.id == device.id })
            #expect(device.isSimulated && device.name == other.name && device.memoryByteCount == other.memoryByteCount)
            #expect(device.details["unknown"] == other.details["unknown"])
            let (here, there) = (try plugin.capabilities(of: device.id), try linked.capabilities(of: device.id))
            #expect(here.scalarTypes == there.scalarTypes && here.roles == there.roles, "\(device.id)")
            #expect(here.rates == there.rates && here.numerics == there.numerics, "\(device.id)")
        }
    }

    @Test(
        "the model gives the same bits and the same time", .enabled(if: library != nil, missing),
        arguments: ["nvidia-h100-sxm", "google-tpu-v5e"])
    func model(id: String) throws {
        let plugin = try Self.backend()
        let descriptor = try #require(plugin.discover().devices.first { $0.id == "simulated:\(id)" })
        let device = Device(descriptor: descriptor, backend: plugin)
        let (ids, mask) = try MiniLM.arguments()
        let (function, linked) = (try MiniLM.function(on: device), try MiniLM.function(on: Chips.device(id)))
        let found = try function(ids, mask).scalars(as: Float.self)
        #expect(found == (try linked(ids, mask).scalars(as: Float.self)))
        #expect(try MiniLM.cosine(found) >= 0.99999)
        let types = [ids.type, mask.type]
        let (program, other) = (try function.program(for: types), try linked.program(for: types))
        #expect(program.stepDescriptions == other.stepDescriptions)
        let times = try Self.measurements(program, device)
        #expect(times == (try Self.measurements(other, Chips.device(id))))
        #expect(times.contains { $0.name.hasPrefix("simulated time") && $0.value > 0 })
    }

    private static func measurements(_ program: Program, _ device: Device) throws -> [HeterodyneBackend.Measurement] {
        let session = try program.makeSession()
        for (index, input) in program.inputs.enumerated() {
            let ones = [Int32](repeating: 1, count: input.byteCount / 4)
            let buffer = try device.backend.allocate(byteCount: input.byteCount, on: device.id)
            try ones.withUnsafeBytes { bytes in try buffer.write(from: bytes, at: 0) }
            try session.bind(input: index, to: buffer)
        }
        for (index, output) in program.outputs.enumerated() {
            try session.bind(output: index, to: device.backend.allocate(byteCount: output.byteCount, on: device.id))
        }
        try session.run()
        return try session.measurements().map(\.measurement)
    }
}
