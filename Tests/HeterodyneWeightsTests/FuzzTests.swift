// Heterodyne: the readers on thousands of damaged files.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import Testing

@testable import HeterodyneWeights

/// Damages files, the same way on every machine.
private struct Mutator {
    var random: SplitMix64

    mutating func next() -> UInt64 { random.next() }

    mutating func below(_ bound: Int) -> Int { random.below(bound) }

    static let interesting: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF] + Array("{}[]\",:\\-+.eE019 ()'L<>|OV".utf8)

    /// One to four changes: bits, bytes, copies, cuts, repeats, numbers of 16 to 64 bits.
    mutating func damage(_ bytes: inout [UInt8]) {
        for _ in 0...below(4) {
            guard !bytes.isEmpty else { return }
            let position = below(bytes.count)
            switch below(9) {
            case 0: bytes[position] ^= 1 << UInt8(below(8))
            case 1: bytes[position] = UInt8(truncatingIfNeeded: next())
            case 2, 3: bytes[position] = Self.interesting[below(Self.interesting.count)]
            case 4: bytes.removeSubrange(position..<min(bytes.count, position + 1 + below(16)))
            case 5: bytes.insert(Self.interesting[below(Self.interesting.count)], at: position)
            case 6: bytes.removeSubrange(position...)
            case 7:
                let piece = Array(bytes[position..<min(bytes.count, position + 1 + below(32))])
                bytes.insert(contentsOf: piece, at: below(bytes.count))
            default:
                let width = [2, 4, 8][below(3)]
                let value = [UInt64.max, 1 << 63, 1 << 31, 0xFFFF, UInt64(bytes.count), next()][below(6)]
                for byte in 0..<width where position + byte < bytes.count {
                    bytes[position + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
                }
            }
        }
    }
}

@Suite struct FuzzTests {
    /// Reads everything that the bytes seem to hold, and touches every byte of it.
    private static func readAll(_ file: MappedFile, _ format: String) throws(WeightsError) -> Int {
        var sum = 0
        func touch(_ literal: Literal) {
            guard case .dense(let storage) = literal.contents else { return }
            for byte in storage.bytes { sum &+= Int(byte) }
        }
        switch format {
        case "safetensors":
            let source = try SafetensorsFile(file)
            for name in source.names where (try? source.tensorType(named: name)) != nil {
                touch(try source.tensor(named: name))
            }
        case "npy": touch(try NpyFile.read(file, rawType: .bfloat16))
        case "npz": for (_, tensor) in try NpzFile(file, maximumInflatedByteCount: 1 << 20).tensors() { touch(tensor) }
        default: sum = try SafetensorsIndex(file).fileOfName.count
        }
        return sum
    }

    @Test(arguments: [
        ("types.safetensors", "safetensors", 3000), ("complex.safetensors", "safetensors", 3000),
        ("float32.npy", "npy", 3000), ("fortran-big.npy", "npy", 3000), ("raw-bfloat16.npy", "npy", 1000),
        ("deflated.npz", "npz", 1500), ("stored.npz", "npz", 500),
        ("sharded/model.safetensors.index.json", "index", 3000),
    ])
    func damagedFilesNeverTrap(_ name: String, _ format: String, _ rounds: Int) throws {
        let original = try fixtureBytes(name)
        #expect(throws: Never.self) { try Self.readAll(MappedFile(copying: original, label: name), format) }
        var mutator = Mutator(random: SplitMix64(state: name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) }))
        var refused = 0
        let start = ContinuousClock.now
        for _ in 0..<rounds {
            var bytes = original
            mutator.damage(&bytes)
            // The only error that can come is a WeightsError: the signature says so. What is tested is that nothing traps.
            do throws(WeightsError) {
                _ = try Self.readAll(MappedFile(copying: bytes, label: name), format)
            } catch {
                refused += 1
                if error.message.isEmpty { Issue.record("an error without a message: \(error.kind)") }
            }
        }
        // Damage that hits only data is not found in formats without a checksum; most of it hits more.
        #expect(refused > rounds / 4)
        #expect(ContinuousClock.now - start < .seconds(120))
    }

    /// Every prefix of a good file is refused, and never read past its end.
    @Test(arguments: [("types.safetensors", "safetensors"), ("float32.npy", "npy"), ("deflated.npz", "npz")])
    func everyPrefixIsRefused(_ name: String, _ format: String) throws {
        let original = try fixtureBytes(name)
        for count in 0..<min(original.count, 2000) {
            let file = MappedFile(copying: original[..<count], label: name)
            if kind({ () throws(WeightsError) in _ = try Self.readAll(file, format) }) == nil {
                Issue.record("the first \(count) bytes are accepted")
            }
        }
    }
}
