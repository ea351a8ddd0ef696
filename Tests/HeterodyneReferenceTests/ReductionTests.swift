// Heterodyne: dot, reduce and sort against index formulas, and how they accumulate.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneReference
import Testing

@Suite("Dot, reduce and sort")
struct ReductionTests {
    private func indices(_ extents: [Int]) -> [[Int]] {
        var all: [[Int]] = [[]]
        for extent in extents { all = all.flatMap { prefix in (0..<extent).map { prefix + [$0] } } }
        return all
    }

    private func position(_ index: [Int], _ extents: [Int]) -> Int {
        zip(index, extents).reduce(0) { $0 * $1.1 + $1.0 }
    }

    /// Small integers in a type, so that every sum is exact.
    private func small(_ type: ScalarType, _ extents: [Int], _ numbers: inout Numbers) throws -> ([Int], Literal) {
        let low = type.isSignedInteger || type.isFloatingPoint ? -3 : 0
        let values = (0..<extents.reduce(1, *)).map { _ in Int.random(in: low...3, using: &numbers) }
        let bits = values.map { type.bits(of: Double($0)) }
        return (values, try Literal.fromBits(bits, TensorType(type, extents)))
    }

    static let arithmetic = ScalarType.allCases.filter(\.isArithmetic)

    @Test("Dot with any batch, contracted and free dimensions", arguments: arithmetic)
    func dot(_ type: ScalarType) throws {
        var numbers = Numbers(state: 31)
        for _ in 0..<20 {
            let (batch, contracted) = (Int.random(in: 0...2, using: &numbers), Int.random(in: 0...2, using: &numbers))
            let (leftFree, rightFree) = (Int.random(in: 0...2, using: &numbers), Int.random(in: 0...2, using: &numbers))
            let shared = (0..<batch + contracted).map { _ in [0, 1, 2, 3, 2, 3][Int(numbers.next() % 6)] }
            /// A random order of shared and free dimensions, and where the shared ones went.
            func operand(_ free: Int) -> (extents: [Int], shared: [Int]) {
                let order = Array(0..<shared.count + free).shuffled(using: &numbers)
                let own = shared + (0..<free).map { _ in Int.random(in: 1...3, using: &numbers) }
                return (order.map { own[$0] }, shared.indices.map { order.firstIndex(of: $0) ?? 0 })
            }
            let (left, right) = (operand(leftFree), operand(rightFree))
            let (x, xLiteral) = try small(type, left.extents, &numbers)
            let (y, yLiteral) = try small(type, right.extents, &numbers)
            let dimensions = DotDimensions(
                leftBatch: Array(left.shared.prefix(batch)), rightBatch: Array(right.shared.prefix(batch)),
                leftContracting: Array(left.shared.dropFirst(batch)),
                rightContracting: Array(right.shared.dropFirst(batch)))
            let result = try Run.primitive(
                .dot(dimensions, accumulation: type.accumulationType, result: type), xLiteral, yLiteral)
            let lf = left.extents.indices.filter { !left.shared.contains($0) }
            let rf = right.extents.indices.filter { !right.shared.contains($0) }
            var expected: [UInt64] = []
            for b in indices(Array(shared.prefix(batch))) {
                for l in indices(lf.map { left.extents[$0] }) {
                    for r in indices(rf.map { right.extents[$0] }) {
                        var sum = 0
                        for c in indices(Array(shared.dropFirst(batch))) {
                            func full(_ rank: Int, _ own: [Int], _ free: [Int], _ at: [Int]) -> [Int] {
                                var index = [Int](repeating: 0, count: rank)
                                for (d, i) in zip(own, b + c) { index[d] = i }
                                for (d, i) in zip(free, at) { index[d] = i }
                                return index
                            }
                            sum +=
                                x[position(full(left.extents.count, left.shared, lf, l), left.extents)]
                                * y[position(full(right.extents.count, right.shared, rf, r), right.extents)]
                        }
                        expected.append(type.bits(of: Double(sum)))
                    }
                }
            }
            #expect(try result.allBits.map(type.number(fromBits:)) == expected.map(type.number(fromBits:)))
        }
    }

    private let vectors = DotDimensions(leftContracting: [0], rightContracting: [0])

