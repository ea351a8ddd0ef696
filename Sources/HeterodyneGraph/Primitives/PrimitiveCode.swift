// Heterodyne: the table of the 44 primitives.
// SPDX-License-Identifier: Apache-2.0

/// The 44 primitives: everything that a backend must be able to run.
///
/// This is the one table from which the text form, the plugin interface, the documentation and the tests derive names
/// and codes. Raw values are stable and append-only.
public enum PrimitiveCode: UInt16, Sendable, Hashable, CaseIterable, Codable {
    // Sources and types.
    case constant, iota, convert, bitcast
    // Unary.
    case negate, abs, floor, exp, log, sqrt, sin, cos, tanh
    // Binary.
    case add, subtract, multiply, divide, remainder, power, maximum, minimum, and, or, xor, shiftLeft, shiftRight
    // Choice.
    case compare, select
    // Structure.
    case reshape, transpose, broadcast, slice, pad, concatenate, reverse
    // Indexing.
    case gather, scatter, dynamicSlice, dynamicUpdateSlice
    // Contraction and order.
    case dot, reduce, sort
    // Control.
    case conditional, loop

    /// The spelling in the text form and in reports: the case name, but `if` and `while` for the control primitives.
    public var name: String {
        switch self {
        case .conditional: "if"
        case .loop: "while"
        default: String(describing: self)
        }
    }

    /// The primitive with the given `name`, or nil.
    public init?(name: String) {
        guard let match = Self.byName[name] else { return nil }
        self = match
    }

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })

    /// What a primitive is, for placement, fusion and reports.
    public enum Group: Sendable, Hashable, CaseIterable {
        /// Constants and indices.
        case source
        /// One result element from the operands' elements at the same index.
        case elementwise
        /// Moves elements and computes nothing.
        case movement
        /// Sums of products.
        case contraction
        /// Many elements to one.
        case reduction
        /// Order.
        case sorting
        /// Regions.
        case control
    }

    /// What the primitive is, for placement, fusion and reports.
    public var group: Group {
        switch self {
        case .constant, .iota: .source
        case .convert, .bitcast, .negate, .abs, .floor, .exp, .log, .sqrt, .sin, .cos, .tanh, .add, .subtract,
            .multiply,
            .divide, .remainder, .power, .maximum, .minimum, .and, .or, .xor, .shiftLeft, .shiftRight, .compare,
            .select:
            .elementwise
        case .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse, .gather, .scatter, .dynamicSlice,
            .dynamicUpdateSlice:
            .movement
        case .dot: .contraction
        case .reduce: .reduction
        case .sort: .sorting
        case .conditional, .loop: .control
        }
    }
}

/// The unary primitives.
public enum UnaryOperator: String, Sendable, Hashable, CaseIterable, Codable {
    /// `-x`; integers wrap.
    case negate
    /// `|x|`; integers wrap.
    case abs
    /// The largest integer not above `x`.
    case floor
    /// `e^x`.
    case exp
    /// The natural logarithm; NaN below zero, minus infinity at zero.
    case log
    /// The square root, correctly rounded; NaN below zero.
    case sqrt
    /// The sine of `x` radians.
    case sin
    /// The cosine of `x` radians.
    case cos
    /// The hyperbolic tangent.
    case tanh

    /// The primitive of the same name.
    public var code: PrimitiveCode {
        switch self {
        case .negate: .negate
        case .abs: .abs
        case .floor: .floor
        case .exp: .exp
        case .log: .log
        case .sqrt: .sqrt
        case .sin: .sin
        case .cos: .cos
        case .tanh: .tanh
        }
    }

    /// Whether integers are taken too; the rest take floats only.
    public var takesIntegers: Bool { self == .negate || self == .abs }
}

/// The binary primitives.
public enum BinaryOperator: String, Sendable, Hashable, CaseIterable, Codable {
    /// `x + y`; integers wrap.
    case add
    /// `x - y`; integers wrap.
    case subtract
    /// `x * y`; integers wrap.
    case multiply
    /// `x / y`. Integers truncate toward zero; division by zero gives all bits set, and `minimum / -1` wraps.
    case divide
    /// `x - y * trunc(x / y)`, with the sign of `x`, exact for floats. An integer `x` by zero gives `x`.
    case remainder
    /// `x^y`. Integers wrap; a negative exponent gives the truncated quotient `1 / x^|y|`.
    case power
    /// The larger; NaN where either is NaN, and +0 above -0.
    case maximum
    /// The smaller; NaN where either is NaN, and -0 below +0.
    case minimum
    /// Bitwise and; logical for bool.
    case and
    /// Bitwise or; logical for bool.
    case or
    /// Bitwise exclusive or; logical for bool.
    case xor
    /// `x << y`; 0 where `y` is negative or at least the width.
    case shiftLeft
    /// `x >> y`, with sign fill for signed integers; only the fill remains where `y` is negative or at least the width.
    case shiftRight

