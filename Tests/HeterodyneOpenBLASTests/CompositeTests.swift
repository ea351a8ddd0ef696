// Heterodyne: claimed composites against their decompositions on the reference.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOpenBLAS
import HeterodyneOps
import HeterodyneReference
import Testing

@Suite(.enabled(if: DeviceRunner.isAvailable, "OpenBLAS is not installed"))
struct CompositeTests {
    private static let floats: [ScalarType] = [.float16, .bfloat16, .float32, .float64]

    private func expectNative(_ graph: Graph, _ name: String) {
        for node in graph.nodes {
            let support = DeviceRunner.backend.support(for: NodeSignature(node, in: graph), on: DeviceRunner.device)
            #expect(support == .native, "\(name) is \(support)")
        }
    }

    /// The forms of gelu that are claimed for a type.
    private func gelus(_ type: ScalarType) -> [any Composite] {
        switch type {
        case .float16, .bfloat16: [Gelu(), Gelu(approximation: .tanh)]
        case .float32: [Gelu()]
        default: []
        }
    }

    @Test(arguments: floats) func elementwise(type: ScalarType) throws {
        var generator = SeededGenerator(31)
        let numerics = try DeviceRunner.backend.capabilities(of: DeviceRunner.device).numerics
        let composites: [any Composite] = [
            Erf(), Sigmoid(), Silu(), Softplus(), Relu(), Log1p(), Expm1(), Ceil(),
            RoundEven(), Sign(), ReciprocalSquareRoot(), Reciprocal(), Clip(minimum: -1, maximum: 2),
            Clip(minimum: 0.5), Clip(),
        ]
        for composite in composites + gelus(type) {
            let isPositive = composite is Log1p || composite is ReciprocalSquareRoot
            let range: ClosedRange<Double> = isPositive ? 0.01...9 : -9...9
            let x = try DeviceRunner.random(TensorType(type, [7, 33]), &generator, range)
            let graph = try GraphBuilder.graph([x.type]) { builder, t in [try builder.add(composite, t)] }
            expectNative(graph, composite.name)
            // The oracle is the decomposition in float64, rounded once.
            let wide = try ReferenceEvaluator.evaluate(ReferenceEvaluator.promoted(graph), inputs: [x])
            let expected = try ReferenceEvaluator.evaluate(
                GraphBuilder.graph(wide.map(\.type)) { _, t in [try t[0].convert(type)] }, inputs: wide)
            let actual = try DeviceRunner.run(graph, [x])
            let limit = (numerics.maximumCompositeULP[composite.name] ?? 0.5) + (type == .float64 ? 4 : 0.51)
            // 1 + tanh cancels in the definition of the second gelu: its error in float64 is 2^-53 |x|.
            let cancels = (composite as? Gelu)?.approximation == .tanh
            let closeness = cancels ? Closeness.ulpOrAbsolute(limit, 9 * 0x1p-52) : .ulp(limit)
            let difference = try DeviceRunner.firstDifference(actual[0], expected[0], closeness)
            #expect(difference == nil, "\(composite.name) \(composite.attributes) \(type)")
        }
    }

    @Test(arguments: floats) func rows(type: ScalarType) throws {
        var generator = SeededGenerator(32)
        let x = try DeviceRunner.random(TensorType(type, [3, 5, 40]), &generator)
        let scale = try DeviceRunner.random(TensorType(type, [40]), &generator)
        let bias = try DeviceRunner.random(TensorType(type, [40]), &generator)
        let wide = try DeviceRunner.random(TensorType(type, [5, 40]), &generator)
        let graph = try GraphBuilder.graph([x.type, scale.type, bias.type, wide.type]) { _, t in
            [
                try t[0].softmax(), try t[0].softmax(axis: 0), try t[0].logSoftmax(axis: 1),
                try t[0].layerNormalization(scale: t[1], bias: t[2]), try t[0].layerNormalization(),
                try t[0].layerNormalization(axis: 1, scale: t[3]), try t[0].rmsNormalization(scale: t[1]),
                try t[0].transpose([2, 1, 0]).softmax(), try t[0].slice([0, 1, 3], [3, 4, 30]).softmax(),
            ]
        }
        for node in graph.nodes where node.operation.name != "parameter" {
            let support = DeviceRunner.backend.support(for: NodeSignature(node, in: graph), on: DeviceRunner.device)
            #expect(support == .native, "\(node.operation.name)")
        }
        // Two roundings of the type, and the float32 error of sums of 200 terms around values of at most 10.
        let unit: Double =
            switch type {
            case .float64: 0x1p-53
            case .float32: 0x1p-24
            case .float16: 0x1p-11
            default: 0x1p-8
            }
        let sums = type == .float64 ? 0x1p-53 : 0x1p-24
        let limit = 16 * 2 * unit + 2 * 200 * sums * 16
        try DeviceRunner.check(graph, [x, scale, bias, wide], .absolute([limit]), "rows \(type)")
    }

