// Heterodyne: result types of primitives, and the rules that operands must obey.
// SPDX-License-Identifier: Apache-2.0

extension Primitive {
    /// The types of the results for operands of the given types. This is the executable specification that builder,
    /// verifier and parser share. Throws `operandCount`, `invalidType`, `shapeMismatch` or `invalidAttribute`.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        do {
            let results = try inferUnlabelled(operands)
            for result in results { try result.validate() }
            return results
        } catch {
            throw error.at(operation: code.name, location: nil)
        }
    }

    private func inferUnlabelled(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        switch self {
        case .constant(let literal):
            try Rules.count(operands, 0)
            return [literal.type]
        case .iota(let type, let dimension):
            try Rules.count(operands, 0)
            try Rules.require(type.scalarType.isArithmetic, .invalidType, "\(type.scalarType) cannot count")
            try Rules.dimension(dimension, rank: type.rank)
            return [type]
        case .convert(let scalarType):
            try Rules.count(operands, 1)
            return [operands[0].with(scalarType)]
        case .bitcast(let scalarType):
            try Rules.count(operands, 1)
            let from = operands[0].scalarType
            try Rules.require(
                from.bitWidth == scalarType.bitWidth && (from == .bool) == (scalarType == .bool), .invalidType,
                "cannot read the bits of \(from) as \(scalarType): the widths differ")
            return [operands[0].with(scalarType)]
        case .unary(let op):
            try Rules.count(operands, 1)
            let type = operands[0].scalarType
            try Rules.require(
                type.isArithmetic && (type.isFloatingPoint || op.takesIntegers), .invalidType,
                "\(op.rawValue) takes \(op.takesIntegers ? "integers and floats" : "floats"), not \(type)")
            return [operands[0]]
        case .binary(let op):
            try Rules.sameTypes(operands, 2)
            let type = operands[0].scalarType
            try Rules.require(op.takes(type), .invalidType, "\(op.rawValue) is not defined on \(type)")
            return [operands[0]]
        case .compare:
            try Rules.sameTypes(operands, 2)
            let type = operands[0].scalarType
            try Rules.require(!type.isStorageOnly, .invalidType, "compare is not defined on \(type)")
            return [operands[0].with(.bool)]
        case .select:
            try Rules.count(operands, 3)
            try Rules.require(
                operands[0].scalarType == .bool, .invalidType, "the condition is \(operands[0].scalarType), not bool")
            try Rules.sameTypes([operands[1], operands[2]], 2)
            try Rules.require(
                operands[0].shape == operands[1].shape, .shapeMismatch,
                "the condition's shape \(operands[0].shape) is not the operands' shape \(operands[1].shape)")
            return [operands[1]]
        case .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse:
            return [try inferStructure(operands)]
        case .gather, .scatter, .dynamicSlice, .dynamicUpdateSlice:
            return [try inferIndexing(operands)]
        case .dot(let dimensions, let accumulation, let result):
            return [try Self.inferDot(operands, dimensions, accumulation, result)]
        case .reduce(let kind, let dimensions):
            try Rules.count(operands, 1)
            let type = operands[0]
            try Rules.require(
                kind.takes(type.scalarType), .invalidType,
                "reduce \(kind.rawValue) is not defined on \(type.scalarType)")
            try Rules.distinct(dimensions, rank: type.rank)
            let kept = (0..<type.rank).filter { !dimensions.contains($0) }
            return [type.with(Shape(kept.map { type.shape[$0] }))]
        case .sort(let dimension, _, let indexType):
            try Rules.count(operands, 1)
            try Rules.dimension(dimension, rank: operands[0].rank)
            try Rules.require(
                !operands[0].scalarType.isStorageOnly, .invalidType, "cannot order \(operands[0].scalarType)")
            try Rules.index(indexType)
            if case .fixed(let extent) = operands[0].shape[dimension], indexType == .int32 {
                try Rules.require(
                    extent <= Int(Int32.max), .invalidAttribute, "extent \(extent) needs int64 indices")
            }
            return [operands[0].with(indexType)]
        case .conditional(let then, let otherwise):
            return try Self.inferConditional(operands, then, otherwise)
        case .loop(let condition, let body):
            return try Self.inferLoop(operands, condition, body)
        }
    }

    private static func inferDot(
        _ operands: [TensorType], _ dot: DotDimensions, _ accumulation: ScalarType, _ result: ScalarType
    ) throws(GraphError) -> TensorType {
        try Rules.count(operands, 2)
        let (left, right) = (operands[0], operands[1])
        let bothBytes = [left, right].allSatisfy { $0.scalarType == .int8 || $0.scalarType == .uint8 }
        try Rules.require(
            left.scalarType == right.scalarType || bothBytes, .invalidType,
            "operands are \(left.scalarType) and \(right.scalarType); convert one")
        try Rules.require(left.scalarType.isArithmetic, .invalidType, "dot is not defined on \(left.scalarType)")
        try Rules.require(
            accumulation.isArithmetic && result.isArithmetic
                && accumulation.isFloatingPoint == left.scalarType.isFloatingPoint
                && result.isFloatingPoint == left.scalarType.isFloatingPoint, .invalidType,
            "\(left.scalarType) operands cannot accumulate in \(accumulation) and result in \(result)")
        try Rules.require(
            dot.leftBatch.count == dot.rightBatch.count && dot.leftContracting.count == dot.rightContracting.count,
            .invalidAttribute, "batch and contracting dimensions come in pairs")
        try Rules.distinct(dot.leftBatch + dot.leftContracting, rank: left.rank)
        try Rules.distinct(dot.rightBatch + dot.rightContracting, rank: right.rank)
        for (l, r) in zip(dot.leftBatch + dot.leftContracting, dot.rightBatch + dot.rightContracting) {
            try Rules.require(
                left.shape[l] == right.shape[r], .shapeMismatch,
                "extent \(left.shape[l]) of dimension \(l) of \(left) is not extent \(right.shape[r]) of dimension "
                    + "\(r) of \(right)")
        }
        let shape =
            dot.leftBatch.map { left.shape[$0] } + dot.leftFree(rank: left.rank).map { left.shape[$0] }
            + dot.rightFree(rank: right.rank).map { right.shape[$0] }
        return TensorType(result, Shape(shape))
    }

    private static func inferConditional(
        _ operands: [TensorType], _ then: Graph, _ otherwise: Graph
    ) throws(GraphError) -> [TensorType] {
        try Rules.require(!operands.isEmpty, .operandCount, "needs a predicate")
        try Rules.require(
            operands[0] == .scalar(.bool), .invalidType, "the predicate is \(operands[0]), not a bool scalar")
        let arguments = Array(operands.dropFirst())
        for (name, branch) in [("then", then), ("else", otherwise)] {
            try Rules.region(name, branch, inputs: arguments, outputs: nil)
        }
        try Rules.require(
            then.outputTypes == otherwise.outputTypes, .shapeMismatch,
            "branches give \(Rules.list(then.outputTypes)) and \(Rules.list(otherwise.outputTypes))")
        return then.outputTypes
    }

    private static func inferLoop(
        _ operands: [TensorType], _ condition: Graph, _ body: Graph
    ) throws(GraphError) -> [TensorType] {
        try Rules.region("condition", condition, inputs: operands, outputs: [.scalar(.bool)])
        try Rules.region("body", body, inputs: operands, outputs: operands)
        return operands
    }
}

