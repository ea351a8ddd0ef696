// Heterodyne: rewrites nodes into one simple form.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Rewrites nodes into one simple form: identities vanish, chains of movements become one, splats absorb movements.
///
/// Every rule is exact: results keep their bits, signed zeros and NaN included.
public struct Canonicalization: Pass {
    /// `canonicalize`.
    public let name = "canonicalize"

    /// The pass.
    public init() {}

    /// The simplified graph, also inside regions.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        let rewriter = GraphRewriter(regions: .control)
        return try rewriter.rewrite(graph) { (_, node, operands, builder) throws(GraphError) -> [Term]? in
            guard case .primitive(let primitive) = node.operation else { return nil }
            if let branch = try Self.inlinedBranch(primitive, operands, builder) { return branch }
            let simplified =
                primitive.code.group == .movement
                ? try MovementRules.simplify(primitive, operands)
                : try ElementwiseRules.simplify(primitive, operands, builder)
            return simplified.map { [$0] }
        }
    }

    /// The results of the branch that a constant predicate chooses.
    private static func inlinedBranch(
        _ primitive: Primitive, _ operands: [Term], _ builder: GraphBuilder
    ) throws(GraphError) -> [Term]? {
        guard case .conditional(let then, let otherwise) = primitive,
            let predicate = operands[0].literal?.splatBits
        else { return nil }
        return try builder.inline(predicate & 0xFF != 0 ? then : otherwise, Array(operands.dropFirst()))
    }
}

extension Term {
    /// The node that defines the term.
    var definition: Node { builder.nodes[Int(value.node)] }

    /// The constant that the term is, if it is one.
    var literal: Literal? {
        if case .primitive(.constant(let literal)) = definition.operation { literal } else { nil }
    }

    /// The primitive that defines the term, if one does.
    var primitive: Primitive? { definition.operation.primitive }

    /// The first operand of the node that defines the term.
    var source: Term { Term(builder, definition.operands[0]) }

    /// The term's only element value, where it is a splat of `bits`.
    func isSplat(ofNumber number: Double) -> Bool {
        guard let bits = literal?.splatBits else { return false }
        return bits == scalarType.bits(of: number)
    }
}

/// Exact simplifications of elementwise primitives, reductions and sorts.
enum ElementwiseRules {
    static func simplify(
        _ primitive: Primitive, _ operands: [Term], _ builder: GraphBuilder
    ) throws(GraphError) -> Term? {
        switch primitive {
        case .convert(let type): return try convert(type, operands[0])
        case .bitcast(let type):
            if operands[0].scalarType == type { return operands[0] }
            if case .bitcast = operands[0].primitive { return try operands[0].source.bitcast(type) }
            return nil
        case .unary(.negate):
            if case .unary(.negate) = operands[0].primitive { return operands[0].source }
            return nil
        case .unary(.abs), .unary(.floor):
            if operands[0].primitive == primitive { return operands[0] }
            return nil
        case .binary(let op): return try binary(op, operands[0], operands[1])
        case .select:
            if let bits = operands[0].literal?.splatBits { return bits & 0xFF != 0 ? operands[1] : operands[2] }
            return operands[1].value == operands[2].value ? operands[1] : nil
        case .reduce(let kind, let dimensions):
            if dimensions.isEmpty { return operands[0] }
            // Sums start from +0, which turns a lone -0 into +0; the other kinds return a lone element as it is.
            let keepsLoneElements = kind != .sum || operands[0].scalarType.isInteger
            guard keepsLoneElements, dimensions.allSatisfy({ operands[0].shape[$0] == 1 }) else { return nil }
            let kept = (0..<operands[0].rank).filter { !dimensions.contains($0) }
            return try operands[0].reshape(Shape(kept.map { operands[0].shape[$0] }))
        case .iota(let type, let dimension):
            guard type.shape[dimension] == 1 else { return nil }
            return try builder.constant(0, type)
        case .constant, .unary, .compare, .dot, .sort, .conditional, .loop:
            return nil
        case .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse, .gather, .scatter, .dynamicSlice,
            .dynamicUpdateSlice:
            return nil
        }
    }

