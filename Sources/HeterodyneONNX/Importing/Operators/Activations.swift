// Heterodyne: ONNX operators: activation functions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Activation functions.
    static let activations: [OperatorRule] = []
}
