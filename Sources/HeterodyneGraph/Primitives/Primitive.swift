// Heterodyne: a primitive with its attributes.
// SPDX-License-Identifier: Apache-2.0

/// A primitive operation with its attributes. Closed: every switch over it is exhaustive.
///
/// No primitive broadcasts implicitly; every operand of an elementwise primitive has the same shape.
public enum Primitive: Sendable, Hashable {
    /// A constant tensor. No operands.
    case constant(Literal)
    /// Element `[i0, i1, …]` is `i_dimension`. No operands; any arithmetic scalar type.
    case iota(TensorType, dimension: Int)
    /// Each element in another scalar type: to floats rounded to nearest even; to integers truncated toward zero,
    /// saturating, NaN to 0; between integers wrapping; to bool `x != 0`.
    case convert(ScalarType)
    /// The same bits read as another scalar type of the same width.
    case bitcast(ScalarType)
    /// A unary operator on each element.
    case unary(UnaryOperator)
    /// A binary operator on each pair of elements.
    case binary(BinaryOperator)
    /// A relation of each pair of elements, as bool.
    case compare(ComparisonDirection)
    /// Operands (condition, a, b): `a` where the bool condition holds, else `b`.
    case select
    /// The same elements in row-major order under another shape.
    case reshape(Shape)
    /// Result dimension `i` is operand dimension `permutation[i]`.
    case transpose(permutation: [Int])
    /// Operand dimension `i` becomes result dimension `dimensions[i]`, with the same extent or from extent 1;
    /// `dimensions` increases strictly.
    case broadcast(Shape, dimensions: [Int])
    /// Elements `starts[d] + k * strides[d]` below `limits[d]`; strides are at least 1.
    case slice(starts: [Extent], limits: [Extent], strides: [Int])
    /// Operands (x, scalar value): `low` and `high` elements of value around (negative: cropped), `interior` between.
    case pad(low: [Extent], high: [Extent], interior: [Int])
    /// One or more operands one after the other along a dimension.
    case concatenate(dimension: Int)
    /// Elements in opposite order along the dimensions.
    case reverse(dimensions: [Int])
    /// Operands (x, indices[…, k]): for every index vector, the slice of x at those positions of the `k` `dimensions`,
    /// clamped into range. Result shape: indices' shape without its last, then x's other dimensions in order.
    case gather(dimensions: [Int])
    /// Operands (x, indices[…, k], updates): x with every update slice combined at its position; updates are shaped
    /// like the result of `gather`. Updates that lie out of range are dropped. Updates are applied in row-major order.
    case scatter(ScatterMode, dimensions: [Int])
    /// Operands (x, one scalar index per dimension): the block of `sizes` there; starts clamp so that it fits.
    case dynamicSlice(sizes: [Extent])
    /// Operands (x, update, one scalar index per dimension): x with the block replaced; starts clamp so that it fits.
    case dynamicUpdateSlice
    /// Sums of products over the contracted dimensions, accumulated and rounded as the two types say. Result shape:
    /// batch, left free, right free dimensions. Operand scalar types are equal, or both are 8-bit integers.
    case dot(DotDimensions, accumulation: ScalarType, result: ScalarType)
    /// Combines the elements along `dimensions`, which disappear.
    case reduce(ReductionKind, dimensions: [Int])
    /// The permutation along `dimension` that orders the elements, stable; NaN is above every number, -0 equals +0.
    case sort(dimension: Int, descending: Bool, indexType: ScalarType)
    /// Operands (scalar bool, arguments…): the results of one branch on the arguments. Named `if`.
    case conditional(then: Graph, otherwise: Graph)
    /// Operands are the initial state; while `condition(state)` is true, `state = body(state)`. Named `while`.
    case loop(condition: Graph, body: Graph)

    /// The primitive's code in the table.
    public var code: PrimitiveCode {
        switch self {
        case .constant: .constant
        case .iota: .iota
        case .convert: .convert
        case .bitcast: .bitcast
        case .unary(let op): op.code
        case .binary(let op): op.code
        case .compare: .compare
        case .select: .select
        case .reshape: .reshape
        case .transpose: .transpose
        case .broadcast: .broadcast
        case .slice: .slice
        case .pad: .pad
        case .concatenate: .concatenate
        case .reverse: .reverse
        case .gather: .gather
        case .scatter: .scatter
        case .dynamicSlice: .dynamicSlice
        case .dynamicUpdateSlice: .dynamicUpdateSlice
        case .dot: .dot
        case .reduce: .reduce
        case .sort: .sort
        case .conditional: .conditional
        case .loop: .loop
        }
    }

    /// The regions, in the order in which the text form writes them.
    public var regions: [Graph] {
        switch self {
        case .conditional(let then, let otherwise): [then, otherwise]
        case .loop(let condition, let body): [condition, body]
        default: []
        }
    }
}
