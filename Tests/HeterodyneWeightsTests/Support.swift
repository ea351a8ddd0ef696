// Heterodyne: what the tests of weight files share.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import Testing

@testable import HeterodyneWeights

/// The path of a fixture that `scripts/fixtures/weights.py` made.
func fixture(_ name: String) -> String {
    Bundle.module.bundleURL.appendingPathComponent("Fixtures/\(name)").path
}

func fixtureBytes(_ name: String) throws -> [UInt8] { try contents(fixture(name)) }

/// The bytes of a file, read without the module under test.
func contents(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

/// The bytes of an open file.
func elements(_ file: MappedFile) -> [UInt8] { withExtendedLifetime(file) { Array(file.bytes) } }

/// Element `index` of every fixture array of a type, as the script computes it.
func expectedNumber(_ type: ScalarType, _ index: Int) -> Double {
    let number = index * 7 % 23
    switch type {
    case .bool: return index * 7 % 3 == 0 ? 1 : 0
    case .uint4, .uint8, .uint16, .uint32, .uint64: return Double(number)
    case .int4, .int8, .int16, .int32, .int64: return Double(number - 5)
    case .float8e4m3fn: return Double(Float8E4M3FN(Float(number - 5) / 4).float)
    case .float8e5m2: return Double(Float8E5M2(Float(number - 5) / 4).float)
    case .float16, .bfloat16, .float32, .float64: return Double(number - 5) / 4
    }
}

/// All elements as numbers.
func numbers(_ literal: Literal) throws -> [Double] {
    try (0..<literal.type.elementCount()).map { literal.type.scalarType.number(fromBits: literal.bits(at: $0)) }
}

/// Checks type and elements of a fixture array.
func expectFixture(
    _ literal: Literal, _ type: ScalarType, _ extents: [Int], sourceLocation: Testing.SourceLocation = #_sourceLocation
) throws {
    #expect(literal.type == TensorType(type, extents), sourceLocation: sourceLocation)
    let expected = (0..<extents.reduce(1, *)).map { expectedNumber(type, $0) }
    #expect(try numbers(literal) == expected, sourceLocation: sourceLocation)
}

/// A literal with the fixture's elements.
func fixtureLiteral(_ type: ScalarType, _ extents: [Int]) throws -> Literal {
    let count = extents.reduce(1, *)
    let tensorType = TensorType(type, extents)
    let bits = (0..<count).map { Literal(number: expectedNumber(type, $0), type: .scalar(type)).splatBits ?? 0 }
    let storage = LiteralStorage(count: try tensorType.byteCount()) { destination in
        destination.initializeMemory(as: UInt8.self, repeating: 0)
        for (index, value) in bits.enumerated() {
            if type.bitWidth == 4 {
                destination[index / 2] |= UInt8(value & 15) << (index % 2 == 0 ? 0 : 4)
            } else {
                for byte in 0..<type.bitWidth / 8 {
                    destination[index * type.bitWidth / 8 + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
                }
            }
        }
    }
    return try Literal(type: tensorType, storage: storage)
}

/// The first byte of a literal in memory; the storage outlives the literal's use in the test.
func address(_ literal: Literal) throws -> UInt {
    UInt(bitPattern: try literal.denseStorage().bytes.baseAddress)
}

func range(of file: MappedFile) -> Range<UInt> {
    let start = UInt(bitPattern: file.bytes.baseAddress)
    return start..<start + UInt(file.bytes.count)
}

/// A directory that is removed when the test is over.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "heterodyne-weights-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A path in the directory; with `bytes`, of a file that holds them.
    func file(_ name: String, _ bytes: [UInt8]? = nil) throws -> String {
        let file = path + "/" + name
        if let bytes { try Data(bytes).write(to: URL(fileURLWithPath: file)) }
        return file
    }

    var entries: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
}

/// Runs `body` and gives the kind of the error that it throws, nil where it throws none.
func kind(_ body: () throws(WeightsError) -> Void) -> WeightsError.Kind? {
    do throws(WeightsError) { try body() } catch {
        #expect(!error.message.isEmpty && !error.path.isEmpty)
        return error.kind
    }
    return nil
}

/// A safetensors file made by hand.
func safetensors(_ header: String, data: Int = 0) -> [UInt8] {
    safetensors(Array(header.utf8), data: data)
}

func safetensors(_ header: [UInt8], data: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt64(header.count))
    return bytes + header + [UInt8](repeating: 0, count: data)
}

/// SplitMix64: the same numbers on every machine.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }
}