/// Checks that the inference rules share.
enum Rules {
    static func require(
        _ condition: Bool, _ kind: GraphError.Kind, _ message: @autoclosure () -> String
    ) throws(GraphError) {
        if !condition { throw GraphError(kind, message()) }
    }

    static func count(_ operands: [TensorType], _ expected: Int) throws(GraphError) {
        try require(
            operands.count == expected, .operandCount, "takes \(expected) operands, was given \(operands.count)")
    }

    static func sameTypes(_ operands: [TensorType], _ expected: Int) throws(GraphError) {
        try count(operands, expected)
        for operand in operands.dropFirst() {
            try require(
                operand.scalarType == operands[0].scalarType, .invalidType,
                "operands are \(operands[0]) and \(operand); convert one of them")
            try require(
                operand.shape == operands[0].shape, .shapeMismatch,
                "operands are \(operands[0]) and \(operand); primitives do not broadcast")
        }
    }

    static func dimension(_ dimension: Int, rank: Int) throws(GraphError) {
        try require(
            dimension >= 0 && dimension < rank, .invalidAttribute, "dimension \(dimension) is not within rank \(rank)")
    }

    static func distinct(_ dimensions: [Int], rank: Int) throws(GraphError) {
        var seen = 0
        for d in dimensions {
            try dimension(d, rank: rank)
            try require(seen & (1 << d) == 0, .invalidAttribute, "dimension \(d) is named twice in \(dimensions)")
            seen |= 1 << d
        }
    }

    static func index(_ type: ScalarType) throws(GraphError) {
        try require(type.isIndex, .invalidType, "indices are int32 or int64, not \(type)")
    }

    static func list(_ types: [TensorType]) -> String { "(\(types.map(\.description).joined(separator: ", ")))" }

    static func region(
        _ name: String, _ region: Graph, inputs: [TensorType], outputs: [TensorType]?
    ) throws(GraphError) {
        try require(
            region.inputTypes == inputs, .shapeMismatch,
            "region '\(name)' takes \(list(region.inputTypes)) and is given \(list(inputs))")
        if let outputs {
            try require(
                region.outputTypes == outputs, .shapeMismatch,
                "region '\(name)' gives \(list(region.outputTypes)) where \(list(outputs)) is needed")
        }
    }
}
