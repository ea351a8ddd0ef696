// Heterodyne: operands that are views of other tensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// How an operand lies in the input that it comes from. The view is made by nodes of the graph, so that a backend which
/// fuses movement into its kernels meets every kind of stride.
public enum CaseLayout: String, Sendable, Hashable, CaseIterable {
    /// The operand is the input.
    case contiguous
    /// The input's dimensions are in opposite order.
    case transposed
    /// Every second element of the last dimension, from the second on.
    case strided
    /// The elements run backwards in every dimension.
    case reversed
    /// The first dimension has extent 1 in the input and is repeated.
    case broadcast
    /// The input has one more slice before the operand.
    case offset

    /// The type of the input that an operand of `type` comes from.
    func inputType(_ type: TensorType) throws(GraphError) -> TensorType {
        var extents = try type.shape.extents()
        if extents.isEmpty { return type }
        switch self {
        case .contiguous, .reversed: break
        case .transposed: extents.reverse()
        case .strided: extents[extents.count - 1] = 2 * extents[extents.count - 1] + 1
        case .broadcast: extents[0] = 1
        case .offset: extents[0] += 1
        }
        return TensorType(type.scalarType, extents)
    }

    /// The operand of `type` as a view of `input`.
    func view(_ input: Term, as type: TensorType) throws(GraphError) -> Term {
        let rank = type.rank
        if rank == 0 { return input }
        switch self {
        case .contiguous: return input
        case .transposed: return try input.transpose(Array((0..<rank).reversed()))
        case .reversed: return try input.reverse(Array(0..<rank))
        case .broadcast: return try input.broadcast(type.shape, dimensions: Array(0..<rank))
        case .strided:
            return try input.slice(dimension: rank - 1, from: 1, to: input.shape[rank - 1], stride: 2)
        case .offset: return try input.slice(dimension: 0, from: 1, to: input.shape[0])
        }
    }
}
