// Heterodyne: checks on operands and attributes that the data composites share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Checks that the composites on data share. Every failure is a typed error that names what is wrong.
enum DataRules {
    static func require(
        _ condition: Bool, _ kind: GraphError.Kind, _ message: @autoclosure () -> String
    ) throws(GraphError) {
        if !condition { throw GraphError(kind, message()) }
    }

    static func count(_ operands: [TensorType], _ expected: Int, _ names: String) throws(GraphError) {
        try require(
            operands.count == expected, .operandCount,
            "takes \(expected) operands (\(names)), was given \(operands.count)")
    }

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

    static func index(_ type: ScalarType, _ what: String = "the index type") throws(GraphError) {
        try require(type.isIndex, .invalidType, "\(what) is \(type); choose int32 or int64")
    }

    /// Throws where positions up to `extent` do not fit the index type.
    static func index(_ type: ScalarType, counts extent: Extent) throws(GraphError) {
        try index(type)
        if type == .int32, case .fixed(let value) = extent {
            try require(value <= Int(Int32.max), .invalidAttribute, "extent \(value) needs int64 indices")
        }
    }

    static func integer(_ type: ScalarType, _ what: String) throws(GraphError) {
        try require(
            type.isInteger && type.isArithmetic, .invalidType,
            "\(what) are \(type); they must be integers of at least 8 bits")
    }

    static func arithmetic(_ type: TensorType) throws(GraphError) {
        try require(
            type.scalarType.isArithmetic, .invalidType, "\(type) has no arithmetic; convert the operand first")
    }

    static func floating(_ type: TensorType, _ what: String = "the operand") throws(GraphError) {
        try require(
            type.scalarType.isFloatingPoint && type.scalarType.isArithmetic, .invalidType,
            "\(what) is \(type); it must be float16, bfloat16, float32 or float64: convert it first")
    }

    static func sameScalarType(_ a: TensorType, _ b: TensorType, _ what: String) throws(GraphError) {
        try require(
            a.scalarType == b.scalarType, .invalidType,
            "\(what) is \(b) where \(a.scalarType) elements are needed; convert it")
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

    /// The type in which elements that have no arithmetic or little precision are computed with.
    static func computeType(_ type: ScalarType) -> ScalarType {
        switch type {
        case .bool, .uint4: .uint8
        case .int4: .int8
        case .float8e4m3fn, .float8e5m2, .float16, .bfloat16: .float32
        default: type
        }
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

extension Shape {
    /// The shape with the dimension at `index` replaced.
    func replacing(_ index: Int, _ extent: Extent) -> Shape {
        var copy = self
        copy.dimensions[index] = extent
        return copy
    }
}

extension GraphBuilder {
    /// A constant of `type` with every element the integer `value`, exact also beyond 2^53.
    func integer(_ value: Int, _ type: TensorType) throws(GraphError) -> Term {
        try constant(Literal(splatBits: UInt64(bitPattern: Int64(value)), type: type))
    }
}
