// Heterodyne: the encoder gives PyTorch's embeddings on every device.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

@testable import SentenceEmbeddingModel

@Suite("Sentence embeddings")
struct EmbeddingTests {
    private static let encoder = Result { try SentenceEncoder(Pretrained.files()) }
    private static let width = 384

    /// One embedder per test, as every program keeps the weights in the form that its device likes.
    static func embedder(_ device: Device) throws -> SentenceEmbedder {
        SentenceEmbedder(encoder: try encoder.get(), tokenizer: try Pretrained.tokenizer(), device: device)
    }

    /// All sentences where that is quick; the shortest ones where every operation is interpreted.
    static func sentences(for device: Device) throws -> [SentenceFixture.Sentence] {
        let all = try SentenceFixture.load().sentences
        guard device.id == "reference" else { return all }
        return Array(all.sorted { $0.ids.count < $1.ids.count }.prefix(3))
    }

    static func expectFixture(_ embedding: ArraySlice<Float>, _ sentence: SentenceFixture.Sentence, _ device: Device) {
        #expect(embedding.count == sentence.embedding64.count)
        var (dot, norm, expectedNorm, largest) = (0.0, 0.0, 0.0, 0.0)
        for (found, expected) in zip(embedding, sentence.embedding64) {
            dot += Double(found) * expected
            norm += Double(found) * Double(found)
            expectedNorm += expected * expected
            largest = max(largest, abs(Double(found) - expected))
        }
        let cosine = dot / (norm * expectedNorm).squareRoot()
        #expect(cosine >= 0.99999, "\(device): \(sentence.text.prefix(60))")
        #expect(largest <= 1e-4, "\(device): \(sentence.text.prefix(60))")
    }

    @Test("one sentence at a time agrees with PyTorch in float64", arguments: Device.all)
    func single(device: Device) throws {
        let embedder = try Self.embedder(device)
        for sentence in try Self.sentences(for: device) {
            let embedding = try embedder.embed([sentence.text])
            Self.expectFixture(embedding[...], sentence, device)
        }
    }

    @Test("batches of padded sentences agree with PyTorch in float64", arguments: Device.all)
    func batches(device: Device) throws {
        let sentences = try Self.sentences(for: device)
        var progress: [Int] = []
        let size = device.id == "reference" ? 2 : 8
        let all = try Self.embedder(device).embed(sentences.map(\.text), batchSize: size) { progress.append($0) }
        #expect(all.count == sentences.count * Self.width)
        for (row, sentence) in sentences.enumerated() {
            Self.expectFixture(all[row * Self.width..<(row + 1) * Self.width], sentence, device)
        }
        #expect(progress == stride(from: size, to: sentences.count, by: size) + [sentences.count])
    }

    @Test("weights in 16 bits keep the direction", arguments: Device.all, [ScalarType.bfloat16, .float16])
    func shortWeights(device: Device, type: ScalarType) throws {
        try Self.expectDirection(device, type)
    }

    /// Every weight in 16 bits: the least cosine to the float32 embeddings of PyTorch is told and at least 0.999.
    @discardableResult private static func expectDirection(
        _ device: Device, _ type: ScalarType
    ) throws -> SentenceEmbedder {
        let encoder = try SentenceEncoder(Pretrained.files(), weightType: type)
        let embedder = SentenceEmbedder(encoder: encoder, tokenizer: try Pretrained.tokenizer(), device: device)
        let sentences = try sentences(for: device).sorted { $0.ids.count < $1.ids.count }
            .prefix(device.id == "reference" ? 1 : 6)
        let embeddings = try embedder.embed(sentences.map(\.text), batchSize: 3)
        let cosine = leastCosine(embeddings, sentences.flatMap(\.embedding), width: width)
        print("\(device.id), weights in \(type): least cosine to the float32 embeddings \(cosine)")
        #expect(cosine >= 0.999, "\(device), \(type)")
        // Rounding the weights changes something, or they were not rounded.
        #expect(cosine < 0.999_999_99, "\(device), \(type)")
        return embedder
    }

    @Test("weights in bfloat16 run on devices without bfloat16, and the report says how", arguments: Device.all)
    func maskedWeights(device: Device) throws {
        let embedder = try Self.expectDirection(device.masking(.bfloat16), .bfloat16)
        let report = try embedder.report(for: "I forgot my login")
        let lines = report.entries.filter { $0.rule == "bfloat16=emulate" }
        #expect(lines.contains { $0.kind == .legalization && $0.location?.contains("SentenceEncoder") == true })
        #expect(report.entries.allSatisfy { $0.kind != .fallback && $0.device == device.id })
    }

