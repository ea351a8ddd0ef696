// Heterodyne: reading and writing npy files.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Single arrays in NumPy's npy format, versions 1.0 to 3.0.
///
/// NumPy has no bfloat16, no 8-bit float and no 4-bit integer. Writing widens them to the type that holds every value
/// exactly and that every reader of npy knows: float32 for the floats, int8 and uint8 for the integers (`storedType(of:)`).
/// The values survive, the scalar type does not; safetensors keeps both. Raw arrays that NumPy extension packages write for
/// these types (`V2`, `V1`, `f1`) can be read by saying what they are (`rawType`).
public enum NpyFile {
    /// The array at `path`. Little-endian arrays in C order point into the mapped file; big-endian ones and those in
    /// Fortran order are converted. Object arrays throw `pickle`, records and text `unsupportedType`, a file that is longer
    /// or shorter than its shape `invalidOffsets` or `truncated`.
    ///
    /// `rawType`: what elements of a raw kind are, for instance `.bfloat16` for `V2`. 4-bit types are not possible here,
    /// since such arrays spend a byte per element.
    public static func read(
        path: String, rawType: ScalarType? = nil, access: MappedFile.Access = .mapped
    ) throws(WeightsError) -> Literal {
        try read(MappedFile(path: path, access: access), rawType: rawType)
    }

    /// The array in an open file.
    public static func read(_ file: MappedFile, rawType: ScalarType? = nil) throws(WeightsError) -> Literal {
        defer { withExtendedLifetime(file) {} }
        return try NpyArray(file.bytes, rawType: rawType, path: file.path, tensor: nil).literal(file.bytes, owner: file)
    }

    /// The scalar type that elements of `type` are written as: `type` itself where NumPy has it.
    public static func storedType(of type: ScalarType) -> ScalarType {
        switch type {
        case .bfloat16, .float8e4m3fn, .float8e5m2: .float32
        case .int4: .int8
        case .uint4: .uint8
        case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .float32, .float64: type
        }
    }

    /// Writes one array, byte for byte as `numpy.save` does, and puts it at `path` in one step. Throws `invalidArgument`
    /// for symbolic shapes.
    public static func write(_ literal: Literal, to path: String) throws(WeightsError) {
        let encoder = try NpyEncoder(literal, path: path, tensor: nil)
        let file = try AtomicFile(replacing: path)
        try file.write(encoder.header)
        try encoder.writer.forEachPiece { (bytes) throws(WeightsError) in try file.write(bytes) }
        try file.commit()
    }
}

/// An array inside of some bytes: header read, length checked.
struct NpyArray {
    let type: TensorType
    private let isBigEndian: Bool
    private let isFortranOrder: Bool
    let dataOffset: Int
    /// Bytes of the data; the array fills its file exactly.
    let byteCount: Int
    private let path: String
    private let tensor: String?

    /// Reads the header of the array that fills `bytes`, or whose beginning they are where `totalCount` says how long it is.
    init(
        _ bytes: UnsafeRawBufferPointer, totalCount: Int? = nil, rawType: ScalarType?, path: String, tensor: String?
    ) throws(WeightsError) {
        if let rawType, rawType.bitWidth < 8 {
            throw WeightsError(
                .invalidArgument, "cannot be read as \(rawType): raw arrays have at least a byte per element",
                path: path,
                tensor: tensor)
        }
        let header = try NpyHeader(bytes, path: path, tensor: tensor)
        let element = try NpyType(descr: header.descr, rawType: rawType, path: path, tensor: tensor)
        let type = TensorType(element.scalarType, header.extents)
        do throws(GraphError) {
            try type.validate()
            byteCount = try type.byteCount()
        } catch {
            throw WeightsError(.invalidShape, error.message, path: path, tensor: tensor)
        }
        self.type = type
        isBigEndian = element.isBigEndian && element.scalarType.bitWidth > 8
        isFortranOrder = header.isFortranOrder && header.extents.count > 1
        dataOffset = header.dataOffset
        self.path = path
        self.tensor = tensor
        let available = (totalCount ?? bytes.count) - dataOffset
        guard available >= byteCount else {
            throw WeightsError(
                .truncated, "has \(available) bytes of data; \(type) has \(byteCount)", path: path, tensor: tensor)
        }
        guard available == byteCount else {
            throw WeightsError(
                .invalidOffsets, "has \(available - byteCount) bytes after the data of \(type)", path: path,
                tensor: tensor)
        }
    }

    /// The array as a literal: in place where the bytes can be used as they are, else converted. `bytes` hold the whole
    /// array and live as long as `owner`.
    func literal(_ bytes: UnsafeRawBufferPointer, owner: AnyObject) throws(WeightsError) -> Literal {
        guard let data = bytes.slice(dataOffset, byteCount) else {
            throw WeightsError(.truncated, "ends within its data", path: path, tensor: tensor)
        }
        if type.scalarType == .bool { try checkBools(data, 0..<data.count, path: path, tensor: tensor) }
        return try HeterodyneWeights.literal(type, storage(data, owner: owner), path, tensor: tensor)
    }

