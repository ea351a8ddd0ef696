// Heterodyne: ONNX operators: normalizations and softmax.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Normalizations and softmax.
    static let normalizations: [OperatorRule] = [
        .term("Softmax", since: 13) { (context) throws(GraphError) in
            try context.term(0).softmax(axis: context.int("axis", default: -1))
        },
        .term("Softmax") { (context) throws(GraphError) in
            try context.flattened { (x) throws(GraphError) in try x.softmax() }
        },
        .term("LogSoftmax", since: 13) { (context) throws(GraphError) in
            try context.term(0).logSoftmax(axis: context.int("axis", default: -1))
        },
        .term("LogSoftmax") { (context) throws(GraphError) in
            try context.flattened { (x) throws(GraphError) in try x.logSoftmax() }
        },
        .term("Hardmax", since: 13) { (context) throws(GraphError) in
            try context.term(0).hardmax(axis: context.int("axis", default: -1))
        },
        .term("Hardmax") { (context) throws(GraphError) in
            try context.flattened { (x) throws(GraphError) in try x.hardmax() }
        },
        .terms("BatchNormalization", since: 14) { (context) throws(GraphError) in
            try context.batchNormalization(isTraining: context.bool("training_mode"), isSpatial: true)
        },
        // Until version 13, more than one output asks for the statistics of the batch; `is_test` forbids it.
        .terms("BatchNormalization") { (context) throws(GraphError) in
            try context.batchNormalization(
                isTraining: !context.bool("is_test") && (1..<5).contains { context.wants(output: $0) },
                isSpatial: context.bool("spatial", default: true))
        },
        .term("InstanceNormalization") { (context) throws(GraphError) in
            try context.term(0).instanceNormalization(
                scale: context.term(1), bias: context.term(2), epsilon: context.epsilon())
        },
        .terms("LayerNormalization", since: 17) { (context) throws(GraphError) in
            try context.layerNormalization()
        },
        .term("GroupNormalization", since: 21) { (context) throws(GraphError) in
            try context.term(0).groupNormalization(
                groups: context.int("num_groups"), scale: context.term(1), bias: context.term(2),
                epsilon: context.epsilon())
        },
        .term("GroupNormalization", since: 18) { (context) throws(GraphError) in
            let x = try context.term(0)
            let groups = try context.int("num_groups")
            return try x.groupNormalization(
                groups: groups, scale: context.perChannel(context.term(1), of: x, groups: groups),
                bias: context.perChannel(context.term(2), of: x, groups: groups), epsilon: context.epsilon())
        },
        .term("RMSNormalization", since: 23) { (context) throws(GraphError) in
            try context.rootMeanSquareNormalization()
        },
        .term("LpNormalization") { (context) throws(GraphError) in
            // Vectors of zeros stay zeros.
            try context.term(0).lpNormalization(
                axis: context.int("axis", default: -1), p: context.int("p", default: 2),
                epsilon: Double(Float.leastNormalMagnitude))
        },
        .term("MeanVarianceNormalization", since: 9) { (context) throws(GraphError) in
            try context.term(0).meanVarianceNormalization(axes: context.ints("axes", default: [0, 2, 3]))
        },
        .term("LRN") { (context) throws(GraphError) in
            try context.term(0).localResponseNormalization(
                size: context.int("size"), alpha: context.float("alpha", default: 1e-4),
                beta: context.float("beta", default: 0.75), bias: context.float("bias", default: 1))
        },
    ]
}

extension OperatorContext {
    fileprivate func epsilon() throws(GraphError) -> Double { try float("epsilon", default: 1e-5) }

    /// `body` of input 0 as a matrix whose columns are the dimensions from `axis` on, as before version 13.
    fileprivate func flattened(_ body: (Term) throws(GraphError) -> Term) throws(GraphError) -> Term {
        let x = try term(0)
        let axis = try int("axis", default: 1)
        // The axis after the last one makes every element a row of its own.
        let first = axis == x.rank ? axis : try self.axis(axis, rank: x.rank)
        if first == x.rank - 1 { return try body(x) }
        return try body(x.flatten(axis: first)).reshape(x.shape)
    }

    /// One number per group as one number per channel of `x`.
    fileprivate func perChannel(_ term: Term, of x: Term, groups: Int) throws(GraphError) -> Term {
        guard x.rank >= 2 else {
            throw GraphError(.shapeMismatch, "X is \(x.type); it needs batch and channels")
        }
        guard groups >= 1, term.shape == Shape([groups]) else {
            throw GraphError(
                .shapeMismatch, "scale and bias need one number for each of \(groups) groups; one is \(term.type)")
        }
        let count = try x.shape[1].floorDivided(by: groups)
        return try term.broadcast(Shape([.fixed(groups), count]), dimensions: [0])
            .reshape(Shape([count.multiplied(by: .fixed(groups))]))
    }

