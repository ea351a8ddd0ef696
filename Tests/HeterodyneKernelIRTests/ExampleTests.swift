// Heterodyne: example kernels give the right results and are valid SPIR-V.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneKernelIR
import Testing

@Suite("Example kernels")
struct ExampleTests {
    let interpreter = KernelInterpreter(budget: 1 << 24)

    @Test("Vector addition stops at the bound")
    func vectorAdd() throws {
        let (a, b) = ((0..<13).map { Float($0) }, (0..<13).map { Float($0 * $0) + 0.5 })
        var buffers = [0: bytes(a), 1: bytes(b), 2: bytes([Float](repeating: -1, count: 13))]
        try interpreter.run(try Examples.vectorAdd(), groups: [2], buffers: &buffers, pushConstants: [12])
        let expected = zip(a, b).map { $0 + $1 }.prefix(12) + [-1]
        #expect(array(buffers[2], of: Float.self) == Array(expected))
    }

    @Test("Reductions", arguments: [false, true], [1, 4, 8, 32])
    func reduction(subgroups: Bool, subgroupSize: Int) throws {
        let values = (0..<70).map { Float($0 % 17) - 3 }
        var buffers = [0: bytes(values), 1: bytes([Float](repeating: 0, count: 3))]
        let interpreter = KernelInterpreter(subgroupSize: subgroupSize, budget: 1 << 24)
        let kernel = try Examples.reduction(subgroups: subgroups)
        try interpreter.run(kernel, groups: [3], buffers: &buffers, pushConstants: [70])
        let expected = [0..<32, 32..<64, 64..<70].map { values[$0].reduce(0, +) }
        #expect(array(buffers[1], of: Float.self) == expected)
    }

    @Test("Tiled matrix product")
    func matrixProduct() throws {
        let n = 8
        let a = (0..<n * n).map { Float($0 % 7) - 3 }
        let b = (0..<n * n).map { Float($0 % 5) - 1 }
        var buffers = [0: bytes(a), 1: bytes(b), 2: bytes([Float](repeating: 0, count: n * n))]
        try interpreter.run(
            try Examples.matrixProduct(), groups: [2, 2], buffers: &buffers, pushConstants: [UInt64(n)])
        var expected = [Float](repeating: 0, count: n * n)
        for i in 0..<n { for j in 0..<n { for l in 0..<n { expected[i * n + j] += a[i * n + l] * b[l * n + j] } } }
        #expect(array(buffers[2], of: Float.self) == expected)
    }

    @Test("Prefix sums")
    func prefixSum() throws {
        let values = (0..<32).map { Int32($0 * 7 % 11 - 5) }
        var buffers = [0: bytes(values)]
        try interpreter.run(try Examples.prefixSum(), groups: [2], buffers: &buffers)
        var expected: [Int32] = []
        for (index, value) in values.enumerated() {
            expected.append(index % 16 == 0 ? value : expected[index - 1] + value)
        }
        #expect(array(buffers[0], of: Int32.self) == expected)
    }

    @Test("Histogram, with the width of the workgroup chosen late", arguments: [8, 16] as [UInt64])
    func histogram(width: UInt64) throws {
        let values = (0..<50).map { UInt32($0 * $0) }
        var buffers = [0: bytes(values), 1: bytes([UInt32](repeating: 0, count: 8))]
        let groups = (50 + Int(width) - 1) / Int(width)
        try interpreter.run(
            try Examples.histogram(), groups: [groups], buffers: &buffers, pushConstants: [50],
            specializations: [3: width])
        var expected = [UInt32](repeating: 0, count: 8)
        for value in values { expected[Int(value & 7)] += 1 }
        #expect(array(buffers[1], of: UInt32.self) == expected)
    }

    @Test(
        "All are valid in every version and with both kinds of memory",
        .enabled(if: Validator.path != nil, Validator.reason),
        arguments: SPIRVOptions.Version.allCases, SPIRVOptions.Memory.allCases)
    func valid(version: SPIRVOptions.Version, memory: SPIRVOptions.Memory) throws {
        for kernel in try Examples.all() {
            try Validator.expectValid(kernel, SPIRVOptions(version: version, memory: memory, names: true))
        }
    }

    @Test("A race in workgroup memory is an error")
    func race() throws {
        let k = KernelBuilder("race", workgroup: [4])
        let shared = k.workgroupArray("shared", .u32, count: 4)
        let output = k.buffer("output", .u32, .write)
        let local = k.builtin(.localIndex)
        shared[local] = local
        output[local] = shared[(local + 1) & 3]
        let kernel = try k.finish()
        var buffers = [0: bytes([UInt32](repeating: 0, count: 4))]
        #expect(throws: KernelError.undefinedBehaviour("shared[1] is read and written without a barrier between")) {
            try interpreter.run(kernel, groups: [1], buffers: &buffers)
        }
    }

    @Test("An index out of range is an error, and endless loops end")
    func limits() throws {
        let k = KernelBuilder("outside", workgroup: [4])
        let output = k.buffer("output", .u32, .write)
        let i = k.globalID(.x)
        output[i] = i
        let outside = try k.finish()
        var buffers = [0: bytes([UInt32](repeating: 0, count: 3))]
        #expect(throws: KernelError.self) { try interpreter.run(outside, groups: [1], buffers: &buffers) }

        let endless = KernelBuilder("endless", workgroup: [1])
        endless.while(endless.constant(true)) {}
        let kernel = try endless.finish()
        #expect(throws: KernelError.self) {
            try KernelInterpreter(budget: 10000).run(kernel, groups: [1], buffers: &buffers)
        }
    }
}
