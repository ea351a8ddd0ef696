// Heterodyne: tests of npz archives and of what they are made of.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import Testing

@testable import HeterodyneWeights

@Suite struct NpzTests {
    private static let names = ["f", "i", "scalar", "zeros", "noise", "ramp", "tiny", "fortran"]

    @Test(arguments: ["stored", "deflated", "level1", "level9"]) func readsWhatNumPyWrites(_ name: String) throws {
        let file = try NpzFile(path: fixture("\(name).npz"))
        #expect(file.names == Self.names)
        #expect(file.otherMembers == (name.hasPrefix("level") ? ["README.txt"] : []))
        try expectFixture(file.tensor(named: "f"), .float32, [3, 5])
        try expectFixture(file.tensor(named: "i"), .int64, [2, 2])
        try expectFixture(file.tensor(named: "scalar"), .float64, [])
        try expectFixture(file.tensor(named: "ramp"), .int16, [20, 50])
        try expectFixture(file.tensor(named: "tiny"), .uint8, [1])
        try expectFixture(file.tensor(named: "fortran"), .float32, [3, 4])
        #expect(try file.tensor(named: "zeros").scalars(as: Float.self) == [Float](repeating: 0, count: 4096))
        #expect(try file.tensorType(named: "noise") == TensorType(.uint8, [4096]))
        #expect(kind { () throws(WeightsError) in _ = try file.tensor(named: "g") } == .missingTensor)
        // All compressions agree on the incompressible array, and the checksum was right.
        let stored = try NpzFile(path: fixture("stored.npz")).tensor(named: "noise")
        #expect(try file.tensor(named: "noise") == stored)
        #expect(try file.tensors().map(\.name) == Self.names)
    }

    @Test(arguments: [Int(UInt32.max), 300, 1]) func writesWhatItReads(_ zip64Threshold: Int) throws {
        let folder = try TemporaryDirectory()
        let path = try folder.file("x.npz")
        let tensors = try NpzFile(path: fixture("stored.npz")).tensors() + [("é/…", Literal([UInt16(7)]))]
        try NpzFile.write(tensors, to: path, zip64Threshold: zip64Threshold)
        let copy = try NpzFile(path: path)
        #expect(copy.names == tensors.map(\.name))
        for (name, tensor) in tensors {
            let read = try copy.tensor(named: name)
            #expect(read == tensor)
            #expect(range(of: copy.file).contains(try address(read)), "read in place")
        }
        let empty = try folder.file("empty.npz")
        try NpzFile.write([], to: empty)
        #expect(try NpzFile(path: empty).names.isEmpty)
    }

