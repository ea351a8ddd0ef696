// Heterodyne: which Vulkan devices there are, and those that are open.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import Synchronization

/// Which devices there are, listed once, and those that are open. A device that was lost is opened again when it is
/// next asked for.
final class DeviceRegistry: @unchecked Sendable {
    // Unchecked: the state is under a lock, the rest is constant.

    /// What the environment asks for.
    static let standard = DeviceRegistry(VulkanOptions.fromEnvironment())

    private struct Known {
        var physical: PhysicalDevice
        var descriptor: DeviceDescriptor
        var open: VulkanDevice?
    }
    private struct State {
        var listing: DeviceListing?
        var devices: [String: Known] = [:]
    }

    let options: VulkanOptions
    private let state = Mutex(State())

    init(_ options: VulkanOptions) { self.options = options }

    /// The devices and what cannot be used.
    func listing() -> DeviceListing {
        state.withLock { state in
            list(&state)
            return state.listing ?? DeviceListing()
        }
    }

    /// An open device. Throws `deviceUnavailable`.
    func device(_ id: String) throws(BackendError) -> VulkanDevice {
        let result: Result<VulkanDevice, BackendError> = state.withLock { state in
            list(&state)
            guard let known = state.devices[id] else {
                let reason = state.listing?.unavailable.first { $0.id == id } ?? state.listing?.unavailable.first
                let why = reason.map { ": \($0.reason); \($0.remedy)" } ?? ""
                return .failure(BackendError(.deviceUnavailable, "there is no such Vulkan device\(why)", device: id))
            }
            if let open = known.open, !open.isLost { return .success(open) }
            do throws(BackendError) {
                let device = try VulkanDevice(
                    id: id, instance: VulkanInstance.shared(options), physical: known.physical,
                    descriptor: known.descriptor, options: options)
                state.devices[id]?.open = device
                return .success(device)
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    private func list(_ state: inout State) {
        if state.listing != nil { return }
        var listing = DeviceListing()
        do throws(BackendError) {
            let instance = try VulkanInstance.shared(options)
            for (index, handle) in try instance.physicalDevices().enumerated() {
                let id = "vulkan:\(index)"
                let basics = PhysicalDevice.basics(instance, handle)
                let version = VulkanVersion(packed: basics.apiVersion)
                guard version >= VulkanVersion(1, 2) else {
                    listing.unavailable.append(
                        UnavailableDevice(
                            id: id, backend: "vulkan",
                            reason: "\(text(basics.deviceName)) has Vulkan \(version); 1.2 or later is needed",
                            remedy: "install a newer driver"))
                    continue
                }
                let physical = PhysicalDevice(instance, handle)
                if let obstacle = physical.obstacle {
                    listing.unavailable.append(
                        UnavailableDevice(
                            id: id, backend: "vulkan", reason: "\(physical.name): \(obstacle)",
                            remedy: "use another device or a newer driver"))
                    continue
                }
                let descriptor = physical.descriptor(id: id, instance: instance)
                listing.devices.append(descriptor)
                state.devices[id] = Known(physical: physical, descriptor: descriptor)
            }
        } catch {
            listing.unavailable.append(
                UnavailableDevice(
                    id: VulkanBackend.firstDevice, backend: "vulkan", reason: error.message,
                    remedy: VulkanLibrary.remedy))
        }
        state.listing = listing
    }
}
