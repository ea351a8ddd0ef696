// Heterodyne: measures how fast a device is, with small programs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Measures how fast a device is through nothing but the contract that every backend keeps: small programs and copies,
/// each run several times, of which the median counts. What the device does not run keeps the figure that is assumed.
struct Calibration {
    let device: Device
    /// Compiles a graph for the device alone.
    let compile: (Graph) throws(HeterodyneError) -> Program

    /// Seconds after which no further scalar type is begun.
    private static let budget = 0.7
    /// Seconds that repetitions of one measurement may take.
    private static let patience = 0.02
    private static let repetitions = 3...9

    /// Scalar types besides float32, in the order in which they are measured while there is time.
    private static let furtherTypes: [ScalarType] = [.float64, .float16, .bfloat16, .int32, .int64]

    /// The profile. Throws where the device runs not even an empty program.
    func measure() throws(HeterodyneError) -> DeviceProfile {
        let start = ContinuousClock.now
        let capabilities: Capabilities
        do { capabilities = try device.capabilities() } catch { throw .backend(error) }
        var profile = DeviceProfile.assumed(device.descriptor, capabilities)
        // What starts a program costs is left in all other figures at first, and taken out there.
        let launch = try seconds { (builder) throws(GraphError) in
            try builder.input("x", TensorType(.float32, [1])).negate()
        }
        profile.launch = .init(launch, .measured)
        if let chain = try? seconds(Self.steps) {
            profile.step = .init(max(chain - launch, launch * 0.01) / Double(Self.stepCount), .measured)
        }
        measureMemory(launch, &profile)
        measureArithmetic(.float32, launch, &profile)
        measureLinks(&profile)
        for type in Self.furtherTypes {
            guard Self.seconds(since: start) < Self.budget else { break }
            if capabilities.usages(of: type).contains(.arithmetic) { measureArithmetic(type, launch, &profile) }
        }
        return profile
    }

    // MARK: - Figures

    private static let stepCount = 12

    /// Products of tiny matrices, each of which waits for the one before: nothing but steps.
    private static func steps(_ builder: GraphBuilder) throws(GraphError) -> Term {
        let x = try builder.input("x", TensorType(.float32, [8, 8]))
        var product = x
        for _ in 0..<stepCount + 1 { product = try square(product, x) }
        return product
    }

    private static func square(_ a: Term, _ b: Term) throws(GraphError) -> Term {
        try a.dot(b, DotDimensions(leftContracting: [1], rightContracting: [0]))
    }

    private func measureMemory(_ launch: Double, _ profile: inout DeviceProfile) {
        let rate = rate([1 << 14, 1 << 21], launch, workPerElement: 8) { (count, builder) throws(GraphError) in
            try builder.input("x", TensorType(.float32, [count])).negate()
        }
        if let rate { profile.memory = .init(rate, .measured) }
    }

    private func measureArithmetic(_ type: ScalarType, _ launch: Double, _ profile: inout DeviceProfile) {
        func set(_ work: DeviceProfile.Work, _ rate: Double?) {
            if let rate { profile.operations[work, default: [:]][type] = .init(rate, .measured) }
        }
        // float32 is what most programs compute in, so it gets the larger sizes too.
        func sizes(_ small: Int, _ middle: Int, _ large: Int) -> [Int] {
            type == .float32 ? [small, large] : [middle]
        }
        set(
            .contraction,
            rate(sizes(64, 128, 384), launch, workPerElement: 2, power: 3) {
                (size, builder) throws(GraphError) in
                try Self.square(
                    builder.input("x", TensorType(type, [size, size])),
                    builder.input("w", TensorType(type, [size, size])))
            })
        set(
            .elementwise,
            rate(sizes(1 << 13, 1 << 15, 1 << 18), launch, workPerElement: 32) {
                (count, builder) throws(GraphError) in
                let x = try builder.input("x", TensorType(type, [count]))
                var y = x
                for _ in 0..<16 { y = try y * x + x }
                return y
            })
        if type.isFloatingPoint {
            set(
                .transcendental,
                rate(sizes(1 << 12, 1 << 14, 1 << 16), launch, workPerElement: 6) {
                    (count, builder) throws(GraphError) in
                    let x = try builder.input("x", TensorType(type, [count]))
                    return try x.sin().exp().tanh().cos().exp().tanh()
                })
        }
        set(
            .reduction,
            rate(sizes(1 << 14, 1 << 17, 1 << 20), launch, workPerElement: 1) {
                (count, builder) throws(GraphError) in
                try builder.input("x", TensorType(type, [count / 256, 256])).reduce(.sum, [1])
            })
    }

    /// Work per second at the largest of the sizes that does not take long, or at an earlier one where that is better and
    /// took long enough to tell it from the start of a program; nil where the device runs none. The work of a size is its
    /// power times `workPerElement`.
    private func rate(
        _ sizes: [Int], _ launch: Double, workPerElement: Double, power: Int = 1,
        _ build: (Int, GraphBuilder) throws(GraphError) -> Term
    ) -> Double? {
        func work(_ size: Int) -> Double { workPerElement * (0..<power).reduce(1) { (p, _) in p * Double(size) } }
        var best: Double?
        for (position, size) in sizes.enumerated() {
            let time = try? seconds { (builder) throws(GraphError) in try build(size, builder) }
            guard let time else { break }
            let rate = work(size) / Self.net(time, launch)
            let isLast =
                position + 1 == sizes.count || work(sizes[position + 1]) / work(size) * time > Self.patience * 4
            if isLast { return max(best ?? rate, rate) }
            if time > 3 * launch { best = max(best ?? rate, rate) }
        }
        return best
    }