    private func storage(_ data: UnsafeRawBufferPointer, owner: AnyObject) -> LiteralStorage {
        let width = type.scalarType.bitWidth / 8
        guard let base = data.baseAddress, !data.isEmpty else { return LiteralStorage(count: 0) { _ in } }
        if !isBigEndian, !isFortranOrder {
            return Int(bitPattern: base) % width == 0
                ? LiteralStorage(bytes: data, owner: owner) : LiteralStorage(copying: data)
        }
        return LiteralStorage(count: data.count) { destination in
            if isFortranOrder {
                copyTransposed(data, to: destination, width: width)
            } else {
                destination.copyMemory(from: data)
            }
            if isBigEndian { Self.swapBytes(destination, width: width) }
        }
    }

    /// Column-major to row-major.
    private func copyTransposed(
        _ data: UnsafeRawBufferPointer, to destination: UnsafeMutableRawBufferPointer, width: Int
    ) {
        guard let extents = type.shape.fixedExtents, let last = extents.last else { return }
        var strides: [Int] = []
        var stride = width
        for extent in extents {
            strides.append(stride)
            stride *= extent
        }
        var index = [Int](repeating: 0, count: extents.count - 1)
        var source = 0
        var target = 0
        let lastStride = strides[extents.count - 1]
        while true {
            var position = source
            for _ in 0..<last {
                for byte in 0..<width { destination[target + byte] = data[position + byte] }
                position += lastStride
                target += width
            }
            // Next row: count up the other indices, the last of them fastest.
            var axis = extents.count - 2
            while axis >= 0 {
                index[axis] += 1
                source += strides[axis]
                if index[axis] < extents[axis] { break }
                source -= strides[axis] * extents[axis]
                index[axis] = 0
                axis -= 1
            }
            if axis < 0 { return }
        }
    }

    private static func swapBytes(_ bytes: UnsafeMutableRawBufferPointer, width: Int) {
        func swap<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) {
            for offset in stride(from: 0, to: bytes.count, by: width) {
                let value = bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
                bytes.storeBytes(of: value.byteSwapped, toByteOffset: offset, as: T.self)
            }
        }
        switch width {
        case 2: swap(UInt16.self)
        case 4: swap(UInt32.self)
        case 8: swap(UInt64.self)
        default: break
        }
    }
}

/// An array on its way into a file: header and data.
struct NpyEncoder {
    let header: [UInt8]
    let writer: LiteralWriter

    init(_ literal: Literal, path: String, tensor: String?) throws(WeightsError) {
        let checked = try LiteralWriter(literal, path: path, tensor: tensor)
        let stored = NpyFile.storedType(of: literal.type.scalarType)
        writer =
            stored == literal.type.scalarType
            ? checked
            : try LiteralWriter(try Self.widened(checked, to: stored, path, tensor), path: path, tensor: tensor)
        guard let descr = NpyType.descr(stored) else {
            throw WeightsError(.unsupportedType, "cannot be stored as \(stored)", path: path, tensor: tensor)
        }
        header = NpyHeader.encode(descr: descr, extents: checked.extents)
    }

    /// The literal in a wider type, exactly.
    private static func widened(
        _ source: LiteralWriter, to stored: ScalarType, _ path: String, _ tensor: String?
    ) throws(WeightsError) -> Literal {
        let from = source.literal.type.scalarType
        func wide(_ bits: UInt64) -> UInt32 {
            switch from {
            case .bfloat16: BFloat16(bitPattern: UInt16(truncatingIfNeeded: bits)).float.bitPattern
            case .float8e4m3fn: Float8E4M3FN(bitPattern: UInt8(truncatingIfNeeded: bits)).float.bitPattern
            case .float8e5m2: Float8E5M2(bitPattern: UInt8(truncatingIfNeeded: bits)).float.bitPattern
            case .int4: UInt32(bits & 8 == 0 ? bits & 15 : bits & 15 | 0xF0)
            default: UInt32(truncatingIfNeeded: bits & 15)
            }
        }
        let type = source.literal.type.with(stored)
        if case .splat(let bits) = source.literal.contents { return Literal(splatBits: UInt64(wide(bits)), type: type) }
        let width = stored.bitWidth / 8
        guard let elements = source.extents.contains(0) ? 0 : source.extents.reduce(1, *) as Int?,
            let byteCount = stored.byteCount(of: elements)
        else { throw WeightsError(.invalidShape, "is too large to be widened", path: path, tensor: tensor) }
        let storage = LiteralStorage(count: byteCount) { destination in
            for index in 0..<elements {
                let value = wide(source.literal.bits(at: index))
                for byte in 0..<width {
                    destination[index * width + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))
                }
            }
        }
        return try literal(type, storage, path, tensor: tensor)
    }
}
