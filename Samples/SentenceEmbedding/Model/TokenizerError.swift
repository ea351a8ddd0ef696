// Heterodyne: what can go wrong between a text and its token ids.
// SPDX-License-Identifier: Apache-2.0

/// Why a tokenizer could not be made or could not encode.
public enum TokenizerError: Error, Hashable, Sendable {
    /// The vocabulary file cannot be read.
    case cannotRead(path: String, reason: String)
    /// The vocabulary file is larger than any WordPiece vocabulary: more than `limit` bytes.
    case vocabularyTooLarge(path: String, limit: Int)
    /// A line of the vocabulary (a place in the list of tokens; counted from 1) is not UTF-8.
    case notUTF8(line: Int)
    /// A line of the vocabulary (counted from 1) is empty; ids are line numbers, so a gap would shift the rest.
    case emptyToken(line: Int)
    /// The same token stands on two lines, so that its id would be ambiguous.
    case duplicateToken(String, firstLine: Int, secondLine: Int)
    /// A token that every encoding needs is not in the vocabulary.
    case missingSpecialToken(String)
    /// The vocabulary has another number of tokens than the model's embedding table has rows.
    case wrongVocabularySize(found: Int, expected: Int)
    /// A length that is asked for lies outside what is possible.
    case invalidLength(name: String, value: Int, lowest: Int, highest: Int)
}

extension TokenizerError: CustomStringConvertible {
    /// The fault and what to do about it, in one line.
    public var description: String {
        switch self {
        case .cannotRead(let path, let reason):
            "cannot read the vocabulary \(path): \(reason); scripts/fetch_weights fetches it"
        case .vocabularyTooLarge(let path, let limit):
            "\(path) has more than the \(limit) bytes that a vocabulary may have; is it a vocab.txt?"
        case .notUTF8(let line):
            "line \(line) of the vocabulary is not UTF-8; a WordPiece vocab.txt is expected"
        case .emptyToken(let line):
            "line \(line) of the vocabulary is empty; a WordPiece vocab.txt has one token per line"
        case .duplicateToken(let token, let firstLine, let secondLine):
            "the token “\(token)” stands on lines \(firstLine) and \(secondLine) of the vocabulary; ids would be ambiguous"
        case .missingSpecialToken(let token):
            "the vocabulary has no \(token) token; a BERT WordPiece vocabulary is expected"
        case .wrongVocabularySize(let found, let expected):
            "the vocabulary has \(found) tokens and the model \(expected); take vocab.txt and weights from the same package"
        case .invalidLength(let name, let value, let lowest, let highest):
            "\(name) is \(value) and has to be from \(lowest) to \(highest)"
        }
    }
}
