// Heterodyne: several chips by hand.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import HeterodyneRoofline
import Testing

@Suite("Work that several chips share")
struct DistributionTests {
    func weight(_ builder: GraphBuilder, _ extents: [Int]) throws(GraphError) -> Term {
        // Different numbers, so that equal constants are not one.
        let count = extents.reduce(1, *)
        let salt = Float(builder.nodes.count)
        return try builder.constant(
            Literal(
                [Float](unsafeUninitializedCapacity: count) { buffer, filled in
                    for index in 0..<count { buffer.initializeElement(at: index, to: salt + Float(index % 7)) }
                    filled = count
                }, shape: Shape(extents)))
    }

    /// A link of 400 GB/s sends 200 GB/s in each direction.
    private let sending = 200e9

    private func estimate(
        _ graph: Graph, _ kind: Distribution.Kind, _ chips: Int, weights: Set<String> = [],
        on profile: ChipProfile = chip()
    ) throws -> RooflineEstimate {
        try RooflineEstimator(profile).estimate(graph, over: Distribution(kind, chips: chips, weights: weights))
    }

    // MARK: - Data

    @Test("A divided batch divides the work, not the weights, and exchanges nothing")
    func data() throws {
        let graph = try graph { (b) throws(GraphError) in
            try b.input("x", TensorType(.float32, [64, 256])).dot(weight(b, [256, 512]), matrices)
        }
        let estimate = try estimate(graph, .data, 4)
        let operations: Double = 4_194_304
        let bytes: Double = 573_440
        #expect(estimate.steps.count == 1 && estimate.chipCount == 4)
        #expect(isSame(estimate.steps[0].computeSeconds, operations / 10e12))
        #expect(isSame(estimate.steps[0].memorySeconds, bytes / 1e12))
        #expect(isSame(estimate.seconds, bytes / 1e12 + 12e-6))
        #expect(estimate.communicationByteCount == 0)
        #expect(estimate.operationCount == 4 * operations && estimate.byteCount == 4 * bytes)
        #expect(estimate.dominantLoad?.peak == 40e12 && estimate.peakBandwidth == 4e12)
        #expect(isSame(estimate.joules, (estimate.seconds ?? 0) * 1200))
    }

    @Test("The gradient of a weight is summed over all chips")
    func gradient() throws {
        let graph = try graph { (b) throws(GraphError) in
            let x = try b.input("x", TensorType(.float32, [64, 256]))
            let dy = try b.input("dy", TensorType(.float32, [64, 512]))
            return try x.dot(dy, DotDimensions(leftContracting: [0], rightContracting: [0]))
        }
        let estimate = try estimate(graph, .data, 4)
        // 2 * 3/4 of 256 * 512 numbers of 4 bytes.
        let sent: Double = 786_432
        #expect(isSame(estimate.communicationByteCount, sent))
        #expect(isSame(estimate.steps[0].communicationSeconds, sent / sending))
        #expect(estimate.operationCount == 16_777_216)
        // Every chip writes a sum of its own: 4 * (16 * 256 + 16 * 512 + 256 * 512) bytes.
        #expect(isSame(estimate.steps[0].memorySeconds, 573_440 / 1e12))
    }

    @Test("A batch that cannot be divided is refused, with the batch")
    func unevenBatch() throws {
        let graph = try graph { (b) throws(GraphError) in try b.input("x", TensorType(.float32, [6, 8])).negate() }
        let error = #expect(throws: RooflineError.self) { try estimate(graph, .data, 4) }
        #expect(error?.message == "4 chips cannot share a batch of 6 evenly; choose a batch that is a multiple")
        let scalar = try HeterodyneRooflineTests.graph { (b) throws(GraphError) in
            try b.input("x", .scalar(.float32)).negate()
        }
        #expect(throws: RooflineError.self) { try estimate(scalar, .data, 2) }
    }

