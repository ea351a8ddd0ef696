// Heterodyne: measuring the relative errors of emulated operations.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

/// The largest relative error seen, in units of 2^-48.
struct ErrorMeter {
    private(set) var worst = 0.0
    private(set) var worstCase = ""
    private(set) var count = 0

    /// Takes one result whose exact value is known; out of the range of accuracy it is not judged. The error is given per
    /// `scale`.
    mutating func add<Lane: VisibleLane>(
        _ result: DoubleSingle<Lane>, _ exact: Widest, per scale: Widest = 1, _ name: @autoclosure () -> String
    ) {
        let size = exact.magnitude
        guard size >= Widest(DoubleSingleFormat.smallestAccurate), size < Widest(DoubleSingleFormat.largest) else {
            return
        }
        guard result.isCanonical else {
            worst = .infinity
            worstCase = "not canonical: \(name())"
            return
        }
        add(error: Double((result.exact - exact).magnitude / size / scale) / DoubleSingleFormat.unit, name())
    }

    /// Takes one sine or cosine: where it is smaller than the distance of neighbouring pairs at x, the error is relative to
    /// that.
    mutating func add<Lane: VisibleLane>(
        _ result: DoubleSingle<Lane>, _ exact: Widest, of x: DoubleSingle<Lane>, _ name: @autoclosure () -> String
    ) {
        add(result, exact, per: max(1, x.exact.magnitude * 0x1p-49 / exact.magnitude), name())
    }

    /// Takes one error.
    mutating func add(error: Double, _ name: @autoclosure () -> String) {
        count += 1
        guard !(error <= worst) else { return }
        worst = error.isNaN ? .infinity : error
        worstCase = name()
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
