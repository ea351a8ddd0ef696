// Heterodyne: measuring the relative errors of emulated operations.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

/// The largest relative error seen, in units of 2^-48.
struct ErrorMeter {
    private(set) var worst = 0.0
    private(set) var worstCase = ""
    private(set) var count = 0

    /// Takes one result whose exact value is known; out of the range of accuracy it is not judged.
    mutating func add<Lane: VisibleLane>(
        _ result: DoubleSingle<Lane>, _ exact: Widest, _ name: @autoclosure () -> String
    ) {
        let size = exact.magnitude
        guard size >= Widest(DoubleSingleFormat.smallestAccurate), size < Widest(DoubleSingleFormat.largest) else {
            return
        }
        count += 1
        if !result.isCanonical {
            worst = .infinity
            worstCase = "not canonical: \(name())"
            return
        }
        let error = Double((result.exact - exact).magnitude / size) / DoubleSingleFormat.unit
        if !(error <= worst) {
            worst = error.isNaN ? .infinity : error
            worstCase = name()
        }
    }

    /// Expects the bound, and prints what was seen where the sample is large.
    func check(_ operation: DoubleSingleFormat.Operation, _ lane: Any.Type) {
        #expect(worst <= DoubleSingleFormat.bound(operation), "\(operation) \(worstCase)")
        #expect(count > 0)
        #if !DEBUG
        print("error of \(operation) on \(lane): \(worst) of \(count) at \(worstCase)")
        #endif
    }
}
