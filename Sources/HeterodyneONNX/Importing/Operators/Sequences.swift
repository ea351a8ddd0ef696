// Heterodyne: ONNX operators: sequences and optionals.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Sequences and optionals.
    static let sequences: [OperatorRule] = []
}
