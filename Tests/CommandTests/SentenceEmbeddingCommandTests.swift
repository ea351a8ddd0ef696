// Heterodyne: what the sentence-embedding sample promises on the command line.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

@Suite("SentenceEmbedding")
struct SentenceEmbeddingCommandTests {
    /// A folder with a short text, removed with the value.
    final class Folder {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("heterodyne-\(UUID().uuidString)").path

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func file(_ name: String, _ content: Data) throws -> String {
            let path = path + "/" + name
            try content.write(to: URL(fileURLWithPath: path))
            return path
        }
    }

    struct Document: Decodable {
        struct Entry: Decodable {
            struct Match: Decodable {
                var line: Int
                var similarity: Float
            }
            var device: String
            var matches: [Match]
            var largestDifference: Float
        }
        var schema: Int
        var devices: [Entry]
    }

    static let text = Data("The cat sleeps.\n\nReset a password\nRain tomorrow\n".utf8)
    /// The cache that scripts/fetch_weights fills; a relative one is meant from the root of the repository.
    static let environment = [
        "HETERODYNE_CACHE": ProcessInfo.processInfo.environment["HETERODYNE_CACHE"]
            ?? repository.appendingPathComponent(".cache").path
    ]

    @Test("--device all answers alike on every device, --output is readable") func search() throws {
        let folder = try Folder()
        let file = try folder.file("lines.txt", Self.text)
        let output = folder.path + "/lines.npy"
        let outcome = try Command("SentenceEmbedding").run(
            ["--query", "I forgot my login", "--device", "all", "--json", "--top", "2", "--output", output, file],
            environment: Self.environment)
        try #require(outcome.status == 0, "\(outcome.messages)")
        let found = try JSONDecoder().decode(Document.self, from: Data(outcome.output.utf8))
        #expect(found.schema == 1)
        #expect(found.devices.map(\.device) == Device.all.map(\.id))
        for device in found.devices {
            #expect(device.matches.count == 2)
            #expect(device.matches.first?.line == 3)
            #expect(device.largestDifference <= 1e-4)
        }
        let embeddings = try NpyFile.read(path: output)
        #expect(embeddings.type == TensorType(.float32, [3, 384]))
        let numbers: [Float] = try embeddings.scalars()
        for row in 0..<3 {
            let norm = numbers[row * 384..<(row + 1) * 384].reduce(0) { $0 + $1 * $1 }
            #expect(abs(norm - 1) < 1e-4)
        }
    }

    @Test("without --json people read it, without escape codes in a pipe") func text() throws {
        let folder = try Folder()
        let outcome = try Command("SentenceEmbedding").run(
            ["-q", "weather", try folder.file("lines.txt", Self.text)], environment: Self.environment)
        try #require(outcome.status == 0, "\(outcome.messages)")
        #expect(outcome.output.contains("line 4: Rain tomorrow"))
        #expect(!outcome.output.contains("\u{1B}") && outcome.messages.isEmpty)
    }

    @Test("HETERODYNE_DEVICE chooses the default device") func defaultDevice() throws {
        let folder = try Folder()
        let file = try folder.file("line.txt", Data("Rain tomorrow\n".utf8))
        let chosen = try Command("SentenceEmbedding").run(
            ["-q", "weather", "--json", file],
            environment: Self.environment.merging(["HETERODYNE_DEVICE": "reference"]) { $1 })
        try #require(chosen.status == 0, "\(chosen.messages)")
        let found = try JSONDecoder().decode(Document.self, from: Data(chosen.output.utf8))
        #expect(found.devices.map(\.device) == ["reference"])
        let unknown = try Command("SentenceEmbedding").run(
            ["-q", "weather", file], environment: Self.environment.merging(["HETERODYNE_DEVICE": "abacus"]) { $1 })
        #expect(unknown.status == 1)
        #expect(unknown.messages.contains("abacus"))
    }

