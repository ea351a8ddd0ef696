// Heterodyne: reads an elementwise graph into a region plan.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Reads an elementwise graph into a region plan. Broadcasts and transpositions inside become strides of operands.
struct RegionReader {
    private struct Key: Hashable {
        var value: Value
        var axes: [Int]
    }

    /// The graph; nil where the plan is made by hand.
    let body: Graph?
    /// The operand of each input of the body; nil for inputs that may not be read.
    let arguments: [StridedView?]
    /// The value that the kernel itself computes.
    let produced: Value?
    /// Where that value lies if it was computed before; nil where it is in registers.
    var producedView: StridedView?
    let extents: [Int]
    var plan = RegionPlan()
    /// The operands of the plan, placed in the iteration space.
    private(set) var operands: [StridedView] = []
    private var known: [Key: RegionPlan.Register] = [:]

    init(_ body: Graph?, _ arguments: [StridedView?], extents: [Int], produced: Value? = nil) {
        self.body = body
        self.arguments = arguments
        self.produced = produced
        self.extents = extents
    }

    /// The register of an operand whose extents are the iteration space's.
    mutating func operand(_ view: StridedView) -> RegionPlan.Register {
        if let bits = view.splatBits { return .constant(bits, view.type) }
        if let index = operands.firstIndex(of: view) { return .operand(index) }
        operands.append(view)
        return .operand(operands.count - 1)
    }

    /// The register of `value`, whose dimension `d` runs along dimension `axes[d]` of the iteration space (-1: its
    /// extent is 1 and it repeats). nil where the graph is not elementwise.
    mutating func read(_ value: Value, _ axes: [Int]) -> RegionPlan.Register? {
        let key = Key(value: value, axes: axes)
        if let register = known[key] { return register }
        let register = readUnknown(value, axes)
        if let register { known[key] = register }
        return register
    }

    private mutating func readUnknown(_ value: Value, _ axes: [Int]) -> RegionPlan.Register? {
        guard let body else { return nil }
        let node = body.node(of: value)
        // The kernel's own value stands at its point of the iteration space, so it may not be moved.
        if let produced, value == produced {
            if let producedView { return operand(RegionGeometry.placed(producedView, axes, in: extents)) }
            return axes == Array(0..<extents.count) ? .produced : nil
        }
        switch node.operation {
        case .parameter(let index, _, _):
            guard arguments.indices.contains(index), let view = arguments[index] else { return nil }
            return operand(RegionGeometry.placed(view, axes, in: extents))
        case .primitive(.constant(let literal)):
            guard case .splat(let bits) = literal.contents else { return nil }
            return .constant(bits, literal.type.scalarType)
        case .primitive(.broadcast), .primitive(.transpose), .primitive(.reshape):
            guard let inner = RegionGeometry.operandAxes(node, axes, in: body) else { return nil }
            return read(node.operands[0], inner)
        case .primitive, .composite:
            var registers: [RegionPlan.Register] = []
            for operand in node.operands {
                guard let register = read(operand, axes) else { return nil }
                registers.append(register)
            }
            return plan.apply(node.operation, node.operands.map { body.type(of: $0).scalarType }, registers)
        }
    }
}
