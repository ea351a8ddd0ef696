// Heterodyne: plugins in C that the tests build.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Builds the plugins in `Fixtures`.
enum Fixture {
    /// Why plugins cannot be built here, for skips.
    static let canBuild = Tool.compiler != nil
    static let reason: Comment = "needs a C compiler on the path"

    /// Compiles a source of `Fixtures` to a shared library; a warning is a failure.
    static func build(
        _ source: String, _ definitions: [String] = [], include: URL? = Package.include, to library: String,
        _ more: [String] = []
    ) throws {
        let compiler = try #require(Tool.compiler)
        let result = try Tool.run(
            compiler,
            ["-std=c11", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fPIC", "-shared"]
                + definitions.map { "-D\($0)" } + (include.map { ["-I", $0.path] } ?? [])
                + [Package.fixtures.appending(path: source).path, "-o", library] + more + ["-lm", "-lpthread"])
        try #require(result.status == 0, "\(source) \(definitions): \(result.errors)")
    }

    /// The header of a later minor: two fields more in every struct that may grow.
    static func laterHeader(of text: String) throws -> String {
        let version = try #require(
            text.range(of: #"HETERODYNE_VERSION\(1, \d+\)(?=\n)"#, options: .regularExpression))
        var result = text.replacingCharacters(in: version, with: "HETERODYNE_VERSION(1, 1007)")
        for (name, _) in try InterfaceHeader(text).structs where !InterfaceHeader.unchanging.contains(name) {
            let end = try #require(result.range(of: "\n} \(name);"))
            result.replaceSubrange(
                end, with: "\n    uint64_t later_count;\n    heterodyne_string later_text;\n} \(name);")
        }
        return result
    }
}
