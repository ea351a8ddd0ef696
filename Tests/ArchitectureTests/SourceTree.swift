// Heterodyne: the files of this package as the architecture tests read them.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// One file of Swift or C.
struct SourceFile: CustomTestStringConvertible {
    /// Path from the root of the package.
    let path: String
    let text: String

    var lines: [String] { text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
    var isSwift: Bool { path.hasSuffix(".swift") }
    var testDescription: String { path }

    /// The text without comments and the contents of strings, line by line; line numbers stay.
    var code: [String] { CodeStripper.strip(text) }

    /// The modules that the file imports, with line numbers from 1.
    var imports: [(module: String, line: Int)] {
        code.enumerated().compactMap { index, line in
            Self.imported(by: line).map { ($0, index + 1) }
        }
    }

    /// The module that a line of code imports, or nil.
    static func imported(by line: String) -> String? {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.count else { return nil }
        let modifiers: Set<String> = ["public", "package", "internal", "fileprivate", "private"]
        guard words[..<keyword].allSatisfy({ modifiers.contains($0) || $0.hasPrefix("@") }) else { return nil }
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let name =
            kinds.contains(words[keyword + 1]) && keyword + 2 < words.count ? words[keyword + 2] : words[keyword + 1]
        return name.split(separator: ".").first.map(String.init)
    }
}

/// Blanks comments and the contents of strings.
enum CodeStripper {
    private enum State {
        case code
        case lineComment
        case blockComment(Int)
        case string(closing: [Character])
    }

    static func strip(_ text: String) -> [String] {
        let characters = Array(text)
        var result = ""
        var state = State.code
        var index = 0
        func follows(_ expected: [Character]) -> Bool {
            index + expected.count <= characters.count
                && characters[index..<index + expected.count].elementsEqual(expected)
        }
        while index < characters.count {
            let character = characters[index]
            switch state {
            case .code:
                if follows(["/", "/"]) {
                    state = .lineComment
                } else if follows(["/", "*"]) {
                    state = .blockComment(1)
                    index += 1
                } else if let opening = stringOpening(characters, index) {
                    state = .string(closing: opening.closing)
                    result += "\""
                    index += opening.length - 1
                } else {
                    result.append(character)
                }
            case .lineComment:
                if character == "\n" {
                    state = .code
                    result.append(character)
                }
            case .blockComment(let depth):
                if follows(["/", "*"]) {
                    state = .blockComment(depth + 1)
                    index += 1
                } else if follows(["*", "/"]) {
                    state = depth == 1 ? .code : .blockComment(depth - 1)
                    index += 1
                } else if character == "\n" {
                    result.append(character)
                }
            case .string(let closing):
                if character == "\\", closing.last != "#" {
                    index += 1
                    if index < characters.count, characters[index] == "\n" { result.append("\n") }
                    if index < characters.count, characters[index] == "(" {
                        index = skipInterpolation(characters, index)
                    }
                } else if follows(closing) {
                    state = .code
                    result += "\""
                    index += closing.count - 1
                } else if character == "\n" {
                    result.append(character)
                    if closing == ["\""] { state = .code }
                }
            }
            index += 1
        }
        return result.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// Where a string starts: how long its opening is and what closes it.
    private static func stringOpening(_ text: [Character], _ start: Int) -> (length: Int, closing: [Character])? {
        var index = start
        while index < text.count, text[index] == "#" { index += 1 }
        let hashes = [Character](repeating: "#", count: index - start)
        guard index < text.count, text[index] == "\"" else { return nil }
        if index + 2 < text.count, text[index + 1] == "\"", text[index + 2] == "\"" {
            return (index + 3 - start, ["\"", "\"", "\""] + hashes)
        }
        return (index + 1 - start, ["\""] + hashes)
    }

    /// The index of the parenthesis that closes the interpolation opened at `start`.
    private static func skipInterpolation(_ text: [Character], _ start: Int) -> Int {
        var depth = 0
        var index = start
        while index < text.count {
            if text[index] == "(" { depth += 1 }
            if text[index] == ")" {
                depth -= 1
                if depth == 0 { return index }
            }
            index += 1
        }
        return index
    }
}

/// The files of this package.
struct SourceTree {
    let root: URL
    let files: [SourceFile]
    let manifest: String

    static let current: SourceTree = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var files: [SourceFile] = []
        for folder in ["Sources", "Backends", "Samples", "Tests", "Benchmarks"] {
            let start = root.appending(path: folder)
            guard let walk = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil) else {
                continue
            }
            for case let url as URL in walk {
                guard ["swift", "c", "h"].contains(url.pathExtension), !url.path.contains("/.build"),
                    let text = try? String(contentsOf: url, encoding: .utf8)
                else { continue }
                files.append(SourceFile(path: String(url.path.dropFirst(root.path.count + 1)), text: text))
            }
        }
        let manifest = (try? String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)) ?? ""
        return SourceTree(root: root, files: files.sorted { $0.path < $1.path }, manifest: manifest)
    }()

    /// Files of the library and of backends.
    var production: [SourceFile] { files.filter { $0.path.hasPrefix("Sources/") || $0.path.hasPrefix("Backends/") } }
}

/// A target as the package manifest declares it.
struct ManifestTarget {
    let name: String
    let path: String
    let dependencies: Set<String>
    let isTest: Bool
}

/// Reads the target list out of the text of the manifest, which has one call per target.
enum ManifestReader {
    static func targets(of manifest: String) -> [ManifestTarget] {
        guard let start = manifest.range(of: "targets: [\n        // The language") else { return [] }
        let list = String(manifest[start.upperBound...])
        var calls: [(function: String, literals: [String])] = []
        var depth = 0
        var word = ""
        var literal: String?
        var current: (function: String, literals: [String])?
        for character in list {
            if let text = literal {
                if character == "\"" {
                    current?.literals.append(text)
                    literal = nil
                } else {
                    literal = text + String(character)
                }
                continue
            }
            switch character {
            case "\"": literal = ""
            case "(":
                if depth == 0 { current = (word, []) }
                depth += 1
                word = ""
            case ")":
                depth -= 1
                if depth == 0, let call = current {
                    calls.append(call)
                    current = nil
                }
            default:
                if character.isLetter { word.append(character) } else if depth == 0 { word = "" }
            }
            if depth < 0 { break }
        }
        let named = calls.compactMap { call in call.literals.first.map { (call, fullName(call.function, $0)) } }
        let names = Set(named.map(\.1))
        return named.map { call, name in
            let path =
                call.literals.dropFirst().first { $0.contains("/") } ?? defaultPath(call.function, call.literals[0])
            return ManifestTarget(
                name: name, path: path, dependencies: names.intersection(call.literals.dropFirst()),
                isTest: call.function == "tests")
        }
    }

    private static func fullName(_ function: String, _ name: String) -> String {
        switch function {
        case "backend": "Heterodyne\(name)"
        case "plugin": "Heterodyne\(name)Plugin"
        default: name
        }
    }

    private static func defaultPath(_ function: String, _ name: String) -> String {
        switch function {
        case "backend": "Backends/\(name)"
        case "plugin": "Backends/Plugins/\(name)"
        case "tests": "Tests/\(name)"
        default: "Sources/\(name)"
        }
    }
}
