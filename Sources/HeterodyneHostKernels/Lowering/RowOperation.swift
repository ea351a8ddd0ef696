// Heterodyne: softmax and normalisations along trailing dimensions, as the row kernels take them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// A composite that the row kernels run: softmax and its logarithm along any axis, layer and root-mean-square
/// normalisation over trailing dimensions.
struct RowOperation {
    enum Kind: UInt8 {
        case softmax, logSoftmax, layerNormalization, rmsNormalization
    }

    var kind: Kind
    var axis: Int
    var epsilon: Double

    /// Names of the composites.
    static let names: Set<String> = ["softmax", "logSoftmax", "layerNormalization", "rmsNormalization"]

    /// The operation that `composite` is on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType]) {
        guard Self.names.contains(composite.name), let x = operands.first, x.scalarType.isFloatingPoint,
            x.scalarType.isArithmetic
        else { return nil }
        var reader = AttributeReader(composite.attributes, operation: composite.name)
        do {
            axis = try reader.integer("axis")
            epsilon = 0
            switch composite.name {
            case "softmax": kind = .softmax
            case "logSoftmax": kind = .logSoftmax
            case "layerNormalization":
                kind = .layerNormalization
                epsilon = try reader.number("epsilon")
                if try reader.bool("statistics") { return nil }
            default:
                kind = .rmsNormalization
                epsilon = try reader.number("epsilon")
            }
            try reader.finish()
        } catch { return nil }
        guard axis >= 0, axis < x.rank else { return nil }
        // Parameters of another type would have to be converted, which rounds differently from the definition.
        let limit = kind == .layerNormalization ? 3 : kind == .rmsNormalization ? 2 : 1
        guard operands.count <= limit, operands.dropFirst().allSatisfy({ $0.scalarType == x.scalarType }) else {
            return nil
        }
    }

    /// Whether the operation runs along one axis, as opposed to all dimensions from it on.
    var isAlongAxis: Bool { kind == .softmax || kind == .logSoftmax }
}
