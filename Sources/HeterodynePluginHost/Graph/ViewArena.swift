// Heterodyne: memory that C structs of a graph lie in, given back all at once.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin

/// Memory for plain values, taken in few large blocks and given back all at once. What was handed out never moves.
final class ViewArena {
    private var blocks: [UnsafeMutableRawPointer] = []
    private var next: UnsafeMutableRawPointer
    private var left: Int
    private var blockSize: Int
    private var texts: [String: heterodyne_string] = [:]

    /// An arena whose first block has room for `byteCount` bytes.
    init(byteCount: Int) {
        blockSize = max(byteCount, 1024)
        next = UnsafeMutableRawPointer.allocate(byteCount: blockSize, alignment: 16)
        left = blockSize
        blocks.append(next)
    }

    deinit { for block in blocks { block.deallocate() } }

    /// Room for `count` values; never NULL, also where there are none.
    func room<Value: BitwiseCopyable>(_ count: Int, of type: Value.Type = Value.self) -> UnsafeMutablePointer<Value> {
        let size = (count * MemoryLayout<Value>.stride + 15) & ~15
        if size > left {
            blockSize = max(blockSize * 2, size)
            next = UnsafeMutableRawPointer.allocate(byteCount: blockSize, alignment: 16)
            left = blockSize
            blocks.append(next)
        }
        let place = next.bindMemory(to: Value.self, capacity: count)
        next += size
        left -= size
        return place
    }

    /// A copy of one value.
    func place<Value: BitwiseCopyable>(_ value: Value) -> UnsafePointer<Value> {
        let place = room(1, of: Value.self)
        place.initialize(to: value)
        return UnsafePointer(place)
    }

    /// A copy of several values.
    func place<Value: BitwiseCopyable>(_ values: some Collection<Value>) -> UnsafePointer<Value> {
        let place = room(values.count, of: Value.self)
        for (index, value) in values.enumerated() { (place + index).initialize(to: value) }
        return UnsafePointer(place)
    }

    /// A copy of a text; equal texts share one.
    func text(_ text: String) -> heterodyne_string {
        if text.isEmpty { return heterodyne_string() }
        if let known = texts[text] { return known }
        let bytes = place(text.utf8.lazy.map { CChar(bitPattern: $0) })
        let string = heterodyne_string(data: bytes, size: UInt64(text.utf8.count))
        texts[text] = string
        return string
    }
}
