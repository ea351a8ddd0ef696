// Heterodyne: where in the user's source a node was built.
// SPDX-License-Identifier: Apache-2.0

/// Where in the user's source a node was built.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    /// File as the compiler names it, `Module/File.swift`.
    public var file: String
    /// Line, from 1.
    public var line: Int

    /// A location; the defaults are the caller's own.
    public init(file: String = #fileID, line: Int = #line) {
        self.file = file
        self.line = line
    }

    /// `file:line`.
    public var description: String { "\(file):\(line)" }
}
