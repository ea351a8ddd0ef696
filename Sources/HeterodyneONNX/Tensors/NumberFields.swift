// Heterodyne: tensors whose elements are written as numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The numbers of one repeated field of an encoded tensor: single, packed, or both mixed.
struct NumberFields {
    let file: DataFile
    /// The encoded tensor.
    let message: Range<Int>
    /// The field, one of those below.
    let field: Int

    static let float = 4
    static let int32 = 5
    static let string = 6
    static let int64 = 7
    static let double = 10
    static let uint64 = 11

    /// The field that holds elements of `type` where they are not raw.
    static func field(for type: ONNXElementType) -> Int {
        switch type {
        case .float32, .complex64: float
        case .float64, .complex128: double
        case .int64: int64
        case .uint32, .uint64: uint64
        case .string: string
        case .uint8, .int8, .uint16, .int16, .int32, .bool, .float16, .bfloat16, .float8e4m3fn, .float8e4m3fnuz,
            .float8e5m2, .float8e5m2fnuz, .float8e8m0, .uint4, .int4, .float4e2m1, .uint2, .int2, .float6e2m3,
            .float6e3m2:
            int32
        }
    }

    /// How many numbers `count` elements of `type` are written as: two each for complex ones, one per byte for elements
    /// of two and four bits, else one each. Nil where that overflows.
    static func numberCount(of count: Int, _ type: ONNXElementType) -> Int? {
        switch type {
        case .complex64, .complex128:
            let (product, overflow) = count.multipliedReportingOverflow(by: 2)
            return overflow ? nil : product
        case .uint2, .int2, .uint4, .int4, .float4e2m1: return type.byteCount(of: count)
        default: return count
        }
    }

    /// The number of numbers.
    func count() throws(ONNXError) -> Int {
        var total = 0
        try forEachField { (value) throws(ONNXError) in
            switch (value, field) {
            case (.varint, Self.int32), (.varint, Self.int64), (.varint, Self.uint64), (.fixed32, Self.float),
                (.fixed64, Self.double), (.bytes, Self.string):
                total += 1
            case (.bytes(let range), Self.float): total += try Self.wholeCount(range, 4)
            case (.bytes(let range), Self.double): total += try Self.wholeCount(range, 8)
            case (.bytes(let range), _):
                if let last = range.last, file.bytes[last] >= 0x80 { throw Self.malformed }
                for index in range where file.bytes[index] < 0x80 { total += 1 }
            default: throw Self.malformed
            }
        }
        return total
    }

    /// The elements, packed. `count` and `byteCount` have been checked against the numbers in the file.
    func packed(_ type: ONNXElementType, count: Int, byteCount: Int) throws(ONNXError) -> LiteralStorage {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
        let destination = UnsafeMutableRawBufferPointer(rebasing: memory[0..<byteCount])
        do throws(ONNXError) {
            try fill(destination, type)
        } catch {
            memory.deallocate()
            throw error
        }
        return LiteralStorage(bytes: UnsafeRawBufferPointer(destination), owner: Allocation(memory))
    }

    /// The elements of text, which take at most `byteLimit` bytes.
    func texts(byteLimit: Int) throws(ONNXError) -> [String] {
        var result: [String] = []
        var cost = 0
        try forEachField { (value) throws(ONNXError) in
            guard case .bytes(let range) = value else { throw Self.malformed }
            // Text of up to 15 bytes lies within its string; lists grow by doubling.
            cost += 32 + (range.count > 15 ? range.count + 32 : 0)
            guard cost <= byteLimit else {
                throw ONNXError(.limitExceeded, "has text of more than \(byteLimit) bytes; see byteLimit")
            }
            guard let text = String(validating: file.bytes[range], as: UTF8.self) else {
                throw ONNXError(
                    .malformed, "element \(result.count) of its text is not valid UTF-8; the file is damaged")
            }
            result.append(text)
        }
        return result
    }

