// Heterodyne: loads the libraries of plugins, each once.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import CPluginProbe
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The libraries of plugins that are loaded into this process. They are never unloaded: programs may be running, and threads
/// of their own.
enum PluginLibrary {
    /// The table of an open plugin.
    ///
    /// Unchecked: the table is never written after it was handed out.
    private struct Opened: @unchecked Sendable {
        var handle: UnsafeMutableRawPointer
        var result: Result<UnsafePointer<heterodyne_plugin>, PluginRefusal>
    }

    private static let opened = Mutex<[TrustedFile.Identity: Opened]>([:])

    /// Whether the library is loaded and open, so that it needs no probe.
    static func isOpen(_ identity: TrustedFile.Identity) -> Bool {
        opened.withLock { opened in
            guard case .success = opened[identity]?.result else { return false }
            return true
        }
    }

    /// The plugin in the library at `path`, which passed its probe. Opened once per process, under whatever names and paths
    /// it is found.
    static func open(
        _ path: String, identity: TrustedFile.Identity, name: (UnsafePointer<heterodyne_plugin>) -> String,
        manifestPath: String?
    ) throws(PluginRefusal) -> LoadedPlugin {
        let opened = try opened.withLock { (known) throws(PluginRefusal) in
            if let opened = known[identity] { return opened }
            guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
                let words = dlerror().map { String(cString: $0) } ?? "the loader does not say why"
                throw PluginRefusal(
                    reason: "the library \(path) cannot be loaded here, though a child process could: "
                        + ProbeReport.readable(words), remedy: "Try again")
            }
            // A library whose file was replaced has another identity, but the loader keeps the one that is loaded.
            let opened =
                known.values.first { $0.handle == handle } ?? Opened(handle: handle, result: open(handle, path))
            known[identity] = opened
            return opened
        }
        let table = try opened.result.get()
        return LoadedPlugin(
            name: name(table), path: path, manifestPath: manifestPath, table: table, version: table.pointee.version)
    }

    private static func open(
        _ handle: UnsafeMutableRawPointer, _ path: String
    ) -> Result<UnsafePointer<heterodyne_plugin>, PluginRefusal> {
        func refusal(_ reason: String) -> Result<UnsafePointer<heterodyne_plugin>, PluginRefusal> {
            .failure(
                PluginRefusal(
                    reason: "the plugin \(reason) here, though it passed its probe in a child process (\(path))",
                    remedy: "Report this to who made the plugin"))
        }
        guard let entry = dlsym(handle, "heterodyne_plugin_open") else { return refusal("has no entry point") }
        let capacity = Int(HETERODYNE_PROBE_TEXT)
        var message = [CChar](repeating: 0, count: capacity)
        var status: Int32 = 0
        var table: UnsafePointer<heterodyne_plugin>?
        let failure = heterodyne_probe_open(
            entry, HostTable.make(path), heterodyne_probe_oldest(), heterodyne_probe_newest(), &table, &status,
            &message,
            capacity)
        guard failure == 0, let table else {
            let text = ProbeReport.readable(
                String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
            let code = heterodyne_probe_status_name(status).map { String(cString: $0) } ?? "status \(status)"
            return refusal(
                status == 0 ? "breaks a rule of the interface: \(text)" : "returned \(code) from opening: \(text)")
        }
        return .success(table)
    }
}

/// What the host offers to plugins.
private enum HostTable {
    private final class Context {
        let plugin: String
        init(_ plugin: String) { self.plugin = plugin }
    }

    /// The table for the plugin in the library at `path`; it stays valid for ever, as the library does.
    static func make(_ path: String) -> UnsafePointer<heterodyne_host> {
        let name: StaticString = "heterodyne"
        let table = UnsafeMutablePointer<heterodyne_host>.allocate(capacity: 1)
        let file = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
        table.initialize(
            to: heterodyne_host(
                struct_size: MemoryLayout<heterodyne_host>.size, extensions: nil,
                name: heterodyne_string(
                    data: UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
                    size: UInt64(name.utf8CodeUnitCount)),
                context: Unmanaged.passRetained(Context(file)).toOpaque(),
                log: { context, level, text in
                    guard let context else { return }
                    let plugin = Unmanaged<Context>.fromOpaque(context).takeUnretainedValue().plugin
                    PluginLog.take(plugin, level: level, text)
                }))
        return UnsafePointer(table)
    }
}
