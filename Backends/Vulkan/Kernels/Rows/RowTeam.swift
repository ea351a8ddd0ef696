// Heterodyne: the invocations that work on one row, and how they combine what each has found.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// How many invocations work on a row together, and how many such teams a workgroup has.
struct TeamShape: Hashable, Sendable {
    /// Invocations for each row, a power of two.
    var size: Int
    /// Rows of a workgroup.
    var count: Int

    /// Invocations of the workgroup.
    var workgroup: Int { size * count }

    /// Workgroups for so many rows.
    func grid(rows: Int) -> Grid { .linear(workgroups: (rows + count - 1) / count) }

    /// One invocation for each row.
    static func single(_ rows: Int, _ target: KernelTarget) -> TeamShape {
        // Small workgroups where there are few rows, so that every core of the device gets some.
        let few = target.tileMemory == .registers && rows < 16 * target.linearWorkgroup
        return TeamShape(
            size: 1, count: few ? min(target.linearWorkgroup, max(target.subgroupSize, 1)) : target.linearWorkgroup)
    }

    /// Teams of `size` in workgroups of about `wanted` invocations.
    static func teams(of size: Int, wanted: Int, _ target: KernelTarget) -> TeamShape {
        let limit = min(target.maximumWorkgroupInvocations, target.maximumWorkgroupExtents.first ?? 1)
        var fitted = 1
        while fitted * 2 <= min(size, limit) { fitted *= 2 }
        return TeamShape(size: fitted, count: max(1, min(wanted, limit) / fitted))
    }

    /// The least power of two that is not below a number.
    static func powerOfTwo(atLeast number: Int) -> Int {
        var result = 1
        while result < number, result < 1 << 20 { result *= 2 }
        return result
    }
}

/// The team of a kernel under construction.
struct RowTeam {
    let builder: KernelBuilder
    private let code: ScalarCode
    let target: KernelTarget
    let shape: TeamShape
    /// Position in the team, u32.
    let lane: KernelValue
    /// Which of the workgroup's teams this is, u32.
    let number: KernelValue
    /// Position in the workgroup, u32: subgroups are whole in it where they are used.
    private let position: KernelValue
    private let usesShuffle: Bool
    private let arrays: ArrayCache

    private final class ArrayCache {
        var arrays: [KernelType: MemoryArray] = [:]
    }

    init(_ code: ScalarCode, _ shape: TeamShape) {
        let (builder, target) = (code.builder, code.target)
        self.code = code
        self.builder = builder
        self.target = target
        self.shape = shape
        arrays = ArrayCache()
        let isWhole =
            target.features.contains(.fullSubgroups) && target.subgroupSize > 1
            && shape.workgroup % target.subgroupSize == 0
        usesShuffle = shape.size > 1 && isWhole && target.features.contains(.subgroupShuffle)
        usesArithmetic = shape.size > 1 && isWhole && target.features.contains(.subgroupArithmetic)
        // Which invocations share a subgroup is not told by their position in the workgroup.
        position =
            usesShuffle || usesArithmetic
            ? builder.builtin(.subgroupID) * target.subgroupSize + builder.builtin(.subgroupLane)
            : builder.builtin(.localID(.x))
        lane = shape.size == 1 ? builder.constant(0, .u32) : position & (shape.size - 1)
        number = shape.size == 1 ? position : position / shape.size
    }

    private let usesArithmetic: Bool

    /// How values of a team are combined.
    enum Combination {
        case add, multiply, maximum, minimum, and, or

        fileprivate var subgroup: SubgroupOperator? {
            switch self {
            case .add: .add
            case .maximum: .maximum
            case .minimum: .minimum
            case .multiply, .and, .or: nil
            }
        }

        /// The combination of two values of a register type; NaN stays NaN.
        func apply(_ code: ScalarCode, _ a: KernelValue, _ b: KernelValue) -> KernelValue {
            let type: ScalarType = a.type.scalar
            return switch self {
            case .add: a + b
            case .multiply: a * b
            case .maximum: a.type.isFloat ? code.binary(.maximum, a, b, type) : a.maximum(b)
            case .minimum: a.type.isFloat ? code.binary(.minimum, a, b, type) : a.minimum(b)
            case .and: a & b
            case .or: a | b
            }
        }

        /// The combination of the components of a vector of four.
        func fold(_ code: ScalarCode, _ value: KernelValue) -> KernelValue {
            apply(code, apply(code, value[0], value[1]), apply(code, value[2], value[3]))
        }
    }

    /// The combination of the values of all invocations of the team, in each of them. All invocations of the workgroup
    /// have to arrive. The order is fixed, so that the same values give the same bits.
    func combine(_ value: KernelValue, _ combination: Combination) -> KernelValue {
        guard shape.size > 1 else { return value }
        let subgroup = target.subgroupSize
        let isPlain = value.type.width == 1 && (value.type.bits == 32 || value.type == .f64)
        // The device's own reductions do not know pairs; shuffles move both halves.
        let usesArithmetic = usesArithmetic && !target.emulates(value)
        guard isPlain, usesShuffle || usesArithmetic && combination.subgroup != nil && shape.size >= subgroup else {
            return tree(value, combination)
        }
        let part = usesShuffle ? shuffled(value, combination) : reduced(value, combination)
        if shape.size <= subgroup { return part }
        // One value for each subgroup, which every invocation then combines in order.
        let parts = shape.size / subgroup
        let array = array(value.type)
        let own = position / subgroup
        builder.if(position % subgroup .== 0) { array[own] = part }
        builder.barrier()
        let first = number * parts
        var total = array[first]
        for index in 1..<parts { total = combination.apply(code, total, array[first + index]) }
        builder.barrier()
        return total
    }

    private func array(_ type: KernelType) -> MemoryArray {
        if let known = arrays.arrays[type] { return known }
        let array = builder.workgroupArray("team_\(type)", type, count: shape.workgroup)
        arrays.arrays[type] = array
        return array
    }

    private func shuffled(_ value: KernelValue, _ combination: Combination) -> KernelValue {
        var result = value
        var mask = 1
        while mask < min(shape.size, target.subgroupSize) {
            result = combination.apply(code, result, builder.shuffleXor(result, mask: builder.constant(mask, .u32)))
            mask *= 2
        }
        return result
    }

    private func reduced(_ value: KernelValue, _ combination: Combination) -> KernelValue {
        guard let operation = combination.subgroup else { return value }
        let result = builder.subgroup(operation, value)
        guard operation != .add, value.type.isFloat else { return result }
        // The subgroup's maximum passes over NaN.
        let flag = builder.select(code.isNaN(value), builder.constant(1, .u32), builder.constant(0, .u32))
        let isNaN = builder.subgroup(.maximum, flag) .!= 0
        return builder.select(isNaN, value.like(Double.nan), result)
    }

    private func tree(_ value: KernelValue, _ combination: Combination) -> KernelValue {
        let array = array(value.type)
        array[position] = value
        builder.barrier()
        var step = shape.size / 2
        while step > 0 {
            builder.if(lane .< lane.like(step)) {
                array[position] = combination.apply(code, array[position], array[position + step])
            }
            builder.barrier()
            step /= 2
        }
        let total = array[number * shape.size]
        builder.barrier()
        return total
    }
}
