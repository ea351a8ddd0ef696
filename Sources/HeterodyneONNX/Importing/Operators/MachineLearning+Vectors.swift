// Heterodyne: ONNX operators: support vector machines.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// `SVMRegressor` and `SVMClassifier`: weighted sums of a kernel of the features and of support vectors.
struct SupportVectors {
    private let context: OperatorContext

    init(_ context: OperatorContext) { self.context = context }

    func regression() throws(GraphError) -> Term {
        let builder = context.builder
        let x = try context.featureRows()
        let count = try context.int("n_supports", default: 0)
        let coefficients = try context.optionalFloats("coefficients") ?? []
        let features = try x.extents()[1]
        var sum: Term
        if count > 0 {
            let vectors = try context.optionalFloats("support_vectors") ?? []
            let (size, overflow) = count.multipliedReportingOverflow(by: features)
            guard coefficients.count == count, !overflow, vectors.count == size else {
                throw GraphError(
                    .invalidAttribute,
                    "\(vectors.count) numbers of support vectors and \(coefficients.count) coefficients are given for "
                        + "\(count) vectors of \(features) features")
            }
            let matrix = try builder.constant(Literal(vectors, shape: [.fixed(count), .fixed(features)]))
                .convert(x.scalarType)
            let kernel = try self.kernel(x, matrix)
            let weights = try builder.constant(Literal(coefficients, shape: [1, .fixed(count)])).convert(x.scalarType)
            sum = try kernel.dot(weights, DotDimensions(leftContracting: [1], rightContracting: [1]))
        } else {
            guard coefficients.count == features else {
                throw GraphError(
                    .invalidAttribute, "\(coefficients.count) coefficients are given for \(features) features")
            }
            let weights = try builder.constant(Literal(coefficients, shape: [1, .fixed(features)]))
                .convert(x.scalarType)
            sum = try x.dot(weights, DotDimensions(leftContracting: [1], rightContracting: [1]))
        }
        sum = try sum + (try context.optionalFloats("rho")?.first ?? 0)
        if try context.bool("one_class") {
            sum = try sum.compare(.greater, 0).select(sum.like(1), sum.like(-1))
        }
        return try ScoreTransform(context).apply(sum).convert(.float32)
    }

    /// The kernel of every row of `x` and every vector.
    private func kernel(_ x: Term, _ vectors: Term) throws(GraphError) -> Term {
        let parameters = try context.optionalFloats("kernel_params") ?? []
        let gamma = parameters.first ?? 0
        let offset = parameters.count > 1 ? parameters[1] : 0
        let degree = parameters.count > 2 ? parameters[2] : 0
        let dot = DotDimensions(leftContracting: [1], rightContracting: [1])
        switch try context.string("kernel_type", default: "LINEAR") {
        case "LINEAR": return try x.dot(vectors, dot)
        case "POLY":
            let base = try x.dot(vectors, dot) * gamma + offset
            return try base.power(base.like(degree))
        case "SIGMOID": return try (x.dot(vectors, dot) * gamma + offset).tanh()
        case "RBF":
            let shape = Shape([x.shape[0], vectors.shape[0], x.shape[1]])
            let difference = try x.broadcast(shape, dimensions: [0, 2]) - vectors.broadcast(shape, dimensions: [1, 2])
            return try ((difference * difference).reduce(.sum, [2]) * -gamma).exp()
        case let other:
            throw GraphError(
                .invalidAttribute,
                "attribute 'kernel_type' is \(quoted(other)); it may be 'LINEAR', 'POLY', 'RBF', 'SIGMOID'")
        }
    }

    // MARK: - Classes

    /// The class that wins most of the comparisons of two classes, and the results of these; or, without support vectors,
    /// the class of the largest score and the scores. With the parameters of Platt's sigmoids the scores are
    /// probabilities.
    func classification() throws(GraphError) -> [ImportedValue] {
        let builder = context.builder
        let x = try context.featureRows()
        let labels = try ClassLabels(context, "classlabels_ints", "classlabels_strings")
        let classCount = max(labels.count, 1)
        let counts = try context.ints("vectors_per_class", default: [])
        let coefficients = try context.optionalFloats("coefficients") ?? []
        let rho = try context.optionalFloats("rho") ?? []
        guard !coefficients.isEmpty, !rho.isEmpty, counts.allSatisfy({ $0 >= 0 && $0 <= coefficients.count }) else {
            throw GraphError(.invalidAttribute, "attributes 'coefficients' and 'rho' are needed")
        }
        let total = counts.reduce(0) { $0 &+ $1 }
        let scores: Term
        var votes: Term?
        if total > 0 {
            let pairs = try Pairs(classes: classCount, counts, coefficients)
            let vectors = try context.optionalFloats("support_vectors") ?? []
            let features = try x.extents()[1]
            guard vectors.count == total.multipliedReportingOverflow(by: features).partialValue,
                rho.count >= pairs.count
            else {
                throw GraphError(
                    .invalidAttribute,
                    "\(vectors.count) numbers of support vectors and \(rho.count) of 'rho' are given for \(total) vectors "
                        + "of \(features) features and \(pairs.count) comparisons")
            }
            let matrix = try builder.constant(Literal(vectors, shape: [.fixed(total), .fixed(features)]))
                .convert(x.scalarType)
            let weights = try builder.constant(Literal(pairs.weights, shape: [.fixed(pairs.count), .fixed(total)]))
                .convert(x.scalarType)
            let sums = try kernel(x, matrix).dot(
                weights, DotDimensions(leftContracting: [1], rightContracting: [1]))
            let offsets = try builder.constant(Literal(Array(rho.prefix(pairs.count)))).convert(x.scalarType)
            scores = try sums + offsets.broadcast(to: sums.shape)
            votes = try pairs.votes(scores)
        } else {
            guard coefficients.count % classCount == 0 else {
                throw GraphError(
                    .invalidAttribute, "\(coefficients.count) coefficients are given for \(classCount) classes")
            }
            let shape: Shape = [.fixed(classCount), .fixed(coefficients.count / classCount)]
            let weights = try builder.constant(Literal(coefficients, shape: shape)).convert(x.scalarType)
            scores = try x.dot(weights, DotDimensions(leftContracting: [1], rightContracting: [1])) + rho[0]
        }
        return try chosen(labels, scores, votes, rho.count, coefficients)
    }

