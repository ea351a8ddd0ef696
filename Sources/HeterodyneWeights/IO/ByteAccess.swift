// Heterodyne: checked reads of little-endian numbers and of ranges.
// SPDX-License-Identifier: Apache-2.0

extension UnsafeRawBufferPointer {
    /// The little-endian number at `offset`, or nil where it does not lie wholly inside.
    func littleEndian<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as: T.Type = T.self) -> T? {
        guard offset >= 0, offset <= count, count - offset >= MemoryLayout<T>.size else { return nil }
        return T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// `length` bytes from `offset`, or nil where they do not lie wholly inside.
    func slice(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer? {
        guard offset >= 0, length >= 0, offset <= count, count - offset >= length else { return nil }
        return UnsafeRawBufferPointer(rebasing: self[offset..<offset + length])
    }

    /// Whether the bytes begin with `prefix`.
    func begins(with prefix: some Collection<UInt8>) -> Bool {
        count >= prefix.count && zip(self, prefix).allSatisfy { $0 == $1 }
    }

    /// The index of the first byte that is neither 0 nor 1, or nil where all are truth values.
    func firstInvalidBool() -> Int? {
        var index = 0
        while index + 8 <= count {
            if loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0xFEFE_FEFE_FEFE_FEFE != 0 { break }
            index += 8
        }
        while index < count {
            if self[index] > 1 { return index }
            index += 1
        }
        return nil
    }
}

extension [UInt8] {
    /// Calls `body` with the bytes; like `withUnsafeBytes`, but keeps the type of the error.
    func withRawBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(WeightsError) -> Result
    ) throws(WeightsError) -> Result {
        try withUnsafeBufferPointer { (buffer) throws(WeightsError) in try body(UnsafeRawBufferPointer(buffer)) }
    }

    /// Appends a number in little-endian order.
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

extension FixedWidthInteger {
    /// The product, or nil where it overflows.
    func multiplied(by other: Self) -> Self? {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? nil : product
    }

    /// The sum, or nil where it overflows.
    func adding(_ other: Self) -> Self? {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? nil : sum
    }
}
