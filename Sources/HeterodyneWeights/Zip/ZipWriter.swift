// Heterodyne: writing zip archives of stored members.
// SPDX-License-Identifier: Apache-2.0

/// Writes a zip archive whose members are stored uncompressed with their data aligned, so that a reader may use them in
/// place. Equal contents give equal archives: the time stamps are those of the format's epoch, as NumPy writes them.
struct ZipWriter {
    /// Where the data of each member begins is a multiple of this.
    static let alignment = 64
    /// Sizes and offsets from here on are written in 64 bits. The format's limit, lower in tests only.
    private let zip64Threshold: Int
    private let file: AtomicFile
    private var directory: [UInt8] = []
    private var memberCount = 0

    /// Writes to `file`.
    init(_ file: AtomicFile, zip64Threshold: Int = Int(UInt32.max)) {
        self.file = file
        self.zip64Threshold = zip64Threshold
    }

    /// Begins a member; its `byteCount` bytes with the given checksum must be written to the file next.
    mutating func beginMember(
        _ name: String, byteCount: Int, checksum: UInt32, path: String
    ) throws(WeightsError) {
        let nameBytes = Array(name.utf8)
        guard nameBytes.count <= 1 << 14 else {
            throw WeightsError(.invalidArgument, "has a name over 16384 bytes", path: path, tensor: name)
        }
        let offset = file.byteCount
        let isLarge = byteCount >= zip64Threshold
        let isFar = offset >= zip64Threshold
        var extra: [UInt8] = []
        if isLarge {
            extra.append(littleEndian: UInt16(1))
            extra.append(littleEndian: UInt16(16))
            extra.append(littleEndian: UInt64(byteCount))
            extra.append(littleEndian: UInt64(byteCount))
        }
        // A field of a private kind fills the space up to the aligned beginning of the data.
        let unpadded = offset + 30 + nameBytes.count + extra.count + 4
        let padding = (Self.alignment - unpadded % Self.alignment) % Self.alignment
        extra.append(littleEndian: UInt16(0x4448))
        extra.append(littleEndian: UInt16(padding))
        extra += [UInt8](repeating: 0, count: padding)

        // Version needed: 4.5 for zip64, else 2.0. Bit 11: the name is UTF-8.
        var fields: [UInt8] = []
        fields.append(littleEndian: UInt16(isLarge || isFar ? 45 : 20))
        fields.append(littleEndian: UInt16(0x0800))
        fields.append(littleEndian: UInt16(0))
        fields.append(littleEndian: UInt16(0))
        fields.append(littleEndian: UInt16(0x21))
        fields.append(littleEndian: checksum)
        let size32 = isLarge ? UInt32.max : UInt32(truncatingIfNeeded: byteCount)
        fields.append(littleEndian: size32)
        fields.append(littleEndian: size32)
        fields.append(littleEndian: UInt16(nameBytes.count))

        var local: [UInt8] = []
        local.append(littleEndian: UInt32(0x0403_4B50))
        local += fields
        local.append(littleEndian: UInt16(extra.count))
        local += nameBytes
        local += extra
        try file.write(local)
        appendEntry(fields, nameBytes, isLarge ? byteCount : nil, isFar: isFar, offset: offset)
    }

    private mutating func appendEntry(
        _ fields: [UInt8], _ name: [UInt8], _ largeByteCount: Int?, isFar: Bool, offset: Int
    ) {
        var zip64: [UInt8] = []
        if let largeByteCount {
            zip64.append(littleEndian: UInt64(largeByteCount))
            zip64.append(littleEndian: UInt64(largeByteCount))
        }
        if isFar { zip64.append(littleEndian: UInt64(offset)) }
        directory.append(littleEndian: UInt32(0x0201_4B50))
        directory.append(littleEndian: UInt16(3 << 8 | 45))
        directory += fields
        directory.append(littleEndian: UInt16(zip64.isEmpty ? 0 : 4 + zip64.count))
        directory += [UInt8](repeating: 0, count: 6)
        // Unix mode of a regular file that its owner may write.
        directory.append(littleEndian: UInt32(0o100644 << 16))
        directory.append(littleEndian: isFar ? UInt32.max : UInt32(truncatingIfNeeded: offset))
        directory += name
        if !zip64.isEmpty {
            directory.append(littleEndian: UInt16(1))
            directory.append(littleEndian: UInt16(zip64.count))
            directory += zip64
        }
        memberCount += 1
    }

    /// Writes the directory.
    func finish() throws(WeightsError) {
        let offset = file.byteCount
        try file.write(directory)
        var end: [UInt8] = []
        let needsZip64 = offset >= zip64Threshold || directory.count >= zip64Threshold || memberCount >= 0xFFFF
        if needsZip64 {
            end.append(littleEndian: UInt32(0x0606_4B50))
            end.append(littleEndian: UInt64(44))
            end.append(littleEndian: UInt16(3 << 8 | 45))
            end.append(littleEndian: UInt16(45))
            end.append(littleEndian: UInt64(0))
            end.append(littleEndian: UInt64(memberCount))
            end.append(littleEndian: UInt64(memberCount))
            end.append(littleEndian: UInt64(directory.count))
            end.append(littleEndian: UInt64(offset))
            end.append(littleEndian: UInt32(0x0706_4B50))
            end.append(littleEndian: UInt32(0))
            end.append(littleEndian: UInt64(offset + directory.count))
            end.append(littleEndian: UInt32(1))
        }
        end.append(littleEndian: UInt32(0x0605_4B50))
        end.append(littleEndian: UInt32(0))
        let count16 = needsZip64 ? UInt16.max : UInt16(truncatingIfNeeded: memberCount)
        end.append(littleEndian: count16)
        end.append(littleEndian: count16)
        end.append(littleEndian: needsZip64 ? UInt32.max : UInt32(truncatingIfNeeded: directory.count))
        end.append(littleEndian: needsZip64 ? UInt32.max : UInt32(truncatingIfNeeded: offset))
        end.append(littleEndian: UInt16(0))
        try file.write(end)
    }
}
