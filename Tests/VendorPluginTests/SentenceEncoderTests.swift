// Heterodyne: a sentence encoder runs on the vendor's sample as it runs on PyTorch.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import SentenceEmbeddingModel
import Testing

@Suite("A sentence encoder on the vendor's sample", .enabled(if: Workshop.hasCompiler, Workshop.reason))
struct SentenceEncoderTests {
    /// `sentences.json` of the sentence embedding's tests: what PyTorch computed in float64.
    private struct Fixture: Decodable {
        struct Sentence: Decodable {
            let text: String
            let ids: [Int32]
            let embedding64: [Double]
        }
        let sentences: [Sentence]

        static func load() throws -> [Sentence] {
            let path = Workshop.root.appending(path: "Tests/SentenceEmbeddingTests/Fixtures/sentences.json")
            return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: path)).sentences
        }
    }

    private static let width = 384

    @Test("all sentences in batches agree with PyTorch in float64, and what fell back is told") func sentences() throws
    {
        let files = try PretrainedFiles.cached(repository: Workshop.root.path)
        let device = try AcmeDevice.get()
        let tokenizer = try WordPieceTokenizer(vocabularyFile: files.vocabulary, size: 30_522)
        let embedder = SentenceEmbedder(encoder: try SentenceEncoder(files), tokenizer: tokenizer, device: device)
        // By length, and the longest alone, so that little is padding.
        let sentences = try Fixture.load().sorted { $0.ids.count < $1.ids.count }
        var found = try embedder.embed(sentences.dropLast().map(\.text), batchSize: 8) { _ in }
        found += try embedder.embed(sentences.suffix(1).map(\.text))
        #expect(found.count == sentences.count * Self.width)
        for (row, sentence) in sentences.enumerated() {
            let embedding = found[row * Self.width..<(row + 1) * Self.width]
            let cosine = Self.cosine(embedding.map(Double.init), sentence.embedding64)
            #expect(cosine >= 0.99999, "\(sentence.text.prefix(60))")
        }

        let report = try embedder.report(for: sentences[0].text)
        let fallbacks = report.entries.filter { $0.kind == .fallback }
        #expect(
            fallbacks.contains {
                $0.operation == "gather" && $0.reason.contains("the Acme NPU has no kernel for gather")
            })
        #expect(fallbacks.allSatisfy { $0.device != device.id && !$0.reason.isEmpty })
        // The work itself is the chip's: every product, and every gelu whole.
        func count(_ operation: String, _ kind: CompilationReport.Entry.Kind) -> Int {
            report.entries.filter { $0.operation == operation && $0.kind == kind && $0.device == device.id }
                .reduce(0) { $0 + $1.count }
        }
        #expect(count("gelu", .placement) == 6)
        // Per layer: four projections, two of attention, two of the feed-forward part.
        #expect(count("dot", .placement) == 48)
        #expect(!fallbacks.contains { $0.operation == "dot" || $0.operation == "gelu" })
    }

    private static func cosine(_ a: [Double], _ b: [Double]) -> Double {
        var (dot, left, right) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            dot += x * y
            left += x * x
            right += y * y
        }
        return a.count == b.count ? dot / (left * right).squareRoot() : 0
    }
}
