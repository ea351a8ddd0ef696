// Heterodyne: lowering of the primitives.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// The results of a primitive.
    func lower(_ primitive: Primitive, _ node: Node) throws(BackendError) -> [StridedView] {
        switch primitive {
        case .constant(let literal): return [try lowerConstant(literal)]
        case .iota(let type, let dimension): return [try lowerIota(type, dimension)]
        case .bitcast(let type) where type.bitWidth != 4:
            var result = view(node.operands[0])
            result.type = type
            return [result]
        case .convert, .bitcast, .unary, .binary, .compare, .select: return [try lowerElementwise(node)]
        case .reshape(let shape): return [try reshaped(node.operands[0], try fixed(shape))]
        case .transpose(let permutation): return [view(node.operands[0]).transposed(permutation)]
        case .broadcast(let shape, let dimensions):
            return [view(node.operands[0]).broadcast(try fixed(shape), dimensions)]
        case .slice(let starts, _, let strides):
            let result = try extents(node.resultTypes[0])
            return [view(node.operands[0]).sliced(starts: try fixed(starts), steps: strides, extents: result)]
        case .reverse(let dimensions): return [view(node.operands[0]).reversed(dimensions)]
        case .pad(let low, let high, let interior):
            return [try lowerPad(node, try fixed(low), try fixed(high), interior)]
        case .concatenate(let dimension): return [try lowerConcatenate(node, dimension)]
        case .gather(let dimensions): return [try lowerGather(node, dimensions)]
        case .scatter(let mode, let dimensions): return [try lowerScatter(node, mode, dimensions)]
        case .dynamicSlice: return [try lowerDynamicSlice(node)]
        case .dynamicUpdateSlice: return [try lowerDynamicUpdateSlice(node)]
        case .dot(let dimensions, let accumulation, let result):
            return [try lowerDot(node, dimensions, accumulation, result)]
        case .reduce(let kind, let dimensions): return [try lowerReduce(node, kind, dimensions)]
        case .sort(let dimension, let descending, let indexType):
            return [try lowerSort(node, dimension, descending, indexType)]
        case .conditional(let then, let otherwise): return try lowerConditional(node, then, otherwise)
        case .loop(let condition, let body): return try lowerLoop(node, condition, body)
        }
    }

    private func lowerConstant(_ literal: Literal) throws(BackendError) -> StridedView {
        let extents = try extents(literal.type)
        let type = literal.type.scalarType
        switch literal.contents {
        case .splat(let bits): return splat(Self.widened(bits, type), extents, Self.stored(type))
        case .dense(let storage):
            guard !storage.bytes.isEmpty else { return splat(0, extents, Self.stored(type)) }
            if Strides.count(extents) == 1, let bits = literal.splatBits {
                return splat(Self.widened(bits, type), extents, Self.stored(type))
            }
            let packed = StridedView(dense: constantRoot(storage), extents: extents, type: Self.stored(type))
            return type.bitWidth == 4 ? try unpacked(packed, extents, type) : packed
        }
    }

    /// The bits of a 4-bit integer as those of the byte that stands for it.
    static func widened(_ bits: UInt64, _ type: ScalarType) -> UInt64 {
        type == .int4 ? UInt64(UInt8(bitPattern: Int8(truncatingIfNeeded: bits << 4) >> 4)) : bits
    }
}
