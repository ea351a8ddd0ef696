// Heterodyne: what measurements add to the model.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneOps
import HeterodyneRoofline
import Testing

@Suite("What was measured of a device")
struct DeviceDetailTests {
    private func estimate(_ graph: Graph, _ detail: DeviceDetail) -> RooflineEstimate {
        RooflineEstimator(chip(), options: RooflineOptions(detail: detail)).estimate(graph)
    }

    // MARK: - Products

    @Test("A curve gives what was measured, between two points what lies between their rates")
    func curve() throws {
        let curve = try #require(
            DeviceDetail.ProductCurve([
                .init(operationCount: 1e9, seconds: 1e-3), .init(operationCount: 1e5, seconds: 1e-5),
                .init(operationCount: 0, seconds: 1), .init(operationCount: 1, seconds: .nan),
            ]))
        #expect(curve.points.count == 2)
        #expect(isSame(curve.rate(1e5), 1e10) && isSame(curve.rate(1e9), 1e12))
        #expect(isSame(curve.rate(1e7), 1e11))
        #expect(isSame(curve.rate(1), 1e10) && isSame(curve.rate(1e12), 1e12))
        #expect(DeviceDetail.ProductCurve([]) == nil)
    }

    @Test("A product takes as long as the curve says")
    func curvedProduct() throws {
        let operations = 2.0 * 64 * 64 * 64
        let curve = try #require(
            DeviceDetail.ProductCurve([.init(operationCount: operations, seconds: 7e-6)]))
        let estimate = estimate(try product(64, 64, 64), DeviceDetail(products: [.bfloat16: curve]))
        #expect(isSame(estimate.steps[0].computeSeconds, 7e-6))
        #expect(isSame(estimate.utilisation, operations / 100e12 / (7e-6 + 12e-6)))
        // Other types have no curve.
        let other = self.estimate(try product(64, 64, 64, .float32), DeviceDetail(products: [.bfloat16: curve]))
        #expect(isSame(other.steps[0].computeSeconds, operations / 10e12))
    }

    @Test("Half-performance lengths are found from two rates, and give them back", arguments: [1.0, 17, 300])
    func halfLengths(half: Double) {
        func rate(_ extent: Double) -> Double { 5e9 / (1 + half / extent) }
        let found = DeviceDetail.HalfLengths.length(short: 24, shortRate: rate(24), long: 640, longRate: rate(640))
        #expect(abs(found - half) < 1e-6 * half)
        #expect(DeviceDetail.HalfLengths.length(short: 24, shortRate: 2, long: 640, longRate: 1) == 0)
        // Slower than any length explains.
        #expect(DeviceDetail.HalfLengths.length(short: 24, shortRate: 1e-6, long: 640, longRate: 1) == 640)
    }

    @Test("A product that is short in one extent is slower by its half-performance length")
    func shortProduct() throws {
        let lengths = DeviceDetail.HalfLengths(rows: 10, columns: 20, depth: 30)
        let detail = DeviceDetail(halfLengths: [.bfloat16: lengths])
        let estimate = estimate(try product(10, 40, 60), detail)
        #expect(isSame(estimate.steps[0].computeSeconds, 48_000 / 100e12 * 4.5))
    }

    @Test("With a curve, a square product is not slowed twice")
    func squareProduct() throws {
        let curve = try #require(DeviceDetail.ProductCurve([.init(operationCount: 2.0 * 512, seconds: 3e-6)]))
        let detail = DeviceDetail(
            products: [.bfloat16: curve], halfLengths: [.bfloat16: .init(rows: 9, columns: 9, depth: 9)])
        #expect(isSame(estimate(try product(8, 8, 8), detail).steps[0].computeSeconds, 3e-6))
        let flat = estimate(try product(1, 64, 8), detail).steps[0].computeSeconds
        #expect(isSame(flat, 3e-6 * (1 + 9) * (1 + 9.0 / 64) / ((1 + 9.0 / 8) * (1 + 9.0 / 8))))
    }

    @Test("Kinds with rates of their own run at those")
    func rates() throws {
        let graph = try graph { (b) throws(GraphError) in
            try b.input("x", TensorType(.float32, [1 << 20])).exp().reduce(.sum, [0])
        }
        let detail = DeviceDetail(rates: [.transcendental: [.float32: 1e9], .reduction: [.float32: 2e9]])
        let estimate = estimate(graph, detail)
        #expect(isSame(estimate.steps[0].computeSeconds, Double(1 << 20) / 1e9))
        #expect(isSame(estimate.steps[1].computeSeconds, Double(1 << 20) / 2e9))
        #expect(estimate.assumptions.isEmpty)
    }

    @Test("Within composites that run whole, rates of their own count; within fused regions they do not")
    func innerRates() throws {
        let type = TensorType(.float32, [64, 1 << 14])
        let detail = DeviceDetail(
            rates: [.transcendental: [.float32: 1e9], .reduction: [.float32: 2e9]],
            innerRates: [.reduction: [.float32: 8e9]])
        let softmax = try graph { (b) throws(GraphError) in try b.input("x", type).softmax(axis: -1) }
        let step = estimate(softmax, detail).steps[0]
        let seconds = step.work.shares.reduce(0.0) { sum, share in
            switch share.kind {
            case .elementwise, .contraction: sum + share.count / 10e12
            case .transcendental: sum + share.count / 1e9
            case .reduction: sum + share.count / 8e9
            }
        }
        #expect(step.work.shares.contains { $0.kind == .reduction } && isSame(step.computeSeconds, seconds))
        let sum = try graph { (b) throws(GraphError) in try b.input("x", type).reduce(.sum, [1]) }
        #expect(isSame(estimate(sum, detail).steps[0].computeSeconds, Double(64 << 14) / 2e9))
    }

    // MARK: - Caches

    @Test("What was touched a short while ago comes from a cache")
    func caches() throws {
        let type = TensorType(.float32, [1 << 18])
        let graph = try graph { (b) throws(GraphError) in try b.input("x", type).exp().exp() }
        let n = Double(1 << 20)
        func seconds(_ capacity: Double) -> [Double] {
            estimate(
                graph, DeviceDetail(caches: [.init(byteCount: capacity, bandwidth: 4e12)])
            ).steps.map(\.memorySeconds)
        }
        // Three tensors of 1 MiB: all stay from run to run.
        #expect(zip(seconds(4 * n), [2 * n / 4e12, 2 * n / 4e12]).allSatisfy { isSame($0, $1) })
        // Two stay while a step runs, but the input is gone when the next run begins.
        #expect(zip(seconds(2 * n), [n / 1e12 + n / 4e12, 2 * n / 4e12]).allSatisfy { isSame($0, $1) })
        // Nothing fits.
        #expect(zip(seconds(n), [2 * n / 1e12, 2 * n / 1e12]).allSatisfy { isSame($0, $1) })
    }

    @Test("A larger or faster cache never makes a step slower")
    func monotonic() throws {
        for kind in 0..<4 {
            let graph = try RooflineEstimatorTests.sample(kind, batch: 256)
            var last = Double.infinity
            for capacity in [1e3, 1e5, 2e5, 1e6, 1e9] {
                let detail = DeviceDetail(caches: [.init(byteCount: capacity, bandwidth: 5e12)])
                let seconds = try #require(estimate(graph, detail).seconds)
                #expect(seconds <= last)
                last = seconds
            }
        }
    }

    // MARK: - Profiles

    @Test("Measured rates become a profile; what was not measured stays unknown")
    func measured() throws {
        let measured = DeviceProfile.assumed(kind: .cpu, threads: 2)
        let profile = ChipProfile(measuring: "cpu", name: "Processor", kind: .cpu, rates: measured.rates)
        #expect(profile.type(.float32).matrix.value == measured.rate(.contraction, .float32).value)
        #expect(profile.type(.float32).vector.value == measured.rate(.elementwise, .float32).value)
        #expect(profile.type(.float32).vector.figure?.confidence == .assumed)
        #expect(profile.memoryBandwidth.value == measured.memory.value)
        #expect(isSame(profile.launch.value, measured.launch.value))
        #expect(isSame(profile.step.value, measured.step.value))
        #expect(profile.power.value == nil && profile.type(.int8).vector.value == nil)
        let detail = DeviceDetail(measuring: measured.rates)
        #expect(detail.rates[.transcendental]?[.float32] == measured.rate(.transcendental, .float32).value)
        let estimate = RooflineEstimator(profile, options: RooflineOptions(detail: detail))
            .estimate(try product(256, 256, 256, .float32))
        #expect(!estimate.isLowerBound)
        let computing = 33_554_432 / measured.rate(.contraction, .float32).value
        #expect(isSame(estimate.seconds, computing + measured.step.value + measured.launch.value))
    }
}
