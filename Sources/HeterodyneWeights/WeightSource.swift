// Heterodyne: named tensors, whatever file they come from.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A collection of named tensors in one or several files.
public protocol WeightSource: Sendable {
    /// The names, in the order of the data.
    var names: [String] { get }
    /// Element type and shape of a tensor, without touching its data where the format allows. Throws `missingTensor`, or
    /// `unsupportedType` for an element type that `ScalarType` does not have.
    func tensorType(named name: String) throws(WeightsError) -> TensorType
    /// A tensor. Throws what `tensorType(named:)` does, or `corruptData`.
    func tensor(named name: String) throws(WeightsError) -> Literal
}

/// Opens files of weights by what they contain.
public enum WeightFile {
    /// The tensors at `path`: a `.safetensors` file, an `.npz` archive, a sharded index, or a directory with one of them
    /// (see `ShardedSafetensors`). Throws `pickle` for PyTorch checkpoints, with the way to convert them.
    public static func open(_ path: String) throws(WeightsError) -> any WeightSource {
        if isDirectory(path) { return try ShardedSafetensors(path: path) }
        let file = try MappedFile(path: path)
        defer { withExtendedLifetime(file) {} }
        switch FileFormat.identify(file.bytes) {
        case .json: return try ShardedSafetensors(path: path)
        case .zip: return try NpzFile(file)
        case .npy:
            throw WeightsError(
                .wrongFormat, "is one unnamed array in npy format; read it with NpyFile.read(path:)", path: path)
        default: return try SafetensorsFile(file)
        }
    }
}

/// A `missingTensor` error that names similar tensors.
func missingTensor(_ name: String, among names: some Sequence<String>, path: String) -> WeightsError {
    // Mostly a prefix is missing or too many ("model.", "bert.").
    var similar: [String] = []
    var total = 0
    for other in names {
        total += 1
        let related =
            other.hasSuffix("." + name) || name.hasSuffix("." + other) || other.lowercased() == name.lowercased()
        if related, similar.count < 3 { similar.append(quoted(other)) }
    }
    let hint = similar.isEmpty ? "" : "; did you mean \(similar.joined(separator: " or "))?"
    return WeightsError(
        .missingTensor, "is not among the \(total) tensors of the file\(hint)", path: path, tensor: name)
}
