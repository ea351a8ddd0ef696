// Heterodyne: decompression of deflate streams.
// SPDX-License-Identifier: Apache-2.0

/// A decompressor of the deflate format (RFC 1951) into memory of known size.
///
/// It never writes past the output and never reads past the input; every broken stream ends in an error. Codes are decoded
/// through a table of `Huffman.fastBits` bits, longer ones bit by bit.
struct Inflate {
    /// Why a stream could not be decompressed.
    enum Failure: Error {
        /// The input ends within the stream.
        case truncated
        /// The stream breaks the format.
        case malformed(String)
        /// There is more output than expected.
        case outputOverflow
    }

    private var reader: BitReader
    private let output: UnsafeMutableRawBufferPointer
    private var produced = 0
    private var literals = Huffman()
    private var distances = Huffman()

    private init(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) {
        reader = BitReader(input)
        self.output = output
    }

    /// Decompresses the one stream that fills `input` into `output`, which it must fill exactly.
    static func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Failure) {
        var inflate = Inflate(input, output)
        try inflate.run()
        guard inflate.produced == output.count else { throw .malformed("has less data than the archive says") }
        inflate.reader.alignToByte()
        guard inflate.reader.position == input.count else {
            throw .malformed("ends before its compressed data does")
        }
    }

    /// Decompresses the beginning of a stream, as much of it as fits into `output`. Returns the number of bytes.
    static func decompressPrefix(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> Int {
        var inflate = Inflate(input, output)
        do throws(Failure) { try inflate.run() } catch {
            guard case .outputOverflow = error else { throw error }
        }
        return inflate.produced
    }

    private mutating func run() throws(Failure) {
        var isLast = false
        while !isLast {
            isLast = try reader.take(1) == 1
            switch try reader.take(2) {
            case 0: try copyStored()
            case 1:
                try literals.build(Self.fixedLengths[...])
                try distances.build(ArraySlice(repeating: 5, count: 30), fixed: true)
                try decodeBlock()
            case 2:
                try readTables()
                try decodeBlock()
            default: throw .malformed("has a block of an unknown kind")
            }
        }
    }

    private mutating func copyStored() throws(Failure) {
        reader.alignToByte()
        let length = try reader.take(16)
        guard try reader.take(16) == ~length & 0xFFFF else {
            throw .malformed("has a stored block with a wrong length")
        }
        let source = try reader.takeBytes(length)
        let count = min(length, output.count - produced)
        if count > 0 {
            UnsafeMutableRawBufferPointer(rebasing: output[produced..<produced + count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[0..<count]))
        }
        produced += count
        guard count == length else { throw .outputOverflow }
    }

    private mutating func readTables() throws(Failure) {
        let literalCount = try reader.take(5) + 257
        let distanceCount = try reader.take(5) + 1
        let codeCount = try reader.take(4) + 4
        guard literalCount <= 286, distanceCount <= 30 else { throw .malformed("has too many codes") }
        var codeLengths = [UInt8](repeating: 0, count: 19)
        for index in 0..<codeCount { codeLengths[Self.codeOrder[index]] = UInt8(try reader.take(3)) }
        try literals.build(codeLengths[...], complete: true)
        var lengths: [UInt8] = []
        lengths.reserveCapacity(literalCount + distanceCount + 138)
        while lengths.count < literalCount + distanceCount {
            let symbol = try reader.decode(literals)
            switch symbol {
            case 0..<16: lengths.append(UInt8(symbol))
            case 16:
                guard let previous = lengths.last else { throw .malformed("repeats a code length before the first") }
                lengths += repeatElement(previous, count: 3 + (try reader.take(2)))
            case 17: lengths += repeatElement(0, count: 3 + (try reader.take(3)))
            default: lengths += repeatElement(0, count: 11 + (try reader.take(7)))
            }
        }
        guard lengths.count == literalCount + distanceCount else { throw .malformed("has too many code lengths") }
        guard lengths[256] != 0 else { throw .malformed("has a block that cannot end") }
        try literals.build(lengths[..<literalCount])
        try distances.build(lengths[literalCount...])
    }

    private mutating func decodeBlock() throws(Failure) {
        while true {
            let symbol = try reader.decode(literals)
            if symbol < 256 {
                guard produced < output.count else { throw .outputOverflow }
                output[produced] = UInt8(symbol)
                produced += 1
                continue
            }
            if symbol == 256 { return }
            guard symbol - 257 < Self.lengthBase.count else { throw .malformed("has an unknown length code") }
            let length = Self.lengthBase[symbol - 257] + (try reader.take(Self.lengthExtra[symbol - 257]))
            let code = try reader.decode(distances)
            guard code < Self.distanceBase.count else { throw .malformed("has an unknown distance code") }
            let distance = Self.distanceBase[code] + (try reader.take(Self.distanceExtra[code]))
            try copyMatch(length, distance)
        }
    }

    private mutating func copyMatch(_ length: Int, _ distance: Int) throws(Failure) {
        guard distance <= produced else { throw .malformed("refers to data before its beginning") }
        let count = min(length, output.count - produced)
        // Source and target may overlap: that is how runs are coded, so bytes go one by one.
        for index in produced..<produced + count { output[index] = output[index - distance] }
        produced += count
        guard count == length else { throw .outputOverflow }
    }

    private static let codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    private static let lengthBase = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
    private static let lengthExtra = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]
    private static let distanceBase = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
        6145,
        8193, 12289, 16385, 24577,
    ]
    private static let distanceExtra = [
        0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
    ]
    private static let fixedLengths: [UInt8] =
        Array(repeating: 8, count: 144) + Array(repeating: 9, count: 112) + Array(repeating: 7, count: 24)
        + Array(repeating: 8, count: 8)
}

