// Heterodyne: the tokenizer gives the ids that the published one gives, and refuses what it cannot use.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import SentenceEmbeddingModel

@Suite("WordPiece tokenizer")
struct WordPieceTokenizerTests {
    @Test("every sentence of the fixture gets the published ids")
    func fixtureIDs() throws {
        let tokenizer = try Pretrained.tokenizer()
        let fixture = try SentenceFixture.load()
        #expect(fixture.sentences.count >= 20)
        for sentence in fixture.sentences {
            let ids = try tokenizer.encode(sentence.text, maximumLength: fixture.maximumLength)
            #expect(ids == sentence.ids, "\(sentence.text.prefix(80))")
        }
    }

    @Test("a batch is padded on the right and masked")
    func fixtureBatch() throws {
        let tokenizer = try Pretrained.tokenizer()
        let fixture = try SentenceFixture.load()
        let batch = try tokenizer.encode(fixture.sentences.map(\.text), maximumLength: fixture.maximumLength)
        #expect(batch.rows == fixture.sentences.count)
        #expect(batch.columns == fixture.batchColumns)
        #expect(batch.ids.count == batch.rows * batch.columns)
        #expect(batch.typeIDs == [Int32](repeating: 0, count: batch.ids.count))
        for (row, sentence) in fixture.sentences.enumerated() {
            let gap = [Int32](repeating: 0, count: batch.columns - sentence.ids.count)
            let range = row * batch.columns..<(row + 1) * batch.columns
            #expect(Array(batch.ids[range]) == sentence.ids + gap)
            #expect(Array(batch.mask[range]) == sentence.mask + gap)
            #expect(batch.lengths[row] == sentence.ids.count)
        }
    }

    @Test("all of Unicode's basic planes is normalized and split as the published tokenizer does")
    func unicodeBlocks() throws {
        let fixture = try UnicodeFixture.load()
        let leftOut = fixture.leftOut.map { $0[0]...$0[1] }
        #expect(fixture.blocks.count > 300)
        var next = 0
        for block in fixture.blocks {
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for value in block.first..<block.first + fixture.blockSize {
                while next < leftOut.count, leftOut[next].upperBound < value { next += 1 }
                if next < leftOut.count, leftOut[next].contains(value) { continue }
                let scalar = try #require(Unicode.Scalar(value))
                var line = ""
                BERTWordSplitter.forEachWord(in: ["a", scalar, "b"]) { word in
                    if !line.isEmpty { line.unicodeScalars.append(" ") }
                    line.unicodeScalars.append(contentsOf: word)
                    return true
                }
                for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
                hash = (hash ^ 10) &* 0x100_0000_01B3
            }
            let found = String(hash, radix: 16)
            let padded = String(repeating: "0", count: 16 - found.count) + found
            #expect(padded == block.hash, "the block from U+\(String(block.first, radix: 16, uppercase: true))")
        }
    }

    @Test("encodings are cut to the maximum length", arguments: [2, 3, 4, 5, 6, 7, 256])
    func truncation(length: Int) throws {
        let tokenizer = try Pretrained.tokenizer()
        let whole: [Int32] = [101, 7592, 1010, 2088, 999, 102]
        #expect(try tokenizer.encode("Hello, world!") == whole)
        let expected = whole.count <= length ? whole : whole.prefix(length - 1) + [102]
        #expect(try tokenizer.encode("Hello, world!", maximumLength: length) == expected)
    }

    @Test("a cut falls between the pieces of a word")
    func truncationInsideWord() throws {
        let tokenizer = try Pretrained.tokenizer()
        let whole = try tokenizer.encode("embeddings")
        #expect(whole.count == 6)
        #expect(try tokenizer.encode("embeddings", maximumLength: 4) == [101, whole[1], whole[2], 102])
    }

    @Test("a text far longer than the limit is cut")
    func hugeText() throws {
        let tokenizer = try Pretrained.tokenizer()
        let ids = try tokenizer.encode(String(repeating: "stone ", count: 20_000))
        #expect(ids.count == 256)
        #expect(Set(ids.dropFirst().dropLast()).count == 1)
        let specials = try tokenizer.encode(String(repeating: "[MASK]", count: 20_000), maximumLength: 5)
        #expect(specials == [101, 103, 103, 103, 102])
    }

    @Test("rows are padded as asked")
    func padding() throws {
        let tokenizer = try Self.tiny()
        let texts = ["a", "a b a", ""]
        #expect(try tokenizer.encode(texts).columns == 5)
        #expect(try tokenizer.encode(texts, padding: .multiple(of: 4)).columns == 8)
        #expect(try tokenizer.encode(texts, padding: .multiple(of: 5)).columns == 5)
        #expect(try tokenizer.encode(texts, maximumLength: 4, padding: .multiple(of: 1)).columns == 4)
        #expect(try tokenizer.encode(texts, maximumLength: 16, padding: .fixed(16)).columns == 16)
        let none = try tokenizer.encode([String]())
        #expect(none.rows == 0 && none.columns == 0 && none.ids.isEmpty && none.mask.isEmpty)
    }

