// Heterodyne: reading the directory of zip archives.
// SPDX-License-Identifier: Apache-2.0

/// The members of a zip archive (APPNOTE 6.3, with zip64), checked: the directory and the members must lie inside of the
/// file, apart from each other, and say the same in both places where they are described.
struct ZipArchive {
    /// One member.
    struct Member: Sendable {
        var name: String
        /// Whether the data is a deflate stream; else it is stored as it is.
        var isDeflated: Bool
        var checksum: UInt32
        var byteCount: Int
        /// Where the data, compressed or not, is in the file.
        var range: Range<Int>
    }

    /// Most members of an archive.
    static let maximumMemberCount = 1_000_000
    /// The deflate format cannot make more than 1032 bytes out of one.
    static let maximumDeflateRatio = 1032

    /// The members, in the order of the directory.
    private(set) var members: [Member] = []

    /// Used during `init` only.
    private let bytes: UnsafeRawBufferPointer
    private let path: String

    /// Reads the directory of `file`.
    init(_ file: MappedFile) throws(WeightsError) {
        defer { withExtendedLifetime(file) {} }
        bytes = file.bytes
        path = file.path
        let directory = try findDirectory()
        guard let text = bytes.slice(directory.offset, directory.byteCount) else {
            throw error(.invalidOffsets, "has a directory outside of the file")
        }
        guard directory.memberCount <= directory.byteCount / 46 else {
            throw error(.malformedHeader, "claims more members than its directory can hold")
        }
        guard directory.memberCount <= Self.maximumMemberCount else {
            throw error(.limitExceeded, "has more than \(Self.maximumMemberCount) members")
        }
        var position = 0
        var extents: [Range<Int>] = []
        for _ in 0..<directory.memberCount {
            let (member, extent, next) = try readMember(text, position)
            members.append(member)
            extents.append(extent)
            position = next
        }
        guard position == text.count else { throw error(.malformedHeader, "has a directory with bytes left over") }
        // Members that share bytes are how small archives are made to expand without end.
        extents.sort { $0.lowerBound < $1.lowerBound }
        var end = 0
        for extent in extents {
            guard extent.lowerBound >= end else { throw error(.invalidOffsets, "has members that overlap") }
            end = extent.upperBound
        }
        guard end <= directory.offset else { throw error(.invalidOffsets, "has members that overlap the directory") }
    }

    private func error(_ kind: WeightsError.Kind, _ message: String) -> WeightsError {
        WeightsError(kind, "\(message); the archive is damaged, or not made by a usual writer", path: path)
    }

    private struct Directory {
        var offset: Int
        var byteCount: Int
        var memberCount: Int
    }

    /// The end record is the last thing in the file, but for a comment of up to 65535 bytes.
    private func findDirectory() throws(WeightsError) -> Directory {
        var position = bytes.count - 22
        while position >= 0, position >= bytes.count - 22 - 0xFFFF {
            if bytes.littleEndian(at: position, as: UInt32.self) == 0x0605_4B50,
                let comment = bytes.littleEndian(at: position + 20, as: UInt16.self),
                position + 22 + Int(comment) == bytes.count
            {
                return try readEnd(at: position)
            }
            position -= 1
        }
        throw error(.truncated, "has no end record")
    }

    private func readEnd(at end: Int) throws(WeightsError) -> Directory {
        guard let disk = bytes.littleEndian(at: end + 4, as: UInt16.self),
            let count = bytes.littleEndian(at: end + 10, as: UInt16.self),
            let size = bytes.littleEndian(at: end + 12, as: UInt32.self),
            let offset = bytes.littleEndian(at: end + 16, as: UInt32.self)
        else { throw error(.truncated, "ends within its end record") }
        var directory = Directory(offset: Int(offset), byteCount: Int(size), memberCount: Int(count))
        var limit = end
        if count == .max || size == .max || offset == .max {
            (directory, limit) = try readZip64End(before: end)
        } else if disk != 0 {
            throw error(.unsupportedType, "is one part of several")
        }
        guard directory.offset.adding(directory.byteCount) == limit else {
            throw error(.invalidOffsets, "has a directory that does not end where the end record begins")
        }
        return directory
    }

    private func readZip64End(before end: Int) throws(WeightsError) -> (Directory, limit: Int) {
        guard bytes.littleEndian(at: end - 20, as: UInt32.self) == 0x0706_4B50,
            let start = bytes.littleEndian(at: end - 12, as: UInt64.self), start <= UInt64(max(end - 76, 0)),
            bytes.littleEndian(at: Int(start), as: UInt32.self) == 0x0606_4B50,
            let count = bytes.littleEndian(at: Int(start) + 32, as: UInt64.self),
            let size = bytes.littleEndian(at: Int(start) + 40, as: UInt64.self),
            let offset = bytes.littleEndian(at: Int(start) + 48, as: UInt64.self)
        else { throw error(.malformedHeader, "has a broken zip64 end record") }
        guard let count = Int(exactly: count), let size = Int(exactly: size), let offset = Int(exactly: offset) else {
            throw error(.invalidOffsets, "has a directory outside of the file")
        }
        return (Directory(offset: offset, byteCount: size, memberCount: count), Int(start))
    }

