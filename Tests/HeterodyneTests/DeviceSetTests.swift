// Heterodyne: one program on several of this machine's devices.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

@Suite("Programs on several devices")
struct DeviceSetTests {
    static let pair = ["vulkan:0", "openblas"]
    static let hasPair = Set(Device.all.map(\.id)).isSuperset(of: pair)

    /// A device whose products and other operations run at the given rates.
    static func profile(contraction: Double, elementwise: Double) -> DeviceProfile {
        func figure(_ value: Double) -> DeviceProfile.Figure { .init(value, .measured) }
        func all(_ value: Double) -> [ScalarType: DeviceProfile.Figure] { [.float32: figure(value)] }
        let link = DeviceProfile.Link(latency: figure(1e-7), bytesPerSecond: figure(1e10))
        return DeviceProfile(
            operations: [
                .contraction: all(contraction), .elementwise: all(elementwise), .transcendental: all(elementwise),
                .reduction: all(elementwise),
            ],
            memory: figure(1e11), launch: figure(1e-7), step: figure(1e-8), upload: link, download: link)
    }

    static let (rows, width, hidden, columns) = (16, 32, 48, 8)

    static func numbers(_ count: Int, _ step: Int) -> [Float] {
        (0..<count).map { Float(($0 * step) % 31 - 15) / 16 }
    }

    static let x = numbers(rows * width, 7)
    static let first = numbers(width * hidden, 11)
    static let second = numbers(hidden * columns, 13)

    /// `tanh(x w1) w2`.
    static func model() throws -> Graph {
        let builder = GraphBuilder()
        let dimensions = DotDimensions(leftContracting: [1], rightContracting: [0])
        let input = try builder.input("x", TensorType(.float32, Shape([rows, width])))
        let w1 = try builder.constant(Literal(first, shape: Shape([width, hidden])))
        let w2 = try builder.constant(Literal(second, shape: Shape([hidden, columns])))
        try builder.output("y", input.dot(w1, dimensions).tanh().dot(w2, dimensions))
        return try builder.build()
    }

    /// The results in float64, and how far float32 may be from them: each product of n terms is within `(n + 1) 2^-24` of
    /// the sum of the magnitudes, and tanh, whose slope is at most 1, within 5 units of the last place, the floor that
    /// conformance sets.
    static func expected() -> [(value: Double, bound: Double)] {
        let unit = 0x1p-24
        return (0..<rows * columns).map { index in
            let (row, column) = (index / columns, index % columns)
            var (value, magnitude, carried) = (0.0, 0.0, 0.0)
            for unitIndex in 0..<hidden {
                var (sum, size) = (0.0, 0.0)
                for k in 0..<width {
                    let term = Double(x[row * width + k]) * Double(first[k * hidden + unitIndex])
                    sum += term
                    size += abs(term)
                }
                let weight = Double(second[unitIndex * columns + column])
                value += tanh(sum) * weight
                magnitude += abs(tanh(sum) * weight)
                carried += abs(weight) * (Double(width + 1) * unit * size + 5 * 2 * unit)
            }
            return (value, carried + Double(hidden + 1) * unit * (magnitude + carried))
        }
    }

    private static func tanh(_ x: Double) -> Double {
        // By its series of exponentials, so that nothing of the library is its own oracle.
        let e = exponential(-2 * abs(x))
        return (x < 0 ? -1 : 1) * (1 - e) / (1 + e)
    }

    private static func exponential(_ x: Double) -> Double {
        let halvings = 10
        let small = x / Double(1 << halvings)
        var (term, sum) = (1.0, 1.0)
        for k in 1..<16 {
            term *= small / Double(k)
            sum += term
        }
        for _ in 0..<halvings { sum *= sum }
        return sum
    }

    static func check(_ values: [Float], _ note: String) {
        for (index, (value, (expected, bound))) in zip(values, expected()).enumerated() {
            #expect(abs(Double(value) - expected) <= bound, "\(note): element \(index)")
        }
    }

    @Test(
        "Products on one device and the rest on the other give what each gives alone",
        .enabled(if: hasPair, "needs vulkan:0 and openblas"), arguments: [pair, pair.reversed()])
    func split(ids: [String]) throws {
        // The devices of the process, and speeds of the test's own.
        let runtime = Runtime(registry: Runtime.shared.registry, evaluator: Runtime.shared.evaluator)
        let graph = try Self.model()
        let (vulkan, openblas) = (try Device("vulkan:0"), try Device("openblas"))
        runtime.setProfile(Self.profile(contraction: 1e8, elementwise: 1e10), of: vulkan)
        runtime.setProfile(Self.profile(contraction: 1e10, elementwise: 1e6), of: openblas)
        let program = try runtime.program(for: graph, on: Device.set(ids))
        let places = program.report.entries.filter { $0.kind == .placement }
        #expect(Set(places.map { "\($0.operation) \($0.device)" }) == ["dot openblas", "tanh vulkan:0"])
        #expect(program.report.entries.contains { $0.kind == .transfer })
        #expect(program.device.id == ids[0])
        let input = [try Literal(Self.x, shape: Shape([Self.rows, Self.width]))]
        for _ in 0..<3 { Self.check(try program.call(input)[0].scalars(), "both") }
        for device in [vulkan, openblas] {
            Self.check(try runtime.program(for: graph, on: device).call(input)[0].scalars(), device.id)
        }
    }

    @Test("Compiled functions of tensors run on sets, whatever is measured", arguments: [true, false])
    func functions(isAutomatic: Bool) throws {
        let set = try isAutomatic ? Device.set(.automatic) : Device.set(Device.all.map(\.id))
        #expect(isAutomatic == set.isAutomatic)
        let w1 = Tensor(try Literal(Self.first, shape: Shape([Self.width, Self.hidden])))
        let w2 = Tensor(try Literal(Self.second, shape: Shape([Self.hidden, Self.columns])))
        let function = compile(devices: set) { (x: Tensor) in x.matmul(w1).tanh().matmul(w2) }
        let x = Tensor(try Literal(Self.x, shape: Shape([Self.rows, Self.width])))
        for _ in 0..<2 { Self.check(try function(x).scalars(), "\(set)") }
        let report = try function.report(for: [x.type])
        // What was measured shows in the report.
        #expect(report.entries.contains { ($0.seconds ?? 0) > 0 })
        #expect(report.costlyEntries.isEmpty)
        let sum = compile(devices: set) { (a: Tensor, b: Tensor) in a + b }
        #expect(try sum(Tensor([1, 2] as [Float]), Tensor([3, 4] as [Float])).scalars(as: Float.self) == [4, 6])
    }

    @Test("Sets are named by text, and mistakes in it by what is wrong")
    func names() throws {
        let ids = Device.all.map(\.id)
        #expect(try DeviceSet(parsing: ids.joined(separator: ",")).devices.map(\.id) == ids)
        #expect(try DeviceSet(parsing: "automatic").isAutomatic)
        for (text, word) in [
            ("abacus", "abacus"), ("reference,reference", "twice"), ("", "no such device"),
            ("reference,", "no such device"),
        ] {
            do {
                _ = try DeviceSet(parsing: text)
                Issue.record("'\(text)' is a set")
            } catch { #expect("\(error)".contains(word), "'\(text)': \(error)") }
        }
        #expect(throws: HeterodyneError.self) { try Device.set([]) }
    }
}
