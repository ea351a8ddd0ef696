// Heterodyne: inputs that a program may overwrite.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Testing

@Suite("Donated inputs")
struct DonationTests {
    let graph = """
        graph(%0 "state": float32[3], %1 "step": float32[3]) {
          %2 = add(%0, %1) : float32[3]
          return "state" = %2
        }
        """

    private func program(
        _ text: String, donating: Set<Int>, _ behavior: FakeBackend.Behavior
    ) throws -> Program {
        let backend = FakeBackend("fake", behavior)
        var options = ProgramOptions()
        options.donatedInputs = donating
        return try runtime([backend]).program(for: parse(text), on: backend.device, options: options)
    }

    @Test("The result is the donated buffer")
    func inPlace() throws {
        let program = try program(graph, donating: [0], .init(isInPlace: true))
        #expect(program.inPlaceOutputs == [0: 0])
        let (state, step) = (try buffer([1, 2, 3]), try buffer([1, 1, 1]))
        let result = try program.call([state, step])[0]
        #expect(result === state)
        #expect(try floats(state) == [2, 3, 4])
        #expect(try floats(step) == [1, 1, 1])
    }

    @Test("A buffer that is also another argument, or is read-only, is not overwritten")
    func refusals() throws {
        for behavior in [FakeBackend.Behavior(isInPlace: true), .init(scribbles: true)] {
            let program = try program(graph, donating: [0], behavior)
            let both = try buffer([1, 2, 3])
            let sum = try program.call([both, both])[0]
            #expect(sum !== both)
            #expect(try floats(sum) == [2, 4, 6])
            #expect(try floats(both) == [1, 2, 3])
            let literal = Literal([Float(5), 6, 7])
            #expect(try program.call([literal, literal])[0].scalars(as: Float.self) == [10, 12, 14])
            #expect(try literal.scalars(as: Float.self) == [5, 6, 7])
            let shared = HostBuffer(sharing: try literal.denseStorage())
            #expect(try floats(program.call([shared, both])[0]) == [6, 8, 10])
            #expect(try literal.scalars(as: Float.self) == [5, 6, 7])
        }
    }

    @Test("Only what is donated is overwritten")
    func notDonated() throws {
        let program = try program(graph, donating: [], .init(isInPlace: true, scribbles: true))
        #expect(program.inPlaceOutputs.isEmpty)
        let (state, step) = (try buffer([1, 2, 3]), try buffer([1, 1, 1]))
        #expect(try floats(program.call([state, step])[0]) == [2, 3, 4])
        #expect(try floats(state) == [1, 2, 3])
    }

    @Test("An input that is an output too, or that several parts read, is not taken")
    func handedThrough() throws {
        let program = try program(
            graph.replacing("return", "return \"before\" = %0,"), donating: [0], .init(isInPlace: true, scribbles: true)
        )
        #expect(program.inPlaceOutputs.isEmpty)
        let state = try buffer([1, 2, 3])
        let results = try program.call([state, buffer([1, 1, 1])])
        #expect(try results.map(floats) == [[1, 2, 3], [2, 3, 4]])
        #expect(try floats(state) == [1, 2, 3])
    }

    @Test("A session computes in place on one buffer and copies between two")
    func session() throws {
        let session = try program(graph, donating: [0], .init(isInPlace: true)).makeSession()
        let (state, step, other) = (try buffer([1, 2, 3]), try buffer([1, 1, 1]), try buffer([0, 0, 0]))
        try session.bind(input: 0, to: state)
        try session.bind(input: 1, to: step)
        try session.bind(output: 0, to: state)
        for _ in 0..<3 { try session.run() }
        #expect(try floats(state) == [4, 5, 6])
        try session.bind(output: 0, to: other)
        for _ in 0..<2 { try session.run() }
        #expect(try floats(state) == [4, 5, 6])
        #expect(try floats(other) == [5, 6, 7])
        // In place, and the same buffer as the input that is not donated.
        try session.bind(output: 0, to: state)
        try session.bind(input: 1, to: state)
        #expect(backendError { try session.run() }?.message.contains("'step'") == true)
        #expect(try floats(state) == [4, 5, 6])
    }

    @Test("A session refuses to overwrite a donated input that others read or that is read-only")
    func scratch() throws {
        let session = try program(graph, donating: [0], .init(scribbles: true)).makeSession()
        let (state, sum) = (try buffer([1, 2, 3]), try buffer([0, 0, 0]))
        try session.bind(input: 0, to: state)
        try session.bind(input: 1, to: state)
        try session.bind(output: 0, to: sum)
        #expect(backendError { try session.run() }?.message.contains("donated input 'state'") == true)
        #expect(try floats(state) == [1, 2, 3])
        try session.bind(input: 0, to: HostBuffer(sharing: try Literal([Float(1), 2, 3]).denseStorage()))
        #expect(backendError { try session.run() }?.message.contains("read-only") == true)
    }
}

extension String {
    fileprivate func replacing(_ old: String, _ new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}
