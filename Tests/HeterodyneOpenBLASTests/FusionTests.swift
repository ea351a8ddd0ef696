// Heterodyne: fused elementwise regions, in-place results, donated inputs and threads.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOpenBLAS
import HeterodyneReference
import Testing

@Suite(.enabled(if: DeviceRunner.isAvailable, "OpenBLAS is not installed"))
struct FusionTests {
    /// A random elementwise body over operands that are full, rows, columns or scalars of the iteration space.
    private func randomBody(_ generator: inout SeededGenerator, _ shape: [Int], _ types: [TensorType]) throws -> Graph {
        try GraphBuilder.graph(types) { builder, inputs in
            var terms = try inputs.map { input -> Term in
                if input.rank == 2 { return try input.broadcast(Shape(shape), dimensions: [0, 1]) }
                return try input.broadcast(to: Shape(shape))
            }
            terms.append(try builder.constant(1.5, TensorType(.float32, shape)))
            for _ in 0..<Int.random(in: 1...12, using: &generator) {
                let a = terms[Int.random(in: 0..<terms.count, using: &generator)]
                let b = terms[Int.random(in: 0..<terms.count, using: &generator)]
                switch Int.random(in: 0..<9, using: &generator) {
                case 0: terms.append(try a + b)
                case 1: terms.append(try a - b)
                case 2: terms.append(try a * b)
                case 3: terms.append(try a.maximum(b))
                case 4: terms.append(try a.compare(.less, b).select(b, a))
                case 5: terms.append(try a.abs())
                case 6: terms.append(try a.negate().floor())
                case 7: terms.append(try a.convert(.int32).xor(b.convert(.int32)).convert(.float32))
                default: terms.append(try a.convert(.float16).convert(.float32))
                }
            }
            return [terms[terms.count - 1], terms[max(0, terms.count - 3)]]
        }
    }

    @Test(arguments: 0..<60) func randomRegions(seed: UInt64) throws {
        var generator = SeededGenerator(100 + seed)
        let shape = [[3, 5], [1, 70], [64, 33], [7, 1], [0, 4], [130, 257]][Int(seed) % 6]
        let choices = [shape, [1, shape[1]], [shape[0], 1], [shape[1]], []]
        let types = (0..<3).map { _ in
            TensorType(.float32, choices[Int.random(in: 0..<choices.count, using: &generator)])
        }
        let body = try randomBody(&generator, shape, types)
        let inputs = try types.map { try DeviceRunner.random($0, &generator) }
        let fused = try GraphBuilder.graph(types) { builder, t in
            try builder.addAll(.composite(FusedRegion(kind: .elementwise, body: body)), t)
        }
        // Every operation rounds by itself, so fused and unfused programs give the reference's bits.
        try DeviceRunner.check(fused, inputs, .exact, "fused \(seed)")
        try DeviceRunner.check(body, inputs, .exact, "unfused \(seed)")
    }

    @Test func regionsReadViews() throws {
        var generator = SeededGenerator(21)
        let x = try DeviceRunner.random(TensorType(.float32, [150, 140]), &generator)
        let graph = try GraphBuilder.graph([x.type]) { _, t in
            let square = try t[0].slice([5, 0], [145, 140])
            let moved = try square.transpose([1, 0]).applying(.reverse(dimensions: [0]))
            let strided = try t[0].slice([0, 0], [140, 140])
            return [try moved + square, try moved * moved, try strided.applying(.reverse(dimensions: [1])) - moved]
        }
        try DeviceRunner.check(graph, [x], .exact, "views in regions")
    }

    @Test func highRanks() throws {
        var generator = SeededGenerator(22)
        let shape = [2, 1, 3, 2, 1, 2, 2, 3, 2, 2]
        let order = [9, 7, 5, 3, 1, 0, 2, 4, 6, 8]
        let x = try DeviceRunner.random(TensorType(.float32, shape), &generator)
        let index = try Literal([Int64(1), 0, 1, 1], shape: [2, 2])
        let graph = try GraphBuilder.graph([x.type, index.type]) { builder, t in
            let moved = try t[0].transpose(order)
            return [
                moved, try moved + moved.applying(.reverse(dimensions: [0, 2, 5, 8])),
                try moved.reduce(.maximum, [0, 2, 5, 7]),
                try moved.reshape([.fixed(moved.shape.dimensions.reduce(1) { $0 * ($1.fixedValue ?? 1) })]),
                try moved.sortPermutation(dimension: 3),
                try moved.applying(.gather(dimensions: [0, 3]), t[1]),
                try moved.applying(
                    .scatter(.add, dimensions: [0, 3]), t[1], moved.applying(.gather(dimensions: [0, 3]), t[1])),
                try moved.applying(
                    .pad(
                        low: [1, 0, 0, -1, 0, 0, 0, 0, 0, 1], high: [0, 0, 1, 0, 0, 0, 0, 0, -1, 0],
                        interior: [1, 0, 0, 0, 0, 2, 0, 0, 0, 0]), builder.constant(7, TensorType(.float32, [Int]()))),
            ]
        }
        try DeviceRunner.check(graph, [x, index], .exact, "rank 10")
    }