    @Test("the cosine of rows") func cosines() {
        #expect(leastCosine([1, 0, 0, 2], [3, 0, 0, 1], width: 2) == 1)
        #expect(leastCosine([1, 0, 1, 0], [3, 0, 0, 1], width: 2) == 0)
        #expect(leastCosine([1, 0, -1, 0], [3, 0, 2, 0], width: 2) == -1)
        #expect(leastCosine([0, 0], [3, 0], width: 2) == 0)
        #expect(leastCosine([], [], width: 2) == 1)
    }

    @Test("padding changes nothing that matters", arguments: Device.all) func padding(device: Device) throws {
        let encoder = try Self.encoder.get()
        let ids: [Int32] = [101, 7592, 2088, 102]
        let short = try encoder.embedding(
            ids: Tensor(ids, shape: [1, 4]), mask: Tensor([1, 1, 1, 1] as [Int32], shape: [1, 4])
        ).scalars(as: Float.self, on: device)
        // What stands in the padding must not matter either.
        let padded = try encoder.embedding(
            ids: Tensor(ids + [7, 7, 7], shape: [1, 7]), mask: Tensor([1, 1, 1, 1, 0, 0, 0] as [Int32], shape: [1, 7])
        ).scalars(as: Float.self, on: device)
        for (a, b) in zip(short, padded) { #expect(abs(a - b) <= 1e-5) }
    }

    @Test("one program serves every text of a shape", arguments: Device.all) func replay(device: Device) throws {
        let encoder = try Self.encoder.get()
        let function = compile(device: device) { (ids: Tensor, mask: Tensor) in encoder.embedding(ids: ids, mask: mask)
        }
        let type = TensorType(.int32, [1, 3])
        let program = try function.program(for: [type, type])
        let mask = Tensor([1, 1, 1] as [Int32], shape: [1, 3])
        for id in [7592, 2088, 7592] as [Int32] {
            let ids = Tensor([101, id, 102], shape: [1, 3])
            let replayed = try function(ids, mask).scalars(as: Float.self)
            let again = try function(ids, mask).scalars(as: Float.self)
            #expect(replayed == again)
        }
        #expect(try function.program(for: [type, type]) === program)
    }

    @Test("a search finds the lines that mean the same", arguments: Device.all) func search(device: Device) throws {
        let embedder = try Self.embedder(device)
        let texts = [
            (line: 1, text: "The cat sleeps on the sofa."), (line: 2, text: "How do I reset my password?"),
            (line: 4, text: "Heavy rain is expected."),
        ]
        let embeddings = try embedder.embed(texts.map(\.text), batchSize: 3)
        let query = try embedder.embed(["I forgot my login"])
        let matches = nearest(to: query, in: embeddings, texts: texts, count: 9)
        #expect(matches.count == 3)
        #expect(matches[0].line == 2)
        #expect(matches[0].similarity > matches[1].similarity && matches[1].similarity >= matches[2].similarity)
        #expect(nearest(to: query, in: embeddings, texts: texts, count: -1).isEmpty)
    }

    @Test("no texts give no embeddings") func nothing() throws {
        let device = try Device.current
        #expect(try Self.embedder(device).embed([]).isEmpty)
    }

    @Test("ids of the wrong rank are a typed error") func wrongRank() throws {
        let encoder = try Self.encoder.get()
        #expect(encoder.embedding(ids: Tensor([1, 2] as [Int32]), mask: Tensor([1, 1] as [Int32])).error != nil)
        let long = Tensor.zeros([1, 513], .int32)
        #expect(encoder.embedding(ids: long, mask: long).error != nil)
    }

    @Test("broken files are refused with typed errors") func brokenFiles() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("heterodyne-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let good = try Pretrained.files()
        for path in [good.vocabulary, good.configuration] {
            let name = URL(fileURLWithPath: path).lastPathComponent
            try FileManager.default.copyItem(atPath: path, toPath: folder.appendingPathComponent(name).path)
        }
        #expect(throws: PretrainedFilesError.missingFile(folder: folder.path, name: "model.safetensors")) {
            try PretrainedFiles(folder: folder.path)
        }
        let weights = folder.appendingPathComponent("model.safetensors")
        let whole = try FileHandle(forReadingFrom: URL(fileURLWithPath: good.weights))
        defer { try? whole.close() }
        try #require(try whole.read(upToCount: 100_000)).write(to: weights)
        let files = try PretrainedFiles(folder: folder.path)
        #expect(throws: WeightsError.self) { try SentenceEncoder(files) }
        try Data().write(to: weights)
        #expect(throws: WeightsError.self) { try SentenceEncoder(files) }
        // Whole weights, one of them missing.
        let only = [(name: "embeddings.word_embeddings.weight", tensor: Literal(Float(0), shape: [4, 4]))]
        try SafetensorsFile.write(only, to: weights.path)
        #expect(throws: WeightsError.self) { try SentenceEncoder(files) }
        for text in ["[]", #"{"hidden_size": "wide"}"#, "\u{0}"] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: files.configuration))
            #expect(throws: PretrainedFilesError.self) { try SentenceEncoder(files) }
        }
    }
}
