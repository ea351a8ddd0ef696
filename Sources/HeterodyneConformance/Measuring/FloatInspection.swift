// Heterodyne: how a device treats subnormal numbers, NaN, ties, and products that are added to.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Looks at how a device computes in a float type, apart from how far off it is.
struct FloatInspection {
    typealias Finding = NumericsMeasurement.Finding

    let probe: NumericsProbe
    let type: ScalarType

    private var numerics: Numerics { probe.capabilities.numerics }

    /// All findings, `flushers` being what makes zero of subnormal numbers.
    func findings(flushers: [String]) throws(ProbeError) -> [Finding] {
        [subnormals(flushers), try ties(), try notANumber(), try contraction()]
    }

    /// One graph on numbers of the type.
    private func compute(
        _ what: String, _ operands: [[Double]], arithmetic: ArithmeticMode = .fast,
        _ body: ([Term]) throws(GraphError) -> [Term]
    ) throws(ProbeError) -> (graph: Graph, inputs: [Literal], outputs: [[Double]])? {
        let graph = try probe.graph(what, operands.map { TensorType(type, Shape([$0.count])) }) {
            _, terms throws(GraphError) in try body(terms)
        }
        guard probe.runs(graph) else { return nil }
        var inputs: [Literal] = []
        for operand in operands { inputs.append(try probe.literal(operand, type)) }
        return (graph, inputs, try probe.run(graph, inputs, arithmetic: arithmetic).map(\.numbers))
    }

    // MARK: - Subnormal numbers

    /// The operations that make zero of a subnormal operand or result.
    func flushers() throws(ProbeError) -> [String] {
        guard let format = FloatFormat(type) else { return [] }
        let normal = format.smallestNormal
        let small = normal / 4
        var names: [String] = []
        func check(
            _ name: String, _ operands: [Double], _ body: ([Term]) throws(GraphError) -> Term
        ) throws(ProbeError) {
            let run = try compute(name, operands.map { [$0, $0] }) { terms throws(GraphError) in [try body(terms)] }
            if let run, run.outputs[0].contains(0) { names.append(name) }
        }
        try check("multiply (operands)", [small, 8]) { x throws(GraphError) in try x[0] * x[1] }
        try check("multiply (results)", [normal, 0.25]) { x throws(GraphError) in try x[0] * x[1] }
        try check("add", [small, 2 * small]) { x throws(GraphError) in try x[0] + x[1] }
        try check("subtract", [1.5 * normal, normal]) { x throws(GraphError) in try x[0] - x[1] }
        try check("divide (operands)", [small, normal]) { x throws(GraphError) in try x[0] / x[1] }
        try check("divide (results)", [normal, 4]) { x throws(GraphError) in try x[0] / x[1] }
        try check("sqrt", [small]) { x throws(GraphError) in try x[0].sqrt() }
        try check("maximum", [small, -1]) { x throws(GraphError) in try x[0].maximum(x[1]) }
        try check("negate", [small]) { x throws(GraphError) in try x[0].negate() }
        return names
    }

    private func subnormals(_ names: [String]) -> Finding {
        Finding(
            subject: "denormals", scalarType: type, declared: numerics.denormals.rawValue,
            measured: names.isEmpty ? "preserved" : "flushed by \(names.joined(separator: ", "))",
            isWorse: numerics.denormals == .preserved && !names.isEmpty)
    }

    // MARK: - Ties

    /// Sums, products, quotients that lie halfway between two numbers.
    private func ties() throws(ProbeError) -> Finding {
        let unit = 2 * (FloatFormat(type)?.unitRoundoff ?? 0)
        let numbers = (0..<8).map { 1 + Double($0) * unit }
        let halves = numbers.map { _ in unit / 2 }
        let factors = numbers.map { _ in 1.5 }
        var wrong = 0
        var count = 0
        let run = try compute("ties", [numbers, halves, factors]) { x throws(GraphError) in
            [try x[0] + x[1], try x[0] - x[1] * 0.5, try x[0] * x[2], try (x[0] * x[2]).negate()]
        }
        if let run {
            // Contracted, the difference would be another.
            let defined = try probe.define(run.graph, run.inputs).map(\.numbers)
            for (index, (found, wanted)) in zip(run.outputs, defined).enumerated() where index != 1 {
                count += wanted.count
                wrong += zip(found, wanted).filter { $0 != $1 }.count
            }
        }
        return Finding(
            subject: "ties", scalarType: type, declared: numerics.roundsToNearestEven ? "to even" : "any",
            measured: wrong == 0 ? "to even" : "\(wrong) of \(count) otherwise",
            isWorse: numerics.roundsToNearestEven && wrong > 0)
    }

