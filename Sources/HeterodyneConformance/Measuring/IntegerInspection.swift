// Heterodyne: integers at their edges.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Compares every operator on every pair of an integer type's edges with its definition: division by zero, the smallest number by
/// -1, shifts by the width and more, wrapping; and conversions of floats beyond the type's range.
struct IntegerInspection {
    let probe: NumericsProbe
    let type: ScalarType

    func finding() throws(ProbeError) -> NumericsMeasurement.Finding {
        let edges = ValueClass.edges(of: type)
        let pairs = [
            try probe.literal(edges.flatMap { edge in edges.map { _ in edge } }, type),
            try probe.literal(edges.flatMap { _ in edges }, type),
        ]
        let pair = [TensorType](repeating: TensorType(type, Shape([edges.count * edges.count])), count: 2)
        var failures: [String] = []
        var count = 0
        func check(_ name: String, _ graph: Graph, _ inputs: [Literal]) throws(ProbeError) {
            guard probe.runs(graph) else { return }
            let found = try probe.run(graph, inputs)[0].elementBits
            let wanted = try probe.define(graph, inputs)[0].elementBits
            count += wanted.count
            let wrong = zip(found, wanted).filter { $0 != $1 }.count
            if wrong > 0 { failures.append("\(name) (\(wrong) of \(wanted.count))") }
        }
        for op in BinaryOperator.allCases where op.takes(type) {
            let graph = try probe.graph(op.rawValue, pair) { _, x throws(GraphError) in [try x[0].binary(op, x[1])] }
            try check(op.rawValue, graph, pairs)
        }
        for direction in ComparisonDirection.allCases {
            let graph = try probe.graph("compare", pair) { _, x throws(GraphError) in
                [try x[0].compare(direction, x[1])]
            }
            try check("compare \(direction.rawValue)", graph, pairs)
        }
        for op in UnaryOperator.allCases where op.takesIntegers {
            let graph = try probe.graph(op.rawValue, [pair[0]]) { _, x throws(GraphError) in [try x[0].unary(op)] }
            try check(op.rawValue, graph, [pairs[0]])
        }
        if probe.computes(.float32) {
            let limit = Double(sign: .plus, exponent: type.bitWidth - 1, significand: 1)
            let numbers: [Double] = [
                .nan, .infinity, -.infinity, 1e30, -1e30, limit, -limit, 2 * limit, limit * (1 - 0x1p-24), 0.5, -0.5,
                -0.999,
                2.5, -2.5, -0.0, 1e-40,
            ]
            let graph = try probe.graph("convert", [TensorType(.float32, Shape([numbers.count]))]) {
                _, x throws(GraphError) in [try x[0].convert(type)]
            }
            try check("convert", graph, [try probe.literal(numbers, .float32)])
        }
        return NumericsMeasurement.Finding(
            subject: "integer edges", scalarType: type, declared: "as defined",
            measured: failures.isEmpty
                ? "as defined (\(count) results)" : "otherwise: \(failures.joined(separator: ", "))",
            isWorse: !failures.isEmpty)
    }
}
