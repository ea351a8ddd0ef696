// Heterodyne: encoding messages.
// SPDX-License-Identifier: Apache-2.0

/// Builds an encoded message field by field; see `WireReader` for the encoding.
struct WireWriter {
    /// The message so far.
    private(set) var message: [UInt8] = []

    /// A number; negative ones take ten bytes.
    mutating func number(_ field: Int, _ value: Int64) {
        tag(field, 0)
        varint(UInt64(bitPattern: value))
    }

    /// A message, text or bytes.
    mutating func bytes(_ field: Int, _ contents: some Collection<UInt8>) {
        tag(field, 2)
        varint(UInt64(contents.count))
        message.append(contentsOf: contents)
    }

    /// Text, which is left out where it is empty.
    mutating func text(_ field: Int, _ value: String) {
        if !value.isEmpty { bytes(field, value.utf8) }
    }

    private mutating func tag(_ field: Int, _ kind: UInt64) { varint(UInt64(field) << 3 | kind) }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            message.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        message.append(UInt8(truncatingIfNeeded: rest))
    }
}
