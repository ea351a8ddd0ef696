// Heterodyne: random bits in the interpreter against the definition and published numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneOps
import Testing

@testable import HeterodyneVulkan

@Suite("Random kernels")
struct ThreefryKernelTests {
    @Test(arguments: LaunchPlace.all, [[7], [3, 50], [1], []])
    func bits(_ place: LaunchPlace, _ shape: [Int]) throws {
        let key = Literal([0x1234_5678, 0x9abc_def0] as [UInt32])
        let composite = ThreefryBits(shape: Shape(shape))
        let expected = try definition([key]) { builder, terms in [try builder.add(composite, terms)] }[0]
        #expect(ThreefryPlan.takes(composite, [key.type], place.target))
        var runner = LaunchRunner(place)
        let words = try runner.place(key, padding: 3)
        let result = runner.block(shape, .uint32)
        try runner.run(ThreefryPlan.launchBits(key: words, result, place.target))
        #expect(runner.bits(result) == expected)
    }

    /// Known answers of Random123's kat_vectors for threefry2x32 with 20 rounds.
    @Test(arguments: LaunchPlace.all)
    func knownAnswers(_ place: LaunchPlace) throws {
        let vectors: [(key: [UInt32], counter: [UInt32], words: [UInt64])] = [
            ([0, 0], [0, 0], [0x6b20_0159, 0x99ba_4efe]),
            ([.max, .max], [.max, .max], [0x1cb9_96fc, 0xbb00_2be7]),
            ([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3], [0xc492_3a9c, 0x483d_f7a0]),
        ]
        for vector in vectors {
            var runner = LaunchRunner(place)
            let key = try runner.place(Literal(vector.key))
            let high = try runner.place(Literal([vector.counter[0]]))
            let low = try runner.place(Literal([vector.counter[1]]), padding: 1)
            let result = runner.block([2, 1], .uint32)
            try runner.run(ThreefryPlan.launchCipher(key: key, high, low, result, place.target))
            #expect(runner.bits(result) == vector.words)
        }
    }

    @Test("Beyond 2^32 elements the high word counts")
    func wide() throws {
        let key = StridedView(dense: 0, extents: [2], type: .uint32)
        let result = StridedView(dense: 1, extents: [3, 1 << 32] as [Int], type: .uint32)
        let launch = try ThreefryPlan.launchBits(key: key, result, .gpu)
        #expect(launch.recipe as? ThreefryBitsKernel == ThreefryBitsKernel(isWide: true))
        #expect(launch.constants[0] == .u64(3 << 32))
        _ = try launch.recipe.build(for: .gpu).spirv(KernelTarget.gpu.spirv)
        #expect(!ThreefryPlan.takes(ThreefryBits(shape: Shape([3, 1 << 32])), [TensorType(.uint32, [2])], .least))
    }
}
