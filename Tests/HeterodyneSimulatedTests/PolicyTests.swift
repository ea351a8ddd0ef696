// Heterodyne: float64 on chips that have none, and training on chips that are sold for inference.
// SPDX-License-Identifier: Apache-2.0

import HeatEquationModel
import Heterodyne
import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneRoofline
import HeterodyneRuntime
import HeterodyneSimulated
import Testing

@Suite("Policies on simulated chips", .serialized)
struct PolicyTests {
    static let steps = 1

    static func model() throws -> HeatModel { try HeatModel(HeatProblem(size: 8)) }

    static func run(_ name: String, _ rule: ScalarTypePolicy.Rule?) throws -> HeatResult {
        var options = ProgramOptions()
        options.compiler.scalarTypes[.float64] = rule ?? .error
        if rule != .fallback && rule != .error { options.fallbacks = [] }
        return try HeatSimulation(model(), device: Chips.device(name), options: options).run(steps: steps)
    }

    /// Whether the device did all of it.
    private static func isAlone(_ result: HeatResult, _ device: Device) -> Bool {
        result.report.entries.allSatisfy {
            $0.kind != .fallback && $0.kind != .transfer && ($0.device.isEmpty || $0.device == device.id)
        }
    }

    private static func error(_ result: HeatResult) -> Double { result.errors.max() ?? .nan }

    @Test("a chip with float64 computes it, with nobody's help", arguments: ["A100", "MI300X", "Z100"])
    func native(name: String) throws {
        let result = try Self.run(name, nil)
        #expect(Self.error(result) < 1e-10)
        #expect(try Self.isAlone(result, Chips.device(name)))
        #expect(result.report.costlyEntries.isEmpty)
    }

    @Test("a chip without float64 lets another device compute, by its rule", arguments: ["BR100", "Ascend 910B"])
    func fallback(name: String) throws {
        let device = try Chips.device(name)
        let result = try Self.run(name, .fallback)
        #expect(Self.error(result) < 1e-10)
        let fallbacks = result.report.entries.filter { $0.kind == .fallback }
        #expect(fallbacks.contains { $0.operation == "while" && $0.reason.contains("float64") })
        // No other simulated chip stands in.
        #expect(fallbacks.allSatisfy { !$0.device.hasPrefix("simulated:") && $0.device != device.id })
    }

    @Test(
        "emulated on a chip without float64, pairs of float32 are as good as float64", arguments: ["BR100", "TPUv5e"])
    func emulation(name: String) throws {
        let device = try Chips.device(name)
        let result = try Self.run(name, .emulate)
        let native = try Self.run("A100", nil)
        #expect(Self.error(result) <= 10 * Self.error(native))
        #expect(Self.isAlone(result, device))
        let costly = result.report.entries.filter { $0.kind == .legalization && !$0.isFree }
        #expect(costly.contains { $0.rule == "float64=emulate" })
    }

    @Test("demoted on a chip without float64, the result has float32's precision")
    func demotion() throws {
        let result = try Self.run("BR100", .demote)
        let error = Self.error(result)
        #expect(error > 1e-8 && error < 1e-3)
        let costly = result.report.entries.filter { $0.kind == .legalization && !$0.isFree }
        #expect(costly.contains { $0.rule == "float64=demote" })
    }

    @Test("where float64 is an error, the error says what the profile knows", arguments: ["BR100", "TPUv5e"])
    func refusal(name: String) throws {
        let device = try Chips.device(name)
        let error = try #require(throws: HeterodyneError.self) { try Self.run(name, .error) }
        guard case .graph(let refusal) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(refusal.kind == .unsupported)
        #expect(refusal.description.contains("float64") && refusal.description.contains(device.id), "\(refusal)")
        #expect(refusal.description.contains(name == "BR100" ? "three articles" : "unknown"), "\(refusal)")
    }

    // MARK: Roles

    private static func report(_ name: String, _ role: DeviceRole) throws -> CompilationReport {
        var options = ProgramOptions()
        options.fallbacks = []
        options.compiler.role = role
        let function = compile(device: try Chips.device(name), options: options) { (x: Tensor) in x.exp() + x }
        return try function.report(for: [TensorType(.float32, [4])])
    }

    @Test("chips sold for inference refuse training", arguments: ["MR-V100", "MLU270", "Kunlun 1", "910B4"])
    func inferenceOnly(name: String) throws {
        _ = try Self.report(name, .inference)
        let error = #expect(throws: HeterodyneError.self) { try Self.report(name, .training) }
        #expect("\(String(describing: error))".contains("made for inference, not for training"))
    }

    @Test("chips sold for training train, and run models", arguments: ["A100", "TPUv5e", "Kunlun 2", "Ascend 910"])
    func training(name: String) throws {
        _ = try Self.report(name, .training)
        _ = try Self.report(name, .inference)
    }
}
