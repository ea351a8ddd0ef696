// Heterodyne: ONNX operators: counts of short runs of terms.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// `TfIdfVectorizer`: how often every run of terms (n-gram) of a pool occurs in each row, the terms of one run being 1
/// to `max_skip_count + 1` apart. Numbers are compared on the device, text while the model is imported.
struct TermCounts {
    private enum Mode { case count, weightWherePresent, weightedCount }

    private let context: OperatorContext
    private let mode: Mode
    private let weights: [Double]
    private let maximumDistance: Int
    /// Position in the output of every n-gram of the pool.
    private let columns: [Int]
    /// By length: positions in the pool of the n-grams that are counted, and their number in order of the pool.
    private let grams: [(length: Int, starts: [Int], numbers: [Int])]
    private let width: Int

    private static let columnLimit = 1 << 26

    init(_ context: OperatorContext) throws(GraphError) {
        self.context = context
        mode = try context.choice(
            "mode", default: "", ["TF": .count, "IDF": .weightWherePresent, "TFIDF": .weightedCount])
        weights = try context.optionalFloats("weights") ?? []
        let minimum = try context.int("min_gram_length")
        let maximum = try context.int("max_gram_length")
        let skips = try context.int("max_skip_count")
        guard minimum >= 1, maximum >= minimum, skips >= 0, skips < Int(Int32.max) else {
            throw GraphError(
                .invalidAttribute,
                "counts runs of \(minimum) to \(maximum) terms with \(skips) skipped; lengths start at 1, skips at 0")
        }
        maximumDistance = skips + 1
        columns = try context.ints("ngram_indexes")
        guard let last = columns.max(), columns.allSatisfy({ $0 >= 0 }), last < Self.columnLimit else {
            throw GraphError(.invalidAttribute, "attribute 'ngram_indexes' is empty or holds positions out of range")
        }
        width = last + 1
        guard weights.isEmpty || weights.count == columns.count else {
            throw GraphError(
                .invalidAttribute, "attribute 'weights' has \(weights.count) entries for \(columns.count) n-grams")
        }
        let strings = try context.optionalStrings("pool_strings")
        let numbers = try context.optionalInts("pool_int64s")
        let size = strings?.count ?? numbers?.count ?? 0
        let starts = try context.ints("ngram_counts")
        var grams: [(length: Int, starts: [Int], numbers: [Int])] = []
        var number = 0
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] : size
            let length = index + 1
            guard start >= 0, start <= end, end <= size, (end - start) % length == 0 else {
                throw GraphError(
                    .invalidAttribute, "attribute 'ngram_counts' \(starts) does not cut a pool of \(size) terms")
            }
            let positions = Array(stride(from: start, to: end, by: length))
            let given = Array(number..<number + positions.count)
            number += positions.count
            if length >= minimum, length <= maximum, !positions.isEmpty { grams.append((length, positions, given)) }
        }
        guard number <= columns.count else {
            throw GraphError(
                .invalidAttribute, "attribute 'ngram_indexes' has \(columns.count) entries for \(number) n-grams")
        }
        self.grams = grams
    }

    func result() throws(GraphError) -> Term {
        let counts: Term
        if case .text(let text) = try context.value(0) {
            counts = try counted(text)
        } else {
            counts = try counted(try context.term(0))
        }
        switch mode {
        case .count: return counts
        case .weightedCount: return weights.isEmpty ? counts : try counts * weightRow(counts.shape)
        case .weightWherePresent:
            let weight = weights.isEmpty ? try counts.like(1) : try weightRow(counts.shape)
            return try counts.compare(.greater, 0).select(weight, counts.like(0))
        }
    }

    private func weightRow(_ shape: Shape) throws(GraphError) -> Term {
        // Weights are those of the n-grams in order of the pool.
        var row = [Float](repeating: 0, count: width)
        for (column, weight) in zip(columns, weights) { row[column] = Float(weight) }
        return try context.builder.constant(Literal(row)).broadcast(to: shape)
    }

    /// Distances between the terms of runs of a length; the only term of a run has none.
    private func distances(_ length: Int, within count: Int) -> ClosedRange<Int> {
        length == 1 ? 1...1 : 1...max(1, min(maximumDistance, (count - 1) / (length - 1)))
    }

    private func checkRank(_ rank: Int) throws(GraphError) {
        guard rank <= 2 else {
            throw GraphError(.shapeMismatch, "takes a vector or a matrix and was given rank \(rank)")
        }
    }

    // MARK: - Numbers

    private func counted(_ x: Term) throws(GraphError) -> Term {
        guard x.scalarType == .int32 || x.scalarType == .int64, let pool = try context.optionalInts("pool_int64s")
        else {
            throw GraphError(.invalidType, "counts terms of its pool in \(x.type)")
        }
        try checkRank(x.rank)
        let builder = context.builder
        let extents = try x.extents()
        let (rows, count) = (extents.count == 2 ? extents[0] : 1, extents.last ?? 1)
        let matrix = try x.reshape([rows, count])
        // Runs by row: scattered to their columns at the end.
        var total = try builder.constant(0, TensorType(.float32, [rows, width]))
        for (length, starts, numbers) in grams {
            guard length <= count else { continue }
            // Of equal n-grams the last counts.
            var unique: [[Int]: Int] = [:]
            for (start, number) in zip(starts, numbers) { unique[Array(pool[start..<start + length])] = number }
            let ordered = unique.sorted { $0.value < $1.value }
            let range = Int64(Int32.min)...Int64(Int32.max)
            let fitting = ordered.filter { gram in
                x.scalarType == .int64 || gram.key.allSatisfy { range.contains(Int64($0)) }
            }
            guard !fitting.isEmpty else { continue }
            var sum: Term?
            for distance in distances(length, within: count) {
                let windows = count - (length - 1) * distance
                guard windows > 0 else { break }
                let shape: Shape = [.fixed(fitting.count), .fixed(rows), .fixed(windows)]
                var all: Term?
                for place in 0..<length {
                    let terms = try builder.constant(Literal(fitting.map { Int64($0.key[place]) }))
                        .convert(x.scalarType)
                    let window = try matrix.slice(
                        dimension: 1, from: .fixed(place * distance), to: .fixed(place * distance + windows))
                    let equal = try window.broadcast(shape, dimensions: [1, 2])
                        .compare(.equal, terms.broadcast(shape, dimensions: [0]))
                    if let before = all { all = try before.and(equal) } else { all = equal }
                }
                guard let found = try all?.convert(.float32).reduce(.sum, [2]) else { continue }
                if let before = sum { sum = try before + found } else { sum = found }
            }
            guard let sum else { continue }
            let positions = try builder.constant(
                Literal(fitting.map { Int64(columns[$0.value]) }, shape: [.fixed(fitting.count), 1]))
            total = try total.scatter(.add, positions, sum, dimensions: [1])
        }
        return extents.count == 2 ? total : try total.reshape([width])
    }

    // MARK: - Text

    private func counted(_ text: ONNXText) throws(GraphError) -> Term {
        guard let pool = try context.optionalStrings("pool_strings") else {
            throw GraphError(.invalidType, "counts the numbers of its pool in text")
        }
        try checkRank(text.dimensions.count)
        let rows = text.dimensions.count == 2 ? text.dimensions[0] : 1
        let count = text.dimensions.last ?? 1
        // Terms are equal where their bytes are.
        var identifiers: [[UInt8]: Int] = [:]
        for term in pool where identifiers[Array(term.utf8)] == nil {
            identifiers[Array(term.utf8)] = identifiers.count
        }
        let known = pool.map { identifiers[Array($0.utf8)] ?? -1 }
        let terms = text.elements.map { identifiers[Array($0.utf8)] ?? -1 }
        var totals = [Float](repeating: 0, count: try OperatorContext.textCount([rows, width]))
        for (length, starts, numbers) in grams where length <= count {
            var unique: [[Int]: Int] = [:]
            for (start, number) in zip(starts, numbers) { unique[Array(known[start..<start + length])] = number }
            for row in 0..<rows {
                for distance in distances(length, within: count) {
                    let windows = count - (length - 1) * distance
                    for first in 0..<max(0, windows) {
                        let run = (0..<length).map { terms[row * count + first + $0 * distance] }
                        if let number = unique[run] { totals[row * width + columns[number]] += 1 }
                    }
                }
            }
        }
        let shape: Shape = text.dimensions.count == 2 ? [.fixed(rows), .fixed(width)] : [.fixed(width)]
        return try context.builder.constant(Literal(totals, shape: shape))
    }
}
