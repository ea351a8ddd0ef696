// Heterodyne: how a graph is written as an ONNX model.
// SPDX-License-Identifier: Apache-2.0

/// How a graph is written as an ONNX model.
public struct ONNXWriteOptions: Sendable, Hashable {
    /// The operator set where none is wanted: ONNX Runtime has run it since version 1.18.
    public static let defaultOpset = 21
    /// The operator sets that can be written.
    public static let opsets = 18...26

    /// The version of the operator set. Nil for `defaultOpset`, or 26 for a graph that reads the bits of floats as
    /// integers or back, which older sets cannot say.
    public var opset: Int?
    /// The name of the model's graph.
    public var modelName = "heterodyne"
    /// The program that writes the model.
    public var producerName = "Heterodyne"
    /// Its version.
    public var producerVersion = ""
    /// Text for people.
    public var documentation = ""
    /// Names of the inputs, in order; nil for the graph's own.
    public var inputNames: [String]?
    /// Names of the outputs, in order; nil for the graph's own.
    public var outputNames: [String]?
    /// Whether nodes say in their documentation where in the source they were built.
    public var writesLocations = true
    /// Models whose constants have more bytes get a file beside them for the large ones.
    public var inlineLimit = 1 << 30
    /// Constants of at least this many bytes go to that file.
    public var externalMinimum = 1024

    /// The defaults, with a version of the operator set.
    public init(opset: Int? = nil) { self.opset = opset }
}
