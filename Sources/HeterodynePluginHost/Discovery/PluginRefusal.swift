// Heterodyne: why a plugin is not used.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneJSON

/// Why a plugin is not used, and what a person can do.
struct PluginRefusal: Error, Sendable, Hashable {
    /// Why.
    var reason: String
    /// What to do.
    var remedy: String

    /// A line for listings. `id` is the plugin's name, or the manifest's file where there is no name.
    func line(id: String, backend: String = "plugin") -> UnavailableDevice {
        UnavailableDevice(id: id, backend: backend, reason: reason, remedy: remedy)
    }
}

extension PluginRefusal: JSONFailure {
    /// The classes of mistakes in JSON text; the message tells them apart for people.
    enum JSONKind { case malformed, invalidText, limit }
    static var malformedJSON: JSONKind { .malformed }
    static var invalidJSONText: JSONKind { .invalidText }
    static var exceededJSONLimit: JSONKind { .limit }

    /// The mistake in the file at `path`.
    init(_ kind: JSONKind, json message: String, path: String) {
        let what =
            switch kind {
            case .malformed: "is not valid JSON"
            case .invalidText: "has text that is not Unicode"
            case .limit: "is nested too deeply"
            }
        self.init(reason: "the manifest \(path) \(what): \(message)", remedy: "Correct \(path)")
    }
}
