// Heterodyne: messages of the protobuf encoding, put together without copying tensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import SwiftProtobuf

/// The encoding of a message: pieces one after the other. Data of tensors are referred to until the whole is written.
struct WireMessage {
    /// A piece of an encoding.
    enum Piece {
        case bytes([UInt8])
        case data(LiteralStorage)
    }

    private(set) var pieces: [Piece] = []
    /// The bytes of the whole.
    private(set) var count = 0

    /// An empty message.
    init() {}

    /// The fields of `leaf`, as swift-protobuf encodes them.
    init(_ leaf: some SwiftProtobuf.Message) throws(ONNXError) {
        do { append(bytes: try leaf.serializedBytes() as [UInt8]) } catch {
            throw ONNXError(.limitExceeded, "cannot be encoded: \(error); give shorter names and fewer attributes")
        }
    }

    private mutating func append(bytes: [UInt8]) {
        count += bytes.count
        if case .bytes(var last) = pieces.last {
            pieces.removeLast()
            last.append(contentsOf: bytes)
            pieces.append(.bytes(last))
        } else {
            pieces.append(.bytes(bytes))
        }
    }

    private mutating func append(tag field: Int, length: Int) {
        var bytes: [UInt8] = []
        for var value in [UInt64(field) << 3 | 2, UInt64(length)] {
            while value >= 0x80 {
                bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
                value >>= 7
            }
            bytes.append(UInt8(value))
        }
        append(bytes: bytes)
    }

    /// Appends `message` as a field.
    mutating func append(_ field: Int, _ message: WireMessage) {
        append(tag: field, length: message.count)
        for piece in message.pieces {
            switch piece {
            case .bytes(let bytes): append(bytes: bytes)
            case .data(let storage):
                pieces.append(piece)
                count += storage.bytes.count
            }
        }
    }

    /// Appends text as a field.
    mutating func append(_ field: Int, _ text: String) {
        append(tag: field, length: text.utf8.count)
        append(bytes: Array(text.utf8))
    }

    /// Appends the bytes of a tensor as a field.
    mutating func append(_ field: Int, _ storage: LiteralStorage) {
        append(tag: field, length: storage.bytes.count)
        if storage.bytes.count <= 4096 {
            append(bytes: storage.withBytes { Array($0) })
        } else {
            pieces.append(.data(storage))
            count += storage.bytes.count
        }
    }

    /// The whole as an array.
    func contents() -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        for piece in pieces {
            switch piece {
            case .bytes(let bytes): result.append(contentsOf: bytes)
            case .data(let storage): storage.withBytes { result.append(contentsOf: $0) }
            }
        }
        return result
    }
}
