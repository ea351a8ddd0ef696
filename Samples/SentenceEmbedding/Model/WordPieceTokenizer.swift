// Heterodyne: the tokenizer of uncased BERT models, from text to token ids.
// SPDX-License-Identifier: Apache-2.0

/// The WordPiece tokenizer of uncased BERT models (Devlin et al. 2018; the WordPiece of Wu et al. 2016).
///
/// Text is cleaned, stripped of accents, lower-cased and split into words and punctuation marks; every word is cut
/// greedily into the longest tokens of the vocabulary (`embeddings` -> `em ##bed ##ding ##s`); the ids stand between
/// `[CLS]` and `[SEP]`. The same ids as the tokenizer that the model was published with, `[MASK]` and the other special
/// tokens written out in the text included.
///
/// ```swift
/// let tokenizer = try WordPieceTokenizer(vocabularyFile: "vocab.txt")
/// let ids = try tokenizer.encode("Hello, world!")            // [101, 7592, 1010, 2088, 999, 102]
/// let batch = try tokenizer.encode(["short", "a longer text"])  // padded, with attention mask
/// ```
public struct WordPieceTokenizer: Sendable {
    /// The number of tokens that all-MiniLM-L6-v2 looks at (`max_seq_length` of its package); the rest of a text is cut.
    public static let defaultMaximumLength = 256
    /// Words of more scalars than this become `[UNK]`.
    public static let maximumWordLength = 100
    /// The largest length that can be asked for.
    public static let longestLength = 65_536

    /// The number of tokens of the vocabulary; ids are below it.
    public var vocabularySize: Int { vocabulary.count }
    /// The id of `[PAD]`, which fills a batch's shorter rows.
    public let paddingID: Int32
    /// The id of `[UNK]`, which stands for words that the vocabulary cannot spell.
    public let unknownID: Int32
    /// The id of `[CLS]`, which begins every encoding.
    public let startID: Int32
    /// The id of `[SEP]`, which ends every encoding.
    public let endID: Int32

    private let vocabulary: WordPieceVocabulary
    /// The special tokens that are recognized in a text, spelled as in the vocabulary.
    private let specialTokens: [(spelling: [Unicode.Scalar], id: Int32)]

    /// Reads the vocabulary from a `vocab.txt`: one token per line, the id is the line's number counted from 0.
    ///
    /// - Parameter size: the number of tokens that the model knows; checked when given.
    /// - Throws: ``TokenizerError`` when the file cannot be read or is not a BERT vocabulary of that size.
    public init(vocabularyFile path: String, size: Int? = nil) throws(TokenizerError) {
        try self.init(WordPieceVocabulary(contentsOf: path), size: size)
    }

    /// Takes the tokens themselves, the id of each being its place.
    ///
    /// - Throws: ``TokenizerError`` when a token is empty or occurs twice, or a special token is missing.
    public init(vocabulary tokens: [String]) throws(TokenizerError) {
        try self.init(WordPieceVocabulary(tokens: tokens.map { Array($0.utf8)[...] }), size: nil)
    }

    private init(_ vocabulary: WordPieceVocabulary, size: Int?) throws(TokenizerError) {
        if let size, size != vocabulary.count {
            throw .wrongVocabularySize(found: vocabulary.count, expected: size)
        }
        func special(_ token: String) throws(TokenizerError) -> Int32 {
            guard let id = vocabulary.id(of: token) else { throw .missingSpecialToken(token) }
            return id
        }
        self.vocabulary = vocabulary
        paddingID = try special("[PAD]")
        unknownID = try special("[UNK]")
        startID = try special("[CLS]")
        endID = try special("[SEP]")
        // Models that were published without [MASK] still embed text.
        specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { token in
            vocabulary.id(of: token).map { (Array(token.unicodeScalars), $0) }
        }
    }

    /// The ids of one text between `[CLS]` and `[SEP]`, cut to `maximumLength` ids in all. An empty text gives those two.
    ///
    /// - Throws: ``TokenizerError/invalidLength(name:value:lowest:highest:)`` unless `maximumLength` is in
    ///   2...``longestLength``.
    public func encode(
        _ text: String, maximumLength: Int = defaultMaximumLength
    ) throws(TokenizerError) -> [Int32] {
        try Self.check("maximumLength", maximumLength, atLeast: 2)
        var ids = [startID]
        appendTokens(of: text, until: maximumLength - 1, to: &ids)
        if ids.count > maximumLength - 1 { ids.removeLast(ids.count - (maximumLength - 1)) }
        ids.append(endID)
        return ids
    }

    /// The ids of several texts, padded with `[PAD]` to one length, with the attention mask that tells text from padding.
    ///
    /// - Parameters:
    ///   - texts: the texts; no text at all gives an empty batch.
    ///   - maximumLength: longer encodings are cut to this many ids.
    ///   - padding: how long the rows become.
    /// - Throws: ``TokenizerError/invalidLength(name:value:lowest:highest:)`` when `maximumLength` is not in
    ///   2...``longestLength``, a multiple not in 1...``longestLength`` or a fixed length shorter than `maximumLength`.
    public func encode(
        _ texts: [String], maximumLength: Int = defaultMaximumLength, padding: TokenPadding = .longest
    ) throws(TokenizerError) -> TokenBatch {
        try Self.check("maximumLength", maximumLength, atLeast: 2)
        switch padding {
        case .longest: break
        case .multiple(let factor): try Self.check("the multiple to pad to", factor, atLeast: 1)
        case .fixed(let length): try Self.check("the length to pad to", length, atLeast: maximumLength)
        }

        var encodings: [[Int32]] = []
        encodings.reserveCapacity(texts.count)
        for text in texts { encodings.append(try encode(text, maximumLength: maximumLength)) }
        let longest = encodings.map(\.count).max() ?? 0
        let columns =
            switch padding {
            case .longest: longest
            case .multiple(let factor): (longest + factor - 1) / factor * factor
            case .fixed(let length): length
            }
        return TokenBatch(rows: encodings, columns: columns, padding: paddingID)
    }

    private static func check(_ name: String, _ value: Int, atLeast lowest: Int) throws(TokenizerError) {
        guard (lowest...longestLength).contains(value) else {
            throw .invalidLength(name: name, value: value, lowest: lowest, highest: longestLength)
        }
    }

    /// Appends the tokens of a text, at least up to `limit` ids in all where it has so many.
    private func appendTokens(of text: String, until limit: Int, to ids: inout [Int32]) {
        let scalars = Array(text.unicodeScalars)
        var start = scalars.startIndex
        var index = start
        // Special tokens are looked for in the raw text, before lower-casing and splitting would take them apart.
        while index < scalars.endIndex, ids.count < limit {
            if scalars[index] == "[",
                let special = specialTokens.first(where: { scalars[index...].starts(with: $0.spelling) })
            {
                appendWords(of: scalars[start..<index], until: limit, to: &ids)
                ids.append(special.id)
                index += special.spelling.count
                start = index
            } else {
                index += 1
            }
        }
        appendWords(of: scalars[start..<index], until: limit, to: &ids)
    }

    private func appendWords(of scalars: ArraySlice<Unicode.Scalar>, until limit: Int, to ids: inout [Int32]) {
        BERTWordSplitter.forEachWord(in: scalars) { word in
            vocabulary.appendPieces(of: word, limit: Self.maximumWordLength, unknown: unknownID, to: &ids)
            return ids.count < limit
        }
    }
}
