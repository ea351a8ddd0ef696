// Heterodyne: what of a message goes to the decoder.
// SPDX-License-Identifier: Apache-2.0

/// Copies the known fields of a message into a small buffer: what is not needed is left out, and messages that stay in
/// the file become references to their range. On the way it checks the encoding, the depth, and what the decoded
/// message will take in memory, so that the decoder proper only sees messages that it can take.
struct Skeleton {
    let bytes: UnsafeRawBufferPointer
    /// How deep messages may lie within each other.
    let depthLimit: Int
    /// The bytes that the decoded message will take, by estimate.
    private(set) var cost = 0
    /// The estimate beyond which the message is refused.
    let costLimit: Int

    init(_ bytes: UnsafeRawBufferPointer, depthLimit: Int, costLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
        self.costLimit = costLimit
    }

    /// The encoded skeleton of the message at `range`.
    mutating func encode(_ kind: MessageKind, _ range: Range<Int>) throws(ONNXError) -> [UInt8] {
        var output: [UInt8] = []
        try append(kind, range, depth: 0, to: &output)
        return output
    }

    private mutating func charge(_ count: Int) throws(ONNXError) {
        cost += count
        guard cost <= costLimit else {
            throw ONNXError(
                .limitExceeded,
                "decoding needs more than \(costLimit) bytes of memory for so small a file; raise ONNXLimits.extraBytes "
                    + "if the file is to be trusted")
        }
    }

    private mutating func append(
        _ kind: MessageKind, _ range: Range<Int>, depth: Int, to output: inout [UInt8]
    ) throws(ONNXError) {
        guard depth <= depthLimit else {
            throw ONNXError(.limitExceeded, "messages lie more than \(depthLimit) deep within each other")
        }
        try charge(kind.weight)
        var seen: UInt64 = 0
        var reader = WireReader(bytes, range)
        while let field = try reader.next() {
            let action = kind.action(field.number)
            var isRepeated = true
            switch action {
            case .drop: continue
            case .keep(let repeated), .message(_, let repeated), .reference(let repeated): isRepeated = repeated
            case .varints, .floats: break
            }
            if !isRepeated {
                // Known field numbers are below 64. Two values for one field would be merged by some readers and replace
                // each other in others: no two programs would see the same model.
                let mark: UInt64 = 1 << UInt64(field.number)
                guard seen & mark == 0 else {
                    throw ONNXError(.malformed, "field \(field.number) of a \(kind) occurs twice; the file is damaged")
                }
                seen |= mark
            }
            switch action {
            case .drop: break
            case .keep: try keep(field, to: &output)
            case .varints:
                if case .bytes(let contents) = field.value {
                    try charge(8 * count(ofVarints: contents))
                } else {
                    try charge(8)
                }
                output.append(contentsOf: bytes[field.range])
            case .floats:
                if case .bytes(let contents) = field.value { try charge(contents.count) } else { try charge(4) }
                output.append(contentsOf: bytes[field.range])
            case .message(let child, _):
                var inner: [UInt8] = []
                try append(child, try field.contents(), depth: depth + 1, to: &inner)
                Self.append(tag: field.number, kind: 2, to: &output)
                Self.append(varint: UInt64(inner.count), to: &output)
                output.append(contentsOf: inner)
            case .reference:
                try charge(64)
                let contents = try field.contents()
                var inner: [UInt8] = []
                Self.append(tag: 1000, kind: 0, to: &inner)
                Self.append(varint: UInt64(contents.lowerBound), to: &inner)
                Self.append(tag: 1001, kind: 0, to: &inner)
                Self.append(varint: UInt64(contents.upperBound), to: &inner)
                Self.append(tag: field.number, kind: 2, to: &output)
                Self.append(varint: UInt64(inner.count), to: &output)
                output.append(contentsOf: inner)
            }
        }
    }

    private mutating func keep(_ field: WireField, to output: inout [UInt8]) throws(ONNXError) {
        // Text of up to 15 bytes lies within its string. Names are in sets besides while they are checked.
        if case .bytes(let contents) = field.value {
            try charge(contents.count > 15 ? contents.count + 80 : 48)
        }
        output.append(contentsOf: bytes[field.range])
    }

    /// The numbers of variable length in `range`: every number ends in a byte below 128.
    private func count(ofVarints range: Range<Int>) -> Int {
        range.reduce(0) { $0 + (bytes[$1] < 0x80 ? 1 : 0) }
    }

    private static func append(tag number: Int, kind: UInt64, to output: inout [UInt8]) {
        append(varint: UInt64(number) << 3 | kind, to: &output)
    }

    private static func append(varint value: UInt64, to output: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(truncatingIfNeeded: rest))
    }
}
