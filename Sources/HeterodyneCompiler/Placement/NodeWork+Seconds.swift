// Heterodyne: how long what a node computes takes on a device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension NodeWork {
    /// Seconds on a device: the longer of computing and moving bytes, `savedBytes` of which stay in registers because
    /// neighbours run in the same pass.
    func seconds(
        on profile: DeviceProfile, legalizations: [TypeLegalization], savedBytes: Double, hasStep: Bool
    ) -> Double {
        if isView { return 0 }
        let factor = legalizations.reduce(1) { max($0, $1.costFactor) }
        let computing = shares.reduce(0) { sum, share in
            // What stands in for a type has 32 bits.
            let isReplaced = legalizations.contains { $0.type == share.type }
            let type: ScalarType = isReplaced ? (share.type.isFloatingPoint ? .float32 : .uint32) : share.type
            return sum + share.count / profile.rate(share.kind, type).value * (isReplaced ? factor : 1)
        }
        let moving = max(byteCount - savedBytes, 0) / profile.memory.value
        return max(computing, moving) + (hasStep ? profile.step.value : 0)
    }
}
