// Heterodyne: products of matrices for tests: random factors in any layout, and an oracle in float64.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

/// A reproducible sequence of numbers (Knuth's MMIX constants).
struct Sequence64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }

    /// A number from -1 to 1.
    mutating func number() -> Double { Double(next()) / Double(1 << 30) - 1 }
}

/// A tensor for a test: a view of a block, with the block's bytes.
struct TestTensor {
    var view: StridedView
    var bytes: [UInt8]

    /// Elements in row-major order, as numbers of float64 (integers of up to 53 bits are exact).
    var numbers: [Double] {
        var result: [Double] = []
        TestTensor.walk(view.extents) { index in
            var place = view.offset
            for (i, stride) in zip(index, view.strides) { place += i * stride }
            result.append(view.type.number(fromBits: TestTensor.load(bytes, place, view.elementSize)))
        }
        return result
    }

    /// A tensor with random elements: floats of -1 to 1, small integers.
    init(_ extents: [Int], strides: [Int], offset: Int = 0, _ type: ScalarType, seed: UInt64) {
        view = StridedView(root: 0, offset: offset, extents: extents, strides: strides, type: type)
        let bound = view.bound
        bytes = [UInt8](repeating: 0, count: bound.byteOffset + bound.byteCount)
        var sequence = Sequence64(state: seed)
        let size = view.elementSize
        for place in 0..<bytes.count / size {
            let number: Double
            if type.isFloatingPoint {
                number = sequence.number()
            } else {
                let range = type.isSignedInteger ? -100...100 : 0...200
                number = Double(range.lowerBound + Int(sequence.next() % UInt64(range.count)))
            }
            TestTensor.store(&bytes, place, size, type.bits(of: number))
        }
    }

    /// The bytes that a launch binds.
    var boundBytes: [UInt8] {
        let bound = view.bound
        return Array(bytes[bound.byteOffset..<bound.byteOffset + bound.byteCount])
    }

    static func walk(_ extents: [Int], _ body: ([Int]) -> Void) {
        if extents.contains(0) { return }
        var index = [Int](repeating: 0, count: extents.count)
        while true {
            body(index)
            var d = extents.count - 1
            while d >= 0 {
                index[d] += 1
                if index[d] < extents[d] { break }
                index[d] = 0
                d -= 1
            }
            if d < 0 { return }
        }
    }

    static func load(_ bytes: [UInt8], _ place: Int, _ size: Int) -> UInt64 {
        var bits: UInt64 = 0
        for byte in 0..<size { bits |= UInt64(bytes[place * size + byte]) << UInt64(8 * byte) }
        return bits
    }

    static func store(_ bytes: inout [UInt8], _ place: Int, _ size: Int, _ bits: UInt64) {
        for byte in 0..<size { bytes[place * size + byte] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte)) }
    }
}

/// How a factor of a test lies in memory.
enum TestLayout: String, CaseIterable, CustomStringConvertible {
    /// Dense, the depth innermost.
    case depthInner
    /// Dense, the edge innermost.
    case edgeInner
    /// The depth innermost, rows a multiple of 4 apart, with an odd start.
    case depthPadded
    /// The edge innermost, rows a multiple of 4 apart.
    case edgePadded
    /// Every second element.
    case scattered
    /// The depth innermost, backwards along the edge.
    case reversed
    /// Dense, the depth innermost; the same matrix for the whole batch.
    case shared

    var description: String { rawValue }

    /// A factor of [batch, edge, depth].
    func tensor(_ batch: Int, _ edge: Int, _ depth: Int, _ type: ScalarType, seed: UInt64) -> TestTensor {
        func up(_ value: Int) -> Int { (value + 3) / 4 * 4 }
        let extents = [batch, edge, depth]
        switch self {
        case .depthInner: return TestTensor(extents, strides: [edge * depth, depth, 1], type, seed: seed)
        case .edgeInner: return TestTensor(extents, strides: [edge * depth, 1, edge], type, seed: seed)
        case .depthPadded:
            return TestTensor(extents, strides: [edge * up(depth), up(depth), 1], offset: 3, type, seed: seed)
        case .edgePadded:
            return TestTensor(extents, strides: [depth * up(edge), 1, up(edge)], offset: 8, type, seed: seed)
        case .scattered:
            return TestTensor(extents, strides: [2 * edge * depth, 2 * depth, 2], offset: 1, type, seed: seed)
        case .reversed:
            return TestTensor(
                extents, strides: [edge * depth, -depth, 1], offset: max(0, edge - 1) * depth, type, seed: seed)
        case .shared: return TestTensor(extents, strides: [0, depth, 1], type, seed: seed)
        }
    }
}

/// The product of two test tensors of [batch, rows, depth] and [batch, columns, depth].
struct TestProduct {
    let left: TestTensor
    let right: TestTensor
    let types: DotTypes
    var rows: Int { left.view.extents[1] }
    var columns: Int { right.view.extents[1] }
    var depth: Int { left.view.extents[2] }
    var batch: Int { left.view.extents[0] }

    static let dimensions = DotDimensions(
        leftBatch: [0], rightBatch: [0], leftContracting: [2], rightContracting: [2])

    var shape: DotShape { DotShape(left.view, right.view, Self.dimensions) }

    func problem(_ plan: RegionPlan? = nil, _ operands: [StridedView] = []) throws -> DotProblem {
        try DotProblem(shape, left.view, right.view, types, plan: plan, epilogueOperands: operands)
    }

