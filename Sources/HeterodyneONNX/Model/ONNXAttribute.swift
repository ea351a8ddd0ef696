// Heterodyne: the attributes of ONNX nodes.
// SPDX-License-Identifier: Apache-2.0

/// The value of an attribute.
public indirect enum ONNXAttribute: Sendable {
    /// The kinds of attributes. Raw values are the format's numbers.
    public enum Kind: Int32, Sendable, Hashable, CaseIterable {
        /// One of the kinds of values that an attribute holds.
        case float = 1
        case int = 2
        case string = 3
        case tensor = 4
        case graph = 5
        case floats = 6
        case ints = 7
        case strings = 8
        case tensors = 9
        case graphs = 10
        case sparseTensor = 11
        case sparseTensors = 12
        case type = 13
        case types = 14
    }

    /// A binary32 number.
    case float(Float)
    /// An integer.
    case int(Int64)
    /// Bytes, mostly UTF-8 text.
    case string([UInt8])
    /// A tensor.
    case tensor(ONNXTensor)
    /// A graph, which may use values of the graphs around it.
    case graph(ONNXGraph)
    /// A tensor that is mostly zero.
    case sparseTensor(ONNXSparseTensor)
    /// A type.
    case type(ONNXType)
    /// A list of binary32 numbers.
    case floats([Float])
    /// A list of integers.
    case ints([Int64])
    /// A list of bytes.
    case strings([[UInt8]])
    /// A list of tensors.
    case tensors([ONNXTensor])
    /// A list of graphs.
    case graphs([ONNXGraph])
    /// A list of tensors that are mostly zero.
    case sparseTensors([ONNXSparseTensor])
    /// A list of types.
    case types([ONNXType])
    /// Within a function: the value of the call's attribute `name`.
    case parameter(String, Kind)

    /// The kind of the value.
    public var kind: Kind {
        switch self {
        case .float: .float
        case .int: .int
        case .string: .string
        case .tensor: .tensor
        case .graph: .graph
        case .sparseTensor: .sparseTensor
        case .type: .type
        case .floats: .floats
        case .ints: .ints
        case .strings: .strings
        case .tensors: .tensors
        case .graphs: .graphs
        case .sparseTensors: .sparseTensors
        case .types: .types
        case .parameter(_, let kind): kind
        }
    }

    /// The graphs within the attribute.
    public var subgraphs: [ONNXGraph] {
        switch self {
        case .graph(let graph): [graph]
        case .graphs(let graphs): graphs
        default: []
        }
    }
}
