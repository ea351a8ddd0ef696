// Heterodyne: the primitives that move elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// A block of elements on its way from an operand into the result. Offsets and strides count elements.
struct Block {
    /// Where the elements come from.
    var source: Literal
    /// The block's extents.
    var extents: [Int]
    var sourceOffset = 0
    var sourceStrides: [Int]
    var targetOffset = 0
    var targetStrides: [Int]
}

/// Every movement primitive is a base that is overwritten by strided blocks.
enum Movement {
    /// A tensor of `type` that holds `base` (everything is covered by blocks where that is nil) under `blocks`.
    static func assemble(
        _ type: TensorType, base: Literal?, _ blocks: [Block]
    ) throws(EvaluationError) -> Literal {
        switch type.scalarType.bitWidth {
        case 4: try assemble(type, base, blocks, UnsignedNibble.self)
        case 8: try assemble(type, base, blocks, UInt8.self)
        case 16: try assemble(type, base, blocks, UInt16.self)
        case 32: try assemble(type, base, blocks, UInt32.self)
        default: try assemble(type, base, blocks, UInt64.self)
        }
    }

    private static func assemble<T: Element>(
        _ type: TensorType, _ base: Literal?, _ blocks: [Block], _: T.Type
    ) throws(EvaluationError) -> Literal {
        var sources: [Elements<T>] = []
        for block in blocks { sources.append(try Elements(block.source)) }
        let ground: Elements<T>? = if let base { try Elements(base) } else { nil }
        var keeping = sources.map(\.storage)
        if let ground { keeping.append(ground.storage) }
        return try makeLiteral(type, of: T.self, keeping: keeping) { out in
            if let ground { _ = out.update(fromContentsOf: ground.buffer) }
            for (block, source) in zip(blocks, sources) { copy(block, source.buffer, out) }
        }
    }

    /// Copies one block, the innermost dimension in a tight loop.
    private static func copy<T: Element>(
        _ block: Block, _ source: UnsafeBufferPointer<T>, _ target: UnsafeMutableBufferPointer<T>
    ) {
        if block.extents.contains(0) { return }
        guard let count = block.extents.last, let step = block.sourceStrides.last,
            let targetStep = block.targetStrides.last
        else {
            target[block.targetOffset] = source[block.sourceOffset]
            return
        }
        let outer = block.extents.count - 1
        var index = [Int](repeating: 0, count: outer)
        var (from, to) = (block.sourceOffset, block.targetOffset)
        while true {
            for i in 0..<count { target[to + i * targetStep] = source[from + i * step] }
            var d = outer - 1
            while d >= 0 {
                index[d] += 1
                from += block.sourceStrides[d]
                to += block.targetStrides[d]
                if index[d] < block.extents[d] { break }
                from -= block.extents[d] * block.sourceStrides[d]
                to -= block.extents[d] * block.targetStrides[d]
                index[d] = 0
                d -= 1
            }
            if d < 0 { return }
        }
    }

    /// The result whose elements are read from `x` at `offset + Σ index[d] * strides[d]`.
    static func view(
        _ x: Literal, as type: TensorType, offset: Int, strides: [Int]
    ) throws(EvaluationError) -> Literal {
        let extents = try Layout.extents(type)
        let block = Block(
            source: x, extents: extents, sourceOffset: offset, sourceStrides: strides,
            targetStrides: Layout.strides(extents))
        return try assemble(type, base: nil, [block])
    }

    static func reshape(_ x: Literal, to shape: Shape) throws(EvaluationError) -> Literal {
        do { return try x.reshaped(shape) } catch { throw EvaluationError(error) }
    }

    static func transpose(_ x: Literal, _ permutation: [Int]) throws(EvaluationError) -> Literal {
        let extents = try Layout.extents(x.type)
        let strides = Layout.strides(extents)
        let type = x.type.with(Shape(permutation.map { extents[$0] }))
        return try view(x, as: type, offset: 0, strides: permutation.map { strides[$0] })
    }

    static func broadcast(_ x: Literal, to shape: Shape, _ dimensions: [Int]) throws(EvaluationError) -> Literal {
        let from = try Layout.extents(x.type)
        let own = Layout.strides(from)
        var strides = [Int](repeating: 0, count: shape.rank)
        for (d, target) in dimensions.enumerated() where from[d] != 1 { strides[target] = own[d] }
        return try view(x, as: x.type.with(shape), offset: 0, strides: strides)
    }

    static func slice(
        _ x: Literal, as type: TensorType, starts: [Extent], strides: [Int]
    ) throws(EvaluationError) -> Literal {
        let first = try Layout.numbers(starts)
        let own = Layout.strides(try Layout.extents(x.type))
        let extents = try Layout.extents(type)
        // A stride may be as large as an Int; where it leads to a second element it is below the extent.
        let steps = own.indices.map { extents[$0] > 1 ? own[$0] * strides[$0] : 0 }
        let offset = extents.contains(0) ? 0 : zip(first, own).reduce(0) { $0 + $1.0 * $1.1 }
        return try view(x, as: type, offset: offset, strides: steps)
    }

    static func reverse(_ x: Literal, _ dimensions: [Int]) throws(EvaluationError) -> Literal {
        let extents = try Layout.extents(x.type)
        var strides = Layout.strides(extents)
        var offset = 0
        for d in dimensions {
            offset += (extents[d] - 1) * strides[d]
            strides[d] = -strides[d]
        }
        return try view(x, as: x.type, offset: offset, strides: strides)
    }

    static func concatenate(
        _ operands: [Literal], as type: TensorType, _ dimension: Int
    ) throws(EvaluationError) -> Literal {
        let strides = Layout.strides(try Layout.extents(type))
        var blocks: [Block] = []
        var position = 0
        for operand in operands {
            let extents = try Layout.extents(operand.type)
            blocks.append(
                Block(
                    source: operand, extents: extents, sourceStrides: Layout.strides(extents),
                    targetOffset: position * strides[dimension], targetStrides: strides))
            position += extents[dimension]
        }
        return try assemble(type, base: nil, blocks)
    }

    static func pad(
        _ x: Literal, _ value: Literal, as type: TensorType, low: [Extent], interior: [Int]
    ) throws(EvaluationError) -> Literal {
        let from = try Layout.extents(x.type)
        let to = try Layout.extents(type)
        let first = try Layout.numbers(low)
        let (own, target) = (Layout.strides(from), Layout.strides(to))
        var block = Block(source: x, extents: [], sourceStrides: own, targetStrides: [])
        for d in from.indices {
            // Operand position i lands at low + i * step, which inference has shown not to overflow.
            let step = from[d] > 1 ? interior[d] + 1 : 1
            let lands = (0..<from[d]).filter { i in
                let position = first[d] + i * step
                return position >= 0 && position < to[d]
            }
            block.extents.append(lands.count)
            block.targetStrides.append(target[d] * (lands.count > 1 ? step : 0))
            if let start = lands.first {
                block.sourceOffset += start * own[d]
                block.targetOffset += (first[d] + start * step) * target[d]
            }
        }
        return try assemble(type, base: Literal(splatBits: value.bits(at: 0), type: type), [block])
    }
}
