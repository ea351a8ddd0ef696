// Heterodyne: what the process and its environment say about plugins.
// SPDX-License-Identifier: Apache-2.0

import CPluginProbe

/// What the process and its environment say about plugins.
struct PluginEnvironment: Sendable {
    /// Whether the process has more rights than who started it (set-user-id, capabilities): then nothing that its starter
    /// controls counts, and plugins must belong to root.
    var isElevated: Bool
    /// The environment variables that count.
    var variables: [String: String]

    /// The names of the variables that are read.
    static let names = [
        "HETERODYNE_PLUGIN_PATH", "HETERODYNE_PLUGIN_SELECT", "HETERODYNE_PLUGIN_DISABLE", "HETERODYNE_PLUGIN_LOG",
        "XDG_DATA_HOME", "HOME",
    ]

    /// What holds for this process now.
    static var current: PluginEnvironment {
        var variables: [String: String] = [:]
        for name in names {
            // secure_getenv: nothing in a process with elevated rights.
            guard let value = heterodyne_probe_environment(name) else { continue }
            variables[name] = String(cString: value)
        }
        return PluginEnvironment(isElevated: heterodyne_probe_is_elevated() != 0, variables: variables)
    }

    /// The value of a variable; nil where it is unset, empty or not to be trusted.
    subscript(name: String) -> String? {
        guard !isElevated, let value = variables[name], !value.isEmpty else { return nil }
        return value
    }

    /// A folder that may hold manifests.
    struct Folder: Sendable, Hashable {
        /// Its absolute path.
        var path: String
        /// Whether somebody named it, so that its absence is worth a line.
        var isNamed: Bool
    }

    /// The folders to search, in order, and what is wrong with those that were named.
    func folders() -> (folders: [Folder], refused: [PluginRefusal]) {
        var folders: [Folder] = []
        var refused: [PluginRefusal] = []
        for path in (self["HETERODYNE_PLUGIN_PATH"] ?? "").split(separator: ":") {
            guard path.hasPrefix("/") else {
                refused.append(
                    PluginRefusal(
                        reason: "the folder '\(path)' in HETERODYNE_PLUGIN_PATH is not an absolute path",
                        remedy: "Write its whole path, from '/' on"))
                continue
            }
            folders.append(Folder(path: String(path), isNamed: true))
        }
        // The XDG specification has relative paths ignored.
        if let data = self["XDG_DATA_HOME"], data.hasPrefix("/") {
            folders.append(Folder(path: data + "/heterodyne/plugins.d", isNamed: false))
        } else if let home = self["HOME"], home.hasPrefix("/") {
            folders.append(Folder(path: home + "/.local/share/heterodyne/plugins.d", isNamed: false))
        }
        for path in ["/etc", "/usr/local/share", "/usr/share"] {
            folders.append(Folder(path: path + "/heterodyne/plugins.d", isNamed: false))
        }
        return (folders, refused)
    }

    /// Why the plugin called `name` is switched off; nil where it is not.
    func selection(refuses name: String) -> PluginRefusal? {
        func pattern(in variable: String) -> (patterns: String, match: String?)? {
            guard let text = self[variable] else { return nil }
            return (text, Self.patterns(text).first { heterodyne_probe_matches($0, name) != 0 })
        }
        if let (patterns, match) = pattern(in: "HETERODYNE_PLUGIN_SELECT"), match == nil {
            return PluginRefusal(
                reason: "the plugin is not among those that HETERODYNE_PLUGIN_SELECT selects ('\(patterns)')",
                remedy: "Add '\(name)' to HETERODYNE_PLUGIN_SELECT, or unset it")
        }
        if let match = pattern(in: "HETERODYNE_PLUGIN_DISABLE")?.match {
            return PluginRefusal(
                reason: "the plugin is switched off by '\(match)' in HETERODYNE_PLUGIN_DISABLE",
                remedy: "Take '\(match)' out of HETERODYNE_PLUGIN_DISABLE")
        }
        return nil
    }

    /// The patterns of a comma-separated list, without the spaces around them.
    private static func patterns(_ text: String) -> [String] {
        text.split(separator: ",").map { pattern in
            var pattern = pattern
            while pattern.first == " " { pattern.removeFirst() }
            while pattern.last == " " { pattern.removeLast() }
            return String(pattern)
        }
    }
}
