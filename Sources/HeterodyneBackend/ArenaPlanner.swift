// Heterodyne: places intermediate results in one arena, reusing memory whose content is dead.
// SPDX-License-Identifier: Apache-2.0

/// Places intermediate results in one arena so that blocks whose lifetimes overlap do not overlap in memory.
///
/// The backend decides what is materialised at all (views and in-place results need no block); this decides where.
/// Greedy by size: the largest block first, each at the lowest offset that is free during its life
/// (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
public struct ArenaPlanner: Sendable {
    /// One result to place.
    public struct Block: Sendable, Hashable {
        /// Size in bytes.
        public var byteCount: Int
        /// First step that writes it.
        public var firstStep: Int
        /// Last step that reads it, at least `firstStep`.
        public var lastStep: Int

        /// A block alive from `firstStep` to `lastStep`, both included.
        public init(byteCount: Int, firstStep: Int, lastStep: Int) {
            self.byteCount = byteCount
            self.firstStep = firstStep
            self.lastStep = lastStep
        }
    }

    /// Where the blocks lie.
    public struct Plan: Sendable, Hashable {
        /// The offset of each block, in the order given.
        public var offsets: [Int]
        /// The size of the arena in bytes.
        public var byteCount: Int
    }

    /// Offsets are multiples of this, a power of two.
    public var alignment: Int

    /// A planner with the given alignment.
    public init(alignment: Int = 64) { self.alignment = max(1, alignment) }

    /// Places the blocks. Throws `outOfMemory` where the sum of sizes does not fit in 64 bits.
    public func plan(_ blocks: [Block]) throws(BackendError) -> Plan {
        var sizes: [Int] = []
        sizes.reserveCapacity(blocks.count)
        var total = 0
        for block in blocks {
            let (padded, overflow) = max(block.byteCount, 1).addingReportingOverflow(alignment - 1)
            let size = padded / alignment * alignment
            let (sum, sumOverflow) = total.addingReportingOverflow(size)
            guard !overflow, !sumOverflow else {
                throw BackendError(.outOfMemory, "intermediate results do not fit in 64 bits")
            }
            total = sum
            sizes.append(size)
        }
        let order = blocks.indices.sorted { (sizes[$0], $1) > (sizes[$1], $0) }
        var offsets = [Int](repeating: 0, count: blocks.count)
        var placed: [Int] = []  // by offset
        var byteCount = 0
        for index in order {
            let block = blocks[index]
            var offset = 0
            for other in placed {
                let life = blocks[other]
                guard life.firstStep <= block.lastStep, block.firstStep <= life.lastStep else { continue }
                if offsets[other] >= offset + sizes[index] { break }
                offset = max(offset, offsets[other] + sizes[other])
            }
            offsets[index] = offset
            byteCount = max(byteCount, offset + sizes[index])
            let position = placed.partitioningIndex { offsets[$0] > offset }
            placed.insert(index, at: position)
        }
        return Plan(offsets: offsets, byteCount: byteCount)
    }
}

extension Array {
    /// The first position whose element satisfies a predicate that is false for a prefix and true from there on.
    fileprivate func partitioningIndex(_ belongsToSecondPart: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = low + (high - low) / 2
            if belongsToSecondPart(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
