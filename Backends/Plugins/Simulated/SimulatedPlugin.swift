// Heterodyne: the Simulated backend as a plugin.
// SPDX-License-Identifier: Apache-2.0

public import CHeterodynePlugin
import HeterodynePluginKit
import HeterodyneSimulated

// swift-format-ignore: AlwaysUseLowerCamelCase
/// The one symbol of a plugin; the compiler holds it to the declaration in the header.
@c @implementation
public func heterodyne_plugin_open(
    _ host: UnsafePointer<heterodyne_host>?, _ minimum: UInt32, _ maximum: UInt32,
    _ plugin: UnsafeMutablePointer<UnsafePointer<heterodyne_plugin>?>?, _ error: UnsafeMutablePointer<heterodyne_error>?
) -> Int32 {
    PluginKit.open(
        { SimulatedBackend() }, name: "simulated", version: "0.1.0", host: host, minimum: minimum, maximum: maximum,
        plugin: plugin, error: error)
}
