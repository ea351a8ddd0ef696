// Heterodyne: gathering and scattering at index vectors.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `gatherND(x, indices)`: for every index vector `indices[…, k]`, the slice of `x` there (ONNX GatherND).
///
/// The first `batchDimensions` dimensions of both operands are the same and advance together; the vector indexes the
/// next `k` dimensions of `x`. Result shape: indices' shape without its last dimension, then x's remaining
/// dimensions. Negative indices count from the back; indices still out of range are clamped into it.
public struct GatherND: AttributedComposite {
    /// `gatherND`.
    public static let name = "gatherND"
    /// How many leading dimensions the operands share.
    public var batchDimensions: Int

    /// The gathering with `batchDimensions` shared leading dimensions.
    public init(batchDimensions: Int = 0) { self.batchDimensions = batchDimensions }
    /// The attributes as data.
    public var attributes: Attributes { ["batchDimensions": .integer(batchDimensions)] }
    /// Reads batchDimensions.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        batchDimensions = try reader.integer("batchDimensions")
    }

    /// The slices' type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 2, "x, indices")
        let shape = try OperandRules.vectors(operands[0], operands[1], batch: batchDimensions)
        if shape.elementCountIsPositive {
            try OperandRules.require(
                !operands[0].shape.dimensions.contains(0), .shapeMismatch,
                "\(operands[0]) has no element that an index could name")
        }
        return [operands[0].with(shape)]
    }

    /// The `gather` primitive with the batch positions in front of every vector.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let vectors = try operands[1].vectors(into: operands[0], batch: batchDimensions)
        return [try operands[0].gather(vectors.indices, dimensions: vectors.dimensions)]
    }
}

/// `scatterND(x, indices, updates)`: x with every update slice combined at its index vector (ONNX ScatterND).
///
/// Updates are shaped like the result of `gatherND`. Negative indices count from the back; updates still out of range
/// are dropped. With mode `set`, of several updates to one place the last in row-major order stays.
public struct ScatterND: AttributedComposite {
    /// `scatterND`.
    public static let name = "scatterND"
    /// How many leading dimensions the operands share.
    public var batchDimensions: Int
    /// How an update and the element that is there combine.
    public var mode: ScatterMode

    /// The scattering with `batchDimensions` shared leading dimensions.
    public init(batchDimensions: Int = 0, mode: ScatterMode = .set) {
        self.batchDimensions = batchDimensions
        self.mode = mode
    }
    /// The attributes as data.
    public var attributes: Attributes {
        ["batchDimensions": .integer(batchDimensions), "mode": .string(mode.rawValue)]
    }
    /// Reads batchDimensions and mode.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        batchDimensions = try reader.integer("batchDimensions")
        mode = try reader.choice("mode")
    }

    /// x's type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 3, "x, indices, updates")
        let shape = try OperandRules.vectors(operands[0], operands[1], batch: batchDimensions)
        try OperandRules.sameScalarType(operands[0], operands[2], "updates")
        try OperandRules.shape(operands[2], shape.dimensions, "updates")
        try OperandRules.scatter(mode, operands[0])
        return [operands[0]]
    }

    /// The `scatter` primitive with the batch positions in front of every vector.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let vectors = try operands[1].vectors(into: operands[0], batch: batchDimensions)
        return [try operands[0].scatter(mode, vectors.indices, operands[2], dimensions: vectors.dimensions)]
    }
}

extension Shape {
    /// Whether every extent is known and above zero.
    var elementCountIsPositive: Bool { dimensions.allSatisfy { ($0.fixedValue ?? 0) > 0 } }
}

extension OperandRules {
    /// Checks the operands of `gatherND` and gives the shape of the slices.
    static func vectors(_ x: TensorType, _ indices: TensorType, batch: Int) throws(GraphError) -> Shape {
        try integer(indices.scalarType, "indices")
        try require(
            batch >= 0 && batch < indices.rank && batch < x.rank, .invalidAttribute,
            "batchDimensions is \(batch); it must be at least 0 and below the ranks of \(x) and \(indices)")
        for d in 0..<batch {
            try require(
                x.shape[d] == indices.shape[d], .shapeMismatch,
                "batch dimension \(d) is \(x.shape[d]) in \(x) and \(indices.shape[d]) in \(indices)")
        }
        guard case .fixed(let k) = indices.shape[indices.rank - 1] else {
            throw GraphError(.unboundSymbol, "the last dimension of indices \(indices) must be a number")
        }
        try require(
            k >= 1 && k <= x.rank - batch, .shapeMismatch,
            "index vectors of \(k) components do not fit \(x) with \(batch) batch dimensions")
        return Shape(Array(indices.shape.dimensions.dropLast() + x.shape.dimensions[(batch + k)...]))
    }
}

extension Term {
    func vectors(
        into x: Term, batch: Int
    ) throws(GraphError) -> (indices: Term, dimensions: [Int]) {
        let last = rank - 1
        let k = try Shape([shape[last]]).extents()[0]
        var vectors = scalarType.isIndex ? self : try convert(.int64)
        if scalarType.isSignedInteger {
            let extents = try Shape(Array(x.shape.dimensions[batch..<batch + k])).extents()
            let limits = try builder.constant(Literal(extents, shape: [.fixed(k)])).convert(vectors.scalarType)
                .broadcast(to: shape)
            let negative = try vectors.compare(.less, builder.integer(0, vectors.type))
            vectors = try negative.select(vectors + limits, vectors)
        }
        let column = shape.replacing(last, 1)
        var components: [Term] = []
        for d in 0..<batch {
            components.append(try builder.iota(TensorType(vectors.scalarType, column), dimension: d))
        }
        components.append(vectors)
        return (try builder.concatenate(components, dimension: last), Array(0..<batch + k))
    }

    /// The slices at index vectors; see `GatherND`.
    public func gatherND(_ indices: Term, batchDimensions: Int = 0) throws(GraphError) -> Term {
        try builder.add(GatherND(batchDimensions: batchDimensions), [self, indices])
    }

    /// The term with update slices combined at index vectors; see `ScatterND`.
    public func scatterND(
        _ mode: ScatterMode = .set, _ indices: Term, _ updates: Term, batchDimensions: Int = 0
    ) throws(GraphError) -> Term {
        try builder.add(ScatterND(batchDimensions: batchDimensions, mode: mode), [self, indices, updates])
    }
}
