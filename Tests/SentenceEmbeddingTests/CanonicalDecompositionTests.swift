// Heterodyne: the linear decomposition gives what Foundation's gives, in a time that texts of any length allow.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import SentenceEmbeddingModel

@Suite("canonical decomposition")
struct CanonicalDecompositionTests {
    private func expectFoundations(_ scalars: [Unicode.Scalar]) {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        let expected = Array(String(text).decomposedStringWithCanonicalMapping.unicodeScalars)
        let found = CanonicalDecomposition.of(scalars)
        #expect(found == expected, "\(scalars.map { String($0.value, radix: 16) })")
    }

    @Test("marks are brought into canonical order")
    func order() {
        expectFoundations([])
        expectFoundations(["a", "\u{301}", "\u{316}", "b", "\u{345}", "\u{301}", "\u{327}"])
        expectFoundations(["\u{301}", "\u{316}", "\u{E9}", "\u{316}", "\u{1EAD}", "\u{31B}"])
        expectFoundations(["\u{AC01}", "\u{F900}", "\u{212B}", "\u{1D15E}", "\u{316}", "\u{2F81A}"])
    }

    @Test("random texts full of marks decompose as Foundation decomposes them", arguments: 0..<4)
    func random(seed: UInt64) {
        // A linear congruential generator (Knuth, MMIX), so that a failure can be repeated.
        var state = seed
        func next(below limit: UInt32) -> UInt32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt32(truncatingIfNeeded: state >> 33) % limit
        }
        let ranges: [ClosedRange<UInt32>] = [
            0x20...0x17F, 0x300...0x36F, 0x300...0x36F, 0x370...0x5FF, 0x600...0x6FF, 0x900...0xDFF, 0x1E00...0x1FFF,
            0x20D0...0x2200, 0x3040...0x30FF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0x1D150...0x1D1FF,
        ]
        for _ in 0..<300 {
            let scalars = (0..<Int(next(below: 24))).compactMap { _ in
                let range = ranges[Int(next(below: UInt32(ranges.count)))]
                return Unicode.Scalar(range.lowerBound + next(below: UInt32(range.count)))
            }
            expectFoundations(scalars)
        }
    }

    @Test("long texts take linear time", .timeLimit(.minutes(1)))
    func longTexts() {
        let accents = Array(String(repeating: "x\u{E9}", count: 100_000).unicodeScalars)
        #expect(CanonicalDecomposition.of(accents).count == 300_000)
        let marks = Array(String(repeating: "\u{301}\u{316}", count: 50_000).unicodeScalars)
        let ordered = CanonicalDecomposition.of(["a"] + marks)
        #expect(ordered.count == 100_001)
        #expect(ordered[1..<50_001].allSatisfy { $0 == "\u{316}" })
    }
}
