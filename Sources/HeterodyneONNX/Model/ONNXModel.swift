// Heterodyne: an ONNX model as a value.
// SPDX-License-Identifier: Apache-2.0

/// What an ONNX file says, checked: names are defined once and before they are used, tensors have the data that their
/// dimensions ask for, external data lie within the model's folder.
///
/// The data of tensors stay in the mapped file until `ONNXTensor.literal()` asks for them. Whoever truncates a mapped file
/// takes its pages away, and the next access ends the process; replace files by renaming.
public struct ONNXModel: Sendable {
    /// The version of the format, 3 to 14.
    public var irVersion: Int
    /// The program that wrote the model.
    public var producerName: String
    /// Its version.
    public var producerVersion: String
    /// The domain that the model is from.
    public var domain: String
    /// The version of the model.
    public var modelVersion: Int64
    /// Text for people.
    public var documentation: String
    /// The version of every operator set that the model uses; the main set's domain is empty.
    public var opsets: [String: Int]
    /// The computation.
    public var graph: ONNXGraph
    /// Operators that are defined by nodes.
    public var functions: [ONNXFunction]
    /// Further entries.
    public var metadata: [String: String]

    /// Reads the model at `path`. External data are looked for in its folder.
    public static func load(_ path: String, limits: ONNXLimits = ONNXLimits()) throws(ONNXError) -> ONNXModel {
        do throws(ONNXError) {
            let file = try DataFile(path: path, limit: limits.fileBytes)
            let folder = ExternalFolder(path: path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".")
            return try ModelReader.read(file, folder: folder, limits: limits)
        } catch {
            var named = error
            named.path = path
            throw named
        }
    }

    /// Reads a model that is in memory. External data are looked for in `folder`; without one they are an error.
    public static func decode(
        _ contents: [UInt8], folder: String? = nil, limits: ONNXLimits = ONNXLimits()
    ) throws(ONNXError) -> ONNXModel {
        guard contents.count <= limits.fileBytes else { throw DataFile.tooLarge(contents.count, limits.fileBytes) }
        return try ModelReader.read(
            DataFile(copying: contents), folder: folder.map { ExternalFolder(path: $0) }, limits: limits)
    }
}
