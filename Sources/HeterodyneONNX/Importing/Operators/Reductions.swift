// Heterodyne: ONNX operators: reductions, running sums and orders.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Reductions, running sums and orders.
    static let reductions: [OperatorRule] =
        [
            .term("ReduceSum") { (context) throws(GraphError) in try context.reduce(.sum, inputSince: 13) },
            .term("ReduceProd") { (context) throws(GraphError) in try context.reduce(.product) },
            .term("ReduceMax") { (context) throws(GraphError) in try context.reduce(.maximum) },
            .term("ReduceMin") { (context) throws(GraphError) in try context.reduce(.minimum) },
            .term("ReduceMean") { (context) throws(GraphError) in try context.reduceMean() },
            .term("ReduceL1") { (context) throws(GraphError) in
                try context.reduce(.sum, of: { (x) throws(GraphError) in try context.magnitude(x) })
            },
            .term("ReduceL2") { (context) throws(GraphError) in
                try context.reduce(
                    .sum, of: { (x) throws(GraphError) in try x * x },
                    then: { (sum) throws(GraphError) in
                        try context.asFloat(sum) { (x) throws(GraphError) in try x.sqrt() }
                    })
            },
            .term("ReduceSumSquare") { (context) throws(GraphError) in
                try context.reduce(.sum, of: { (x) throws(GraphError) in try x * x })
            },
            .term("ReduceLogSum") { (context) throws(GraphError) in
                try context.reduce(
                    .sum,
                    then: { (sum) throws(GraphError) in
                        try context.asFloat(sum) { (x) throws(GraphError) in try x.log() }
                    })
            },
            .term("ReduceLogSumExp") { (context) throws(GraphError) in try context.reduceLogSumExp() },
        ] + extremes
}

extension OperatorTable {
    private static let extremes: [OperatorRule] = [
        .term("ArgMax") { (context) throws(GraphError) in
            let (x, settings) = try context.argExtreme()
            return try context.builder.add(ArgMax(settings), [x])
        },
        .term("ArgMin") { (context) throws(GraphError) in
            let (x, settings) = try context.argExtreme()
            return try context.builder.add(ArgMin(settings), [x])
        },
        .term("CumSum", since: 11) { (context) throws(GraphError) in
            try context.builder.add(CumulativeSum(context.cumulative()), [context.term(0)])
        },
        .term("CumProd", since: 26) { (context) throws(GraphError) in
            try context.builder.add(CumulativeProduct(context.cumulative()), [context.term(0)])
        },
        .terms("TopK", since: 10) { (context) throws(GraphError) in try context.topK(context.integer(1)) },
        .terms("TopK") { (context) throws(GraphError) in try context.topK(context.int("k")) },
    ]
}

extension OperatorContext {
    /// The axes to reduce input 0 along: all where none are given, unless the node says that none then means none.
    private func reducedAxes(_ x: Term, inputSince: Int) throws(GraphError) -> [Int] {
        let given = try integers("axes", orInput: 1, since: inputSince) ?? []
        if given.isEmpty {
            let isIdentity = try bool("noop_with_empty_axes")
            return isIdentity ? [] : Array(0..<x.rank)
        }
        return try axes(given, rank: x.rank).sorted()
    }

    /// Input 0 along its axes: `then(reduction(of(x)))`. Truth values have maxima and minima only. Narrow floats are
    /// computed in float32 and rounded once.
    fileprivate func reduce(
        _ kind: ReductionKind, inputSince: Int = 18,
        of before: ((Term) throws(GraphError) -> Term)? = nil, then after: ((Term) throws(GraphError) -> Term)? = nil
    ) throws(GraphError) -> Term {
        let x = try term(0)
        let axes = try reducedAxes(x, inputSince: inputSince)
        let keeps = try bool("keepdims", default: true)
        if x.scalarType == .bool {
            guard kind == .maximum || kind == .minimum else {
                throw GraphError(.invalidType, "truth values cannot be summed or multiplied; convert them")
            }
            return try reduced(x, kind == .maximum ? .or : .and, axes, keeps)
        }
        var value = before == nil && after == nil ? x : try x.convert(x.scalarType.wideFloat)
        if let before { value = try before(value) }
        value = try reduced(value, kind, axes, keeps)
        if let after { value = try after(value) }
        return try value.convert(x.scalarType)
    }

