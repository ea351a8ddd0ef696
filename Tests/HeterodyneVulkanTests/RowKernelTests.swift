// Heterodyne: softmax, normalisations and running reductions in the interpreter, against their definitions in float64.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneOps
import HeterodyneReference
import Testing

@testable import HeterodyneVulkan

@Suite struct RowKernelTests {
    static let floats: [ScalarType] = [.float16, .bfloat16, .float32, .float64]

    /// A tensor in memory whose dimensions lie in the given order.
    private func tensor(
        _ sink: any TestSink, _ bytes: [UInt8], _ extents: [Int], _ type: ScalarType, memory: [Int]? = nil
    ) throws -> StridedView {
        let order = memory ?? Array(extents.indices)
        var back = [Int](repeating: 0, count: order.count)
        for (position, d) in order.enumerated() { back[d] = position }
        return try sink.input(bytes, order.map { extents[$0] }, type).transposed(back)
    }

    // MARK: - Softmax

    static let softmaxCases: [(extents: [Int], axis: Int, memory: [Int]?)] = [
        ([5], 0, nil), ([1], 0, nil), ([3, 0], 1, nil), ([3, 1], 1, nil), ([2, 3], 1, nil), ([6, 33], 1, nil),
        ([3, 128], 1, nil), ([40, 16], 1, nil), ([300, 4], 1, nil), ([2, 1000], 1, nil), ([7, 12], 0, nil),
        ([2, 5, 6], 1, nil), ([3, 4, 8], 2, [2, 0, 1]), ([3, 4, 8], 1, [1, 2, 0]), ([1, 3000], 1, nil),
    ]

