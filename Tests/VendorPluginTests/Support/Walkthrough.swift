// Heterodyne: a page of documentation as files to write, commands to run and text to compare.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A page whose code blocks are announced by comments:
///
/// - `<!-- file: NAME -->`: the block is the file.
/// - `<!-- file: NAME [region] -->`: the block replaces what stands between `/* [region] */` and `/* [/region] */` of the file.
/// - `<!-- quote: PATH -->`: the block stands in a file of the package, word for word.
/// - Blocks of the language `console` need none: lines that begin with `$ ` are commands, the others what they print. A line
///   `...` stands for any number of lines, `...` within a line for any text.
struct Walkthrough {
    /// What a block asks for, in the order of the page.
    enum Action {
        case write(name: String, text: String)
        case quote(path: String, text: String, line: Int)
        case run(command: String, output: [String], line: Int)
    }

    struct Fault: Error, CustomStringConvertible {
        let line: Int
        let reason: String
        var description: String { "line \(line): \(reason)" }
    }

    private(set) var actions: [Action] = []

    /// Reads a page. Throws a `Fault` where a block is not announced or a region is not there.
    init(_ page: String) throws(Fault) {
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var files: [String: String] = [:]
        var announced: (kind: String, name: String, region: String?)?
        var index = 0
        while index < lines.count {
            let line = lines[index]
            if let match = line.wholeMatch(of: /<!-- (file|quote): (\S+)(?: \[(\w+)\])? -->/) {
                announced = (String(match.1), String(match.2), match.3.map(String.init))
            } else if line.hasPrefix("```") {
                guard let end = lines[(index + 1)...].firstIndex(of: "```") else {
                    throw Fault(line: index + 1, reason: "the block does not end")
                }
                let body = Array(lines[(index + 1)..<end])
                let text = body.map { $0 + "\n" }.joined()
                switch (announced?.kind, line) {
                case (nil, "```console"): try read(console: body, from: index + 2)
                case ("quote", _):
                    actions.append(.quote(path: announced?.name ?? "", text: text, line: index + 1))
                case ("file", _):
                    let name = announced?.name ?? ""
                    if let region = announced?.region {
                        files[name] = try Self.replacing(region, of: files[name] ?? "", with: text, line: index + 1)
                    } else {
                        files[name] = text
                    }
                    actions.append(.write(name: name, text: files[name] ?? ""))
                default: throw Fault(line: index + 1, reason: "nothing says what the block '\(line)' is")
                }
                announced = nil
                index = end
            } else if announced != nil, !line.isEmpty {
                throw Fault(line: index + 1, reason: "a block was announced, and no block follows")
            }
            index += 1
        }
    }

    private mutating func read(console lines: [String], from number: Int) throws(Fault) {
        for (offset, line) in lines.enumerated() {
            if line.hasPrefix("$ ") {
                actions.append(.run(command: String(line.dropFirst(2)), output: [], line: number + offset))
                continue
            }
            guard case .run(let command, let output, let start) = actions.last else {
                throw Fault(line: number + offset, reason: "output before the first command")
            }
            actions[actions.count - 1] = .run(command: command, output: output + [line], line: start)
        }
    }

    private static func replacing(
        _ region: String, of file: String, with text: String, line: Int
    ) throws(Fault) -> String {
        guard let start = file.range(of: "/* [\(region)] */\n"),
            let end = file.range(of: "/* [/\(region)] */", range: start.upperBound..<file.endIndex)
        else { throw Fault(line: line, reason: "the file has no region [\(region)]") }
        // What stands before the closing comment on its line stays.
        let closing = file[..<end.lowerBound].lastIndex(of: "\n").map(file.index(after:)) ?? start.upperBound
        return file[..<start.upperBound] + text + file[closing...]
    }

    /// Whether printed lines are those of the page.
    static func matches(_ pattern: ArraySlice<String>, _ lines: ArraySlice<String>) -> Bool {
        guard let first = pattern.first else { return lines.isEmpty }
        if first.trimmingCharacters(in: .whitespaces) == "..." {
            let rest = pattern.dropFirst()
            return (lines.startIndex...lines.endIndex).contains { matches(rest, lines[$0...]) }
        }
        guard let line = lines.first, matches(first, line) else { return false }
        return matches(pattern.dropFirst(), lines.dropFirst())
    }

    /// Whether a printed line is that of the page.
    static func matches(_ pattern: String, _ line: String) -> Bool {
        let parts = trimmed(pattern).components(separatedBy: "...")
        var rest = Substring(trimmed(line))
        guard rest.hasPrefix(parts[0]) else { return false }
        rest = rest.dropFirst(parts[0].count)
        if parts.count == 1 { return rest.isEmpty }
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.range(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return rest.hasSuffix(parts[parts.count - 1])
    }

    /// Without spaces at the end.
    private static func trimmed(_ line: String) -> String {
        var line = line[...]
        while line.last == " " { line = line.dropLast() }
        return String(line)
    }
}
