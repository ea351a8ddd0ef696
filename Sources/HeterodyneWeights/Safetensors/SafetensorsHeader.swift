// Heterodyne: reading and checking the header of a safetensors file.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneJSON

/// What the header of a safetensors file says, checked against the file.
///
/// Layout: 8 bytes little-endian header length, that many bytes of JSON
/// `{"__metadata__": {key: text}, name: {"dtype": …, "shape": […], "data_offsets": [begin, end]}, …}`, then the data that
/// the offsets refer to. The tensors must tile the data exactly: no overlap, no hole, nothing left over.
struct SafetensorsHeader: Sendable {
    /// One tensor.
    struct Entry: Sendable {
        var name: String
        var elementType: SafetensorsType
        var shape: Shape
        /// Where its data is in the file.
        var range: Range<Int>
    }

    /// Largest header that is read, the limit of the format.
    static let maximumByteCount = 100_000_000
    /// Most tensors in one file: keeps time and memory for a hostile header small. Published checkpoints stay below 100000.
    static let maximumTensorCount = 500_000
    /// Most entries of `__metadata__`.
    static let maximumMetadataCount = 100_000
    /// The name that is not a tensor.
    static let metadataKey = "__metadata__"

    /// The tensors, in the order of their data.
    private(set) var entries: [Entry] = []
    /// Where each tensor is in `entries`.
    private(set) var indices: [String: Int] = [:]
    /// The `__metadata__` entries.
    private(set) var metadata: [String: String] = [:]

    /// Reads the header of a file of `bytes`; errors name `path`.
    init(_ bytes: UnsafeRawBufferPointer, path: String) throws(WeightsError) {
        let text = try Self.headerText(bytes, path: path)
        let dataStart = 8 + text.count
        var reader = JSONReader<WeightsError>(text, path: path)
        var hasMetadata = false
        try reader.object { (reader, name) throws(WeightsError) in
            if name == Self.metadataKey {
                guard !hasMetadata else {
                    throw WeightsError(.duplicateName, "the header has two \(Self.metadataKey) entries", path: path)
                }
                hasMetadata = true
                try readMetadata(&reader, path: path)
                return
            }
            guard indices.updateValue(0, forKey: name) == nil else {
                throw WeightsError(.duplicateName, "occurs twice in the header", path: path, tensor: name)
            }
            guard entries.count < Self.maximumTensorCount else {
                throw WeightsError(
                    .limitExceeded, "has more than \(Self.maximumTensorCount) tensors; split it into shards", path: path
                )
            }
            entries.append(try Self.entry(named: name, &reader, dataStart: dataStart, path: path))
        }
        try reader.expectEnd()
        try checkTiling(dataStart: dataStart, fileSize: bytes.count, path: path)
        for (index, entry) in entries.enumerated() { indices[entry.name] = index }
    }

    private static func headerText(
        _ bytes: UnsafeRawBufferPointer, path: String
    ) throws(WeightsError) -> UnsafeRawBufferPointer {
        guard let length = bytes.littleEndian(at: 0, as: UInt64.self) else {
            throw FileFormat.refusal(bytes, path: path, expected: "safetensors")
                ?? WeightsError(.truncated, "has \(bytes.count) bytes; a safetensors file has at least 10", path: path)
        }
        guard length <= UInt64(maximumByteCount) else {
            throw FileFormat.refusal(bytes, path: path, expected: "safetensors")
                ?? WeightsError(
                    .limitExceeded,
                    "claims a header of \(length) bytes; the limit is \(maximumByteCount). It is not a safetensors file, "
                        + "or it is damaged", path: path)
        }
        guard length >= 2 else {
            throw WeightsError(.malformedHeader, "claims a header of \(length) bytes; the shortest is '{}'", path: path)
        }
        guard let text = bytes.slice(8, Int(length)) else {
            throw FileFormat.refusal(bytes, path: path, expected: "safetensors")
                ?? WeightsError(
                    .truncated,
                    "claims a header of \(length) bytes and has \(bytes.count - 8) after the length; "
                        + "the download or copy is probably incomplete", path: path)
        }
        guard text[0] == UInt8(ascii: "{") else {
            throw FileFormat.refusal(bytes, path: path, expected: "safetensors")
                ?? WeightsError(.malformedHeader, "has a header that does not begin with '{'", path: path)
        }
        return text
    }

    private mutating func readMetadata(_ reader: inout JSONReader<WeightsError>, path: String) throws(WeightsError) {
        if reader.null() { return }
        try reader.object { (reader, key) throws(WeightsError) in
            guard metadata[key] == nil else {
                throw WeightsError(.duplicateName, "the metadata key \(quoted(key)) occurs twice", path: path)
            }
            guard metadata.count < Self.maximumMetadataCount else {
                throw WeightsError(
                    .limitExceeded, "has more than \(Self.maximumMetadataCount) metadata entries", path: path)
            }
            metadata[key] = try reader.string()
        }
    }