    private static func convert(_ type: ScalarType, _ x: Term) throws(GraphError) -> Term? {
        if x.scalarType == type { return x }
        guard case .convert = x.primitive else { return nil }
        // A conversion through a type that holds every value of the first loses nothing.
        return x.scalarType.holdsEveryValue(of: x.source.scalarType) ? try x.source.convert(type) : nil
    }

    private static func binary(_ op: BinaryOperator, _ x: Term, _ y: Term) throws(GraphError) -> Term? {
        let isFloat = x.scalarType.isFloatingPoint
        switch op {
        case .add:
            // x + (-0) is x for every x; x + (+0) is not, for x = -0.
            if y.isSplat(ofNumber: isFloat ? -0.0 : 0) { return x }
            if x.isSplat(ofNumber: isFloat ? -0.0 : 0) { return y }
            return nil
        case .subtract: return y.isSplat(ofNumber: 0) ? x : nil
        case .multiply:
            if y.isSplat(ofNumber: 1) { return x }
            return x.isSplat(ofNumber: 1) ? y : nil
        case .divide:
            if y.isSplat(ofNumber: 1) { return x }
            guard isFloat, let divisor = y.literal?.splatNumber, let inverse = exactInverse(divisor, x.scalarType)
            else { return nil }
            return try x * y.like(inverse)
        case .power: return y.isSplat(ofNumber: 1) ? x : nil
        case .maximum, .minimum: return x.value == y.value ? x : nil
        case .and, .or:
            if x.value == y.value { return x }
            let neutral: UInt64 = op == .or ? 0 : (x.scalarType == .bool ? 1 : UInt64.max)
            if isSplat(y, bits: neutral) { return x }
            return isSplat(x, bits: neutral) ? y : nil
        case .xor:
            if isSplat(y, bits: 0) { return x }
            return isSplat(x, bits: 0) ? y : nil
        case .shiftLeft, .shiftRight: return isSplat(y, bits: 0) ? x : nil
        case .remainder: return nil
        }
    }

    private static func isSplat(_ x: Term, bits: UInt64) -> Bool {
        guard let actual = x.literal?.splatBits else { return false }
        let width = UInt64(x.scalarType.bitWidth)
        let mask = width == 64 ? UInt64.max : (1 << width) - 1
        return actual == bits & mask
    }

    /// `1 / divisor` where it is a power of two whose inverse is a normal number of `type`, so that multiplying by it
    /// rounds exactly as dividing does.
    private static func exactInverse(_ divisor: Double, _ type: ScalarType) -> Double? {
        guard divisor.isNormal, divisor.significand == 1 else { return nil }
        let inverse = 1 / divisor
        let limit: Int =
            switch type {
            case .float16: 14
            case .bfloat16, .float32: 126
            default: 1022
            }
        return abs(Int(inverse.exponent)) <= limit ? inverse : nil
    }
}

extension ScalarType {
    /// Whether every value of `other` survives a conversion to this type and back.
    func holdsEveryValue(of other: ScalarType) -> Bool {
        if self == other { return true }
        switch (other, self) {
        case (.float8e4m3fn, .float16), (.float8e4m3fn, .bfloat16), (.float8e4m3fn, .float32),
            (.float8e4m3fn, .float64),
            (.float8e5m2, .float16), (.float8e5m2, .bfloat16), (.float8e5m2, .float32), (.float8e5m2, .float64),
            (.float16, .float32), (.float16, .float64), (.bfloat16, .float32), (.bfloat16, .float64),
            (.float32, .float64):
            return true
        default:
            guard other == .bool || other.isInteger, self != .bool else { return false }
            let magnitudeBits = other == .bool ? 1 : other.bitWidth - (other.isSignedInteger ? 1 : 0)
            switch self {
            case .float16: return magnitudeBits <= 11
            case .bfloat16: return magnitudeBits <= 8
            case .float32: return magnitudeBits <= 24
            case .float64: return magnitudeBits <= 53
            case .float8e4m3fn, .float8e5m2: return magnitudeBits <= 3 && self == .float8e4m3fn
            default:
                if other.isSignedInteger && !isSignedInteger { return false }
                return magnitudeBits <= bitWidth - (isSignedInteger ? 1 : 0)
            }
        }
    }
}
