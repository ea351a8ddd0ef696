// Heterodyne: activations whose only attribute is a number α.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// An activation whose only attribute is a finite number α.
public protocol AlphaComposite: ElementwiseComposite {
    /// The number α.
    var alpha: Double { get }
    /// The activation with `alpha`.
    init(alpha: Double)
}

extension AlphaComposite {
    /// `alpha`.
    public var attributes: Attributes { ["alpha": .number(alpha)] }
    /// Reads `alpha`.
    public init(_ reader: inout AttributeReader) throws(GraphError) { self.init(alpha: try reader.number("alpha")) }
    /// `alpha` is finite.
    public func validate(for scalarType: ScalarType) throws(GraphError) { try OperandRules.finite(alpha, "alpha") }
}