    @Test("A number of chips that is none, and a weight that is no input, are refused")
    func refused() throws {
        #expect(throws: RooflineError.self) { try Distribution(.data, chips: 0) }
        #expect(throws: RooflineError.self) { try Distribution(.tensor, chips: -3) }
        let graph = try product(8, 8, 8)
        let error = #expect(throws: RooflineError.self) { try estimate(graph, .tensor, 2, weights: ["w"]) }
        #expect(error?.message == "the graph has no input 'w'; it has a, b")
    }

    // MARK: - Tensor

    /// Two layers of a perceptron.
    private func perceptron(_ rows: Int, _ inner: Int) throws -> Graph {
        try graph { (b) throws(GraphError) in
            let x = try b.input("x", TensorType(.float32, [rows, 256]))
            return try x.dot(weight(b, [256, inner]), matrices).tanh().dot(weight(b, [inner, 256]), matrices)
        }
    }

    @Test("Two layers are divided by columns, then by rows, and their sums exchanged once", arguments: [2, 4, 8])
    func layers(chips: Int) throws {
        let estimate = try estimate(try perceptron(32, 1024), .tensor, chips)
        let n = Double(chips)
        // Bytes of the activations at both ends, of those between, and of a weight.
        let (ends, between, matrix): (Double, Double, Double) = (32_768, 131_072 / n, 1_048_576 / n)
        let operations: Double = 16_777_216 / n
        #expect(estimate.steps.map(\.name) == ["dot", "tanh", "dot"])
        #expect(isSame(estimate.steps[0].computeSeconds, operations / 10e12))
        #expect(isSame(estimate.steps[0].memorySeconds, (ends + matrix + between) / 1e12))
        #expect(isSame(estimate.steps[1].memorySeconds, 2 * between / 1e12))
        #expect(isSame(estimate.steps[2].memorySeconds, (between + matrix + ends) / 1e12))
        let sent = 2 * (n - 1) / n * ends
        #expect(estimate.steps.map(\.communicationSeconds)[..<2] == [0, 0])
        #expect(isSame(estimate.steps[2].communicationSeconds, sent / sending))
        #expect(isSame(estimate.communicationByteCount, sent))
        #expect(isSame(estimate.loads.first?.operationCount, 2 * operations * n + 32_768))
    }

    /// A block of a transformer: attention of `heads` heads and two layers, each with a residual and a normalization.
    func block(
        batch: Int, length: Int, width: Int, heads: Int, joined: Bool = false
    ) throws -> Graph {
        try graph { (b) throws(GraphError) in
            let x = try b.input("x", TensorType(.float32, [batch, length, width]))
            let last = DotDimensions(leftContracting: [2], rightContracting: [0])
            let shape = [batch, length, heads, width / heads]
            var parts: [Term] = []
            if joined {
                let all = try x.dot(weight(b, [width, 3 * width]), last)
                for part in 0..<3 {
                    parts.append(
                        try all.slice([0, 0, part * width], [batch, length, (part + 1) * width]).reshape(shape)
                            .transpose([0, 2, 1, 3]))
                }
            } else {
                for _ in 0..<3 {
                    parts.append(
                        try x.dot(weight(b, [width, width]), last).reshape(shape).transpose([0, 2, 1, 3]))
                }
            }
            let scores = try parts[0].dot(
                parts[1],
                DotDimensions(leftBatch: [0, 1], rightBatch: [0, 1], leftContracting: [3], rightContracting: [3]))
            let context = try scores.softmax(axis: -1).dot(
                parts[2],
                DotDimensions(leftBatch: [0, 1], rightBatch: [0, 1], leftContracting: [3], rightContracting: [2]))
            let merged = try context.transpose([0, 2, 1, 3]).reshape([batch, length, width])
            let attended = try x + merged.dot(weight(b, [width, width]), last)
            let ones = try b.constant(1, TensorType(.float32, [width]))
            let normal = try attended.layerNormalization(scale: ones, bias: ones)
            let inner = try normal.dot(weight(b, [width, 4 * width]), last).gelu()
            return try normal + inner.dot(weight(b, [4 * width, width]), last)
        }
    }