    /// Reads one directory entry: the member, all bytes that it takes in the file, and where the next entry begins.
    private func readMember(
        _ text: UnsafeRawBufferPointer, _ position: Int
    ) throws(WeightsError) -> (Member, extent: Range<Int>, next: Int) {
        guard text.littleEndian(at: position, as: UInt32.self) == 0x0201_4B50,
            let flags = text.littleEndian(at: position + 8, as: UInt16.self),
            let method = text.littleEndian(at: position + 10, as: UInt16.self),
            let checksum = text.littleEndian(at: position + 16, as: UInt32.self),
            let compressed = text.littleEndian(at: position + 20, as: UInt32.self),
            let expanded = text.littleEndian(at: position + 24, as: UInt32.self),
            let nameLength = text.littleEndian(at: position + 28, as: UInt16.self),
            let extraLength = text.littleEndian(at: position + 30, as: UInt16.self),
            let commentLength = text.littleEndian(at: position + 32, as: UInt16.self),
            let offset = text.littleEndian(at: position + 42, as: UInt32.self),
            let nameBytes = text.slice(position + 46, Int(nameLength)),
            let extra = text.slice(position + 46 + Int(nameLength), Int(extraLength)),
            text.slice(position + 46 + Int(nameLength) + Int(extraLength), Int(commentLength)) != nil
        else { throw error(.malformedHeader, "has a broken directory entry") }
        guard let name = String(validating: nameBytes, as: UTF8.self) else {
            throw error(.invalidText, "has a member whose name is not UTF-8")
        }
        guard flags & 1 == 0, flags & 0x2040 == 0 else {
            throw error(.unsupportedType, "has the encrypted member \(quoted(name)); decrypt it first")
        }
        guard method == 0 || method == 8 else {
            throw error(
                .unsupportedType,
                "has the member \(quoted(name)) with compression method \(method); only stored and deflate are supported"
            )
        }
        // Fields that do not fit are all ones, and follow in this order in the zip64 extra field.
        var sizes = [UInt64(expanded), UInt64(compressed), UInt64(offset)]
        try replaceSaturated(&sizes, from: extra)
        guard let byteCount = Int(exactly: sizes[0]), let stored = Int(exactly: sizes[1]),
            let start = Int(exactly: sizes[2])
        else { throw error(.invalidOffsets, "has the member \(quoted(name)) outside of the file") }
        let range = try dataRange(start, stored, name: nameBytes, method: method)
        let (largest, overflow) = stored.multipliedReportingOverflow(by: Self.maximumDeflateRatio)
        guard method == 8 ? overflow || byteCount <= largest : byteCount == stored else {
            throw error(.invalidOffsets, "has the member \(quoted(name)) with a size that its data cannot have")
        }
        let member = Member(
            name: name, isDeflated: method == 8, checksum: checksum, byteCount: byteCount, range: range)
        let next = position + 46 + Int(nameLength) + Int(extraLength) + Int(commentLength)
        return (member, start..<range.upperBound, next)
    }

    private func replaceSaturated(_ sizes: inout [UInt64], from extra: UnsafeRawBufferPointer) throws(WeightsError) {
        guard sizes.contains(UInt64(UInt32.max)) else { return }
        var position = 0
        while let id = extra.littleEndian(at: position, as: UInt16.self),
            let length = extra.littleEndian(at: position + 2, as: UInt16.self)
        {
            guard let field = extra.slice(position + 4, Int(length)) else { break }
            position += 4 + Int(length)
            guard id == 1 else { continue }
            var offset = 0
            for index in sizes.indices where sizes[index] == UInt64(UInt32.max) {
                guard let value = field.littleEndian(at: offset, as: UInt64.self) else {
                    throw error(.malformedHeader, "has a short zip64 field")
                }
                sizes[index] = value
                offset += 8
            }
            return
        }
        // Without the field the value is meant: exactly 2^32 - 1.
    }

    /// Where the data of a member is, from the header in front of it, which must agree with the directory.
    private func dataRange(
        _ start: Int, _ byteCount: Int, name: UnsafeRawBufferPointer, method: UInt16
    ) throws(WeightsError) -> Range<Int> {
        guard bytes.littleEndian(at: start, as: UInt32.self) == 0x0403_4B50,
            let flags = bytes.littleEndian(at: start + 6, as: UInt16.self),
            let localMethod = bytes.littleEndian(at: start + 8, as: UInt16.self),
            let nameLength = bytes.littleEndian(at: start + 26, as: UInt16.self),
            let extraLength = bytes.littleEndian(at: start + 28, as: UInt16.self),
            let localName = bytes.slice(start + 30, Int(nameLength))
        else { throw error(.invalidOffsets, "has a directory entry that refers to no member") }
        guard localMethod == method, flags & 1 == 0, localName.elementsEqual(name) else {
            throw error(.malformedHeader, "has a member that its directory describes differently")
        }
        let data = start + 30 + Int(nameLength) + Int(extraLength)
        guard bytes.slice(data, byteCount) != nil else {
            throw error(.invalidOffsets, "has a member whose data is not inside of the file")
        }
        return data..<data + byteCount
    }
}
