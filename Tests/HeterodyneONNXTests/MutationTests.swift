// Heterodyne: the reader on thousands of damaged models, and on models that are made to take memory.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import HeterodyneONNX
import Testing

extension ONNXReaderTests {
    /// Damages files, the same way on every machine.
    struct Mutator {
        /// SplitMix64 (Steele, Lea and Flood, 2014).
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return mixed ^ mixed >> 31
        }

        mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

        /// The fields of the message in `range`, as ranges with the range of their contents, where it can be one.
        static func fields(_ bytes: [UInt8], _ range: Range<Int>) -> [(whole: Range<Int>, contents: Range<Int>?)] {
            var (result, position) = ([(whole: Range<Int>, contents: Range<Int>?)](), range.lowerBound)
            func varint() -> Int? {
                var (value, shift) = (0, 0)
                while position < range.upperBound, shift < 63 {
                    let byte = bytes[position]
                    position += 1
                    value |= Int(byte & 0x7F) << shift
                    if byte < 0x80 { return value }
                    shift += 7
                }
                return nil
            }
            while position < range.upperBound {
                let start = position
                guard let tag = varint() else { return [] }
                var contents: Range<Int>?
                switch tag & 7 {
                case 0: guard varint() != nil else { return [] }
                case 1: position += 8
                case 5: position += 4
                case 2:
                    guard let count = varint(), count <= range.upperBound - position else { return [] }
                    contents = position..<position + count
                    position += count
                default: return []
                }
                guard position <= range.upperBound else { return [] }
                result.append((start..<position, contents))
            }
            return result
        }

        /// Exchanges two fields of one message, at any depth, so that lengths around them stay right.
        mutating func swapFields(_ bytes: inout [UInt8]) {
            var range = 0..<bytes.count
            for _ in 0..<8 {
                let fields = Self.fields(bytes, range)
                guard fields.count > 1 else { return }
                if below(3) == 0 || fields.allSatisfy({ $0.contents == nil }) {
                    let first = below(fields.count - 1)
                    let second = first + 1 + below(fields.count - first - 1)
                    let (a, b) = (fields[first].whole, fields[second].whole)
                    let swapped = bytes[b] + bytes[a.upperBound..<b.lowerBound] + bytes[a]
                    bytes.replaceSubrange(a.lowerBound..<b.upperBound, with: swapped)
                    return
                }
                let inner = fields.compactMap(\.contents)
                range = inner[below(inner.count)]
            }
        }

        /// One to four changes: bits, bytes, fields, cuts, repeats, lengths.
        mutating func damage(_ bytes: inout [UInt8]) {
            for _ in 0...below(4) {
                guard !bytes.isEmpty else { return }
                let position = below(bytes.count)
                switch below(8) {
                case 0, 1: bytes[position] ^= 1 << UInt8(below(8))
                case 2: bytes[position] = [0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x12, 0x3A][below(8)]
                case 3: bytes.removeSubrange(position...)
                case 4: bytes.removeSubrange(position..<min(bytes.count, position + 1 + below(16)))
                case 5:
                    let piece = Array(bytes[position..<min(bytes.count, position + 1 + below(32))])
                    bytes.insert(contentsOf: piece, at: below(bytes.count))
                default: swapFields(&bytes)
                }
            }
        }
    }

    /// The most memory that the process has had since `resetPeak`, in bytes.
    static func peak() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.filter(\.isNumber))) * 1024
    }

    /// Lets the peak begin again at the memory in use and returns that.
    static func resetPeak() throws -> Int {
        try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
        return try peak()
    }

    @Suite struct MutationTests {
        @Test("2,000 damaged models end in an error or a model, fast and small")
        func mutations() throws {
            let originals = try modelFixtures.map { try contents(fixture($0)) }
            let folder = fixture("external")
            let before = try resetPeak()
            var (mutator, kinds, accepted) = (Mutator(state: 2024), [ONNXError.Kind: Int](), 0)
            var slowest = Duration.zero
            for index in 0..<2000 {
                var bytes = originals[index % originals.count]
                mutator.damage(&bytes)
                let start = ContinuousClock.now
                do throws(ONNXError) {
                    _ = touch(try ONNXModel.decode(bytes, folder: folder))
                    accepted += 1
                } catch {
                    kinds[error.kind, default: 0] += 1
                    #expect(error.description.utf8.count < 10_000)
                }
                slowest = max(slowest, .now - start)
            }
            #expect(slowest < .seconds(10))
            #expect(try peak() - before < 64 << 20)
            // The generator is no use if it damages nothing, or everything in one way.
            #expect(accepted > 50 && accepted < 1500, "\(accepted) of 2000 were read")
            #expect(kinds.count >= 8, "\(kinds)")
        }

        @Test(
            "Memory stays within four times the file and 64 MiB",
            arguments: [
                "nodes", "outputs", "attributes", "dimensions", "ints", "strings", "entries", "functions", "values",
            ])
        func bombs(kind: String) throws {
            // Repeated in place, so that building the file is cheap.
            func many(_ field: UInt64, _ count: Int, _ message: Message) -> [UInt8] {
                let one = Message().message(field, message).bytes
                return [UInt8](unsafeUninitializedCapacity: one.count * count) { buffer, initialized in
                    for index in 0..<count * one.count { buffer[index] = one[index % one.count] }
                    initialized = count * one.count
                }
            }
            let count = 2_000_000
            let node = Message.node("A", [], [])
            let short = Message().text(4, "A")
            let graph: Message
            switch kind {
            case "nodes": graph = Message(bytes: many(1, count, short))
            case "outputs": graph = Message().message(1, Message(bytes: node.bytes + many(2, count, Message())))
            case "attributes": graph = Message().message(1, Message(bytes: node.bytes + many(5, count, Message())))
            case "dimensions":
                let shape = Message(bytes: many(1, count, Message()))
                let type = Message().message(1, Message().int(1, 1).message(2, shape))
                graph = Message().message(11, Message.value("x").message(2, type))
            case "ints":
                let attribute = Message().text(1, "a").int(20, 7).raw(8, [UInt8](repeating: 1, count: 8 * count))
                graph = Message().message(1, node.message(5, attribute))
            case "strings":
                let attribute = Message(bytes: Message().text(1, "a").int(20, 8).bytes + many(9, count, Message()))
                graph = Message().message(1, node.message(5, attribute))
            case "entries": graph = Message(bytes: many(16, count, Message()))
            case "functions": graph = Message()
            default: graph = Message(bytes: many(13, count, Message()))
            }
            var bytes = Message.model(graph).bytes
            if kind == "functions" { bytes += many(25, count, Message().text(1, "f")) }
            let before = try resetPeak()
            expectError(.limitExceeded, ["memory"]) { () throws(ONNXError) in _ = try ONNXModel.decode(bytes) }
            #expect(try peak() - before < 4 * bytes.count + 64 << 20)
        }

        @Test("A model that is mostly weights takes little more than its file")
        func weights() throws {
            let count = 4 << 20
            let tensor = Message().int(1, Int64(count)).int(2, 7).text(8, "w").raw(
                7, [UInt8](repeating: 1, count: count))
            let bytes = Message.model(Message().message(5, tensor)).bytes
            let before = try resetPeak()
            let model = try ONNXModel.decode(bytes)
            #expect(try peak() - before < 2 * bytes.count)
            #expect(model.graph.initializers.first?.elementCount == count)
        }

        private func resetPeak() throws -> Int { try ONNXReaderTests.resetPeak() }
        private func peak() throws -> Int { try ONNXReaderTests.peak() }
    }
}
