// Heterodyne: graphs for devices that lack scalar types compute what the reference does.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import HeterodyneBackend
import HeterodyneEmulation
import HeterodyneGraph
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

@Suite("Legalization")
struct LegalizationTests {
    static let seeds = 0..<40

    // MARK: Random graphs

    static let exactLacks = [
        Lack(.int64), Lack(.int64, .uint64), Lack(.int64, kept: .storage), Lack(.uint8), Lack(.int16, .uint8),
        Lack(.int64, exceptions: [.multiply, .divide]), Lack(.int8, .int16, .int64, kept: .storage),
        Lack(.int64, .int16, kept: [.storage, .convert]),
    ]

    @Test("Integers are exact", arguments: exactLacks, seeds)
    func integers(lack: Lack, seed: Int) throws {
        var random = RandomGraphs(
            seed: UInt64(seed) + 7000, usesComposites: false,
            scalarTypes: [.int64, .int64, .uint64, .int32, .int8, .uint8, .int16, .bool, .float32])
        let graph = try random.graph(nodes: 25)
        try expectLegalized(
            graph, try random.inputs(for: graph), lack, .uniform(.emulate), "seed \(seed)")
    }

    static let narrowLacks = [
        Lack(.bfloat16), Lack(.bfloat16, .float16), Lack(.bfloat16, kept: .storage),
        Lack(.float16, .float8e4m3fn, .float8e5m2), Lack(.float16, kept: [.storage, .convert]),
        Lack(.bfloat16, exceptions: [.add, .reshape]),
    ]

    @Test("Narrow floats are rounded once", arguments: narrowLacks, seeds)
    func narrowFloats(lack: Lack, seed: Int) throws {
        var random = RandomGraphs(
            seed: UInt64(seed) + 8000, usesComposites: false, operators: .rounded,
            scalarTypes: [.bfloat16, .bfloat16, .float16, .float16, .float32, .int32, .int64, .int16, .bool])
        let graph = try random.graph(nodes: 25)
        try expectLegalized(graph, try random.inputs(for: graph), lack, .uniform(.emulate), "seed \(seed)")
    }

    @Test(
        "Movement is exact under every rule and free, whatever the values",
        arguments: [
            Lack(.float64), Lack(.float64, .int64), Lack(.bfloat16), Lack(.int8, .bfloat16, .float64),
            Lack(.float64, exceptions: [.reshape, .select, .gather]), Lack(.bfloat16, exceptions: [.slice, .pad]),
        ], seeds)
    func movement(lack: Lack, seed: Int) throws {
        var random = RandomGraphs(
            seed: UInt64(seed) + 9000, usesComposites: false, operators: .movement,
            scalarTypes: [.float64, .float64, .bfloat16, .int8, .int64, .float32])
        let graph = try random.graph(nodes: 25)
        let inputs = try random.inputs(for: graph)
        for rule in ScalarTypePolicy.Rule.allCases {
            let policy = ScalarTypePolicy.uniform(rule)
            // The loops of the generator count, and add to, an int32.
            let compiled = try compile(graph, lack.target, policy)
            #expect(compiled.report.costlyEntries.isEmpty, "\(rule) \(compiled.report.costlyEntries)")
            try expectLegalized(graph, inputs, lack, policy, "\(rule), seed \(seed)") { (x, y) in
                x == y ? nil : try x.denseStorage().holdsSame(y.denseStorage()) ? nil : try difference(x, y) ?? "NaN"
            }
        }
    }

    // MARK: Conversions

    static let allTypes: [ScalarType] = ScalarType.allCases.filter { $0.bitWidth > 4 && $0 != .bool }

    private static let numbers: [Double] = [
        0, -0.0, 1, -1, 0.5, 2.5, -3.75, 100, 127, 128, -128, -129, 255, 256, 300, 32767, 32768, 65535, 65536, 1e5,
        16_777_215, 16_777_217, -16_777_219, 2_147_483_647, 2_147_483_648, -2_147_483_649, 4_294_967_295,
        4_294_967_296, 1e10, -1e10, 9.2e18, -9.3e18, 1.9e19, 1e30, .infinity, -.infinity, .nan, 448, 449, 57344, 65519,
        65520, 1.00390625, 1.01171875, 3.4e38, 0x1p-14, 0x1.fffffep-2,
    ]

