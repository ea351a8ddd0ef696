// Heterodyne: a Vulkan device as the listing shows it.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend

extension PhysicalDevice {
    /// The device as the listing shows it.
    func descriptor(id: String, instance: VulkanInstance) -> DeviceDescriptor {
        let local = memoryHeaps.indices.filter { memoryHeaps[$0].isLocal }
        let heap = local.max { memoryHeaps[$0].byteCount < memoryHeaps[$1].byteCount }
        let room = heap.map { self.heap($0, instance) }
        let kind: DeviceDescriptor.Kind =
            switch properties.deviceType {
            case VK_PHYSICAL_DEVICE_TYPE_CPU: .cpu
            case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: .discreteGPU
            case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: .integratedGPU
            default: .other
            }
        return DeviceDescriptor(
            id: id, backend: "vulkan", kind: kind, isSoftware: isSoftware, name: name, vendor: vendor, threads: 1,
            memoryByteCount: Int(clamping: room?.byteCount ?? 0),
            freeMemoryByteCount: room?.free.map { Int(clamping: $0) },
            versions: ["Vulkan": version.description, text(properties12.driverName): text(properties12.driverInfo)],
            details: details, fingerprint: fingerprint)
    }

    /// Who made the device.
    var vendor: String {
        switch properties.vendorID {
        case 0x1002: "AMD"
        case 0x1010: "Imagination"
        case 0x106b: "Apple"
        case 0x10de: "NVIDIA"
        case 0x13b5: "Arm"
        case 0x144d: "Samsung"
        case 0x14e4: "Broadcom"
        case 0x15ad: "VMware"
        case 0x1ae0: "Google"
        case 0x1d17: "Zhaoxin"
        case 0x1ed5: "Moore Threads"
        case 0x5143: "Qualcomm"
        case 0x8086: "Intel"
        case 0x10005: "Mesa"
        case 0x10006: "PoCL"
        default: "vendor 0x\(hexadecimal(properties.vendorID))"
        }
    }

    /// Facts worth showing.
    var details: [String: String] {
        let set = kernelFeatures(masked: [])
        return ["features": set.names.joined(separator: " ")]
    }
}

extension KernelTarget.Features {
    /// The names of the features in the set.
    var names: [String] {
        let all: [(KernelTarget.Features, String)] = [
            (.float64, "float64"), (.float16, "float16"), (.int64, "int64"), (.int16, "int16"), (.int8, "int8"),
            (.storage16, "storage16"), (.storage8, "storage8"), (.int64Atomics, "int64Atomics"),
            (.float32AtomicAdd, "float32AtomicAdd"), (.float64AtomicAdd, "float64AtomicAdd"),
            (.bufferAddresses, "bufferAddresses"), (.subgroupArithmetic, "subgroupArithmetic"),
            (.subgroupShuffle, "subgroupShuffle"), (.fullSubgroups, "fullSubgroups"),
            (.cooperativeMatrix, "cooperativeMatrix"),
        ]
        return all.filter { contains($0.0) }.map(\.1)
    }
}
