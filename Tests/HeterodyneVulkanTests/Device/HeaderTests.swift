// Heterodyne: compares our declarations of Vulkan with the official ones.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Prints the facts of a header with a C program: sizes and offsets of structures, values of enumerants and macros.
struct HeaderTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let ours = root.appending(path: "Sources/CVulkan/include/heterodyne_vulkan.h")
    private static let official = "/usr/include/vulkan/vulkan.h"

    private static let compiler: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        return folders.flatMap { ["\($0)/clang", "\($0)/cc"] }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }()
    private static var canCompare: Bool { compiler != nil && FileManager.default.fileExists(atPath: official) }

    /// Declarations that are newer than the header of Debian 12, by parts of their names.
    private static func isNewer(_ name: String) -> Bool {
        [
            "CooperativeMatrix", "COOPERATIVE_MATRIX", "COMPONENT_TYPE", "ComponentType", "SCOPE_", "Bfloat16",
            "BFLOAT16",
        ]
        .contains { name.contains($0) } && !name.contains("NV")
    }

    /// A C expression for each fact of our header.
    private static func facts() throws -> [String] {
        let text = try String(contentsOf: ours, encoding: .utf8)
        var facts: [String] = []
        for match in text.matches(of: /typedef (?:struct|union) (\w+) \{([^}]*)\}/) {
            let (name, body) = (String(match.1), match.2)
            if isNewer(name) { continue }
            facts.append("sizeof(\(name))")
            for field in body.split(separator: ";") {
                guard let member = field.firstMatch(of: /(\w+)(?:\[\w+\])*\s*$/) else { continue }
                facts.append("offsetof(\(name), \(member.1))")
            }
        }
        for match in text.matches(of: /(VK_\w+) = -?\w+/) where !isNewer(String(match.1)) {
            facts.append(String(match.1))
        }
        for match in text.matches(of: /define (VK_\w+)\s\S/) { facts.append(String(match.1)) }
        return facts
    }

    private static func run(_ path: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(path) \(arguments)")
        return String(decoding: data, as: UTF8.self)
    }

    private static func printed(_ header: String, _ facts: [String]) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let lines = facts.map { "    printf(\"%s = %lld\\n\", \"\($0)\", (long long)(\($0)));" }
        let text = """
            #include <stddef.h>
            #include <stdio.h>
            #include "\(header)"
            int main(void) {
            \(lines.joined(separator: "\n"))
                return 0;
            }
            """
        let source = folder.appending(path: "facts.c")
        try Data(text.utf8).write(to: source)
        let program = folder.appending(path: "facts").path
        _ = try run(try #require(compiler), ["-std=c11", "-w", "-o", program, source.path])
        return try run(program, []).split(separator: "\n").map(String.init)
    }

    @Test(
        "sizes, offsets and values are the official ones",
        .enabled(if: canCompare, "no C compiler or no official header: install clang and libvulkan-dev"))
    func comparison() throws {
        let facts = try Self.facts()
        #expect(facts.count > 500)
        let (own, official) = (try Self.printed(Self.ours.path, facts), try Self.printed(Self.official, facts))
        #expect(own.count == facts.count)
        #expect(zip(own, official).filter { $0 != $1 }.map { "\($0), officially \($1)" } == [])
    }
}
