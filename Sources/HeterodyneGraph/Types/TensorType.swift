// Heterodyne: the type of a value.
// SPDX-License-Identifier: Apache-2.0

/// The type of a value: element type and shape.
public struct TensorType: Sendable, Hashable, CustomStringConvertible {
    /// The type of each element.
    public var scalarType: ScalarType
    /// The extents.
    public var shape: Shape

    /// The type of tensors with `scalarType` elements and `shape`.
    public init(_ scalarType: ScalarType, _ shape: Shape) {
        self.scalarType = scalarType
        self.shape = shape
    }

    /// The type of tensors with `scalarType` elements and known extents.
    public init(_ scalarType: ScalarType, _ extents: [Int]) {
        self.init(scalarType, Shape(extents))
    }

    /// The type of a scalar.
    public static func scalar(_ scalarType: ScalarType) -> TensorType { TensorType(scalarType, Shape.scalar) }

    /// The number of dimensions.
    public var rank: Int { shape.rank }

    /// Largest size of one tensor in bytes; keeps every offset computation far from 64-bit overflow.
    public static let maximumByteCount = 1 << 46
    /// Largest rank of a tensor.
    public static let maximumRank = 16

    /// Throws `invalidType` where an extent is negative, the rank is over `maximumRank` or the tensor is over
    /// `maximumByteCount`. Symbolic extents are checked when they are bound.
    public func validate() throws(GraphError) {
        guard rank <= Self.maximumRank else {
            throw GraphError(.invalidType, "\(self) has rank \(rank); the limit is \(Self.maximumRank)")
        }
        for dimension in shape.dimensions {
            if case .fixed(let value) = dimension, value < 0 || value > Self.maximumByteCount {
                throw GraphError(.invalidType, "\(self) has extent \(value); extents are 0 to \(Self.maximumByteCount)")
            }
        }
        if shape.fixedExtents != nil { _ = try byteCount() }
    }

    /// Bytes of a dense tensor of this type. Throws `unboundSymbol`, or `invalidType` over `maximumByteCount`.
    public func byteCount() throws(GraphError) -> Int {
        let count = try elementCount()
        guard let bytes = scalarType.byteCount(of: count), bytes <= Self.maximumByteCount else {
            throw GraphError(.invalidType, "\(self) is larger than the limit of \(Self.maximumByteCount) bytes")
        }
        return bytes
    }

    /// Number of elements. Throws `unboundSymbol` where the shape is symbolic, or `overflow`.
    public func elementCount() throws(GraphError) -> Int {
        _ = try shape.extents()
        guard case .fixed(let count) = try shape.elementCount() else {
            throw GraphError(.unboundSymbol, "\(self) has unbound symbols")
        }
        return count
    }

    /// The same shape with another element type.
    public func with(_ scalarType: ScalarType) -> TensorType { TensorType(scalarType, shape) }

    /// The same element type with another shape.
    public func with(_ shape: Shape) -> TensorType { TensorType(scalarType, shape) }

    /// Element type and shape, for instance `float32[2, 3]`.
    public var description: String { "\(scalarType)\(shape)" }
}
