// Heterodyne: one extent of a shape, known or symbolic.
// SPDX-License-Identifier: Apache-2.0

/// One extent of a shape: a number, or an expression over named symbols that is bound before lowering.
public enum Extent: Sendable, Hashable {
    /// A known extent.
    case fixed(Int)
    /// An extent that depends on symbols; never a constant expression, so equality stays structural.
    case symbolic(ExtentExpression)

    /// The dimension that is the symbol `name` itself.
    public static func symbol(_ name: String) -> Extent {
        .symbolic(ExtentExpression(terms: [.init(coefficient: 1, factors: [.symbol(name)])]))
    }

    /// The extent where it is known.
    public var fixedValue: Int? {
        if case .fixed(let value) = self { value } else { nil }
    }

    var expression: ExtentExpression {
        switch self {
        case .fixed(let value): ExtentExpression(constant: value)
        case .symbolic(let expression): expression
        }
    }

    init(_ expression: ExtentExpression) {
        if let constant = expression.constant { self = .fixed(constant) } else { self = .symbolic(expression) }
    }

    /// `self + other`. Throws `overflow`.
    public func adding(_ other: Extent) throws(GraphError) -> Extent {
        if case .fixed(let a) = self, case .fixed(let b) = other {
            return .fixed(try checked(a.addingReportingOverflow(b), "\(a) + \(b)"))
        }
        return Extent(try expression.adding(other.expression))
    }

    /// `self - other`. Throws `overflow`.
    public func subtracting(_ other: Extent) throws(GraphError) -> Extent {
        try adding(other.multiplied(by: .fixed(-1)))
    }

    /// `self * other`. Throws `overflow`.
    public func multiplied(by other: Extent) throws(GraphError) -> Extent {
        if case .fixed(let a) = self, case .fixed(let b) = other {
            return .fixed(try checked(a.multipliedReportingOverflow(by: b), "\(a) * \(b)"))
        }
        return Extent(try expression.multiplied(by: other.expression))
    }

    /// `floor(self / divisor)`; `divisor` must be positive. Exact divisions of symbolic extents simplify.
    public func floorDivided(by divisor: Int) throws(GraphError) -> Extent {
        guard divisor > 0 else {
            throw GraphError(.invalidAttribute, "cannot divide dimension \(self) by \(divisor); a divisor is positive")
        }
        switch self {
        case .fixed(let value):
            let quotient = value / divisor
            return .fixed(value % divisor < 0 ? quotient - 1 : quotient)
        case .symbolic(let expression): return Extent(expression.floorDivided(by: divisor))
        }
    }

    /// The dimension with every symbol of `bindings` replaced by its number.
    public func bound(_ bindings: [String: Int]) throws(GraphError) -> Extent {
        switch self {
        case .fixed: return self
        case .symbolic(let expression): return try expression.bound(bindings)
        }
    }

    /// The names of all symbols that occur.
    public var symbols: Set<String> {
        switch self {
        case .fixed: []
        case .symbolic(let expression): expression.symbols
        }
    }
}

extension Extent: ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// A known extent.
    public init(integerLiteral value: Int) { self = .fixed(value) }

    /// The number or expression as the text form writes it, for instance `2*batch+1`.
    public var description: String {
        switch self {
        case .fixed(let value): String(value)
        case .symbolic(let expression): expression.description
        }
    }
}

/// A polynomial over symbols and floor-divisions, in a normal form: equal expressions compare equal.
public struct ExtentExpression: Sendable, Hashable, CustomStringConvertible {
    /// What a product is made of.
    public enum Factor: Sendable, Hashable {
        /// A symbol.
        case symbol(String)
        /// The quotient of an expression and a positive divisor, rounded down.
        indirect case floorDivide(ExtentExpression, Int)

        var text: String {
            switch self {
            case .symbol(let name): TextSpelling.name(name)
            case .floorDivide(let expression, let divisor): "floor(\(expression), \(divisor))"
            }
        }
    }

    /// A product of a number and factors.
    public struct Term: Sendable, Hashable {
        /// The number, not 0.
        public internal(set) var coefficient: Int
        /// The factors, none for a mere number.
        public internal(set) var factors: [Factor]

        var key: String { factors.map(\.text).joined(separator: "*") }
    }

    /// The products whose sum this is: sorted by key, no zero coefficients, factors of each term sorted.
    public let terms: [Term]

    init(terms: [Term]) { self.terms = terms }

