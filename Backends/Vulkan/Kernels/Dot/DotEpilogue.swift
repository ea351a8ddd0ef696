// Heterodyne: elementwise work on the sums of a product while they are in registers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Elementwise work on the result of a product. Its operands are bound behind the factors, then its outputs.
struct DotEpilogue: Hashable, Sendable {
    /// An operand, at `origin + row * rowStride + column * columnStride + outer * outerStride + inner * innerStride`.
    struct Operand: Hashable, Sendable {
        var type: ScalarType
        var origin: Int
        var rowStride: Int
        var columnStride: Int
        var outerStride: Int
        var innerStride: Int

        /// Whether 4 neighbouring columns can be loaded at once.
        var isVector: Bool {
            columnStride == 1 && [origin, rowStride, outerStride, innerStride].allSatisfy { $0 % 4 == 0 }
        }
    }

    var plan: RegionPlan
    var operands: [Operand]
}
