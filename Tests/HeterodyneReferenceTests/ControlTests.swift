// Heterodyne: conditionals, loops, composites, and the ways in which an evaluation can fail.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneReference
import Testing

/// `x * x + number`.
private struct SquarePlus: Composite {
    static let name = "squarePlus"
    var number: Double
    var attributes: Attributes { ["number": .number(number)] }

    init(number: Double) { self.number = number }
    init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        number = try reader.number("number")
        try reader.finish()
    }
    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] { operands }
    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try operands[0] * operands[0] + number]
    }
}

/// Composites that are defined wrongly.
private struct Faulty: Composite {
    enum Fault: String, CaseIterable { case endless, wrongType, throwing, extraInput }
    static let name = "faulty"
    var fault: Fault
    var attributes: Attributes { ["fault": .string(fault.rawValue)] }

    init(_ fault: Fault) { self.fault = fault }
    init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        fault = try reader.choice("fault")
        try reader.finish()
    }
    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] { operands }
    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        switch fault {
        case .endless: [try builder.add(self, operands)]
        case .wrongType: [try operands[0].convert(.int32)]
        case .extraInput: [try operands[0] + builder.input("more", operands[0].type)]
        case .throwing: throw GraphError(.invalidAttribute, "cannot be decomposed")
        }
    }
}

@Suite("Control, composites and failures")
struct ControlTests {
    private static let counter = TensorType.scalar(.int32)

    /// `while x < limit { x = x + step }`.
    private func counting(_ limit: Double, step: Double) throws -> Graph {
        try GraphBuilder.region([Self.counter]) { builder, terms throws(GraphError) in
            let condition = try GraphBuilder.region([Self.counter]) { _, state throws(GraphError) in
                [try state[0].compare(.less, limit)]
            }
            let body = try GraphBuilder.region([Self.counter]) { _, state throws(GraphError) in [try state[0] + step] }
            return try builder.loop(terms, condition: condition, body: body)
        }
    }

    private func failure(_ body: () throws -> Void) -> EvaluationError? {
        do { try body() } catch { return error as? EvaluationError }
        return nil
    }

    @Test("A conditional takes the branch of its predicate and may swap its arguments")
    func conditional() throws {
        let type = TensorType(.float32, [2])
        let then = try GraphBuilder.region([type, type]) { _, x throws(GraphError) in [try x[0] + x[1], x[0]] }
        let otherwise = try GraphBuilder.region([type, type]) { _, x throws(GraphError) in [x[1], try x[0] * x[1]] }
        for (predicate, expected) in [(true, [[4, 6], [1, 2]]), (false, [[3, 4], [3, 8]])] as [(Bool, [[Float]])] {
            let results = try Run.graph([Literal(predicate), Literal([1, 2] as [Float]), Literal([3, 4] as [Float])]) {
                builder, terms throws(GraphError) in
                try builder.conditional(terms[0], Array(terms.dropFirst()), then: then, otherwise: otherwise)
            }
            #expect(try results.map { try $0.scalars(as: Float.self) } == expected)
        }
    }

    @Test("Loops", arguments: [(0, 10, 10), (3, 10, 10), (12, 10, 12), (0, 7, 9)] as [(Int32, Double, Int32)])
    func loops(start: Int32, limit: Double, expected: Int32) throws {
        let step: Double = limit == 7 ? 3 : 1
        let result = try ReferenceEvaluator.evaluate(counting(limit, step: step), inputs: [Literal(start)])
        #expect(try result[0].scalars(as: Int32.self) == [expected])
    }

    @Test("Fibonacci numbers by a loop over three states with a loop-invariant one")
    func fibonacci() throws {
        let types = [TensorType](repeating: .scalar(.int64), count: 4)
        let condition = try GraphBuilder.region(types) { _, s throws(GraphError) in [try s[0].compare(.less, s[3])] }
        let body = try GraphBuilder.region(types) { _, s throws(GraphError) in
            [try s[0] + 1, s[2], try s[1] + s[2], s[3]]
        }
        let inputs = [0, 0, 1, 50].map { Literal($0) }
        let results = try Run.graph(inputs) { builder, terms throws(GraphError) in
            try builder.loop(terms, condition: condition, body: body)
        }
        #expect(try results.map { try $0.scalars(as: Int.self)[0] } == [50, 12_586_269_025, 20_365_011_074, 50])
    }

    @Test("A loop inside a loop inside a branch")
    func nesting() throws {
        let inner = try counting(5, step: 1)
        let outer = try GraphBuilder.region([Self.counter]) { builder, x throws(GraphError) in
            let condition = try GraphBuilder.region([Self.counter]) { _, s throws(GraphError) in
                [try s[0].compare(.less, 20)]
            }
            let body = try GraphBuilder.region([Self.counter]) { builder, s throws(GraphError) in
                [try builder.inline(inner, s)[0] + 10]
            }
            return try builder.loop(x, condition: condition, body: body)
        }
        let same = try GraphBuilder.region([Self.counter]) { _, x throws(GraphError) in x }
        let results = try Run.graph([Literal(true), Literal(0 as Int32)]) { builder, terms throws(GraphError) in
            try builder.conditional(terms[0], [terms[1]], then: outer, otherwise: same)
        }
        #expect(try results[0].scalars(as: Int32.self) == [25])
    }

