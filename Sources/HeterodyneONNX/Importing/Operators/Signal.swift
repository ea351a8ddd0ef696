// Heterodyne: ONNX operators: Fourier transforms and windows of signals.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Fourier transforms and windows of signals.
    static let signal: [OperatorRule] = []
}
