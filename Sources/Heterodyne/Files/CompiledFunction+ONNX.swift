// Heterodyne: functions of tensors written as ONNX models.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph
public import HeterodyneModels
public import HeterodyneONNX
import HeterodyneRuntime

extension CompiledFunction {
    /// Writes the function, for arguments of the given types, as an ONNX model at `path`. Tensors that the function
    /// captures, such as weights, become constants of the model.
    ///
    /// - Parameters:
    ///   - types: The types of the arguments.
    ///   - path: Where to write; replaced whole. Constants of more than 1 GiB go to `path` + `.data` beside it.
    ///   - inputNames: Names of the arguments in the model, in order; `arg0`, `arg1` … where nil.
    ///   - outputNames: Names of the results, in order; `result0`, `result1` … where nil.
    ///   - options: The operator set and the rest; see `ONNXWriteOptions`.
    /// - Throws: the first mistake in the function, or what `Graph.writeONNX(to:options:)` throws.
    public func exportONNX(
        for types: [TensorType], to path: String, inputNames: [String]? = nil, outputNames: [String]? = nil,
        options: ONNXWriteOptions = ONNXWriteOptions()
    ) throws(ModelError) {
        let traced: Graph
        do throws(HeterodyneError) { traced = try graph(for: types) } catch { throw .execution(error) }
        var options = options
        options.inputNames = inputNames ?? options.inputNames
        options.outputNames = outputNames ?? options.outputNames
        do throws(ONNXError) { try traced.writeONNX(to: path, options: options) } catch { throw .onnx(error) }
    }
}
