// Heterodyne: exact quotients of extents.
// SPDX-License-Identifier: Apache-2.0

extension Extent {
    /// The extent that `divisor` times gives this one, for instance `2*seq` for `6*batch*seq` and `3*batch`; nil where
    /// there is none, or where the divisor is 0. Symbols count as not zero. Throws `overflow`.
    public func dividedExactly(by divisor: Extent) throws(GraphError) -> Extent? {
        if divisor == 1 { return self }
        if case .fixed(let a) = self, case .fixed(let b) = divisor {
            guard b != 0 else { return nil }
            let (quotient, overflow) = a.dividedReportingOverflow(by: b)
            return !overflow && a % b == 0 ? .fixed(quotient) : nil
        }
        guard let quotient = try expression.dividedExactly(by: divisor.expression) else { return nil }
        return Extent(quotient)
    }
}

extension ExtentExpression {
    /// Polynomial long division without a remainder.
    fileprivate func dividedExactly(by divisor: ExtentExpression) throws(GraphError) -> ExtentExpression? {
        guard let leading = divisor.leadingTerm else { return nil }
        var rest = self
        var quotient: [Term] = []
        while let term = rest.leadingTerm {
            guard let step = term.divided(by: leading), quotient.count < Self.maximumTermCount else { return nil }
            quotient.append(step)
            let product = try ExtentExpression(terms: [step]).multiplied(by: divisor)
            rest = try rest.adding(product.multiplied(by: ExtentExpression(constant: -1)))
            // A larger remainder shows that the leading terms did not cancel, which exact division never does.
            guard rest.leadingTerm.map({ $0.precedes(term) }) ?? true else { return nil }
        }
        return try Self.normalized(quotient)
    }

    /// The largest term in a monomial order: by degree, then by the factors' names.
    private var leadingTerm: Term? {
        terms.max { $0.precedes($1) }
    }
}

extension ExtentExpression.Term {
    /// Whether the term is below `other` in the monomial order.
    fileprivate func precedes(_ other: Self) -> Bool {
        if factors.count != other.factors.count { return factors.count < other.factors.count }
        // Among equal degrees: the one whose first differing factor has the later name is below.
        for (a, b) in zip(factors, other.factors) where a.text != b.text { return a.text > b.text }
        return false
    }

    /// The quotient of two terms where it has whole coefficients and no factors below the line.
    fileprivate func divided(by other: Self) -> Self? {
        guard other.coefficient != 0, coefficient % other.coefficient == 0 else { return nil }
        let (quotient, overflow) = coefficient.dividedReportingOverflow(by: other.coefficient)
        guard !overflow else { return nil }
        var left = factors
        for factor in other.factors {
            guard let index = left.firstIndex(of: factor) else { return nil }
            left.remove(at: index)
        }
        return Self(coefficient: quotient, factors: left)
    }
}
