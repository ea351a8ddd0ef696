// Heterodyne: the plugins that are installed, found through their manifests.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend

/// The plugins that are installed, found through their manifests.
public struct InstalledPlugins: BackendSource {
    /// A source that searches the documented folders.
    public init() {}

    /// The plugins that can be used, and why others cannot.
    public func find() -> BackendFindings { PluginHost().find() }
}
