// Heterodyne: what convolution and its transpose share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What convolution and its transpose share.
enum Contraction {
    /// Most spatial dimensions: the windows have 3 + 2n dimensions.
    static let largestSpatialRank = (TensorType.maximumRank - 3) / 2

    /// Checks number, types and ranks of the operands; gives the kernel's extents.
    static func check(_ operands: [TensorType], groups: Int) throws(GraphError) -> [Int] {
        try OperandRules.count(operands, 2...3, "x, weights, bias")
        let (x, weights) = (operands[0], operands[1])
        try OperandRules.arithmetic(x, "x")
        try OperandRules.require(
            weights.scalarType == x.scalarType, .invalidType, "x is \(x) and weights are \(weights); convert one")
        try OperandRules.rank(x, atLeast: 3, "x")
        try OperandRules.require(
            x.rank - 2 <= largestSpatialRank, .shapeMismatch,
            "x is \(x); at most \(largestSpatialRank) spatial dimensions are supported")
        try OperandRules.require(
            weights.rank == x.rank, .shapeMismatch, "weights are \(weights); they need as many dimensions as x, \(x)")
        try OperandRules.require(groups >= 1, .invalidAttribute, "groups \(groups) is below 1")
        return try kernel(weights)
    }

    static func kernel(_ weights: TensorType) throws(GraphError) -> [Int] {
        var kernel: [Int] = []
        for extent in weights.shape.dimensions.dropFirst(2) {
            guard case .fixed(let value) = extent else {
                throw GraphError(.unboundSymbol, "the kernel extent \(extent) of weights \(weights) must be a number")
            }
            kernel.append(value)
        }
        return kernel
    }

    static func checkBias(_ operands: [TensorType], channels: Extent) throws(GraphError) {
        guard operands.count > 2 else { return }
        try OperandRules.parameter(operands[2], of: operands[0], "bias")
        try OperandRules.shape(operands[2], [channels], "bias")
    }

    /// The windows of `x` [N, C, S…] as [N, groups, C/groups, K…, windows…].
    static func windows(
        _ x: Term, _ axes: [Windows.Axis], _ counts: [Extent], groups: Int
    ) throws(GraphError) -> Term {
        let perGroup = try x.shape[1].floorDivided(by: groups)
        var result = try x.reshape(
            Shape([x.shape[0], .fixed(groups), perGroup] + Array(x.shape.dimensions[2...])))
        for (i, axis) in axes.enumerated() {
            // i kernel dimensions stand before the spatial ones already.
            result = try Windows.extract(
                result, dimension: 3 + i + i, axis, count: counts[i], position: 3 + i)
        }
        return result
    }

    /// The dot of weights [groups, …] with windows [N, groups, C/groups, K…, windows…] as [N, O, windows…].
    static func dot(
        _ weights: Term, _ leftContracted: [Int], _ windows: Term, _ rightContracted: [Int], bias: Term?, shape: Shape
    ) throws(GraphError) -> Term {
        let type = windows.scalarType
        let dimensions = DotDimensions(
            leftBatch: [0], rightBatch: [1], leftContracting: leftContracted, rightContracting: rightContracted)
        let products = try weights.dot(
            windows, dimensions, result: bias == nil ? type : type.computationType)
        // [groups, O/groups, N, windows…] to [N, groups, O/groups, windows…].
        let ordered = try products.transpose([2, 0, 1] + Array(3..<products.rank)).reshape(shape)
        guard let bias else { return ordered }
        return try (ordered + bias.widened().broadcast(like: ordered, axes: [1])).convert(type)
    }
}
