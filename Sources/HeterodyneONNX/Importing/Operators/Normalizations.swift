// Heterodyne: ONNX operators: normalizations and softmax.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Normalizations and softmax.
    static let normalizations: [OperatorRule] = []
}
