// Heterodyne: several devices that one program runs on.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// Several devices that one program runs on: every node where the whole costs least.
///
/// ```swift
/// let devices = try Device.set(["vulkan:0", "openblas"])
/// let step = compile(devices: devices) { x in x.exp().sum() }
/// ```
public struct DeviceSet: Sendable, Hashable, CustomStringConvertible {
    /// The devices. Inputs and outputs live on the first; where `isAutomatic`, on the one with most work.
    public let devices: [Device]
    /// Whether the devices were chosen, rather than named.
    public let isAutomatic: Bool
    /// Whether inputs and outputs live on the first device, rather than where most is done.
    let keepsFirst: Bool

    /// These devices. Throws `invalidArgument` for none and for a device that is named twice.
    public init(_ devices: [Device]) throws(HeterodyneError) {
        try self.init(devices, isAutomatic: false)
    }

    init(_ devices: [Device], isAutomatic: Bool, keepsFirst: Bool? = nil) throws(HeterodyneError) {
        guard !devices.isEmpty else {
            throw .backend(
                BackendError(
                    .invalidArgument, "a set of devices is empty; name at least one, or use the automatic set"))
        }
        for (index, device) in devices.enumerated() where devices[..<index].contains(device) {
            throw .backend(
                BackendError(.invalidArgument, "the device is named twice in one set; name it once", device: device.id))
        }
        self.devices = devices
        self.isAutomatic = isAutomatic
        self.keepsFirst = keepsFirst ?? !isAutomatic
    }

    /// The first device.
    public var first: Device { devices[0] }

    /// The same devices, where inputs and outputs live on one of them. Throws `invalidArgument` for a device that is not
    /// in the set.
    public func starting(with device: Device) throws(HeterodyneError) -> DeviceSet {
        guard devices.contains(device) else {
            throw .backend(
                BackendError(.invalidArgument, "the device is not in the set of \(self)", device: device.id))
        }
        return try DeviceSet(
            [device] + devices.filter { $0 != device }, isAutomatic: isAutomatic, keepsFirst: true)
    }

    /// The identifiers, separated by commas.
    public var description: String { devices.map(\.id).joined(separator: ",") }
}

extension DeviceRegistry {
    /// The devices with these identifiers. Throws `deviceUnavailable` with the reason and what to do, and
    /// `invalidArgument` for none and for one that is named twice.
    public func set(_ ids: [String]) throws(HeterodyneError) -> DeviceSet {
        var devices: [Device] = []
        for id in ids { devices.append(try liftingBackend { () throws(BackendError) in try device(id) }) }
        return try DeviceSet(devices)
    }

    /// Every device that can be used, but the interpreter only where there is no other: a program that nothing else runs
    /// gets it as well. Throws `deviceUnavailable` where there is none.
    public func automaticSet() throws(HeterodyneError) -> DeviceSet {
        let all = devices.filter { !$0.descriptor.isSimulated }
        let fast = all.filter { !$0.isInterpreter }
        guard !all.isEmpty else {
            throw .backend(BackendError(.deviceUnavailable, "no device can be used; run devquery for the reasons"))
        }
        return try DeviceSet(fast.isEmpty ? all : fast, isAutomatic: true)
    }
}
