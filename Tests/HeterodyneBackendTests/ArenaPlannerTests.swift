// Heterodyne: the arena never overlaps what is alive at the same time, and reuses what is dead.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import Testing

@Suite struct ArenaPlannerTests {
    private static func random(_ seed: Int) -> [ArenaPlanner.Block] {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        return (0..<60).map { _ in
            let first = next(40)
            return ArenaPlanner.Block(byteCount: next(5000), firstStep: first, lastStep: first + next(8))
        }
    }

    @Test(arguments: 1...40) func liveBlocksAreDisjoint(seed: Int) throws {
        let blocks = Self.random(seed)
        let plan = try ArenaPlanner().plan(blocks)
        for i in blocks.indices {
            #expect(plan.offsets[i] % 64 == 0)
            #expect(plan.offsets[i] + blocks[i].byteCount <= plan.byteCount)
            for j in 0..<i where blocks[i].firstStep <= blocks[j].lastStep && blocks[j].firstStep <= blocks[i].lastStep
            {
                let disjoint =
                    plan.offsets[i] + blocks[i].byteCount <= plan.offsets[j]
                    || plan.offsets[j] + blocks[j].byteCount <= plan.offsets[i]
                #expect(disjoint, "blocks \(i) and \(j)")
            }
        }
    }

    @Test func aChainNeedsTwoBlocks() throws {
        let chain = (0..<100).map { ArenaPlanner.Block(byteCount: 640, firstStep: $0, lastStep: $0 + 1) }
        #expect(try ArenaPlanner().plan(chain).byteCount == 1280)
    }

    @Test func sizesThatOverflowAreRefused() {
        let blocks = [ArenaPlanner.Block](repeating: .init(byteCount: .max / 2, firstStep: 0, lastStep: 0), count: 3)
        #expect(throws: BackendError.self) { try ArenaPlanner().plan(blocks) }
    }

    @Test func nothingNeedsNothing() throws { #expect(try ArenaPlanner().plan([]).byteCount == 0) }
}
