// Heterodyne: ONNX operators: convolutions and windows.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Convolutions and windows.
    static let convolutions: [OperatorRule] = []
}
