// Heterodyne: how much of a hostile file is taken seriously.
// SPDX-License-Identifier: Apache-2.0

/// The limits of the reader. What goes over them ends in `limitExceeded`.
public struct ONNXLimits: Sendable, Hashable {
    /// Bytes of the main file; the format's encoding ends at 2 GiB, beyond which tensors go into external files.
    public var fileBytes = Int(Int32.max)
    /// How deep graphs lie within attributes of nodes.
    public var graphDepth = 32
    /// How deep types lie within types.
    public var typeDepth = 32
    /// Memory that the decoded model may take, as a multiple of the file, besides `extraBytes`. The file itself, where
    /// all of it is touched, makes it one more.
    public var memoryFactor = 3
    /// Memory that any model may take, however small its file.
    public var extraBytes = 56 << 20

    /// The limits for models from anywhere: with the mapped file itself, four times the file and 64 MiB.
    public init() {}
}
