// Heterodyne: helpers on terms that build no composite of their own.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import Testing

@Suite("Data helpers")
struct DataHelperTests {
    /// Results of what `body` builds, all composites decomposed.
    private func run(
        _ inputs: [Literal], _ body: (GraphBuilder, [Term]) throws(GraphError) -> [Term]
    ) throws -> [Literal] {
        let graph = try GraphBuilder.region(inputs.map(\.type), body)
        return try ReferenceEvaluator.evaluate(FixtureHarness.flattened(graph), inputs: inputs)
    }

    private func counting(_ extents: [Int]) throws -> Literal {
        try Literal((0..<extents.reduce(1, *)).map(Float.init), shape: Shape(extents))
    }

    @Test("split, stack, expand, squeeze, flatten")
    func shapes() throws {
        let x = try counting([2, 5])
        let results = try run([x]) { builder, terms throws(GraphError) in
            let x = terms[0]
            let parts = try x.split(axis: -1, sizes: [1, 0, 4])
            let equal = try x.split(axis: 1, parts: 2)
            let stacked = try builder.stack([x, x], axis: -1)
            let expanded = try x.expandDimensions([0, -1])
            return parts + equal + [stacked, expanded, try expanded.squeeze(), try expanded.squeeze([-1])]
                + [try expanded.flatten(axis: -2), try x.flatten(axis: 0), try x.transposeMatrices()]
        }
        #expect(
            results.map(\.type.shape) == [
                [2, 1], [2, 0], [2, 4], [2, 3], [2, 2], [2, 5, 2], [1, 2, 5, 1], [2, 5], [1, 2, 5], [2, 5], [1, 10],
                [5, 2],
            ])
        #expect(try results[2].scalars(as: Float.self) == [1, 2, 3, 4, 6, 7, 8, 9])
        #expect(try results[4].scalars(as: Float.self) == [3, 4, 8, 9])
        #expect(try results[5].scalars(as: Float.self) == (0..<10).flatMap { [Float($0), Float($0)] })
        #expect(try results[11].scalars(as: Float.self) == [0, 5, 1, 6, 2, 7, 3, 8, 4, 9])
    }

    @Test("matrix products follow NumPy's shapes")
    func matrixProducts() throws {
        let table: [([Int], [Int], [Int])] = [
            ([3], [3], []), ([3], [3, 4], [4]), ([2, 3], [3], [2]), ([2, 3], [3, 4], [2, 4]),
            ([5, 2, 3], [3, 4], [5, 2, 4]), ([5, 2, 3], [3], [5, 2]), ([3], [5, 3, 4], [5, 4]),
            ([2, 3], [5, 3, 4], [5, 2, 4]), ([6, 1, 2, 3], [5, 3, 4], [6, 5, 2, 4]),
        ]
        for (left, right, expected) in table {
            let (a, b) = (try counting(left), try counting(right))
            let result = try run([a, b]) { _, terms throws(GraphError) in [try terms[0].matrixProduct(terms[1])] }[0]
            #expect(result.type.shape == Shape(expected), "\(left) times \(right)")
            // The oracle: einsum-free sums over explicit positions.
            let (x, y) = (try a.scalars(as: Float.self), try b.scalars(as: Float.self))
            let k = left[left.count - 1]
            let n = right.count == 1 ? 1 : right[right.count - 1]
            let m = left.count == 1 ? 1 : left[left.count - 2]
            let (leftBatch, rightBatch) = (left.dropLast(2), right.dropLast(2))
            let batch = expected.dropLast((left.count > 1 ? 1 : 0) + (right.count > 1 ? 1 : 0))
            var wanted: [Float] = []
            for position in 0..<batch.reduce(1, *) {
                let (i, j) = (offset(position, batch, leftBatch), offset(position, batch, rightBatch))
                for row in 0..<m {
                    for column in 0..<n {
                        wanted.append(
                            (0..<k).reduce(0) { $0 + x[(i * m + row) * k + $1] * y[(j * k + $1) * n + column] })
                    }
                }
            }
            #expect(try result.scalars(as: Float.self) == wanted, "\(left) times \(right)")
        }
    }

    /// Where position `index` of `shape` lies in a smaller shape that broadcasts to it.
    private func offset(_ index: Int, _ shape: ArraySlice<Int>, _ smaller: ArraySlice<Int>) -> Int {
        var (rest, result, scale) = (index, 0, 1)
        let padded = [Int](repeating: 1, count: shape.count - smaller.count) + smaller
        for (extent, own) in zip(shape.reversed(), padded.reversed()) {
            if own != 1 { result += rest % extent * scale }
            scale *= own
            rest /= extent
        }
        return result
    }

    @Test("broadcasting, identity matrices, norms, logSumExp")
    func arithmetic() throws {
        let x = try Literal([3, -4, 0, 1] as [Float], shape: [2, 2])
        let infinities = Literal([-Float.infinity, -Float.infinity, 1000, 1000])
        let results = try run([x, infinities]) { builder, terms throws(GraphError) in
            let (a, b) = try builder.broadcastTogether(
                terms[0].reshape([2, 1, 2]), builder.constant(1, TensorType(.float32, [3, 1] as Shape)))
            return [
                a, b, try builder.eye(TensorType(.int8, [2, 3] as Shape), diagonal: 1),
                try terms[0].normL1([1]), try terms[0].normL2([1]), try terms[0].sumOfSquares(keepDimensions: true),
                try terms[1].reshape([2, 2]).logSumExp([1]), try terms[0].standardDeviation(),
            ]
        }
        #expect(results[0].type.shape == [2, 3, 2] && results[1].type.shape == [2, 3, 2])
        #expect(try results[2].scalars(as: Int8.self) == [0, 1, 0, 0, 0, 1])
        #expect(try results[3].scalars(as: Float.self) == [7, 1])
        #expect(try results[4].scalars(as: Float.self) == [5, 1])
        #expect(results[5].type.shape == [1, 1] && results[5].splatNumber == 26)
        let logs = try results[6].scalars(as: Float.self)
        #expect(logs[0] == -.infinity && abs(logs[1] - 1000.6931) < 1e-3)
        #expect(abs((results[7].splatNumber ?? 0) - 6.5.squareRoot()) < 1e-6)
    }

    @Test("scan carries state in both directions", arguments: [false, true])
    func scan(reverse: Bool) throws {
        let x = try counting([4, 2])
        let results = try run([x, Literal(Float(10), shape: [2])]) { builder, terms throws(GraphError) in
            let results = try builder.scan(
                states: [builder.constant(0, TensorType(.float32, [2] as Shape))], sequences: [terms[0]],
                invariants: [terms[1]], reverse: reverse
            ) { _, states, slices, invariants throws(GraphError) in
                let next = try states[0] + slices[0] * invariants[0]
                return ([next], [next, slices[0]])
            }
            return results.states + results.sequences
        }
        let rows: [[Float]] = [[0, 1], [2, 3], [4, 5], [6, 7]]
        var (sum, running): ([Float], [[Float]]) = ([0, 0], [])
        for row in reverse ? rows.reversed() : rows {
            sum = [sum[0] + 10 * row[0], sum[1] + 10 * row[1]]
            running.append(sum)
        }
        #expect(try results[0].scalars(as: Float.self) == sum)
        #expect(try results[1].scalars(as: Float.self) == (reverse ? running.reversed() : running).flatMap(\.self))
        #expect(try results[2].scalars(as: Float.self) == rows.flatMap(\.self))
    }

    @Test("narrow floats are computed wide and rounded once")
    func narrowFloats() throws {
        // 2048 + 1 is no float16: a sum kept in float16 stays at 2048.
        let x = Literal([2048, 1, 1, 1, 1] as [Float16])
        let results = try run([x]) { builder, terms throws(GraphError) in
            let x = terms[0]
            return [
                try x.cumulativeSum(axis: 0), try (x.mean()), try builder.einsum("i,i->", [x, x.like(1)]),
                try x.variance().convert(.float32),
            ]
        }
        #expect(try results[0].scalars(as: Float16.self) == [2048, 2048, 2050, 2052, 2052])
        #expect(results[1].splatNumber == 410.5 && results[2].splatNumber == 2052)
        // ((2048 - 410.4)^2 + 4 (1 - 410.4)^2) / 5 is beyond float16.
        #expect(results[3].splatNumber == .infinity)
    }

    @Test("gathers clamp and scatters drop what is out of range")
    func outOfRange() throws {
        let x = Literal([10, 20, 30] as [Float])
        let indices = Literal([-4, 3, 5, -3] as [Int32])
        let updates = Literal([1, 2, 3, 4] as [Float])
        let results = try run([x, indices, updates]) { _, terms throws(GraphError) in
            let column = try terms[1].reshape([4, 1])
            return [
                try terms[0].take(terms[1], axis: 0), try terms[0].gatherElements(terms[1], axis: 0),
                try terms[0].gatherND(column), try terms[0].scatterElements(.add, terms[1], terms[2], axis: 0),
                try terms[0].scatterND(.set, column, terms[2]),
            ]
        }
        for gathered in results[0..<3] { #expect(try gathered.scalars(as: Float.self) == [10, 30, 30, 10]) }
        #expect(try results[3].scalars(as: Float.self) == [14, 20, 30])
        #expect(try results[4].scalars(as: Float.self) == [4, 20, 30])
    }

    @Test("dynamic quantization keeps zero exact")
    func dynamicQuantization() throws {
        // Worked example of the ONNX operator's test data.
        let x = Literal([0, 2, -3, -2.5, 1.34, 0.5] as [Float])
        let results = try run([x, Literal([0, 0] as [Float])]) { _, terms throws(GraphError) in
            let a = try terms[0].dynamicQuantize()
            let zeros = try terms[1].dynamicQuantize()
            return [a.values, a.scale, a.zeroPoint, zeros.values, zeros.scale]
        }
        #expect(try results[0].scalars(as: UInt8.self) == [153, 255, 0, 26, 221, 179])
        #expect(abs((results[1].splatNumber ?? 0) - 0.0196078438) < 1e-9)
        #expect(results[2].splatNumber == 153)
        #expect(try results[3].scalars(as: UInt8.self) == [0, 0] && results[4].splatNumber == 1)
    }

    @Test("bits are those of jax.random.bits with the partitionable Threefry")
    func jaxBits() throws {
        let key = Literal([0x0123_4567, 0x89AB_CDEF] as [UInt32])
        let bits = try run([key]) { _, terms throws(GraphError) in [try terms[0].randomBits([7])] }[0]
        #expect(
            try bits.scalars(as: UInt32.self) == [
                0x9186_1a96, 0x6460_6fad, 0x503b_32b1, 0x1d58_ee7c, 0xcc27_3db4, 0xc167_8d06, 0x65ed_fa6d,
            ])
    }

    @Test("keys split and fold; integers stay in range; normals look normal")
    func randomHelpers() throws {
        let results = try run([Literal(UInt32(7))]) { builder, terms throws(GraphError) in
            let key = try builder.randomKey(seed: 0)
            let keys = try key.splitKey(3)
            let integers = try keys[0].randomIntegers([1000], in: -3..<5)
            let normals = try keys[1].randomNormal(TensorType(.float32, [20000] as Shape))
            let coins = try keys[2].randomBernoulli(builder.constant(0.25, .scalar(.float32)), shape: [20000])
            let mean = try normals.mean()
            return keys + [
                try key.foldIn(terms[0]), integers, mean, try normals.variance(), try coins.convert(.float32).mean(),
            ]
        }
        let keys = try results[0..<4].map { try $0.scalars(as: UInt32.self) }
        #expect(keys[0] == [0x6B20_0159, 0x99BA_4EFE])
        #expect(Set(keys).count == 4)
        let integers = try results[4].scalars(as: Int.self)
        #expect(Set(integers) == Set(-3..<5))
        // Bounds of five standard errors: 5 / sqrt(20000), times sqrt(2) for the variance.
        #expect(abs(results[5].splatNumber ?? 9) < 0.036)
        #expect(abs((results[6].splatNumber ?? 9) - 1) < 0.05)
        #expect(abs((results[7].splatNumber ?? 9) - 0.25) < 0.016)
    }

    @Test("helpers report mistakes")
    func mistakes() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [2, 5] as Shape))
        let key = try builder.randomKey(seed: 1)
        let attempts: [(GraphError.Kind, () throws(GraphError) -> Void)] = [
            (.invalidAttribute, { () throws(GraphError) in _ = try x.split(axis: 1, sizes: [2, 2]) }),
            (.invalidAttribute, { () throws(GraphError) in _ = try x.split(axis: 1, sizes: [.max, .max]) }),
            (.invalidAttribute, { () throws(GraphError) in _ = try x.split(axis: 1, sizes: [-1, 6]) }),
            (.invalidAttribute, { () throws(GraphError) in _ = try x.split(axis: 0, parts: .min) }),
            (.invalidAttribute, { () throws(GraphError) in _ = try x.split(axis: .max, parts: 1) }),
            (.shapeMismatch, { () throws(GraphError) in _ = try x.squeeze([0]) }),
            (.invalidAttribute, { () throws(GraphError) in _ = try x.flatten(axis: 3) }),
            (.invalidAttribute, { () throws(GraphError) in _ = try x.expandDimensions([0, 0]) }),
            (.operandCount, { () throws(GraphError) in _ = try builder.stack([]) }),
            (.shapeMismatch, { () throws(GraphError) in _ = try x.matrixProduct(x) }),
            (
                .shapeMismatch,
                { () throws(GraphError) in _ = try builder.broadcastTogether(x, x.slice([0, 0], [2, 3])) }
            ),
            (.invalidAttribute, { () throws(GraphError) in _ = try key.randomIntegers([1], in: Int.min..<Int.max) }),
            (.invalidAttribute, { () throws(GraphError) in _ = try key.splitKey(.max) }),
            (.invalidAttribute, { () throws(GraphError) in _ = try x.resize(axes: [0], scales: [.infinity]) }),
        ]
        for (i, attempt) in attempts.enumerated() {
            do throws(GraphError) {
                try attempt.1()
                Issue.record("attempt \(i) threw nothing")
            } catch {
                #expect(error.kind == attempt.0, "attempt \(i): \(error)")
            }
        }
    }
}
