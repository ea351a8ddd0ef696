// Heterodyne: what the OpenBLAS backend can do, as data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneHostKernels

/// What the OpenBLAS backend can do, as data.
enum OpenBLASCapabilities {
    static func make() -> Capabilities {
        let memory = HostMachine.memory.total
        return Capabilities(
            scalarTypes: HostSupport.scalarTypes, claims: CompositeSupport.names, fusion: HostSupport.fusion,
            maximumBufferByteCount: memory, hasUnifiedMemory: true, numerics: HostSupport.numerics)
    }
}
