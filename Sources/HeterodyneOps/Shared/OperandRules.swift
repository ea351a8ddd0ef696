// Heterodyne: checks that the composites' inference rules share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Checks of operand types and attributes; every failure names what is wrong.
enum OperandRules {
    static func require(
        _ condition: Bool, _ kind: GraphError.Kind, _ message: @autoclosure () -> String
    ) throws(GraphError) {
        if !condition { throw GraphError(kind, message()) }
    }

    static func count(_ operands: [TensorType], _ expected: ClosedRange<Int>, _ names: String) throws(GraphError) {
        try require(
            expected.contains(operands.count), .operandCount,
            "takes \(expected.count == 1 ? "\(expected.lowerBound)" : "\(expected.lowerBound) to \(expected.upperBound)")"
                + " operands (\(names)) and is given \(operands.count)")
    }

    /// A float that has arithmetic.
    static func float(_ type: TensorType, _ name: String) throws(GraphError) {
        try require(
            type.scalarType.isFloatingPoint && type.scalarType.isArithmetic, .invalidType,
            "\(name) is \(type); it must be a float with arithmetic (float16, bfloat16, float32 or float64)")
    }

    static func arithmetic(_ type: TensorType, _ name: String) throws(GraphError) {
        try require(type.scalarType.isArithmetic, .invalidType, "\(name) is \(type), which has no arithmetic")
    }

    static func rank(_ type: TensorType, atLeast minimum: Int, _ name: String) throws(GraphError) {
        try require(
            type.rank >= minimum, .shapeMismatch, "\(name) is \(type); it must have at least \(minimum) dimensions")
    }

    static func axis(_ axis: Int, rank: Int, _ name: String = "axis") throws(GraphError) {
        try require(
            axis >= 0 && axis < rank, .invalidAttribute, "\(name) \(axis) is not within an operand of rank \(rank)")
    }

    static func distinctAxes(_ axes: [Int], rank: Int) throws(GraphError) {
        var seen: Set<Int> = []
        for axis in axes {
            try OperandRules.axis(axis, rank: rank)
            try require(seen.insert(axis).inserted, .invalidAttribute, "axis \(axis) is named twice in \(axes)")
        }
    }

    static func finite(_ number: Double, _ name: String) throws(GraphError) {
        try require(number.isFinite, .invalidAttribute, "\(name) \(number) is not finite")
    }

    static func notNegative(_ number: Double, _ name: String) throws(GraphError) {
        try require(
            number.isFinite && number >= 0, .invalidAttribute, "\(name) \(number) must be finite and not negative")
    }

    /// A vector of `extent` elements.
    static func vector(_ type: TensorType, _ extent: Extent, _ name: String) throws(GraphError) {
        try require(
            type.rank == 1 && type.shape[0] == extent, .shapeMismatch,
            "\(name) is \(type); it must have shape [\(extent)]")
    }

    /// The scalar type of `x`, or float32 where `x` is narrower: what parameters beside a narrow operand may have.
    static func parameter(_ type: TensorType, of x: TensorType, _ name: String) throws(GraphError) {
        try require(
            type.scalarType == x.scalarType || type.scalarType == x.scalarType.computationType, .invalidType,
            "\(name) is \(type.scalarType); beside \(x.scalarType) it must be \(x.scalarType)"
                + (x.scalarType == x.scalarType.computationType ? "" : " or \(x.scalarType.computationType)"))
    }

    /// `type`, aligned with the last dimensions of `shape`, repeats over it as NumPy broadcasts.
    static func broadcasts(_ type: TensorType, to shape: Shape, _ name: String) throws(GraphError) {
        let offset = shape.rank - type.rank
        try require(
            offset >= 0 && (0..<type.rank).allSatisfy { type.shape[$0] == 1 || type.shape[$0] == shape[$0 + offset] },
            .shapeMismatch, "\(name) is \(type) and does not broadcast to \(shape)")
    }
}

extension ScalarType {
    /// The type in which composites compute on operands of this type: float32 for narrower floats, else the type.
    var computationType: ScalarType {
        switch self {
        case .float16, .bfloat16, .float8e4m3fn, .float8e5m2: .float32
        default: self
        }
    }
}

extension Term {
    /// The term in the type in which composites compute.
    func widened() throws(GraphError) -> Term { try convert(scalarType.computationType) }

    /// The term repeated so that its dimensions are the dimensions `axes` of `other`.
    func broadcast(like other: Term, axes: [Int]) throws(GraphError) -> Term {
        try broadcast(other.shape, dimensions: axes)
    }

    /// The reduction along `axes`, repeated along them again.
    func reduceAndRepeat(_ kind: ReductionKind, _ axes: [Int]) throws(GraphError) -> Term {
        let kept = (0..<rank).filter { !axes.contains($0) }
        return try reduce(kind, axes).broadcast(shape, dimensions: kept)
    }

    /// The product of the extents of `axes` as a number. Throws `unboundSymbol` where one is symbolic.
    func count(of axes: [Int], _ what: String) throws(GraphError) -> Double {
        var product = 1.0
        for axis in axes {
            guard let extent = shape[axis].fixedValue else {
                throw GraphError(
                    .unboundSymbol, "dimension \(axis) of \(type) is symbolic; bind it before \(what) is decomposed")
            }
            product *= Double(extent)
        }
        return product
    }

    /// The mean along `axes`, which disappear.
    func mean(_ axes: [Int], _ what: String) throws(GraphError) -> Term {
        try reduce(.sum, axes) / count(of: axes, what)
    }

    /// Index in `0..<rank` of an axis that may count from the end (-1 is the last).
    func normalized(axis: Int) throws(GraphError) -> Int {
        guard axis >= -rank, axis < rank else {
            throw GraphError(.invalidAttribute, "axis \(axis) is not within an operand of rank \(rank)")
        }
        return axis < 0 ? axis + rank : axis
    }

    /// Bool: whether each element is NaN.
    func isNaNPrimitive() throws(GraphError) -> Term { try compare(.notEqual, self) }
}
