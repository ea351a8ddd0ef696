// Heterodyne: ONNX operators: pooling.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Pooling.
    static let pooling: [OperatorRule] = []
}
