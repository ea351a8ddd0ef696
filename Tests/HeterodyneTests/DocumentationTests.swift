// Heterodyne: the Swift code in README.md and in the overview pages, compiled, run and compared with the pages.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

/// The code between `// snippet` and `// end` is what the pages show, in their order.
@Suite("Documentation")
struct DocumentationTests {
    @Test func readme() throws {
        // snippet README.md
        let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        let weight = Tensor.randomNormal([4, 3], seed: 1)
        let bias = Tensor.zeros([4])

        // Lazy: nothing runs before the value is read.
        let y = x.linear(weight, bias).gelu().softmax()
        print(try y.scalars(as: Float.self))

        // Traced once per combination of types, compiled, replayed.
        let model = compile { (x: Tensor) in x.linear(weight, bias).gelu().softmax() }
        for device in Device.all {
            try Device.withDefault(device) { print(device, try model(x)) }
        }

        // A mistake is an error with the line of the call, never a trap.
        let wrong = x.matmul(weight)
        print(wrong.error?.description ?? "fits")
        // end
        #expect(try abs(y.sum().item(as: Float.self) - 2) < 1e-5)
        #expect(wrong.error?.location?.file.hasSuffix("DocumentationTests.swift") == true)
    }

    @Test func heterodyne() throws {
        // snippet Sources/Heterodyne/Heterodyne.docc/Heterodyne.md
        let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        let weight = Tensor.randomNormal([4, 3], seed: 1)
        let y = (x.linear(weight) + 0.5).gelu().softmax()
        let probabilities = try y.scalars(as: Float.self)
        // end
        #expect(abs(probabilities.reduce(0, +) - 2) < 1e-5)
        // snippet Sources/Heterodyne/Heterodyne.docc/Heterodyne.md
        let layer = compile { (x: Tensor) in x.linear(weight).relu() }
        let activations = try layer(x)
        // end
        #expect(activations.shape == [2, 4])
        // snippet Sources/Heterodyne/Heterodyne.docc/Heterodyne.md
        let step = compile(donating: [0]) { (cache: Tensor, row: Tensor, position: Tensor) in
            cache.updating([position, 0], with: row)
        }
        var cache = Tensor.zeros([128, 64])
        cache = try step(cache, Tensor.ones([1, 64]), Tensor(Int32(5)))
        // end
        #expect(try cache.sum().item(as: Float.self) == 64)
    }

    @Test func graph() throws {
        // snippet Sources/HeterodyneGraph/HeterodyneGraph.docc/HeterodyneGraph.md
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [2, 3]))
        let y = try x.exp() + 1
        try builder.output("y", y.reduce(.sum, [1]))
        let graph = try builder.build()
        // end
        // snippet Sources/HeterodyneGraph/HeterodyneGraph.docc/HeterodyneGraph.md
        let text = graph.text()
        let again = try Graph(parsing: text)
        // end
        #expect(again == graph)
    }

    @Test func backend() throws {
        // snippet Sources/HeterodyneBackend/HeterodyneBackend.docc/HeterodyneBackend.md
        for device in Device.all {
            let capabilities = try device.capabilities()
            let hasDoubles = capabilities.usages(of: .float64).contains(.arithmetic)
            print(device.id, hasDoubles, capabilities.claims.sorted())
        }
        // end
    }

    @Test func composites() throws {
        // snippet Sources/HeterodyneOps/HeterodyneOps.docc/HeterodyneOps.md
        let builder = GraphBuilder()
        let scores = try builder.input("scores", TensorType(.float32, [8, 128]))
        try builder.output("weights", scores.softmax())
        let graph = try builder.build()
        // end
        // snippet Sources/HeterodyneOps/HeterodyneOps.docc/HeterodyneOps.md
        let again = try Graph(parsing: graph.text(), composites: .standard)
        // end
        #expect(again == graph)
    }

    @Test func weights() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
            .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        // snippet Sources/HeterodyneWeights/HeterodyneWeights.docc/HeterodyneWeights.md
        try SafetensorsFile.write([(name: "bias", tensor: Literal([1, 2, 3] as [Float]))], to: path)
        let weights = try WeightFile.open(path)
        let bias = try weights.tensor(named: "bias")
        // end
        #expect(try bias.scalars() == [1, 2, 3] as [Float])
    }

    @Test("every Swift block of the pages is compiled here, word for word") func pages() throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        var compiled: [String: [String]] = [:]
        var open: (page: String, lines: [String])?
        for line in try String(contentsOfFile: #filePath, encoding: .utf8).components(separatedBy: "\n") {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.hasPrefix("// snippet ") {
                open = (String(text.dropFirst(11)), [])
            } else if text == "// end", let snippet = open {
                compiled[snippet.page, default: []].append(snippet.lines.joined(separator: "\n"))
                open = nil
            } else {
                // The function's indentation is not the page's.
                open?.lines.append(line.hasPrefix("        ") ? String(line.dropFirst(8)) : line)
            }
        }
        #expect(compiled.count == 6)
        for (page, snippets) in compiled {
            let text = try String(contentsOf: root.appendingPathComponent(page), encoding: .utf8)
            var shown: [String] = []
            for block in text.components(separatedBy: "```swift\n").dropFirst() {
                let code = try #require(block.components(separatedBy: "\n```").first)
                let lines = code.components(separatedBy: "\n").drop { $0.hasPrefix("import ") || $0.isEmpty }
                shown.append(lines.joined(separator: "\n"))
            }
            #expect(shown == snippets, "\(page)")
        }
    }

    @Test("the README names every environment variable that the code reads") func variables() throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        var found = Set<String>()
        for folder in ["Sources", "Backends", "Samples"] {
            let files = try #require(FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path))
            for case let file as String in files where file.hasSuffix(".swift") || file.hasSuffix(".c") {
                let path = root.appendingPathComponent(folder).appendingPathComponent(file)
                let source = try String(contentsOf: path, encoding: .utf8)
                for match in source.matches(of: /"((?:HETERODYNE|OPENBLAS)_[A-Z_]+)"/) { found.insert(String(match.1)) }
            }
        }
        // Codes of the plugin interface are spelled the same way, and are none.
        let header = root.appendingPathComponent("Sources/CHeterodynePlugin/include/heterodyne_plugin.h")
        let codes = try String(contentsOf: header, encoding: .utf8).matches(of: /(HETERODYNE_[A-Z_]+)\s*=/)
        found.subtract(codes.map { String($0.1) })
        #expect(found.count >= 5)
        for name in found { #expect(readme.contains("`\(name)`"), "\(name)") }
    }
}
