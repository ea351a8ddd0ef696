// Heterodyne: mistakes in files that describe chips, and chips that nobody described.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneJSON

/// Why a chip's profile cannot be used.
public struct ProfileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The class of the mistake, for programs; `message` is for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The file cannot be read.
        case unreadable
        /// The file is no JSON, or too large or too deep to be a profile.
        case malformed
        /// The file follows a schema that this version does not know.
        case unknownSchema
        /// A key that profiles do not have.
        case unknownKey
        /// A key that every profile has is not there.
        case missingKey
        /// A value of the wrong kind or out of range.
        case invalidValue
        /// No profile has the name.
        case unknownChip
        /// Several profiles have the name.
        case ambiguousChip
    }

    /// The class of the mistake.
    public let kind: Kind
    /// The file, where it is about one.
    public var path: String?
    /// The key, with the keys that lead to it, for instance `types.float16.matrix.value`.
    public var key: String?
    /// What is wrong and what to write.
    public var message: String

    /// A mistake.
    public init(_ kind: Kind, _ message: String, path: String? = nil, key: String? = nil) {
        self.kind = kind
        self.message = message
        self.path = path
        self.key = key
    }

    /// `path: key: message`.
    public var description: String {
        [path, key].compactMap(\.self).map { $0 + ": " }.joined() + message
    }
}

extension ProfileError: JSONFailure {
    /// `malformed`.
    package static var malformedJSON: Kind { .malformed }
    /// `malformed`.
    package static var invalidJSONText: Kind { .malformed }
    /// `malformed`.
    package static var exceededJSONLimit: Kind { .malformed }
    /// The mistake in the file at `path`.
    package init(_ kind: Kind, json message: String, path: String) { self.init(kind, message, path: path) }
}
