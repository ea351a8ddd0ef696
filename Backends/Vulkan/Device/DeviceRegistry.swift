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
        /// With the self-test's results, once they are known.
        var target: KernelTarget?
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
            var listing = state.listing ?? DeviceListing()
            for index in listing.devices.indices {
                let target = knownTarget(listing.devices[index].id, &state)
                listing.devices[index].details["emulation"] = target?.emulationNote
            }
            return listing
        }
    }

    /// What kernels are built for on a device whose self-test was run, now or earlier.
    private func knownTarget(_ id: String, _ state: inout State) -> KernelTarget? {
        guard let known = state.devices[id] else { return nil }
        if let target = known.target { return target }
        var target = known.physical.target(options)
        let file = SelfTest.file(known.physical, target, folder: options.vulkanCacheDirectory)
        guard let arithmetic = SelfTest.read(file) else { return nil }
        target.measured(arithmetic)
        state.devices[id]?.target = target
        return target
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
                state.devices[id]?.target = device.target
                return .success(device)
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// What kernels are built for on a device, with the self-test's results. The device is opened only where these are
    /// not known yet.
    func target(_ id: String) throws(BackendError) -> (PhysicalDevice, KernelTarget) {
        let found: (PhysicalDevice, KernelTarget)? = state.withLock { state in
            list(&state)
            guard let physical = state.devices[id]?.physical, let target = knownTarget(id, &state) else { return nil }
            return (physical, target)
        }
        if let found { return found }
        let device = try device(id)
        return (device.logical.physical, device.target)
    }

    /// Fills the listing once. Drivers are asked for facts, no device is opened.
    private func list(_ state: inout State) {
        if state.listing != nil { return }
        var listing = DeviceListing()
        do throws(BackendError) {
            let instance = try VulkanInstance.shared(options)
            let handles = try instance.physicalDevices()
            for (index, handle) in handles.enumerated() {
                let id = "vulkan:\(index)"
                switch Self.examine(instance, handle, id) {
                case .success(let physical):
                    let descriptor = physical.descriptor(id: id, instance: instance, options: options)
                    listing.devices.append(descriptor)
                    state.devices[id] = Known(physical: physical, descriptor: descriptor)
                case .failure(let obstacle): listing.unavailable.append(obstacle.device)
                }
            }
            listing.unavailable += handles.isEmpty ? DriverDiagnosis().absence() : DriverDiagnosis().remarks()
        } catch {
            if (try? VulkanLibrary.load(options.libraryNames)) != nil, error.kind == .deviceUnavailable {
                // The loader works, the drivers do not.
                listing.unavailable += DriverDiagnosis().absence()
            } else {
                listing.unavailable.append(
                    UnavailableDevice(
                        id: VulkanBackend.firstDevice, backend: "vulkan", reason: error.message,
                        remedy: VulkanLibrary.remedy))
            }
        }
        state.listing = listing
    }

    private struct Obstacle: Error { var device: UnavailableDevice }

    private static func examine(
        _ instance: VulkanInstance, _ handle: VkPhysicalDevice, _ id: String
    ) -> Result<PhysicalDevice, Obstacle> {
        let basics = PhysicalDevice.basics(instance, handle)
        let version = VulkanVersion(packed: basics.apiVersion)
        func unusable(_ reason: String, _ remedy: String) -> Result<PhysicalDevice, Obstacle> {
            .failure(
                Obstacle(
                    device: UnavailableDevice(
                        id: id, backend: "vulkan", reason: "\(text(basics.deviceName)): \(reason)", remedy: remedy)))
        }
        guard version >= VulkanVersion(1, 2) else {
            return unusable(
                "the driver has Vulkan \(version); 1.2 or later is needed", "install a newer driver, if there is one")
        }
        let physical = PhysicalDevice(instance, handle)
        if let obstacle = physical.obstacle { return unusable(obstacle, "install a newer driver, if there is one") }
        return .success(physical)
    }
}
