// Heterodyne: gathering and scattering single elements along an axis.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `gatherElements(x, indices)`: element `[i, …]` of the result is x's element at the same position except that the
/// axis' component is `indices[i, …]` (ONNX GatherElements, NumPy take_along_axis).
///
/// The indices have x's rank and may be shorter along the other axes; the result has their shape. Negative indices
/// count from the back; indices still out of range are clamped into it.
public struct GatherElements: AxisAttribute {
    /// `gatherElements`.
    public static let name = "gatherElements"
    /// The axis that is indexed; negative counts from the back.
    public var axis: Int

    /// The gathering along `axis`.
    public init(axis: Int) { self.axis = axis }

    /// The indices' shape with x's element type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 2, "x, indices")
        let (x, indices) = (operands[0], operands[1])
        let axis = try OperandRules.elements(x, indices, axis: axis)
        try OperandRules.notEmpty(x, axis, indexedBy: indices)
        return [x.with(indices.shape)]
    }

    /// The `gather` primitive with full index vectors.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let axis = try OperandRules.axis(axis, rank: operands[0].rank)
        let positions = try operands[1].positions(within: operands[0].shape[axis])
        return [try operands[0].gatherAlong(axis, positions)]
    }
}

/// `scatterElements(x, indices, updates)`: x with every update combined at the update's own position except that the
/// axis' component is its index (ONNX ScatterElements).
///
/// Indices and updates have one shape of x's rank. Negative indices count from the back; updates still out of range
/// are dropped. With mode `set`, of several updates to one element the last in row-major order stays.
public struct ScatterElements: AttributedComposite {
    /// `scatterElements`.
    public static let name = "scatterElements"
    /// The axis that is indexed; negative counts from the back.
    public var axis: Int
    /// How an update and the element that is there combine.
    public var mode: ScatterMode

    /// The scattering along `axis`.
    public init(axis: Int, mode: ScatterMode = .set) {
        self.axis = axis
        self.mode = mode
    }
    /// The attributes as data.
    public var attributes: Attributes { ["axis": .integer(axis), "mode": .string(mode.rawValue)] }
    /// Reads axis and mode.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axis = try reader.integer("axis")
        mode = try reader.choice("mode")
    }

    /// x's type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 3, "x, indices, updates")
        _ = try OperandRules.elements(operands[0], operands[1], axis: axis)
        try OperandRules.sameScalarType(operands[0], operands[2], "updates")
        try OperandRules.shape(operands[2], operands[1].shape.dimensions, "updates")
        try OperandRules.scatter(mode, operands[0])
        return [operands[0]]
    }

    /// The `scatter` primitive with full index vectors.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let axis = try OperandRules.axis(axis, rank: x.rank)
        let vectors = try operands[1].positions(within: x.shape[axis]).indexVectors(axis: axis)
        let updates = try operands[2].reshape([operands[2].shape.elementCount()])
        return [try x.scatter(mode, vectors, updates, dimensions: Array(0..<x.rank))]
    }
}

extension OperandRules {
    /// Checks the operands of the element-wise gathers and scatters and returns the axis.
    static func elements(_ x: TensorType, _ indices: TensorType, axis: Int) throws(GraphError) -> Int {
        try integer(indices.scalarType, "indices")
        let axis = try self.axis(axis, rank: x.rank)
        try require(
            indices.rank == x.rank, .shapeMismatch, "indices \(indices) do not have the rank of \(x)")
        for d in 0..<x.rank where d != axis {
            if case .fixed(let extent) = indices.shape[d], case .fixed(let limit) = x.shape[d] {
                try require(
                    extent <= limit, .shapeMismatch,
                    "indices \(indices) are longer than \(x) in dimension \(d), which is not indexed")
            }
        }
        return axis
    }

    static func notEmpty(_ x: TensorType, _ axis: Int, indexedBy indices: TensorType) throws(GraphError) {
        try require(
            x.shape[axis] != 0 || indices.shape.dimensions.contains(0), .shapeMismatch,
            "\(x) has no element along axis \(axis) that an index could name")
    }

    static func scatter(_ mode: ScatterMode, _ x: TensorType) throws(GraphError) {
        try require(
            mode == .set || x.scalarType.isArithmetic, .invalidType,
            "scatter \(mode.rawValue) is not defined on \(x.scalarType); convert the operand first")
    }
}

extension Term {
    /// Elements chosen along `axis` for every other position; see `GatherElements`.
    public func gatherElements(_ indices: Term, axis: Int) throws(GraphError) -> Term {
        try builder.add(GatherElements(axis: axis), [self, indices])
    }

    /// The term with updates combined along `axis` for every other position; see `ScatterElements`.
    public func scatterElements(
        _ mode: ScatterMode = .set, _ indices: Term, _ updates: Term, axis: Int
    ) throws(GraphError) -> Term {
        try builder.add(ScatterElements(axis: axis, mode: mode), [self, indices, updates])
    }
}