    @Test("An endless loop ends at the limit of iterations")
    func iterationLimit() throws {
        let graph = try counting(1, step: 0)
        let evaluator = ReferenceEvaluator(options: EvaluationOptions(maximumIterations: 100))
        let error = failure { _ = try evaluator.evaluate(graph, inputs: [Literal(0 as Int32)]) }
        #expect(error?.kind == .iterationLimit)
        #expect(error?.operation == "while")
        let enough = ReferenceEvaluator(options: EvaluationOptions(maximumIterations: 10))
        #expect(try enough.evaluate(counting(10, step: 1), inputs: [Literal(0 as Int32)])[0].bits(at: 0) == 10)
    }

    @Test("An endless loop ends when its task is cancelled", .timeLimit(.minutes(1)))
    func cancellation() async throws {
        let graph = try counting(1, step: 0)
        let task = Task { () -> EvaluationError.Kind? in
            do throws(EvaluationError) {
                _ = try ReferenceEvaluator.evaluate(graph, inputs: [Literal(0 as Int32)])
            } catch { return error.kind }
            return nil
        }
        task.cancel()
        #expect(await task.value == .cancelled)
    }

    @Test("Composites are evaluated by their decomposition, also twice and inside regions")
    func composites() throws {
        let type = TensorType(.float32, [2])
        let branch = try GraphBuilder.region([type]) { builder, x throws(GraphError) in
            [try builder.add(SquarePlus(number: 0.5), x)]
        }
        let results = try Run.graph([Literal([1, 3] as [Float])]) { builder, x throws(GraphError) -> [Term] in
            let once = try builder.add(SquarePlus(number: 1), x)
            let twice = try builder.add(SquarePlus(number: 1), [once])
            let yes = try builder.constant(Literal(true))
            return [twice] + (try builder.conditional(yes, x, then: branch, otherwise: branch))
        }
        #expect(try results[0].scalars(as: Float.self) == [5, 101])
        #expect(try results[1].scalars(as: Float.self) == [1.5, 9.5])
    }

    @Test("Wrong decompositions are errors")
    func faultyComposites() throws {
        for fault in Faulty.Fault.allCases {
            let kind: EvaluationError.Kind = fault == .endless ? .nestingLimit : .decomposition
            let error = failure {
                _ = try Run.graph([Literal(1 as Float)]) { builder, x throws(GraphError) in
                    [try builder.add(Faulty(fault), x)]
                }
            }
            #expect(error?.kind == kind)
            #expect(error?.operation == "faulty")
        }
    }

    @Test("Inputs that do not fit are errors that name the input")
    func wrongInputs() throws {
        let graph = try GraphBuilder.region([TensorType(.float32, [2])]) { _, x throws(GraphError) in x }
        #expect(failure { _ = try ReferenceEvaluator.evaluate(graph) }?.kind == .inputCount)
        let error = failure { _ = try ReferenceEvaluator.evaluate(graph, inputs: [Literal([1, 2, 3] as [Float])]) }
        #expect(error?.kind == .inputType)
        #expect(error?.message.contains("'arg0'") == true)
        #expect(
            failure { _ = try ReferenceEvaluator.evaluate(graph, inputs: [Literal([1, 2] as [Int32])]) }?.kind
                == .inputType)
    }

    @Test("Symbolic shapes have to be bound first")
    func symbols() throws {
        let graph = try GraphBuilder.region([TensorType(.float32, [.symbol("batch")])]) { _, x throws(GraphError) in
            [try x[0].negate()]
        }
        let input = Literal(splatBits: 0, type: TensorType(.float32, [.symbol("batch")]))
        #expect(failure { _ = try ReferenceEvaluator.evaluate(graph, inputs: [input]) }?.kind == .unboundSymbol)
    }

    @Test("A result beyond the limit is an error, and freed results do not count")
    func memory() throws {
        #expect(
            failure {
                _ = try Run.graph([]) { builder, _ throws(GraphError) in
                    [try builder.iota(TensorType(.int64, [1 << 42]), dimension: 0)]
                }
            }?.kind == .memoryLimit)
        // A splat takes no memory until something reads it, which is where it would fail.
        let huge = Literal(splatBits: 0, type: TensorType(.float32, [1 << 44]))
        #expect(
            failure {
                _ = try Run.graph([]) { builder, _ throws(GraphError) in [try builder.constant(huge).reduce(.sum, [0])]
                }
            }?.kind == .memoryLimit)
        #expect(failure { _ = try Run.primitive(.reduce(.sum, dimensions: [0]), huge) }?.kind == .memoryLimit)
        // A chain of 50 results of 4,000 bytes of which at most two live at a time.
        let x = Literal([Float](repeating: 1, count: 1000))
        func chain(_ bytes: Int) throws -> Literal {
            try Run.graph([x], options: EvaluationOptions(maximumBytes: bytes)) { _, terms throws(GraphError) in
                var term = terms[0]
                for _ in 0..<50 { term = try term.negate() }
                return [term]
            }[0]
        }
        #expect(try chain(8000).bits(at: 999) == 0x3F80_0000)
        #expect(failure { _ = try chain(7999) }?.kind == .memoryLimit)
    }

    @Test("Outputs may be inputs, constants and one value twice; all come back dense")
    func outputs() throws {
        let results = try Run.graph([Literal(2 as Float, shape: [3])]) { builder, x throws(GraphError) in
            [x[0], try builder.constant(3, TensorType(.int8, [2])), x[0]]
        }
        #expect(results.allSatisfy { !$0.isSplat })
        #expect(try results[0].scalars(as: Float.self) == [2, 2, 2])
        #expect(try results[1].scalars(as: Int8.self) == [3, 3])
        #expect(results[2] == results[0])
    }
}