    @Test(arguments: RowPlace.pairs(floats, few: [.float16, .float32]))
    func softmaxMatchesItsDefinition(_ place: RowPlace, _ type: ScalarType) throws {
        let target = try place.sink().target
        guard target.stores(type) else { return }
        for (extents, axis, memory) in Self.softmaxCases where place.takes(extents, type) {
            for isLogarithm in [false, true] {
                var dice = Dice(UInt64(extents.reduce(axis, +)))
                let sink = try place.sink()
                let x = try tensor(sink, dice.elements(type, Strides.count(extents)), extents, type, memory: memory)
                let result = try sink.newResult(extents, type)
                let composite: any Composite = isLogarithm ? LogSoftmax(axis: axis) : Softmax(axis: axis)
                let operation = try #require(
                    RowNormalization(composite, [TensorType(type, Shape(extents.map { .fixed($0) }))], target))
                try RowPlanner(sink: sink).normalize(operation, x, [], into: result)
                let literal = try Literal.of(sink.bytes(x), extents, type)
                let expected = try reference([literal]) { builder, terms throws(GraphError) in
                    try builder.addAll(.composite(composite), [terms[0].convert(.float64)])
                }[0].numbers
                let found = try Literal.of(sink.bytes(result), extents, type).numbers
                let columns = Double(extents[axis])
                let u = unitRoundoff(type == .float64 ? .float64 : .float32)
                for index in expected.indices {
                    // Exponents up to 8 are rounded; a sum of n positive numbers; a few roundings more.
                    let relative = isLogarithm ? 0 : (columns + 40) * u + 2 * unitRoundoff(type)
                    let subnormal = type == .float16 ? 0x1p-25 : 0x1p-126
                    let absolute = isLogarithm ? (columns + 60) * u + 16 * unitRoundoff(type) : subnormal
                    let bound = relative * abs(expected[index]) + absolute
                    #expect(abs(found[index] - expected[index]) <= bound, "\(composite.name) \(type)\(extents) \(axis)")
                }
            }
        }
    }

    @Test func softmaxKeepsSpecialValues() throws {
        for place in RowPlace.available {
            let sink = try place.sink()
            let target = sink.target
            let rows: [[Float]] = [
                [1, .nan, 2, 3, 4, 5, 6, 7], [-.infinity, 0, -.infinity, 0, -.infinity, 0, 0, -.infinity],
                [100, 100, 100, 100, 100, 100, 100, 100], [-1000, 0, -1000, -1000, -1000, -1000, -1000, -1000],
            ]
            let x = try sink.input(rows.flatMap(\.self).withUnsafeBytes { Array($0) }, [4, 8], .float32)
            let result = try sink.newResult([4, 8], .float32)
            let operation = try #require(
                RowNormalization(Softmax(axis: 1), [TensorType(.float32, [4, 8])], target))
            try RowPlanner(sink: sink).normalize(operation, x, [], into: result)
            let found = try Literal.of(sink.bytes(result), [4, 8], .float32).numbers
            #expect(found[..<8].allSatisfy { $0.isNaN })
            #expect(Array(found[8..<16]) == [0, 0.25, 0, 0.25, 0, 0.25, 0.25, 0])
            #expect(found[16..<24].allSatisfy { $0 == 0.125 })
            #expect(Array(found[24...]) == [0, 1, 0, 0, 0, 0, 0, 0])
        }
    }

    // MARK: - Normalisations

    static let normalizationCases: [(extents: [Int], axis: Int, memory: [Int]?)] = [
        ([5], 0, nil), ([3, 1], 1, nil), ([2, 3], 1, nil), ([4, 384], 1, nil), ([6, 33], 1, nil), ([2, 3, 16], 1, nil),
        ([2, 2000], 1, nil), ([40, 64], 1, nil), ([3, 4, 8], 2, [2, 0, 1]), ([3, 4, 8], 1, [1, 2, 0]),
    ]

    @Test(arguments: RowPlace.pairs(floats, few: [.float16, .float32]))
    func normalizationsMatchTheirDefinitions(_ place: RowPlace, _ type: ScalarType) throws {
        let target = try place.sink().target
        guard target.stores(type) else { return }
        for (extents, axis, memory) in Self.normalizationCases where place.takes(extents, type) {
            for count in 0...2 {
                for isLayer in [true, false] where isLayer || count < 2 {
                    try checkNormalization(extents, axis, memory, count, isLayer, type, place)
                }
            }
        }
    }

    private func checkNormalization(
        _ extents: [Int], _ axis: Int, _ memory: [Int]?, _ count: Int, _ isLayer: Bool, _ type: ScalarType,
        _ place: RowPlace
    ) throws {
        var dice = Dice(UInt64(extents.reduce(axis, +)))
        let sink = try place.sink()
        let x = try tensor(sink, dice.elements(type, Strides.count(extents)), extents, type, memory: memory)
        let columns = Array(extents[axis...])
        // Beside narrow numbers the first parameter is float32.
        let types = (0..<count).map { $0 == 0 && type != .float64 ? ScalarType.float32 : type }
        let parameters = try types.map { try sink.input(dice.elements($0, Strides.count(columns)), columns, $0) }
        let result = try sink.newResult(extents, type)
        let composite: any Composite =
            isLayer
            ? LayerNormalization(axis: axis, epsilon: 1e-5, statistics: false)
            : RMSNormalization(axis: axis, epsilon: 1e-5)
        let tensorTypes =
            [TensorType(type, Shape(extents.map { .fixed($0) }))]
            + types.map { TensorType($0, Shape(columns.map { .fixed($0) })) }
        let operation = try #require(RowNormalization(composite, tensorTypes, sink.target))
        try RowPlanner(sink: sink).normalize(operation, x, parameters, into: result)
        var literals = [try Literal.of(sink.bytes(x), extents, type)]
        for (view, type) in zip(parameters, types) { literals.append(try .of(try sink.bytes(view), columns, type)) }
        let expected = try reference(literals) { builder, terms throws(GraphError) in
            var wide: [Term] = []
            for term in terms { wide.append(try term.convert(.float64)) }
            return try builder.addAll(.composite(composite), wide)
        }[0].numbers
        let found = try Literal.of(sink.bytes(result), extents, type).numbers
        let n = Double(Strides.count(columns))
        let u = unitRoundoff(type == .float64 ? .float64 : .float32)
        for index in expected.indices {
            // The mean of numbers up to 4 is off by at most 4 n u; what is centred is divided by a deviation that is
            // at least 1/8 for more than one column, and multiplied by at most 4.
            let deviation = n == 1 ? 1 / 0x1p-9 : 8.0
            let bound = (4 * n + 64) * u * deviation * 4 + 2 * unitRoundoff(type) * abs(expected[index]) + 0x1p-25
            #expect(
                abs(found[index] - expected[index]) <= bound, "\(composite.name) \(type)\(extents) \(axis) \(count)")
        }
    }

    /// A mean that is large beside the deviation: the squares of the numbers themselves would cancel.
    @Test func layerNormalizationIsSafe() throws {
        let sink: any TestSink = InterpreterSink(.software)
        let numbers = (0..<256).map { Float(4096) + Float($0 % 2) }
        let x = try sink.input(numbers.withUnsafeBytes { Array($0) }, [1, 256], .float32)
        let result = try sink.newResult([1, 256], .float32)
        let operation = try #require(
            RowNormalization(
                LayerNormalization(axis: 1, epsilon: 0, statistics: false), [TensorType(.float32, [1, 256])],
                .software))
        try RowPlanner(sink: sink).normalize(operation, x, [], into: result)
        for (index, number) in try Literal.of(sink.bytes(result), [1, 256], .float32).numbers.enumerated() {
            #expect(abs(number - (index % 2 == 0 ? -1 : 1)) <= 1e-6)
        }
    }

    // MARK: - Running reductions

    static let cumulativeCases: [(extents: [Int], axis: Int, memory: [Int]?)] = [
        ([5], 0, nil), ([1], 0, nil), ([3, 0], 1, nil), ([3, 1], 1, nil), ([4, 33], 1, nil), ([3, 32], 1, nil),
        ([12, 4], 0, nil), ([7, 3], 0, nil), ([2, 5, 6], 1, nil), ([3, 4, 8], 1, [1, 2, 0]), ([2, 700], 1, nil),
        ([700, 4], 0, nil),
    ]

    @Test(arguments: RowPlace.pairs([.int8, .uint32, .int64, .float16, .float32, .float64], few: [.int8, .float32]))
    func runningReductionsMatchTheirDefinitions(_ place: RowPlace, _ type: ScalarType) throws {
        let target = try place.sink().target
        guard target.stores(type) else { return }
        for (extents, axis, memory) in Self.cumulativeCases where place.takes(extents, type) {
            for exclusive in [false, true] {
                for reverse in [false, true] {
                    let composites: [any Composite] = [
                        CumulativeSum(CumulativeAttributes(axis: axis, exclusive: exclusive, reverse: reverse)),
                        CumulativeProduct(CumulativeAttributes(axis: axis, exclusive: exclusive, reverse: reverse)),
                        CumulativeMax(CumulativeAttributes(axis: axis, exclusive: exclusive, reverse: reverse)),
                        CumulativeMin(CumulativeAttributes(axis: axis, exclusive: exclusive, reverse: reverse)),
                    ]
                    for composite in composites { try checkRunning(composite, extents, axis, memory, type, place) }
                }
            }
        }
    }

    private func checkRunning(
        _ composite: any Composite, _ extents: [Int], _ axis: Int, _ memory: [Int]?, _ type: ScalarType,
        _ place: RowPlace
    ) throws {
        var dice = Dice(UInt64(extents.reduce(axis, +)))
        let sink = try place.sink()
        let count = Strides.count(extents)
        let isProduct = composite.name == CumulativeProduct.name
        var bytes = dice.elements(type, count)
        if isProduct, type.isFloatingPoint {
            bytes = (0..<count).flatMap { _ -> [UInt8] in
                let bits = type.bits(of: 1 + dice.number() * 0x1p-6)
                return (0..<type.bitWidth / 8).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
            }
        }
        let x = try tensor(sink, bytes, extents, type, memory: memory)
        let result = try sink.newResult(extents, type)
        let operation = try #require(
            RowCumulative(composite, [TensorType(type, Shape(extents.map { .fixed($0) }))], sink.target))
        try RowPlanner(sink: sink).accumulate(operation, x, into: result)
        let literal = try Literal.of(sink.bytes(x), extents, type)
        let found = try Literal.of(sink.bytes(result), extents, type)
        let isFloat = type.isFloatingPoint
        let expected = try reference([literal]) { builder, terms throws(GraphError) in
            let wide = isFloat ? try terms[0].convert(.float64) : terms[0]
            let sizes = isFloat ? try wide.abs() : wide
            return try builder.addAll(.composite(composite), [wide]) + builder.addAll(.composite(composite), [sizes])
        }
        guard isFloat, composite.name != CumulativeMax.name, composite.name != CumulativeMin.name else {
            // In the wider type the neutral elements are the same infinities.
            let (numbers, values) = (try found.numbers, try expected[0].numbers)
            #expect(numbers == values, "\(composite.name) \(type)\(extents)")
            if !isFloat {
                let (bits, words) = (try found.elements, try expected[0].elements)
                #expect(bits == words, "\(composite.name) \(type)\(extents)")
            }
            return
        }
        let (numbers, values, sizes) = (try found.numbers, try expected[0].numbers, try expected[1].numbers)
        let u = unitRoundoff(type == .float64 ? .float64 : .float32)
        for index in values.indices {
            // Sums do not lose more than a few roundings, however many columns there are; products lose one for each.
            let roundings = isProduct ? Double(extents[axis]) * 2 : 12
            let bound = roundings * u * sizes[index] + 2 * unitRoundoff(type) * abs(values[index])
            #expect(abs(numbers[index] - values[index]) <= bound, "\(composite.name) \(type)\(extents) \(index)")
        }
    }

    @Test func runningSumsMeetInfinities() throws {
        let sink: any TestSink = InterpreterSink(.gpu)
        let numbers: [Float] = [1, .infinity, 2, 3, -.infinity, 4]
        let x = try sink.input(numbers.withUnsafeBytes { Array($0) }, [6], .float32)
        let result = try sink.newResult([6], .float32)
        let composite = CumulativeSum(CumulativeAttributes(axis: 0))
        let operation = try #require(RowCumulative(composite, [TensorType(.float32, [6])], .gpu))
        try RowPlanner(sink: sink).accumulate(operation, x, into: result)
        let found = try Literal.of(sink.bytes(result), [6], .float32).numbers
        #expect(Array(found[..<4]) == [1, .infinity, .infinity, .infinity])
        #expect(found[4].isNaN && found[5].isNaN)
    }
}