    private func fill(_ destination: UnsafeMutableRawBufferPointer, _ type: ONNXElementType) throws(ONNXError) {
        var offset = 0
        var index = 0
        if type.bitWidth == 6 { destination.initializeMemory(as: UInt8.self, repeating: 0) }

        func copy(_ range: Range<Int>) throws(ONNXError) {
            guard range.count <= destination.count - offset else { throw Self.malformed }
            UnsafeMutableRawBufferPointer(rebasing: destination[offset..<offset + range.count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: file.bytes[range]))
            offset += range.count
        }
        func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) throws(ONNXError) {
            guard MemoryLayout<T>.size <= destination.count - offset else { throw Self.malformed }
            destination.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
            offset += MemoryLayout<T>.size
        }
        func number(_ bits: UInt64) throws(ONNXError) {
            defer { index += 1 }
            // A 32-bit field may be written in 5 or, when negative, in 10 bytes; the low half counts.
            let narrow = Int32(truncatingIfNeeded: bits)
            func fitting<T: FixedWidthInteger>(_: T.Type, _ value: Int64) throws(ONNXError) -> T {
                guard let result = T(exactly: value) else {
                    throw ONNXError(.invalidTensor, "number \(index) is \(value), which no \(type) can hold")
                }
                return result
            }
            switch type {
            case .int64, .uint64: try store(bits)
            case .uint32:
                guard let value = UInt32(exactly: bits) else {
                    throw ONNXError(.invalidTensor, "number \(index) is \(bits), which no uint32 can hold")
                }
                try store(value)
            case .int32: try store(narrow)
            case .int16: try store(try fitting(Int16.self, Int64(narrow)))
            case .int8: try store(try fitting(Int8.self, Int64(narrow)))
            case .uint16, .float16, .bfloat16: try store(try fitting(UInt16.self, Int64(narrow)))
            case .float6e2m3, .float6e3m2:
                guard (0..<64).contains(narrow) else {
                    throw ONNXError(.invalidTensor, "number \(index) is \(narrow), which has more than 6 bits")
                }
                let (byte, bit) = (index * 6).quotientAndRemainder(dividingBy: 8)
                guard byte + (bit > 2 ? 1 : 0) < destination.count else { throw Self.malformed }
                let shifted = UInt16(narrow) << UInt16(bit)
                destination[byte] |= UInt8(truncatingIfNeeded: shifted)
                if bit > 2 { destination[byte + 1] |= UInt8(truncatingIfNeeded: shifted >> 8) }
            default: try store(try fitting(UInt8.self, Int64(narrow)))
            }
        }

        try forEachField { (value) throws(ONNXError) in
            switch (value, field) {
            case (.fixed32(let range), Self.float), (.bytes(let range), Self.float), (.fixed64(let range), Self.double),
                (.bytes(let range), Self.double):
                try copy(range)
            case (.varint(let bits), _): try number(bits)
            case (.bytes(let range), _):
                var reader = WireReader(file.bytes, range)
                while reader.position < range.upperBound { try number(try reader.varint()) }
            default: throw Self.malformed
            }
        }
    }

    private func forEachField(_ body: (WireField.Value) throws(ONNXError) -> Void) throws(ONNXError) {
        defer { withExtendedLifetime(file) {} }
        var reader = WireReader(file.bytes, message)
        while let next = try reader.next() {
            if next.number == field { try body(next.value) }
        }
    }

    private static func wholeCount(_ range: Range<Int>, _ width: Int) throws(ONNXError) -> Int {
        guard range.count % width == 0 else { throw malformed }
        return range.count / width
    }

    private static var malformed: ONNXError {
        ONNXError(
            .malformed, "its numbers are not encoded as their field asks for; the file is damaged, fetch it again")
    }

    private final class Allocation {
        let memory: UnsafeMutableRawBufferPointer
        init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }
        deinit { memory.deallocate() }
    }
}