    @Test("Dot accumulates in the accumulation type and converts once")
    func accumulation() throws {
        let ones = Literal([Float16](repeating: 1, count: 2051))
        func sum(_ accumulation: ScalarType, _ result: ScalarType) throws -> Double {
            let literal = try Run.primitive(.dot(vectors, accumulation: accumulation, result: result), ones, ones)
            return result.number(fromBits: literal.bits(at: 0))
        }
        #expect(try sum(.float32, .float16) == 2052)
        #expect(try sum(.float32, .float32) == 2051)
        #expect(try sum(.float16, .float16) == 2048)
        #expect(try sum(.bfloat16, .float32) == 256)
        // 1e8 + 1 - 1e8 in order: float32 loses the 1, float64 keeps it.
        let x = Literal([1e8, 1, -1e8] as [Float])
        let y = Literal([1, 1, 1] as [Float])
        let single = try Run.primitive(.dot(vectors, accumulation: .float32, result: .float32), x, y)
        let double = try Run.primitive(.dot(vectors, accumulation: .float64, result: .float32), x, y)
        #expect(try single.scalars(as: Float.self) == [0])
        #expect(try double.scalars(as: Float.self) == [1])
    }

    @Test("Bytes of either sign multiply into int32; a narrow accumulator wraps")
    func bytes() throws {
        let signed = Literal([-128, 127, -1] as [Int8])
        let unsigned = Literal([255, 255, 255] as [UInt8])
        let wide = try Run.primitive(.dot(vectors, accumulation: .int32, result: .int32), signed, unsigned)
        #expect(try wide.scalars(as: Int32.self) == [(-128 + 127 - 1) * 255])
        let squares = try Run.primitive(.dot(vectors, accumulation: .int32, result: .int32), signed, signed)
        #expect(try squares.scalars(as: Int32.self) == [128 * 128 + 127 * 127 + 1])
        let narrow = try Run.primitive(.dot(vectors, accumulation: .int8, result: .int8), signed, signed)
        #expect(try narrow.scalars(as: Int8.self) == [Int8(truncatingIfNeeded: 128 * 128 + 127 * 127 + 1)])
    }

    @Test("Reduce over any dimensions", arguments: arithmetic)
    func reduce(_ type: ScalarType) throws {
        var numbers = Numbers(state: 32)
        for kind in ReductionKind.allCases where kind.takes(type) {
            for _ in 0..<12 {
                let extents = (0..<Int.random(in: 0...4, using: &numbers)).map { _ in
                    [0, 1, 2, 3, 2, 3][Int(numbers.next() % 6)]
                }
                let dimensions = extents.indices.filter { _ in Bool.random(using: &numbers) }
                let (x, literal) = try small(type, extents, &numbers)
                let kept = extents.indices.filter { !dimensions.contains($0) }
                let result = try Run.primitive(.reduce(kind, dimensions: dimensions.shuffled(using: &numbers)), literal)
                var rows: [[Int]: [Int]] = [:]
                for (index, value) in zip(indices(extents), x) {
                    rows[kept.map { index[$0] }, default: []].append(value)
                }
                let expected = indices(kept.map { extents[$0] }).map { row -> UInt64 in
                    let values = rows[row] ?? []
                    switch kind {
                    case .sum: return type.bits(of: Double(values.reduce(0, +)))
                    case .product:
                        let product = values.reduce(1 as Int64) { $0 &* Int64($1) }
                        return type.isInteger ? mask(UInt64(bitPattern: product), type) : type.bits(of: Double(product))
                    case .maximum: return values.max().map { type.bits(of: Double($0)) } ?? type.lowestBits
                    case .minimum: return values.min().map { type.bits(of: Double($0)) } ?? type.highestBits
                    case .and: return mask(values.reduce(UInt64.max) { $0 & UInt64(bitPattern: Int64($1)) }, type)
                    case .or: return mask(values.reduce(UInt64(0)) { $0 | UInt64(bitPattern: Int64($1)) }, type)
                    }
                }
                if type.isFloatingPoint {
                    #expect(try result.allBits.map(type.number(fromBits:)) == expected.map(type.number(fromBits:)))
                } else {
                    #expect(try result.allBits == expected, "\(kind) of \(literal.type) along \(dimensions)")
                }
            }
        }
    }

    private func mask(_ bits: UInt64, _ type: ScalarType) -> UInt64 {
        type.bitWidth == 64 ? bits : bits & ((1 << UInt64(type.bitWidth)) - 1)
    }