    @Test("A block of a transformer exchanges two sums of its activations", arguments: [2, 4], [false, true])
    func transformer(chips: Int, joined: Bool) throws {
        let (batch, length, width) = (3, 16, 64)
        let graph = try block(batch: batch, length: length, width: width, heads: 4, joined: joined)
        let shared = try estimate(graph, .tensor, chips)
        let n = Double(chips)
        let activations = Double(batch * length * width * 4)
        let sent = 2 * (n - 1) / n * activations
        #expect(isSame(shared.communicationByteCount, 2 * sent))
        #expect(shared.steps.filter { $0.communicationSeconds > 0 }.count == 2)
        // Products are divided evenly; residuals and normalizations are computed by all chips.
        let alone = RooflineEstimator(chip()).estimate(graph)
        func products(_ estimate: RooflineEstimate) -> Double {
            estimate.steps.reduce(0) { sum, step in
                sum + step.work.shares.filter { $0.kind == .contraction }.reduce(0) { $0 + $1.count }
            }
        }
        #expect(isSame(products(shared) * n, products(alone)))
        #expect(shared.operationCount > alone.operationCount)
    }

    @Test("Heads that cannot be divided are exchanged besides")
    func unevenHeads() throws {
        let graph = try block(batch: 2, length: 16, width: 96, heads: 6)
        let four = try estimate(graph, .tensor, 4)
        let activations: Double = 12_288
        // Three values before the attention are made whole, and what follows is divided in other places.
        #expect(four.communicationByteCount > 3 * activations)
        let three = try estimate(graph, .tensor, 3)
        #expect(isSame(three.communicationByteCount, activations * 8 / 3))
    }

    @Test("Inputs that are named are weights too")
    func namedWeights() throws {
        let graph = try product(64, 64, 64, .float32)
        #expect(try estimate(graph, .tensor, 4).steps[0].work.operationCount == 524_288)
        let divided = try estimate(graph, .tensor, 4, weights: ["b"])
        #expect(divided.steps[0].work.operationCount == 131_072)
        #expect(divided.communicationByteCount == 0)
    }

    @Test("A loop exchanges in each round what a round exchanges")
    func loop() throws {
        let type = TensorType(.float32, [32, 256])
        let counter = TensorType.scalar(.int32)
        let condition = try GraphBuilder.region([counter, type]) { (b, s) throws(GraphError) in
            [try s[0].compare(.less, b.constant(5, counter))]
        }
        let body = try GraphBuilder.region([counter, type]) { (b, s) throws(GraphError) in
            [
                try s[0] + 1,
                try s[1].dot(weight(b, [256, 512]), matrices).tanh().dot(weight(b, [512, 256]), matrices),
            ]
        }
        let graph = try graph { (b) throws(GraphError) in
            try b.loop([b.constant(0, counter), b.input("x", type)], condition: condition, body: body)[1]
        }
        let estimate = try estimate(graph, .tensor, 4)
        // Five times 2 * 3/4 of 32 * 256 numbers of 4 bytes.
        #expect(isSame(estimate.communicationByteCount, 245_760))
        let operations = estimate.loads.filter { $0.type == .float32 }.reduce(0) { $0 + $1.operationCount }
        // Five times two products of 2 * 32 * 256 * 512 operations and 32 * 512 functions.
        #expect(operations == 83968000)
    }

    @Test("Branches that leave a value divided differently make it whole")
    func branches() throws {
        let type = TensorType(.float32, [32, 256])
        let divided = try GraphBuilder.region([type]) { (b, t) throws(GraphError) in
            [try t[0].dot(weight(b, [256, 256]), matrices)]
        }
        let plain = try GraphBuilder.region([type]) { (_, t) throws(GraphError) in [try t[0].negate()] }
        func graph(_ otherwise: Graph) throws -> Graph {
            try HeterodyneRooflineTests.graph { (b) throws(GraphError) in
                try b.add(
                    .conditional(then: divided, otherwise: otherwise),
                    [b.input("c", .scalar(.bool)), b.input("x", type)])
            }
        }
        // 3/4 of 32 * 256 numbers of 4 bytes.
        #expect(isSame(try estimate(graph(plain), .tensor, 4).communicationByteCount, 24_576))
        #expect(try estimate(graph(divided), .tensor, 4).communicationByteCount == 0)
        #expect(try estimate(graph(divided), .tensor, 4).operationCount == 4_194_304)
    }

