// Heterodyne: the devices of a plugin, each checked by itself.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The devices of a plugin: those that can be used, and why others cannot.
struct PluginDevices: Sendable {
    /// Those that can be used, in the plugin's order.
    private(set) var usable: [PluginDevice] = []
    /// The others.
    private(set) var unavailable: [UnavailableDevice] = []

    /// The most devices that a plugin may have.
    static let limit: UInt64 = 1024

    private let plugin: LoadedPlugin
    private let table: PluginTable
    private let patience: Int
    private var taken: Set<String> = []

    /// Asks `plugin` for everything.
    init(_ plugin: LoadedPlugin, _ table: PluginTable, patience: Int) {
        self.plugin = plugin
        self.table = table
        self.patience = patience
        do throws(Refusal) {
            let count = try count()
            for index in 0..<count { add(index, of: count) }
        } catch { refuse(plugin.name, error.reason) }
    }

    private mutating func refuse(_ id: String, _ reason: String, _ remedy: String = "") {
        unavailable.append(
            UnavailableDevice(
                id: id, backend: plugin.name, reason: reason,
                remedy: remedy.isEmpty ? "Ask whoever made \(plugin.path)" : remedy))
    }

    private func count() throws(Refusal) -> UInt64 {
        if let defect = table.defect { throw Refusal("the plugin is broken: \(defect)") }
        guard let deviceCount = table.function(\.device_count) else { return 0 }
        var count: UInt64 = 0
        if let failure = table.failure(of: .deviceCount, { deviceCount(table.context, &count, $0) }) {
            let message = failure.text(of: PluginFunction.deviceCount.rawValue)
            throw Refusal("the plugin cannot say which devices there are: \(message)")
        }
        guard count > 0 else { throw Refusal("the plugin found no device") }
        guard count <= Self.limit else {
            throw Refusal("the plugin says that it has \(count) devices; \(Self.limit) is the limit")
        }
        return count
    }

    /// Asks about device number `index`.
    private mutating func add(_ index: UInt64, of count: UInt64) {
        guard let describe = table.function(\.device_describe) else { return }
        // What the device is called where its own name cannot be used.
        let fallback = count == 1 ? plugin.name : "\(plugin.name):\(index)"
        var pointer: UnsafePointer<heterodyne_device_info>?
        if let failure = table.failure(of: .deviceDescribe, { describe(table.context, index, &pointer, $0) }) {
            return refuse(fallback, failure.text(of: PluginFunction.deviceDescribe.rawValue))
        }
        var id = ""
        do throws(Refusal) {
            var info = try DeviceInfo(pointer, backend: plugin.name, id: &id)
            guard !id.isEmpty || count == 1 else {
                throw Refusal("info.id is empty, and the plugin has \(count) devices")
            }
            guard taken.insert(id).inserted else {
                id = ""
                throw Refusal("info.id '\(info.id)' is another device's")
            }
            info.descriptor.id = id.isEmpty ? fallback : "\(plugin.name):\(id)"
            if let (reason, remedy) = info.unavailable { return refuse(info.descriptor.id, reason, remedy) }
            try open(index, info)
        } catch {
            let name = id.isEmpty ? fallback : "\(plugin.name):\(id)"
            refuse(name, "the plugin gives a wrong description: \(error.reason)")
        }
    }

    /// Asks what a device can do that seems to be usable.
    private mutating func open(_ index: UInt64, _ info: DeviceInfo) throws(Refusal) {
        guard let read = table.function(\.device_capabilities) else { return }
        var pointer: UnsafePointer<heterodyne_capabilities>?
        if let failure = table.failure(of: .deviceCapabilities, { read(table.context, index, &pointer, $0) }) {
            return refuse(info.descriptor.id, failure.text(of: PluginFunction.deviceCapabilities.rawValue))
        }
        let hasHostAccess = table.function(\.buffer_address) != nil && table.function(\.buffer_import) != nil
        let capabilities = try Capabilities(plugin: pointer, hasHostAccess: hasHostAccess)
        var descriptor = info.descriptor
        descriptor.versions["plugin interface"] = Self.text(version: plugin.version)
        descriptor.versions["plugin"] = table.pluginVersion.isEmpty ? "unknown" : table.pluginVersion
        descriptor.details["plugin library"] = plugin.path
        descriptor.details["plugin manifest"] = plugin.manifestPath
        descriptor.fingerprint = "\(identity); \(descriptor.fingerprint)"
        usable.append(
            PluginDevice(
                table, index: index, descriptor: descriptor, capabilities: capabilities,
                isAsynchronous: info.isAsynchronous, patience: patience))
    }

    /// `major.minor`.
    static func text(version: UInt32) -> String { "\(version >> 16).\(version & 0xFFFF)" }

    /// Name, version and library of a plugin: another build is another one.
    private var identity: String {
        var status = stat()
        var file = "a library without a file"
        if stat(plugin.path, &status) == 0 {
            file = "library of \(status.st_size) bytes from \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        }
        return "plugin \(plugin.name) \(table.pluginVersion), \(file)"
    }
}