    /// The sums and the sums of magnitudes, in float64.
    func oracle() -> (sums: [Double], magnitudes: [Double]) {
        let (a, b) = (left.numbers, right.numbers)
        var (sums, magnitudes): ([Double], [Double]) = ([], [])
        for matrix in 0..<batch {
            for row in 0..<rows {
                for column in 0..<columns {
                    var (sum, magnitude) = (0.0, 0.0)
                    for d in 0..<depth {
                        let product = a[(matrix * rows + row) * depth + d] * b[(matrix * columns + column) * depth + d]
                        sum += product
                        magnitude += abs(product)
                    }
                    sums.append(sum)
                    magnitudes.append(magnitude)
                }
            }
        }
        return (sums, magnitudes)
    }

    /// How far a result may be from the oracle: every product and sum may be rounded once in the type of sums, the
    /// accumulation and the result type round once more.
    func tolerance(_ magnitude: Double, _ sum: Double) -> Double {
        if !types.accumulation.isFloatingPoint { return 0 }
        func epsilon(_ type: ScalarType) -> Double {
            switch type {
            case .float16: 0x1p-11
            case .bfloat16: 0x1p-8
            case .float32: 0x1p-24
            case .float64: 0x1p-53
            default: 0
            }
        }
        let unit = types.sum == .f64 ? 0x1p-53 : 0x1p-24
        // Both factors are rounded to the accumulation type first.
        let narrow = epsilon(types.accumulation) > epsilon(types.left) ? 2 * epsilon(types.accumulation) : 0
        return (Double(depth + 2) * unit + narrow) * 1.01 * magnitude
            + 1.01 * abs(sum) * (epsilon(types.accumulation) + epsilon(types.result)) + 0x1p-149
    }

    func expectEqual(_ result: [Double], _ comment: String, transform: (Double, Int) -> Double = { x, _ in x }) {
        let (sums, magnitudes) = oracle()
        guard result.count == sums.count else {
            Issue.record("\(comment): \(result.count) results for \(sums.count)")
            return
        }
        var wrong = 0
        for index in sums.indices {
            let expected = transform(sums[index], index)
            let tolerance = tolerance(magnitudes[index], sums[index])
            if !(abs(result[index] - expected) <= tolerance) {
                wrong += 1
                if wrong == 1 {
                    Issue.record("\(comment): element \(index) is \(result[index]), not \(expected) +- \(tolerance)")
                }
            }
        }
        if wrong > 1 { Issue.record("\(comment): \(wrong) of \(sums.count) are wrong") }
    }
}

/// Runs schedules in the interpreter or on a device.
struct DotRunner {
    let target: KernelTarget
    /// Runs a kernel; gives the content of its buffers afterwards.
    let launch: (any KernelRecipe, [[UInt8]], [PushValue], Grid) throws -> [[UInt8]]

    /// In the interpreter.
    static func interpreter(_ target: KernelTarget) -> DotRunner {
        DotRunner(target: target) { recipe, buffers, constants, grid in
            let kernel = try recipe.build(for: target)
            var slots = Dictionary(uniqueKeysWithValues: buffers.enumerated().map { ($0, $1) })
            let interpreter = KernelInterpreter(subgroupSize: target.subgroupSize, budget: 1 << 30)
            try interpreter.run(
                kernel, groups: [grid.x, grid.y, grid.z], buffers: &slots, pushConstants: constants.map(\.bits))
            return buffers.indices.map { slots[$0] ?? [] }
        }
    }

    /// On a device.
    static func device(_ runner: DeviceRunner, memory: SPIRVOptions.Memory = .descriptors) -> DotRunner {
        DotRunner(target: runner.target) { recipe, buffers, constants, grid in
            func open(_ recipe: some KernelRecipe) throws -> [[UInt8]] {
                try runner.run(recipe, buffers: buffers, constants: constants, grid: grid, memory: memory)
            }
            return try open(recipe)
        }
    }

    /// The results of a schedule as bytes; `resultTypes` in the order of the outputs.
    func run(
        _ schedule: DotSchedule, left: TestTensor, right: TestTensor, operands: [TestTensor] = [],
        resultTypes: [ScalarType]
    ) throws -> [[UInt8]] {
        let numbers = schedule.problem.numbers
        let dot = schedule.problem.dot
        let count = numbers.rows * numbers.columns * numbers.batchCount
        let factors = (dot.transposesResult ? [right, left] : [left, right]).map(\.boundBytes)
        func bytes(_ type: ScalarType, _ parts: Int = 1) -> [UInt8] {
            [UInt8](repeating: 0xa5, count: count * parts * max(1, type.bitWidth / 8))
        }
        let others = operands.map(\.boundBytes)
        let results = resultTypes.map { bytes($0) }
        let constants = numbers.constants(for: dot)
        guard let sum = schedule.sum(for: target) else {
            let after = try launch(schedule.recipe, factors + others + results, constants, schedule.grid)
            return Array(after.suffix(results.count))
        }
        let parts = bytes(dot.types.sum.scalar, numbers.splits)
        let between = try launch(schedule.recipe, factors + [parts], constants, schedule.grid)
        let groups = (sum.invocations(numbers) + sum.workgroup - 1) / sum.workgroup
        let after = try launch(
            sum, [between[2]] + others + results, sum.constants(numbers), .linear(workgroups: groups))
        return Array(after.suffix(results.count))
    }

    static func numbers(_ bytes: [UInt8], _ type: ScalarType) -> [Double] {
        let size = max(1, type.bitWidth / 8)
        return (0..<bytes.count / size).map { type.number(fromBits: TestTensor.load(bytes, $0, size)) }
    }
}