    /// The primitive of the same name.
    public var code: PrimitiveCode {
        switch self {
        case .add: .add
        case .subtract: .subtract
        case .multiply: .multiply
        case .divide: .divide
        case .remainder: .remainder
        case .power: .power
        case .maximum: .maximum
        case .minimum: .minimum
        case .and: .and
        case .or: .or
        case .xor: .xor
        case .shiftLeft: .shiftLeft
        case .shiftRight: .shiftRight
        }
    }

    /// Whether `scalarType` operands are taken.
    public func takes(_ scalarType: ScalarType) -> Bool {
        switch self {
        case .add, .subtract, .multiply, .divide, .remainder, .power, .maximum, .minimum: scalarType.isArithmetic
        case .and, .or, .xor: scalarType == .bool || (scalarType.isInteger && !scalarType.isStorageOnly)
        case .shiftLeft, .shiftRight: scalarType.isInteger && !scalarType.isStorageOnly
        }
    }
}

/// Which relation `compare` tests. Every relation but `notEqual` is false where an operand is NaN; -0 equals +0.
public enum ComparisonDirection: String, Sendable, Hashable, CaseIterable, Codable {
    /// `x == y`.
    case equal
    /// `x != y`.
    case notEqual
    /// `x < y`.
    case less
    /// `x <= y`.
    case lessOrEqual
    /// `x > y`.
    case greater
    /// `x >= y`.
    case greaterOrEqual
}

/// How `reduce` combines elements.
public enum ReductionKind: String, Sendable, Hashable, CaseIterable, Codable {
    /// The sum; 0 for none. Narrow floats accumulate in float32 and round once; integers wrap.
    case sum
    /// The product; 1 for none. Narrow floats accumulate in float32 and round once; integers wrap.
    case product
    /// The largest, NaN where any is; minus infinity or the lowest value for none.
    case maximum
    /// The smallest, NaN where any is; plus infinity or the highest value for none.
    case minimum
    /// Bitwise or logical and; all bits set or true for none.
    case and
    /// Bitwise or logical or; 0 or false for none.
    case or

    /// Whether `scalarType` operands are taken.
    public func takes(_ scalarType: ScalarType) -> Bool {
        switch self {
        case .sum, .product, .maximum, .minimum: scalarType.isArithmetic
        case .and, .or: scalarType == .bool || (scalarType.isInteger && !scalarType.isStorageOnly)
        }
    }
}

/// What `scatter` does with an update and the element that is there.
public enum ScatterMode: String, Sendable, Hashable, CaseIterable, Codable {
    /// Replaces it; of several updates to one element the last in index order stays.
    case set
    /// Adds to it.
    case add
    /// Multiplies it.
    case multiply
    /// Keeps the larger.
    case maximum
    /// Keeps the smaller.
    case minimum
}

/// Which dimensions `dot` pairs, and in which type it computes.
public struct DotDimensions: Sendable, Hashable {
    /// Batch dimensions of the left operand, paired in order with `rightBatch`.
    public var leftBatch: [Int]
    /// Batch dimensions of the right operand.
    public var rightBatch: [Int]
    /// Contracted dimensions of the left operand, paired in order with `rightContracting`.
    public var leftContracting: [Int]
    /// Contracted dimensions of the right operand.
    public var rightContracting: [Int]

    /// The pairing of a `dot`.
    public init(
        leftBatch: [Int] = [], rightBatch: [Int] = [], leftContracting: [Int], rightContracting: [Int]
    ) {
        self.leftBatch = leftBatch
        self.rightBatch = rightBatch
        self.leftContracting = leftContracting
        self.rightContracting = rightContracting
    }

    /// Dimensions of a left operand of `rank` that are neither batch nor contracted, in order.
    public func leftFree(rank: Int) -> [Int] {
        (0..<rank).filter { !leftBatch.contains($0) && !leftContracting.contains($0) }
    }

    /// Dimensions of a right operand of `rank` that are neither batch nor contracted, in order.
    public func rightFree(rank: Int) -> [Int] {
        (0..<rank).filter { !rightBatch.contains($0) && !rightContracting.contains($0) }
    }
}
