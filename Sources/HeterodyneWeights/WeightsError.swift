// Heterodyne: the error type of everything that reads or writes weight files.
// SPDX-License-Identifier: Apache-2.0

/// Why a weight file could not be read or written.
public struct WeightsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The class of the mistake, for programs; `message` is for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// No file at the path.
        case fileNotFound
        /// The file may not be opened, or the directory not be written.
        case accessDenied
        /// The operating system failed to read, map or write.
        case inputOutput
        /// The path names a directory, a device, a socket or a pipe.
        case notRegularFile
        /// The file is a Python pickle, or an array of pickled objects. Loading one runs code that it contains.
        case pickle
        /// The file is of another format.
        case wrongFormat
        /// The file ends before its header or its data does.
        case truncated
        /// A size or a count is over the limits of this reader.
        case limitExceeded
        /// The header breaks the grammar of its format.
        case malformedHeader
        /// Text that is not valid Unicode.
        case invalidText
        /// One name stands for two things.
        case duplicateName
        /// An element type, a compression or a feature that this reader or the format does not have.
        case unsupportedType
        /// A shape that no tensor can have, or a size computation that does not fit in 64 bits.
        case invalidShape
        /// Data that lies outside of the file, overlaps other data, leaves holes, or does not fit its shape.
        case invalidOffsets
        /// Data that is damaged: a wrong checksum, a broken compressed stream, a truth value other than 0 and 1.
        case corruptData
        /// No tensor of that name.
        case missingTensor
        /// An index whose shards are missing, or that points outside of its directory.
        case invalidIndex
        /// A tensor or a name that cannot be written.
        case invalidArgument
    }

    /// The class of the mistake.
    public let kind: Kind
    /// What is wrong and what to do.
    public var message: String
    /// The file.
    public var path: String
    /// The tensor, where the mistake belongs to one.
    public var tensor: String?

    /// An error of `kind` in the file at `path`.
    public init(_ kind: Kind, _ message: String, path: String, tensor: String? = nil) {
        self.kind = kind
        self.message = message
        self.path = path
        self.tensor = tensor
    }

    /// `path: tensor 'name': message (kind)`. Names from hostile files are shortened and stripped of control characters.
    public var description: String {
        let owner = tensor.map { "tensor \(quoted($0)): " } ?? ""
        return "\(path): \(owner)\(message) (\(kind.rawValue))"
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
