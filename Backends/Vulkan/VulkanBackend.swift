// Heterodyne: the Vulkan backend: every operation as a compute shader.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend

/// Drives every device with a driver of Vulkan 1.2 or later. Kernels are written in Swift and emitted as SPIR-V.
///
/// The loader, `libvulkan.so.1`, is loaded when the backend is first used, so that a machine without it gets a
/// diagnosis.
public struct VulkanBackend: Backend {
    /// The identifier of the first device.
    static let firstDevice = "vulkan:0"

    /// `vulkan`.
    public let name = "vulkan"
    let registry: DeviceRegistry

    /// The backend, set up as the environment says.
    public init() { registry = DeviceRegistry.standard }

    init(_ options: VulkanOptions) { registry = DeviceRegistry(options) }

    /// The devices of all drivers, as `vulkan:0`, `vulkan:1`, ..., and why others cannot be used.
    public func discover() -> DeviceListing { registry.listing() }

    /// What a device can do.
    public func capabilities(of device: String) throws(BackendError) -> Capabilities {
        try VulkanCapabilities.make(registry.device(device))
    }

    /// Device memory.
    public func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        let device = try registry.device(device)
        return VulkanBuffer(try device.allocate(byteCount: byteCount, for: .tensor), device)
    }

    /// Makes a program of a graph.
    public func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        let device = try registry.device(device)
        throw BackendError(.compilationFailed, "\(unit.label): programs are not made yet", device: device.id)
    }
}
