// Heterodyne: ONNX operators: results whose shape depends on elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Results whose shape depends on elements.
    static let dynamicShapes: [OperatorRule] = []
}
