// Heterodyne: which buffers share memory.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// A buffer's memory as a range of numbers that no other memory has.
private struct MemoryRange {
    let start: UInt
    let end: UInt
    let index: Int
    var isWritten = false

    /// Nil for buffers of no bytes, which share with none.
    init?(_ buffer: any Buffer, _ index: Int) {
        guard buffer.byteCount > 0 else { return nil }
        self.index = index
        if let address = buffer.hostAddress {
            start = UInt(bitPattern: address)
            end = start &+ UInt(buffer.byteCount)
        } else {
            // Memory that the host cannot reach is known by its object, whose address is nobody else's memory.
            start = UInt(bitPattern: ObjectIdentifier(buffer))
            end = start &+ 1
        }
    }
}

/// Which of some buffers share memory with another of them. Takes `n log n` time.
struct BufferOverlaps {
    private var shared: [Bool]

    /// The overlaps among `buffers`.
    init(_ buffers: [any Buffer]) {
        shared = [Bool](repeating: false, count: buffers.count)
        let ranges = buffers.indices.compactMap { MemoryRange(buffers[$0], $0) }.sorted { $0.start < $1.start }
        // The range seen so far that reaches furthest is the one to overlap.
        guard var furthest = ranges.first else { return }
        for range in ranges.dropFirst() {
            if range.start < furthest.end {
                shared[furthest.index] = true
                shared[range.index] = true
            }
            if range.end > furthest.end { furthest = range }
        }
    }

    /// Whether the buffer at `index` shares memory with another.
    func isShared(_ index: Int) -> Bool { shared[index] }

    /// Two buffers that share memory of which one or both are written.
    enum Conflict: Equatable {
        case outputs(Int, Int)
        case outputAndInput(Int, Int)
    }

    /// A conflict between buffers that are written and buffers that are written or read; nil entries do not count.
    static func conflict(outputs: [(any Buffer)?], inputs: [(any Buffer)?]) -> Conflict? {
        var ranges: [MemoryRange] = []
        ranges.reserveCapacity(outputs.count + inputs.count)
        for (index, buffer) in inputs.enumerated() {
            if let range = buffer.flatMap({ MemoryRange($0, index) }) { ranges.append(range) }
        }
        for (index, buffer) in outputs.enumerated() {
            guard var range = buffer.flatMap({ MemoryRange($0, index) }) else { continue }
            range.isWritten = true
            ranges.append(range)
        }
        ranges.sort { $0.start < $1.start }
        var output: MemoryRange?
        var input: MemoryRange?
        for range in ranges {
            if let output, range.start < output.end {
                return range.isWritten
                    ? .outputs(min(output.index, range.index), max(output.index, range.index))
                    : .outputAndInput(output.index, range.index)
            }
            if range.isWritten {
                if let input, range.start < input.end { return .outputAndInput(range.index, input.index) }
                if range.end > output?.end ?? 0 { output = range }
            } else if range.end > input?.end ?? 0 {
                input = range
            }
        }
        return nil
    }
}
