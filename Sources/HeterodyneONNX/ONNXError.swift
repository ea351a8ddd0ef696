// Heterodyne: the error type of reading and importing ONNX models.
// SPDX-License-Identifier: Apache-2.0

/// Why an ONNX model could not be read or imported.
public struct ONNXError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The class of the mistake, for programs; `message` is for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// No file at the path, of the model or of its external data.
        case fileNotFound
        /// The file may not be opened.
        case accessDenied
        /// The operating system failed to read or map.
        case inputOutput
        /// The path names a directory, a device, a socket or a pipe.
        case notRegularFile
        /// The bytes are not the encoding of a model.
        case malformed
        /// A size, a count, a depth or the memory needed is over the limits of this reader.
        case limitExceeded
        /// The version of the format, or of an operator set, is missing or not known.
        case unsupportedVersion
        /// An element type or a feature that this reader, or the language it reads into, does not have.
        case unsupportedType
        /// A tensor whose dimensions, type, or amount of data contradict each other.
        case invalidTensor
        /// An attribute whose kind and value contradict each other.
        case invalidAttribute
        /// A type without the parts that it needs.
        case invalidType
        /// One name stands for two things.
        case duplicateName
        /// A value is used that nothing defines.
        case undefinedValue
        /// A node stands before the nodes that it depends on, or depends on itself.
        case unordered
        /// A part of the model is missing that every model must have.
        case missingPart
        /// Functions that call each other in a circle.
        case recursiveFunction
        /// A graph that ONNX, or the wanted operator set, has no way to say.
        case notExpressible
        /// External data that would leave the model's folder, or lie outside of their file.
        case externalData
        /// A node that does not fit its operator, or a value that it cannot take.
        case invalidNode
        /// An operator that is not imported, or not in this version or for these types.
        case unsupportedOperator
        /// A value given for an input that is missing or of another type.
        case invalidInput
    }

    /// The class of the mistake.
    public let kind: Kind
    /// What is wrong and what to do.
    public var message: String
    /// Where, from the outside in: for instance `node 'conv1' (Conv)`, `attribute 'value'`.
    public var place: [String]
    /// The file.
    public var path: String

    /// An error of `kind` in the file at `path`.
    public init(_ kind: Kind, _ message: String, at place: [String] = [], path: String = "") {
        self.kind = kind
        self.message = message
        self.place = place
        self.path = path
    }

    /// `path: node 'n' (Op): attribute 'a': message (kind)`. Names from hostile files are shortened and stripped of
    /// control characters.
    public var description: String {
        let parts = (path.isEmpty ? [] : [path]) + place + [message]
        return "\(parts.joined(separator: ": ")) (\(kind.rawValue))"
    }

    /// The same error, inside of `part`.
    func inside(_ part: @autoclosure () -> String) -> ONNXError {
        var copy = self
        // Deep nesting would otherwise fill the message.
        if copy.place.count < 16 { copy.place.insert(part(), at: 0) }
        return copy
    }
}

/// `text` in quotes, at most 120 characters, control characters replaced, so that a hostile name cannot flood or
/// steer a terminal.
func quoted(_ text: String) -> String {
    var result = "'"
    var count = 0
    for scalar in text.unicodeScalars {
        if count == 120 { return result + "…'" }
        result.unicodeScalars.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
        count += 1
    }
    return result + "'"
}

/// Runs `body`, and puts `part` in front of the place of what it throws.
func within<Result>(
    _ part: @autoclosure () -> String, _ body: () throws(ONNXError) -> Result
) throws(ONNXError) -> Result {
    do throws(ONNXError) { return try body() } catch { throw error.inside(part()) }
}
