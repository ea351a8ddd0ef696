// Heterodyne: ONNX operators: branches and loops.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Branches and loops.
    static let control: [OperatorRule] = []
}
