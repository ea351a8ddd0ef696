// Heterodyne: ONNX operators: matrix products, einsum and linear algebra.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Matrix products, einsum and linear algebra.
    static let products: [OperatorRule] = []
}
