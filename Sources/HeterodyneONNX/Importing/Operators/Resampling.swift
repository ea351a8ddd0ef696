// Heterodyne: ONNX operators: resizing, sampling and rearranging of images.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Resizing, sampling and rearranging of images.
    static let resampling: [OperatorRule] = []
}