    // MARK: - Memory

    @Test func updatesHappenInPlace() throws {
        var generator = SeededGenerator(23)
        let cache = try DeviceRunner.random(TensorType(.float32, [64, 32]), &generator)
        let row = try DeviceRunner.random(TensorType(.float32, [1, 32]), &generator)
        let position = Literal(Int32(5))
        let zero = Literal(Int32(0))
        let graph = try GraphBuilder.graph([cache.type, row.type, position.type, zero.type]) { _, t in
            [try t[0].applying(.dynamicUpdateSlice, t[1], t[2], t[3])]
        }
        let inputs = [cache, row, position, zero]
        try DeviceRunner.check(graph, inputs, .exact, "copied")
        try DeviceRunner.check(graph, inputs, .exact, donated: [0], "in place")
        let unit = CompilationUnit(graph: graph, donatedInputs: [0])
        let executable = try DeviceRunner.backend.compile(unit, for: DeviceRunner.device)
        #expect(executable.inPlaceOutputs == [0: 0])
        #expect(executable.arenaByteCount == 0)
        #expect(executable.stepDescriptions.count == 1)
    }

    @Test func anInPlaceOutputMayHaveABufferOfItsOwn() throws {
        let type = TensorType(.float32, [8])
        let graph = try GraphBuilder.graph([type]) { _, t in [try t[0].negate()] }
        let unit = CompilationUnit(graph: graph, donatedInputs: [0])
        let executable = try DeviceRunner.backend.compile(unit, for: DeviceRunner.device)
        #expect(executable.inPlaceOutputs == [0: 0])
        let invocation = try executable.makeInvocation()
        let output = try DeviceRunner.guarded(32)
        try invocation.bind(input: 0, to: DeviceRunner.buffer(Literal(Float(3), shape: [8])))
        try invocation.bind(output: 0, to: output)
        try invocation.run()
        #expect(try DeviceRunner.literal(output, type).scalars(as: Float.self) == [Float](repeating: -3, count: 8))
    }

    @Test func donatedInputsThatAreStillNeededStay() throws {
        var generator = SeededGenerator(24)
        let x = try DeviceRunner.random(TensorType(.float32, [40, 40]), &generator)
        let graph = try GraphBuilder.graph([x.type]) { _, t in
            let doubled = try t[0] + t[0]
            let moved = try t[0].transpose([1, 0])
            let mixed = try doubled * moved
            return [mixed, try mixed - t[0], t[0]]
        }
        try DeviceRunner.check(graph, [x], .exact, donated: [0], "donated and needed")
        let chain = try GraphBuilder.graph([x.type]) { _, t in
            [try ((t[0] + t[0]) * t[0]).abs().negate(), try t[0].floor()]
        }
        try DeviceRunner.check(chain, [x], .exact, donated: [0], "donated chain")
    }

