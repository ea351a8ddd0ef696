// Heterodyne: the JSON file that announces a plugin.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneJSON

/// The JSON file that announces a plugin.
///
/// `{"format": 1, "name": "acme", "library": "libacme.so", "abi": {"major": 1, "minor": 0}}`; docs/Plugins.md has the keys.
struct PluginManifest: Sendable, Hashable {
    /// Where it stands.
    var path: String
    /// The plugin's name, which becomes the backend's.
    var name: String
    /// The absolute path of the library.
    var library: String
    /// The version of the plugin interface that the library was built for.
    var major: Int
    var minor: Int
    /// Libraries that the plugin loads by itself, as `dlopen` takes them.
    var required: [String]
    /// For people.
    var license: String?
    var homepage: String?
    var description: String?

    /// The largest manifest that is read.
    static let byteLimit = 1 << 20
    /// The format of manifests that this code reads.
    static let format = 1

    /// Reads the manifest at the absolute path `path`, whose content is `bytes`. Keys that it does not know are passed
    /// over.
    init(parsing bytes: [UInt8], path: String) throws(PluginRefusal) {
        let root = try bytes.withUnsafeBytes { bytes in
            Result { () throws(PluginRefusal) in
                try JSONValue.parse(bytes, path: path, failure: PluginRefusal.self)
            }
        }.get()
        guard root.members != nil else {
            throw PluginRefusal(
                reason: "the manifest \(path) holds \(root.kind), not an object",
                remedy: "Write {\"format\": 1, \"name\": …, \"library\": …, \"abi\": {…}}")
        }
        let keys = Keys(root: root, path: path)
        let format = try keys.integer("format", example: "1")
        guard format == Self.format else {
            throw PluginRefusal(
                reason: "the manifest \(path) has format \(format); this host reads format \(Self.format)",
                remedy: format > Self.format
                    ? "Update Heterodyne, or install an older release of the plugin" : "Write \"format\": 1")
        }
        name = try keys.text("name", example: "\"acme\"")
        guard Self.isName(name) else {
            throw PluginRefusal(
                reason: "the manifest \(path) gives the name '\(name)'",
                remedy: "Choose at most 64 lower-case letters, digits, '-' and '_', with a letter or digit in front")
        }
        library = try Self.library(try keys.text("library", example: "\"libacme.so\""), manifest: path)
        guard let abi = root["abi"] else { throw keys.missing("abi", example: "{\"major\": 1, \"minor\": 0}") }
        guard abi.members != nil else {
            throw keys.wrong("abi", abi, wanted: "an object", example: "{\"major\": 1, \"minor\": 0}")
        }
        let versions = Keys(root: abi, path: path, prefix: "abi.")
        major = try versions.integer("major", example: "1")
        minor = try versions.integer("minor", example: "0")
        required = try keys.texts("requires", example: "[\"libfoo.so.1\"]")
        license = try keys.optionalText("license")
        homepage = try keys.optionalText("homepage")
        description = try keys.optionalText("description")
        self.path = path
    }

    /// Whether the two announce the same plugin, wherever they stand.
    func announcesSame(as other: PluginManifest) -> Bool {
        (name, library, major, minor) == (other.name, other.library, other.major, other.minor)
            && required == other.required
    }

    /// Whether `text` can be a plugin's name: `[a-z0-9][a-z0-9_-]*`, at most 64 of them.
    static func isName(_ text: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        }
        guard let first = text.utf8.first, isPlain(first), text.utf8.count <= 64 else { return false }
        return text.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    /// The absolute path of the library `text`. A relative one starts from the manifest's folder and stays below it.
    private static func library(_ text: String, manifest: String) throws(PluginRefusal) -> String {
        guard !text.isEmpty, !text.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
            throw PluginRefusal(
                reason: "the manifest \(manifest) names no library: \"library\" is empty or has control characters",
                remedy: "Write the path of the library, such as \"libacme.so\"")
        }
        guard !text.hasPrefix("/") else { return text }
        guard !text.split(separator: "/").contains("..") else {
            throw PluginRefusal(
                reason: "the manifest \(manifest) names the library '\(text)', which leaves the manifest's folder",
                remedy: "Write the whole path, from '/' on")
        }
        return (manifest.lastIndex(of: "/").map { String(manifest[...$0]) } ?? "/") + text
    }

    /// Reads the members of an object, with messages that name the file and the key and say what to write.
    private struct Keys {
        var root: JSONValue
        var path: String
        var prefix = ""

        func missing(_ key: String, example: String) -> PluginRefusal {
            PluginRefusal(
                reason: "the manifest \(path) lacks \"\(prefix)\(key)\"", remedy: "Write \"\(key)\": \(example)")
        }

        func wrong(_ key: String, _ value: JSONValue, wanted: String, example: String) -> PluginRefusal {
            PluginRefusal(
                reason: "in the manifest \(path), \"\(prefix)\(key)\" is \(value.kind), not \(wanted)",
                remedy: "Write \"\(key)\": \(example)")
        }

        func integer(_ key: String, example: String) throws(PluginRefusal) -> Int {
            guard let value = root[key] else { throw missing(key, example: example) }
            guard let number = value.number, let integer = Int(exactly: number), (0...65535).contains(integer) else {
                guard value.number != nil else { throw wrong(key, value, wanted: "a number", example: example) }
                throw PluginRefusal(
                    reason: "in the manifest \(path), \"\(prefix)\(key)\" is no whole number from 0 to 65535",
                    remedy: "Write \"\(key)\": \(example)")
            }
            return integer
        }

        func text(_ key: String, example: String) throws(PluginRefusal) -> String {
            guard let value = root[key] else { throw missing(key, example: example) }
            guard let text = value.text else { throw wrong(key, value, wanted: "text", example: example) }
            return text
        }

        func optionalText(_ key: String) throws(PluginRefusal) -> String? {
            guard let value = root[key] else { return nil }
            guard let text = value.text else { throw wrong(key, value, wanted: "text", example: "\"…\"") }
            return text
        }

        func texts(_ key: String, example: String) throws(PluginRefusal) -> [String] {
            guard let value = root[key] else { return [] }
            guard let elements = value.elements else { throw wrong(key, value, wanted: "a list", example: example) }
            guard elements.count <= 256 else {
                throw PluginRefusal(
                    reason: "in the manifest \(path), \"\(prefix)\(key)\" has more than 256 elements",
                    remedy: "Name only the libraries that the plugin loads itself")
            }
            var texts: [String] = []
            for element in elements {
                // A relative path would start from the current directory.
                guard let text = element.text, !text.isEmpty, !text.utf8.contains(0),
                    text.hasPrefix("/") || !text.contains("/")
                else {
                    throw PluginRefusal(
                        reason:
                            "in the manifest \(path), \"\(prefix)\(key)\" holds something that is no library's name",
                        remedy: "Write \"\(key)\": \(example)")
                }
                texts.append(text)
            }
            return texts
        }
    }
}
