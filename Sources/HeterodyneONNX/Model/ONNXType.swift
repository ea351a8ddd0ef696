// Heterodyne: the types of values in ONNX.
// SPDX-License-Identifier: Apache-2.0

/// One dimension of a value's shape.
public enum ONNXDimension: Sendable, Hashable {
    /// A number of elements.
    case fixed(Int)
    /// A name that stands for the same number wherever it occurs.
    case symbol(String)
    /// Anything.
    case unknown
}

/// The type of a value.
public indirect enum ONNXType: Sendable, Hashable {
    /// A tensor; without dimensions where not even their number is known.
    case tensor(ONNXElementType, [ONNXDimension]?)
    /// A tensor that is mostly zero.
    case sparseTensor(ONNXElementType, [ONNXDimension]?)
    /// A list of values of one type.
    case sequence(ONNXType)
    /// A value or none.
    case optional(ONNXType)
    /// A dictionary.
    case map(key: ONNXElementType, value: ONNXType)
    /// A type that only the domain that it is from knows.
    case opaque(domain: String, name: String)
}

/// A named value: an input or output of a graph, or what is known of an intermediate one.
public struct ONNXValue: Sendable, Hashable {
    /// The name, by which nodes use it.
    public var name: String
    /// The type, nil where the file leaves it to inference.
    public var type: ONNXType?
    /// Text for people.
    public var documentation: String
    /// Further entries.
    public var metadata: [String: String]
}
