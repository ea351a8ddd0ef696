// Heterodyne: ONNX operators: linear models, and what becomes of scores.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// What is done to scores at the end.
enum ScoreTransform: Int {
    case none = 0
    case softmax = 1
    case logistic = 2
    case softmaxZero = 3
    case probit = 4

    /// The transform that the attribute of a node names, by text or by number.
    init(_ context: OperatorContext) throws(GraphError) {
        if case .int(let number)? = context.attribute("post_transform") {
            guard let known = Int(exactly: number).flatMap(ScoreTransform.init(rawValue:)) else {
                throw GraphError(.invalidAttribute, "attribute 'post_transform' is \(number); it may be 0 to 4")
            }
            self = known
            return
        }
        self = try context.choice(
            "post_transform", default: "NONE",
            [
                "NONE": .none, "SOFTMAX": .softmax, "LOGISTIC": .logistic, "SOFTMAX_ZERO": .softmaxZero,
                "PROBIT": .probit,
            ])
    }

    /// The transform of scores `[rows, classes]`.
    func apply(_ scores: Term) throws(GraphError) -> Term {
        switch self {
        case .none: return scores
        case .softmax: return try scores.builder.add(Softmax(axis: 1), [scores])
        case .logistic: return try scores.sigmoid()
        case .softmaxZero:
            // As softmax, but scores that are zero stay so small that they hardly count.
            let largest = try scores.reduceKeeping(.maximum, [1])
            let counts = try scores.abs().compare(.greater, 1e-7)
            let raised = try (scores - largest.broadcast(to: scores.shape)).exp()
            let small = try scores * largest.negate().exp().broadcast(to: scores.shape)
            let all = try counts.select(raised, small)
            let sum = try all.reduceKeeping(.sum, [1]).broadcast(to: scores.shape)
            return try sum.compare(.equal, 0).select(sum.like(0.5), all / sum)
        case .probit:
            // sqrt(2) erfinv(2 s - 1) by Winitzki's approximation with a = 0.147, which the operators are defined by.
            let x = try scores * 2 - 1
            let product = try (1 - x) * (1 + x)
            let logarithm = try product.log()
            let v = try logarithm * 0.5 + 2 / (Double.pi * 0.147)
            let root = try ((v * v - logarithm * (1 / 0.147)).sqrt() - v).sqrt() * 1.414_213_56
            let signed = try x.compare(.less, 0).select(root.negate(), root)
            return try product.compare(.equal, 0).select(signed.like(0), signed)
        }
    }
}

extension OperatorContext {
    /// Input 0 as rows of features, in float32 unless it is float64.
    func featureRows() throws(GraphError) -> Term {
        let x = try term(0)
        let rows = x.rank == 1 ? try x.expandDimensions([0]) : x
        guard rows.rank == 2 else {
            throw GraphError(.shapeMismatch, "takes rows of features and was given \(x.type)")
        }
        return rows.scalarType == .float64 ? rows : try rows.convert(.float32)
    }

    /// `x W^T + b` for weights `[targets, features]` given row by row.
    private func linearScores(_ x: Term, targets: Int?) throws(GraphError) -> Term {
        let weights = try optionalFloats("coefficients") ?? []
        guard let features = x.shape[1].fixedValue, features > 0, !weights.isEmpty, weights.count % features == 0,
            targets == nil || targets == weights.count / features
        else {
            throw GraphError(
                .invalidAttribute, "attribute 'coefficients' has \(weights.count) entries for \(x.type)")
        }
        let rows = weights.count / features
        let matrix = try builder.constant(Literal(weights, shape: [.fixed(rows), .fixed(features)]))
            .convert(x.scalarType)
        let scores = try x.dot(matrix, DotDimensions(leftContracting: [1], rightContracting: [1]))
        let intercepts = try optionalFloats("intercepts") ?? []
        guard !intercepts.isEmpty else { return scores }
        guard intercepts.count == rows || intercepts.count == 1 else {
            throw GraphError(
                .invalidAttribute, "attribute 'intercepts' has \(intercepts.count) entries for \(rows) rows of weights")
        }
        return try scores + builder.constant(Literal(intercepts)).convert(x.scalarType).broadcast(to: scores.shape)
    }

    func linearRegression() throws(GraphError) -> Term {
        let scores = try linearScores(featureRows(), targets: int("targets", default: 1))
        return try ScoreTransform(self).apply(scores).convert(.float32)
    }

    /// The best class of every row and the scores. One row of weights for two classes is the score of the second.
    func linearClassification() throws(GraphError) -> [ImportedValue] {
        let labels = try ClassLabels(self, "classlabels_ints", "classlabels_strings")
        var scores = try linearScores(featureRows(), targets: nil)
        if scores.shape[1] == 1, labels.count == 2 {
            scores = try builder.concatenate([scores.negate(), scores], dimension: 1)
        }
        let transform = try ScoreTransform(self)
        let final = try transform.apply(scores)
        let label: ImportedValue
        if scores.shape[1] == 1 {
            let isIn = try final.compare(.greaterOrEqual, transform == .none ? 0 : 0.5).reshape(
                Shape([scores.shape[0]]))
            label = try labels.binary(isIn, self)
        } else {
            label = try labels.best(of: final, self)
        }
        return [label, ImportedValue(try final.convert(.float32))]
    }
}

/// The labels of classes.
enum ClassLabels {
    case numbers([Int])
    case text([String])

    /// The labels that one of two attributes gives.
    init(_ context: OperatorContext, _ numbers: String, _ text: String) throws(GraphError) {
        if let names = try context.optionalStrings(text), !names.isEmpty {
            self = .text(names)
        } else {
            self = .numbers(try context.ints(numbers, default: []))
        }
    }

    var count: Int {
        switch self {
        case .numbers(let numbers): numbers.count
        case .text(let names): names.count
        }
    }

    /// The label of the largest score of every row; its position where there are no labels.
    func best(of scores: Term, _ context: OperatorContext) throws(GraphError) -> ImportedValue {
        let positions = try context.builder.add(ArgMax(ArgExtremeAttributes(axis: 1)), [scores])
        switch self {
        case .numbers(let numbers):
            if numbers.isEmpty { return ImportedValue(positions) }
            guard scores.shape[1] == .fixed(numbers.count) else { throw Self.mismatch(numbers.count, scores) }
            return ImportedValue(try context.vector(numbers).take(positions, axis: 0))
        case .text(let names):
            guard scores.shape[1] == .fixed(names.count) else { throw Self.mismatch(names.count, scores) }
            let chosen = try context.integers(of: positions)
            return .text(
                ONNXText(
                    dimensions: [chosen.count],
                    elements: chosen.map { names.indices.contains($0) ? names[$0] : "" }))
        }
    }

    /// The first label where `isIn` holds, else 0 or no text.
    func binary(_ isIn: Term, _ context: OperatorContext) throws(GraphError) -> ImportedValue {
        switch self {
        case .numbers(let numbers):
            let yes = try context.builder.constant(Literal(Int64(numbers.first ?? 1))).broadcast(to: isIn.shape)
            return ImportedValue(try isIn.select(yes, yes.like(0)))
        case .text(let names):
            let chosen = try context.integers(of: isIn)
            return .text(
                ONNXText(dimensions: [chosen.count], elements: chosen.map { $0 != 0 ? names.first ?? "" : "" }))
        }
    }

    private static func mismatch(_ count: Int, _ scores: Term) -> GraphError {
        GraphError(.invalidAttribute, "\(count) labels are given for scores \(scores.type)")
    }
}
