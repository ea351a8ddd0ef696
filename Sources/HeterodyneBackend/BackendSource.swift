// Heterodyne: backends that are looked for while a program runs.
// SPDX-License-Identifier: Apache-2.0

/// Looks for backends when devices are first asked for, as the plugin host does in folders of manifests.
public protocol BackendSource: Sendable {
    /// The backends that can be used, and why others cannot. Never throws, prints or takes long: what does not answer is
    /// refused.
    func find() -> BackendFindings
}

/// What a source of backends found.
public struct BackendFindings: Sendable {
    /// Backends that can be used, each with a name of its own.
    public var backends: [any Backend]
    /// What was refused, with reason and remedy.
    public var refused: [UnavailableDevice]

    /// What was found.
    public init(backends: [any Backend] = [], refused: [UnavailableDevice] = []) {
        self.backends = backends
        self.refused = refused
    }
}