    @Test("Conversions of one rounding between all types", arguments: allTypes)
    func conversions(from: ScalarType) throws {
        for to in Self.allTypes + [.bool] where to != from {
            let builder = GraphBuilder()
            var numbers = Self.numbers
            // Halfway cases of narrow floats that a second rounding decides wrongly, exact as pairs.
            if from == .float64 { numbers += [1 + 0x1p-8 + 0x1p-30, 1 + 0x1p-11 + 0x1p-40, -1 - 0x1p-8 - 0x1p-40] }
            var input = try literal(numbers, from)
            if from == .int64 || from == .uint64 {
                let large: [UInt64] = [
                    0x100_0000_0001, 0x101_0000_0001, 0x101_0000_0000, .max, 0x8000_0000_0000_0000,
                    0xFFFF_FF7F_FFFF_FFFF,
                ]
                let bits = numbers.map { from.bits(of: $0) } + large
                input = try literal(bits: bits, from, [bits.count])
            }
            let x = try builder.input("x", input.type)
            try builder.output("y", x.convert(to))
            let graph = try builder.build()
            for lack in [
                Lack(from), Lack(to), Lack(from, to), Lack(from, to, kept: .storage),
                Lack(from, to, kept: [.storage, .convert]),
            ] {
                if !lack.isEmulated { continue }
                try expectLegalized(graph, [input], lack, .uniform(.emulate), "\(from) to \(to)") { (a, b) in
                    // Beyond float32 a pair is infinite; 2^63 and its like are exact.
                    to == .float64 ? try farther(than: 0x1p-48, a, b) : try difference(a, b)
                }
            }
        }
    }

    @Test("Bits between types of a width", arguments: allTypes)
    func bitcasts(from: ScalarType) throws {
        let patterns: [UInt64] = [
            0, 1, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FF8_0000_0000_0001, .max, 0x0123_4567_89AB_CDEF, 1 << 63,
        ]
        for to in Self.allTypes where to.bitWidth == from.bitWidth && to != from && from.bitWidth != 32 {
            let builder = GraphBuilder()
            let input = try literal(bits: patterns, from, [patterns.count])
            try builder.output("y", builder.input("x", input.type).bitcast(to))
            let graph = try builder.build()
            for lack in [Lack(from), Lack(to), Lack(from, to)] where lack.isEmulated {
                try expectLegalized(graph, [input], lack, .uniform(.emulate), "\(from) to \(to)") { (a, b) in
                    try a.denseStorage().holdsSame(b.denseStorage()) ? nil : "bits differ"
                }
            }
        }
    }

    // MARK: float64

    private static func float64Inputs() throws -> (Literal, Literal) {
        let x: [Double] = [
            0, -0.0, 1, -1, 0.1, -2.75, 1e10, -1e-10, 3.141592653589793, 1e5 + 1e-5, 7, -7, 0x1p-60, 123456.789,
            .infinity, -.infinity, .nan, 2,
        ]
        let y: [Double] = [
            1, 2, -3, 0.7, 0.1, 1e-3, 1e10, 3e-10, 2.718281828459045, 1e5, 3, 3, 0x1p-61, -1e-7, 1, 2, 1, .nan,
        ]
        return (try literal(x, .float64), try literal(y, .float64))
    }

    static let float64Lacks = [
        Lack(.float64), Lack(.float64, kept: .storage), Lack(.float64, .int64),
        Lack(.float64, exceptions: [.multiply, .divide, .sqrt, .floor, .maximum]),
    ]

    @Test("float64 in pairs has 45 bits and more", arguments: float64Lacks)
    func pairs(lack: Lack) throws {
        let (x, y) = try Self.float64Inputs()
        let builder = GraphBuilder()
        let (a, b) = (try builder.input("a", x.type), try builder.input("b", y.type))
        for op in [UnaryOperator.negate, .abs, .floor] { try builder.output(op.rawValue, a.unary(op)) }
        try builder.output("sqrt", a.abs().sqrt())
        for op in [BinaryOperator.add, .subtract, .multiply, .divide, .maximum, .minimum] {
            try builder.output(op.rawValue, a.binary(op, b))
        }
        for direction in ComparisonDirection.allCases {
            try builder.output(direction.rawValue, a.compare(direction, b))
        }
        try builder.output("chain", (a.abs() * b.abs() + a.abs()).convert(.float32).convert(.float64) * b)
        try builder.output("moved", builder.concatenate([a * 2, b], dimension: 0).reverse([0]))
        let graph = try builder.build()
        try expectLegalized(graph, [x, y], lack, policy("float64=emulate")) { try farther(than: 0x1p-45, $0, $1) }
    }

