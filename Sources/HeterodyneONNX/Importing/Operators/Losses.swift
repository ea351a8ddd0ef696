// Heterodyne: ONNX operators: losses.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Losses.
    static let losses: [OperatorRule] = [
        .term("NegativeLogLikelihoodLoss", since: 12) { (context) throws(GraphError) in
            try context.likelihoodLoss(of: context.term(0))
        },
        .terms("SoftmaxCrossEntropyLoss", since: 12) { (context) throws(GraphError) in
            let scores = try context.term(0)
            guard scores.rank >= 2 else {
                throw GraphError(.shapeMismatch, "scores \(scores.type) need dimensions for samples and classes")
            }
            let logarithms = try context.builder.add(LogSoftmax(axis: 1), [scores])
            return [try context.likelihoodLoss(of: logarithms), logarithms]
        },
    ]
}

extension OperatorContext {
    /// `-x[n, t, d…] w[t]` for the class t that input 1 gives at `[n, d…]`, 0 where t is `ignore_index`; then nothing,
    /// the sum, or the mean over the weights that are not ignored. Narrow floats are computed in float32.
    fileprivate func likelihoodLoss(of input: Term) throws(GraphError) -> Term {
        let target = try term(1)
        guard input.rank >= 2, target.scalarType.isInteger, target.rank == input.rank - 1 else {
            throw GraphError(
                .shapeMismatch,
                "the input \(input.type) has the dimensions samples, classes and more, and the target \(target.type) "
                    + "must be integers with the same dimensions but the classes")
        }
        let wide: ScalarType = input.scalarType == .float64 ? .float64 : .float32
        let x = try input.convert(wide)
        let chosen = try x.gatherElements(target.expandDimensions([1]), axis: 1).reshape(target.shape)
        var loss = try chosen.negate()
        var weights: Term?
        if let classes = try optionalTerm(2) {
            guard classes.rank == 1, classes.shape[0] == input.shape[1] else {
                throw GraphError(.shapeMismatch, "the weights \(classes.type) must be one number per class")
            }
            let own = try classes.convert(wide).take(target, axis: 0)
            weights = own
            loss = try loss * own
        }
        if let ignored = try optionalInt("ignore_index") {
            let isIgnored =
                try ignored.fits(target.scalarType)
                ? target.compare(.equal, target.integer(ignored)) : constant(0, TensorType(.bool, target.shape))
            loss = try isIgnored.select(loss.like(0), loss)
            let ones = try loss.like(1)
            let own = weights ?? ones
            weights = try isIgnored.select(own.like(0), own)
        }
        let all = Array(0..<loss.rank)
        switch try choice("reduction", default: "mean", ["none": Reduction.none, "sum": .sum, "mean": .mean]) {
        case .none: return try loss.convert(input.scalarType)
        case .sum: return try loss.reduce(.sum, all).convert(input.scalarType)
        case .mean:
            let ones = try loss.like(1)
            let total = try (weights ?? ones).reduce(.sum, all)
            return try (loss.reduce(.sum, all) / total).convert(input.scalarType)
        }
    }

    private enum Reduction: Sendable {
        case none, sum, mean
    }
}

extension Int {
    /// Whether an integer type holds the number.
    fileprivate func fits(_ type: ScalarType) -> Bool {
        switch type {
        case .int32: Int32(exactly: self) != nil
        case .int64: true
        default: false
        }
    }
}

extension Term {
    /// A constant of this term's type, an integer, with every element `number`, which the type holds.
    fileprivate func integer(_ number: Int) throws(GraphError) -> Term {
        try builder.constant(Literal(splatBits: UInt64(bitPattern: Int64(number)), type: type))
    }
}