    @Test("--weight-type tells how near it comes, --report-json writes the report") func weightType() throws {
        struct Entries: Decodable {
            struct Report: Decodable { var label: String }
            var reports: [Report]
        }
        struct Cosines: Decodable {
            struct Entry: Decodable { var leastCosine: Double }
            var devices: [Entry]
        }
        let folder = try Folder()
        let file = try folder.file("lines.txt", Self.text)
        let report = folder.path + "/report.json"
        let outcome = try Command("SentenceEmbedding").run(
            ["-q", "weather", "--weight-type", "bfloat16", "--strict", "--json", "--report-json", report, file],
            environment: Self.environment)
        try #require(outcome.status == 0, "\(outcome.messages)")
        let found = try JSONDecoder().decode(Cosines.self, from: Data(outcome.output.utf8))
        #expect(found.devices.count == 1 && found.devices.allSatisfy { $0.leastCosine > 0.999 && $0.leastCosine < 1 })
        let written = try JSONDecoder().decode(Entries.self, from: Data(contentsOf: URL(fileURLWithPath: report)))
        #expect(written.reports.map(\.label) == ["sentence embedding"])
    }

    @Test("each mistake is one line and exit status 1") func mistakes() throws {
        let folder = try Folder()
        let good = try folder.file("lines.txt", Self.text)
        let rows: [(arguments: [String], says: String)] = [
            (["--device", "abacus", good], "abacus"), ([folder.path + "/missing.txt"], "missing.txt"),
            ([try folder.file("empty.txt", Data())], "no lines with text"),
            ([try folder.file("binary.txt", Data([0xFF, 0xFE, 0x00]))], "UTF-8"),
            (["--weights", folder.path, good], "model.safetensors"),
            (["--types", "bfloat16=maybe", good], "maybe"),
            (["--output", folder.path + "/no/such/folder.npy", good], "folder.npy"),
        ]
        for (arguments, says) in rows {
            let outcome = try Command("SentenceEmbedding").run(
                ["--query", "x"] + arguments, environment: Self.environment)
            #expect(outcome.status == 1, "\(arguments)")
            #expect(outcome.output.isEmpty, "\(arguments)")
            #expect(outcome.messages.contains(says), "\(arguments): \(outcome.messages)")
            #expect(outcome.messages.filter(\.isNewline).count == 1, "\(arguments): \(outcome.messages)")
        }
    }

    @Test("broken weights are refused by name") func brokenWeights() throws {
        let folder = try Folder()
        let good = try folder.file("lines.txt", Self.text)
        _ = try folder.file("model.safetensors", Data(repeating: 0xFF, count: 64))
        _ = try folder.file("vocab.txt", Data("[PAD]\n".utf8))
        for (configuration, says) in [("{", "not JSON"), ("{}", "is missing"), (Self.configuration(heads: 0), "heads")]
        {
            _ = try folder.file("config.json", Data(configuration.utf8))
            let outcome = try Command("SentenceEmbedding").run(["-q", "x", "--weights", folder.path, good])
            #expect(outcome.status == 1)
            #expect(outcome.messages.contains("config.json") && outcome.messages.contains(says), "\(outcome.messages)")
        }
        _ = try folder.file("config.json", Data(Self.configuration(heads: 12).utf8))
        let outcome = try Command("SentenceEmbedding").run(["-q", "x", "--weights", folder.path, good])
        #expect(outcome.status == 1)
        #expect(outcome.messages.contains("model.safetensors"), "\(outcome.messages)")
    }

    private static func configuration(heads: Int) -> String {
        """
        {"hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": \(heads), "num_hidden_layers": 6,
         "max_position_embeddings": 512, "vocab_size": 30522, "layer_norm_eps": 1e-12}
        """
    }

    @Test("wrong usage is 64, help is 0") func usage() throws {
        #expect(try Command("SentenceEmbedding").run([]).status == 64)
        #expect(try Command("SentenceEmbedding").run(["-q", "x", "--top", "0", "file"]).status == 64)
        #expect(try Command("SentenceEmbedding").run(["-q", "x", "--batch", "-1", "file"]).status == 64)
        let help = try Command("SentenceEmbedding").run(["--help"])
        #expect(help.status == 0)
        #expect(help.output.contains("--query"))
    }
}
