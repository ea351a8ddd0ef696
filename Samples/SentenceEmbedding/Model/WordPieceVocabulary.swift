// Heterodyne: a WordPiece vocabulary and the search for the longest token that starts a piece of a word.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The tokens of a `vocab.txt`, one per line, the id being the line's number counted from 0.
///
/// Two tries over Unicode scalars, one for the tokens that start a word and one for those that continue it (`##…`), so that
/// the longest match costs one step per scalar. Keys are scalars and not `String`, whose equality is canonical
/// equivalence: tokens that differ in their scalars are different tokens.
struct WordPieceVocabulary: Sendable {
    /// Bytes that a vocabulary file may have; those in use have less than 4 MiB.
    static let fileLimit = 64 << 20

    let count: Int
    /// (node << 32 | scalar) -> node. Node 0 starts words, node 1 continues them.
    private var edges: [UInt64: UInt32] = [:]
    /// node -> id of the token that ends there, or -1.
    private var idAtNode: [Int32] = [-1, -1]

    private static let wordStart: UInt32 = 0
    private static let wordContinuation: UInt32 = 1

    /// Reads a vocabulary file. Lines end in LF or CRLF; the last one needs no end.
    init(contentsOf path: String) throws(TokenizerError) {
        let data: Data
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            // Not the size that the file system tells: it says 0 of pipes and devices.
            data = try file.read(upToCount: Self.fileLimit + 1) ?? Data()
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile {
            throw .cannotRead(path: path, reason: "no such file")
        } catch {
            throw .cannotRead(path: path, reason: error.localizedDescription)
        }
        guard data.count <= Self.fileLimit else { throw .vocabularyTooLarge(path: path, limit: Self.fileLimit) }

        var lines = [UInt8](data).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        try self.init(tokens: lines.map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 })
    }

    /// Takes the tokens in UTF-8.
    init(tokens: [ArraySlice<UInt8>]) throws(TokenizerError) {
        count = tokens.count
        edges.reserveCapacity(tokens.count * 4)
        for (index, bytes) in tokens.enumerated() {
            guard !bytes.isEmpty else { throw .emptyToken(line: index + 1) }
            guard let token = String(validating: bytes, as: UTF8.self) else { throw .notUTF8(line: index + 1) }
            // The file limit keeps ids far below Int32.max.
            if let first = insert(Array(token.unicodeScalars), id: Int32(truncatingIfNeeded: index)) {
                throw .duplicateToken(token, firstLine: Int(first) + 1, secondLine: index + 1)
            }
        }
    }

    /// Adds a token. Where it exists already, nothing changes and its id comes back.
    private mutating func insert(_ token: [Unicode.Scalar], id: Int32) -> Int32? {
        let continues = token.count > 2 && token[0] == "#" && token[1] == "#"
        var node = continues ? Self.wordContinuation : Self.wordStart
        let scalars = continues ? token[2...] : token[...]
        for scalar in scalars {
            let key = Self.key(node, scalar)
            if let next = edges[key] {
                node = next
            } else {
                node = UInt32(truncatingIfNeeded: idAtNode.count)
                edges[key] = node
                idAtNode.append(-1)
            }
        }
        guard idAtNode[Int(node)] < 0 else { return idAtNode[Int(node)] }
        idAtNode[Int(node)] = id
        return nil
    }

    private static func key(_ node: UInt32, _ scalar: Unicode.Scalar) -> UInt64 {
        UInt64(node) << 32 | UInt64(scalar.value)
    }

    /// The id of a whole token that starts a word, such as `[CLS]`.
    func id(of token: String) -> Int32? {
        let scalars = Array(token.unicodeScalars)
        guard let match = longestMatch(in: scalars[...], continuing: false), match.length == scalars.count else {
            return nil
        }
        return match.id
    }

    /// The longest token that `scalars` starts with, or `nil` when there is none.
    private func longestMatch(
        in scalars: ArraySlice<Unicode.Scalar>, continuing: Bool
    ) -> (id: Int32, length: Int)? {
        var node = continuing ? Self.wordContinuation : Self.wordStart
        var best: (id: Int32, length: Int)?
        var length = 0
        for scalar in scalars {
            guard let next = edges[Self.key(node, scalar)] else { break }
            node = next
            length += 1
            let id = idAtNode[Int(node)]
            if id >= 0 { best = (id, length) }
        }
        return best
    }

    /// Appends the ids of a word's pieces: the longest token that the word starts with, then the longest continuation, and
    /// so on. A word that cannot be covered that way, or that is longer than `limit` scalars, becomes one `unknown`.
    func appendPieces(
        of word: ArraySlice<Unicode.Scalar>, limit: Int, unknown: Int32, to ids: inout [Int32]
    ) {
        let start = ids.count
        guard word.count <= limit else {
            ids.append(unknown)
            return
        }
        var rest = word
        while !rest.isEmpty {
            guard let match = longestMatch(in: rest, continuing: rest.startIndex > word.startIndex) else {
                ids.removeLast(ids.count - start)
                ids.append(unknown)
                return
            }
            ids.append(match.id)
            rest = rest.dropFirst(match.length)
        }
    }
}