    private func reduced(
        _ x: Term, _ kind: ReductionKind, _ axes: [Int], _ keeps: Bool
    ) throws(GraphError) -> Term {
        keeps ? try x.reduceKeeping(kind, axes) : try x.reduce(kind, axes)
    }

    /// `|x|`, which is `x` for unsigned integers.
    fileprivate func magnitude(_ x: Term) throws(GraphError) -> Term {
        x.scalarType.isInteger && !x.scalarType.isSignedInteger ? x : try x.abs()
    }

    /// `body` of the term, in float64 and truncated where it holds integers.
    fileprivate func asFloat(
        _ x: Term, _ body: (Term) throws(GraphError) -> Term
    ) throws(GraphError) -> Term {
        x.scalarType.isInteger ? try body(x.convert(.float64)).convert(x.scalarType) : try body(x)
    }

    fileprivate func reduceMean() throws(GraphError) -> Term {
        let x = try term(0)
        let axes = try reducedAxes(x, inputSince: 18)
        let keeps = try bool("keepdims", default: true)
        if axes.isEmpty { return x }
        if x.scalarType.isFloatingPoint {
            let mean = try x.mean(axes, keepDimensions: keeps)
            // Nothing divided by nothing; as a number, since compilers of devices may take 0 / 0 for 0.
            return axes.contains { x.shape[$0] == 0 } ? try mean.like(.nan) : mean
        }
        // Integers: the quotient of sum and count, truncated. Nothing divided by nothing has no integer value.
        let sum = try reduced(x, .sum, axes, keeps)
        let count = try Shape(axes.map { x.shape[$0] }).extents().reduce(1) { $0 &* $1 }
        guard count > 0 else {
            throw GraphError(.shapeMismatch, "the mean of no integers is not defined; \(x.type) is empty")
        }
        return try sum / sum.like(Double(count))
    }

    fileprivate func reduceLogSumExp() throws(GraphError) -> Term {
        let x = try term(0)
        let axes = try reducedAxes(x, inputSince: 18)
        let keeps = try bool("keepdims", default: true)
        // log(e^x) is x; computing it would lose large and small ones.
        if axes.isEmpty { return x }
        return try asFloat(x) { (x) throws(GraphError) in try x.logSumExp(axes, keepDimensions: keeps) }
    }

    // MARK: - Positions of extremes, running reductions, order

    fileprivate func argExtreme() throws(GraphError) -> (Term, ArgExtremeAttributes) {
        let x = try term(0)
        let axis = try axis(int("axis", default: 0), rank: x.rank)
        let settings = try ArgExtremeAttributes(
            axis: axis, keepDimension: bool("keepdims", default: true),
            selectLastIndex: bool("select_last_index"))
        return (x, settings)
    }

    fileprivate func cumulative() throws(GraphError) -> CumulativeAttributes {
        let axis = try axis(integer(1), rank: term(0).rank)
        return try CumulativeAttributes(axis: axis, exclusive: bool("exclusive"), reverse: bool("reverse"))
    }

    fileprivate func topK(_ k: Int) throws(GraphError) -> [Term] {
        let x = try term(0)
        let axis = try axis(int("axis", default: -1), rank: x.rank)
        let (values, indices) = try x.topK(
            k, axis: axis, largest: bool("largest", default: true), sorted: bool("sorted", default: true))
        return [values, indices]
    }
}

extension ScalarType {
    /// float32 for narrower floats, else the type itself.
    var wideFloat: ScalarType { isFloatingPoint && bitWidth < 32 ? .float32 : self }
}
