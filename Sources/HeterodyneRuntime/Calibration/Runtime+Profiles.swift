// Heterodyne: how fast devices are, measured once.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneCompiler
import HeterodyneGraph
import Synchronization

extension Runtime {
    /// How fast a device is: what was measured or set before, else what is measured now or, where `measuring` is false,
    /// assumed. What was measured is kept in memory and in a file of the cache folder (`HETERODYNE_CACHE`).
    ///
    /// - Throws: what the device throws while it is measured.
    public func profile(of device: Device, measuring: Bool = false) throws(HeterodyneError) -> DeviceProfile {
        if let known = profiles.find(device.descriptor) { return known }
        return measuring ? try calibrate(device, isForced: false) : assumedProfile(of: device)
    }

    /// Measures how fast a device is, which takes well under a second, and keeps the figures in memory and in a file.
    @discardableResult
    public func calibrate(_ device: Device) throws(HeterodyneError) -> DeviceProfile {
        try calibrate(device, isForced: true)
    }

    /// Sets how fast a device is from now on, for who knows better than a measurement; nil forgets what is in memory.
    public func setProfile(_ profile: DeviceProfile?, of device: Device) {
        if let profile {
            profiles.insert(profile, for: device.descriptor, isKept: false)
        } else {
            profiles.remove(device.descriptor)
        }
    }

    private func calibrate(_ device: Device, isForced: Bool) throws(HeterodyneError) -> DeviceProfile {
        // One at a time: what runs beside a measurement spoils it.
        let outcome = calibrating.withLock { _ -> Result<DeviceProfile, HeterodyneError> in
            if !isForced, let known = profiles.find(device.descriptor) { return .success(known) }
            let measured = Result { () throws(HeterodyneError) in
                var options = ProgramOptions()
                options.fallbacks = []
                options.label = "calibration"
                let calibration = Calibration(device: device) { (graph) throws(HeterodyneError) in
                    try self.compile(graph, on: device, options: options)
                }
                return try calibration.measure()
            }
            if case .success(let profile) = measured {
                profiles.insert(profile, for: device.descriptor, isKept: true)
            }
            return measured
        }
        return try outcome.get()
    }

    /// What is assumed of a device.
    func assumedProfile(of device: Device) -> DeviceProfile {
        let capabilities = try? device.capabilities()
        let profile = DeviceProfile.assumed(
            kind: device.descriptor.isSoftware ? .cpu : device.descriptor.kind,
            isSoftware: device.descriptor.isSoftware, threads: device.descriptor.threads,
            hasUnifiedMemory: capabilities?.hasUnifiedMemory ?? true)
        return device.isInterpreter ? profile.scaled(by: 1e-3) : profile
    }
}

extension Device {
    /// Whether the device is the definition of all operations rather than a way to run them fast.
    var isInterpreter: Bool { descriptor.backend == "reference" }
}
