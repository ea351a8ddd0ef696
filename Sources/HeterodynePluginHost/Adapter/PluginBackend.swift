// Heterodyne: the devices of a plugin as a backend.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
public import HeterodyneBackend
public import HeterodyneGraph
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The devices of a plugin as a backend. Nothing that the plugin says is taken on trust: what is wrong with a device
/// shows in `discover()`, and what is wrong with an answer in an error that names the plugin.
public final class PluginBackend: Backend {
    /// The plugin's name.
    public let name: String
    let table: PluginTable
    private let plugin: LoadedPlugin
    private let patience: Int
    private let found = Mutex<PluginDevices?>(nil)

    /// Seconds after which a run of an asynchronous device that did not end counts as lost, unless told.
    static let defaultPatience = 300

    /// The devices of `plugin`, which is asked for them when they are first needed. `patience`: seconds; nil for what
    /// the environment says.
    init(_ plugin: LoadedPlugin, patience: Int? = nil) {
        name = plugin.name
        self.plugin = plugin
        self.patience = patience ?? Self.environmentPatience
        table = PluginTable(plugin)
    }

    /// `$HETERODYNE_PLUGIN_PATIENCE` in seconds, at most a day.
    private static var environmentPatience: Int {
        guard let text = getenv("HETERODYNE_PLUGIN_PATIENCE"), let seconds = Int(String(cString: text)), seconds > 0
        else { return defaultPatience }
        return min(seconds, 86_400)
    }

    /// The devices, asked for once: what plugins hand out does not change.
    private var devices: PluginDevices {
        found.withLock { found in
            if let found { return found }
            let devices = PluginDevices(plugin, table, patience: patience)
            found = devices
            return devices
        }
    }

    /// The device called `id`. Throws `deviceUnavailable`.
    func device(_ id: String) throws(BackendError) -> PluginDevice {
        let devices = devices
        if let device = devices.usable.first(where: { $0.id == id }) { return device }
        if let missing = devices.unavailable.first(where: { $0.id == id }) {
            throw BackendError(.deviceUnavailable, "\(missing.reason). \(missing.remedy)", device: id)
        }
        let known = devices.usable.map(\.id).joined(separator: ", ")
        throw BackendError(
            .deviceUnavailable, "the plugin \(name) has no such device; it has: \(known.isEmpty ? "none" : known)",
            device: id)
    }

    /// The devices that can be used, whose description and capabilities are in order, and why others cannot.
    public func discover() -> DeviceListing {
        let devices = devices
        return DeviceListing(devices: devices.usable.map(\.descriptor), unavailable: devices.unavailable)
    }

    /// What a device can do. Throws `deviceUnavailable`.
    public func capabilities(of device: String) throws(BackendError) -> Capabilities {
        try self.device(device).capabilities
    }

    /// Memory on a device. A device that was lost is opened again first. Throws `outOfMemory`, `deviceLost`, or what
    /// the plugin reports.
    public func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        let device = try self.device(device)
        try device.recover()
        return try PluginBuffer(byteCount: byteCount, on: device)
    }

    /// A buffer with the bytes of `storage`, without a copy where the device reads host memory. Throws as `allocate`.
    public func importing(_ storage: LiteralStorage, on device: String) throws(BackendError) -> any Buffer {
        let device = try self.device(device)
        try device.recover()
        if device.capabilities.hasUnifiedMemory, let bytes = storage.bytes.baseAddress, !storage.bytes.isEmpty {
            do {
                return try PluginBuffer(
                    importing: UnsafeMutableRawPointer(mutating: bytes), byteCount: storage.bytes.count,
                    isReadOnly: true, owner: storage, on: device)
            } catch  where error.kind == .unsupported || error.kind == .invalidArgument {
                // Memory that the device cannot take as it is, for instance because of its alignment, is copied.
            }
        }
        let buffer = try PluginBuffer(byteCount: storage.bytes.count, on: device)
        try storage.withBytes { (bytes) throws(BackendError) in try buffer.write(from: bytes, at: 0) }
        return buffer
    }

    /// A program. Throws `compilationFailed` where the plugin fails, refuses what it said it supports, or makes a
    /// program that does not fit the graph.
    public func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        let device = try self.device(device)
        try device.recover()
        return try PluginExecutable(unit, for: device)
    }

    /// What the plugin answers, or its capabilities where it answers no questions.
    public func support(for node: NodeSignature, on device: String) -> Support {
        do { return try self.device(device).support(for: node) } catch { return .unsupported(reason: error.message) }
    }
}
