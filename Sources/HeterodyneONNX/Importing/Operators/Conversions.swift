// Heterodyne: ONNX operators: conversions between element types.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Conversions between element types.
    static let conversions: [OperatorRule] = []
}
