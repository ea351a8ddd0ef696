// Heterodyne: ONNX operators: the training set.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// The training set.
    static let training: [OperatorRule] = []
}