    private static func entry(
        named name: String, _ reader: inout JSONReader<WeightsError>, dataStart: Int, path: String
    ) throws(WeightsError) -> Entry {
        var dtype: String?
        var extents: [Int]?
        var offsets: [Int]?
        try reader.object { (reader, key) throws(WeightsError) in
            switch key {
            case "dtype" where dtype == nil: dtype = try reader.string()
            case "shape" where extents == nil:
                extents = try numbers(
                    &reader, limit: TensorType.maximumRank, tooMany: .invalidShape, overflow: .invalidShape)
            case "data_offsets" where offsets == nil:
                offsets = try numbers(&reader, limit: 2, tooMany: .malformedHeader, overflow: .invalidOffsets)
            case "dtype", "shape", "data_offsets":
                throw WeightsError(.duplicateName, "has two entries \(quoted(key))", path: path, tensor: name)
            default:
                // The usual readers ignore members that they do not know; a file they take must not fail here.
                try reader.skipValue(depth: 2)
            }
        }
        guard let dtype, let extents, let offsets, offsets.count == 2 else {
            throw WeightsError(
                .malformedHeader, "lacks a dtype, a shape or data_offsets of two numbers", path: path, tensor: name)
        }
        guard let elementType = SafetensorsType(rawValue: dtype) else {
            throw WeightsError(
                .unsupportedType, "has the unknown dtype \(quoted(dtype)); it may need a newer reader", path: path,
                tensor: name)
        }
        let range = try checkedRange(offsets, dataStart: dataStart, path: path, tensor: name)
        let expected = try byteCount(elementType, extents, path: path, tensor: name)
        guard expected == range.count else {
            throw WeightsError(
                .invalidOffsets, "has \(range.count) bytes of data; \(dtype) of shape \(extents) has \(expected)",
                path: path, tensor: name)
        }
        return Entry(name: name, elementType: elementType, shape: Shape(extents), range: range)
    }

    private static func numbers(
        _ reader: inout JSONReader<WeightsError>, limit: Int, tooMany: WeightsError.Kind, overflow: WeightsError.Kind
    ) throws(WeightsError) -> [Int] {
        var values: [Int] = []
        try reader.array { (reader) throws(WeightsError) in
            guard values.count < limit else { throw reader.error(tooMany, "more than \(limit) numbers") }
            values.append(try reader.naturalNumber(overflow: overflow))
        }
        return values
    }

    private static func checkedRange(
        _ offsets: [Int], dataStart: Int, path: String, tensor: String
    ) throws(WeightsError) -> Range<Int> {
        guard offsets[0] <= offsets[1], let upper = offsets[1].adding(dataStart) else {
            throw WeightsError(
                .invalidOffsets, "has data offsets \(offsets), which are no range", path: path, tensor: tensor)
        }
        return offsets[0] + dataStart..<upper
    }

    private static func byteCount(
        _ type: SafetensorsType, _ extents: [Int], path: String, tensor: String
    ) throws(WeightsError) -> Int {
        var count: Int? = 1
        if extents.contains(0) { count = 0 } else { for extent in extents { count = count?.multiplied(by: extent) } }
        guard let bits = count?.multiplied(by: type.bitWidth), bits / 8 <= TensorType.maximumByteCount,
            extents.allSatisfy({ $0 <= TensorType.maximumByteCount })
        else {
            throw WeightsError(
                .invalidShape, "has shape \(extents), which is over the limit of \(TensorType.maximumByteCount) bytes",
                path: path, tensor: tensor)
        }
        guard bits % 8 == 0 else {
            throw WeightsError(
                .invalidShape, "has shape \(extents), which does not fill whole bytes with \(type.rawValue)",
                path: path,
                tensor: tensor)
        }
        return bits / 8
    }

    private mutating func checkTiling(dataStart: Int, fileSize: Int, path: String) throws(WeightsError) {
        entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        var end = dataStart
        for entry in entries {
            guard entry.range.lowerBound == end else {
                let problem = entry.range.lowerBound < end ? "overlaps the tensor before it" : "leaves a hole before it"
                throw WeightsError(
                    .invalidOffsets,
                    "\(problem): it begins at byte \(entry.range.lowerBound - dataStart) of the data where "
                        + "\(end - dataStart) is expected", path: path, tensor: entry.name)
            }
            end = entry.range.upperBound
        }
        guard end <= fileSize else {
            throw WeightsError(
                .truncated,
                "has \(fileSize - dataStart) bytes of data and its header describes \(end - dataStart); the "
                    + "download or copy is probably incomplete", path: path)
        }
        guard end == fileSize else {
            throw WeightsError(
                .invalidOffsets, "has \(fileSize - end) bytes after the last tensor that belong to none", path: path)
        }
    }
}
