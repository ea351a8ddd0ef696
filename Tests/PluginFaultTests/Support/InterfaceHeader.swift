// Heterodyne: the plugin interface as the tests read it, apart from the script that writes the frozen layout.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Where things lie in this package.
enum Package {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static let interface = root.appending(path: "Sources/CHeterodynePlugin")
    static let include = interface.appending(path: "include")
    static let fixtures = root.appending(path: "Tests/PluginFaultTests/Fixtures")

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}

/// A header of the plugin interface, read with regular expressions.
struct InterfaceHeader {
    struct Field: Equatable {
        var name: String
        /// The declaration without its name.
        var type: String
        /// Whether the comment before it says that it may be NULL.
        var isOptional: Bool
        var isFunction: Bool
    }

    let text: String
    var structs: [(name: String, fields: [Field])] = []
    /// Every enumerator with its value.
    var codes: [(name: String, value: Int)] = []
    /// Enumerators by the name of their enumeration.
    var enumerations: [String: [(name: String, value: Int)]] = [:]

    /// Structs without a size of their own.
    static let plain: Set<String> = ["heterodyne_string", "heterodyne_value", "heterodyne_named"]
    /// Structs that no minor may append to; others begin with the last.
    static let unchanging = plain.union(["heterodyne_extension"])

    init(_ text: String) throws {
        self.text = text
        for match in text.matches(of: /typedef struct (\w+) \{\n((?:.|\n)*?)\n\} (\w+);/) {
            #expect(match.1 == match.3, "\(match.1) is called \(match.3)")
            structs.append((String(match.1), Self.fields(String(match.2))))
        }
        for match in text.matches(of: /enum( \w+)? \{((?:.|\n)*?)\}/) {
            let body = Self.withoutComments(String(match.2))
            var here: [(name: String, value: Int)] = []
            for entry in body.split(separator: ",") where !entry.allSatisfy(\.isWhitespace) {
                let parts = entry.split(separator: "=").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
                here.append((parts[0], try #require(parts.count == 2 ? Self.value(parts[1]) : nil, "\(entry)")))
            }
            codes += here
            if let name = match.1 { enumerations[String(name.dropFirst())] = here }
        }
    }

    static func current() throws -> InterfaceHeader {
        try InterfaceHeader(Package.text("Sources/CHeterodynePlugin/include/heterodyne_plugin.h"))
    }

    func fields(of name: String) throws -> [Field] {
        try #require(structs.first { $0.name == name }, "no struct \(name)").fields
    }

    /// Major and minor of `HETERODYNE_PLUGIN_VERSION`.
    func version() throws -> String {
        let match = try #require(
            text.firstMatch(of: /#define HETERODYNE_PLUGIN_VERSION HETERODYNE_VERSION\((\d+), (\d+)\)/))
        return "\(match.1).\(match.2)"
    }

    private static func value(_ text: String) -> Int? {
        let parts = text.components(separatedBy: " << ")
        if parts.count == 2, let left = Int(parts[0]), let right = Int(parts[1]) { return left << right }
        if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) }
        return Int(text)
    }

    static func withoutComments(_ text: String) -> String {
        text.replacing(/\/\*(?:.|\n)*?\*\//, with: " ").replacing(/\/\/[^\n]*/, with: " ")
    }

    private static func fields(_ body: String) -> [Field] {
        var fields: [Field] = []
        var comment = ""
        for match in body.matches(of: /(\s*)(?:(\/\*(?:.|\n)*?\*\/)|([^;\/]+);)/) {
            if let text = match.2 {
                // A comment on the line of the field before belongs to that field.
                if match.1.contains("\n") || fields.isEmpty { comment = String(text) }
                continue
            }
            let declaration = (match.3 ?? "").split(whereSeparator: \.isWhitespace).joined(separator: " ")
            if let match = declaration.firstMatch(of: /^(.*?)\(\*(\w+)\)(.*)$/) {
                fields.append(
                    Field(
                        name: String(match.2), type: "\(match.1)(*)\(match.3)",
                        isOptional: comment.contains("Optional"), isFunction: match.3.hasPrefix("(")))
            } else if let match = declaration.firstMatch(of: /^(.*?)(\w+)$/) {
                fields.append(
                    Field(
                        name: String(match.2), type: String(match.1).trimmingCharacters(in: .whitespaces),
                        isOptional: false, isFunction: false))
            }
            comment = ""
        }
        return fields
    }
}
