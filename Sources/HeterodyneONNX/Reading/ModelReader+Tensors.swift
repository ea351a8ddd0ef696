// Heterodyne: reading tensors, whose data stay where they are.
// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension ModelReader {
    /// The tensor at `range`: its data are found and measured, not read.
    func tensor(_ range: Range<Int>) throws(ONNXError) -> ONNXTensor {
        let header = try decode(Heterodyne_Onnx_TensorHeader.self, .tensor, range)
        return try within("tensor \(quoted(header.name))") { () throws(ONNXError) in
            let type = try elementType(header.dataType)
            let (dimensions, count) = try extents(header.dims)
            guard let byteCount = type.byteCount(of: count), byteCount <= 1 << 46 else {
                throw ONNXError(.invalidTensor, "\(count) elements of type \(type) are more than any memory holds")
            }
            let data = try dataFields(range)
            let source: ONNXTensor.Source
            var isExternal = false
            switch header.dataLocation {
            case 0:
                guard header.externalData.isEmpty else {
                    throw ONNXError(
                        .invalidTensor, "names external data and says that its data are not external; set data_location"
                    )
                }
                source = try inline(data, range, type, count: count, byteCount: byteCount)
            case 1:
                guard data.raw == nil, data.numberField == nil else {
                    throw ONNXError(.invalidTensor, "has data of its own and external ones; it can only have one")
                }
                source = try external(try entries(header.externalData), type, byteCount: byteCount)
                isExternal = true
            default:
                throw ONNXError(.invalidTensor, "has data location \(header.dataLocation); 0 and 1 are known")
            }
            return ONNXTensor(
                name: header.name, elementType: type, dimensions: dimensions, elementCount: count,
                isExternal: isExternal, source: source)
        }
    }

    /// The sparse tensor at `range`.
    func sparseTensor(_ range: Range<Int>) throws(ONNXError) -> ONNXSparseTensor {
        let encoded = try decode(Heterodyne_Onnx_SparseTensor.self, .sparseTensor, range)
        guard encoded.hasValues, encoded.hasIndices else {
            throw ONNXError(.missingPart, "a sparse tensor needs values and indices")
        }
        let values = try tensor(try self.range(of: encoded.values))
        return try within("sparse tensor \(quoted(values.name))") { () throws(ONNXError) in
            let indices = try tensor(try self.range(of: encoded.indices))
            let (dimensions, count) = try extents(encoded.dims)
            guard values.dimensions.count == 1 else {
                throw ONNXError(.invalidTensor, "its values have \(values.dimensions.count) dimensions instead of one")
            }
            guard indices.elementType == .int64 else {
                throw ONNXError(.invalidTensor, "its indices are of type \(indices.elementType) instead of int64")
            }
            let number = values.elementCount
            guard indices.dimensions == [number] || indices.dimensions == [number, dimensions.count] else {
                throw ONNXError(
                    .invalidTensor,
                    "its indices have the shape \(indices.dimensions.prefix(8)); \(number) values in "
                        + "\(dimensions.count) dimensions need [\(number)] or [\(number), \(dimensions.count)]")
            }
            guard number <= count else {
                throw ONNXError(.invalidTensor, "has \(number) values and room for \(count)")
            }
            return ONNXSparseTensor(values: values, indices: indices, dimensions: dimensions, elementCount: count)
        }
    }

    private func extents(_ encoded: [Int64]) throws(ONNXError) -> (extents: [Int], count: Int) {
        guard encoded.count <= 64 else {
            throw ONNXError(.limitExceeded, "has \(encoded.count) dimensions; the limit is 64")
        }
        var result: [Int] = []
        var count = 1
        for extent in encoded {
            guard let value = Int(exactly: extent), value >= 0 else {
                throw ONNXError(.invalidTensor, "has a dimension of \(extent); extents are 0 or more")
            }
            result.append(value)
        }
        if result.contains(0) { return (result, 0) }
        for value in result {
            let (product, overflow) = count.multipliedReportingOverflow(by: value)
            guard !overflow else {
                throw ONNXError(.invalidTensor, "the dimensions \(result.prefix(8)) have more than 2^63 elements")
            }
            count = product
        }
        return (result, count)
    }

    private func dataFields(_ range: Range<Int>) throws(ONNXError) -> (raw: Range<Int>?, numberField: Int?) {
        var raw: Range<Int>?
        var numberField: Int?
        var reader = WireReader(file.bytes, range)
        while let field = try reader.next() {
            switch field.number {
            case 3: throw ONNXError(.unsupportedType, "is one segment of a tensor; join the segments into one tensor")
            case 9:
                guard raw == nil else { throw ONNXError(.malformed, "has raw_data twice; the file is damaged") }
                raw = try field.contents()
            case NumberFields.float, NumberFields.int32, NumberFields.string, NumberFields.int64, NumberFields.double,
                NumberFields.uint64:
                // An empty packed field is as good as none, but for text, where an empty one is an element.
                if field.number != NumberFields.string, case .bytes(let contents) = field.value, contents.isEmpty {
                    continue
                }
                guard numberField == nil || numberField == field.number else {
                    throw ONNXError(.invalidTensor, "has data in several fields; it can only have one")
                }
                numberField = field.number
            default: break
            }
        }
        return (raw, numberField)
    }

    private func inline(
        _ data: (raw: Range<Int>?, numberField: Int?), _ range: Range<Int>, _ type: ONNXElementType, count: Int,
        byteCount: Int
    ) throws(ONNXError) -> ONNXTensor.Source {
        if let field = data.numberField {
            guard data.raw?.isEmpty ?? true else {
                throw ONNXError(.invalidTensor, "has data in several fields; it can only have one")
            }
            let expectedField = NumberFields.field(for: type)
            guard field == expectedField else {
                throw ONNXError(
                    .invalidTensor,
                    "has its data in field \(field); elements of type \(type) belong in \(expectedField)")
            }
            let found = try NumberFields(file: file, message: range, field: field).count()
            guard let expected = NumberFields.numberCount(of: count, type), found == expected else {
                throw ONNXError(
                    .invalidTensor,
                    "has \(found) numbers, and its dimensions and type ask for another amount; export it again")
            }
            return type == .string ? .strings(file, range) : .numbers(file, range, field: field)
        }
        guard let raw = data.raw else {
            guard count == 0 else {
                throw ONNXError(.invalidTensor, "has no data for its \(count) elements; the file is damaged")
            }
            return .empty
        }
        guard type != .string else { throw ONNXError(.invalidTensor, "is text in raw_data, which has no encoding") }
        guard raw.count == byteCount else {
            throw ONNXError(
                .invalidTensor,
                "has \(raw.count) bytes of raw_data; \(count) elements of type \(type) need \(byteCount)")
        }
        return count == 0 ? .empty : .packed(file, raw)
    }

    private func external(
        _ entries: [String: String], _ type: ONNXElementType, byteCount: Int
    ) throws(ONNXError) -> ONNXTensor.Source {
        guard type != .string else { throw ONNXError(.externalData, "text cannot be external data") }
        guard let location = entries["location"] else {
            throw ONNXError(.externalData, "does not say in which file its data are; the key 'location' is missing")
        }
        let offset = try number(entries["offset"], "offset") ?? 0
        let length = try number(entries["length"], "length")
        guard let folder else {
            throw ONNXError(
                .externalData,
                "has its data in file \(quoted(location)), and the model was read without a folder; load it from its file"
            )
        }
        if let length, length != byteCount {
            throw ONNXError(
                .externalData, "has \(length) bytes in file \(quoted(location)); its dimensions ask for \(byteCount)")
        }
        let external = try folder.file(at: location)
        guard offset <= external.bytes.count, external.bytes.count - offset >= byteCount else {
            throw ONNXError(
                .externalData,
                "needs \(byteCount) bytes from byte \(offset) of file \(quoted(location)), which has "
                    + "\(external.bytes.count); fetch the file again")
        }
        return byteCount == 0 ? .empty : .packed(external, offset..<offset + byteCount)
    }

    private func number(_ text: String?, _ key: String) throws(ONNXError) -> Int? {
        guard let text else { return nil }
        guard let value = Int(text), value >= 0 else {
            throw ONNXError(.externalData, "has \(quoted(text)) for '\(key)', which is not a number of bytes")
        }
        return value
    }
}
