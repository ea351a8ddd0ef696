// Heterodyne: what can go wrong with an imported model.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneONNX
public import HeterodyneRuntime

/// Whatever can go wrong between reading a model and its results.
public enum ModelError: Error, Sendable, CustomStringConvertible {
    /// The model, or a value given to it, is at fault, or has what is not imported.
    case onnx(ONNXError)
    /// The model could not be compiled for the device, or failed on it.
    case execution(HeterodyneError)

    /// The description of the error inside.
    public var description: String {
        switch self {
        case .onnx(let error): error.description
        case .execution(let error): error.description
        }
    }
}

/// The result of `body`, its error as a `ModelError`.
func liftingONNX<T>(_ body: () throws(ONNXError) -> T) throws(ModelError) -> T {
    do throws(ONNXError) { return try body() } catch { throw .onnx(error) }
}

/// The result of `body`, its error as a `ModelError`.
func liftingExecution<T>(_ body: () throws(HeterodyneError) -> T) throws(ModelError) -> T {
    do throws(HeterodyneError) { return try body() } catch { throw .execution(error) }
}
