// Heterodyne: docs/WritingABackend.md does what it says.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite(
    "Writing a backend",
    .enabled(if: Workshop.hasCompiler && Workshop.find("make") != nil, "needs cc and make on the path"))
struct WritingABackendTests {
    private static func page() throws -> Walkthrough {
        let path = Workshop.root.appending(path: "docs/WritingABackend.md")
        return try Walkthrough(String(contentsOf: path, encoding: .utf8))
    }

    @Test("every file compiles, every command runs and prints what the page shows") func walkthrough() throws {
        let workshop = try Workshop()
        var script = ""
        var commands: [(text: String, output: [String], line: Int)] = []
        for action in try Self.page().actions {
            switch action {
            case .quote: continue
            case .write(let name, let text):
                // Written when its turn comes.
                let stage = ".stage\(script.utf8.count)"
                try workshop.write(stage, text)
                script += "mkdir -p \"$(dirname \(name))\" && cp \(stage) \(name)\n"
            case .run(let command, let output, let line):
                script += "{ \(command)\n}; echo \"=== \(commands.count) $?\"\n"
                commands.append((command, output, line))
            }
        }
        #expect(commands.count > 20)
        let result = try workshop.shell(script, seconds: 600)
        var rest = Substring(result.text)
        for (number, command) in commands.enumerated() {
            let place: Comment = "docs/WritingABackend.md:\(command.line): \(command.text)\n\(rest.prefix(4000))"
            let end = try #require(rest.range(of: "=== \(number) "), place)
            let status = rest[end.upperBound...].prefix { $0 != "\n" }
            var printed = rest[..<end.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)
                .map(String.init)
            if printed.last == "" { printed.removeLast() }
            #expect(status == "0", place)
            #expect(Walkthrough.matches(command.output[...], printed[...]), place)
            rest = rest[end.upperBound...].dropFirst(status.count + 1)
        }
    }

    @Test("what is quoted stands in the sources") func quotes() throws {
        var count = 0
        for case .quote(let path, let text, let line) in try Self.page().actions {
            let source = try String(contentsOf: Workshop.root.appending(path: path), encoding: .utf8)
            #expect(source.contains(text), "docs/WritingABackend.md:\(line): \(path) has other words")
            #expect(!text.isEmpty)
            count += 1
        }
        #expect(count >= 5)
    }

    @Test("links lead somewhere") func links() throws {
        let docs = Workshop.root.appending(path: "docs")
        let page = try String(contentsOf: docs.appending(path: "WritingABackend.md"), encoding: .utf8)
        let headings = page.split(separator: "\n").filter { $0.hasPrefix("## ") }.map {
            $0.dropFirst(3).lowercased().filter { $0.isLetter || $0.isNumber || $0 == " " }
                .replacing(" ", with: "-")
        }
        for match in page.matches(of: /\]\(([^)]+)\)/) {
            if match.1.hasPrefix("#") {
                #expect(headings.contains(String(match.1.dropFirst())), "\(match.1)")
            } else {
                let path = docs.appending(path: String(match.1)).standardizedFileURL.path
                #expect(FileManager.default.fileExists(atPath: path), "\(match.1)")
            }
        }
    }

    @Test(
        "the comparison of printed text tells differences",
        arguments: [
            (["a ... c", "...", "end"], ["a b c", "x", "y", "end"], true), (["a ... c"], ["a b d"], false),
            (["..."], [], true), (["a"], ["a", "b"], false), (["a", "..."], ["b"], false), (["a"], ["a  "], true),
            (["... b ..."], ["a b c"], true), (["x...x"], ["x"], false),
        ])
    func matching(pattern: [String], printed: [String], expected: Bool) {
        #expect(Walkthrough.matches(pattern[...], printed[...]) == expected)
    }

    @Test("a block that nothing announces is a fault") func unannounced() {
        #expect(throws: Walkthrough.Fault.self) { try Walkthrough("```c\nint x;\n```\n") }
        #expect(throws: Walkthrough.Fault.self) { try Walkthrough("<!-- file: a.c [b] -->\n```c\nint x;\n```\n") }
        #expect(throws: Walkthrough.Fault.self) { try Walkthrough("```console\nnothing\n```\n") }
    }
}