    // MARK: - NaN

    private func notANumber() throws(ProbeError) -> Finding {
        var losers: [String] = []
        var count = 0
        func check(
            _ name: String, _ operands: [[Double]], _ body: ([Term]) throws(GraphError) -> Term
        ) throws(ProbeError) {
            guard
                let run = try compute(name, operands, { terms throws(GraphError) in [try body(terms)] })
            else { return }
            count += 1
            if run.outputs[0].contains(where: { !$0.isNaN }) { losers.append(name) }
        }
        for op in UnaryOperator.allCases {
            try check(op.rawValue, [[.nan, .nan]]) { x throws(GraphError) in try x[0].unary(op) }
        }
        for op in BinaryOperator.allCases where op.takes(type) {
            try check(op.rawValue, [[.nan, 1.5, .nan], [1.5, .nan, .nan]]) { x throws(GraphError) in
                try x[0].binary(op, x[1])
            }
        }
        for kind in ReductionKind.allCases where kind.takes(type) {
            for numbers in [[1, .nan, 2, 3], [.nan, 1, 2, 3], [1, 2, 3, .nan]] {
                try check("reduce \(kind.rawValue)", [numbers]) { x throws(GraphError) in try x[0].reduce(kind, [0]) }
            }
        }
        try check("dot", [[1, .nan, 2], [1, 0, 2]]) { x throws(GraphError) in
            try x[0].dot(x[1], DotDimensions(leftContracting: [0], rightContracting: [0]))
        }
        var seen = Set<String>()
        losers = losers.filter { seen.insert($0).inserted }
        return Finding(
            subject: "NaN", scalarType: type, declared: numerics.propagatesNaN ? "propagates" : "may be lost",
            measured: losers.isEmpty ? "propagates (\(count) checks)" : "lost by \(losers.joined(separator: ", "))",
            isWorse: numerics.propagatesNaN && !losers.isEmpty)
    }

    // MARK: - Contraction

    /// a a + c, where a a rounds to -c and the difference is what only a fused multiply-add sees.
    private func contraction() throws(ProbeError) -> Finding {
        guard let format = FloatFormat(type) else {
            return Finding(subject: "contraction", scalarType: type, declared: "", measured: "", isWorse: false)
        }
        let step = Double(sign: .plus, exponent: -((format.precision + 1) / 2), significand: 1)
        let a = [1 + step, 1 + step]
        let c = [-(1 + 2 * step), -(1 + 2 * step)]
        func contracts(_ arithmetic: ArithmeticMode) throws(ProbeError) -> Bool {
            let run = try compute("a*b+c", [a, a, c], arithmetic: arithmetic) { x throws(GraphError) in
                [try x[0] * x[1] + x[2]]
            }
            return run?.outputs[0].contains { $0 != 0 } ?? false
        }
        let inRegions = try contracts(.fast)
        let always = try contracts(.uncontracted)
        var places = inRegions ? ["regions"] : []
        // Narrow floats accumulate in float32, where the product is exact.
        if type == .float32 || type == .float64 {
            let run = try compute("dot", [[1, 1 + step], [c[0], 1 + step]]) { x throws(GraphError) in
                [try x[0].dot(x[1], DotDimensions(leftContracting: [0], rightContracting: [0]))]
            }
            if run?.outputs[0].contains(where: { $0 != 0 }) == true { places.append("dot") }
        }
        var measured = places.isEmpty ? "none seen" : "in \(places.joined(separator: ", "))"
        if always { measured += ", also where it is forbidden" }
        return Finding(
            subject: "contraction", scalarType: type, declared: numerics.contracts ? "allowed" : "none",
            measured: measured, isWorse: always || (!numerics.contracts && !places.isEmpty))
    }
}
