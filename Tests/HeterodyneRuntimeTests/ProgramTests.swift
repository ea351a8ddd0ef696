// Heterodyne: programs and sessions over the reference and over fake devices.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Synchronization
import Testing

@Suite("Programs")
struct ProgramTests {
    let addition = """
        graph(%0 "x": float32[3], %1 "y": float32[3]) {
          %2 = add(%0, %1) : float32[3]
          return "sum" = %2
        }
        """

    private func program(_ text: String, _ options: ProgramOptions = ProgramOptions()) throws -> Program {
        try runtime([ReferenceBackend()]).program(for: parse(text), on: reference, options: options)
    }

    @Test("Call computes on literals and on buffers")
    func call() throws {
        let program = try program(addition)
        let results = try program.call([Literal([Float(1), 2, 3]), Literal([Float(10), 20, 30])])
        #expect(try results[0].scalars(as: Float.self) == [11, 22, 33])
        #expect(try floats(program.call([buffer([1, 1, 1]), buffer([2, 3, 4])])[0]) == [3, 4, 5])
        #expect(program.inputs.map(\.name) == ["x", "y"])
        #expect(program.outputs.map(\.byteCount) == [12])
        #expect(program.stepDescriptions == ["reference: add float32[3]"])
    }

    @Test("Wrong arguments are typed errors that name the input")
    func wrongArguments() throws {
        let program = try program(addition)
        let good = try buffer([1, 2, 3])
        let missing = backendError { _ = try program.call([good]) }
        #expect(missing?.kind == .invalidArgument && missing?.message.contains("2 inputs") == true)
        let short = backendError { _ = try program.call([good, buffer([1])]) }
        #expect(short?.kind == .invalidArgument && short?.message.contains("'y'") == true)
        let type = backendError { _ = try program.call([Literal([1, 2, 3]), Literal([Float(1), 2, 3])]) }
        #expect(type?.kind == .invalidArgument && type?.message.contains("'x'") == true)
        let many = backendError { _ = try program.call([Literal](repeating: Literal([Float(1), 2, 3]), count: 3)) }
        #expect(many?.kind == .invalidArgument)
        let session = try program.makeSession()
        for index in [-1, 2, Int.max] {
            #expect(backendError { try session.bind(input: index, to: good) }?.kind == .invalidArgument)
            #expect(backendError { try session.bind(output: index, to: good) }?.kind == .invalidArgument)
        }
        #expect(backendError { try session.run() }?.message.contains("'x' is not bound") == true)
        // After every mistake the program still works.
        #expect(try floats(program.call([good, good])[0]) == [2, 4, 6])
    }

    @Test("Outputs may repeat a value, hand an input through, or be constants")
    func unusualOutputs() throws {
        let program = try program(
            """
            graph(%0 "x": float32[2]) {
              %1 = negate(%0) : float32[2]
              %2 = constant() {value = float32[2] (5.0, 6.0)} : float32[2]
              return "a" = %1, "b" = %0, "c" = %1, "d" = %2, "e" = %0, "f" = %2
            }
            """)
        let x = try buffer([1, 2])
        let results = try program.call([x])
        #expect(try results.map(floats) == [[-1, -2], [1, 2], [-1, -2], [5, 6], [1, 2], [5, 6]])
        #expect(!results.contains { $0 === x })
        #expect(Set(results.map { ObjectIdentifier($0) }).count == 6)
    }

    @Test("A graph without nodes hands its inputs through")
    func identity() throws {
        let program = try program("graph(%0 \"x\": float32[2], %1 \"unused\": float32[0]) {\n return \"y\" = %0\n}")
        #expect(try floats(program.call([buffer([3, 4]), buffer([])])[0]) == [3, 4])
        #expect(program.report.summary.contains("no nodes"))
    }

