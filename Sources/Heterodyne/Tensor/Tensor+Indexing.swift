// Heterodyne: picking elements by index tensors, and updated copies.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// Slices of dimension `axis` at integer `indices`; negative indices count from the end.
    public func take(_ indices: Tensor, axis: Int = 0, file: String = #fileID, line: Int = #line) -> Tensor {
        map("take", with: [indices], file: file, line: line) { (terms) throws(GraphError) in
            try terms[0].take(terms[1], axis: axis)
        }
    }

    /// For every element of `indices`, the element of this tensor at that position of `axis` and at the same position of
    /// the other dimensions (`gather` in PyTorch, `take_along_axis` in NumPy).
    public func gatherElements(
        _ indices: Tensor, axis: Int = 0, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("gatherElements", with: [indices], file: file, line: line) { (t) throws(GraphError) in
            try t[0].gatherElements(t[1], axis: axis)
        }
    }

    /// A copy with every element of `updates` put, or combined as `mode` says, at the position of `axis` that `indices`
    /// has there (`scatter` in PyTorch).
    public func scatterElements(
        _ indices: Tensor, _ updates: Tensor, axis: Int = 0, mode: ScatterMode = .set, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map(
            "scatterElements", with: [indices, updates.adapted(to: self)], file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].scatterElements(mode, t[1], t[2], axis: axis)
        }
    }

    /// The slices at the index vectors `indices[…, k]` of the `k` dimensions after the batch dimensions.
    public func gatherND(
        _ indices: Tensor, batchDimensions: Int = 0, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("gatherND", with: [indices], file: file, line: line) { (t) throws(GraphError) in
            try t[0].gatherND(t[1], batchDimensions: batchDimensions)
        }
    }

    /// A copy with the slices of `updates` put, or combined as `mode` says, at the index vectors `indices[…, k]`.
    public func scatterND(
        _ indices: Tensor, _ updates: Tensor, batchDimensions: Int = 0, mode: ScatterMode = .set,
        file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map(
            "scatterND", with: [indices, updates.adapted(to: self)], file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].scatterND(mode, t[1], t[2], batchDimensions: batchDimensions)
        }
    }

    /// For every index a row of `depth` elements along the new dimension `axis`: 1 at the index, 0 elsewhere. Negative
    /// indices count from the end; those out of range give zeros.
    public func oneHot(
        _ depth: Int, axis: Int = -1, scalarType: ScalarType = .float32, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("oneHot", file: file, line: line) { (x) throws(GraphError) in
            try x.oneHot(depth: depth, axis: axis, scalarType: scalarType)
        }
    }

    /// A copy with the block that begins at `starts` replaced by `update`, which has this tensor's rank. The block must
    /// lie within. In a compiled function that donates this tensor the update happens in place.
    public func updating(
        _ starts: [Int], with update: Tensor, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        let update = update.adapted(to: self)
        return map("updating", with: [update], file: file, line: line) { (t) throws(GraphError) in
            let (extents, sizes) = (try t[0].extents(), try t[1].extents())
            guard starts.count == extents.count, sizes.count == extents.count else {
                throw GraphError(
                    .shapeMismatch, "\(starts.count) starts and an update \(t[1].type) do not fit \(t[0].type)")
            }
            for (index, start) in starts.enumerated() {
                guard start >= 0, sizes[index] <= extents[index], start <= extents[index] - sizes[index] else {
                    throw GraphError(
                        .invalidAttribute,
                        "\(sizes[index]) elements from \(start) are not within dimension \(index) of \(t[0].type)")
                }
            }
            var positions: [Term] = []
            for start in starts { positions.append(try t[0].builder.constant(Literal(Int64(start)))) }
            return try t[0].dynamicUpdateSlice(t[1], positions)
        }
    }

    /// A copy with the block that begins at `starts`, one integer scalar per dimension, replaced by `update`. Starts are
    /// clamped so that the block fits. This is the update of a key-value cache: the position may change from call to call
    /// of a compiled function, and where the function donates this tensor the update happens in place.
    public func updating(
        _ starts: [Tensor], with update: Tensor, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        let update = update.adapted(to: self)
        return map(
            "updating", with: [update] + Self.positions(starts), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].dynamicUpdateSlice(t[1], Array(t[2...]))
        }
    }

    /// The block of `sizes` that begins at `starts`, one integer scalar per dimension, clamped so that the block fits.
    public func slice(
        _ starts: [Tensor], sizes: [Int], file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("slice", with: Self.positions(starts), file: file, line: line) { (t) throws(GraphError) in
            try t[0].dynamicSlice(Array(t[1...]), sizes: sizes.map(Extent.fixed))
        }
    }

    /// Starts of one integer type, so that `[position, 0]` works.
    private static func positions(_ starts: [Tensor]) -> [Tensor] {
        let integer = starts.first { $0.scalarType.isInteger } ?? Tensor(Int64(0))
        return starts.map { $0.adapted(to: integer) }
    }
}
