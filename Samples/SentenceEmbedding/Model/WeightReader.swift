// Heterodyne: the weights of a model file in the type that the user wants them in.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne

/// Reads tensors of a weights file, converted to another floating-point type where one is asked for.
struct WeightReader {
    private let file: SafetensorsFile
    private let type: ScalarType?

    /// Reads from the file at `path`; `type` nil leaves weights as they are in the file, mapped and not copied.
    init(path: String, type: ScalarType?) throws {
        file = try SafetensorsFile(path: path)
        self.type = type
    }

    func tensor(_ name: String) throws -> Tensor {
        let literal = try file.tensor(named: name)
        guard let type, literal.type.scalarType != type else { return Tensor(literal) }
        return Tensor(try literal.rounded(to: type))
    }
}

extension Literal {
    /// The numbers in another floating-point type, rounded to nearest even as the library's `convert` rounds. Throws
    /// `PretrainedFilesError.unusableWeights` for anything but floats of 16 and 32 bits.
    func rounded(to target: ScalarType) throws -> Literal {
        switch type.scalarType {
        case .float32: try rounded(scalars(as: Float.self), to: target)
        case .float16: try rounded(scalars(as: Float16.self).map { Float($0) }, to: target)
        case .bfloat16: try rounded(scalars(as: BFloat16.self).map(\.float), to: target)
        default: throw PretrainedFilesError.unusableWeights(type: type.scalarType.name, wanted: target.name)
        }
    }

    private func rounded(_ numbers: [Float], to target: ScalarType) throws -> Literal {
        switch target {
        case .float32: try Literal(numbers, shape: type.shape)
        case .float16: try Literal(numbers.map { Float16($0) }, shape: type.shape)
        case .bfloat16: try Literal(numbers.map { BFloat16($0) }, shape: type.shape)
        default: throw PretrainedFilesError.unusableWeights(type: type.scalarType.name, wanted: target.name)
        }
    }
}