    @Test func refusesToWriteANameTwice() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.file("x.npz")
        let one = Literal([Float(1)])
        #expect(
            kind { () throws(WeightsError) in try NpzFile.write([("a", one), ("a", one)], to: path) } == .duplicateName)
        #expect(try folder.entries.isEmpty)
    }

    @Test func limitsDecompression() throws {
        let file = try MappedFile(path: fixture("deflated.npz"))
        let limited = try NpzFile(file, maximumInflatedByteCount: 1000)
        #expect(kind { () throws(WeightsError) in _ = try limited.tensor(named: "zeros") } == .limitExceeded)
        try expectFixture(limited.tensor(named: "f"), .float32, [3, 5])
    }

    /// Where `pattern` occurs first.
    private func find(_ pattern: [UInt8], in bytes: [UInt8], from start: Int = 0) throws -> Int {
        let found = (start..<bytes.count - pattern.count).first {
            bytes[$0..<$0 + pattern.count].elementsEqual(pattern)
        }
        return try #require(found)
    }

    private static let entry: [UInt8] = [0x50, 0x4B, 1, 2]
    private static let end: [UInt8] = [0x50, 0x4B, 5, 6]

    /// The kind of error when all arrays of the changed fixture are read.
    private func reading(_ name: String, _ change: (inout [UInt8]) throws -> Void) throws -> WeightsError.Kind? {
        var bytes = try fixtureBytes(name)
        try change(&bytes)
        let file = MappedFile(copying: bytes, label: name)
        return kind { () throws(WeightsError) in _ = try NpzFile(file).tensors() }
    }

    @Test func refusesBrokenArchives() throws {
        #expect(try reading("stored.npz") { $0 = [] } == .truncated)
        #expect(try reading("stored.npz") { $0 = Array("no archive at all".utf8) } == .wrongFormat)
        #expect(try reading("stored.npz") { $0.removeLast() } == .truncated)
        #expect(try reading("stored.npz") { $0.append(0) } == .truncated)
        #expect(try reading("stored.npz") { $0.removeFirst(4) } == .wrongFormat)
        // Fields of the first directory entry.
        let changes: [(Int, UInt8, WeightsError.Kind)] = [
            (8, 1, .unsupportedType), (10, 12, .unsupportedType), (16, 0xAA, .corruptData),
            (29, 0xFF, .malformedHeader),
            (20, 0xFF, .invalidOffsets), (24, 0xFF, .invalidOffsets), (46, 0xFF, .invalidText),
            (46, 0x41, .malformedHeader),
            (42, 1, .invalidOffsets), (45, 0x7F, .invalidOffsets), (0, 0, .malformedHeader),
        ]
        for (offset, value, expected) in changes {
            let found = try reading("stored.npz") { $0[try find(Self.entry, in: $0) + offset] = value }
            #expect(found == expected, "byte \(offset)")
        }
        // The end record: number of members, size and offset of the directory, disk.
        for (offset, value, expected) in [
            (10, 255, .malformedHeader), (10, 1, .malformedHeader), (12, 1, .invalidOffsets), (16, 1, .invalidOffsets),
            (4, 1, .unsupportedType), (20, 1, .truncated),
        ] as [(Int, UInt8, WeightsError.Kind)] {
            let found = try reading("stored.npz") { $0[try find(Self.end, in: $0) + offset] = value }
            #expect(found == expected, "byte \(offset)")
        }
    }

    @Test func refusesOverlappingMembersAndDoubleNames() throws {
        // The second entry refers to the first member, under the first one's name.
        let found = try reading("stored.npz") { bytes in
            let first = try find(Self.entry, in: bytes)
            let second = try find(Self.entry, in: bytes, from: first + 4)
            #expect(second - first == 46 + 5)
            bytes.replaceSubrange(second..<second + 51, with: bytes[first..<second])
        }
        #expect(found == .invalidOffsets)
    }

    @Test func refusesBrokenCompression() throws {
        let bytes = try fixtureBytes("deflated.npz")
        let archive = try ZipArchive(MappedFile(copying: bytes, label: "x"))
        let noise = try #require(archive.members.first { $0.name == "noise.npy" })
        // A wrong literal: the checksum finds it.
        #expect(try reading("deflated.npz") { $0[noise.range.lowerBound + 1000] ^= 1 } == .corruptData)
        // A block of the reserved kind.
        #expect(try reading("deflated.npz") { $0[noise.range.lowerBound] |= 6 } == .corruptData)
    }

    @Test func checksums() {
        #expect(CRC32.checksum(UnsafeRawBufferPointer(start: nil, count: 0)) == 0)
        // The check value of the catalogue of CRCs, over pieces that split the eight-byte steps.
        let text = Array("123456789".utf8)
        for split in 0...9 {
            var crc = CRC32()
            text[..<split].withUnsafeBytes { crc.update($0) }
            text[split...].withUnsafeBytes { crc.update($0) }
            #expect(crc.value == 0xCBF4_3926)
        }
    }

    private func inflate(_ input: some Collection<UInt8>, _ count: Int) throws -> [UInt8] {
        var output = [UInt8](repeating: 0xEE, count: count)
        try Array(input).withUnsafeBytes { source in
            try output.withUnsafeMutableBytes { try Inflate.decompress(source, into: $0) }
        }
        return output
    }

    @Test func inflatesByHand() throws {
        // Stored block of "abc", fixed codes of "a", and an empty fixed block (RFC 1951, 3.2.4 and 3.2.6).
        #expect(try inflate([1, 3, 0, 0xFC, 0xFF, 0x61, 0x62, 0x63], 3) == Array("abc".utf8))
        #expect(try inflate([0x4B, 0x04, 0x00], 1) == Array("a".utf8))
        #expect(try inflate([3, 0], 0) == [])
    }

    /// Compressed stream, length and checksum of its contents, as zlib made them.
    private struct Stream: Decodable {
        var bytes: [UInt8]
        var count: Int
        var checksum: UInt32

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            bytes = [UInt8](try container.decode(Data.self))
            count = try container.decode(Int.self)
            checksum = try container.decode(UInt32.self)
        }
    }

    private func streams() throws -> [Stream] {
        try JSONDecoder().decode([Stream].self, from: Data(try fixtureBytes("deflate.json")))
    }

    @Test func inflatesEveryStrategyOfZlib() throws {
        let streams = try streams()
        #expect(streams.count > 40)
        for stream in streams {
            let output = try inflate(stream.bytes, stream.count)
            #expect(output.withUnsafeBytes { CRC32.checksum($0) } == stream.checksum)
            #expect(throws: Inflate.Failure.self) { try inflate(stream.bytes, stream.count + 1) }
            #expect(throws: Inflate.Failure.self) { try inflate(stream.bytes + [0], stream.count) }
            #expect(throws: Inflate.Failure.self) { try inflate(stream.bytes.dropLast(), stream.count) }
        }
    }

    @Test func damagedStreamsNeverTrap() throws {
        var random = SplitMix64(state: 5)
        var failures = 0
        for stream in try streams() where stream.bytes.count > 2 && stream.bytes.count < 1000 {
            for _ in 0..<100 {
                var bytes = stream.bytes
                for _ in 0...random.below(3) { bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8)) }
                do { _ = try inflate(bytes, min(stream.count, 2000)) } catch { failures += 1 }
            }
        }
        #expect(failures > 1000)
    }

    @Test(
        arguments: [
            ([], 0), ([7], 0), ([1, 3, 0, 0xFC, 0xFF, 0x61], 3), ([1, 3, 0, 0xFC, 0xFE, 0x61, 0x62, 0x63], 3),
            ([0x4B, 0x04, 0x00], 0), ([0x4B, 0x04, 0x00], 2), ([3, 0, 0], 0), ([0x4B], 1),
            // A match before any output; dynamic codes that are over-subscribed, incomplete or without an end.
            ([0x03, 0x02, 0x00], 3), ([5, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 9), ([5, 0, 0, 0, 0, 0, 0, 0], 9),
        ] as [([UInt8], Int)])
    func refusesBrokenStreams(_ input: [UInt8], _ count: Int) {
        #expect(throws: Inflate.Failure.self) { try inflate(input, count) }
    }
}
