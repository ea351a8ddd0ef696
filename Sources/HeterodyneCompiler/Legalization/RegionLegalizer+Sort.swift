// Heterodyne: the order of values whose scalar type a device lacks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension RegionLegalizer {
    func sort(
        _ x: CarriedValue, _ dimension: Int, descending: Bool, _ result: TensorType
    ) throws(GraphError) -> CarriedValue {
        guard let extent = x.type.shape[dimension].fixedValue, extent <= Int(Int32.max) else {
            throw GraphError(.unsupported, "\(x.type) needs indices of 64 bits")
        }
        func permutation(_ term: Term) throws(GraphError) -> Term {
            try term.sortPermutation(dimension: dimension, descending: descending, indexType: .int32)
        }
        let order: Term
        switch try domain(x.scalarType) {
        case .typed: order = try permutation(typed(x))
        case .single: order = try permutation(single(x))
        case .pair:
            // Pairs are ordered by high, then low; words are, with more bits, where nothing was computed yet.
            if x.origin == .pair {
                let pair = try pair(x)
                order = try lexicographic(pair.high.term, pair.low.term, dimension, permutation)
            } else {
                let key = try orderedKey(words(x))
                order = try lexicographic(key.high.term, key.low.term, dimension, permutation)
            }
        case .words:
            let words = try words(x)
            let high = x.scalarType == .int64 ? try words.high.term.bitcast(.int32) : words.high.term
            order = try lexicographic(high, words.low.term, dimension, permutation)
        }
        return try convert(CarriedValue(result.with(.int32), .typed(order)), to: result.scalarType)
    }

    /// The stable order by `first`, then by `second`: sorted by the less important key before the other.
    private func lexicographic(
        _ first: Term, _ second: Term, _ dimension: Int, _ permutation: (Term) throws(GraphError) -> Term
    ) throws(GraphError) -> Term {
        if try first.type.elementCount() == 0 { return try permutation(first) }
        let inner = try permutation(second)
        let outer = try permutation(first.taking(inner, dimension))
        return try inner.taking(outer, dimension)
    }

    /// Unsigned words in the order of the float64 that the words are: NaN above every number, -0 equal to +0.
    private func orderedKey(_ words: Wide) throws(GraphError) -> Wide {
        let (low, high) = (words.low, words.high)
        let (zero, ones, sign) = (low.like(0), low.like(.max), low.like(1 << 31))
        let magnitude = high & low.like(.max >> 1)
        let infinity = low.like(0x7FF0_0000)
        let isNaN = infinity.isLess(than: magnitude) | (infinity.isEqual(to: magnitude) & !low.isEqual(to: zero))
        let isZero = (magnitude | low).isEqual(to: zero)
        let isNegative = !high.isLess(than: sign)
        var keyHigh = TermWord.select(isNegative, ~high, high | sign)
        var keyLow = TermWord.select(isNegative, ~low, low)
        keyHigh = TermWord.select(isZero, sign, TermWord.select(isNaN, ones, keyHigh))
        keyLow = TermWord.select(isZero, zero, TermWord.select(isNaN, ones, keyLow))
        try errors.rethrow()
        return Wide(low: keyLow, high: keyHigh)
    }
}

extension Term {
    /// Element `[…, i, …]` is this term's `[…, positions[…, i, …], …]` along `dimension`; positions are in range.
    fileprivate func taking(_ positions: Term, _ dimension: Int) throws(GraphError) -> Term {
        let extents = try extents()
        let count = try type.elementCount()
        guard count <= Int(Int32.max) else {
            throw GraphError(.unsupported, "\(type) has more elements than indices of 32 bits name")
        }
        // The flat index: that of element [.., 0, ..] of its row, and the position times the row's stride.
        let inner = extents[(dimension + 1)...].reduce(1, *)
        let flat = try builder.iota(TensorType(.int32, [count]), dimension: 0)
        let ordinal = try flat.reshape(extents)
        var start = ordinal
        if extents[dimension] > 1 {
            let along = try builder.iota(TensorType(.int32, extents), dimension: dimension)
            start = try ordinal - along * Double(inner)
        }
        let index = try (start + positions * Double(inner)).reshape([count, 1])
        return try reshape([count]).gather(index, dimensions: [0]).reshape(extents)
    }
}
