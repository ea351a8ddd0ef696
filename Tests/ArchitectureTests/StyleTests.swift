// Heterodyne: rules that every file obeys.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Rules for files")
struct StyleTests {
    let tree = SourceTree.current

    /// Tables of numbers may be longer.
    private func isTable(_ file: SourceFile) -> Bool {
        file.path.contains("/Generated/") || file.path.hasSuffix("Tables.swift")
    }

    @Test("No file is over 700 lines")
    func length() {
        for file in tree.files where !isTable(file) {
            let count = file.lines.count - 1
            #expect(count <= 700, "\(file.path) has \(count) lines; split it by subject")
        }
    }

    @Test("Every file says what it is for and under which licence")
    func headers() {
        for file in tree.files {
            let lines = file.lines
            guard lines.count > 2 else {
                Issue.record("\(file.path) is empty")
                continue
            }
            #expect(lines[0].hasPrefix("// Heterodyne: ") && lines[0].count > 20, "\(file.path): \(lines[0])")
            #expect(lines[1] == "// SPDX-License-Identifier: Apache-2.0", "\(file.path)")
        }
    }

    @Test("Nothing is put off")
    func nothingPutOff() {
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        for file in tree.files {
            for (index, line) in file.lines.enumerated() {
                for mark in marks where line.contains(mark) {
                    Issue.record("\(file.path):\(index + 1) has \(mark)")
                }
            }
        }
    }

    @Test("Others can depend on the package: no unsafe flags")
    func noUnsafeFlags() {
        #expect(!tree.manifest.contains("unsafe" + "Flags"))
        #expect(tree.manifest.contains("swiftLanguageModes: [.v6]"))
    }

    /// The traps in a line of code.
    static func traps(in code: String) -> [String] {
        var found = [
            "fatalError(", "preconditionFailure(", "precondition(", "try!", "as!", "unsafelyUnwrapped", "abort()",
        ]
        .filter(code.contains)
        let characters = Array(code)
        for index in characters.indices.dropFirst() where characters[index] == "!" {
            let before = characters[index - 1]
            let after = index + 1 < characters.count ? characters[index + 1] : " "
            guard before.isLetter || before.isNumber || [")", "]", "_", "\""].contains(before), after != "=" else {
                continue
            }
            if code.contains("try!") || code.contains("as!") { continue }
            found.append("forced unwrap")
        }
        return found
    }

    @Test("Nothing traps without a comment that says why it cannot be reached")
    func traps() {
        // Code that swift-protobuf makes is as safe as its generator.
        for file in tree.production where file.isSwift && !file.path.hasSuffix(".pb.swift") {
            let (lines, code) = (file.lines, file.code)
            for (index, line) in code.enumerated() {
                let found = Self.traps(in: line)
                if found.isEmpty { continue }
                let near = lines[max(0, index - 2)...index]
                #expect(
                    near.contains { $0.contains("//") },
                    "\(file.path):\(index + 1) may trap (\(found.joined(separator: ", "))): say why it cannot")
            }
        }
    }

    @Test(
        "Traps are recognised",
        arguments: [
            ("x = y!", 1), ("a[0]!.b", 1), ("f()!", 1), ("if a != b", 0), ("if !a", 0), ("try! f()", 1),
            ("x as! T", 1), ("fatalError(", 1), ("var x: Int", 0),
        ])
    func trapPatterns(code: String, count: Int) { #expect(Self.traps(in: code).count == count) }

    @Test("Comments and strings are not code")
    func stripping() {
        let text = "a // b!\n\"c! \\(d!)\" e /* f!\n */ g\n\"\"\"\nimport H\n\"\"\"\n#\"i\"j\"# k"
        let stripped = CodeStripper.strip(text).joined(separator: "\n")
        for hidden in ["b", "c", "d", "f", "H", "i", "j"] { #expect(!stripped.contains(hidden)) }
        for shown in ["a", "e", "g", "k"] { #expect(stripped.contains(shown)) }
        #expect(CodeStripper.strip(text).count == text.split(separator: "\n", omittingEmptySubsequences: false).count)
    }
}
