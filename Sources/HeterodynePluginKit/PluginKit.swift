// Heterodyne: any Swift backend as a plugin.
// SPDX-License-Identifier: Apache-2.0

public import CHeterodynePlugin
public import HeterodyneBackend
import Synchronization

/// Makes a plugin of a backend. A plugin is a shared library with one function:
///
/// ```swift
/// @c @implementation
/// public func heterodyne_plugin_open(
///     _ host: UnsafePointer<heterodyne_host>?, _ minimum: UInt32, _ maximum: UInt32,
///     _ plugin: UnsafeMutablePointer<UnsafePointer<heterodyne_plugin>?>?, _ error: UnsafeMutablePointer<heterodyne_error>?
/// ) -> Int32 {
///     PluginKit.open(
///         { MyBackend() }, name: "mine", version: "1.0", host: host, minimum: minimum, maximum: maximum,
///         plugin: plugin, error: error)
/// }
/// ```
///
/// `docs/PluginKit.md` has a complete example.
public enum PluginKit {
    /// The lowest version of the interface that plugins made here speak: 1.0.
    public static let minimumVersion: UInt32 = 1 << 16
    /// The highest: 1.0.
    public static let maximumVersion: UInt32 = 1 << 16

    private static let tables = Mutex<[String: Forever<heterodyne_plugin>]>([:])

    /// The body of `heterodyne_plugin_open`: negotiates the version and hands out the functions of the backend that `make`
    /// returns. They are made once per process and name and are never freed. `make` should be quick; devices are looked for
    /// when the host asks how many there are.
    ///
    /// - Parameters:
    ///   - make: Makes the backend, when the plugin is first opened with a version that it speaks.
    ///   - name: The name of the plugin, as its manifest has it.
    ///   - version: The version of the plugin, for people.
    ///   - host: What the host passed, as the other four.
    /// - Returns: A `heterodyne_status`.
    public static func open(
        _ make: () -> any Backend, name: String, version: String, host: UnsafePointer<heterodyne_host>?,
        minimum: UInt32, maximum: UInt32, plugin: UnsafeMutablePointer<UnsafePointer<heterodyne_plugin>?>?,
        error: UnsafeMutablePointer<heterodyne_error>?
    ) -> Int32 {
        guard let plugin else {
            return Failure(.invalidArgument, "the host passed no place for the plugin's functions").write(to: error)
        }
        guard minimum <= maximumVersion, maximum >= minimumVersion, minimum <= maximum else {
            let spoken = text(minimumVersion)
            return Failure(
                .versionMismatch,
                "the plugin \(name) \(version) speaks version \(spoken) of the plugin interface and the host speaks "
                    + "\(text(minimum)) to \(text(maximum)); install versions of both that fit"
            ).write(to: error)
        }
        let table = tables.withLock { tables in
            if let table = tables[name] { return table }
            let table = PluginTable.make(make(), name: name, version: version)
            tables[name] = table
            return table
        }
        plugin.pointee = table.pointer
        return Failure.ok
    }

    /// The functions of a plugin for `backend`, made anew and never freed: for hosts and plugins in one process, as in tests.
    public static func table(
        for backend: any Backend, name: String, version: String
    ) -> UnsafePointer<heterodyne_plugin> {
        PluginTable.make(backend, name: name, version: version).pointer
    }

    private static func text(_ version: UInt32) -> String { "\(version >> 16).\(version & 0xFFFF)" }
}
