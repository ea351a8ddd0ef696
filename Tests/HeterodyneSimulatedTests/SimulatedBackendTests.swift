// Heterodyne: simulated chips offer what their profiles say and hold what their memory holds.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneRoofline
import HeterodyneRuntime
import HeterodyneSimulated
import Testing

@Suite("Simulated chips")
struct SimulatedBackendTests {
    // MARK: Listing

    @Test("every profile is a device or says why not")
    func listing() throws {
        let listing = Chips.backend.discover()
        let ids = Set(listing.devices.map(\.id)).union(listing.unavailable.map(\.id))
        #expect(ids == Set(ProfileCatalog.builtIn.map { "simulated:\($0.id)" }))
        #expect(Set(listing.unavailable.map(\.id)) == ["simulated:tencent-zixiao", "simulated:intel-xeon-6776p"])
        for device in listing.devices {
            #expect(device.isSimulated && device.isSoftware && device.backend == "simulated")
            let profile = try #require(ProfileCatalog.builtIn.first { "simulated:\($0.id)" == device.id })
            #expect(Double(device.memoryByteCount) == profile.memoryByteCount.value)
            #expect(device.name == profile.name && device.vendor == profile.vendor)
            // Nobody publishes how long it takes to start a kernel.
            #expect(device.details["unknown"]?.contains("start of a kernel: ") == true)
        }
        #expect(try Chips.device("A100").descriptor.kind == .discreteGPU)
        #expect(try Chips.device("TPUv5e").descriptor.kind == .accelerator)
        #expect(try Chips.device("U280").descriptor.kind == .other)
        #expect(Set(listing.devices.map(\.fingerprint)).count == listing.devices.count)
    }

