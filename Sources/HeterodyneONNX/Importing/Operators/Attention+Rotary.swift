// Heterodyne: the ONNX operators RotaryEmbedding and TensorScatter.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorContext {
    /// `RotaryEmbedding`: pairs of elements along the depth, turned by the angle of their position (Su et al. 2021).
    ///
    /// Inputs X [B, H, S, D] or [B, S, H * D], cosines and sines [P, R / 2] with position_ids [B, S], or [B, S, R / 2]
    /// without. Of every head the first R elements are turned (attribute `rotary_embedding_dim`; all where it is 0).
    func rotaryEmbedding() throws(GraphError) -> Term {
        let x = try term(0)
        guard x.rank == 3 || x.rank == 4 else {
            throw GraphError(
                .shapeMismatch, "X is \(x.type); it must be [batch, heads, length, depth] or [batch, length, hidden]")
        }
        // Batch and length are first here in both cases, the heads third.
        let split: Term
        let axes: (batch: Int, length: Int)
        if x.rank == 3 {
            let heads = try int("num_heads", default: 0)
            guard heads > 0, let hidden = x.shape[2].fixedValue, hidden % heads == 0 else {
                throw GraphError(
                    .invalidAttribute,
                    "attribute 'num_heads' is \(heads); it must divide the last dimension of X \(x.type)")
            }
            split = try x.reshape([x.shape[0], x.shape[1], .fixed(heads), .fixed(hidden / heads)])
            axes = (0, 1)
        } else {
            split = x
            axes = (0, 2)
        }
        guard let depth = split.shape[3].fixedValue else {
            throw GraphError(.unboundSymbol, "the depth of X \(x.type) must be a number")
        }
        let given = try int("rotary_embedding_dim", default: 0)
        let turned = given == 0 ? depth : given
        guard turned >= 0, turned <= depth, turned % 2 == 0 else {
            throw GraphError(
                .invalidAttribute,
                "\(turned) elements of each head are to be turned; this must be even and at most the depth \(depth)")
        }
        let half = turned / 2
        let pair = Shape([split.shape[0], split.shape[1], split.shape[2], .fixed(half)])
        let cosine = try angles(1, "cos_cache", half).broadcast(pair, axes)
        let sine = try angles(2, "sin_cache", half).broadcast(pair, axes)
        let front = try split.slice(dimension: 3, from: 0, to: .fixed(turned))
        let isInterleaved = try bool("interleaved")
        let pairs = try isInterleaved ? front.reshape(Shape(pair.dimensions + [2])) : front
        func part(_ index: Int) throws(GraphError) -> Term {
            if isInterleaved {
                return try pairs.slice(dimension: 4, from: .fixed(index), to: .fixed(index + 1)).reshape(pair)
            }
            return try front.slice(dimension: 3, from: .fixed(index * half), to: .fixed((index + 1) * half))
        }
        let (first, second) = (try part(0), try part(1))
        let real = try cosine * first - sine * second
        let imaginary = try sine * first + cosine * second
        let result: Term
        if isInterleaved {
            result = try builder.stack([real, imaginary], axis: 4).reshape(front.shape)
        } else {
            result = try builder.concatenate([real, imaginary], dimension: 3)
        }
        let rest = try split.slice(dimension: 3, from: .fixed(turned), to: .fixed(depth))
        return try (turned == depth ? result : builder.concatenate([result, rest], dimension: 3)).reshape(x.shape)
    }

    /// The cosines or sines of every position, [B, S, `half`].
    private func angles(_ index: Int, _ name: String, _ half: Int) throws(GraphError) -> Term {
        var table = try term(index)
        guard table.rank >= 1, table.shape[table.rank - 1] == .fixed(half) else {
            throw GraphError(
                .shapeMismatch, "\(name) is \(table.type); its last dimension must be half of what is turned, \(half)")
        }
        if has(3) {
            let positions = try term(3)
            guard table.rank == 2, positions.rank == 2 else {
                throw GraphError(
                    .shapeMismatch,
                    "\(name) is \(table.type) and position_ids \(positions.type); both have rank 2 where both are given"
                )
            }
            table = try table.take(positions, axis: 0)
        }
        guard table.rank == 3 else {
            throw GraphError(
                .shapeMismatch, "\(name) is \(table.type); without position_ids it must be [batch, length, \(half)]")
        }
        return try table.convert(term(0).scalarType)
    }

    /// `TensorScatter`: the cache [B, …, M, …] with the update [B, …, S, …] written from position `write_indices[b]`
    /// on, along `axis`; what lies beyond M is dropped, or, in mode `circular`, goes to the front.
    func tensorScatter() throws(GraphError) -> ImportedValue {
        let (cache, update) = (try tensor(0), try tensor(1))
        let (past, new) = (cache.term, update.term)
        let axis = try axis(int("axis", default: -2), rank: past.rank)
        let isCircular = try choice("mode", default: "linear", ["linear": false, "circular": true])
        guard axis > 0 else {
            throw GraphError(.invalidAttribute, "attribute 'axis' is the batch; it must be another dimension")
        }
        guard cache.element == update.element, new.rank == past.rank,
            (0..<past.rank).allSatisfy({ $0 == axis || past.shape[$0] == new.shape[$0] })
        else {
            throw GraphError(
                .shapeMismatch,
                "the update \(update.element)\(new.shape) differs from the cache \(cache.element)\(past.shape) not only "
                    + "in dimension \(axis)")
        }
        if let length = new.shape[axis].fixedValue, let limit = past.shape[axis].fixedValue, length > limit {
            throw GraphError(.shapeMismatch, "the update \(new.shape) is longer than the cache \(past.shape)")
        }
        guard has(2) else {
            let rest = try past.slice(dimension: axis, from: new.shape[axis], to: past.shape[axis])
            return .tensor(
                ImportedTensor(try builder.concatenate([new, rest], dimension: axis), cache.element))
        }
        let starts = try term(2).convert(.int64)
        guard starts.rank == 1, starts.shape[0] == past.shape[0] else {
            throw GraphError(.shapeMismatch, "write_indices is \(starts.type); it must be [\(past.shape[0])]")
        }
        // Positions (sample, place) of every slice of the update.
        let type = TensorType(.int64, [new.shape[0], new.shape[axis]])
        var place = try starts.broadcast(type.shape, dimensions: [0]) + builder.iota(type, dimension: 1)
        if isCircular {
            guard let limit = past.shape[axis].fixedValue else {
                throw GraphError(.unboundSymbol, "the length of the circular cache \(past.shape) must be a number")
            }
            if limit == 0 { return .tensor(cache) }
            let count = try place.like(Double(limit))
            place = try (place.remainder(count) + count).remainder(count)
        }
        let indices = try builder.stack([builder.iota(type, dimension: 0), place], axis: 2)
        let others = (1..<past.rank).filter { $0 != axis }
        let written = try past.scatter(.set, indices, new.transpose([0, axis] + others), dimensions: [0, axis])
        return .tensor(ImportedTensor(written, cache.element))
    }
}

extension Term {
    /// [B, S, N] repeated along the heads of `shape`, where batch and length are the dimensions `axes`.
    fileprivate func broadcast(_ shape: Shape, _ axes: (batch: Int, length: Int)) throws(GraphError) -> Term {
        // Extent 1 repeats, as in NumPy.
        let kept = [(0, axes.batch), (1, axes.length)].filter { self.shape[$0.0] != 1 || shape[$0.1] == 1 }
        let squeezed = try reshape(Shape(kept.map { self.shape[$0.0] } + [self.shape[2]]))
        return try squeezed.broadcast(shape, dimensions: kept.map(\.1) + [3])
    }
}