    /// Y, and in training the running mean and variance, then before version 14 the batch's own.
    fileprivate func batchNormalization(isTraining: Bool, isSpatial: Bool) throws(GraphError) -> [Term] {
        var x = try term(0)
        let whole = x.shape
        // One dimension is a batch of single numbers.
        if x.rank == 1 { x = try x.reshape(Shape([x.shape[0], 1])) }
        guard x.rank >= 2 else { throw GraphError(.shapeMismatch, "X is a scalar; it needs batch and channels") }
        guard x.scalarType.isFloatingPoint, x.scalarType.isArithmetic else {
            throw GraphError(.invalidType, "X is \(x.type); it must be float16, bfloat16, float32 or float64")
        }
        let wide = x.scalarType.accumulationType
        let given = [try term(1), try term(2), try term(3), try term(4)]
        let epsilon = try epsilon()
        if !isTraining && isSpatial {
            // Parameters beside X may have its type or the one that it is computed in.
            let isPlain = given.allSatisfy { $0.scalarType == x.scalarType || $0.scalarType == wide }
            var parameters = given
            if !isPlain { for i in parameters.indices { parameters[i] = try parameters[i].convert(wide) } }
            let y = try x.batchNormalization(
                scale: parameters[0], bias: parameters[1], mean: parameters[2], variance: parameters[3],
                epsilon: epsilon)
            return [try y.reshape(whole)]
        }
        // Not spatial: every activation of a channel has statistics of its own.
        let kept = isSpatial ? [1] : Array(1..<x.rank)
        let statistics = Shape(kept.map { x.shape[$0] })
        var parameters: [Term] = []
        for (term, name) in zip(given, ["scale", "B", "mean", "var"]) {
            guard term.shape == statistics else {
                throw GraphError(.shapeMismatch, "\(name) is \(term.type); its shape must be \(statistics)")
            }
            parameters.append(try term.convert(wide))
        }
        let values = try x.convert(wide)
        var (mean, variance) = (parameters[2], parameters[3])
        if isTraining {
            let reduced = (0..<x.rank).filter { !kept.contains($0) }
            mean = try values.mean(reduced)
            variance = try values.variance(reduced)
        }
        func spread(_ term: Term) throws(GraphError) -> Term { try term.broadcast(x.shape, dimensions: kept) }
        let factor = try parameters[0] / (variance + epsilon).sqrt()
        let y = try (values - spread(mean)) * spread(factor) + spread(parameters[1])
        let result = try y.convert(x.scalarType).reshape(whole)
        guard isTraining else { return [result] }
        let momentum = try float("momentum", default: 0.9)
        func running(_ old: Term, _ new: Term, _ type: ScalarType) throws(GraphError) -> Term {
            try (old * momentum + new * (1 - momentum)).convert(type)
        }
        let all = [
            result, try running(parameters[2], mean, given[2].scalarType),
            try running(parameters[3], variance, given[3].scalarType),
        ]
        return version >= 14
            ? all : all + [try mean.convert(given[2].scalarType), try variance.convert(given[3].scalarType)]
    }

    /// Y, and where they are wanted the mean and the inverse standard deviation in the type of `stash_type`.
    fileprivate func layerNormalization() throws(GraphError) -> [Term] {
        let x = try term(0)
        let axis = try self.axis(int("axis", default: -1), rank: x.rank)
        var operands = [x, try term(1)]
        if let bias = try optionalTerm(2) { operands.append(bias) }
        let wantsStatistics = wants(output: 1) || wants(output: 2)
        let composite = LayerNormalization(axis: axis, epsilon: try epsilon(), statistics: wantsStatistics)
        let results = try builder.addAll(.composite(composite), operands)
        guard wantsStatistics else { return results }
        let stash = try optionalElementType("stash_type") ?? .float32
        guard let type = stash.scalarType, type.isFloatingPoint else {
            throw GraphError(.invalidAttribute, "attribute 'stash_type' is \(stash), no float")
        }
        return [results[0], try results[1].convert(type), try results[2].convert(type)]
    }

    /// The root-mean-square normalization, whose result has the type of the scale.
    fileprivate func rootMeanSquareNormalization() throws(GraphError) -> Term {
        let (x, scale) = (try term(0), try term(1))
        let axis = try self.axis(int("axis", default: -1), rank: x.rank)
        let epsilon = try epsilon()
        if scale.scalarType == x.scalarType {
            return try x.rmsNormalization(axis: axis, scale: scale, epsilon: epsilon)
        }
        let wide: ScalarType = x.scalarType == .float64 || scale.scalarType == .float64 ? .float64 : .float32
        return try x.convert(wide).rmsNormalization(axis: axis, scale: scale.convert(wide), epsilon: epsilon)
            .convert(scale.scalarType)
    }
}
