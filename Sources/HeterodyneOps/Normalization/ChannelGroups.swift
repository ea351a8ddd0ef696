// Heterodyne: what operations on groups of channels share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What is shared by operations that work on groups of channels.
enum ChannelGroups {
    static func check(_ operands: [TensorType], epsilon: Double) throws(GraphError) {
        try OperandRules.count(operands, 1...3, "x, scale, bias")
        let x = operands[0]
        try OperandRules.float(x, "x")
        try OperandRules.rank(x, atLeast: 2, "x")
        try OperandRules.notNegative(epsilon, "epsilon")
        for (operand, name) in zip(operands.dropFirst(), ["scale", "bias"]) {
            try OperandRules.parameter(operand, of: x, name)
            try OperandRules.shape(operand, [x.shape[1]], name)
        }
    }

    static func check(_ groups: Int, channels: Extent, _ what: String) throws(GraphError) {
        try OperandRules.require(groups >= 1, .invalidAttribute, "groups \(groups) is below 1")
        if case .fixed(let channels) = channels {
            try OperandRules.require(
                channels % groups == 0, .shapeMismatch, "the \(channels) \(what) do not divide into \(groups) groups")
        } else {
            try OperandRules.require(
                try channels.floorDivided(by: groups).multiplied(by: .fixed(groups)) == channels, .unboundSymbol,
                "whether \(channels) \(what) divide into \(groups) groups is not known; bind the symbols")
        }
    }

    /// `groups` nil: one group per channel.
    static func normalize(
        _ operands: [Term], groups: Int?, epsilon: Double, _ what: String
    ) throws(GraphError) -> Term {
        let x = try operands[0].widened()
        var grouped = x
        if let groups {
            let perGroup = try x.shape[1].floorDivided(by: groups)
            grouped = try x.reshape(
                Shape([x.shape[0], .fixed(groups), perGroup] + Array(x.shape.dimensions[2...])))
        }
        let axes = Array(2..<grouped.rank)
        let (centred, _, inverse) = try Normalization.standardize(grouped, axes, epsilon: epsilon, what)
        var y = try (centred * inverse.broadcast(like: grouped, axes: [0, 1])).reshape(x.shape)
        if operands.count > 1 { y = try y * operands[1].widened().broadcast(like: x, axes: [1]) }
        if operands.count > 2 { y = try y + operands[2].widened().broadcast(like: x, axes: [1]) }
        return try y.convert(operands[0].scalarType)
    }
}
