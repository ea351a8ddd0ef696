// Heterodyne: ONNX operators: slices, gathers, scatters and selections.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Slices, gathers, scatters and selections.
    static let indexing: [OperatorRule] = []
}