    // MARK: - Links

    @Test("A slow link is the roof")
    func slowLink() throws {
        let slow = chip(interconnect: .init(name: "Thread", bandwidth: known(2e8), isHostOnly: false))
        let estimate = try estimate(try perceptron(256, 1024), .tensor, 4, on: slow)
        #expect(estimate.boundBy == .interconnect && estimate.steps[2].roof == .interconnect)
        #expect(estimate.assumptions.allSatisfy { !$0.contains("host") })
    }

    @Test("A link that leads to the host only is said to")
    func hostLink() throws {
        let host = chip(interconnect: .init(name: "PCIe 4.0 x16", bandwidth: known(64e9), isHostOnly: true))
        let estimate = try estimate(try perceptron(256, 1024), .tensor, 4, on: host)
        #expect(
            estimate.assumptions.contains(
                "the chips exchange data through the host over PCIe 4.0 x16; what the host allows besides is not counted"
            ))
        #expect(
            try self.estimate(try perceptron(256, 1024), .data, 4, on: host).assumptions.allSatisfy {
                !$0.contains("host")
            })
    }

    @Test("Without a link what is exchanged is missing")
    func noLink() throws {
        let estimate = try estimate(try perceptron(256, 1024), .tensor, 4, on: chip(interconnect: nil))
        #expect(estimate.isLowerBound)
        #expect(
            estimate.missing == [
                MissingTerm(
                    figure: .interconnectBandwidth, reason: "the profile of Test has no interconnect",
                    amount: 393_216, stepCount: 1)
            ])
    }

    @Test("The figures of a system are those of all its chips")
    func system() throws {
        let graph = try perceptron(32, 1024)
        let link = ChipProfile.Interconnect(name: "Mesh", bandwidth: known(8 * 400e9), isHostOnly: false)
        var types = chipTypes
        types[.float32]?.vector = known(8 * 10e12)
        let system = chip(
            bandwidth: known(8e12), power: known(2400), interconnect: link, chipCount: 8, types: types)
        let (one, eight) = (try estimate(graph, .tensor, 4), try estimate(graph, .tensor, 4, on: system))
        #expect(isSame(eight.seconds, one.seconds ?? 0))
        #expect(isSame(eight.joules, one.joules ?? 0))
        #expect(eight.chipCount == 4)
    }

    // MARK: - Properties

    @Test("One chip shares with nobody", arguments: Distribution.Kind.allCases, 0..<4)
    func alone(kind: Distribution.Kind, sample: Int) throws {
        let graph = try RooflineEstimatorTests.sample(sample, batch: 16)
        let (shared, alone) = (try estimate(graph, kind, 1), RooflineEstimator(chip()).estimate(graph))
        #expect(isSame(shared.seconds, alone.seconds ?? 0))
        #expect(shared.steps.map(\.byteCount) == alone.steps.map(\.byteCount))
        #expect(shared.communicationByteCount == 0)
    }

    @Test(
        "No chip does more than one alone would, and all together no less",
        arguments: Distribution.Kind.allCases, [2, 4, 8])
    func conserved(kind: Distribution.Kind, chips: Int) throws {
        var graphs = try (0..<4).map { try RooflineEstimatorTests.sample($0, batch: 16) }
        graphs.append(try block(batch: 8, length: 8, width: 64, heads: 4))
        graphs.append(try perceptron(16, 512))
        for graph in graphs {
            let weights: Set<String> = graph.inputNames.contains("w") ? ["w"] : []
            let shared = try estimate(graph, kind, chips, weights: weights)
            let alone = RooflineEstimator(chip()).estimate(graph)
            #expect(shared.operationCount >= alone.operationCount * (1 - 1e-12))
            for (a, b) in zip(shared.steps, alone.steps) {
                #expect(a.work.operationCount <= b.work.operationCount * (1 + 1e-12))
                #expect(a.byteCount <= b.byteCount * (1 + 1e-12))
            }
        }
    }
}
