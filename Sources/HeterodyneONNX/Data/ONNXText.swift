// Heterodyne: tensors of text.
// SPDX-License-Identifier: Apache-2.0

/// A tensor whose elements are text. Text is computed on the host while a model is imported; devices have none.
public struct ONNXText: Sendable, Hashable {
    /// The extents, outermost first.
    public var dimensions: [Int]
    /// The elements in row-major order, as many as the product of the extents.
    public var elements: [String]

    /// The elements under the extents. The caller answers for their number.
    public init(dimensions: [Int], elements: [String]) {
        self.dimensions = dimensions
        self.elements = elements
    }
}