    private func measureLinks(_ profile: inout DeviceProfile) {
        func link(_ copy: (any Buffer, HostBuffer) throws(BackendError) -> Void) -> DeviceProfile.Link? {
            guard let small = try? copySeconds(4096, copy), let large = try? copySeconds(4 << 20, copy) else {
                return nil
            }
            let rate = Double((4 << 20) - 4096) / max(large - small, large * 0.01)
            return .init(
                latency: .init(max(small - 4096 / rate, small * 0.1), .measured),
                bytesPerSecond: .init(rate, .measured))
        }
        let upload = link { (buffer, host) throws(BackendError) in
            try buffer.write(from: UnsafeRawBufferPointer(start: host.address, count: host.byteCount), at: 0)
        }
        if let upload { profile.upload = upload }
        let download = link { (buffer, host) throws(BackendError) in
            try buffer.read(into: UnsafeMutableRawBufferPointer(start: host.address, count: host.byteCount), at: 0)
        }
        if let download { profile.download = download }
    }

    // MARK: - Time

    /// A measured time without the start, which is a part of it.
    private static func net(_ seconds: Double, _ launch: Double) -> Double { max(seconds - launch, seconds * 0.1) }

    /// Seconds of running a graph of one output, whose inputs are filled with numbers between one half and one.
    private func seconds(
        _ build: (GraphBuilder) throws(GraphError) -> Term
    ) throws(HeterodyneError) -> Double {
        let graph = try liftingGraph { () throws(GraphError) in
            let builder = GraphBuilder()
            try builder.output("y", try build(builder))
            return try builder.build()
        }
        let program = try compile(graph)
        let session = try program.makeSession()
        for (index, port) in program.inputs.enumerated() {
            let buffer = try allocate(port.byteCount)
            try fill(buffer, port.type.scalarType)
            try session.bind(input: index, to: buffer)
        }
        for (index, port) in program.outputs.enumerated() {
            try session.bind(output: index, to: try allocate(port.byteCount))
        }
        return try median { () throws(HeterodyneError) in try session.run() }
    }

    private func copySeconds(
        _ count: Int, _ copy: (any Buffer, HostBuffer) throws(BackendError) -> Void
    ) throws(HeterodyneError) -> Double {
        let buffer = try allocate(count)
        let host = try liftingBackend { () throws(BackendError) in try HostBuffer(byteCount: count) }
        host.address.initializeMemory(as: UInt8.self, repeating: 1, count: count)
        return try median { () throws(HeterodyneError) in
            try liftingBackend { () throws(BackendError) in try copy(buffer, host) }
        }
    }

    private func allocate(_ count: Int) throws(HeterodyneError) -> any Buffer {
        try liftingBackend { () throws(BackendError) in
            try device.backend.allocate(byteCount: count, on: device.id)
        }
    }

    private func fill(_ buffer: any Buffer, _ type: ScalarType) throws(HeterodyneError) {
        let size = max(type.bitWidth / 8, 1)
        let host = try liftingBackend { () throws(BackendError) in try HostBuffer(byteCount: buffer.byteCount) }
        // The numbers repeat, so that few are made and the rest is copied.
        let period = min(buffer.byteCount, 224 * size)
        for index in 0..<period / size {
            let bits = type.bits(of: type.isFloatingPoint ? 0.5 + Double(index % 32) / 64 : Double(index % 7))
            var word = bits.littleEndian
            memcpy(host.address + index * size, &word, min(size, 8))
        }
        var done = period
        while done > 0, done < buffer.byteCount {
            let count = min(done, buffer.byteCount - done)
            memcpy(host.address + done, host.address, count)
            done += count
        }
        try liftingBackend { () throws(BackendError) in
            try buffer.write(from: UnsafeRawBufferPointer(start: host.address, count: host.byteCount), at: 0)
        }
    }

    /// The median of several runs, after one that does not count: a driver may translate its code only then.
    private func median(_ body: () throws(HeterodyneError) -> Void) throws(HeterodyneError) -> Double {
        try body()
        let start = ContinuousClock.now
        try body()
        let second = Self.seconds(since: start)
        if second > Self.patience { return second }
        var times: [Double] = []
        while times.count < Self.repetitions.lowerBound
            || (times.count < Self.repetitions.upperBound && Self.seconds(since: start) < Self.patience)
        {
            let begin = ContinuousClock.now
            try body()
            times.append(Self.seconds(since: begin))
        }
        times.sort()
        return max(times[times.count / 2], 1e-9)
    }

    private static func seconds(since start: ContinuousClock.Instant) -> Double {
        let (seconds, attoseconds) = start.duration(to: .now).components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
