// Heterodyne: powers and roots of the p-norm.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Powers and roots of the p-norm.
enum PNorm {
    /// `|x|^p`.
    static func powers(_ x: Term, _ p: Int) throws(GraphError) -> Term {
        switch p {
        case 1: try x.abs()
        case 2: try x * x
        default: try x.abs().power(x.like(Double(p)))
        }
    }

    /// The `p`-th root of a sum of powers.
    static func root(_ sum: Term, _ p: Int) throws(GraphError) -> Term {
        switch p {
        case 1: sum
        case 2: try sum.sqrt()
        default: try sum.power(sum.like(1 / Double(p)))
        }
    }
}
