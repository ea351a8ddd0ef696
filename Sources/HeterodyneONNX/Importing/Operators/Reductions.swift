// Heterodyne: ONNX operators: reductions, cumulative sums, order and extremes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Reductions, cumulative sums, order and extremes.
    static let reductions: [OperatorRule] = []
}
