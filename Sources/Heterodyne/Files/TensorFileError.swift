// Heterodyne: the error type of saving tensors.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneRuntime
public import HeterodyneWeights

/// Why tensors could not be saved.
public enum TensorFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A tensor carries a mistake or could not be computed.
    case tensor(name: String, HeterodyneError)
    /// The file could not be written.
    case file(WeightsError)

    /// The description of the error inside, with the tensor's name.
    public var description: String {
        switch self {
        case .tensor(let name, let error): "\(name.isEmpty ? "" : "tensor '\(name)': ")\(error)"
        case .file(let error): error.description
        }
    }
}
