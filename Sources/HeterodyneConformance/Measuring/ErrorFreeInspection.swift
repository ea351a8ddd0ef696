// Heterodyne: whether a device keeps what the emulation of float64 rests on.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph

/// Computes exact sums (Knuth 1969) and exact products (Dekker 1971) of float32 as graphs that must not be contracted, and checks in
/// float64 that high and low part are together exact. A device that simplifies `(a + b) - a`, contracts or flushes loses
/// the low part, and with it float64 from pairs of float32.
struct ErrorFreeInspection {
    let probe: NumericsProbe

    func findings() throws(ProbeError) -> [NumericsMeasurement.Finding] { [try transforms(), try pairs()] }

    /// Whether the formulas of pairs of float32 hold as they stand in rewritten graphs.
    private func pairs() throws(ProbeError) -> NumericsMeasurement.Finding {
        let test: EmulationSelfTest
        do { test = try EmulationSelfTest() } catch {
            throw ProbeError("the self-test of emulation cannot be built", error)
        }
        guard probe.runs(test.graph) else {
            return NumericsMeasurement.Finding(
                subject: Self.pairs, scalarType: .float32, declared: promise,
                measured: "not looked at: the device lacks what the formulas need", isWorse: isPromised)
        }
        let outputs = try probe.run(test.graph, test.inputs, arithmetic: .uncontracted)
        let failure: String?
        do { failure = try test.firstFailure(in: outputs) } catch {
            throw ProbeError("the self-test of emulation cannot be read", error)
        }
        return NumericsMeasurement.Finding(
            subject: Self.pairs, scalarType: .float32, declared: promise, measured: failure ?? "hold",
            isWorse: isPromised && failure != nil)
    }

    private static let pairs = "float64 as pairs of float32"

    private var isPromised: Bool { probe.capabilities.emulations[.float64] != nil }
    private var promise: String { isPromised ? "in kernels" : "nothing" }

    private func transforms() throws(ProbeError) -> NumericsMeasurement.Finding {
        let count = 4096
        var random = SplitMix("error-free sums and products")
        func numbers() -> [Double] {
            (0..<count).map { _ in
                let sign = random.next() & 1 == 0 ? 1.0 : -1.0
                let number =
                    sign * random.number(1, 2) * Double(sign: .plus, exponent: random.integer(-9...9), significand: 1)
                return Double(Float(number))
            }
        }
        let (a, b) = (numbers(), numbers())
        let type = TensorType(.float32, Shape([count]))
        let graph = try probe.graph("exact sums and products", [type, type]) { _, terms throws(GraphError) in
            let (a, b) = (terms[0], terms[1])
            let sum = try a + b
            let part = try sum - a
            let rest = try (a - (sum - part)) + (b - part)
            func split(_ x: Term) throws(GraphError) -> (high: Term, low: Term) {
                let scaled = try x * 4097
                let high = try scaled - (scaled - x)
                return (high, try x - high)
            }
            let product = try a * b
            let (x, y) = (try split(a), try split(b))
            let error = try ((x.high * y.high - product) + x.high * y.low + x.low * y.high) + x.low * y.low
            return [sum, rest, product, error]
        }
        let inputs = [try probe.literal(a, .float32), try probe.literal(b, .float32)]
        let outputs = try probe.run(graph, inputs, arithmetic: .uncontracted).map(\.numbers)
        // Both are exact in float64: 24 bits at most 20 apart, and 48 bits.
        let sums = (0..<count).filter { outputs[0][$0] + outputs[1][$0] != a[$0] + b[$0] }.count
        let products = (0..<count).filter { outputs[2][$0] + outputs[3][$0] != a[$0] * b[$0] }.count
        let isKept = sums == 0 && products == 0
        return NumericsMeasurement.Finding(
            subject: "error-free sums and products", scalarType: .float32,
            declared: promise,
            measured: isKept
                ? "kept" : "lost in \(sums) sums and \(products) products of \(count)",
            isWorse: isPromised && !isKept)
    }
}
