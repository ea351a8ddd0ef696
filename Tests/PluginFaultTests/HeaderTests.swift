// Heterodyne: the header of the plugin interface: its rules, its frozen layout, and the compilers that take it.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Plugin header")
struct HeaderTests {
    let header: InterfaceHeader

    init() throws { header = try InterfaceHeader.current() }

    @Test("Small: at most 600 lines, at most 20 required functions")
    func size() throws {
        #expect(header.text.split(separator: "\n", omittingEmptySubsequences: false).count <= 601)
        let functions = try header.fields(of: "heterodyne_plugin").filter(\.isFunction)
        let required = functions.filter { !$0.isOptional }.map(\.name)
        // Named here, so that a comment that loses the word "Optional" is seen.
        #expect(
            required == [
                "device_count", "device_describe", "device_capabilities", "buffer_allocate", "buffer_free",
                "buffer_write", "buffer_read", "compile", "program_free", "invocation_create", "invocation_free",
                "execute",
            ])
        #expect(functions.count >= 20)
    }

    @Test("Every struct but the plain ones begins with its size and its extensions")
    func beginnings() {
        #expect(header.structs.count >= 22)
        for (name, fields) in header.structs where !InterfaceHeader.plain.contains(name) {
            #expect(fields.first?.name == "struct_size" && fields.first?.type == "size_t", "\(name)")
            let second = name == "heterodyne_extension" ? "next" : "extensions"
            #expect(fields.dropFirst().first?.name == second, "\(name)")
        }
        for (name, fields) in header.structs where InterfaceHeader.plain.contains(name) {
            #expect(!fields.contains { $0.name == "struct_size" }, "\(name)")
        }
    }

    @Test("Arrays of structs that may grow are arrays of pointers")
    func arrays() {
        // A single pointer to a struct that may grow is one struct; a count beside it would make it an array.
        for (name, fields) in header.structs {
            let counted = fields.indices.dropFirst().filter {
                !fields[$0].isFunction && fields[$0 - 1].name.hasSuffix("_count")
            }
            for index in counted {
                let field = fields[index]
                guard let type = field.type.firstMatch(of: /heterodyne_\w+/).map({ String($0.0) }) else { continue }
                let isPlain = InterfaceHeader.plain.contains(type)
                #expect(isPlain || field.type.hasSuffix("*const *"), "\(name).\(field.name): \(field.type)")
            }
        }
    }

    @Test("Every struct, field and code has its assertion in layout.c")
    func layout() throws {
        let layout = try Package.text("Sources/CHeterodynePlugin/layout.c")
        var expected: [String] = []
        for (name, fields) in header.structs {
            expected.append("\(InterfaceHeader.unchanging.contains(name) ? "PLAIN" : "STRUCT")(\(name), ")
            expected += fields.map { "FIELD(\(name), \($0.name), " }
        }
        for (name, value) in header.codes {
            expected.append("\(name.hasSuffix("_COUNT") ? "COUNT" : "CODE")(\(name), \(value));")
        }
        #expect(expected.count > 300)
        for assertion in expected {
            #expect(layout.components(separatedBy: "\n\(assertion)").count == 2, "layout.c lacks \(assertion)")
        }
        let calls = layout.matches(of: /\n(PLAIN|STRUCT|FIELD|CODE|COUNT)\(/).count
        #expect(calls == expected.count, "layout.c asserts what the header does not have")
    }

    /// What the script needs.
    static let canRunScript = Tool.find("python3") != nil && Tool.compiler != nil

    @Test(
        "The layout is what its script makes of the header",
        .enabled(if: canRunScript, "needs python3 and a C compiler on the path"))
    func script() throws {
        let python = try #require(Tool.find("python3"))
        let path = Package.root.appending(path: "scripts/plugin_layout.py").path
        let result = try Tool.run(python, [path, "--check"])
        #expect(result.status == 0, "\(result.output)\(result.errors)")
    }

    @Test(
        "The script stops at what it does not understand, and at layouts that break a rule",
        .enabled(if: canRunScript, "needs python3 and a C compiler on the path"),
        arguments: [
            ("    uint32_t node;\n    uint32_t result;", "    uint32_t node, result;", "one plain field"),
            ("    uint64_t splat_bits;", "    uint64_t splat_bits[2];", "one plain field"),
            ("    uint64_t splat_bits;", "    uint32_t splat_bits;", "ends in padding"),
            ("    uint64_t splat_bits;", "    unsigned splat_bits;", "unknown type"),
            ("HETERODYNE_OK = 0,", "HETERODYNE_OK,", "expected '='"),
            ("HETERODYNE_CANCELLED = 1,", "HETERODYNE_CANCELLED = HETERODYNE_OK + 1,", "no plain value"),
            ("#include <string.h>", "#include <stdio.h>", "includes <stdio.h>"),
            (
                "typedef struct heterodyne_rate {\n    size_t struct_size;",
                "typedef struct heterodyne_rate {\n    uint64_t struct_size;", "must begin with struct_size"
            ),
            ("typedef struct heterodyne_context heterodyne_context;", "extern int x;", "unknown form"),
            ("    int64_t vendor_code;", "    int32_t vendor_code;", "layout.c is not what the header says"),
            (
                "    uint64_t message_size;  ", "    int64_t message_size;  ",
                "layout.c is not what the header says"
            ),
        ])
    func scriptRefuses(find: String, replace: String, reason: String) throws {
        let python = try #require(Tool.find("python3"))
        #expect(header.text.contains(find))
        let scratch = try Scratch()
        for path in ["scripts", "Sources/CHeterodynePlugin/include", "Tests/PluginFaultTests/Fixtures"] {
            try scratch.makeFolder(path)
        }
        try scratch.write("scripts/plugin_layout.py", Package.text("scripts/plugin_layout.py"))
        try scratch.write("Sources/CHeterodynePlugin/layout.c", Package.text("Sources/CHeterodynePlugin/layout.c"))
        try scratch.write(
            "Sources/CHeterodynePlugin/include/heterodyne_plugin.h",
            header.text.replacingOccurrences(of: find, with: replace))
        let result = try Tool.run(python, [scratch.path("scripts/plugin_layout.py"), "--check"])
        #expect(result.status == 1 && (result.output + result.errors).contains(reason), "\(result.errors)")
    }

    static let compilers = ["gcc", "clang"].compactMap(Tool.find)

    @Test(
        "Compiles by itself, without a warning, as C11 and as C++11",
        .enabled(if: !compilers.isEmpty, "needs gcc or clang on the path"), arguments: compilers,
        [["-xc", "-std=c11"], ["-xc++", "-std=c++11"]])
    func compiles(path: String, language: [String]) throws {
        let scratch = try Scratch()
        try scratch.write("heterodyne_plugin.h", header.text)
        // Every helper is used, so that templates of warnings reach them; no folder of the project is on the path.
        try scratch.write(
            "use.c",
            """
            #include "heterodyne_plugin.h"
            #include "heterodyne_plugin.h"
            extern int use(const heterodyne_graph *graph, const heterodyne_node *node, heterodyne_error *error);
            static const heterodyne_named named[] = {{HETERODYNE_TEXT("driver"), HETERODYNE_TEXT("1")}};
            int use(const heterodyne_graph *graph, const heterodyne_node *node, heterodyne_error *error) {
                if (heterodyne_equals(named[0].name, "driver") == 0) return 1;
                const heterodyne_attribute *attribute = heterodyne_find(node, "dimensions");
                heterodyne_value value = {0, 0};
                if (!attribute || !HETERODYNE_HAS(attribute, count))
                    return heterodyne_fail(error, HETERODYNE_UNSUPPORTED, 1, "no dimensions");
                return heterodyne_equals(heterodyne_text("a"), "b")
                    + (int)heterodyne_element_count(heterodyne_type_of(graph, value));
            }
            """)
        let result = try Tool.run(
            path,
            language + [
                "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-pedantic", "-Werror", "-fsyntax-only",
                scratch.path("use.c"),
            ])
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test(
        "The layout is the same on every processor with 64-bit pointers, and the header compiles on others",
        .enabled(if: Tool.find("clang") != nil, "needs clang on the path"),
        arguments: [
            "x86_64-linux-gnu", "aarch64-linux-gnu", "riscv64-linux-gnu", "powerpc64le-linux-gnu", "i386-linux-gnu",
            "arm-linux-gnueabihf",
        ])
    func processors(target: String) throws {
        let scratch = try Scratch()
        // What the header takes from it, as the C library of the target may not be here.
        try scratch.write(
            "string.h",
            """
            #include <stddef.h>
            size_t strlen(const char *);
            int memcmp(const void *, const void *, size_t);
            void *memcpy(void *, const void *, size_t);
            """ + "\n")
        let result = try Tool.run(
            try #require(Tool.find("clang")),
            [
                "--target=\(target)", "-ffreestanding", "-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror",
                "-fsyntax-only", "-I", scratch.folder.path, "-I", Package.include.path,
                Package.interface.appending(path: "layout.c").path,
            ])
        if result.errors.contains("unable to create target") || result.errors.contains("unknown target triple") {
            return  // This clang was built for fewer processors.
        }
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test("The version is the newest entry of the changelog")
    func changelog() throws {
        let changelog = try Package.text("Sources/CHeterodynePlugin/CHANGELOG-plugin.md")
        let entries = changelog.matches(of: /\n## (\d+)\.(\d+)\n/).compactMap { match in
            Int(match.1).flatMap { major in Int(match.2).map { [major, $0] } }
        }
        let newest = try #require(entries.first)
        #expect(newest.map(String.init).joined(separator: ".") == (try header.version()))
        // Newest first, each once.
        for (new, old) in zip(entries, entries.dropFirst()) { #expect(old.lexicographicallyPrecedes(new)) }
    }
}
