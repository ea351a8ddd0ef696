// Heterodyne: reductions whose attributes are their axes and whether these stay.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A reduction whose attributes are its axes and whether they stay.
public protocol ReductionAttributes: AttributedComposite {
    /// The axes that are reduced.
    var axes: [Int] { get }
    /// Whether the axes stay with extent 1.
    var keepDimensions: Bool { get }
    /// The reduction along `axes`.
    init(axes: [Int], keepDimensions: Bool)
}

extension ReductionAttributes {
    /// `axes` and `keepDimensions`.
    public var attributes: Attributes { ["axes": .integers(axes), "keepDimensions": .bool(keepDimensions)] }
    /// Reads `axes` and `keepDimensions`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        self.init(axes: try reader.integers("axes"), keepDimensions: try reader.bool("keepDimensions"))
    }
}
