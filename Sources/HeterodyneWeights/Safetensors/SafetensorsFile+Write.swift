// Heterodyne: writing safetensors files.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph
import HeterodyneJSON

extension SafetensorsFile {
    /// Writes a safetensors file and puts it at `path` in one step: readers see the old file or the complete new one.
    ///
    /// The layout is canonical, so equal contents give equal files whatever the order of `tensors`: data sorted by element
    /// type, widest alignment first, then by name; metadata sorted by key; header padded with spaces to a multiple of 8, so
    /// that every tensor is aligned. Throws `duplicateName`, `unsupportedType` for 4-bit integers, which the format lacks
    /// (convert them to int8, or pack them into uint8), `invalidArgument` for symbolic shapes and for a tensor called
    /// `__metadata__`, and `limitExceeded` for a header over the limit.
    public static func write(
        _ tensors: [(name: String, tensor: Literal)], metadata: [String: String] = [:], to path: String
    ) throws(WeightsError) {
        let layout = try SafetensorsLayout(tensors, metadata: metadata, path: path)
        let file = try AtomicFile(replacing: path)
        try file.write(layout.header)
        for entry in layout.entries {
            try entry.writer.forEachPiece { (bytes) throws(WeightsError) in try file.write(bytes) }
        }
        try file.commit()
    }
}

/// What goes into one file, and where.
struct SafetensorsLayout {
    struct Entry {
        var name: String
        var elementType: SafetensorsType
        var writer: LiteralWriter
    }

    /// The tensors, in the order of their data.
    private(set) var entries: [Entry] = []
    /// Length and JSON text.
    private(set) var header: [UInt8] = []

    init(_ tensors: [(name: String, tensor: Literal)], metadata: [String: String], path: String) throws(WeightsError) {
        var names: Set<String> = []
        for (name, tensor) in tensors {
            guard name != SafetensorsHeader.metadataKey else {
                throw WeightsError(.invalidArgument, "has a name that the format reserves", path: path, tensor: name)
            }
            guard names.insert(name).inserted else {
                throw WeightsError(.duplicateName, "is given twice", path: path, tensor: name)
            }
            let writer = try LiteralWriter(tensor, path: path, tensor: name)
            guard let elementType = SafetensorsType(tensor.type.scalarType) else {
                throw WeightsError(
                    .unsupportedType,
                    "is \(tensor.type.scalarType), which safetensors cannot store; convert it to an 8-bit integer type "
                        + "or pack it into uint8", path: path, tensor: name)
            }
            entries.append(Entry(name: name, elementType: elementType, writer: writer))
        }
        entries.sort {
            if $0.elementType != $1.elementType { return $0.elementType.rank > $1.elementType.rank }
            return $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        guard
            entries.count <= SafetensorsHeader.maximumTensorCount,
            metadata.count <= SafetensorsHeader.maximumMetadataCount
        else {
            throw WeightsError(.limitExceeded, "has too many tensors or metadata entries; write shards", path: path)
        }
        try makeHeader(metadata, path: path)
    }

    private mutating func makeHeader(_ metadata: [String: String], path: String) throws(WeightsError) {
        var text: [UInt8] = [UInt8(ascii: "{")]
        if !metadata.isEmpty {
            JSONWriter.appendString(SafetensorsHeader.metadataKey, to: &text)
            text += Array(":".utf8)
            JSONWriter.appendObject(metadata, to: &text)
        }
        var offset = 0
        for entry in entries {
            guard let end = offset.adding(entry.writer.byteCount) else {
                throw WeightsError(.limitExceeded, "is larger than a file can be; write shards", path: path)
            }
            if text.count > 1 { text.append(UInt8(ascii: ",")) }
            JSONWriter.appendString(entry.name, to: &text)
            let extents = entry.writer.extents.map(String.init).joined(separator: ",")
            let type = entry.elementType.rawValue
            text += Array(":{\"dtype\":\"\(type)\",\"shape\":[\(extents)],\"data_offsets\":[\(offset),\(end)]}".utf8)
            offset = end
        }
        text.append(UInt8(ascii: "}"))
        while text.count % 8 != 0 { text.append(0x20) }
        guard text.count <= SafetensorsHeader.maximumByteCount else {
            throw WeightsError(
                .limitExceeded,
                "needs a header of \(text.count) bytes; the limit is \(SafetensorsHeader.maximumByteCount)", path: path)
        }
        header.append(littleEndian: UInt64(text.count))
        header += text
    }
}
