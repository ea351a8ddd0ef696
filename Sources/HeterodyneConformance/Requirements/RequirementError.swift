// Heterodyne: what is wrong with the text of a requirement.
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with the text of a requirement, and where.
public struct RequirementError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to write instead.
    public let message: String
    /// The requirement.
    public let text: String
    /// The character at which it is wrong, counted from 0.
    public let position: Int

    /// The message, and the requirement with a caret under the place.
    public var description: String {
        // Tabs and line breaks would move the caret.
        let line = String(text.map { $0.isWhitespace ? " " : $0 })
        return "\(message)\n  \(line)\n  \(String(repeating: " ", count: position))^"
    }
}
