// Heterodyne: from a primitive to its kernel.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Runs the primitives that have no regions.
enum Kernels {
    /// The result of a primitive of one result, whose inferred type is `type`, on dense operands.
    static func run(
        _ primitive: Primitive, _ operands: [Literal], as type: TensorType
    ) throws(EvaluationError) -> Literal {
        switch primitive {
        case .constant(let literal): literal
        case .iota(let type, let dimension): try Convert.iota(type, dimension: dimension)
        case .convert(let scalarType): try Convert.convert(operands[0], to: scalarType)
        case .bitcast(let scalarType): try Convert.bitcast(operands[0], to: scalarType)
        case .unary(let op): try Elementwise.unary(op, operands[0])
        case .binary(let op): try Elementwise.binary(op, operands[0], operands[1])
        case .compare(let direction): try Elementwise.compare(direction, operands[0], operands[1])
        case .select: try Elementwise.select(operands[0], operands[1], operands[2])
        case .reshape(let shape): try Movement.reshape(operands[0], to: shape)
        case .transpose(let permutation): try Movement.transpose(operands[0], permutation)
        case .broadcast(let shape, let dimensions): try Movement.broadcast(operands[0], to: shape, dimensions)
        case .slice(let starts, _, let strides):
            try Movement.slice(operands[0], as: type, starts: starts, strides: strides)
        case .pad(let low, _, let interior):
            try Movement.pad(operands[0], operands[1], as: type, low: low, interior: interior)
        case .concatenate(let dimension): try Movement.concatenate(operands, as: type, dimension)
        case .reverse(let dimensions): try Movement.reverse(operands[0], dimensions)
        case .gather(let dimensions): try Indexing.gather(operands[0], operands[1], as: type, dimensions)
        case .scatter(let mode, let dimensions):
            try Indexing.scatter(mode, operands[0], operands[1], operands[2], dimensions)
        case .dynamicSlice: try Indexing.dynamicSlice(operands, as: type)
        case .dynamicUpdateSlice: try Indexing.dynamicUpdateSlice(operands)
        case .dot(let dimensions, let accumulation, _):
            try Dot.dot(operands[0], operands[1], as: type, dimensions, accumulation: accumulation)
        case .reduce(let kind, let dimensions): try Reduce.reduce(operands[0], kind, as: type, dimensions)
        case .sort(let dimension, let descending, _):
            try Sort.sort(operands[0], as: type, dimension, descending: descending)
        case .conditional, .loop:
            throw EvaluationError(.malformedGraph, "has regions, which programs run themselves")
        }
    }
}
