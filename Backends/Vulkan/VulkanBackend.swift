// Heterodyne: the Vulkan backend: every operation as a compute shader.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import HeterodyneGraph

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
        let (physical, target) = try registry.target(device)
        return VulkanCapabilities.make(physical, target)
    }

    /// Every primitive whose types the device computes is native; composites are where kernels take their types and
    /// shapes.
    public func support(for node: NodeSignature, on device: String) -> Support {
        do throws(BackendError) {
            let (physical, target) = try registry.target(device)
            switch node.operation {
            case .composite(let composite) where !VulkanClaims.runs(composite, node.operandTypes, target):
                return .byDecomposition
            case .composite, .primitive, .parameter:
                return VulkanCapabilities.support(for: node, physical, target)
            }
        } catch { return .unsupported(reason: error.message) }
    }

    /// Device memory.
    public func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        let device = try registry.device(device)
        return VulkanBuffer(try device.allocate(byteCount: byteCount, for: .tensor), device)
    }

    /// Lowers the graph to launches of kernels, and has the driver compile those that it has not compiled before.
    public func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        try VulkanProgram(unit, device: registry.device(device))
    }
}
