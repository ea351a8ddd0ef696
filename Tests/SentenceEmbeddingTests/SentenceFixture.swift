// Heterodyne: what PyTorch and transformers computed for the sentence-embedding model, and where its files are.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import SentenceEmbeddingModel

/// `Fixtures/sentences.json`, made by `scripts/fixtures/sentence_embedding.py`.
struct SentenceFixture: Decodable, Sendable {
    struct Sentence: Decodable, Sendable {
        let text: String
        let ids: [Int32]
        let mask: [Int32]
        /// Mean-pooled, normalized, in float32 arithmetic.
        let embedding: [Float]
        /// The same in float64 arithmetic.
        let embedding64: [Double]
    }

    let maximumLength: Int
    /// The length that all sentences are padded to when they are encoded as one batch.
    let batchColumns: Int
    let sentences: [Sentence]

    enum CodingKeys: String, CodingKey {
        case maximumLength = "maximum_length"
        case batchColumns = "batch_columns"
        case sentences
    }

    static func load() throws -> SentenceFixture {
        try decodeFixture(SentenceFixture.self, "sentences")
    }
}

/// `Fixtures/unicode.json`, made by the same script.
struct UnicodeFixture: Decodable, Sendable {
    struct Block: Decodable, Sendable {
        let first: UInt32
        /// FNV-1a (64 bits, hexadecimal) of the words of "a" + scalar + "b" for every scalar of the block, words
        /// separated by a space, scalars by a line end.
        let hash: String

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            first = try container.decode(UInt32.self)
            hash = try container.decode(String.self)
        }
    }

    let blockSize: UInt32
    /// Pairs of first and last scalar whose properties changed since the Unicode version of the published tokenizer.
    let leftOut: [[UInt32]]
    let blocks: [Block]

    enum CodingKeys: String, CodingKey {
        case blockSize = "block_size"
        case leftOut = "left_out"
        case blocks
    }

    static func load() throws -> UnicodeFixture {
        try decodeFixture(UnicodeFixture.self, "unicode")
    }
}

struct MissingFixture: Error, CustomStringConvertible {
    let name: String
    var description: String { "the fixture \(name).json is not in the test bundle" }
}

private func decodeFixture<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
    guard let url = Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Fixtures") else {
        throw MissingFixture(name: name)
    }
    return try JSONDecoder().decode(type, from: Data(contentsOf: url))
}

/// The pretrained files, fetched once per test run when `scripts/test` has not done it before.
enum Pretrained {
    private static let cached = Result<PretrainedFiles, PretrainedFilesError> { () throws(PretrainedFilesError) in
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try PretrainedFiles.cached(repository: root.path)
    }

    static func files() throws -> PretrainedFiles { try cached.get() }

    private static let sharedTokenizer = Result<WordPieceTokenizer, any Error> {
        try WordPieceTokenizer(vocabularyFile: files().vocabulary, size: 30_522)
    }

    static func tokenizer() throws -> WordPieceTokenizer { try sharedTokenizer.get() }
}
