// Heterodyne: the token ids of several texts as the rectangular arrays that a model takes.
// SPDX-License-Identifier: Apache-2.0

/// Token ids and attention mask of several texts, padded to one length: two row-major `[rows, columns]` arrays.
public struct TokenBatch: Hashable, Sendable {
    /// How many texts there are.
    public let rows: Int
    /// How many positions each row has, padding included.
    public let columns: Int
    /// The ids, row after row; the padding token's id after the end of a text.
    public let ids: [Int32]
    /// 1 where ``ids`` holds a token of the text (its [CLS] and [SEP] among them), 0 where it holds padding.
    public let mask: [Int32]
    /// The number of tokens of every row, padding not counted.
    public let lengths: [Int]

    /// Segment ids: every position belongs to the first segment, since a row is one text.
    public var typeIDs: [Int32] { [Int32](repeating: 0, count: ids.count) }

    /// Lays the rows out one after another. Every row has at most `columns` ids.
    init(rows encodings: [[Int32]], columns: Int, padding: Int32) {
        var ids: [Int32] = []
        var mask: [Int32] = []
        ids.reserveCapacity(encodings.count * columns)
        mask.reserveCapacity(encodings.count * columns)
        for encoding in encodings {
            let gap = max(0, columns - encoding.count)
            ids += encoding
            ids += repeatElement(padding, count: gap)
            mask += repeatElement(1, count: encoding.count)
            mask += repeatElement(0, count: gap)
        }
        self.rows = encodings.count
        self.columns = columns
        self.ids = ids
        self.mask = mask
        self.lengths = encodings.map(\.count)
    }
}

/// How long the rows of a batch become.
public enum TokenPadding: Hashable, Sendable {
    /// As long as the longest text.
    case longest
    /// As long as the longest text, rounded up to a multiple: fewer distinct shapes to compile a program for.
    case multiple(of: Int)
    /// This long, whatever the texts are; at least the maximum length that the texts are cut to.
    case fixed(Int)
}