    /// A function, the operation whose bound it has, and what the error is measured against for operands and result.
    static let functionBounds: [(name: String, DoubleSingleFormat.Operation, range: ClosedRange<Double>)] = [
        ("exp", .exponential, -50...80), ("log", .logarithm, 1e-6...1e9), ("sin", .sine, -100...100),
        ("cos", .cosine, -100...100), ("tanh", .hyperbolicTangent, -9...9), ("power", .power, 0.1...30),
        ("remainder", .remainder, -1e6...1e6), ("divide", .divide, -1e6...1e6), ("sqrt", .squareRoot, 0...1e9),
    ]

    @Test("Functions of float64 keep the bounds of the format in graphs", arguments: functionBounds.indices)
    func functions(index: Int) throws {
        let (name, operation, range) = Self.functionBounds[index]
        var random = SplitMix64(seed: UInt64(index) + 99)
        let x = (0..<400).map { _ in Double.random(in: range, using: &random) }
        let y = (0..<400).map { _ in Double.random(in: -8...8, using: &random) }
        let builder = GraphBuilder()
        let a = try builder.input("a", TensorType(.float64, [400]))
        let b = try builder.input("b", TensorType(.float64, [400]))
        let result: Term
        if let op = UnaryOperator(rawValue: name) {
            result = try a.unary(op)
        } else {
            result = try a.binary(try #require(BinaryOperator(rawValue: name)), b)
        }
        try builder.output("y", result)
        let bound = DoubleSingleFormat.bound(operation) * DoubleSingleFormat.unit
        // Rounding the operands to pairs costs half a unit each, as often as the function enlarges it.
        func limit(_ x: Double, _ y: Double, _ exact: Double) -> Double {
            let own = DoubleSingleFormat.unit
            switch operation {
            case .exponential: return (bound + own * x.magnitude) * exact
            case .logarithm: return bound * exact.magnitude + own
            case .sine, .cosine: return bound * max(exact.magnitude, 0x1p-49 * x.magnitude) + own * x.magnitude
            case .power: return (bound + 2 * own) * (1 + (y * log(x)).magnitude + y.magnitude) * exact
            case .remainder: return bound * max(y.magnitude, 0x1p-16 * x.magnitude) + own * x.magnitude
            default: return (bound + 2 * own) * exact.magnitude
            }
        }
        for lack in [
            Lack(.float64),
            Lack(
                .float64,
                exceptions: PrimitiveCode.allCases.filter {
                    $0.group == .elementwise && ![.convert, .add, .subtract, .select, .bitcast].contains($0)
                }),
        ] {
            try expectLegalized(
                builder.build(), [Literal(x), Literal(y)], lack, policy("float64=emulate"), name
            ) { (expected, actual) in
                let (e, r) = (try expected.scalars(as: Double.self), try actual.scalars(as: Double.self))
                for index in e.indices where !((e[index] - r[index]).magnitude <= limit(x[index], y[index], e[index])) {
                    return "\(name)(\(x[index]), \(y[index])) is \(e[index]), not \(r[index])"
                }
                return nil
            }
        }
    }

    @Test("Graphs of float64 stay near their results, and what is not finite is what it was", arguments: seeds)
    func random(seed: Int) throws {
        var random = RandomGraphs(
            seed: UInt64(seed) + 12_000, usesComposites: false, operators: .rounded,
            scalarTypes: [.float64, .float64, .float64, .float32, .int32, .bool])
        let graph = try random.graph(nodes: 20)
        let inputs = try random.inputs(for: graph)
        for lack in Self.float64Lacks {
            try expectLegalized(graph, inputs, lack, policy("float64=emulate"), "seed \(seed)") { (a, b) in
                guard a.type.scalarType == .float64 else { return try difference(a, b) }
                for (x, y) in zip(try a.scalars(as: Double.self), try b.scalars(as: Double.self)) where x != y {
                    if x.isNaN && y.isNaN { continue }
                    // Beyond the range of float32, and near its lower end: what is lost below 2^-126 is 2^-63 in roots.
                    if x.magnitude > DoubleSingleFormat.largest && y.isInfinite && x.sign == y.sign { continue }
                    if (x - y).magnitude <= max(0x1p-63, 0x1p-43 * x.magnitude) { continue }
                    return "\(x) and \(y)"
                }
                return nil
            }
        }
    }

    @Test("Indices that nodes under fallback move are made where these run")
    func countingUnderFallback() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float64, [2]))
        let h = try builder.input("h", TensorType(.bfloat16, [2]))
        let k = try builder.input("k", TensorType(.int64, [2]))
        for (name, term) in [("x", x), ("h", h), ("k", k)] {
            let type = TensorType(term.scalarType, [3])
            try builder.output(name, builder.concatenate([builder.iota(type, dimension: 0), term], dimension: 0))
        }
        let inputs = [
            try literal([0.1, -7], .float64), try literal([1, -7], .bfloat16), Literal([5, .min] as [Int64]),
        ]
        for rule in ScalarTypePolicy.Rule.allCases {
            try expectLegalized(
                builder.build(), inputs, Lack(.float64, .bfloat16, .int64), .uniform(rule), "\(rule)")
        }
    }

    @Test("Rewriting makes a number of nodes that grows with the graph")
    func size() throws {
        func compiledCount(_ count: Int) throws -> (nodes: Int, seconds: Double) {
            let builder = GraphBuilder()
            var x = try builder.input("x", TensorType(.float64, [8]))
            for _ in 0..<count { x = try x.sin() * 1.5 }
            try builder.output("y", x)
            let clock = ContinuousClock()
            let start = clock.now
            let compiled = try compile(builder.build(), Lack(.float64).target, policy("float64=emulate"), fuses: true)
            let duration = start.duration(to: clock.now).components
            return (
                compiled.report.passes.first { $0.name == "legalize" }?.nodeCount ?? 0,
                Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
            )
        }
        let (few, many) = (try compiledCount(10), try compiledCount(40))
        #expect(many.nodes <= 4 * few.nodes && many.nodes > 2 * few.nodes, "\(few) \(many)")
        // Quadratic passes would take sixteen times as long.
        #expect(many.seconds < 10 * few.seconds + 1, "\(few) \(many)")
    }

    @Test("Emulated floats are compiled without contraction")
    func arithmetic() throws {
        let builder = GraphBuilder()
        let a = try builder.input("a", TensorType(.float64, [3]))
        try builder.output("b", a * a)
        let graph = try builder.build()
        #expect(
            try compile(graph, Lack(.float64).target, policy("float64=emulate")).parts[0].arithmetic == .uncontracted)
        #expect(try compile(graph, Lack(.float64).target, policy("float64=demote")).parts[0].arithmetic == .fast)
        #expect(try compile(graph, Lack(.int8).target, .standard).parts[0].arithmetic == .fast)
    }

    @Test("Demoted types compute in the narrower one")
    func demotion() throws {
        let builder = GraphBuilder()
        let a = try builder.input("a", TensorType(.float64, [4]))
        let i = try builder.input("i", TensorType(.int64, [4]))
        try builder.output("exp", a.exp())
        try builder.output("same", a.reshape([2, 2]))
        try builder.output("sum", i + i)
        try builder.output("both", a * i.convert(.float64))
        let graph = try builder.build()
        let x: [Double] = [0.1, 1e300, -2, 1 + 0x1p-40]
        let n: [Int64] = [1, -5, 1 << 33 | 7, .min]
        for lack in [
            Lack(.float64, .int64), Lack(.float64, .int64, kept: .storage),
            Lack(.float64, .int64, kept: [.storage, .convert]),
        ] {
            let compiled = try compile(graph, lack.target, .uniform(.demote))
            let results = try execute(compiled, lack.target, [Literal(x), Literal(n)])
            let exp: [Double] = try results[0].scalars()
            for (e, v) in zip(exp, x) { #expect(e == Double(Float(exactly: e) ?? .nan) || e.isInfinite, "exp \(v)") }
            #expect(abs(exp[0] - 1.1051709180756477) < 1e-6 && exp[0] != 1.1051709180756477)
            #expect(try results[1].scalars(as: Double.self) == x)
            #expect(try results[2].scalars(as: Int64.self) == [2, -10, 14, 0])
            let both: [Double] = try results[3].scalars()
            #expect(both[0] == Double(Float(0.1)))
            // A device that converts int64 does so as it is.
            let isWhole = lack.kept.contains(.convert)
            #expect(both[2] == (isWhole ? -0x1p34 : -14) && both[3] == (isWhole ? -0x1p63 : 0))
            #expect(Set(compiled.report.costlyEntries.map(\.rule)) == ["float64=demote", "int64=demote"])
        }
    }

    // MARK: Policy and report

    @Test("Arithmetic of a missing type is refused under fallback and error, with the device's reason")
    func refusal() throws {
        let builder = GraphBuilder()
        let a = try builder.input("a", TensorType(.float64, [3]))
        try builder.output("b", a.reshape([3, 1]).exp())
        let graph = try builder.build()
        for rule in ["fallback", "error"] {
            let error = graphError { _ = try compile(graph, Lack(.float64).target, policy("float64=\(rule)")) }
            #expect(error?.kind == .unsupported)
            #expect(error?.message.contains("the device has no float64") == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("float64=\(rule)") == true, "\(error?.message ?? "")")
            #expect(error?.operation?.contains("exp") == true)
        }
        // What stands in for the others cannot be missing itself.
        let error = graphError { _ = try compile(graph, Lack(.float64, .float32).target, .uniform(.emulate)) }
        #expect(error?.kind == .unsupported && error?.message.contains("float32") == true)
    }

    @Test("Every node that is rewritten has its lines in the report", arguments: seeds)
    func lines(seed: Int) throws {
        var random = RandomGraphs(seed: UInt64(seed) + 10_000, usesComposites: seed % 2 == 0, operators: .rounded)
        let graph = try random.graph(nodes: 30)
        let lack = Lack(.int64, .bfloat16, .int8)
        let compiled = try compile(graph, lack.target, .uniform(.emulate))
        let legalizer = Legalizer(target: lack.target, policy: .uniform(.emulate))
        let placed = compiled.placed
        let live = placed.liveNodes()
        let outputs = Set(placed.outputs.map { Int($0.value.node) })
        var expected = 0
        for (index, node) in placed.nodes.enumerated() where live[index] {
            if case .parameter = node.operation { continue }
            if node.operation.primitive?.code.group == .source && !outputs.contains(index) { continue }
            let answer = legalizer.answer(for: NodeSignature(node, in: placed))
            guard case .legalized(let changes) = answer else { continue }
            expected += changes.count
            #expect(Set(changes.map(\.type)) == NodeSignature(node, in: placed).scalarTypes.intersection(lack.types))
        }
        let lines = compiled.report.entries.filter { $0.kind == .legalization }
        #expect(lines.reduce(0) { $0 + $1.count } == expected)
        // Nothing is rewritten where there is no line.
        func changes(_ graph: Graph) -> Int {
            graph.nodes.filter { [.bitcast, .convert].contains($0.operation.primitive?.code) }.count
        }
        if expected == 0 {
            #expect(compiled.parts.reduce(0) { $0 + changes($1.graph) } == changes(try placed.droppingDeadNodes()))
        }
    }

    @Test("A type that is whole on the device is left alone")
    func untouched() throws {
        var random = RandomGraphs(seed: 5)
        let graph = try random.graph(nodes: 40)
        let compiled = try compile(graph, Targets.plain, .uniform(.emulate))
        #expect(!compiled.report.entries.contains { $0.kind == .legalization })
        let target = Lack(.bfloat16).target
        let context = PassContext(target: target, evaluator: ReferenceEvaluator())
        var plain = RandomGraphs(seed: 5, scalarTypes: [.float32, .int32])
        let other = try plain.graph(nodes: 40)
        #expect(try Legalization().run(other, in: context) == other)
    }
}

extension LiteralStorage {
    /// Whether the bytes are the same.
    fileprivate func holdsSame(_ other: LiteralStorage) -> Bool {
        withBytes { a in other.withBytes { b in a.elementsEqual(b) } }
    }
}
