// Heterodyne: elements with others around and between them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Padding in one pass: one invocation for each piece of the result, which holds an element of the source or the
/// value. Cropping by negative amounts is done by the view of the source.
///
/// Slots: source, result, and the value where it is not known. Push constants: count of pieces, origin of the source,
/// origin of the result, origin of the value.
struct PadKernel: KernelRecipe {
    /// A dimension of the result.
    struct Dimension: Hashable, Sendable {
        /// The extent of the result; 0 for the outermost, which no index computation needs.
        var extent: Int
        /// From an element of the source to the next, in pieces.
        var stride: Int
        /// Where the first element of the source goes.
        var low: Int
        /// From there to beyond the last element; nil where the source fills the dimension.
        var span: Int?
        /// From one element of the source to the next in the result.
        var step: Int
    }

    var unit: MoveUnit
    /// Outermost first. The result is dense.
    var dimensions: [Dimension]
    /// The bits of the value, repeated to fill a piece; nil where it is read from memory.
    var fill: [UInt32]?
    var isWide: Bool

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("pad", workgroup: [UInt32(width)])
        let source = builder.buffer("source", unit.type, .read)
        let result = builder.buffer("result", unit.type, .write)
        let value = fill == nil ? builder.buffer("value", unit.type, .read) : nil
        let type: KernelType = isWide ? .u64 : .u32
        let count = builder.pushConstant("count", type)
        let sourceOrigin = builder.pushConstant("source_origin", type)
        let resultOrigin = builder.pushConstant("result_origin", type)
        let valueOrigin = value == nil ? nil : builder.pushConstant("value_origin", type)
        let index = builder.linearInvocation(width: width, type)
        builder.if(index .< count) {
            var rest = index
            var place = sourceOrigin
            var isInside: KernelValue?
            for (d, dimension) in dimensions.enumerated().reversed() {
                var coordinate = rest
                if d > 0 {
                    let extent = index.like(dimension.extent)
                    let quotient = rest / extent
                    coordinate = rest - quotient * extent
                    rest = quotient
                }
                if let span = dimension.span {
                    if dimension.low != 0 { coordinate = coordinate - dimension.low }
                    // Unsigned: what lies before the first element is beyond every span.
                    var inside = coordinate .< index.like(span)
                    if dimension.step > 1 {
                        let quotient = coordinate / dimension.step
                        inside = inside & (quotient * dimension.step .== coordinate)
                        coordinate = quotient
                    }
                    isInside = isInside.map { $0 & inside } ?? inside
                }
                place = place + IndexSpace.scaled(coordinate, dimension.stride)
            }
            let target = resultOrigin + index
            guard let isInside else {
                result[target] = source[place]
                return
            }
            builder.if(isInside) {
                result[target] = source[place]
            } else: {
                if let value, let valueOrigin {
                    result[target] = value[valueOrigin]
                } else if let fill {
                    result[target] = Self.piece(fill, unit, builder)
                }
            }
        }
        return try builder.finish()
    }

    private static func piece(_ words: [UInt32], _ unit: MoveUnit, _ builder: KernelBuilder) -> KernelValue {
        // Devices that store narrow integers but do not compute with them take no narrow constants: only conversions.
        let parts = words.map { builder.constant(bits: UInt64($0), .u32).converted(to: unit.type.scalar) }
        return switch unit.type.width {
        case 2: builder.vector(parts[0], parts[1])
        case 4: builder.vector(parts[0], parts[1], parts[2], parts[3])
        default: parts[0]
        }
    }

    /// The bits of an element, repeated to fill a piece, as components of the piece's type.
    static func repeated(_ bits: UInt64, elementSize: Int, _ unit: MoveUnit) -> [UInt32] {
        var bytes: [UInt8] = []
        while bytes.count < unit.rawValue {
            for i in 0..<elementSize { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * i))) }
        }
        let size = min(unit.rawValue, 4)
        return stride(from: 0, to: unit.rawValue, by: size).map { first in
            (0..<size).reduce(UInt32(0)) { $0 | UInt32(bytes[first + $1]) << UInt32(8 * $1) }
        }
    }

    /// The launch for a dense `result` that is not empty. `low` and `interior` are those of the primitive. Returns nil
    /// where no element of the source is kept: then the result is the value alone.
    static func launch(
        _ operand: StridedView, value: StridedView, low: [Int], interior: [Int], result: StridedView,
        _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch? {
        var firsts: [Int] = []
        var kept: [Int] = []
        var places: [Int] = []
        for d in 0..<operand.rank {
            // Element i goes to low + i * step, which must be within the result.
            let step = interior[d] + 1
            // Amounts may be as large as an Int.
            let cropped = low[d].magnitude
            let (steps, rest) = cropped.quotientAndRemainder(dividingBy: step.magnitude)
            let first = low[d] >= 0 ? 0 : Int(clamping: steps + (rest == 0 ? 0 : 1))
            let (room, overflow) = result.extents[d].subtractingReportingOverflow(low[d])
            let end = overflow ? operand.extents[d] : room <= 0 ? 0 : min(operand.extents[d], (room - 1) / step + 1)
            guard end > first else { return nil }
            firsts.append(first)
            kept.append(end - first)
            places.append(low[d] + first * step)
        }
        let ones = [Int](repeating: 1, count: operand.rank)
        let source = operand.sliced(starts: firsts, steps: ones, extents: kept)
        // Neighbours that padding leaves alone are joined.
        var dimensions: [Dimension] = []
        for d in 0..<operand.rank where result.extents[d] != 1 {
            let step = kept[d] > 1 ? interior[d] + 1 : 1
            let fills = kept[d] == result.extents[d]
            let next = Dimension(
                extent: result.extents[d], stride: source.strides[d], low: places[d],
                span: fills ? nil : (kept[d] - 1) * step + 1, step: step)
            if fills, let last = dimensions.last, last.span == nil, last.stride == next.stride * next.extent {
                dimensions[dimensions.count - 1].extent *= next.extent
                dimensions[dimensions.count - 1].stride = next.stride
            } else {
                dimensions.append(next)
            }
        }
        let width = try IndexWidth(
            [(result.extents, [result.strides]), (source.extents, [source.strides])], target,
            "pad \(result.type)\(result.extents)")
        var (origin, resultOrigin) = (source.bound.origin, result.bound.origin)
        let size = operand.elementSize
        var factor = value.splatBits == nil ? 1 : 16 / size
        func allows(_ factor: Int) -> Bool {
            guard let last = dimensions.last, last.span == nil, last.extent % factor == 0, last.stride == 1 else {
                return false
            }
            return origin % factor == 0 && resultOrigin % factor == 0
                && dimensions.dropLast().allSatisfy { $0.stride % factor == 0 }
        }
        while factor > 1, !allows(factor) { factor /= 2 }
        if factor > 1, let last = dimensions.indices.last {
            dimensions[last].extent /= factor
            for d in dimensions.indices.dropLast() { dimensions[d].stride /= factor }
            origin /= factor
            resultOrigin /= factor
        }
        guard let unit = MoveUnit(rawValue: size * factor), unit.isStored(by: target) else {
            throw BackendError(.unsupported, "the device's buffers hold no elements of \(size) bytes")
        }
        let count = result.count / factor
        if !dimensions.isEmpty { dimensions[0].extent = 0 }
        let recipe = PadKernel(
            unit: unit, dimensions: dimensions,
            fill: value.splatBits.map { repeated($0, elementSize: size, unit) }, isWide: width.isWide)
        var accesses: [Access] = [.read(source), .write(result)]
        var constants = [width.push(count), width.push(origin), width.push(resultOrigin)]
        if value.splatBits == nil {
            accesses.append(.read(value))
            constants.append(width.push(value.bound.origin))
        }
        return KernelLaunch(
            recipe: recipe, accesses: accesses, constants: constants,
            grid: .linear(invocations: count, width: target.linearWorkgroup), work: Double(result.byteCount) * 2,
            description: "pad \(operand.type)\(operand.extents) to \(result.extents)")
    }
}
