// Heterodyne: programs at the limits: tensors beyond what a descriptor shows, empty tensors, many steps, many threads.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HeterodyneBackend
import HeterodyneGraph
import Synchronization
import Testing

@testable import HeterodyneVulkan

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct LimitTests {
    private func graph(
        _ types: [TensorType] = [], _ body: (GraphBuilder, [Term]) throws -> [Term]
    ) throws -> Graph {
        let builder = GraphBuilder()
        let inputs = try types.enumerated().map { try builder.input("in\($0)", $1) }
        for (index, term) in try body(builder, inputs).enumerated() { try builder.output("out\(index)", term) }
        return try builder.build()
    }

    @Test("tensors beyond the range of a descriptor are reached through addresses")
    func beyondTheDescriptorRange() throws {
        let device = try DeviceRunner.shared.device
        let range = device.target.maximumStorageBufferRange
        let count = range / 4 + (1 << 20)
        let heap = device.memory.maximumByteCount
        guard range <= 1 << 28, heap > 4 * count * 4 else {
            try Test.cancel("descriptors of this device show \(range) bytes, allocations hold \(heap)")
        }
        let type = TensorType(.int32, [count])
        let graph = try graph { builder, _ in
            let x = try builder.iota(type, dimension: 0)
            let y = try x + x
            let index = try builder.constant(Double(count - 3), TensorType(.int32, [2, 1]))
            return [
                try y.slice([.fixed(count - 4)], [.fixed(count)]), try y.reduce(.maximum, [0]),
                try y.gather(index, dimensions: [0]), try y.reverse([0]).slice([0], [3]),
            ]
        }
        let results = try ProgramRunner().run(graph, [])
        let last = Int32(count - 1)
        #expect(results[0] == Literal([2 * last - 6, 2 * last - 4, 2 * last - 2, 2 * last]))
        #expect(results[1].bits(at: 0) == UInt64(2 * last))
        #expect(results[2] == Literal([2 * last - 4, 2 * last - 4]))
        #expect(results[3] == Literal([2 * last, 2 * last - 2, 2 * last - 4]))
    }

    @Test("a device without buffer addresses says why it cannot")
    func withoutAddresses() throws {
        var options = VulkanOptions()
        options.maskedFeatures = [.bufferAddresses]
        let runner = ProgramRunner(options)
        let count = try DeviceRunner.shared.target.maximumStorageBufferRange / 4 + 1024
        let graph = try graph { builder, _ in
            let x = try builder.iota(TensorType(.int32, [count]), dimension: 0)
            return [try (x + x).slice([0], [3])]
        }
        let error = #expect(throws: BackendError.self) { try runner.run(graph, []) }
        #expect(error?.kind == .unsupported && error?.message.contains("addresses") == true, "\(error as Any)")
    }

    @Test func emptyTensors() throws {
        let (a, b) = (TensorType(.float32, [0, 4]), TensorType(.float32, [4, 3]))
        let graph = try graph([a, b]) { builder, t in
            func product(_ a: Term, _ b: Term, left: Int, right: Int) throws -> Term {
                let dimensions = DotDimensions(leftContracting: [left], rightContracting: [right])
                return try builder.addAll(
                    .primitive(.dot(dimensions, accumulation: .float32, result: .float32)), [a, b])[0]
            }
            return [
                try t[0].exp() + t[0], try t[0].reduce(.sum, [0]), try t[0].reduce(.sum, [1]),
                try product(t[0], t[1], left: 1, right: 0),
                // K = 0: sums of nothing.
                try product(t[0], t[0], left: 0, right: 0),
            ]
        }
        let inputs = [try ProgramTests.counting([0, 4]), try ProgramTests.counting([4, 3])]
        #expect(try ProgramRunner().run(graph, inputs) == ProgramRunner.expected(graph, inputs))
    }

    @Test("sums of products as long as no driver lets one invocation loop", arguments: [70_000, 300_001, 1_000_000])
    func longProducts(count: Int) throws {
        func product(_ rows: Int, _ columns: Int) throws {
            let (a, b) = (TensorType(.int32, [rows, count]), TensorType(.int32, [count, columns]))
            let graph = try graph([a, b]) { builder, t in
                let dimensions = DotDimensions(leftContracting: [1], rightContracting: [0])
                return try builder.addAll(
                    .primitive(.dot(dimensions, accumulation: .int32, result: .int32)), t)
            }
            let inputs = [
                try ProgramTests.counting(a.shape.fixedExtents ?? [], .int32),
                try ProgramTests.counting(b.shape.fixedExtents ?? [], .int32, from: 5),
            ]
            let floats = try inputs.map { literal -> [Int] in
                try literal.denseStorage().withBytes { $0.bindMemory(to: Int32.self).map(Int.init) }
            }
            var expected = [Int32](repeating: 0, count: rows * columns)
            for row in 0..<rows {
                for column in 0..<columns {
                    var sum = 0
                    for k in 0..<count { sum += floats[0][row * count + k] * floats[1][k * columns + column] }
                    expected[row * columns + column] = Int32(truncatingIfNeeded: sum)
                }
            }
            let result = try ProgramRunner().run(graph, inputs)[0]
            let found = try result.denseStorage().withBytes { Array($0.bindMemory(to: Int32.self)) }
            #expect(found == expected, "\(rows) x \(count) x \(columns)")
        }
        try product(1, 1)
        try product(1, 3)
        try product(5, 4)
    }

    @Test(
        "scatters of more updates than drivers let one invocation loop",
        arguments: [ScalarType.float32, .int32, .float16])
    func longScatters(type: ScalarType) throws {
        let count = 200_000
        for extent in [1, 7] {
            let x = TensorType(type, [extent])
            let indices = TensorType(.int32, [count, 1])
            let graph = try graph([x, indices, TensorType(type, [count])]) { builder, t in
                try builder.addAll(.primitive(.scatter(.add, dimensions: [0])), t)
                    + builder.addAll(.primitive(.scatter(.set, dimensions: [0])), t)
            }
            let places = Literal((0..<count).map { Int32($0 % extent) })
            let index = try Literal(type: indices, storage: places.denseStorage())
            // Small multiples of 1/8 sum exactly in any order; float16 rounds, in the order of the definition.
            let inputs = [try ProgramTests.counting([extent], type), index, try ProgramTests.counting([count], type)]
            #expect(try ProgramRunner().run(graph, inputs) == ProgramRunner.expected(graph, inputs), "\(extent)")
        }
    }

    @Test("two thousand dependent steps, and their profile")
    func manySteps() throws {
        let type = TensorType(.float32, [16])
        let graph = try graph([type]) { builder, t in
            var x = t[0]
            for step in 0..<2000 { x = try step % 2 == 0 ? x + t[0] : x - t[0] }
            return [x]
        }
        let runner = ProgramRunner()
        let x = try ProgramTests.counting([16])
        let program = try runner.backend.compile(CompilationUnit(graph: graph), for: ProgramRunner.device)
        let invocation = try program.makeInvocation()
        #expect(try runner.run(invocation, graph, [x]) == [x])
        let times = try invocation.profile()
        #expect(times.count == program.stepDescriptions.count)
    }

    @Test("many threads, several devices, one backend each")
    func threads() throws {
        let type = TensorType(.float32, [3000])
        let graph = try graph([type]) { _, t in
            let product = try t[0] * t[0]
            return [try (product - t[0]).reduce(.maximum, [0])]
        }
        let x = try ProgramTests.counting([3000])
        let expected = try ProgramRunner.expected(graph, [x])
        let runners = [ProgramRunner(), ProgramRunner(VulkanOptions())]
        let programs = try runners.map {
            try $0.backend.compile(CompilationUnit(graph: graph), for: ProgramRunner.device)
        }
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            do {
                for _ in 0..<10 {
                    let results = try runners[thread % 2].run(programs[thread % 2], graph, [x])
                    if results != expected { failures.withLock { $0.append("thread \(thread): \(results)") } }
                }
            } catch { failures.withLock { $0.append("thread \(thread): \(error)") } }
        }
        #expect(failures.withLock { $0 } == [])
    }
}
