// Heterodyne: ONNX operators: text.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Text.
    static let text: [OperatorRule] = []
}
