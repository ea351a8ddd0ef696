// Heterodyne: ONNX models as functions of tensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
public import HeterodyneModels
public import HeterodyneONNX
public import HeterodyneRuntime

/// An ONNX model as a function of named tensors.
///
/// ```swift
/// let model = try Model("encoder.onnx", device: try Device("vulkan:0"))
/// let outputs = try model(["input_ids": ids, "attention_mask": mask])
/// ```
///
/// The model is compiled once for every combination of input types; inputs and outputs stay on the device. Models with
/// lists, optional values or text as inputs or outputs are run with `ModelRunner`.
public final class Model: Sendable {
    /// Runs the model; for inputs and outputs that are no tensors of the graph language.
    public let runner: ModelRunner

    /// The model in the file at `path`, for `device` or the current one.
    public convenience init(
        _ path: String, device: Device? = nil, options: ModelOptions = ModelOptions()
    ) throws(ModelError) {
        let model: ONNXModel
        do throws(ONNXError) { model = try ONNXModel.load(path) } catch { throw .onnx(error) }
        try self.init(model, device: device, options: options)
    }

    /// A model that is in memory, for `device` or the current one.
    public init(
        _ model: ONNXModel, device: Device? = nil, options: ModelOptions = ModelOptions()
    ) throws(ModelError) {
        let target: Device
        do throws(HeterodyneError) { target = try Device.resolved(device) } catch { throw .execution(error) }
        runner = try ModelRunner(model, on: target, runtime: .shared, options: options)
    }

    /// The model in the file at `path`, for several devices, every node where the whole costs least.
    public convenience init(
        _ path: String, devices: DeviceSet, options: ModelOptions = ModelOptions()
    ) throws(ModelError) {
        let model: ONNXModel
        do throws(ONNXError) { model = try ONNXModel.load(path) } catch { throw .onnx(error) }
        try self.init(model, devices: devices, options: options)
    }

    /// A model that is in memory, for several devices, every node where the whole costs least.
    public init(
        _ model: ONNXModel, devices: DeviceSet, options: ModelOptions = ModelOptions()
    ) throws(ModelError) {
        runner = try ModelRunner(model, on: devices, runtime: .shared, options: options)
    }

    /// The inputs that a call needs: names and types.
    public var inputs: [ONNXValue] { runner.requiredInputs }

    /// The outputs.
    public var outputs: [ONNXValue] { runner.model.graph.outputs }

    /// The outputs by name, computed now. Donated inputs (`ModelOptions.donatedInputs`) carry an error afterwards.
    ///
    /// - Throws: `onnx` for inputs that the model does not have, lacks or cannot take, `execution` for what the device
    ///   cannot do.
    public func callAsFunction(_ inputs: [String: Tensor]) throws(ModelError) -> [String: Tensor] {
        let device = runner.device
        var signatures: [String: ONNXSignature] = [:]
        for (name, tensor) in inputs {
            signatures[name] = .tensor(ONNXElementType(tensor.type.scalarType), tensor.type.shape)
        }
        var slots: [SlotValue] = []
        do throws(HeterodyneError) {
            for input in runner.model.graph.inputs {
                guard let tensor = inputs[input.name] else { continue }
                let buffer =
                    runner.options.donatedInputs.contains(input.name)
                    ? try tensor.donated(to: device)
                    : try Tensor.reachable(tensor.placedBuffer(on: device), from: device)
                slots.append(.buffer(buffer, tensor.type))
            }
        } catch { throw .execution(error) }
        let results = try runner.run(signatures, slots)
        var outputs: [String: Tensor] = [:]
        for (name, result) in results {
            switch result {
            case .tensor(let element, .buffer(let buffer, let type)) where element.scalarType == type.scalarType:
                outputs[name] = Tensor(LazyNode(buffer: buffer, on: device.id, type))
            case .tensor(let element, .literal(let literal)) where element.scalarType == literal.type.scalarType:
                outputs[name] = Tensor(literal)
            default:
                throw .execution(
                    .graph(
                        GraphError(
                            .invalidType,
                            "output '\(name)' is no tensor of the graph language's types; run the model with ModelRunner"
                        )
                    ))
            }
        }
        return outputs
    }
}
