// Heterodyne: checksums for files that are kept between runs.
// SPDX-License-Identifier: Apache-2.0

/// FNV-1a in 64 bits (http://www.isthe.com/chongo/tech/comp/fnv), over words for speed and over what is left in bytes.
/// It finds corruption, not malice.
enum Checksum {
    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        let prime: UInt64 = 0x100_0000_01b3
        let words = bytes.count / 8
        for index in 0..<words {
            sum = (sum ^ UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))) &* prime
            // Carries the high bits down, which multiplication alone never does.
            sum ^= sum >> 32
        }
        for byte in bytes[(words * 8)...] { sum = (sum ^ UInt64(byte)) &* prime }
        return sum
    }

    static func of(_ text: String) -> UInt64 { Array(text.utf8).withUnsafeBytes { of($0) } }
}