    init(constant: Int) { terms = constant == 0 ? [] : [Term(coefficient: constant, factors: [])] }

    var constant: Int? {
        if terms.isEmpty { return 0 }
        return terms.count == 1 && terms[0].factors.isEmpty ? terms[0].coefficient : nil
    }

    /// Most terms of a sum and factors of a product: far more than a shape needs, few enough that products of
    /// hostile shapes stay cheap.
    static let maximumTermCount = 256
    static let maximumFactorCount = 64

    static func normalized(_ raw: [Term]) throws(GraphError) -> ExtentExpression {
        guard raw.count <= maximumTermCount * 16, raw.allSatisfy({ $0.factors.count <= maximumFactorCount }) else {
            throw GraphError(
                .overflow,
                "a symbolic extent has more than \(maximumTermCount) terms or \(maximumFactorCount) factors")
        }
        var merged: [String: Term] = [:]
        for var term in raw {
            term.factors.sort { $0.text < $1.text }
            if let existing = merged[term.key] {
                term.coefficient = try checked(
                    existing.coefficient.addingReportingOverflow(term.coefficient), "sum of dimension terms")
            }
            merged[term.key] = term
        }
        guard merged.count <= maximumTermCount else {
            throw GraphError(.overflow, "a symbolic extent has more than \(maximumTermCount) terms")
        }
        return ExtentExpression(
            terms: merged.values.filter { $0.coefficient != 0 }.sorted { $0.key < $1.key })
    }

    func adding(_ other: ExtentExpression) throws(GraphError) -> ExtentExpression {
        try Self.normalized(terms + other.terms)
    }

    func multiplied(by other: ExtentExpression) throws(GraphError) -> ExtentExpression {
        guard terms.count * other.terms.count <= Self.maximumTermCount * 16 else {
            throw GraphError(.overflow, "a symbolic extent has more than \(Self.maximumTermCount) terms")
        }
        var products: [Term] = []
        for a in terms {
            for b in other.terms {
                let coefficient = try checked(
                    a.coefficient.multipliedReportingOverflow(by: b.coefficient), "product of dimension terms")
                products.append(Term(coefficient: coefficient, factors: a.factors + b.factors))
            }
        }
        return try Self.normalized(products)
    }

    func floorDivided(by divisor: Int) -> ExtentExpression {
        if divisor == 1 { return self }
        if terms.allSatisfy({ $0.coefficient % divisor == 0 }) {
            return ExtentExpression(
                terms: terms.map { Term(coefficient: $0.coefficient / divisor, factors: $0.factors) })
        }
        return ExtentExpression(terms: [Term(coefficient: 1, factors: [.floorDivide(self, divisor)])])
    }

    func bound(_ bindings: [String: Int]) throws(GraphError) -> Extent {
        var sum = Extent.fixed(0)
        for term in terms {
            var product = Extent.fixed(term.coefficient)
            for factor in term.factors {
                switch factor {
                case .symbol(let name):
                    let value = bindings[name].map(Extent.fixed) ?? .symbol(name)
                    product = try product.multiplied(by: value)
                case .floorDivide(let inner, let divisor):
                    product = try product.multiplied(by: inner.bound(bindings).floorDivided(by: divisor))
                }
            }
            sum = try sum.adding(product)
        }
        return sum
    }

    var symbols: Set<String> {
        var names: Set<String> = []
        for term in terms {
            for factor in term.factors {
                switch factor {
                case .symbol(let name): names.insert(name)
                case .floorDivide(let inner, _): names.formUnion(inner.symbols)
                }
            }
        }
        return names
    }

    /// The expression as the text form writes it.
    public var description: String {
        var text = ""
        for term in terms {
            let piece: String
            if term.factors.isEmpty {
                piece = String(term.coefficient)
            } else if term.coefficient == 1 {
                piece = term.key
            } else {
                piece = "\(term.coefficient)*\(term.key)"
            }
            text += text.isEmpty || piece.hasPrefix("-") ? piece : "+\(piece)"
        }
        return text.isEmpty ? "0" : text
    }
}

/// The value of a checked arithmetic operation. Throws `overflow` naming the expression.
func checked(_ result: (partialValue: Int, overflow: Bool), _ what: @autoclosure () -> String) throws(GraphError) -> Int
{
    guard !result.overflow else { throw GraphError(.overflow, "\(what()) does not fit in 64 bits") }
    return result.partialValue
}