    @Test("A program without inputs, with tensors without elements, and with many outputs")
    func extremes() throws {
        let empty = try program(
            """
            graph() {
              %0 = iota() {type = float32[4], dimension = 0} : float32[4]
              %1 = constant() {value = float32[0, 3] splat 1.0} : float32[0, 3]
              return "n" = %0, "none" = %1
            }
            """)
        let results = try empty.call([Literal]())
        #expect(try results[0].scalars(as: Float.self) == [0, 1, 2, 3])
        #expect(try results[1].scalars(as: Float.self).isEmpty)
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [1]))
        for index in 0..<200 { try builder.output("o\(index)", x + Double(index)) }
        let many = try runtime([ReferenceBackend()]).program(for: builder.build(), on: reference)
        let sums = try many.call([buffer([0.5])])
        #expect(try sums.map { try floats($0)[0] } == (0..<200).map { Float($0) + 0.5 })
    }

    @Test("A session is bound, run, and bound anew; equal bindings cost nothing")
    func session() throws {
        let session = try program(addition).makeSession()
        let (x, y, sum) = (try buffer([1, 2, 3]), try buffer([4, 5, 6]), try buffer([0, 0, 0]))
        for _ in 0..<3 {
            try session.bind(input: 0, to: x)
            try session.bind(input: 1, to: y)
            try session.bind(output: 0, to: sum)
            try session.run()
        }
        #expect(try floats(sum) == [5, 7, 9])
        try session.bind(input: 1, to: x)
        try session.run()
        #expect(try floats(sum) == [2, 4, 6])
        #expect(try session.profile().count == 1)
        session.unbind()
        #expect(backendError { try session.run() }?.kind == .invalidArgument)
    }

    @Test("An output over an input or another output is refused before anything is written")
    func overlaps() throws {
        let program = try program(
            """
            graph(%0 "x": float32[3], %1 "y": float32[3]) {
              %2 = add(%0, %1) : float32[3]
              %3 = subtract(%0, %1) : float32[3]
              return "sum" = %2, "difference" = %3
            }
            """)
        let session = try program.makeSession()
        let (x, y, other) = (try buffer([1, 2, 3]), try buffer([4, 5, 6]), try buffer([0, 0, 0]))
        try session.bind(input: 0, to: x)
        try session.bind(input: 1, to: y)
        try session.bind(output: 0, to: x)
        try session.bind(output: 1, to: other)
        #expect(backendError { try session.run() }?.message.contains("input 'x'") == true)
        #expect(try floats(x) == [1, 2, 3])
        try session.bind(output: 0, to: other)
        #expect(backendError { try session.run() }?.message.contains("'difference'") == true)
        let literal = HostBuffer(sharing: try Literal([Float(1), 2, 3]).denseStorage())
        #expect(backendError { try session.bind(output: 0, to: literal) }?.message.contains("read-only") == true)
        try session.bind(output: 0, to: buffer([0, 0, 0]))
        try session.run()
        #expect(try floats(other) == [-3, -3, -3])
    }

    @Test("Neither a program nor its pool keeps the caller's memory alive")
    func lifetime() throws {
        for backend in [ReferenceBackend(), FakeBackend("fake")] as [any Backend] {
            let device = try DeviceRegistry([backend]).device(backend.name)
            let program = try runtime([backend]).program(for: parse(addition), on: device)
            weak var argument: HostBuffer?
            weak var result: (any Buffer)?
            do {
                let x = try buffer([1, 2, 3])
                argument = x
                result = try program.call([x, x])[0]
            }
            #expect(argument == nil && result == nil, "\(backend.name)")
            #expect(try floats(program.call([buffer([1, 2, 3]), buffer([0, 0, 1])])[0]) == [1, 2, 4])
        }
    }

    @Test("A failed run is reported and the session runs again")
    func failure() throws {
        let backend = FakeBackend("fake")
        let program = try runtime([backend]).program(for: parse(addition), on: backend.device)
        let session = try program.makeSession()
        let sum = try buffer([0, 0, 0])
        try session.bind(input: 0, to: buffer([1, 2, 3]))
        try session.bind(input: 1, to: buffer([1, 1, 1]))
        try session.bind(output: 0, to: sum)
        backend.failures.withLock { $0 = 1 }
        #expect(backendError { try session.run() }?.kind == .executionFailed)
        try session.run()
        #expect(try floats(sum) == [2, 3, 4])
        backend.failures.withLock { $0 = 1 }
        #expect(
            backendError { _ = try program.call([buffer([1, 2, 3]), buffer([1, 1, 1])]) }?.kind == .executionFailed)
        #expect(try floats(program.call([buffer([1, 2, 3]), buffer([1, 1, 1])])[0]) == [2, 3, 4])
    }

    @Test("A device's refusal of a buffer leaves the port unbound")
    func refusedBinding() throws {
        let backend = FakeBackend("remote", .init(isRemote: true))
        let session = try runtime([backend]).program(for: parse(addition), on: backend.device).makeSession()
        let host = try buffer([1, 2, 3])
        #expect(backendError { try session.bind(input: 0, to: host) }?.device == "remote")
        #expect(backendError { try session.bind(input: 0, to: host) }?.device == "remote")
        #expect(backendError { try session.run() }?.message.contains("'x' is not bound") == true)
    }

    @Test("A cancelled task ends with an error and does no harm to the program")
    func cancellation() async throws {
        let program = try program(addition)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return backendError { _ = try program.call([buffer([1, 2, 3]), buffer([1, 1, 1])]) }
        }
        #expect(await task.value?.kind == .cancelled)
        #expect(try floats(program.call([buffer([1, 2, 3]), buffer([1, 1, 1])])[0]) == [2, 3, 4])
    }

    @Test("Many tasks run one program at the same time")
    func concurrency() async throws {
        let backend = FakeBackend("fake")
        let program = try runtime([backend]).program(for: parse(addition), on: backend.device)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for task in 0..<64 {
                group.addTask {
                    for round in 0..<20 {
                        let n = Float(task * 100 + round)
                        let sum = try floats(program.call([buffer([n, n, n]), buffer([1, 2, 3])])[0])
                        guard sum == [n + 1, n + 2, n + 3] else { return false }
                    }
                    return true
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
        #expect(backend.invocations.withLock { $0 } <= 64)
    }
}