    @Test func attention() throws {
        var generator = SeededGenerator(33)
        for (batch, heads, keyHeads, queries, keys, depth, valueDepth) in [
            (1, 2, 2, 5, 5, 8, 8), (2, 4, 2, 33, 47, 16, 24), (1, 1, 1, 1, 70, 32, 32), (2, 3, 3, 65, 20, 5, 7),
        ] {
            let q = try DeviceRunner.random(TensorType(.float32, [batch, queries, heads, depth]), &generator)
            let k = try DeviceRunner.random(TensorType(.float32, [batch, keyHeads, keys, depth]), &generator)
            let v = try DeviceRunner.random(TensorType(.float32, [batch, keyHeads, keys, valueDepth]), &generator)
            let added = try DeviceRunner.random(TensorType(.float32, [batch, 1, 1, keys]), &generator)
            let hidden = try DeviceRunner.random(TensorType(.bool, [queries, keys]), &generator)
            let graph = try GraphBuilder.graph([q, k, v, added, hidden].map(\.type)) { _, t in
                let heads = try t[0].transpose([0, 2, 1, 3])
                return [
                    try heads.attention(keys: t[1], values: t[2]),
                    try heads.attention(keys: t[1], values: t[2], mask: t[3]).transpose([0, 2, 1, 3]),
                    try heads.attention(keys: t[1], values: t[2], mask: t[4], causality: .bottomRight),
                    try heads.attention(keys: t[1], values: t[2], causality: .topLeft, scale: 0.3),
                ]
            }
            // Scores are below 16 * depth; their error scales the weights, whose average of values is at most 4.
            let limit = 4 * (2 * Double(depth) * 16 * 0x1p-24 * Double(depth) + 2 * Double(keys) * 0x1p-24) + 1e-6
            try DeviceRunner.check(graph, [q, k, v, added, hidden], .absolute([limit]), "attention \(queries)x\(keys)")
        }
    }

    @Test func unclaimedCompositesAreTakenApart() throws {
        var generator = SeededGenerator(34)
        let x = try DeviceRunner.random(TensorType(.float32, [4, 9]), &generator, 0.1...2)
        let graph = try GraphBuilder.graph([x.type]) { _, t in
            [try t[0].logSumExp(axes: [1]), try t[0].hardmax()]
        }
        let support = DeviceRunner.backend.support(
            for: NodeSignature(graph.node(of: graph.outputs[0].value), in: graph), on: DeviceRunner.device)
        #expect(support == .byDecomposition)
        try DeviceRunner.check(graph, [x], .absolute([1e-5]), "decomposed")
    }
}

struct LibraryTests {
    @Test func aMissingLibraryIsListedWithReasonAndRemedy() throws {
        let backend = OpenBLASBackend(libraries: ["/nonexistent/libopenblas.so"])
        let listing = backend.discover()
        #expect(listing.devices.isEmpty)
        let missing = try #require(listing.unavailable.first)
        #expect(missing.id == "openblas")
        #expect(missing.reason.contains("/nonexistent/libopenblas.so"))
        #expect(missing.remedy.contains("apt-get install libopenblas0-pthread"))
        #expect(throws: BackendError.self) { try backend.capabilities(of: "openblas") }
    }

    @Test func aLibraryWithoutTheFunctionsIsRefused() throws {
        let listing = OpenBLASBackend(libraries: ["libm.so.6"]).discover()
        let missing = try #require(listing.unavailable.first)
        #expect(missing.reason.contains("openblas_get_config"))
    }

    @Test(.enabled(if: DeviceRunner.isAvailable, "OpenBLAS is not installed")) func theDeviceIsDescribed() throws {
        let device = try #require(DeviceRunner.backend.discover().devices.first)
        #expect(device.threads >= 1)
        #expect(device.memoryByteCount > 1 << 20)
        #expect(device.versions["OpenBLAS"] != nil)
        let types = try DeviceRunner.backend.capabilities(of: device.id).scalarTypes
        #expect(types[.float64] == .compute)
        #expect(types[.float32] == .compute)
        #expect(throws: BackendError.self) { try DeviceRunner.backend.capabilities(of: "openblas:7") }
    }
}
