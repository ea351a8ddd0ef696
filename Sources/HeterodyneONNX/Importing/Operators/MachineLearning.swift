// Heterodyne: ONNX operators: the machine learning set.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// The machine learning set.
    static let machineLearning: [OperatorRule] = []
}