    @Test("a chip of which nothing is published is unavailable, with the reason")
    func unpublished() throws {
        let line = try #require(Chips.backend.discover().unavailable.first { $0.id == "simulated:tencent-zixiao" })
        #expect(line.reason.contains("memory is unknown") && line.reason.contains("no scalar type"))
        #expect(line.remedy.contains("HETERODYNE_PROFILE_PATH"))
        let error = #expect(throws: BackendError.self) {
            try Chips.backend.capabilities(of: "simulated:tencent-zixiao")
        }
        #expect(error?.kind == .deviceUnavailable && error?.message.contains("memory is unknown") == true)
        let other = #expect(throws: BackendError.self) { try Chips.backend.allocate(byteCount: 1, on: "simulated:x") }
        #expect(other?.kind == .deviceUnavailable)
    }

    @Test("profiles in folders become devices; a bad file is one line and spoils no other")
    func folders() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("chips-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let good = """
            { "schema": 1, "id": "acme-one", "name": "One", "vendor": "Acme", "kind": "accelerator",
              "roles": ["inference"], "source": "the test", "confidence": "assumed", "year": { "value": 2026 },
              "types": { "float32": { "presence": "native", "units": ["vector"], "vector": { "value": 1e12 } } },
              "memory": { "bytes": { "value": 1e6 }, "bandwidth": { "value": 1e9 } },
              "power": { "value": 10 }, "launch": { "value": 1e-5 }, "step": { "value": 1e-6 } }
            """
        try good.write(to: folder.appendingPathComponent("one.json"), atomically: true, encoding: .utf8)
        let typo = good.replacingOccurrences(of: "\"power\"", with: "\"pwoer\"")
        try typo.write(to: folder.appendingPathComponent("typo.json"), atomically: true, encoding: .utf8)
        try good.write(to: folder.appendingPathComponent("twice.json"), atomically: true, encoding: .utf8)
        try "not a profile".write(to: folder.appendingPathComponent("text.txt"), atomically: true, encoding: .utf8)
        let listing = SimulatedBackend(ProfileCatalog(folders: ["/nowhere", folder.path])).discover()
        let device = try #require(listing.devices.first { $0.id == "simulated:acme-one" })
        #expect(device.details["profile"]?.hasSuffix("one.json") == true)
        #expect(listing.devices.count == Chips.all.count + 1)
        let bad = listing.unavailable.filter { $0.id.hasSuffix(".json") }
        #expect(Set(bad.map(\.id)) == ["simulated:typo.json", "simulated:twice.json"])
        #expect(bad.first { $0.id == "simulated:typo.json" }?.reason.contains("power: is missing") == true)
        #expect(bad.first { $0.id == "simulated:twice.json" }?.reason.contains("one.json") == true)
    }

    // MARK: Support

    private static func node(_ primitive: Primitive, _ operands: [TensorType]) throws -> NodeSignature {
        NodeSignature(
            operation: .primitive(primitive), operandTypes: operands, resultTypes: try primitive.inferTypes(operands))
    }

    @Test("a type that is absent or unknown is refused with what the profile says")
    func refusals() throws {
        func reason(_ type: ScalarType, _ name: String) throws -> String? {
            let device = try Chips.device(name)
            let node = try Self.node(.binary(.add), [TensorType(type, [2]), TensorType(type, [2])])
            guard case .unsupported(let reason) = device.backend.support(for: node, on: device.id) else { return nil }
            return reason
        }
        #expect(try reason(.float64, "A100") == nil)
        #expect(try reason(.float64, "BR100")?.contains("has no float64") == true)
        #expect(try reason(.float64, "BR100")?.contains("three articles") == true)
        #expect(try reason(.float64, "MR-V100")?.contains("is unknown: NOT VERIFIED") == true)
        #expect(try reason(.int64, "TPUv5e")?.contains("unknown") == true)
        // The matrix unit has the type, the vector unit has not.
        #expect(try reason(.bfloat16, "TPUv5e")?.contains("arithmetic for bfloat16") == true)
        #expect(try reason(.float32, "Hanguang")?.contains("unknown") == true)
    }

    @Test("what a chip refuses is not compiled, also behind the back of the compiler")
    func compilingRefuses() throws {
        let function = compile { (x: Tensor) in x.exp() + x }
        let graph = try function.graph(for: [TensorType(.float64, [4])])
        let device = try Chips.device("BR100")
        let error = #expect(throws: BackendError.self) {
            try device.backend.compile(CompilationUnit(graph: graph), for: device.id)
        }
        #expect(error?.kind == .unsupported && error?.message.contains("float64") == true)
        _ = try Chips.device("A100").backend.compile(CompilationUnit(graph: graph), for: Chips.device("A100").id)
    }

    @Test("composites run whole where the chip has every type of their definition")
    func composites() throws {
        func isWhole(_ name: String, _ type: ScalarType) throws -> Bool {
            let device = try Chips.device(name)
            let graph = try compile { (x: Tensor) in x.relu() }.graph(for: [TensorType(type, [2, 8])])
            let node = try #require(graph.nodes.first { if case .composite = $0.operation { true } else { false } })
            return device.backend.support(for: NodeSignature(node, in: graph), on: device.id).isNative
        }
        #expect(try isWhole("A100", .float32) && isWhole("TPUv5e", .float32))
        #expect(try isWhole("A100", .bfloat16))
        #expect(try !isWhole("TPUv5e", .bfloat16) && !isWhole("Hanguang", .float32))
    }

    // MARK: Memory

    @Test("memory counts against the size of the chip, and is given back")
    func allocation() throws {
        let profile = try Chips.profile("MLU270") { $0.memoryByteCount = Chips.figure(1000) }
        let device = try Chips.device(profile)
        func allocate(_ count: Int) throws -> any Buffer {
            try device.backend.allocate(byteCount: count, on: device.id)
        }
        do {
            let first = try allocate(600)
            #expect(first.hostAddress == nil && first.byteCount == 600)
            let error = #expect(throws: BackendError.self) { try allocate(401) }
            #expect(error?.kind == .outOfMemory)
            for number in ["1000", "600", "401"] { #expect(error?.message.contains(number) == true) }
            _ = try allocate(400)
            #expect(throws: BackendError.self) { try allocate(-1) }
            #expect(throws: BackendError.self) { try allocate(.max) }
            try withExtendedLifetime(first) { _ = try allocate(400) }
        }
        _ = try allocate(1000)
    }

    @Test("many threads never have more than there is")
    func concurrentAllocation() async throws {
        let profile = try Chips.profile("MLU270") { $0.memoryByteCount = Chips.figure(1000) }
        let device = try Chips.device(profile)
        let most = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var held = 0
                    for _ in 0..<200 {
                        var buffers: [any Buffer] = []
                        for _ in 0..<12 {
                            if let buffer = try? device.backend.allocate(byteCount: 100, on: device.id) {
                                buffers.append(buffer)
                            }
                        }
                        held = max(held, buffers.count)
                    }
                    return held
                }
            }
            return await group.reduce(0, max)
        }
        #expect((1...10).contains(most))
        // Everything was given back.
        _ = try device.backend.allocate(byteCount: 1000, on: device.id)
    }

    @Test("buffers of another chip or of the host are refused")
    func foreignBuffers() throws {
        let graph = try compile { (x: Tensor) in x + x }.graph(for: [TensorType(.float32, [4])])
        let device = try Chips.device("A100")
        let invocation = try device.backend.compile(CompilationUnit(graph: graph), for: device.id).makeInvocation()
        let foreign: [any Buffer] = [
            try HostBuffer(byteCount: 16), try Chips.backend.allocate(byteCount: 16, on: Chips.device("H100").id),
        ]
        for buffer in foreign {
            let error = #expect(throws: BackendError.self) { try invocation.bind(input: 0, to: buffer) }
            #expect(error?.kind == .invalidArgument && error?.message.contains("copy") == true)
        }
        try invocation.bind(input: 0, to: device.backend.allocate(byteCount: 16, on: device.id))
    }

    @Test("what is moved to a chip and back is a copy")
    func copies() throws {
        let device = try Chips.device("A100")
        let buffer = try device.backend.importing(LiteralStorage(count: 8) { $0.copyBytes(from: 1...8) }, on: device.id)
        var bytes = [UInt8](repeating: 0, count: 4)
        try bytes.withUnsafeMutableBytes { try buffer.read(into: $0, at: 2) }
        #expect(bytes == [3, 4, 5, 6] && !buffer.isReadOnly)
        #expect(throws: BackendError.self) { try bytes.withUnsafeMutableBytes { try buffer.read(into: $0, at: 6) } }
    }

    @Test("a model larger than the memory is refused with both numbers before anything runs")
    func largeModel() throws {
        let profile = try Chips.profile("MLU270") { $0.memoryByteCount = Chips.figure(64e6) }
        let function = try MiniLM.function(on: Chips.device(profile))
        let (ids, mask) = try MiniLM.arguments()
        let error = #expect(throws: HeterodyneError.self) { try function.program(for: [ids.type, mask.type]) }
        guard case .backend(let refusal) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(refusal.kind == .outOfMemory && refusal.message.contains("64000000 bytes"))
        // 22.6 million weights of four bytes are 90 MB.
        #expect(refusal.message.contains("needs 9"), "\(refusal.message)")
    }

    @Test("programs share the constants that they have in common, and leave with them")
    func sharedConstants() throws {
        let weights = Tensor([Float](repeating: 0.5, count: 64 * 64), shape: [64, 64])
        let profile = try Chips.profile("A100") { $0.memoryByteCount = Chips.figure(30_000) }
        let device = try Chips.device(profile)
        func graph(_ rows: Int) throws -> Graph {
            try compile { (x: Tensor) in x.matmul(weights) }.graph(for: [TensorType(.float32, [rows, 64])])
        }
        do {
            // 16384 bytes of weights fit once, and not twice.
            let first = try device.backend.compile(CompilationUnit(graph: graph(1)), for: device.id)
            let second = try device.backend.compile(CompilationUnit(graph: graph(2)), for: device.id)
            #expect(throws: BackendError.self) { try device.backend.allocate(byteCount: 15_000, on: device.id) }
            _ = try device.backend.allocate(byteCount: 13_000, on: device.id)
            withExtendedLifetime((first, second)) {}
        }
        _ = try device.backend.allocate(byteCount: 30_000, on: device.id)
    }

    @Test("a program that is refused takes nothing from those that run", arguments: [100, 25])
    func refusedProgram(rows: Int) throws {
        let weights = Tensor([Float](repeating: 0.25, count: 64 * 64), shape: [64, 64])
        let more = Tensor([Float](repeating: 0.75, count: 64 * 64), shape: [64, 64])
        let profile = try Chips.profile("A100") { $0.memoryByteCount = Chips.figure(46_000) }
        let device = try Chips.device(profile)
        func graph(_ rows: Int, _ tensors: [Tensor]) throws -> Graph {
            try compile { (x: Tensor) in tensors.reduce(x) { $0.matmul($1) } }
                .graph(for: [TensorType(.float32, [rows, 64])])
        }
        let first = try device.backend.compile(CompilationUnit(graph: graph(1, [weights])), for: device.id)
        let buffer = try device.backend.allocate(byteCount: 20_000, on: device.id)
        // 100 rows do not even fit into an empty chip; with 25 the further weights do not fit beside what is there.
        let error = #expect(throws: BackendError.self) {
            try device.backend.compile(
                CompilationUnit(graph: graph(rows, rows == 100 ? [weights] : [weights, more])), for: device.id)
        }
        #expect(error?.kind == .outOfMemory)
        // 16384 bytes of weights and the buffer are still there.
        #expect(throws: BackendError.self) { try device.backend.allocate(byteCount: 10_000, on: device.id) }
        withExtendedLifetime((first, buffer)) {}
    }
}
