// Heterodyne: ONNX operators: ranges, diagonals, one-hot encodings and choices.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Ranges, diagonals, one-hot encodings and choices.
    static let generators: [OperatorRule] = [
        .term("EyeLike", since: 9) { (context) throws(GraphError) in try context.eyeLike() },
        .term("Range", since: 11) { (context) throws(GraphError) in try context.range() },
        .moved("Trilu", since: 14) { (context, x) throws(GraphError) in
            let diagonal = context.has(1) ? try context.integer(1) : 0
            return try context.builder.add(
                Trilu(upper: context.bool("upper", default: true), diagonal: diagonal), [x])
        },
        .values("OneHot", since: 9) { (context) throws(GraphError) in try context.oneHot() },
        .moved("ReverseSequence", since: 10) { (context, x) throws(GraphError) in try context.reverseSequence(x) },
    ]
}

extension OperatorContext {
    /// Ones on a diagonal of a matrix of input 0's shape.
    fileprivate func eyeLike() throws(GraphError) -> Term {
        let x = try tensor(0)
        let element = try optionalElementType("dtype") ?? x.element
        guard let scalarType = element.scalarType else {
            throw GraphError(.invalidType, "has no meaning for elements of type \(element)")
        }
        return try builder.eye(TensorType(scalarType, x.term.shape), diagonal: int("k", default: 0))
    }

    /// Numbers from input 0 to before input 1 in steps of input 2.
    fileprivate func range() throws(GraphError) -> Term {
        var ends: [Term] = []
        for index in 0..<3 {
            let term = try term(index)
            guard term.shape.dimensions.allSatisfy({ $0 == 1 }) else {
                throw GraphError(.shapeMismatch, "input \(index) is \(term.type), not a scalar")
            }
            ends.append(try term.reshape([1]))
        }
        let type = ends[0].scalarType
        let limits = try builder.concatenate(ends, dimension: 0)
        let count: Extent
        if type.isInteger {
            let numbers = try extents(of: limits)
            count = try rangeCount(from: numbers[0], to: numbers[1], by: numbers[2])
        } else {
            let numbers = try numbers(of: limits)
            let steps = ((numbers[1] - numbers[0]) / numbers[2]).rounded(.up)
            guard steps.isFinite, steps < Double(TensorType.maximumByteCount) else {
                throw GraphError(
                    .shapeMismatch, "there is no range from \(numbers[0]) to \(numbers[1]) by \(numbers[2])")
            }
            count = .fixed(Int(max(0, steps)))
        }
        // Narrow floats are computed in the stash type, float32 unless the model says otherwise.
        var computed = type
        if type == .float16 || type == .bfloat16 {
            computed = try optionalElementType("stash_type")?.scalarType ?? .float32
            guard computed.isFloatingPoint, computed.isArithmetic else {
                throw GraphError(.invalidAttribute, "'stash_type' is \(computed), which is no float type")
            }
        }
        let index = try builder.iota(TensorType(computed, Shape([count])), dimension: 0)
        let start = try ends[0].convert(computed).broadcast(index.shape, dimensions: [0])
        let step = try ends[2].convert(computed).broadcast(index.shape, dimensions: [0])
        return try (start + index * step).convert(type)
    }

    /// How many numbers there are from `start` to before `limit` in steps of `step`.
    private func rangeCount(from start: Extent, to limit: Extent, by step: Extent) throws(GraphError) -> Extent {
        guard let step = step.fixedValue, step != 0, step != Int.min else {
            throw GraphError(.shapeMismatch, "a range cannot go in steps of \(step)")
        }
        let distance = step > 0 ? try limit.subtracting(start) : try start.subtracting(limit)
        if let number = distance.fixedValue, number <= 0 { return 0 }
        let size = abs(step)
        return size == 1 ? distance : try distance.adding(.fixed(size - 1)).floorDivided(by: size)
    }

    /// One of two values by the index along a new axis.
    fileprivate func oneHot() throws(GraphError) -> [ImportedValue] {
        var indices = try term(0)
        let depth = try wholeNumber(1)
        guard depth >= 0 else { throw GraphError(.shapeMismatch, "the depth is \(depth); it cannot be negative") }
        let axis = try int("axis", default: -1)
        if !indices.scalarType.isInteger || indices.scalarType.isStorageOnly || version < 11 {
            indices = try indices.convert(.int64)
        }
        if version < 11 {
            // Before version 11 a negative index is out of range like one beyond the depth.
            let isNegative = try indices.compare(.less, 0)
            let beyond = Literal(splatBits: UInt64(bitPattern: Int64(depth)), type: indices.type)
            indices = try isNegative.select(builder.constant(beyond), indices)
        }
        return try moving([2]) { (terms) throws(GraphError) in
            guard terms[0].shape == [2] else {
                throw GraphError(.shapeMismatch, "the values are \(terms[0].type) where a vector of two is needed")
            }
            let off = try terms[0].slice([0], [1]).reshape([])
            let on = try terms[0].slice([1], [2]).reshape([])
            return [try indices.oneHot(depth: depth, axis: axis, on: on, off: off)]
        }
    }

    /// `x` with the first elements along the time axis in opposite order, as many as input 1 says for every batch.
    fileprivate func reverseSequence(_ x: Term) throws(GraphError) -> Term {
        let batchAxis = try axis(int("batch_axis", default: 1), rank: x.rank)
        let timeAxis = try axis(int("time_axis", default: 0), rank: x.rank)
        guard batchAxis != timeAxis else {
            throw GraphError(.invalidAttribute, "the batch and the time axis are both \(timeAxis)")
        }
        let lengths = try term(1).convert(.int64)
        guard lengths.shape == [x.shape[batchAxis]] else {
            throw GraphError(.shapeMismatch, "the lengths are \(lengths.type) for \(x.type) along axis \(batchAxis)")
        }
        let type = TensorType(.int64, [x.shape[timeAxis], x.shape[batchAxis]])
        let time = try builder.iota(type, dimension: 0)
        let batch = try builder.iota(type, dimension: 1)
        let length = try lengths.broadcast(type.shape, dimensions: [1])
        let mirrored = try length - time - 1
        let source = try time.compare(.less, length).select(mirrored, time)
        let vectors = try builder.stack([source, batch], axis: 2)
        let others = (0..<x.rank).filter { $0 != timeAxis && $0 != batchAxis }
        let order = [timeAxis, batchAxis] + others
        var inverse = [Int](repeating: 0, count: x.rank)
        for (position, axis) in order.enumerated() { inverse[axis] = position }
        return try x.gather(vectors, dimensions: [timeAxis, batchAxis]).transpose(inverse)
    }
}
