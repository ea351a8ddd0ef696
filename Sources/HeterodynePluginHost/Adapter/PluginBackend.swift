// Heterodyne: the devices of a plugin as a backend.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend

/// The devices of a plugin as a backend.
public final class PluginBackend: Backend {
    /// The plugin's name.
    public let name: String
    private let plugin: LoadedPlugin

    /// The devices of `plugin`. What is wrong with them shows in `discover()`.
    init(_ plugin: LoadedPlugin) {
        name = plugin.name
        self.plugin = plugin
    }

    /// The devices that can be used, and why others cannot.
    public func discover() -> DeviceListing { DeviceListing() }

    /// What a device can do. Throws `deviceUnavailable`.
    public func capabilities(of device: String) throws(BackendError) -> Capabilities { throw missing(device) }

    /// Memory on a device. Throws `outOfMemory`.
    public func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer { throw missing(device) }

    /// A program. Throws `compilationFailed`.
    public func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        throw missing(device)
    }

    private func missing(_ device: String) -> BackendError {
        BackendError(.deviceUnavailable, "the plugin '\(name)' has no such device", device: device)
    }
}
