// Heterodyne: uniform random numbers from bits.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `randomUniform(key)`: floats in `[0, 1)`, the same bits on every device.
///
/// An element is `k 2^-p` for the upper `p` of its random bits, `p` the type's precision (24 for float32, 53 for
/// float64, 11 for float16, 8 for bfloat16): every conversion and product is exact. float64 takes the bits of two
/// `threefryBits` elements: the shape with a last dimension of 2 added, high word first.
public struct RandomUniform: RandomFloats {
    /// `randomUniform`.
    public static let name = "randomUniform"
    /// The type of the numbers; a float.
    public var type: TensorType

    /// Numbers of `type`.
    public init(_ type: TensorType) { self.type = type }

    /// Shifts, a conversion and a product, all exact.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        if type.scalarType == .float64 {
            let (high, low) = try operands[0].randomWords(type.shape)
            let upper = try high.shiftedRight(5).convert(.float64) * 0x1p26
            return [try (upper + low.shiftedRight(6).convert(.float64)) * 0x1p-53]
        }
        let precision =
            switch type.scalarType {
            case .float16: 11
            case .bfloat16: 8
            default: 24
            }
        let bits = try operands[0].randomBits(type.shape).shiftedRight(32 - precision)
        let unit = Double(sign: .plus, exponent: -precision, significand: 1)
        return [try bits.convert(type.scalarType) * unit]
    }
}

extension Term {
    func shiftedRight(_ amount: Int) throws(GraphError) -> Term {
        try shiftRight(builder.integer(amount, type))
    }

    /// Two independent words for every element of `shape`.
    func randomWords(_ shape: Shape) throws(GraphError) -> (Term, Term) {
        let last = shape.rank
        let bits = try randomBits(Shape(shape.dimensions + [2]))
        return (
            try bits.slice(dimension: last, from: 0, to: 1).reshape(shape),
            try bits.slice(dimension: last, from: 1, to: 2).reshape(shape)
        )
    }

    /// Floats in `[0, 1)` from this key; see `RandomUniform`.
    public func randomUniform(_ type: TensorType) throws(GraphError) -> Term {
        try builder.add(RandomUniform(type), [self])
    }

    /// int64 numbers in `low..<high` from this key: `low + floor(bits * (high - low) / 2^32)`. The range spans at most
    /// 2^31; a number's probability is off by at most 2^-32. Throws `invalidAttribute` for other ranges.
    public func randomIntegers(_ shape: Shape, in range: Range<Int>) throws(GraphError) -> Term {
        let (width, overflow) = range.upperBound.subtractingReportingOverflow(range.lowerBound)
        try OperandRules.require(
            !overflow && width >= 1 && width <= 1 << 31, .invalidAttribute,
            "range \(range) must hold 1 to 2^31 numbers")
        let bits = try randomBits(shape).convert(.int64)
        let product = try bits * builder.integer(width, bits.type)
        return try product.shiftedRight(32) + builder.integer(range.lowerBound, bits.type)
    }

    /// True with the given probability (a float tensor or scalar in `[0, 1]`), from this key: `uniform < probability`.
    public func randomBernoulli(_ probability: Term, shape: Shape) throws(GraphError) -> Term {
        let uniform = try randomUniform(TensorType(probability.scalarType, shape))
        return try uniform.compare(.less, probability.broadcast(to: uniform.shape))
    }
}
