// Heterodyne: ONNX operators: recurrent layers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Recurrent layers.
    static let recurrent: [OperatorRule] = []
}
