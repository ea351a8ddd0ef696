// Heterodyne: measures a device for the roofline model.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneRoofline

/// Measures a device for the roofline model: what calibration measures, and besides how products slow down with size and
/// shape and how fast each level of memory is. But for the product of 64, all sizes are other ones than those that
/// `CheckEstimates` predicts.
struct DeviceSurvey {
    let device: Device
    let threads: Int

    /// The sides of the square matrices that the curve of products is measured at: multiples of 64, as the extents of
    /// models mostly are, since kernels are slower where their tiles are cut.
    static let sides = [32, 64, 192, 320, 448, 704, 1280, 1792]

    /// Bytes that copies touch whose bandwidth is measured: what is a cache and how much of it is left for us shows there.
    private static let footprints = [18, 19, 20, 21, 22, 23, 24, 25, 26].map { 1 << $0 }

    /// The profile and what else was measured.
    func measure() throws -> (profile: ChipProfile, detail: DeviceDetail) {
        let calibrated = try Runtime.shared.calibrate(device)
        var rates = calibrated.rates
        let launch = calibrated.launch.value
        func net(_ seconds: Double) -> Double { max(seconds - launch, seconds * 0.1) }

        var points: [DeviceDetail.ProductCurve.Point] = []
        for side in Self.sides {
            let seconds = net(try time(product(side, side, side)))
            points.append(.init(operationCount: 2 * pow(Double(side), 3), seconds: seconds))
        }
        let curve = DeviceDetail.ProductCurve(points)
        if let best = points.map({ $0.operationCount / $0.seconds }).max() {
            replace("float32 contraction", best, in: &rates)
        }
        let lengths = try curve.map { try halfLengths($0, net) }

        // Main memory: far more than any cache holds.
        let large = 33_554_432
        replace("memory bytes", Double(large) * 8 / net(try time(copy(large))), in: &rates)
        var caches: [DeviceDetail.Cache] = []
        for bytes in Self.footprints {
            let bandwidth = Double(bytes) / net(try time(copy(bytes / 8)))
            caches.append(.init(byteCount: Double(bytes), bandwidth: bandwidth))
        }
        // What models mostly compute: exponentials and hyperbolic tangents.
        let functions = 98_304
        replace(
            "float32 transcendental", Double(functions) * 6 / net(try time(transcendental(functions))), in: &rates)
        let inner = try innerRates(calibrated, net)
        return (
            ChipProfile(measuring: device.id, name: device.descriptor.name, kind: .cpu, rates: rates),
            DeviceDetail(
                measuring: rates, caches: caches, innerRates: inner, products: curve.map { [.float32: $0] } ?? [:],
                halfLengths: lengths.map { [.float32: $0] } ?? [:])
        )
    }

    /// The rates of functions and reductions within composites, from a normalization and a softmax of other sizes than those
    /// that are predicted: what is left of their times when elementwise arithmetic is taken out.
    private func innerRates(
        _ calibrated: DeviceProfile, _ net: (Double) -> Double
    ) throws -> [NodeWork.Kind: [ScalarType: Double]] {
        let elementwise = calibrated.rate(.elementwise, .float32).value
        func rest(
            _ extents: [Int], _ body: (Term) throws(GraphError) -> Term
        ) throws -> (seconds: Double, counts: [NodeWork.Kind: Double]) {
            let builder = GraphBuilder()
            try builder.output("y", body(try builder.input("x", TensorType(.float32, extents))))
            let graph = try builder.build()
            var counts: [NodeWork.Kind: Double] = [:]
            for node in graph.nodes {
                for share in NodeWork(node, in: graph).shares { counts[share.kind, default: 0] += share.count }
            }
            let seconds = net(try time(graph))
            return (max(seconds - (counts[.elementwise] ?? 0) / elementwise, seconds * 0.1), counts)
        }
        let normal = try rest([448, 640]) { x throws(GraphError) in
            let ones = try x.builder.constant(1, TensorType(.float32, [640]))
            return try x.layerNormalization(scale: ones, bias: ones)
        }
        let reduction = (normal.counts[.reduction] ?? 0) / normal.seconds
        let soft = try rest([1920, 160]) { x throws(GraphError) in try x.softmax(axis: -1) }
        let functions = max(soft.seconds - (soft.counts[.reduction] ?? 0) / max(reduction, 1), soft.seconds * 0.1)
        return [
            .reduction: [.float32: reduction],
            .transcendental: [.float32: (soft.counts[.transcendental] ?? 0) / functions],
        ]
    }