    private func chosen(
        _ labels: ClassLabels, _ raw: Term, _ votes: Term?, _ offsetCount: Int, _ coefficients: [Double]
    ) throws(GraphError) -> [ImportedValue] {
        guard try context.optionalFloats("prob_a")?.isEmpty ?? true else {
            throw GraphError(
                .unsupported,
                "the probabilities of 'prob_a' and 'prob_b' are not computed; export the classifier "
                    + "with its decision function")
        }
        let transform = try ScoreTransform(context)
        let ranked = votes ?? raw
        let label: ImportedValue
        if offsetCount == 1, labels.count < 2 {
            // One score decides between a class and its opposite.
            let largest = try ranked.reduce(.maximum, [1]).compare(.greater, 0)
            label = try labels.binary(largest, context)
        } else {
            label = try labels.best(of: ranked, context)
        }
        // The only comparison of two classes stands for both of them.
        guard raw.shape[1] == 1 else { return [label, ImportedValue(try transform.apply(raw).convert(.float32))] }
        if transform == .probit || labels.count != 2 || offsetCount != 1 {
            return [label, ImportedValue(try transform.apply(raw).convert(.float32))]
        }
        let both = try context.builder.concatenate([raw.negate(), raw], dimension: 1)
        return [label, ImportedValue(try transform.apply(both).convert(.float32))]
    }

    /// The comparisons of every class with every later one.
    private struct Pairs {
        let count: Int
        /// `[comparisons, vectors]`.
        let weights: [Double]
        private let first: [Int]
        private let second: [Int]
        private let classes: Int

        init(classes: Int, _ counts: [Int], _ coefficients: [Double]) throws(GraphError) {
            let total = counts.reduce(0, +)
            let (rows, rest) = coefficients.count.quotientAndRemainder(dividingBy: max(total, 1))
            guard counts.count == classes, classes >= 2, classes <= 1_024, rest == 0, rows >= classes - 1,
                classes * (classes - 1) / 2 * total <= 1 << 26
            else {
                throw GraphError(
                    .invalidAttribute,
                    "\(coefficients.count) coefficients are given for \(counts) vectors of \(classes) classes")
            }
            var starts: [Int] = []
            var start = 0
            for size in counts {
                starts.append(start)
                start += size
            }
            var (weights, first, second): ([Double], [Int], [Int]) = ([], [], [])
            for i in 0..<classes {
                for j in i + 1..<max(i + 1, classes) {
                    var row = [Double](repeating: 0, count: total)
                    for v in starts[i]..<starts[i] + counts[i] { row[v] = coefficients[(j - 1) * total + v] }
                    for v in starts[j]..<starts[j] + counts[j] { row[v] = coefficients[i * total + v] }
                    weights += row
                    first.append(i)
                    second.append(j)
                }
            }
            (self.weights, self.first, self.second, self.classes) = (weights, first, second, classes)
            count = first.count
        }

        /// How many comparisons every class wins.
        func votes(_ scores: Term) throws(GraphError) -> Term {
            let builder = scores.builder
            func matrix(_ winners: [Int]) throws(GraphError) -> Term {
                var ones = [Double](repeating: 0, count: count * classes)
                for (pair, winner) in winners.enumerated() { ones[pair * classes + winner] = 1 }
                return try builder.constant(Literal(ones, shape: [.fixed(count), .fixed(classes)]))
                    .convert(scores.scalarType)
            }
            let wins = try scores.compare(.greater, 0).select(scores.like(1), scores.like(0))
            let dot = DotDimensions(leftContracting: [1], rightContracting: [0])
            return try wins.dot(matrix(first), dot) + (1 - wins).dot(matrix(second), dot)
        }
    }
}
