// Heterodyne: estimates by hand.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import HeterodyneRoofline
import Testing

@Suite("Roofline estimates")
struct RooflineEstimatorTests {
    @Test("A large product is bound by arithmetic, for exactly as long as the rate says")
    func computeBound() throws {
        // 2 * 4096^3 = 137,438,953,472 operations at 100e12/s; 3 * 2 * 4096^2 bytes at 1e12/s are faster.
        let estimate = RooflineEstimator(chip()).estimate(try product(4096, 4096, 4096))
        let computing = 137_438_953_472 / 100e12
        #expect(isSame(estimate.seconds, computing + 2e-6 + 10e-6))
        #expect(estimate.boundBy == .compute)
        #expect(!estimate.isLowerBound && estimate.missing.isEmpty && estimate.assumptions.isEmpty)
        #expect(estimate.steps.count == 1)
        #expect(estimate.steps[0].roof == .compute && isSame(estimate.steps[0].computeSeconds, computing))
        #expect(isSame(estimate.steps[0].memorySeconds, 100_663_296 / 1e12))
        #expect(isSame(estimate.utilisation, computing / (computing + 12e-6)))
        #expect(
            estimate.dominantLoad
                == UnitLoad(
                    unit: .matrix, type: .bfloat16, operationCount: 137_438_953_472, peak: 100e12))
        #expect(isSame(estimate.joules, 300 * (computing + 12e-6)))
        #expect(isSame(estimate.intensity, 137_438_953_472 / 100_663_296))
    }

    @Test("A product of a matrix and a vector is bound by memory")
    func memoryBound() throws {
        // 2 * 8192^2 operations take 1.34 us, 2 * (8192^2 + 2 * 8192) bytes take 134 us.
        let estimate = RooflineEstimator(chip()).estimate(try product(1, 8192, 8192))
        let bytes = 2.0 * (8192 * 8192 + 2 * 8192)
        #expect(isSame(estimate.seconds, bytes / 1e12 + 12e-6))
        #expect(estimate.boundBy == .memory && estimate.steps[0].roof == .memory)
        #expect(isSame(estimate.memoryUtilisation, bytes / 1e12 / (bytes / 1e12 + 12e-6)))
        #expect(isSame(estimate.steps[0].operationRate, 2 * 8192 * 8192 / (bytes / 1e12 + 2e-6)))
    }

    @Test("Elementwise arithmetic is bound by memory, a tiny step by what a kernel takes")
    func elementwise() throws {
        let large = try graph { (b) throws(GraphError) in
            let type = TensorType(.float32, [1 << 24])
            return try b.input("x", type) + b.input("y", type)
        }
        let estimate = RooflineEstimator(chip()).estimate(large)
        #expect(isSame(estimate.seconds, 12.0 * 16_777_216 / 1e12 + 12e-6))
        #expect(estimate.boundBy == .memory)
        #expect(isSame(estimate.steps[0].computeSeconds, 16_777_216 / 10e12))
        let tiny = try graph { (b) throws(GraphError) in try b.input("x", TensorType(.float32, [16])).negate() }
        let overhead = RooflineEstimator(chip()).estimate(tiny)
        #expect(overhead.boundBy == .overhead && overhead.steps[0].roof == .overhead)
        #expect(isSame(overhead.seconds, 12e-6 + 128 / 1e12))
    }

    @Test("Steps follow one another; units take turns within a step")
    func sum() throws {
        let body = try GraphBuilder.region([
            TensorType(.float32, [2048, 64]), TensorType(.float32, [64, 2048]), TensorType(.float32, [2048, 2048]),
        ]) { (_, t) throws(GraphError) in [try (t[0].dot(t[1], matrices) + t[2]).tanh()] }
        let fused = try graph { (b) throws(GraphError) in
            let x = try b.input("x", TensorType(.float32, [2048, 64]))
            let y = try b.input("y", TensorType(.float32, [64, 2048]))
            let z = try b.input("z", TensorType(.float32, [2048, 2048]))
            let first = try b.add(FusedRegion(kind: .dotEpilogue, body: body), [x, y, z])
            return try first.reduce(.sum, [0])
        }
        let estimate = RooflineEstimator(chip()).estimate(fused)
        let elements = 2048.0 * 2048
        // One sum and one function, which counts as 16 operations.
        let first = max(
            (2 * elements * 64 + elements + 16 * elements) / 10e12, 4 * (2 * 2048 * 64 + 2 * elements) / 1e12)
        let second = max(elements / 10e12, 4 * (elements + 2048) / 1e12)
        #expect(estimate.steps.map(\.name) == ["fused", "reduce"])
        #expect(isSame(estimate.steps[0].seconds, first + 2e-6))
        #expect(isSame(estimate.seconds, first + second + 4e-6 + 10e-6))
        #expect(estimate.assumptions == ["a transcendental function takes 16 operations of the vector unit"])
        let cheap = RooflineEstimator(chip(), options: RooflineOptions(transcendentalOperations: 1)).estimate(fused)
        #expect(isSame(cheap.steps[0].computeSeconds, (2 * elements * 64 + 2 * elements) / 10e12))
    }

    @Test("Fusing saves the bytes of what lies between, and kernels")
    func fusion() throws {
        let type = TensorType(.float32, [1 << 20])
        let plain = try graph { (b) throws(GraphError) in
            let x = try b.input("x", type)
            return try (x * 2 + 1).maximum(x)
        }
        let body = try GraphBuilder.region([type]) { (_, t) throws(GraphError) in [try (t[0] * 2 + 1).maximum(t[0])] }
        let fused = try graph { (b) throws(GraphError) in
            try b.add(FusedRegion(kind: .elementwise, body: body), [b.input("x", type)])
        }
        let (one, three) = (RooflineEstimator(chip()).estimate(fused), RooflineEstimator(chip()).estimate(plain))
        let n = Double(1 << 20) * 4
        #expect(one.byteCount == 2 * n)
        // A constant that repeats one number is read as one.
        #expect(three.byteCount == 7 * n + 8)
        #expect(one.steps.count == 1 && three.steps.count == 3)
        #expect(one.operationCount == three.operationCount)
    }

    @Test("Views, inputs and constants are no steps")
    func views() throws {
        let graph = try graph { (b) throws(GraphError) in
            try b.input("x", TensorType(.float32, [8, 8])).reshape([64]).broadcast([16, 64], dimensions: [1])
        }
        let estimate = RooflineEstimator(chip()).estimate(graph)
        #expect(estimate.steps.isEmpty && estimate.byteCount == 0)
        #expect(isSame(estimate.seconds, 10e-6))
        #expect(estimate.boundBy == .overhead && estimate.utilisation == nil)
    }

    @Test("A loop counts as often as it runs; where nobody knows, that is said")
    func loops() throws {
        func loop(_ limit: Double?) throws -> Graph {
            try graph { (b) throws(GraphError) in
                let counter = TensorType.scalar(.int32)
                let types = [counter, TensorType(.float32, [1000]), counter]
                let condition = try GraphBuilder.region(types) { (_, s) throws(GraphError) in
                    [try s[0].compare(.less, s[2])]
                }
                let body = try GraphBuilder.region(types) { (_, s) throws(GraphError) in
                    [try s[0] + 1, try s[1] * s[1], s[2]]
                }
                let end = if let limit { try b.constant(limit, counter) } else { try b.input("limit", counter) }
                let start = [try b.constant(0, counter), try b.input("x", types[1]), end]
                return try b.loop(start, condition: condition, body: body)[1]
            }
        }
        func operations(_ estimate: RooflineEstimate) -> Double {
            estimate.loads.filter { $0.type == .float32 }.reduce(0) { $0 + $1.operationCount }
        }
        let counted = RooflineEstimator(chip()).estimate(try loop(1000))
        #expect(operations(counted) == 1_000_000)
        #expect(counted.assumptions.isEmpty)
        let open = RooflineEstimator(chip()).estimate(try loop(nil))
        #expect(operations(open) == 16_000)
        #expect(open.assumptions == ["a loop runs 16 times; nothing tells before it does"])
    }

    // MARK: - What is not known

    @Test("Where every figure is unknown nothing is said")
    func nothing() throws {
        let blank = chip(
            launch: .unknown("no source"), step: .unknown("no source"), bandwidth: .unknown("not on the page"),
            power: .unknown("secret"), types: [:])
        let estimate = RooflineEstimator(blank).estimate(try product(64, 64, 64))
        #expect(estimate.seconds == nil && estimate.joules == nil && estimate.utilisation == nil)
        #expect(estimate.isLowerBound && estimate.boundBy == nil)
        #expect(estimate.steps[0].seconds == nil && estimate.steps[0].roof == nil && estimate.steps[0].isLowerBound)
        #expect(
            estimate.missing == [
                MissingTerm(
                    figure: .rate(.matrix, .bfloat16), reason: "no source in the profile mentions bfloat16",
                    amount: 524_288, stepCount: 1),
                MissingTerm(figure: .memoryBandwidth, reason: "not on the page", amount: 24_576, stepCount: 1),
                MissingTerm(figure: .step, reason: "no source", amount: 1, stepCount: 1),
                MissingTerm(figure: .launch, reason: "no source", amount: 1, stepCount: 0),
                MissingTerm(figure: .power, reason: "secret", amount: 1, stepCount: 0),
            ])
    }

    @Test("A missing rate leaves a lower bound, and says what depends on it")
    func lowerBound() throws {
        let type = TensorType(.bfloat16, [1 << 20])
        let graph = try graph { (b) throws(GraphError) in
            let x = try b.input("x", type)
            return try (x + x).exp().reduce(.maximum, [0])
        }
        let estimate = RooflineEstimator(chip()).estimate(graph)
        let n = Double(1 << 20)
        #expect(estimate.isLowerBound)
        #expect(isSame(estimate.seconds, (4 * n + 4 * n + 2 * n + 2) / 1e12 + 3 * 2e-6 + 10e-6))
        #expect(
            estimate.missing == [
                MissingTerm(figure: .rate(.vector, .bfloat16), reason: "nobody says", amount: 3 * n, stepCount: 3)
            ])
        #expect(estimate.missing[0].name == "bfloat16 vector rate" && estimate.missing[0].unit == "operations")
        #expect(estimate.utilisation == nil)
        #expect(estimate.joules != nil)
    }

    @Test("A type that the chip has not is missing with the source that says so")
    func absent() throws {
        let estimate = RooflineEstimator(chip()).estimate(try product(8, 8, 8, .float64))
        #expect(estimate.isLowerBound)
        #expect(estimate.missing.map(\.name) == ["float64 matrix rate"])
        #expect(estimate.missing[0].reason == "Test has no float64 (data sheet)")
    }

    @Test("Unknown power costs the energy, not the time")
    func power() throws {
        let estimate = RooflineEstimator(chip(power: .unknown("secret"))).estimate(try product(64, 64, 64))
        #expect(!estimate.isLowerBound && estimate.seconds != nil && estimate.joules == nil)
        #expect(estimate.missing.map(\.figure) == [.power])
    }

    @Test("Overheads that are not known are left out of the sum and listed")
    func overheads() throws {
        let estimate = RooflineEstimator(chip(launch: .unknown("?"), step: .unknown("?")))
            .estimate(try product(4096, 4096, 4096))
        #expect(isSame(estimate.seconds, 137_438_953_472 / 100e12))
        #expect(estimate.isLowerBound && estimate.missing.map(\.figure) == [.step, .launch])
    }

    // MARK: - Options

    @Test("Efficiency divides the roofs and is named")
    func efficiency() throws {
        let half = RooflineOptions(efficiency: try RooflineEfficiency(compute: 0.5, memory: 0.25))
        let estimate = RooflineEstimator(chip(), options: half).estimate(try product(4096, 4096, 4096))
        let computing = 137_438_953_472 / 50e12
        #expect(isSame(estimate.steps[0].computeSeconds, computing))
        #expect(isSame(estimate.steps[0].memorySeconds, 100_663_296 / 0.25e12))
        // Utilisation stays a part of the peak.
        #expect(isSame(estimate.utilisation, 137_438_953_472 / 100e12 / (computing + 12e-6)))
        #expect(
            estimate.assumptions == [
                "50 % of the peak rate are reached", "25 % of the memory's bandwidth are reached",
            ])
    }

    @Test("An efficiency that is none is refused", arguments: [0, -1, 1.01, .nan, .infinity] as [Double])
    func badEfficiency(value: Double) {
        #expect(throws: RooflineError.self) { try RooflineEfficiency(compute: value) }
        #expect(throws: RooflineError.self) { try RooflineEfficiency(memory: value) }
        #expect(throws: RooflineError.self) { try RooflineEfficiency(interconnect: value) }
    }

    @Test("A cost of functions that is none counts as one operation", arguments: [0, -3, .nan, .infinity] as [Double])
    func functionCost(value: Double) throws {
        let graph = try graph { (b) throws(GraphError) in try b.input("x", TensorType(.float32, [1000])).exp() }
        let estimate = RooflineEstimator(chip(), options: RooflineOptions(transcendentalOperations: value))
            .estimate(graph)
        #expect(isSame(estimate.steps[0].computeSeconds, 1000 / 10e12))
        #expect(estimate.assumptions == ["a transcendental function takes 1 operations of the vector unit"])
    }

    @Test("A system whose chips are not told apart shares its work evenly, and says so")
    func system() throws {
        let estimate = RooflineEstimator(chip(chipCount: 8)).estimate(try product(4096, 4096, 4096))
        #expect(estimate.chipCount == 8)
        #expect(isSame(estimate.seconds, 137_438_953_472 / 100e12 + 12e-6))
        #expect(estimate.assumptions == ["the 8 chips of Test share all work evenly and exchange nothing"])
    }

    // MARK: - Properties

    /// Graphs of several kinds for a batch.
    static func sample(_ kind: Int, batch: Int) throws -> Graph {
        try graph { (b) throws(GraphError) in
            let x = try b.input("x", TensorType(.float32, [batch, 96]))
            let w = try b.input("w", TensorType(.float32, [96, 96]))
            switch kind {
            case 0: return try x.dot(w, matrices).tanh().dot(w, matrices)
            case 1: return try x.softmax(axis: -1).reduce(.sum, [1])
            case 2: return try x.transpose([1, 0]).exp()
            default: return try (x.dot(w, matrices).convert(.bfloat16).convert(.float32) + x).reduce(.maximum, [0, 1])
            }
        }
    }

    @Test("A better chip is never slower, a larger batch never cheaper", arguments: 0..<4)
    func monotonic(kind: Int) throws {
        var last = 0.0
        for batch in [1, 2, 3, 8, 64, 512, 4096] {
            let graph = try Self.sample(kind, batch: batch)
            let seconds = try #require(RooflineEstimator(chip()).estimate(graph).seconds)
            #expect(seconds >= last)
            last = seconds
            var before = Double.infinity
            for bandwidth in [1e9, 1e10, 1e12, 1e14] {
                let faster = try #require(
                    RooflineEstimator(chip(bandwidth: known(bandwidth))).estimate(graph).seconds)
                #expect(faster <= before)
                before = faster
            }
            before = .infinity
            for rate in [1e9, 1e11, 1e13, 1e15] {
                var types = chipTypes
                types[.float32]?.vector = known(rate)
                let faster = try #require(RooflineEstimator(chip(types: types)).estimate(graph).seconds)
                #expect(faster <= before)
                before = faster
            }
            // A figure that becomes known never makes the bound smaller.
            for blind in [chip(step: .unknown("?")), chip(bandwidth: .unknown("?")), chip(launch: .unknown("?"))] {
                let bound = RooflineEstimator(blind).estimate(graph)
                #expect(bound.isLowerBound)
                #expect((bound.seconds ?? 0) <= seconds)
            }
        }
    }

    @Test("The sum over roofs is the whole")
    func roofs() throws {
        for kind in 0..<4 {
            let estimate = RooflineEstimator(chip()).estimate(try Self.sample(kind, batch: 128))
            #expect(isSame(estimate.seconds, estimate.secondsByRoof.values.reduce(0, +)))
            #expect(isSame(estimate.seconds, estimate.steps.reduce(10e-6) { $0 + ($1.seconds ?? 0) }))
        }
    }

    @Test("Every built-in chip gives an estimate or says what is missing", arguments: ProfileCatalog.builtIn)
    func catalog(profile: ChipProfile) throws {
        for type in [ScalarType.float32, .bfloat16, .float16, .int8] {
            let graph = try graph { (b) throws(GraphError) in
                try b.input("a", TensorType(type, [512, 512]))
                    .dot(b.input("b", TensorType(type, [512, 512])), matrices)
            }
            let estimate = RooflineEstimator(profile).estimate(graph)
            #expect(estimate.isLowerBound == estimate.missing.contains { $0.figure != .power })
            if let seconds = estimate.seconds {
                #expect(seconds > 0 && seconds.isFinite)
                if let use = estimate.utilisation { #expect(use > 0 && use <= 1 + 1e-12) }
            } else {
                #expect(estimate.missing.contains { $0.figure == .memoryBandwidth })
            }
        }
    }
}
