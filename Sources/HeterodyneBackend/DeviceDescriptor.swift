// Heterodyne: what a device is, as data.
// SPDX-License-Identifier: Apache-2.0

/// What a device is. The name is for people; the fingerprint keys caches of compiled code.
public struct DeviceDescriptor: Sendable, Hashable, Codable, Identifiable {
    /// The kinds of hardware.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// A processor that runs the host program too.
        case cpu
        /// A graphics processor with its own memory.
        case discreteGPU
        /// A graphics processor that shares the host's memory.
        case integratedGPU
        /// A part made for neural networks.
        case accelerator
        /// Anything else.
        case other
    }

    /// Stable identifier: the backend's name, with `:index` where the backend has several devices.
    public var id: String
    /// The name of the backend that drives the device.
    public var backend: String
    /// What the device is.
    public var kind: Kind
    /// Whether the device is emulated in software, such as a rasterizer on the CPU.
    public var isSoftware: Bool
    /// Whether the device stands for hardware that is not there, with times that are computed and not measured. It is used
    /// only where it is named: never by default, as a fallback or in an automatic set.
    public var isSimulated: Bool
    /// For people: the model of the processor or card.
    public var name: String
    /// Who made it, as it reports itself.
    public var vendor: String
    /// Threads or compute units that run at the same time.
    public var threads: Int
    /// Memory that tensors can use, in bytes.
    public var memoryByteCount: Int
    /// Memory free when the device was listed, in bytes, where known.
    public var freeMemoryByteCount: Int?
    /// Versions of the libraries and drivers involved, by name.
    public var versions: [String: String]
    /// Further facts worth showing, by name.
    public var details: [String: String]
    /// Vendor, device, driver version and build in one string; equal strings may share compiled code.
    public var fingerprint: String

    /// A description of a device.
    public init(
        id: String, backend: String, kind: Kind, isSoftware: Bool = false, isSimulated: Bool = false, name: String,
        vendor: String, threads: Int,
        memoryByteCount: Int, freeMemoryByteCount: Int? = nil, versions: [String: String] = [:],
        details: [String: String] = [:], fingerprint: String
    ) {
        self.id = id
        self.backend = backend
        self.kind = kind
        self.isSoftware = isSoftware
        self.isSimulated = isSimulated
        self.name = name
        self.vendor = vendor
        self.threads = threads
        self.memoryByteCount = memoryByteCount
        self.freeMemoryByteCount = freeMemoryByteCount
        self.versions = versions
        self.details = details
        self.fingerprint = fingerprint
    }
}

/// A device or backend that was looked for and cannot be used.
public struct UnavailableDevice: Sendable, Hashable, Codable {
    /// The identifier that the device would have.
    public var id: String
    /// The backend that looked for it.
    public var backend: String
    /// Why it cannot be used.
    public var reason: String
    /// What a person can do about it.
    public var remedy: String

    /// A device that cannot be used.
    public init(id: String, backend: String, reason: String, remedy: String) {
        self.id = id
        self.backend = backend
        self.reason = reason
        self.remedy = remedy
    }
}

/// What a backend found.
public struct DeviceListing: Sendable, Hashable, Codable {
    /// Devices that can be used.
    public var devices: [DeviceDescriptor]
    /// Devices that were looked for in vain.
    public var unavailable: [UnavailableDevice]

    /// A listing.
    public init(devices: [DeviceDescriptor] = [], unavailable: [UnavailableDevice] = []) {
        self.devices = devices
        self.unavailable = unavailable
    }
}
