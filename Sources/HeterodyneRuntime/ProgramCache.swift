// Heterodyne: remembers the programs used last.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneCompiler
import HeterodyneGraph

/// Remembers the programs used last, by graph, devices and options.
struct ProgramCache {
    struct Key: Hashable {
        let graph: Graph
        /// In order: the first one holds inputs and outputs.
        let devices: [String]
        let fingerprints: [String]
        /// What is known of the devices' speeds, on which placement rests.
        let profiles: [DeviceProfile]
        /// The set that was asked for; nil for one device and those that stand in for it.
        let set: DeviceSet?
        let options: ProgramOptions
    }

    private struct Entry {
        let program: Program
        var lastUse: UInt64
    }

    let capacity: Int
    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0
    private(set) var hits = 0
    private(set) var misses = 0

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { entries.count }

    mutating func find(_ key: Key) -> Program? {
        clock += 1
        guard var entry = entries[key] else {
            misses += 1
            return nil
        }
        hits += 1
        entry.lastUse = clock
        entries[key] = entry
        return entry.program
    }

    /// Keeps the program that came first where two threads compiled the same graph.
    mutating func insert(_ program: Program, for key: Key) -> Program {
        clock += 1
        if let existing = entries[key] { return existing.program }
        entries[key] = Entry(program: program, lastUse: clock)
        if entries.count > capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            entries[oldest.key] = nil
        }
        return program
    }

    mutating func removeAll() { entries = [:] }
}
