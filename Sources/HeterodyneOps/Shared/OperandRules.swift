// Heterodyne: checks of operands and attributes that the inference rules share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Checks of operand types and attributes; every failure is a typed error that names what is wrong.
enum OperandRules {
    static func require(
        _ condition: Bool, _ kind: GraphError.Kind, _ message: @autoclosure () -> String
    ) throws(GraphError) {
        if !condition { throw GraphError(kind, message()) }
    }

    static func count(_ operands: [TensorType], _ expected: Int, _ names: String) throws(GraphError) {
        try count(operands, expected...expected, names)
    }

    static func count(_ operands: [TensorType], _ expected: ClosedRange<Int>, _ names: String) throws(GraphError) {
        try require(
            expected.contains(operands.count), .operandCount,
            "takes \(expected.count == 1 ? "\(expected.lowerBound)" : "\(expected.lowerBound) to \(expected.upperBound)")"
                + " operands (\(names)) and is given \(operands.count)")
    }
}

// MARK: Scalar types

extension OperandRules {
    /// A float that has arithmetic.
    static func float(_ type: TensorType, _ name: String) throws(GraphError) {
        try require(
            type.scalarType.isFloatingPoint && type.scalarType.isArithmetic, .invalidType,
            "\(name) is \(type); it must be float16, bfloat16, float32 or float64: convert it first")
    }

    static func arithmetic(_ type: TensorType, _ name: String) throws(GraphError) {
        try require(
            type.scalarType.isArithmetic, .invalidType, "\(name) is \(type), which has no arithmetic; convert it first")
    }

    static func integer(_ type: ScalarType, _ what: String) throws(GraphError) {
        try require(
            type.isInteger && type.isArithmetic, .invalidType,
            "\(what) are \(type); they must be integers of at least 8 bits")
    }

    /// Throws where positions up to `extent` do not fit the index type.
    static func index(_ type: ScalarType, counts extent: Extent) throws(GraphError) {
        try require(type.isIndex, .invalidType, "the index type is \(type); choose int32 or int64")
        if type == .int32, case .fixed(let value) = extent {
            try require(value <= Int(Int32.max), .invalidAttribute, "extent \(value) needs int64 indices")
        }
    }

    static func sameScalarType(_ a: TensorType, _ b: TensorType, _ what: String) throws(GraphError) {
        try require(
            a.scalarType == b.scalarType, .invalidType,
            "\(what) is \(b) where \(a.scalarType) elements are needed; convert it")
    }

    /// The scalar type of `x`, or float32 where `x` is narrower: what parameters beside a narrow operand may have.
    static func parameter(_ type: TensorType, of x: TensorType, _ name: String) throws(GraphError) {
        let wide = x.scalarType.computationType
        try require(
            type.scalarType == x.scalarType || type.scalarType == wide, .invalidType,
            "\(name) is \(type.scalarType); beside \(x.scalarType) it must be \(x.scalarType)"
                + (x.scalarType == wide ? "" : " or \(wide)"))
    }
}

// MARK: Shapes

extension OperandRules {
    static func rank(_ type: TensorType, atLeast minimum: Int, _ name: String) throws(GraphError) {
        try require(
            type.rank >= minimum, .shapeMismatch, "\(name) is \(type); it must have at least \(minimum) dimensions")
    }

    static func shape(_ type: TensorType, _ shape: [Extent], _ what: String) throws(GraphError) {
        try require(
            type.shape.dimensions == shape, .shapeMismatch, "\(what) is \(type); its shape must be \(Shape(shape))")
    }

    /// Throws where a result over the size limits would come out; keeps later size arithmetic from overflowing.
    static func valid(_ type: TensorType) throws(GraphError) -> TensorType {
        try type.validate()
        return type
    }

    /// `type` without the axes, which may count from the back, or with extent 1 there.
    static func reduced(_ type: TensorType, _ axes: [Int], keep: Bool) throws(GraphError) -> TensorType {
        var shape = type.shape
        for axis in try self.axes(axes, rank: type.rank).reversed() {
            if keep { shape.dimensions[axis] = 1 } else { shape.dimensions.remove(at: axis) }
        }
        return type.with(shape)
    }

    /// `type`, aligned with the last dimensions of `shape`, repeats over it as NumPy broadcasts.
    static func broadcasts(_ type: TensorType, to shape: Shape, _ name: String) throws(GraphError) {
        let offset = shape.rank - type.rank
        try require(
            offset >= 0 && (0..<type.rank).allSatisfy { type.shape[$0] == 1 || type.shape[$0] == shape[$0 + offset] },
            .shapeMismatch, "\(name) is \(type) and does not broadcast to \(shape)")
    }

    /// The shape that operands of two shapes broadcast to by NumPy's rules. Throws `shapeMismatch`.
    static func broadcast(_ a: Shape, _ b: Shape) throws(GraphError) -> Shape {
        let rank = max(a.rank, b.rank)
        var result: [Extent] = []
        for d in 0..<rank {
            let x: Extent = d < rank - a.rank ? 1 : a[d - (rank - a.rank)]
            let y: Extent = d < rank - b.rank ? 1 : b[d - (rank - b.rank)]
            if x == y || y == 1 {
                result.append(x)
            } else if x == 1 {
                result.append(y)
            } else {
                throw GraphError(.shapeMismatch, "shapes \(a) and \(b) do not broadcast: extents \(x) and \(y) differ")
            }
        }
        return Shape(result)
    }
}

// MARK: Attributes

extension OperandRules {
    /// The axis counted from the front; negative axes count from the back.
    static func axis(_ axis: Int, rank: Int) throws(GraphError) -> Int {
        try require(
            axis >= -rank && axis < rank, .invalidAttribute,
            "axis \(axis) is not within rank \(rank); choose from \(-rank) to \(rank - 1)")
        return axis < 0 ? axis + rank : axis
    }

    /// The axes counted from the front, sorted; each may be named once.
    static func axes(_ axes: [Int], rank: Int) throws(GraphError) -> [Int] {
        var result: [Int] = []
        for item in axes {
            let axis = try axis(item, rank: rank)
            try require(!result.contains(axis), .invalidAttribute, "axis \(item) is named twice in \(axes)")
            result.append(axis)
        }
        return result.sorted()
    }

    /// An axis of a composite that does not count from the back.
    static func dimension(_ axis: Int, rank: Int) throws(GraphError) {
        try require(
            axis >= 0 && axis < rank, .invalidAttribute, "axis \(axis) is not within an operand of rank \(rank)")
    }

    /// Axes of a composite that do not count from the back; each may be named once.
    static func dimensions(_ axes: [Int], rank: Int) throws(GraphError) {
        for axis in axes { try dimension(axis, rank: rank) }
        _ = try self.axes(axes, rank: rank)
    }

    static func finite(_ number: Double, _ name: String) throws(GraphError) {
        try require(number.isFinite, .invalidAttribute, "\(name) \(number) is not finite")
    }

    static func notNegative(_ number: Double, _ name: String) throws(GraphError) {
        try require(
            number.isFinite && number >= 0, .invalidAttribute, "\(name) \(number) must be finite and not negative")
    }
}
