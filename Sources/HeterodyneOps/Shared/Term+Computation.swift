// Heterodyne: how composites compute: in which type, over which dimensions, by which formulas.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension ScalarType {
    /// The type in which composites compute on operands of this type: float32 for narrower floats, 8 bits for bool and
    /// narrower integers, else the type itself.
    var computationType: ScalarType {
        switch self {
        case .float16, .bfloat16, .float8e4m3fn, .float8e5m2: .float32
        case .bool, .uint4: .uint8
        case .int4: .int8
        default: self
        }
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

extension Term {
    /// The term in the type in which composites compute.
    func widened() throws(GraphError) -> Term { try convert(scalarType.computationType) }

    /// Index in `0..<rank` of an axis that may count from the end (-1 is the last).
    func normalized(axis: Int) throws(GraphError) -> Int { try OperandRules.axis(axis, rank: rank) }

    /// Indices in `0..<rank` of axes that may count from the end, in the same order; all axes where nil.
    func normalized(axes: [Int]?) throws(GraphError) -> [Int] {
        guard let axes else { return Array(0..<rank) }
        var result: [Int] = []
        for axis in axes { result.append(try normalized(axis: axis)) }
        return result
    }

    /// The dimensions that `axes` does not name.
    func dimensions(except axes: [Int]) -> [Int] { (0..<rank).filter { !axes.contains($0) } }

    /// The term repeated so that its dimensions are the dimensions `axes` of `other`.
    func broadcast(like other: Term, axes: [Int]) throws(GraphError) -> Term {
        try broadcast(other.shape, dimensions: axes)
    }

    /// The reduction along `axes`, repeated along them again.
    func reduceAndRepeat(_ kind: ReductionKind, _ axes: [Int]) throws(GraphError) -> Term {
        try reduce(kind, axes).broadcast(like: self, axes: dimensions(except: axes))
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

    /// The sum of `coefficients[i] * x^i`, by Horner's rule: one multiplication and one addition per coefficient.
    func polynomial(_ coefficients: [Double]) throws(GraphError) -> Term {
        var sum = try like(coefficients.last ?? 0)
        for coefficient in coefficients.dropLast().reversed() { sum = try sum * self + coefficient }
        return sum
    }

    /// Bool: whether each element is NaN.
    func isNaNPrimitive() throws(GraphError) -> Term { try compare(.notEqual, self) }
}
