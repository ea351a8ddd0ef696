// Heterodyne: the extents of a tensor.
// SPDX-License-Identifier: Apache-2.0

/// The extents of a tensor, outermost first. Rank 0 is a scalar.
public struct Shape: Sendable, Hashable {
    /// The extents, outermost first.
    public var dimensions: [Extent]

    /// A shape of known or symbolic extents.
    public init(_ dimensions: [Extent]) { self.dimensions = dimensions }

    /// A shape of known extents.
    public init(_ extents: [Int]) { dimensions = extents.map(Extent.fixed) }

    /// The shape of a scalar.
    public static var scalar: Shape { Shape([Extent]()) }

    /// The number of dimensions.
    public var rank: Int { dimensions.count }

    /// The extent of one dimension.
    public subscript(index: Int) -> Extent { dimensions[index] }

    /// The extents where all are known, else nil.
    public var fixedExtents: [Int]? {
        var extents: [Int] = []
        extents.reserveCapacity(dimensions.count)
        for dimension in dimensions {
            guard case .fixed(let value) = dimension else { return nil }
            extents.append(value)
        }
        return extents
    }

    /// The extents as numbers. Throws `unboundSymbol` where one is symbolic.
    public func extents() throws(GraphError) -> [Int] {
        guard let extents = fixedExtents else {
            let names = symbols.sorted().joined(separator: ", ")
            throw GraphError(
                .unboundSymbol, "shape \(self) has unbound symbols (\(names)); bind them before this operation")
        }
        return extents
    }

    /// The product of the extents, symbolic where they are. Throws `overflow`.
    public func elementCount() throws(GraphError) -> Extent {
        if let extents = fixedExtents {
            if extents.contains(0) { return 0 }
            var product = 1
            for extent in extents {
                product = try checked(product.multipliedReportingOverflow(by: extent), "element count of \(self)")
            }
            return .fixed(product)
        }
        var product = Extent.fixed(1)
        for dimension in dimensions { product = try product.multiplied(by: dimension) }
        return product
    }

    /// The names of all symbols that occur.
    public var symbols: Set<String> { dimensions.reduce(into: []) { $0.formUnion($1.symbols) } }

    /// The shape with every symbol of `bindings` replaced by its number.
    public func bound(_ bindings: [String: Int]) throws(GraphError) -> Shape {
        var result: [Extent] = []
        for dimension in dimensions { result.append(try dimension.bound(bindings)) }
        return Shape(result)
    }
}

extension Shape: ExpressibleByArrayLiteral, CustomStringConvertible {
    /// A shape of the given extents.
    public init(arrayLiteral elements: Extent...) { dimensions = elements }

    /// The extents in brackets, for instance `[2, batch]`.
    public var description: String { "[\(dimensions.map(\.description).joined(separator: ", "))]" }
}
