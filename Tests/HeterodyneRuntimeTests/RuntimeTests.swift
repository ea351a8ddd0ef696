// Heterodyne: the program cache and the device registry.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Synchronization
import Testing

@Suite("Runtime")
struct RuntimeTests {
    private func graph(_ number: Double) throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [3]))
        try builder.output("y", x + number)
        return try builder.build()
    }

    @Test("Equal graphs share a program; options and devices tell programs apart")
    func cache() throws {
        let (a, b) = (FakeBackend("a"), FakeBackend("b"))
        let runtime = runtime([a, b])
        let first = try runtime.program(for: graph(1), on: a.device)
        #expect(try runtime.program(for: graph(1), on: a.device) === first)
        var options = ProgramOptions()
        options.donatedInputs = [0]
        #expect(try runtime.program(for: graph(1), on: a.device, options: options) !== first)
        #expect(try runtime.program(for: graph(1), on: b.device) !== first)
        #expect(try runtime.program(for: graph(2), on: a.device) !== first)
        let statistics = runtime.cacheStatistics
        #expect(statistics.count == 4 && statistics.hits == 1 && statistics.misses == 4)
        runtime.clearCache()
        #expect(runtime.cacheStatistics.count == 0)
        #expect(try runtime.program(for: graph(1), on: a.device) !== first)
    }

    @Test("The program used longest ago is forgotten first")
    func eviction() throws {
        let backend = FakeBackend("a")
        let runtime = runtime([backend], cacheCapacity: 2)
        let one = try runtime.program(for: graph(1), on: backend.device)
        _ = try runtime.program(for: graph(2), on: backend.device)
        #expect(try runtime.program(for: graph(1), on: backend.device) === one)
        _ = try runtime.program(for: graph(3), on: backend.device)
        #expect(runtime.cacheStatistics.count == 2)
        #expect(try runtime.program(for: graph(1), on: backend.device) === one)
        let compilations = backend.compilations.withLock { $0 }
        _ = try runtime.program(for: graph(2), on: backend.device)
        #expect(backend.compilations.withLock { $0 } == compilations + 1)
    }

    @Test("Tasks that compile one graph at the same time get one program")
    func concurrentCompilation() async throws {
        let backend = FakeBackend("a")
        let runtime = runtime([backend])
        let graph = try graph(7)
        let programs = try await withThrowingTaskGroup(of: Program.self) { group in
            for _ in 0..<16 { group.addTask { try runtime.program(for: graph, on: backend.device) } }
            var programs: [Program] = []
            for try await program in group { programs.append(program) }
            return programs
        }
        #expect(programs.allSatisfy { $0 === programs[0] })
        #expect(runtime.cacheStatistics.count == 1)
    }

    @Test("A failed compilation is not remembered")
    func failure() throws {
        let backend = FakeBackend("a", .init(missing: [.float32]))
        let runtime = runtime([backend])
        for _ in 0..<2 {
            #expect(throws: HeterodyneError.self) { try runtime.program(for: graph(1), on: backend.device) }
        }
        #expect(runtime.cacheStatistics.count == 0)
    }

    @Test("Symbolic graphs are refused with the symbols' names")
    func symbolic() throws {
        let builder = GraphBuilder()
        try builder.output("y", builder.input("x", TensorType(.float32, Shape([.symbol("batch")]))).negate())
        let symbolic = try builder.build()
        #expect {
            try runtime([ReferenceBackend()]).program(for: symbolic, on: reference)
        } throws: { error in
            guard case .graph(let inner)? = error as? HeterodyneError else { return false }
            return inner.kind == .unboundSymbol && inner.message.contains("batch")
        }
    }

    @Test("The registry finds devices, says what is missing, and replaces backends by name")
    func registry() throws {
        let registry = DeviceRegistry([FakeBackend("a")])
        #expect(try registry.device("a").id == "a")
        #expect {
            try registry.device("b")
        } throws: { ($0 as? BackendError)?.message.contains("there are: a") == true }
        registry.register(FakeBackend("b"))
        registry.register(FakeBackend("a", .init(isRemote: true)))
        #expect(registry.devices.map(\.id) == ["b", "a"])
        #expect(try !registry.device("a").capabilities().hasUnifiedMemory)
        #expect(registry.unavailable.isEmpty)
    }

    @Test("The report says where memory goes")
    func memory() throws {
        let backend = FakeBackend("a")
        let report = try runtime([backend]).program(for: graph(1), on: backend.device).report
        #expect(report.arenaByteCounts == ["a": 64])
        #expect(report.constantByteCounts == ["a": 32])
    }
}
