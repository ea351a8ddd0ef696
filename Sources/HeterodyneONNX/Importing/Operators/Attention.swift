// Heterodyne: ONNX operators: attention and what surrounds it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Attention and what surrounds it.
    static let attention: [OperatorRule] = []
}
