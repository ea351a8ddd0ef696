// Heterodyne: whatever is asked of a tensor, the answer is a value or a typed error, never a trap.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

/// The arguments of one call.
struct Arguments {
    var x, y, z: Tensor
    var n, m: Int
    var list, other: [Int]
    var d: Double
}

/// A function called with arguments that need not make sense.
struct HostileCall: Sendable, CustomTestStringConvertible {
    let name: String
    let call: @Sendable (Arguments) -> [Tensor]

    init(_ name: String, _ call: @escaping @Sendable (Arguments) -> [Tensor]) {
        self.name = name
        self.call = call
    }

    var testDescription: String { name }
}

/// SplitMix64: the same hostile arguments at every run.
struct Choices {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func pick<T>(_ all: [T]) -> T { all[Int(next() % UInt64(all.count))] }
}

@Suite("Mistakes")
struct MistakeTests {
    static let numbers = [0, 1, 2, 3, -1, -2, 7, 40, 1 << 40, Int.max, Int.min, Int.max / 2]
    static let small = [0, 1, 2, 3, -1, -2]
    static let lists: [[Int]] = [
        [], [0], [1], [-1], [2], [0, 1], [1, 0], [0, 0], [-1, -1], [1, 1], [2, 2], [2, 3], [1, 2, 3], [0, 2, 1],
        [1, 1, 1, 1],
        [2, 2, 2, 2], [3, 2, 1, 0], [Int(17)] + [Int](repeating: 1, count: 20), [Int](repeating: 2, count: 70),
    ]
    static let hugeLists: [[Int]] = [
        [Int.max], [Int.min], [Int.max, Int.max], [1 << 40, 1 << 40], [Int.min, 0], [0, Int.max], [1 << 62, 4],
        [Int.max, 1, 1, 1], [-5, 1 << 45],
    ]
    static let doubles = [
        0, 1, -1, 0.5, 2, -Double.infinity, .infinity, .nan, 1e308, -1e308, Double.leastNonzeroMagnitude,
    ]

    static func tensors() -> [Tensor] {
        [
            Tensor(Float(1)), Tensor(2.5), Tensor([1, 2, 3] as [Float]), Tensor.zeros([0]), Tensor.zeros([2, 3]),
            Tensor.arange(6, .int32).reshape([2, 3]), Tensor([true, false]), Tensor([[true, false, true]]),
            counting([2, 2, 4, 4]).convert(.float32), counting([1, 2, 3]), Tensor([0, 5, -7] as [Int64]),
            Tensor([0, -1, 1] as [Int64], shape: [3, 1]), Tensor([1, 2, 3, 4] as [UInt8], shape: [2, 2]),
            Tensor([1, 2] as [Float16]), Tensor.ones([2, 2], .bfloat16), Tensor.zeros([2], .int4),
            Tensor.zeros([3], .float8e4m3fn), Tensor.zeros([0, 1 << 40]), Tensor.zeros([1 << 40]),
            Tensor.zeros([1 << 23, 1 << 23, 0, 1 << 40]),
            Tensor.ones([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
            Tensor.zeros([3, 0, 2]), Tensor.zeros([2]).reshape([5]), Tensor([.nan, .infinity, -0.0] as [Double]),
            counting([1, 3, 3]), counting([2, 2]),
        ]
    }

    @Test("no function traps", arguments: HostileCall.all) func hostile(call: HostileCall) throws {
        let tensors = Self.tensors()
        let limit = 64
        for huge in [false, true] {
            let seed = call.name.utf8.reduce(huge ? 7 : 3 as UInt64) { $0 &* 31 &+ UInt64($1) }
            var choices = Choices(seed: seed)
            for _ in 0..<(huge ? 12 : 10) {
                let arguments = Arguments(
                    x: choices.pick(tensors), y: choices.pick(tensors), z: choices.pick(tensors),
                    n: choices.pick(huge ? Self.numbers : Self.small),
                    m: choices.pick(huge ? Self.numbers : Self.small),
                    list: choices.pick(huge ? Self.hugeLists + Self.lists : Self.lists),
                    other: choices.pick(huge ? Self.hugeLists + Self.lists : Self.lists), d: choices.pick(Self.doubles))
                let inputs = [arguments.x, arguments.y, arguments.z]
                let results = call.call(arguments)
                #expect(!results.isEmpty, "\(call.name) gives at least one tensor")
                for result in results {
                    if let error = result.error {
                        #expect(!error.description.isEmpty)
                        continue
                    }
                    _ = result.description
                    // Programs are run where all of it is small.
                    guard !huge, result.count <= limit, inputs.allSatisfy({ $0.count <= limit }) else { continue }
                    do throws(HeterodyneError) {
                        #expect(try result.literal(on: Self.reference).type == result.type)
                    } catch {
                        #expect(!error.description.isEmpty)
                    }
                }
            }
        }
    }

    static let reference: Device? = Device.all.first { $0.id == "reference" }

    @Test("every mistake says where the call is") func locations() throws {
        let x = Tensor.zeros([2, 3])
        let y = Tensor.zeros([5, 7])
        let line = #line
        let mistakes: [(Tensor, Int)] = [
            (x.matmul(y), line + 2), (x.softmax(axis: 9), line + 2), (x.convolution(y), line + 2),
            (x.sum([4]), line + 3), (x.split(2, axis: 8)[1], line + 3), (x.topK(9).indices, line + 3),
            (x + y, line + 4), (x[5], line + 4), (Tensor.concatenate([]), line + 4), (x .< y, line + 4),
            (Tensor.zeros([-1]), line + 5), (Tensor.full([1 << 62, 4], Float(1)), line + 5), (x << y, line + 5),
            (x.lstm(y, y).cell, line + 6), (Tensor([1] as [Float], shape: [2]), line + 6), (x.oneHot(-3), line + 6),
        ]
        for (tensor, expected) in mistakes {
            let location = try #require(tensor.error?.location, "\(tensor)")
            #expect(location.file.hasSuffix("MistakeTests.swift"), "\(tensor)")
            #expect(location.line == expected, "\(tensor)")
        }
    }

    @Test("a mistake inside a loop's body is reported by the loop") func regions() {
        let bad = Tensor.scan(states: [Tensor(Float(0))], sequences: [Tensor.zeros([3])]) { states, slices in
            ([states[0].reshape([7])], [slices[0]])
        }
        #expect(bad.states.count == 1)
        #expect(bad.states[0].error?.location?.file.hasSuffix("MistakeTests.swift") == true)
        let mismatched = Tensor.loop([Tensor(Float(0))], while: { $0[0] .< 1 }, body: { [$0[0].convert(.int32)] })
        #expect(mismatched[0].error != nil)
        let numeric = Tensor.loop([Tensor(Float(0))], while: { $0[0] }, body: { $0 })
        #expect(numeric[0].error != nil)
        let failing = Tensor.conditional(
            Tensor(true), [], then: { _ in throw CancellationError() }, otherwise: { _ in [Tensor(Float(0))] })
        #expect(failing[0].error != nil)
    }

    @Test("an argument of one trace used in another is refused") func foreignArguments() {
        let f = compile { (x: Tensor) in
            Tensor.loop([x], while: { $0[0].sum() .< 1 }, body: { [$0[0] + x] })[0]
        }
        #expect(throws: HeterodyneError.self) { try f(Tensor.zeros([2])) }
    }
}
