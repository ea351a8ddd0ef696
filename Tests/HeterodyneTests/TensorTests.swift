// Heterodyne: tensors as users write them, on every device.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

@Suite struct TensorTests {
    @Test(arguments: Device.all) func arithmeticBroadcasts(device: Device) throws {
        let x = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        let y = (x * 2 + Tensor([10, 20, 30] as [Float])) / 2
        #expect(y.shape == [2, 3])
        #expect(try y.scalars(as: Float.self, on: device) == [6, 12, 18, 9, 15, 21])
    }

    @Test(arguments: Device.all) func matrixProductAgreesWithHandComputation(device: Device) throws {
        let a = Tensor([[1, 2], [3, 4]] as [[Double]])
        let b = Tensor([[5, 6], [7, 8]] as [[Double]])
        #expect(try a.matmul(b).scalars(as: Double.self, on: device) == [19, 22, 43, 50])
        #expect(try a.linear(b).scalars(as: Double.self, on: device) == [17, 23, 39, 53])
    }

    @Test(arguments: Device.all) func subscriptsTakeElementsAndRanges(device: Device) throws {
        let x = Tensor.arange(24, .int32).reshape([2, 3, 4])
        #expect(try x[1].sum().item(as: Int32.self, on: device) == (12..<24).reduce(0, +))
        #expect(try x[.all, -1, 1..<3].scalars(as: Int32.self, on: device) == [9, 10, 21, 22])
        #expect(try x[0, 0, .range(nil, nil, by: 2)].scalars(as: Int32.self, on: device) == [0, 2])
    }

    @Test func mistakesCarryTheSourceLocationOfTheCall() throws {
        let x = Tensor.zeros([2, 3])
        let line = #line + 1
        let bad = x.reshape([7])
        #expect(bad.error?.location?.line == line)
        #expect(bad.error?.location?.file.hasSuffix("TensorTests.swift") == true)
        #expect((bad + 1).exp().error == bad.error)
        #expect(throws: HeterodyneError.self) { try bad.scalars(as: Float.self) }
    }

    @Test func operatorMistakesCarryTheSourceLocationToo() throws {
        let line = #line + 1
        let bad = Tensor.zeros([2, 3]) + Tensor.zeros([4])
        let location = try #require(bad.error?.location)
        #expect(location.file.hasSuffix("TensorTests.swift"))
        #expect(location.line == line)
    }

    @Test func readingAsAnotherTypeIsAnError() {
        #expect(throws: HeterodyneError.self) { try Tensor.zeros([2]).scalars(as: Double.self) }
        #expect(throws: HeterodyneError.self) { try Tensor.zeros([2]).item(as: Float.self) }
    }

    @Test(arguments: Device.all) func compiledFunctionsReplay(device: Device) throws {
        let weight = Tensor.randomNormal([4, 3], seed: 1)
        let f = compile(device: device) { (x: Tensor) in x.linear(weight).gelu().softmax() }
        for seed in 0..<3 as Range<UInt64> {
            let x = Tensor.randomNormal([5, 3], seed: seed)
            let direct = try x.linear(weight).gelu().softmax().scalars(as: Float.self, on: device)
            let replayed = try f(x).scalars(as: Float.self)
            #expect(zip(direct, replayed).allSatisfy { abs($0 - $1) <= 1e-6 })
        }
    }

    @Test func readingAnArgumentWhileTracingIsAnError() {
        let f = compile { (x: Tensor) in
            _ = try x.scalars(as: Float.self)
            return x
        }
        #expect(throws: HeterodyneError.self) { try f(Tensor.zeros([2])) }
    }

    @Test(arguments: Device.all) func aCompiledFunctionRunsFromManyThreads(device: Device) async throws {
        let f = compile(device: device) { (x: Tensor) in (x * x).sum() }
        try await withThrowingTaskGroup(of: (Int, Float).self) { group in
            for i in 0..<32 {
                group.addTask { (i, try f(Tensor.full([100], Float(i))).item(as: Float.self)) }
            }
            for try await (i, sum) in group { #expect(sum == Float(100 * i * i)) }
        }
    }

    @Test func longChainsNeitherRecurseNorLeak() throws {
        var x = Tensor([1, 2, 3] as [Float])
        for _ in 0..<5_000 { x = x + 1 }
        #expect(try x.scalars(as: Float.self) == [5_001, 5_002, 5_003])
        var dropped = Tensor([1] as [Float])
        for _ in 0..<100_000 { dropped = -dropped }
        _ = dropped.shape
    }

    @Test func randomBitsAreTheSameOnEveryDevice() throws {
        let all = try Device.all.map { try Tensor.randomUniform([100], seed: 7).scalars(as: Float.self, on: $0) }
        for one in all { #expect(one == all[0]) }
        #expect(all[0].allSatisfy { $0 >= 0 && $0 < 1 })
    }

    @Test func numbersAdaptToTheOtherSidesType() throws {
        let x = Tensor([1, 2] as [Double])
        #expect((x * 0.5).scalarType == .float64)
        #expect((Tensor([1] as [Int32]) + 1).scalarType == .int32)
        #expect((Tensor([1] as [Int32]) * 0.5).error != nil)
    }

    @Test func operatorsOfTensorsDoNotCaptureIntegers() {
        let range = 0..<3
        let shifted = 1 << 40
        let mixed = [0, 1 << 4, Int.max]
        #expect(type(of: range) == Range<Int>.self)
        #expect(type(of: shifted) == Int.self && shifted == 1_099_511_627_776)
        #expect(mixed[1] == 16)
    }

    @Test func integersPrintWithoutLoss() throws {
        let big = try Tensor([Int64.max, Int64.min, -1], shape: [1, 3]).evaluated()
        #expect(big.description == "Tensor(int64[1, 3], [[9223372036854775807, -9223372036854775808, -1]])")
        #expect(Tensor([UInt64.max]).description == "Tensor(uint64[1], [18446744073709551615])")
        #expect(Tensor([Float(0.1), -.infinity, .nan]).description == "Tensor(float32[3], [0.1, -inf, nan])")
        #expect(Tensor([[true], [false]]).description == "Tensor(bool[2, 1], [[true], [false]])")
        #expect(Tensor([[Float]]()).description == "Tensor(float32[0, 0], [])")
        #expect((Tensor.zeros([2]) + 1).description == "Tensor(float32[2], not computed yet)")
    }
}
