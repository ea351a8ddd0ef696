// Heterodyne: the errors of elementary functions on the device, against 80-bit arithmetic and what is declared.
// SPDX-License-Identifier: Apache-2.0

#if arch(x86_64)
import Foundation
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

/// A function, its true value, and where it is sampled.
struct DeviceMathCase: Sendable, CustomTestStringConvertible {
    enum Function: Sendable {
        case unary(HeterodyneGraph.UnaryOperator)
        /// The second operand is this power of the first, or this number.
        case power(exponent: Double?)
        case composite(String, Attributes)
    }

    let function: Function
    let range: ClosedRange<Double>
    var isLogarithmic = false
    let truth: @Sendable (Float80) -> Float80

    var testDescription: String { "\(function) \(range)" }

    func operation(_ type: ScalarType) -> ScalarOperation {
        switch function {
        case .unary(let op): .unary(op, type)
        case .power: .binary(.power, type)
        case .composite(let name, let attributes): .composite(name, attributes, type)
        }
    }

    /// The declared bound; 16 for composites that are not declared, as the conformance suite has it.
    func bound(_ numerics: Numerics) -> Double {
        switch function {
        case .unary(let op): numerics.maximumULP[op.code] ?? 0.5
        case .power: numerics.maximumULP[.power] ?? 0.5
        case .composite(let name, _): numerics.maximumCompositeULP[name] ?? 16
        }
    }

    private static func composite(
        _ name: String, _ range: ClosedRange<Double>, _ attributes: Attributes = [:], isLogarithmic: Bool = false,
        _ truth: @escaping @Sendable (Float80) -> Float80
    ) -> DeviceMathCase {
        DeviceMathCase(
            function: .composite(name, attributes), range: range, isLogarithmic: isLogarithmic, truth: truth)
    }

    static let all: [DeviceMathCase] = [
        DeviceMathCase(function: .unary(.exp), range: -87...88, truth: { exp($0) }),
        DeviceMathCase(function: .unary(.log), range: 1e-37...1e38, isLogarithmic: true, truth: { log($0) }),
        DeviceMathCase(function: .unary(.log), range: 0.5...2, truth: { log($0) }),
        DeviceMathCase(function: .unary(.sin), range: -1700...1700, truth: { sin($0) }),
        DeviceMathCase(function: .unary(.sin), range: 1e-3...3e38, isLogarithmic: true, truth: { sin($0) }),
        DeviceMathCase(function: .unary(.cos), range: -1700...1700, truth: { cos($0) }),
        DeviceMathCase(function: .unary(.cos), range: 1e-3...3e38, isLogarithmic: true, truth: { cos($0) }),
        DeviceMathCase(function: .unary(.tanh), range: -10...10, truth: { tanh($0) }),
        DeviceMathCase(function: .unary(.tanh), range: 1e-30...10, isLogarithmic: true, truth: { tanh($0) }),
        DeviceMathCase(function: .unary(.sqrt), range: 1e-37...1e38, isLogarithmic: true, truth: { $0.squareRoot() }),
        DeviceMathCase(function: .power(exponent: 2.5), range: 1e-15...1e15, isLogarithmic: true) { pow($0, 2.5) },
        DeviceMathCase(function: .power(exponent: -80), range: 0.4...2.5) { pow($0, -80) },
        DeviceMathCase(function: .power(exponent: 300), range: 0.75...1.33) { pow($0, 300) },
        DeviceMathCase(function: .power(exponent: nil), range: 1e-3...26) { pow($0, $0) },
        composite("erf", -6...6) { erf($0) },
        composite("erf", 1e-30...1, isLogarithmic: true) { erf($0) },
        composite("sigmoid", -80...20) { 1 / (1 + exp(-$0)) },
        composite("silu", -80...20, ["beta": .number(1)]) { $0 / (1 + exp(-$0)) },
        composite("softplus", -80...80) { log1p(exp($0)) },
        composite("log1p", -0.999...1) { log1p($0) },
        composite("log1p", 1e-30...1e38, isLogarithmic: true) { log1p($0) },
        composite("expm1", -20...88) { expm1($0) },
        composite("expm1", 1e-30...1, isLogarithmic: true) { expm1($0) },
        composite("rsqrt", 1e-37...1e38, isLogarithmic: true) { 1 / $0.squareRoot() },
        composite("gelu", -12.5...8, ["approximation": .string("none")]) {
            0.5 * $0 * erfc(-$0 / Float80(2).squareRoot())
        },
    ]
}

@Suite(
    "Elementary functions on the device",
    .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct MathDeviceTests {
    private func number(_ bits: UInt64, _ type: ScalarType) -> Float80 {
        type == .float64
            ? Float80(Double(bitPattern: bits)) : Float80(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    }

    @Test("Declared bounds hold", arguments: DeviceMathCase.all, [ScalarType.float32, .float64])
    func bounds(item: DeviceMathCase, type: ScalarType) throws {
        let runner = try DeviceRunner.shared
        let operation = item.operation(type)
        guard ScalarCode.supports(type, runner.target) else { return }
        if case .composite(let name, let attributes, _) = operation, !ScalarCode.takes(name, attributes, type) {
            return
        }
        let bound = Float80(item.bound(VulkanCapabilities.numerics(runner.target)))
        let count = 8192
        let (low, high) = (item.range.lowerBound, item.range.upperBound)
        let samples = (0..<count).map { index -> UInt64 in
            let t = (Double(index) + 0.37) / Double(count)
            return type.bits(of: item.isLogarithmic ? low * pow(high / low, t) : low + (high - low) * t)
        }
        var inputs = [packed(samples, type)]
        if case .power(let exponent) = item.function {
            inputs.append(
                exponent.map { packed([UInt64](repeating: type.bits(of: $0), count: count), type) } ?? inputs[0])
        }
        for mode in SPIRVOptions.MultiplyAdd.allCases {
            for trusts in [true, false] {
                let recipe = ScalarRecipe(
                    inputs: inputs.map { _ in type }, operations: [operation], width: 4, count: count / 4,
                    trusts: trusts)
                let output = [UInt8](repeating: 0, count: inputs[0].count)
                let buffers = try runner.run(
                    recipe, buffers: inputs + [output], grid: .linear(workgroups: count / 256), multiplyAdd: mode)
                let results = unpacked(buffers[inputs.count], count, type)
                var (worst, place): (Float80, Float80) = (0, 0)
                for (sample, result) in zip(samples, results) {
                    let x = number(sample, type)
                    let truth = item.truth(x)
                    // What is too small for a normal number may be flushed, and rounds more coarsely.
                    let least =
                        type == .float64 ? Float80(Double.leastNormalMagnitude) : Float80(Float.leastNormalMagnitude)
                    guard abs(truth) >= least else { continue }
                    let ulp = type == .float64 ? Float80(Double(truth).ulp) : Float80(Float(truth).ulp)
                    let isInfinite = type == .float64 ? Double(truth).isInfinite : Float(truth).isInfinite
                    let found = number(result, type)
                    let error =
                        isInfinite
                        ? (found == (truth < 0 ? -.infinity : .infinity) ? 0 : .infinity) : abs(found - truth) / ulp
                    if !(error <= worst) { (worst, place) = (error, x) }
                }
                #expect(worst <= bound, "\(item.function) in \(type), \(mode): \(worst) ULP at \(place)")
            }
        }
    }
}
#endif
