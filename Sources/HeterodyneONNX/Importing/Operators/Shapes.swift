// Heterodyne: ONNX operators: shapes, views and constants.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Shapes, views and constants.
    static let shapes: [OperatorRule] = []
}