    /// Random programs of movement, arithmetic and updates: shared views, values used late, donated inputs.
    @Test(arguments: 0..<80) func randomPrograms(seed: UInt64) throws {
        var generator = SeededGenerator(500 + seed)
        let type = TensorType(.float32, [6, 6])
        let inputs = try (0..<2).map { _ in try DeviceRunner.random(type, &generator) }
        let start = Literal(Int32(Int.random(in: -1...4, using: &generator)))
        let graph = try GraphBuilder.graph([type, type, start.type]) { builder, t in
            var terms = [t[0], t[1]]
            for _ in 0..<14 {
                let a = terms[Int.random(in: 0..<terms.count, using: &generator)]
                let b = terms[Int.random(in: 0..<terms.count, using: &generator)]
                switch Int.random(in: 0..<10, using: &generator) {
                case 0: terms.append(try a + b)
                case 1: terms.append(try a.transpose([1, 0]))
                case 2: terms.append(try a.applying(.reverse(dimensions: [1])))
                case 3:
                    terms.append(
                        try a.slice([1, 2], [3, 5]).applying(.dynamicSlice(sizes: [2, 2]), t[2], t[2]).broadcast(
                            [3, 2, 3, 2], dimensions: [1, 3]
                        ).reshape([6, 6]))
                case 4: terms.append(try a.applying(.dynamicUpdateSlice, b.slice([0, 0], [2, 3]), t[2], t[2]))
                case 5: terms.append(try a.negate())
                case 6: terms.append(try a.reshape([4, 9]).transpose([1, 0]).reshape([6, 6]))
                case 7:
                    terms.append(
                        try builder.concatenate([a.slice([0, 0], [6, 2]), b.slice([0, 2], [6, 6])], dimension: 1))
                case 8:
                    let rows = try builder.constant(Literal([Int32(4), 1], shape: [2, 1]))
                    terms.append(try a.applying(.scatter(.add, dimensions: [0]), rows, b.slice([2, 0], [4, 6])))
                default: terms.append(try a.reduce(.maximum, [0]).broadcast([6, 6], dimensions: [1]))
                }
            }
            let last = terms.count - 1
            return [terms[last], terms[last - 2], terms[last], terms[Int.random(in: 0...last, using: &generator)]]
        }
        let all = inputs + [start]
        try DeviceRunner.check(graph, all, .exact, "program \(seed)")
        try DeviceRunner.check(graph, all, .exact, donated: [0, 1], "program \(seed), donated")
    }

    // MARK: - Threads and memory in steady state

    @Test func twoThreadsRunOneExecutable() async throws {
        var generator = SeededGenerator(25)
        let x = try DeviceRunner.random(TensorType(.float32, [96, 128]), &generator)
        let w = try DeviceRunner.random(TensorType(.float32, [128, 160]), &generator)
        let graph = try GraphBuilder.graph([x.type, w.type]) { _, t in
            let product = try t[0].dot(t[1], DotDimensions(leftContracting: [1], rightContracting: [0]))
            return [try (product * 0.5).tanh() + 1, try product.reduce(.sum, [1])]
        }
        let executable = try DeviceRunner.backend.compile(CompilationUnit(graph: graph), for: DeviceRunner.device)
        let expected = try DeviceRunner.run(graph, [x, w])
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let invocation = try executable.makeInvocation()
                    let outputs = try graph.outputTypes.map { try DeviceRunner.guarded($0.byteCount()) }
                    for (index, input) in [x, w].enumerated() {
                        try invocation.bind(input: index, to: DeviceRunner.buffer(input))
                    }
                    for (index, output) in outputs.enumerated() { try invocation.bind(output: index, to: output) }
                    for _ in 0..<50 {
                        try invocation.run()
                        for (index, output) in outputs.enumerated() {
                            let result = try DeviceRunner.literal(output, graph.outputTypes[index])
                            if result != expected[index] { return false }
                        }
                    }
                    return true
                }
            }
            for try await isSame in group { #expect(isSame) }
        }
    }

    @Test func aChainOfSmallStepsRunsInOneBlock() throws {
        let type = TensorType(.float32, [16])
        let graph = try GraphBuilder.graph([type, type]) { _, t in
            var sum = t[0]
            for _ in 0..<1000 { sum = try sum + t[1] }
            return [sum]
        }
        let executable = try DeviceRunner.backend.compile(CompilationUnit(graph: graph), for: DeviceRunner.device)
        #expect(executable.stepDescriptions.count == 1000)
        #expect(executable.arenaByteCount <= 64)
        let invocation = try executable.makeInvocation()
        let inputs = try (0..<2).map { _ in try DeviceRunner.buffer(Literal(Float(0.5), shape: [16])) }
        let output = try DeviceRunner.guarded(64)
        for (index, input) in inputs.enumerated() { try invocation.bind(input: index, to: input) }
        try invocation.bind(output: 0, to: output)
        try invocation.run()
        #expect(output.address.load(as: Float.self) == 500.5)
    }

    @Test func bindingsAreChecked() throws {
        let type = TensorType(.float32, [16])
        let graph = try GraphBuilder.graph([type]) { _, t in [try t[0].negate()] }
        let executable = try DeviceRunner.backend.compile(CompilationUnit(graph: graph), for: DeviceRunner.device)
        let invocation = try executable.makeInvocation()
        #expect(throws: BackendError.self) { try invocation.run() }
        let small = try HostBuffer(byteCount: 60)
        #expect(throws: BackendError.self) { try invocation.bind(input: 0, to: small) }
        #expect(throws: BackendError.self) { try invocation.bind(input: 1, to: HostBuffer(byteCount: 64)) }
        #expect(throws: BackendError.self) { try invocation.bind(output: -1, to: HostBuffer(byteCount: 64)) }
    }
}
