// Heterodyne: ONNX operators: losses.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Losses.
    static let losses: [OperatorRule] = []
}
