// Heterodyne: what the composites that give random floats share.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A composite of a key whose result is random floats of a given type.
public protocol RandomFloats: AttributedComposite {
    /// The type of the numbers; a float of rank at most 15.
    var type: TensorType { get }
    /// Numbers of `type`.
    init(_ type: TensorType)
}

extension RandomFloats {
    /// `scalarType` and `shape`.
    public var attributes: Attributes {
        ["scalarType": .scalarType(type.scalarType), "shape": .dimensions(type.shape.dimensions)]
    }

    /// Reads `scalarType` and `shape`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        self.init(TensorType(try reader.scalarType("scalarType"), Shape(try reader.dimensions("shape"))))
    }

    /// The type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "key")
        try OperandRules.key(operands[0])
        try OperandRules.float(type, "the result")
        _ = try OperandRules.valid(type)
        try OperandRules.require(
            type.rank < TensorType.maximumRank, .invalidType, "\(type) has rank \(type.rank); 15 is the most")
        _ = try OperandRules.valid(TensorType(.uint64, type.shape))
        return [type]
    }
}
