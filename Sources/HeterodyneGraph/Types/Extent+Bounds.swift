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
    /// Bounds of a sum whose products are of factors that are 0 or more: below and above, each product but the constant
    /// is 0 or has no bound.
    fileprivate var bounds: (low: Int?, high: Int?) {
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
}

extension ExtentExpression.Factor {
    fileprivate var isNotNegative: Bool {
        switch self {
        case .symbol: true
        case .floorDivide(let expression, _): (expression.bounds.low ?? -1) >= 0
        }
    }
}
