// Heterodyne: finding several devices by name.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneRuntime

extension Device {
    /// The devices with these identifiers, for programs that run on all of them: `Device.set(["vulkan:0", "openblas"])`.
    /// Inputs and outputs live on the first. Throws `deviceUnavailable` with the reason and what to do, and
    /// `invalidArgument` for none and for one that is named twice.
    public static func set(_ ids: [String]) throws(HeterodyneError) -> DeviceSet {
        try Runtime.shared.registry.set(ids)
    }

    /// A way to choose devices.
    public enum SetChoice: Sendable, Hashable {
        /// Every device that can be used; see `DeviceSet.automatic`.
        case automatic
    }

    /// The devices of a choice. Throws `deviceUnavailable` where there are none.
    public static func set(_ choice: SetChoice) throws(HeterodyneError) -> DeviceSet {
        switch choice {
        case .automatic: try DeviceSet.automatic
        }
    }
}

extension DeviceSet {
    /// Every device that can be used, but the interpreter only where there is no other, or for what nothing else runs.
    /// Inputs and outputs of a program live on the device with most of its work. Throws `deviceUnavailable`.
    public static var automatic: DeviceSet {
        get throws(HeterodyneError) { try Runtime.shared.registry.automaticSet() }
    }

    /// `automatic`, or identifiers separated by commas. Throws as `Device.set`.
    public init(parsing text: some StringProtocol) throws(HeterodyneError) {
        if text == "automatic" {
            self = try .automatic
        } else {
            let ids = text.split(omittingEmptySubsequences: false) { $0 == "," }
            self = try Device.set(ids.map { String($0) })
        }
    }
}
