// Heterodyne: what is known of extents before their symbols have numbers.
// SPDX-License-Identifier: Apache-2.0

extension Extent {
    /// The smallest and the largest number that the extent can be when every symbol is 0 or more; nil where it has no
    /// such bound or none is found.
    public var bounds: (low: Int?, high: Int?) {
        switch self {
        case .fixed(let number): (number, number)
        case .symbolic(let expression): expression.bounds
        }
    }
}

extension ExtentExpression {
    /// Bounds of a sum. Remainders `c * (e - d * floor(e, d))` are from 0 to `c * (d - 1)`; of what is left, products
    /// of factors that are 0 or more are 0 or have no bound.
    fileprivate var bounds: (low: Int?, high: Int?) {
        if let (rest, highest) = withoutRemainder {
            let (low, high) = rest.bounds
            let sum = high.map { $0.addingReportingOverflow(highest) }
            return (low, sum.flatMap { $0.overflow ? nil : $0.partialValue })
        }
        var constant = 0
        var (hasLow, hasHigh) = (true, true)
        for term in terms {
            if term.factors.isEmpty {
                constant = term.coefficient
            } else if !term.factors.allSatisfy(\.isNotNegative) {
                return (nil, nil)
            } else if term.coefficient > 0 {
                hasHigh = false
            } else {
                hasLow = false
            }
        }
        return (hasLow ? constant : nil, hasHigh ? constant : nil)
    }

    /// The sum without one of its remainders, and the largest value of that; nil where it has none.
    private var withoutRemainder: (rest: ExtentExpression, highest: Int)? {
        for term in terms {
            guard term.factors.count == 1, case .floorDivide(let dividend, let divisor) = term.factors[0],
                term.coefficient < 0, term.coefficient % divisor == 0
            else { continue }
            let count = term.coefficient / -divisor
            let (highest, overflow) = count.multipliedReportingOverflow(by: divisor - 1)
            guard !overflow, let rest = try? removing(count, of: dividend, and: term), rest.terms.count < terms.count
            else { continue }
            return (rest, highest)
        }
        return nil
    }

    /// The sum without `count` times `dividend` and without `term`.
    private func removing(
        _ count: Int, of dividend: ExtentExpression, and term: Term
    ) throws(GraphError) -> ExtentExpression {
        let part = try dividend.multiplied(by: ExtentExpression(constant: -count))
        let quotient = ExtentExpression(terms: [term])
        return try adding(part).adding(quotient.multiplied(by: ExtentExpression(constant: -1)))
    }
}

extension ExtentExpression.Factor {
    fileprivate var isNotNegative: Bool {
        switch self {
        case .symbol: true
        case .floorDivide(let expression, _): (expression.bounds.low ?? -1) >= 0
        }
    }
}
