// Heterodyne: ONNX operators: quantization and integer products.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Quantization and integer products.
    static let quantization: [OperatorRule] = []
}
