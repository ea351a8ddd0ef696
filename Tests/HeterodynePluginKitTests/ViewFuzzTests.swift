// Heterodyne: random damage to what a host passes.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOpenBLAS
import HeterodynePluginKit
import HeterodyneReference
import Testing

@Suite("Random faults of hosts")
struct ViewFuzzTests {
    private struct Damage {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }

        mutating func pick<T>(_ items: [T]) -> T { items[Int(next() % UInt64(items.count))] }

        mutating func number() -> Int64 { pick([-1, 0, 0, 1, 1, 2, 3, 17, 1 << 40, .min, .max]) }

        static let names: [StaticString] = [
            "permutation", "dimensions", "dimension", "to", "shape", "value", "type", "sizes", "kind", "then", "body",
            "condition", "low", "starts", "direction", "indexType", "accumulation", "",
        ]

        /// Changes one field. Counts only shrink, since what lies behind an array cannot be told from it.
        mutating func spoil(_ sample: ViewSample) {
            switch next() % 16 {
            case 0, 1, 2: sample.transpose.pointee.operation = pick(Array(0..<46) + [0x10000, 0x10001, .max])
            case 3, 4: sample.attribute.pointee.kind = UInt32(next() % 13)
            case 5: sample.attribute.pointee.name = ViewSample.text(pick(Self.names))
            case 6: sample.attribute.pointee.integer = number()
            case 7: sample.attribute.pointee.count = next() % 3
            case 8: sample.permutation[Int(next() % 2)] = number()
            case 9: sample.extents[Int(next() % 2)] = number()
            case 10:
                let type = pick([sample.type, sample.result])
                type.pointee.scalar_type = UInt32(next() % 18)
            case 11:
                let type = pick([sample.type, sample.result])
                type.pointee.rank = UInt32(next() % 3)
            case 12:
                let type = pick([sample.type, sample.result])
                type.pointee.byte_count = pick([0, 1, 2, 3, 4, 8, 12, 16, 24, 48, .max])
            case 13: sample.transpose.pointee.operand_count = next() % 2
            case 14: sample.transpose.pointee.result_count = next() % 2
            default:
                sample.attribute.pointee.graph = pick([nil, UnsafePointer(sample.graph)])
                sample.attribute.pointee.type = pick([nil, UnsafePointer(sample.type)])
                sample.transpose.pointee.decomposition = pick([nil, nil, UnsafePointer(sample.graph)])
                sample.operand.pointee = heterodyne_value(node: pick([0, 1, .max]), result: pick([0, 1, .max]))
            }
        }
    }

    @Test("Damaged programs and questions are refused or understood, and nothing worse", arguments: 0..<8)
    func damage(seed: UInt64) {
        let backend: any Backend = seed % 2 == 0 ? ReferenceBackend() : OpenBLASBackend()
        let plugin = PluginKit.table(for: backend, name: "damaged", version: "1").pointee
        let place = ErrorPlace()
        var damage = Damage(state: seed)
        var counts: [Int32: Int] = [:]
        for _ in 0..<1500 {
            let sample = ViewSample()
            for _ in 0...damage.next() % 4 { damage.spoil(sample) }
            var (program, answer) = (OpaquePointer?.none, UInt32(99))
            let status = plugin.compile(plugin.context, 0, sample.unit, &program, place.error)
            counts[status, default: 0] += 1
            #expect((status == 0) == (program != nil))
            #expect(status == 0 || !place.message.isEmpty)
            if let program { plugin.program_free(plugin.context, program) }
            _ = plugin.support(plugin.context, 0, sample.graph, 1, &answer, place.error)
        }
        let known = [HETERODYNE_OK, HETERODYNE_INVALID_ARGUMENT, HETERODYNE_COMPILATION_FAILED, HETERODYNE_UNSUPPORTED]
        #expect(counts.keys.allSatisfy { status in known.contains { Int32($0.rawValue) == status } }, "\(counts)")
        #expect(counts[Int32(HETERODYNE_INVALID_ARGUMENT.rawValue)] ?? 0 > 500)
        #expect(counts[0] ?? 0 > 0)
    }
}