/// The bits of a stream, lowest bit of each byte first.
struct BitReader {
    private let input: UnsafeRawBufferPointer
    /// The next byte that is not in `bits` yet.
    private(set) var position = 0
    private var bits: UInt64 = 0
    private var bitCount = 0

    /// Reads `input`.
    init(_ input: UnsafeRawBufferPointer) { self.input = input }

    /// Fills the bit buffer to more than 48 bits, or to the end of the input.
    private mutating func refill() {
        while bitCount <= 48, position < input.count {
            bits |= UInt64(input[position]) << UInt64(bitCount)
            position += 1
            bitCount += 8
        }
    }

    private mutating func drop(_ count: Int) {
        bits >>= UInt64(count)
        bitCount -= count
    }

    /// A number of `count` bits, at most 16.
    mutating func take(_ count: Int) throws(Inflate.Failure) -> Int {
        if bitCount < count { refill() }
        guard bitCount >= count else { throw .truncated }
        let value = Int(bits & ((1 << UInt64(count)) - 1))
        drop(count)
        return value
    }

    /// Drops the bits up to the next byte of the input, and gives whole bytes that were looked ahead at back.
    mutating func alignToByte() {
        position -= bitCount / 8
        bits = 0
        bitCount = 0
    }

    /// Whole bytes, after `alignToByte` and a whole number of bytes taken.
    mutating func takeBytes(_ count: Int) throws(Inflate.Failure) -> UnsafeRawBufferPointer {
        alignToByte()
        guard let bytes = input.slice(position, count) else { throw .truncated }
        position += count
        return bytes
    }

    /// The next symbol of `code`.
    mutating func decode(_ code: borrowing Huffman) throws(Inflate.Failure) -> Int {
        if bitCount < Huffman.maximumBits { refill() }
        let entry = code.fast[Int(bits & UInt64(Huffman.fastSize - 1))]
        let length = Int(entry & 15)
        if length > 0 {
            guard length <= bitCount else { throw .truncated }
            drop(length)
            return Int(entry >> 4)
        }
        var value = 0
        var first = 0
        var index = 0
        for length in 1...Huffman.maximumBits {
            guard length <= bitCount else { throw .truncated }
            value |= Int(bits >> UInt64(length - 1) & 1)
            let count = Int(code.counts[length])
            if value - count < first {
                drop(length)
                return Int(code.symbols[index + (value - first)])
            }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw .malformed("has bits that are no code")
    }
}

/// A canonical Huffman code.
struct Huffman {
    /// Longest code.
    static let maximumBits = 15
    /// Codes up to this length are decoded by one look-up.
    static let fastBits = 10
    /// Entries of the look-up table.
    static let fastSize = 1 << fastBits

    /// Number of codes of each length.
    private(set) var counts = [UInt16](repeating: 0, count: 16)
    /// The symbols in the order of their codes.
    private(set) var symbols: [UInt16] = []
    /// By the next bits of the stream: symbol times 16 plus code length, or 0 for longer codes.
    private(set) var fast = [UInt16](repeating: 0, count: Huffman.fastSize)

    /// Makes the code with the given `lengths` per symbol. Codes that contradict each other are an error; codes that leave
    /// bit patterns unused are one too, except a single code of one bit and no code at all (a block without matches),
    /// unless they must be `complete`. The `fixed` distance code has two unused patterns by definition.
    mutating func build(
        _ lengths: ArraySlice<UInt8>, complete: Bool = false, fixed: Bool = false
    ) throws(Inflate.Failure) {
        for length in 0..<counts.count { counts[length] = 0 }
        for length in lengths { counts[Int(length)] += 1 }
        let used = lengths.count - Int(counts[0])
        counts[0] = 0
        var left = 1
        for length in 1...Self.maximumBits {
            left = left << 1 - Int(counts[length])
            guard left >= 0 else { throw .malformed("has more codes than fit") }
        }
        guard left == 0 || fixed || (!complete && (used == 0 || (used == 1 && counts[1] == 1))) else {
            throw .malformed("has an incomplete code")
        }
        var offsets = [Int](repeating: 0, count: 17)
        var nextCode = [Int](repeating: 0, count: 17)
        for length in 1...Self.maximumBits {
            offsets[length + 1] = offsets[length] + Int(counts[length])
            nextCode[length + 1] = (nextCode[length] + Int(counts[length])) << 1
        }
        symbols = [UInt16](repeating: 0, count: used)
        for index in 0..<Self.fastSize { fast[index] = 0 }
        for (symbol, length) in lengths.enumerated() where length > 0 {
            let length = Int(length)
            symbols[offsets[length]] = UInt16(symbol)
            offsets[length] += 1
            let code = nextCode[length]
            nextCode[length] += 1
            guard length <= Self.fastBits else { continue }
            // Codes stand in the stream first bit lowest, so the table is indexed by the reversed code.
            var index = 0
            for bit in 0..<length { index |= (code >> bit & 1) << (length - 1 - bit) }
            while index < Self.fastSize {
                fast[index] = UInt16(symbol) << 4 | UInt16(length)
                index += 1 << length
            }
        }
    }
}