    /// How much slower products get that are short in one extent, compared with the curve of square ones.
    private func halfLengths(
        _ curve: DeviceDetail.ProductCurve, _ net: (Double) -> Double
    ) throws -> DeviceDetail.HalfLengths {
        let (short, long) = (24, 640)
        func length(_ m: Int, _ n: Int, _ k: Int) throws -> Double {
            let operations = 2 * Double(m) * Double(n) * Double(k)
            // What a square product of as many operations reaches stands for the long one.
            let rate = operations / net(try time(product(m, n, k)))
            return DeviceDetail.HalfLengths.length(
                short: Double(short), shortRate: rate, long: Double(long), longRate: curve.rate(operations))
        }
        return DeviceDetail.HalfLengths(
            rows: try length(short, long, long), columns: try length(long, short, long),
            depth: try length(long, long, short))
    }

    private func replace(_ what: String, _ perSecond: Double, in rates: inout [Rate]) {
        rates.removeAll { $0.what == what }
        rates.append(Rate(what: what, perSecond: perSecond, source: "measured"))
    }

    // MARK: - Programs

    private func product(_ m: Int, _ n: Int, _ k: Int) throws -> Graph {
        let builder = GraphBuilder()
        let a = try builder.input("a", TensorType(.float32, [m, k]))
        let b = try builder.input("b", TensorType(.float32, [k, n]))
        try builder.output("c", try a.matrixProduct(b))
        return try builder.build()
    }

    private func copy(_ count: Int) throws -> Graph {
        let builder = GraphBuilder()
        try builder.output("y", try builder.input("x", TensorType(.float32, [count])).negate())
        return try builder.build()
    }

    private func transcendental(_ count: Int) throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [count]))
        try builder.output("y", try x.exp().tanh().exp().tanh().exp().tanh())
        return try builder.build()
    }

    private func time(_ graph: Graph) throws -> Double {
        try TimedProgram(graph, on: device, threads: threads).seconds()
    }
}

/// A program with its inputs and outputs, ready to be timed.
struct TimedProgram {
    private let session: Session

    init(_ graph: Graph, on device: Device, threads: Int, fuses: Bool = true) throws {
        var options = ProgramOptions()
        options.compiler.fuses = fuses
        options.compiler.threads = threads
        let program = try Runtime.shared.compile(graph, on: device, options: options)
        session = try program.makeSession()
        for (index, port) in program.inputs.enumerated() {
            let storage = try BenchmarkCase.data(for: port.type, index: index).denseStorage()
            try session.bind(input: index, to: device.backend.importing(storage, on: device.id))
        }
        for (index, port) in program.outputs.enumerated() {
            try session.bind(output: index, to: device.backend.allocate(byteCount: port.byteCount, on: device.id))
        }
    }

    /// The median of several runs, after some that do not count: in a tenth of a second as many as fit, at least five.
    func seconds() throws -> Double {
        var times: [Double] = []
        try session.run()
        let first = try once()
        // Very short programs run several times for one measurement, for the clock's sake.
        let repeats = max(1, min(1000, Int(2e-5 / max(first, 1e-9))))
        let end = ContinuousClock.now + .milliseconds(100)
        while times.count < 5 || (ContinuousClock.now < end && times.count < 200) {
            times.append(try once(repeats))
        }
        times.sort()
        return times[times.count / 2]
    }

    private func once(_ repeats: Int = 1) throws -> Double {
        let start = ContinuousClock.now
        for _ in 0..<repeats { try session.run() }
        let (seconds, attoseconds) = start.duration(to: .now).components
        return (Double(seconds) + Double(attoseconds) * 1e-18) / Double(repeats)
    }
}
