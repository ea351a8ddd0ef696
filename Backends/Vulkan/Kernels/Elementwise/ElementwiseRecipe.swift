// Heterodyne: the kernel of an elementwise region: one pass over memory, a few neighbouring points per invocation.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// The kernel of an elementwise region.
///
/// Slots: the operands, then the outputs that share no operand's memory. Push constant: how many invocations there are.
struct ElementwiseRecipe: KernelRecipe {
    /// How an operand is read where an invocation handles several points.
    enum Reading: Hashable, Sendable {
        /// One vector.
        case vector
        /// One element for all points.
        case repeated
        /// One element for each point.
        case separate
    }

    let plan: RegionPlan
    let operandTypes: [ScalarType]
    /// Over the operands, then the outputs; strides in elements.
    let space: IndexSpace
    /// The place of the origin in each operand and output.
    let origins: [Int]
    /// For each output the operand in whose memory it is computed, or nil.
    let aliases: [Int?]
    /// Neighbouring points along the innermost dimension that an invocation handles.
    let width: Int
    let readings: [Reading]
    let workgroup: Int

    /// The widest vectors that the layout allows, and how many invocations that makes; outputs are dense.
    init(
        _ plan: RegionPlan, operands: [StridedView], outputs: [StridedView], aliases: [Int?], _ target: KernelTarget
    ) {
        self.plan = plan
        operandTypes = operands.map(\.type)
        self.aliases = aliases
        origins = (operands + outputs).map(\.bound.origin)
        workgroup = target.linearWorkgroup
        let views = operands + outputs
        let extents = outputs.first?.extents ?? operands.first?.extents ?? []
        let space = IndexSpace(extents: extents, strides: views.map(\.strides))
        self.space = space
        let merged = Strides.merged(extents, views.map(\.strides)).extents
        let widest = views.contains { $0.elementSize == 8 } ? 2 : 4
        let divides = (merged.last ?? 1) % widest == 0
        let width = !merged.isEmpty && (divides || merged.count == 1) ? widest : 1
        func reading(_ index: Int) -> Reading {
            guard let inner = space.strides[index].last, width > 1 else { return .separate }
            if inner == 0 { return .repeated }
            let outer = space.strides[index].dropLast()
            let fits = inner == 1 && views[index].bound.origin % width == 0 && outer.allSatisfy { $0 % width == 0 }
            return fits ? .vector : .separate
        }
        let readings = views.indices.map(reading)
        // Blocks have room up to the next vector, so whole vectors may reach beyond the end of a flat space; elements
        // that are read one by one may not.
        let isSafe =
            readings[operands.count...].allSatisfy { $0 == .vector }
            && (divides || !readings.contains(.separate))
        self.width = isSafe ? width : 1
        self.readings = isSafe ? readings : views.map { _ in .separate }
    }

    /// Invocations for a space of so many points.
    func invocations(points: Int) -> Int { (points + width - 1) / width }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("elementwise", workgroup: [UInt32(workgroup)])
        let code = ScalarCode(k, target)
        var arrays: [MemoryArray] = []
        let elements = operandTypes + plan.outputs.map(\.type)
        for (index, type) in elements.enumerated() {
            var element = ScalarCode.memory(type)
            if readings[index] == .vector { element = element.with(width: width) }
            let output = index - operandTypes.count
            if output < 0 {
                arrays.append(k.buffer("x\(index)", element, .read, slot: index))
            } else if let operand = aliases[output] {
                arrays.append(k.buffer("y\(output)", element, .write, slot: operand))
            } else {
                let before = aliases[..<output].count { $0 == nil }
                arrays.append(k.buffer("y\(output)", element, .write, slot: operandTypes.count + before))
            }
        }
        let type = space.indexType
        let count = k.pushConstant("count", type)
        let invocation = k.linearInvocation(width: workgroup, type)
        var failure: KernelError?
        k.if(invocation .< count) {
            do throws(KernelError) { try body(k, code, arrays, invocation) } catch { failure = error }
        }
        if let failure { throw failure }
        return try k.finish()
    }

    private func body(
        _ k: KernelBuilder, _ code: ScalarCode, _ arrays: [MemoryArray], _ invocation: KernelValue
    ) throws(KernelError) {
        let coordinates = space.coordinates(of: invocation, innermostDividedBy: width)
        var operands: [KernelValue] = []
        for (index, type) in operandTypes.enumerated() {
            let place = self.place(index, coordinates, invocation)
            switch readings[index] {
            case .vector: operands.append(code.decode(arrays[index][place], type))
            case .repeated:
                operands.append(k.splat(code.decode(arrays[index][place], type), width))
            case .separate:
                let stride = space.strides[index].last ?? 0
                var parts: [KernelValue] = []
                for lane in 0..<width {
                    let lanePlace = lane == 0 ? place : place + IndexSpace.scaled(place.like(lane), stride)
                    parts.append(code.decode(arrays[index][lanePlace], type))
                }
                operands.append(width == 1 ? parts[0] : k.vector(parts))
            }
        }
        let results = try plan.evaluate(code, operands: operands, width: width)
        for (output, value) in results.enumerated() {
            let index = operandTypes.count + output
            let place = self.place(index, coordinates, invocation)
            arrays[index][place] = code.encode(value, plan.outputs[output].type)
        }
    }

    /// The index into the array of an operand or output, in vectors where it is read so.
    private func place(_ index: Int, _ coordinates: [KernelValue], _ any: KernelValue) -> KernelValue {
        let unit = readings[index] == .vector ? width : 1
        var sum = any.like(origins[index] / unit)
        for (d, coordinate) in coordinates.enumerated() {
            let isInnermost = d == coordinates.count - 1
            let stride = space.strides[index][d]
            guard stride != 0 else { continue }
            let scale = isInnermost ? stride * width / unit : stride / unit
            sum = sum + IndexSpace.scaled(coordinate, scale)
        }
        return sum
    }
}

extension KernelBuilder {
    /// A vector of scalars.
    func vector(_ parts: [KernelValue]) -> KernelValue {
        guard let first = parts.first, parts.count > 1 else { return parts.first ?? constant(bits: 0, .u32) }
        return define(.construct(parts.map(\.id)), first.type.with(width: parts.count))
    }
}
