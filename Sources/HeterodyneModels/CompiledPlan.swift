// Heterodyne: an import plan with the programs of its steps.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneONNX
public import HeterodyneRuntime

/// An import plan with the programs of its steps.
public struct CompiledPlan: Sendable {
    /// The plan.
    public let plan: ImportPlan
    /// For every step its program; nil for steps that are done on the host.
    public let programs: [Program?]

    /// The program of a model that is one graph, whatever its inputs hold; nil for others.
    public var onlyProgram: Program? { programs.count == 1 && plan.results != nil ? programs[0] : nil }
}

/// What a plan depends on.
struct PlanKey: Hashable, Sendable {
    let signatures: [ONNXSignature?]
    let answers: [Literal]
}

/// Plans by what they depend on, a bounded number of them: the one that was used longest ago goes first.
struct PlanCache {
    private struct Entry {
        let plan: CompiledPlan
        var lastUse: Int
    }

    private var entries: [PlanKey: Entry] = [:]
    private var clock = 0
    let capacity: Int

    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { entries.count }

    mutating func find(_ key: PlanKey) -> CompiledPlan? {
        guard let index = entries.index(forKey: key) else { return nil }
        clock += 1
        entries.values[index].lastUse = clock
        return entries.values[index].plan
    }

    mutating func insert(_ plan: CompiledPlan, for key: PlanKey) {
        clock += 1
        if entries.count >= capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            entries[oldest.key] = nil
        }
        entries[key] = Entry(plan: plan, lastUse: clock)
    }
}
