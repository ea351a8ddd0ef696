// Heterodyne: graphs and nodes of ONNX.
// SPDX-License-Identifier: Apache-2.0

/// One operation.
public struct ONNXNode: Sendable {
    /// The name, often empty.
    public var name: String
    /// The operator, for instance `Conv`.
    public var opType: String
    /// The set that the operator is from; empty for the standard's main set, however the file spells that.
    public var domain: String
    /// Which of several functions of one name is meant.
    public var overload: String
    /// The values it uses; an empty name stands for an input that is left out.
    public var inputs: [String]
    /// The values it defines; an empty name stands for an output that nobody needs.
    public var outputs: [String]
    /// The attributes by name.
    public var attributes: [String: ONNXAttribute]
    /// Text for people.
    public var documentation: String
    /// Further entries.
    public var metadata: [String: String]

    /// The node in messages.
    var label: String {
        if name.isEmpty, let output = outputs.first(where: { !$0.isEmpty }) {
            return "node of \(quoted(output)) (\(quoted(opType)))"
        }
        return Self.label(name, opType)
    }

    static func label(_ name: String, _ opType: String) -> String { "node \(quoted(name)) (\(quoted(opType)))" }
}

/// Nodes in an order in which they can be computed.
public struct ONNXGraph: Sendable {
    /// The name.
    public var name: String = ""
    /// The inputs. One that is also an initializer has it as its default.
    public var inputs: [ONNXValue] = []
    /// The outputs.
    public var outputs: [ONNXValue] = []
    /// What is known of other values.
    public var values: [ONNXValue] = []
    /// The nodes.
    public var nodes: [ONNXNode] = []
    /// Constant tensors.
    public var initializers: [ONNXTensor] = []
    /// Constant tensors that are mostly zero, named by their values.
    public var sparseInitializers: [ONNXSparseTensor] = []
    /// Names of values of the graphs around this one that it uses, sorted; empty at the top.
    public var captures: [String] = []
    /// Names of the tensors that hold scales and zero points, by tensor and role.
    public var quantization: [String: [String: String]] = [:]
    /// Text for people.
    public var documentation: String = ""
    /// Further entries.
    public var metadata: [String: String] = [:]
}

/// An operator that is defined by nodes.
public struct ONNXFunction: Sendable {
    /// What tells functions apart.
    public struct Identifier: Sendable, Hashable {
        /// The set that the function is from.
        public var domain: String
        /// The operator that nodes call it by.
        public var name: String
        /// Which of several functions of one name.
        public var overload: String

        /// The function `name` of `domain`.
        public init(domain: String, name: String, overload: String = "") {
            self.domain = domain
            self.name = name
            self.overload = overload
        }
    }

    /// What nodes call it by.
    public var identifier: Identifier
    /// Names of the inputs.
    public var inputs: [String]
    /// Names of the outputs.
    public var outputs: [String]
    /// Names of the attributes without defaults.
    public var parameters: [String]
    /// The attributes with defaults.
    public var defaults: [String: ONNXAttribute]
    /// The body.
    public var nodes: [ONNXNode]
    /// What is known of values of the body.
    public var values: [ONNXValue]
    /// The version of every operator set that the body uses.
    public var opsets: [String: Int]
    /// Text for people.
    public var documentation: String
    /// Further entries.
    public var metadata: [String: String]
}
