// Heterodyne: the report as data and as text.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

@Suite("Report")
struct ReportTests {
    private func report() throws -> CompilationReport {
        let builder = GraphBuilder()
        let place = SourceLocation(file: "Model/A.swift", line: 3)
        let x = try builder.input("x", TensorType(.float32, [4, 8]))
        let w = try builder.input("w", TensorType(.float32, [8, 2]))
        builder.currentLocation = place
        let product = try x.dot(w, DotDimensions(leftContracting: [1], rightContracting: [0]))
        try builder.output("y", product.exp().sin() * 3)
        return try Compiler(targets: [Targets.fusing], evaluator: ReferenceEvaluator())
            .compile(builder.build(), label: "model").report
    }

    @Test("Entries carry place, reason and cost; equal decisions are counted")
    func entries() throws {
        let report = try report()
        let dot = try #require(report.entries.first { $0.operation == "dot" })
        #expect(dot.kind == .placement && dot.count == 1 && dot.reason == "native")
        #expect(dot.location == "Model/A.swift:3" && dot.resultTypes == "float32[4, 2]")
        #expect(dot.operationCount == 2 * 4 * 8 * 2)
        #expect(dot.byteCount == Double(4 * (4 * 8 + 8 * 2 + 4 * 2)))
        let fusion = try #require(report.entries.first { $0.kind == .fusion })
        #expect(fusion.operation == "fused(dot exp sin multiply)")
        #expect(fusion.operationCount == 128 + 3 * 8)
        #expect(report.costlyEntries.isEmpty)
        #expect(report.summary == "model: 4 nodes on fusing, nothing fell back")
        var counted = CompilationReport(label: "l", devices: ["d"])
        let node = Node(
            operation: .primitive(.unary(.exp)), operands: [], resultTypes: [TensorType(.float32, [10])])
        for _ in 0..<3 {
            counted.record(.placement, node, operandTypes: node.resultTypes, device: "d", reason: "native")
        }
        #expect(counted.entries.count == 1 && counted.entries[0].count == 3)
        #expect(counted.entries[0].operationCount == 30 && counted.entries[0].byteCount == 240)
    }

    @Test("The report survives JSON")
    func json() throws {
        let report = try report()
        let data = try JSONEncoder().encode(report)
        #expect(try JSONDecoder().decode(CompilationReport.self, from: data) == report)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(Set(object.keys).isSuperset(of: ["label", "devices", "entries", "passes", "seconds"]))
    }

    @Test(
        "Quantities have three digits and a prefix, whatever the number",
        arguments: [
            (0, "0 "), (1, "1 "), (999, "999 "), (1234, "1.23 k"), (2e6, "2 M"), (0.0015, "1.5 m"), (3e12, "3 T"),
            (.infinity, "inf T"), (.nan, "nan u"),
        ] as [(Double, String)])
    func quantities(value: Double, text: String) { #expect(CompilationReport.quantity(value) == text) }

    @Test("A composite costs what its definition computes")
    func compositeCost() throws {
        let type = TensorType(.float32, [100])
        let graph = try parse(
            "heterodyne 1\ngraph(%0 \"x\": float32[100]) {\n%1 = erf(%0) : float32[100]\nreturn \"y\" = %1\n}")
        let cost = NodeCost(graph.nodes[1], in: graph)
        #expect(cost.byteCount == 800)
        #expect(cost.operationCount > 300)
        #expect(NodeCost(graph.nodes[1], operandTypes: [type]) == cost)
    }
}
