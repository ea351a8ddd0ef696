// Heterodyne: the operators of the kernel language.
// SPDX-License-Identifier: Apache-2.0

/// Operations on one value, component by component.
public enum UnaryOperator: String, Hashable, Sendable, CaseIterable {
    /// -x; two's complement for integers.
    case negate
    /// |x|; the most negative integer stays as it is.
    case absolute = "abs"
    /// The largest integer that is not above x.
    case floor
    /// The smallest integer that is not below x.
    case ceiling = "ceil"
    /// The integer part.
    case truncate = "trunc"
    /// The nearest integer, ties to even.
    case roundEven = "round_even"
    /// The device's square root: loose in float32 on Vulkan, see `MathLibrary.squareRoot` for the exact one.
    case squareRoot = "sqrt"
    /// Bitwise complement, or logical not.
    case not
    /// Whether x is not a number.
    case isNaN = "is_nan"
    /// Whether x is an infinity.
    case isInfinite = "is_inf"
    /// How many bits are set (32-bit integers).
    case bitCount = "bit_count"
    /// Position of the highest set bit, all ones for 0 (unsigned 32-bit integers).
    case highestBit = "highest_bit"
    /// e^x; see `isElementary`.
    case exponential = "exp"
    /// The natural logarithm.
    case logarithm = "log"
    /// sin(x)
    case sine = "sin"
    /// cos(x)
    case cosine = "cos"
    /// tanh(x)
    case hyperbolicTangent = "tanh"

    /// Whether it is an elementary function, defined on float64 alone. Devices have no such instruction: the interpreter
    /// and `Kernel.emulating` understand it, SPIR-V does not, and `MathLibrary` writes kernels that need none.
    public var isElementary: Bool {
        switch self {
        case .exponential, .logarithm, .sine, .cosine, .hyperbolicTangent: true
        case .negate, .absolute, .floor, .ceiling, .truncate, .roundEven, .squareRoot, .not, .isNaN, .isInfinite,
            .bitCount, .highestBit:
            false
        }
    }
}

/// Operations on two values of the same type, component by component.
public enum BinaryOperator: String, Hashable, Sendable, CaseIterable {
    /// a + b; integers wrap.
    case add
    /// a - b; integers wrap.
    case subtract
    /// a b; integers wrap.
    case multiply
    /// a / b; integers truncate, division by zero is undefined. Loose in float32 on Vulkan.
    case divide
    /// a - b trunc(a / b), integers only.
    case remainder
    /// The smaller; NaN if either is; -0 and +0 count as equal (b is taken).
    case minimum
    /// The larger; NaN if either is; -0 and +0 count as equal (b is taken).
    case maximum
    /// Bitwise or logical and.
    case and
    /// Bitwise or logical or.
    case or
    /// Bitwise or logical exclusive or.
    case xor
    /// a 2^b, the amount taken modulo the width.
    case shiftLeft = "shl"
    /// floor(a / 2^b), the amount taken modulo the width; copies of the sign come in for signed types.
    case shiftRight = "shr"
    /// a^b as IEEE 754 `pow`; see `isElementary`.
    case power = "pow"
    /// a - b trunc(a / b) with the sign of a, exactly.
    case floatRemainder = "fmod"

    /// Whether it is an elementary function, defined on float64 alone; see `UnaryOperator.isElementary`.
    public var isElementary: Bool {
        switch self {
        case .power, .floatRemainder: true
        case .add, .subtract, .multiply, .divide, .remainder, .minimum, .maximum, .and, .or, .xor, .shiftLeft,
            .shiftRight:
            false
        }
    }
}

/// Comparisons; false where an operand is NaN, except for `notEqual`.
public enum Comparison: String, Hashable, Sendable, CaseIterable {
    /// a = b
    case equal = "eq"
    /// not (a = b)
    case notEqual = "ne"
    /// a < b
    case less = "lt"
    /// a <= b
    case lessOrEqual = "le"
    /// a > b
    case greater = "gt"
    /// a >= b
    case greaterOrEqual = "ge"
}

/// Atomic read-modify-write operations; each gives the value before it.
public enum AtomicOperator: String, Hashable, Sendable, CaseIterable {
    /// Sum; float32 and float64 too where the device can.
    case add
    /// Smaller.
    case minimum
    /// Larger.
    case maximum
    /// Bitwise and.
    case and
    /// Bitwise or.
    case or
    /// Bitwise exclusive or.
    case xor
    /// The new value.
    case exchange
}

/// Reductions over the active invocations of a subgroup.
public enum SubgroupOperator: String, Hashable, Sendable, CaseIterable {
    /// Sum, in an order that the device chooses.
    case add
    /// Smallest.
    case minimum
    /// Largest.
    case maximum
}

/// What each invocation of a subgroup gets of a reduction.
public enum SubgroupExtent: String, Hashable, Sendable, CaseIterable {
    /// The whole reduction.
    case reduce
    /// The reduction of the active invocations up to and including itself.
    case inclusive
    /// The reduction of the active invocations before itself.
    case exclusive
}

/// An axis of the grid of invocations.
public enum Axis: Int, Hashable, Sendable, CaseIterable {
    /// The fastest axis.
    case x = 0
    /// The middle axis.
    case y = 1
    /// The slowest axis.
    case z = 2
}

/// Numbers that tell invocations apart, all u32.
public enum Builtin: Hashable, Sendable {
    /// Position in the whole grid.
    case globalID(Axis)
    /// Position in the workgroup.
    case localID(Axis)
    /// Position of the workgroup in the grid of workgroups.
    case workgroupID(Axis)
    /// How many workgroups there are.
    case workgroupCount(Axis)
    /// How large the workgroup is.
    case workgroupSize(Axis)
    /// x + width (y + height z) of the position in the workgroup.
    case localIndex
    /// How many invocations a subgroup has.
    case subgroupSize
    /// How many subgroups the workgroup has.
    case subgroupCount
    /// Which subgroup of the workgroup this is.
    case subgroupID
    /// Position in the subgroup.
    case subgroupLane

    /// The spelling in dumps.
    public var name: String {
        switch self {
        case .globalID(let axis): "global_id.\(axis)"
        case .localID(let axis): "local_id.\(axis)"
        case .workgroupID(let axis): "workgroup_id.\(axis)"
        case .workgroupCount(let axis): "workgroup_count.\(axis)"
        case .workgroupSize(let axis): "workgroup_size.\(axis)"
        case .localIndex: "local_index"
        case .subgroupSize: "subgroup_size"
        case .subgroupCount: "subgroup_count"
        case .subgroupID: "subgroup_id"
        case .subgroupLane: "subgroup_lane"
        }
    }
}
