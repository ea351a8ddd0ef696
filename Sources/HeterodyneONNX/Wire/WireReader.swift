// Heterodyne: the fields of an encoded message, in place.
// SPDX-License-Identifier: Apache-2.0

/// One field of a message.
struct WireField {
    enum Value {
        /// A number of variable length.
        case varint(UInt64)
        /// Eight bytes: their range in the file.
        case fixed64(Range<Int>)
        /// A message, text, bytes or packed numbers: the range of the contents in the file.
        case bytes(Range<Int>)
        /// Four bytes: their range in the file.
        case fixed32(Range<Int>)
    }

    let number: Int
    let value: Value
    /// The whole field with its tag.
    let range: Range<Int>

    /// The range of a message or of bytes. Throws where the field is of another encoding.
    func contents() throws(ONNXError) -> Range<Int> {
        guard case .bytes(let range) = value else {
            throw ONNXError(.malformed, "field \(number) has the wrong encoding; the file is damaged, fetch it again")
        }
        return range
    }
}

/// Walks the fields of one message without copying anything.
///
/// The encoding (protocol buffers): every field is a varint tag `number << 3 | kind`, then a varint (kind 0), eight bytes
/// (1), a varint length and as many bytes (2), or four bytes (5). Groups (3, 4) are not part of ONNX.
struct WireReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var position: Int
    let end: Int

    /// The message at `range`, which lies inside of `bytes`.
    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next field, or nil at the end.
    mutating func next() throws(ONNXError) -> WireField? {
        guard position < end else { return nil }
        let start = position
        let tag = try varint()
        guard tag >> 3 > 0, tag >> 3 < 1 << 29 else {
            throw ONNXError(.malformed, "a field at byte \(start) has no valid number; the file is damaged")
        }
        let value: WireField.Value
        switch tag & 7 {
        case 0: value = .varint(try varint())
        case 1: value = .fixed64(try take(8))
        case 2:
            let at = position
            let length = try varint()
            guard let count = Int(exactly: length) else { throw truncated(at) }
            value = .bytes(try take(count))
        case 5: value = .fixed32(try take(4))
        default:
            throw ONNXError(.malformed, "a field at byte \(start) has an unknown encoding; the file is damaged")
        }
        return WireField(number: Int(tag >> 3), value: value, range: start..<position)
    }

    /// A number of up to ten bytes, seven bits each, lowest first.
    mutating func varint() throws(ONNXError) -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        let start = position
        while position < end, shift < 70 {
            let byte = bytes[position]
            position += 1
            if shift == 63, byte > 1 { break }
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return result }
            shift += 7
        }
        throw position >= end
            ? truncated(start) : ONNXError(.malformed, "a number at byte \(start) has more than 64 bits")
    }

    private mutating func take(_ count: Int) throws(ONNXError) -> Range<Int> {
        guard count <= end - position else { throw truncated(position) }
        position += count
        return position - count..<position
    }

    private func truncated(_ at: Int) -> ONNXError {
        ONNXError(
            .malformed, "what begins at byte \(at) goes beyond the end of its part; the file is damaged, fetch it again"
        )
    }
}