    @Test("the longest piece wins, and a word that cannot be finished is unknown as a whole")
    func greedyMatch() throws {
        let tokenizer = try WordPieceTokenizer(
            vocabulary: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "una", "##ffable", "##able", "##ff", "##e", "##"])
        #expect(tokenizer.vocabularySize == 11)
        #expect(try tokenizer.encode("unffable") == [2, 4, 6, 3])
        // “una” is longer than “un”, and what follows it fits nothing: greedy search does not go back.
        #expect(try tokenizer.encode("unable") == [2, 1, 3])
        #expect(try tokenizer.encode("unffe unae x") == [2, 4, 8, 9, 5, 9, 1, 3])
        // A vocabulary without [MASK] does not recognize it.
        #expect(try tokenizer.encode("[MASK]") == [2, 1, 1, 1, 3])
    }

    @Test("tokens that differ only in canonical form stay different")
    func canonicalForms() throws {
        let tokenizer = try WordPieceTokenizer(
            vocabulary: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u{E9}", "e\u{301}", "e"])
        #expect(tokenizer.vocabularySize == 7)
        // Accents are stripped before the search, so neither accented form is reached.
        #expect(try tokenizer.encode("\u{E9} e\u{301} e") == [2, 6, 6, 6, 3])
    }

    @Test("lengths that make no sense are refused")
    func lengths() throws {
        let tokenizer = try Self.tiny()
        for length in [Int.min, -1, 0, 1, 65_537, Int.max] {
            #expect(throws: TokenizerError.self) { try tokenizer.encode("a", maximumLength: length) }
            #expect(throws: TokenizerError.self) { try tokenizer.encode(["a"], maximumLength: length) }
        }
        for factor in [Int.min, -1, 0, Int.max] {
            #expect(throws: TokenizerError.self) { try tokenizer.encode(["a"], padding: .multiple(of: factor)) }
        }
        #expect(
            throws: TokenizerError.invalidLength(name: "the length to pad to", value: 7, lowest: 8, highest: 65_536)
        ) {
            try tokenizer.encode(["a"], maximumLength: 8, padding: .fixed(7))
        }
    }

    @Test("a vocabulary that is none is refused with the reason")
    func wrongVocabularies() throws {
        let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        for missing in specials {
            #expect(throws: TokenizerError.missingSpecialToken(missing)) {
                try WordPieceTokenizer(vocabulary: specials.filter { $0 != missing } + ["a"])
            }
        }
        #expect(throws: TokenizerError.missingSpecialToken("[PAD]")) { try WordPieceTokenizer(vocabulary: []) }
        #expect(throws: TokenizerError.duplicateToken("a", firstLine: 5, secondLine: 7)) {
            try WordPieceTokenizer(vocabulary: specials + ["a", "b", "a"])
        }
        #expect(throws: TokenizerError.emptyToken(line: 5)) {
            try WordPieceTokenizer(vocabulary: specials + [""])
        }
    }

    @Test("a vocabulary file that cannot be used is refused with the reason")
    func wrongFiles() throws {
        let missing = "/nonexistent/vocab.txt"
        #expect(throws: TokenizerError.cannotRead(path: missing, reason: "no such file")) {
            try WordPieceTokenizer(vocabularyFile: missing)
        }
        #expect(throws: TokenizerError.self) { try WordPieceTokenizer(vocabularyFile: "/") }
        #expect(throws: TokenizerError.vocabularyTooLarge(path: "/dev/zero", limit: 64 << 20)) {
            try WordPieceTokenizer(vocabularyFile: "/dev/zero")
        }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("vocab-\(UUID().uuidString).txt")
        defer { try? FileManager.default.removeItem(at: file) }
        let specials = "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n"
        try Data((specials + "a").utf8).write(to: file)
        let tokenizer = try WordPieceTokenizer(vocabularyFile: file.path)
        #expect(try tokenizer.encode("A") == [2, 4, 3])
        #expect(throws: TokenizerError.wrongVocabularySize(found: 5, expected: 30_522)) {
            try WordPieceTokenizer(vocabularyFile: file.path, size: 30_522)
        }
        try (Data(specials.utf8) + Data([0xFF, 0xFE])).write(to: file)
        #expect(throws: TokenizerError.notUTF8(line: 5)) { try WordPieceTokenizer(vocabularyFile: file.path) }
        try Data("[PAD]\n\n[UNK]\n".utf8).write(to: file)
        #expect(throws: TokenizerError.emptyToken(line: 2)) { try WordPieceTokenizer(vocabularyFile: file.path) }
    }

    @Test("a folder without the model's files is refused by name")
    func pretrainedFolder() throws {
        #expect(throws: PretrainedFilesError.missingFile(folder: "/nonexistent", name: "model.safetensors")) {
            try PretrainedFiles(folder: "/nonexistent")
        }
    }

    private static func tiny() throws -> WordPieceTokenizer {
        try WordPieceTokenizer(vocabulary: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"])
    }
}
