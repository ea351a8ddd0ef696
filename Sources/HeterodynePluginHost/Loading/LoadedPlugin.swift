// Heterodyne: a plugin's library after it was loaded and opened.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin

/// A library that passed its probe, was loaded into this process and opened: its table and what the manifest says.
///
/// Unchecked: the table is never written after `heterodyne_plugin_open` returned it, and never unloaded.
struct LoadedPlugin: @unchecked Sendable {
    /// The manifest's name, lower-case letters, digits, `-` and `_`; the backend's name.
    let name: String
    /// The path of the library.
    let path: String
    /// The path of the manifest, nil where the library was loaded by path.
    let manifestPath: String?
    /// What the plugin offers, valid for ever. The version was negotiated, and the required functions are there.
    let table: UnsafePointer<heterodyne_plugin>
    /// The interface version that the plugin picked.
    let version: UInt32
}
