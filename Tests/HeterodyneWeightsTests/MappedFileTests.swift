// Heterodyne: tests of mapped files.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import HeterodyneWeights

@Suite struct MappedFileTests {
    @Test(arguments: [.mapped, .copied] as [MappedFile.Access]) func holdsTheFile(_ access: MappedFile.Access) throws {
        let folder = try TemporaryDirectory()
        let contents = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
        let file = try MappedFile(path: folder.file("x", contents), access: access)
        #expect(elements(file) == contents)
        // Advice on any range, in or out of the file, changes nothing that can be seen.
        for range in [0..<0, 0..<100_000, 5000..<5001, 4096..<8192, 99_999..<1 << 60, -5..<3, 200_000..<300_000] {
            file.adviseWillNeed(range)
            file.adviseSequential(range)
            file.release(range)
        }
        #expect(elements(file) == contents)
        #expect(try elements(MappedFile(path: folder.file("empty", []), access: access)) == [])
    }

    @Test func copiesOutliveTruncation() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.file("x", [1, 2, 3])
        let file = try MappedFile(path: path, access: .copied)
        _ = try folder.file("x", [])
        #expect(elements(file) == [1, 2, 3])
    }

    @Test func refusesWhatIsNoFile() throws {
        let folder = try TemporaryDirectory()
        func opening(_ path: String) -> WeightsError.Kind? {
            kind { () throws(WeightsError) in _ = try MappedFile(path: path) }
        }
        #expect(opening(folder.path + "/absent") == .fileNotFound)
        #expect(opening(folder.path) == .notRegularFile)
        #expect(opening("/dev/zero") == .notRegularFile)
        #expect(opening("/dev/null") == .notRegularFile)
        #expect(opening("a\0b") == .invalidArgument)
        // A pipe that nobody writes to must not block.
        let pipe = folder.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(opening(pipe) == .notRegularFile)
    }

    /// Resident kilobytes of the mapping that begins at `address`, as the kernel counts them.
    private func residentKilobytes(_ address: UInt) throws -> Int {
        // The file claims to be empty, so that the readers that ask for its size first read nothing.
        let handle = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps"))
        let text = String(decoding: try #require(try handle.readToEnd()), as: UTF8.self)
        var inside = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix(String(address, radix: 16) + "-") { inside = true }
            if inside, line.hasPrefix("Rss:") {
                return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
            }
        }
        return try #require(nil as Int?)
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/smaps"), "needs /proc/self/smaps"))
    func releasesResidentPages() throws {
        let folder = try TemporaryDirectory()
        let contents = [UInt8](repeating: 3, count: 4 << 20)
        let file = try MappedFile(path: folder.file("x", contents))
        let address = UInt(bitPattern: file.bytes.baseAddress)
        #expect(elements(file) == contents)
        #expect(try residentKilobytes(address) == 4096)
        file.release(1 << 20..<3 << 20)
        // Less than the rest where the kernel had mapped huge pages: it unmaps those whole.
        #expect(try residentKilobytes(address) <= 2048)
        #expect(elements(file) == contents)
    }
}
