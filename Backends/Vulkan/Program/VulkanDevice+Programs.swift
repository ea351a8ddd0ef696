// Heterodyne: what programs need of a device beside memory, pipelines and commands.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension VulkanDevice {
    /// How much work, in scalar operations or bytes, a submission may hold, so that it takes well under a second:
    /// drivers take devices that do not answer for hung.
    var workPerSubmission: Double {
        switch target.tileMemory {
        case .registers: 2e9
        case .workgroup: 5e10
        }
    }

    /// A literal's bytes in device memory.
    func constant(_ storage: LiteralStorage) throws(BackendError) -> DeviceMemory {
        try storage.withBytes { (bytes) throws(BackendError) in
            let memory = try allocate(byteCount: bytes.count, for: .tensor)
            try upload(bytes, to: memory, at: 0)
            return memory
        }
    }

    /// Copies between two ranges of device memory of equal length, and waits.
    func copy(_ from: MemorySlice, _ to: MemorySlice) throws(BackendError) {
        let list = try makeCommandList()
        try list.begin()
        list.copy(from, to)
        try list.end()
        try list.run(label: "copy")
    }
}
