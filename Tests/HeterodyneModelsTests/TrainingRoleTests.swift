// Heterodyne: tests of models that train on devices that are made for inference, and of what devices count.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import HeterodyneReference
import Testing

/// The reference as a part of certain roles, which counts its runs.
private struct Part: Backend {
    let name = "part"
    var roles: Set<DeviceRole>
    private let inner = ReferenceBackend()

    init(roles: Set<DeviceRole>) { self.roles = roles }

    func discover() -> DeviceListing {
        DeviceListing(devices: [
            DeviceDescriptor(
                id: name, backend: name, kind: .accelerator, name: "Part", vendor: "Tests", threads: 1,
                memoryByteCount: 1 << 30, fingerprint: "part-1")
        ])
    }

    func capabilities(of device: String) throws(BackendError) -> Capabilities {
        var capabilities = try inner.capabilities(of: "reference")
        capabilities.roles = roles
        return capabilities
    }

    func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        try inner.allocate(byteCount: byteCount, on: "reference")
    }

    func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        CountingExecutable(try inner.compile(unit, for: "reference"))
    }

    var runtime: Runtime { Runtime(registry: DeviceRegistry([self]), evaluator: ReferenceEvaluator()) }
    var device: Device { Device(descriptor: discover().devices[0], backend: self) }
}

private final class CountingExecutable: Executable {
    let inner: any Executable
    init(_ inner: any Executable) { self.inner = inner }
    func makeInvocation() throws(BackendError) -> any Invocation { CountingInvocation(try inner.makeInvocation()) }
    var inPlaceOutputs: [Int: Int] { inner.inPlaceOutputs }
    var arenaByteCount: Int { inner.arenaByteCount }
    var constantByteCount: Int { inner.constantByteCount }
    var stepDescriptions: [String] { inner.stepDescriptions }
}

private final class CountingInvocation: Invocation {
    let inner: any Invocation
    var count = 0
    init(_ inner: any Invocation) { self.inner = inner }
    func bind(input index: Int, to buffer: any Buffer) throws(BackendError) { try inner.bind(input: index, to: buffer) }
    func bind(output index: Int, to buffer: any Buffer) throws(BackendError) {
        try inner.bind(output: index, to: buffer)
    }
    func run() throws(BackendError) {
        count += 1
        try inner.run()
    }
    func profile() throws(BackendError) -> [UInt64] { try inner.profile() }
    func measurements() throws(BackendError) -> [Measurement] {
        [Measurement(name: "runs", value: Double(count), unit: "", source: "counted")]
    }
}

@Suite("Models that train")
struct TrainingRoleTests {
    static let cases = ModelCase.load("learning").filter { $0.name.hasPrefix("gradient") || $0.name.contains("adam") }

    private func inputs(_ one: ModelCase, _ model: ONNXModel) throws -> [String: ONNXData] {
        var given: [String: ONNXData] = [:]
        for input in model.graph.inputs {
            if let bytes = one.inputs[input.name] { given[input.name] = try ONNXData.decode(bytes, as: input.type) }
        }
        return given
    }

    @Test("Gradients and optimizers are compiled for training, so a part for inference refuses them", arguments: cases)
    func roles(_ one: ModelCase) throws {
        let model = try ONNXModel.decode(one.model)
        #expect(model.isForTraining)
        let inference = Part(roles: [.inference])
        let runner = try ModelRunner(model, on: inference.device, runtime: inference.runtime)
        #expect(runner.options.program.compiler.role == .training)
        do {
            _ = try runner.run(try inputs(one, model))
            // Models that are wrong end in their own error.
            Issue.record("a part for inference ran \(one.name)")
        } catch {
            let isRefused = "\(error)".contains("the device is made for inference, not for training")
            #expect(isRefused || one.error.map { "\(error)".contains($0) } == true, "\(error)")
        }
        guard one.error == nil else { return }
        let training = Part(roles: [.training])
        let results = try ModelRunner(model, on: training.device, runtime: training.runtime).run(inputs(one, model))
        #expect(results.map(\.name) == one.outputs.map(\.name))
    }

    @Test("The cases are there, and other models are for inference")
    func others() throws {
        #expect(Self.cases.contains { $0.name.hasPrefix("gradient") } && Self.cases.count >= 4)
        let other = try #require(ModelCase.load("learning").first { !$0.name.contains("ada") && $0.error == nil })
        #expect(!(try ONNXModel.decode(other.model).isForTraining), "\(other.name)")
    }

    @Test("A prepared model has what its device counted during the last run")
    func measurements() throws {
        let one = try #require(Self.cases.first { $0.name.hasPrefix("gradient") && $0.error == nil })
        let model = try ONNXModel.decode(one.model)
        let part = Part(roles: [.training])
        let prepared = try PreparedModel(
            ModelRunner(model, on: part.device, runtime: part.runtime), inputs(one, model))
        try prepared.run()
        try prepared.run()
        let found = try prepared.measurements()
        #expect(!found.isEmpty)
        for (device, measurement) in found {
            #expect(device == "part")
            #expect(measurement == Measurement(name: "runs", value: 2, unit: "", source: "counted"))
        }
        let plain = try PreparedModel(
            ModelRunner(model, on: Device("reference"), runtime: .shared), inputs(one, model))
        try plain.run()
        #expect(try plain.measurements().isEmpty)
    }
}