    @Test("Reduce of bools, of nothing, and of special floats")
    func reduceSpecials() throws {
        let truth = try Literal([true, true, false, true], shape: [2, 2])
        #expect(
            try Run.primitive(.reduce(.and, dimensions: [1]), truth).scalars(as: Bool.self) == [true, false])
        #expect(try Run.primitive(.reduce(.or, dimensions: [1]), truth).scalars(as: Bool.self) == [true, true])
        let none = try Literal([] as [Bool], shape: [1, 0])
        #expect(try Run.primitive(.reduce(.and, dimensions: [1]), none).scalars(as: Bool.self) == [true])
        #expect(try Run.primitive(.reduce(.or, dimensions: [1]), none).scalars(as: Bool.self) == [false])
        func float(_ kind: ReductionKind, _ values: [Float]) throws -> Float {
            try Run.primitive(.reduce(kind, dimensions: [0]), Literal(values)).scalars(as: Float.self)[0]
        }
        #expect(try float(.maximum, [1, .nan, 3]).isNaN)
        #expect(try float(.minimum, [.nan, -.infinity]).isNaN)
        #expect(try float(.maximum, [-0.0, 0, -0.0]).sign == .plus)
        #expect(try float(.minimum, [0, -0.0, 0]).sign == .minus)
        #expect(try float(.sum, [.infinity, -.infinity]).isNaN)
        #expect(try [float(.sum, []), float(.product, []), float(.maximum, [])] == [0, 1, -.infinity])
        // float16 sums in float32: past 2048 ones still count, and partial sums beyond 65504 are finite.
        let narrow = Literal([Float16](repeating: 1, count: 2051))
        #expect(try Run.primitive(.reduce(.sum, dimensions: [0]), narrow).scalars(as: Float16.self) == [2052])
        let large = Literal([60000, 60000, -60000] as [Float16])
        #expect(try Run.primitive(.reduce(.sum, dimensions: [0]), large).scalars(as: Float16.self) == [60000])
        let factors = Literal([300, 300, 0.01] as [Float16])
        let product = try Run.primitive(.reduce(.product, dimensions: [0]), factors).scalars(as: Float16.self)[0]
        #expect(product == Float16(Float(300) * 300 * Float(0.01 as Float16)))
    }

    private func order<T: Scalar>(_ values: [T], descending: Bool = false) throws -> [Int32] {
        try Run.vectors(.sort(dimension: 0, descending: descending, indexType: .int32), values, as: Int32.self)
    }

    @Test("Sort puts NaN last, treats zeros as equal and keeps the order of equals")
    func sortSpecials() throws {
        let x: [Float] = [.nan, 0, -0.0, .infinity, -1, .nan, 0, -.infinity]
        #expect(try order(x) == [7, 4, 1, 2, 6, 3, 0, 5])
        #expect(try order(x, descending: true) == [0, 5, 3, 1, 2, 6, 4, 7])
        let narrow: [Float16] = [.nan, 2, -0.0, 0, -.infinity]
        #expect(try order(narrow) == [4, 2, 3, 1, 0])
        #expect(try order([true, false, true, false]) == [1, 3, 0, 2])
        #expect(try order([3, 200, 7] as [UInt8]) == [0, 2, 1])
        #expect(try order([3, -56, 7] as [Int8]) == [1, 0, 2])
        #expect(try order([] as [Float]).isEmpty)
    }

    @Test("Sort along any dimension", arguments: arithmetic)
    func sort(_ type: ScalarType) throws {
        var numbers = Numbers(state: 33)
        for _ in 0..<12 {
            let extents = (0..<Int.random(in: 1...3, using: &numbers)).map { _ in Int.random(in: 0...6, using: &numbers)
            }
            let dimension = Int.random(in: 0..<extents.count, using: &numbers)
            let descending = Bool.random(using: &numbers)
            let (x, literal) = try small(type, extents, &numbers)
            let result = try Run.primitive(
                .sort(dimension: dimension, descending: descending, indexType: .int64), literal
            ).scalars(as: Int.self)
            for index in indices(extents) {
                // The rank of an element: how many of its lane come before it.
                let lane = (0..<extents[dimension]).map { k -> Int in
                    var other = index
                    other[dimension] = k
                    return x[position(other, extents)]
                }
                let own = index[dimension]
                let rank = lane.indices.filter { k in
                    let before = descending ? lane[k] > lane[own] : lane[k] < lane[own]
                    return before || (lane[k] == lane[own] && k < own)
                }.count
                var place = index
                place[dimension] = rank
                #expect(result[position(place, extents)] == own)
            }
        }
    }
}
