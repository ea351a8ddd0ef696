// Heterodyne: manifests and libraries with random damage are read to an end, one way or the other.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import HeterodynePluginHost

/// The same numbers on every machine (SplitMix64, Steele et al. 2014).
private struct RandomBytes: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite("Random damage")
struct RandomFileTests {
    @Test("A damaged manifest is a plugin or a reason", arguments: 0..<4)
    func manifests(seed: Int) {
        let good = Array(
            #"{"format": 1, "name": "acme", "library": "libacme.so", "abi": {"major": 1, "minor": 0}, "requires": ["a", "b"], "license": "x"}"#
                .utf8)
        let pieces: [[UInt8]] = [
            "{", "}", "[", "]", ":", ",", "\"", "\\u0000", "\\ud800", "1e999", "-0", "null", "\u{FEFF}",
        ]
        .map { Array($0.utf8) }
        var random = RandomBytes(state: UInt64(seed))
        var read = 0
        for _ in 0..<2000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0...bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + 3))
                case 2: bytes.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: place)
                default: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
                }
            }
            do {
                let manifest = try PluginManifest(parsing: bytes, path: "/folder/acme.json")
                read += 1
                #expect(PluginManifest.isName(manifest.name) && manifest.library.hasPrefix("/"))
            } catch {
                #expect(error.reason.contains("/folder/acme.json") && !error.remedy.isEmpty, "\(error)")
            }
        }
        // Some damage does not matter, most does.
        #expect(read > 10 && read < 1900)
    }

    @Test(
        "A damaged library is read without loading it", .enabled(if: Fixture.canBuild, Fixture.reason), arguments: 0..<4
    )
    func libraries(seed: Int) throws {
        let good = try [UInt8](Data(contentsOf: URL(filePath: PluginFolder.correct.get())))
        let scratch = try Scratch()
        let path = scratch.path("library.so")
        let file = open(path, O_RDWR | O_CREAT, 0o644)
        try #require(file >= 0)
        defer { close(file) }
        var random = RandomBytes(state: UInt64(seed) &+ 1000)
        var damaged = 0
        for _ in 0..<1500 {
            var bytes = good
            // Headers are hit most: the rest is not read.
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let reach = Bool.random(using: &random) ? 64 : Bool.random(using: &random) ? 800 : bytes.count
                let place = Int.random(in: 4..<reach, using: &random)
                let kind = Int.random(in: 0..<3, using: &random)
                bytes[place] = kind == 0 ? 0xFF : kind == 1 ? 0 : UInt8.random(in: 0...255, using: &random)
            }
            if Int.random(in: 0..<5, using: &random) == 0 {
                bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
            }
            try #require(bytes.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) } == bytes.count)
            try #require(ftruncate(file, off_t(bytes.count)) == 0)
            do {
                let library = try ELFFile(file, byteCount: bytes.count)
                #expect(library.needed.count < 1000)
            } catch {
                damaged += 1
                #expect(!error.text.isEmpty && !error.remedy.isEmpty)
            }
        }
        #expect(damaged > 100)
    }
}
