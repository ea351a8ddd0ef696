// Heterodyne: repetition along every dimension.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `tile(x)`: x repeated along every dimension (NumPy tile, ONNX Tile).
public struct Tile: AttributedComposite {
    /// `tile`.
    public static let name = "tile"
    /// How often, one number per dimension.
    public var repeats: [Int]

    /// The repetition.
    public init(repeats: [Int]) { self.repeats = repeats }
    /// The attributes as data.
    public var attributes: Attributes { ["repeats": .integers(repeats)] }
    /// Reads repeats.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        repeats = try reader.integers("repeats")
    }

    /// Every extent times its repetition.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        let type = operands[0]
        try OperandRules.require(
            repeats.count == type.rank, .invalidAttribute, "\(repeats.count) repeats for the dimensions of \(type)")
        var shape = type.shape
        for d in 0..<type.rank {
            try OperandRules.require(repeats[d] >= 0, .invalidAttribute, "repeats[\(d)] is \(repeats[d]), below 0")
            shape.dimensions[d] = try type.shape[d].multiplied(by: .fixed(repeats[d]))
        }
        return [try OperandRules.valid(type.with(shape))]
    }

    /// Broadcasts new dimensions before the repeated ones and merges them; one by one where the rank would be too high.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let result = try inferTypes([x.type])[0]
        let repeated = repeats.indices.filter { repeats[$0] != 1 }
        if x.rank + repeated.count <= TensorType.maximumRank {
            var (shape, kept): ([Extent], [Int]) = ([], [])
            for d in 0..<x.rank {
                if repeats[d] != 1 { shape.append(.fixed(repeats[d])) }
                kept.append(shape.count)
                shape.append(x.shape[d])
            }
            return [try x.broadcast(Shape(shape), dimensions: kept).reshape(result.shape)]
        }
        var y = x
        for d in repeated {
            let before = try Shape(Array(y.shape.dimensions[..<d])).elementCount()
            let after = try Shape(Array(y.shape.dimensions[d...])).elementCount()
            let next = y.shape.replacing(d, result.shape[d])
            y = try y.reshape([before, after])
                .broadcast([before, .fixed(repeats[d]), after], dimensions: [0, 2]).reshape(next)
        }
        return [y]
    }
}

extension Term {
    /// The term repeated along every dimension; see `Tile`.
    public func tile(_ repeats: [Int]) throws(GraphError) -> Term {
        try builder.add(Tile(repeats: repeats), [self])
    }
}
