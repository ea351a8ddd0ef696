// Heterodyne: ONNX operators: random numbers and dropout.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Random numbers and dropout.
    static let random: [OperatorRule] = []
}
