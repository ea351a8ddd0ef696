// Heterodyne: tests of matrix products and attention against double arithmetic.
// SPDX-License-Identifier: Apache-2.0
import CHostKernels
import Foundation
import Testing

extension HostKernels {
    @Suite struct Matmul {
        /// |error| <= (k + 2) eps sum|a||b|: what any order of summation keeps.
        static func check(
            _ c: Storage, ldc: Int, _ a: [Double], lda: Int, _ b: (Int, Int) -> Double, _ m: Int, _ n: Int, _ k: Int,
            _ finish: (Double, Int, Int) -> Double = { x, _, _ in x }
        ) {
            var wrong = 0
            for i in 0..<m {
                for j in 0..<n {
                    var (sum, magnitude) = (0.0, 0.0)
                    for p in 0..<k {
                        let term = a[i * lda + p] * b(p, j)
                        sum += term
                        magnitude += abs(term)
                    }
                    let bound = Double(k + 12) * 0x1p-24 * (magnitude + 1)
                    if !(abs(Double(c.floats[i * ldc + j]) - finish(sum, i, j)) <= bound) { wrong += 1 }
                }
            }
            #expect(wrong == 0, "\(m)x\(n)x\(k)")
        }

        static let shapes = [
            [1, 1, 1], [1, 33, 7], [3, 5, 0], [5, 31, 65], [12, 32, 16], [13, 32, 1], [25, 70, 40], [64, 33, 515],
            [130, 65, 30],
        ]

        @Test(arguments: shapes, levels)
        func packedAndOnTheFly(shape: [Int], level: Int) {
            let (m, n, k) = (shape[0], shape[1], shape[2])
            var random = Random(m + n + k)
            let (lda, ldc) = (k + 2, n + 1)
            let a = Storage(.float32, numbers: random.floats(m * lda))
            let bias = Storage(.float32, numbers: random.floats(n))
            let residual = Storage(.float32, numbers: random.floats(m * ldc))
            for type in [Scalar.float32, .bfloat16, .float16] {
                for (rowStride, columnStride) in [(n, 1), (1, k), (2 * n, 2)] {
                    let b = Storage(
                        type, numbers: random.floats(max(1, (max(k, 1) - 1) * rowStride + (n - 1) * columnStride + 1)))
                    let values = b.numbers
                    let element: (Int, Int) -> Double = { values[$0 * rowStride + $1 * columnStride] }
                    atLevel(level) {
                        let packed = Storage(.uint8, count: hk_sgemm_packed_size(Int64(k), Int64(n)))
                        let c = Storage(.float32, count: m * ldc)
                        #expect(
                            hk_sgemm_pack_b(
                                type.code, b.base, Int64(rowStride), Int64(columnStride), Int64(k), Int64(n),
                                packed.base,
                                sharedPool.pointer) == HK_OK)
                        #expect(
                            hk_sgemm_packed(
                                Int64(m), Int64(n), Int64(k), a.floats, Int64(lda), packed.base, c.floats, Int64(ldc),
                                nil,
                                sharedPool.pointer) == HK_OK)
                        #expect(packed.guardsIntact && c.guardsIntact)
                        Self.check(c, ldc: ldc, a.numbers, lda: lda, element, m, n, k)
                        var epilogue = hk_epilogue(
                            bias: bias.floats, residual: residual.floats, residual_stride: Int64(ldc), scale: 0.5,
                            activation: Int32(HK_ACT_RELU))
                        #expect(
                            hk_sgemm(
                                Int64(m), Int64(n), Int64(k), a.floats, Int64(lda), type.code, b.base, Int64(rowStride),
                                Int64(columnStride), c.floats, Int64(ldc), &epilogue, nil) == HK_OK)
                        #expect(c.guardsIntact)
                        Self.check(c, ldc: ldc, a.numbers, lda: lda, element, m, n, k) { x, i, j in
                            max(0.5 * x + Double(bias.floats[j]), 0) + Double(residual.floats[i * ldc + j])
                        }
                    }
                }
            }
        }

        /// Rows 4 KiB apart take the copying path; depth in several passes.
        @Test(arguments: levels)
        func conflictingStridesAndDepth(level: Int) {
            let (m, n, k) = (40, 40, 1100)
            var random = Random(4)
            let a = Storage(.float32, numbers: random.floats(m * 2048))
            let b = Storage(.float32, numbers: random.floats(k * n))
            let c = Storage(.float32, count: m * n)
            atLevel(level) {
                #expect(
                    hk_sgemm(
                        Int64(m), Int64(n), Int64(k), a.floats, 2048, UInt8(HK_F32), b.base, Int64(n), 1, c.floats,
                        Int64(n), nil,
                        sharedPool.pointer) == HK_OK)
            }
            let values = b.numbers
            Self.check(c, ldc: n, a.numbers, lda: 2048, { values[$0 * n + $1] }, m, n, k)
        }

        /// An A that outgrows the L2 cache: blocks of rows, passes over the depth, panels packed for all threads together,
        /// with and without copies of A (rows 4 KiB apart), a last panel that is not full, and an epilogue.
        @Test(arguments: [[1030, 66, 170, 170], [280, 70, 600, 768], [200, 65, 1024, 1024]], levels)
        func manyRows(sizes: [Int], level: Int) {
            let (m, n, k, lda) = (sizes[0], sizes[1], sizes[2], sizes[3])
            var random = Random(m)
            let a = Storage(.float32, numbers: random.floats(m * lda))
            let b = Storage(.float32, numbers: random.floats(k * n))
            let bias = Storage(.float32, numbers: random.floats(n))
            let c = Storage(.float32, count: m * n)
            let values = b.numbers
            atLevel(level) {
                var epilogue = hk_epilogue(
                    bias: bias.floats, residual: nil, residual_stride: 0, scale: 1, activation: Int32(HK_ACT_NONE))
                let packed = Storage(
                    .float32, count: hk_sgemm_packed_size(Int64(k), Int64(n)) / MemoryLayout<Float>.size)
                #expect(
                    hk_sgemm_pack_b(
                        UInt8(HK_F32), b.base, Int64(n), 1, Int64(k), Int64(n), packed.base, sharedPool.pointer)
                        == HK_OK)
                func checkProduct() {
                    #expect(c.guardsIntact)
                    Self.check(c, ldc: n, a.numbers, lda: lda, { values[$0 * n + $1] }, m, n, k) { x, _, j in
                        x + Double(bias.floats[j])
                    }
                }
                #expect(
                    hk_sgemm_packed(
                        Int64(m), Int64(n), Int64(k), a.floats, Int64(lda), packed.base, c.floats, Int64(n), &epilogue,
                        nil) == HK_OK)
                checkProduct()
                #expect(
                    hk_sgemm(
                        Int64(m), Int64(n), Int64(k), a.floats, Int64(lda), UInt8(HK_F32), b.base, Int64(n), 1,
                        c.floats,
                        Int64(n), &epilogue, sharedPool.pointer) == HK_OK)
                checkProduct()
            }
        }

        @Test(arguments: levels)
        func batches(level: Int) {
            let (outer, inner, m, n, k) = (2, 3, 9, 20, 11)
            var random = Random(6)
            let a = Storage(.float32, numbers: random.floats(outer * inner * m * k))
            let b = Storage(.float32, numbers: random.floats(outer * k * n))
            let c = Storage(.float32, count: outer * inner * m * n)
            atLevel(level) {
                #expect(
                    hk_sgemm_batched(
                        2, int64s([outer, inner]), int64s([inner * m * k, m * k]), int64s([k * n, 0]),
                        int64s([inner * m * n, m * n]),
                        Int64(m), Int64(n), Int64(k), a.floats, Int64(k), b.floats, Int64(n), 1, c.floats, Int64(n),
                        sharedPool.pointer) == HK_OK)
            }
            #expect(c.guardsIntact)
            for item in 0..<outer * inner {
                let part = Storage(.float32, Array(c.bits[item * m * n..<(item + 1) * m * n]))
                let values = Array(b.numbers[item / inner * k * n..<(item / inner + 1) * k * n])
                Self.check(
                    part, ldc: n, Array(a.numbers[item * m * k..<(item + 1) * m * k]), lda: k, { values[$0 * n + $1] },
                    m, n, k)
            }
        }

        @Test(
            arguments: [
                HK_ACT_NONE, HK_ACT_RELU, HK_ACT_GELU_ERF, HK_ACT_GELU_TANH, HK_ACT_SILU, HK_ACT_SIGMOID, HK_ACT_TANH,
            ], levels)
        func epilogues(activation: Int, level: Int) {
            let (m, n, ldc) = (7, 37, 41)
            var random = Random(activation)
            let c = Storage(.float32, numbers: random.floats(m * ldc, -3, 3))
            let before = c.numbers
            let bias = Storage(.float32, numbers: random.floats(n))
            var epilogue = hk_epilogue(
                bias: bias.floats, residual: nil, residual_stride: 0, scale: 1, activation: Int32(activation))
            atLevel(level) {
                hk_epilogue_apply(&epilogue, c.floats, Int64(ldc), Int64(m), Int64(n), sharedPool.pointer)
            }
            for i in 0..<m * ldc {
                guard i % ldc < n else {
                    #expect(Double(c.floats[i]) == before[i])
                    continue
                }
                let x = before[i] + Double(bias.floats[i % ldc])
                let want =
                    switch activation {
                    case HK_ACT_RELU: max(x, 0)
                    case HK_ACT_GELU_ERF: 0.5 * x * erfc(-x * 0.5.squareRoot())
                    case HK_ACT_GELU_TANH:
                        0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
                    case HK_ACT_SILU: x / (1 + exp(-x))
                    case HK_ACT_SIGMOID: 1 / (1 + exp(-x))
                    case HK_ACT_TANH: tanh(x)
                    default: x
                    }
                #expect(abs(Double(c.floats[i]) - want) <= 1e-6 * (1 + abs(want)))
            }
        }

        @Test(arguments: [[1, 1], [3, 17], [70, 130], [257, 64], [33, 1000], [700, 300]], levels)
        func matrixVector(shape: [Int], level: Int) {
            let (m, k) = (shape[0], shape[1])
            var random = Random(m * k)
            for transposed in [false, true] {
                let (rows, cols) = transposed ? (k, m) : (m, k)
                let lda = cols + 3
                for type in [Scalar.float32, .float64] {
                    let a = Storage(type, numbers: random.floats(rows * lda))
                    let x = Storage(type, numbers: random.floats(k))
                    let y = Storage(type, count: m)
                    let status = atLevel(level) {
                        type == .float32
                            ? hk_gemv_f32(
                                transposed ? 1 : 0, Int64(m), Int64(k), a.floats, Int64(lda), x.floats, y.floats,
                                sharedPool.pointer)
                            : hk_gemv_f64(
                                transposed ? 1 : 0, Int64(m), Int64(k), a.doubles, Int64(lda), x.doubles, y.doubles,
                                sharedPool.pointer)
                    }
                    #expect(status == HK_OK && y.guardsIntact)
                    let (av, xv) = (a.numbers, x.numbers)
                    for i in 0..<m {
                        var (sum, magnitude) = (0.0, 0.0)
                        for p in 0..<k {
                            let term = av[transposed ? p * lda + i : i * lda + p] * xv[p]
                            sum += term
                            magnitude += abs(term)
                        }
                        let eps = type == .float32 ? 0x1p-24 : 0x1p-52
                        #expect(abs(type.number(y[i]) - sum) <= Double(k + 2) * eps * magnitude)
                    }
                }
            }
        }

        @Test(
            arguments: [
                (Scalar.int8, Scalar.int32, Scalar.int32), (.uint8, .int32, .int32), (.int16, .int16, .int16),
                (.int64, .int64, .int64),
                (.uint32, .uint64, .uint64), (.float64, .float64, .float64), (.float16, .float32, .float16),
                (.bfloat16, .float32, .float32),
            ], levels)
        func productsOfAnyType(types: (Scalar, Scalar, Scalar), level: Int) {
            let (type, accumulator, output) = types
            let (batch, m, n, k) = (2, 3, 130, 70)
            var random = Random(Int(type.code))
            func values(_ count: Int) -> Storage {
                type.isFloat
                    ? Storage(type, numbers: random.floats(count))
                    : Storage(type, (0..<count).map { _ in random.next() & type.mask })
            }
            let (a, b) = (values(batch * m * k), values(k * n))
            let c = Storage(output, count: batch * m * n)
            var desc = hk_dot_desc()
            (desc.type, desc.accumulator, desc.output) = (type.code, accumulator.code, output.code)
            (desc.batch, desc.m, desc.n, desc.k) = (Int64(batch), Int64(m), Int64(n), Int64(k))
            fill(&desc.a_strides, int64s([m * k, k, 1]))
            fill(&desc.b_strides, int64s([0, 1, k]))
            fill(&desc.c_strides, int64s([m * n, n, 1]))
            atLevel(level) { #expect(hk_dot(&desc, a.base, b.base, c.base, sharedPool.pointer) == HK_OK) }
            #expect(c.guardsIntact)
            for i in 0..<batch * m {
                for j in 0..<n {
                    if type.isFloat {
                        var (sum, magnitude) = (0.0, 0.0)
                        for p in 0..<k {
                            sum += type.number(a[i * k + p]) * type.number(b[j * k + p])
                            magnitude += abs(type.number(a[i * k + p]) * type.number(b[j * k + p]))
                        }
                        let eps = type == .float64 ? 0x1p-52 : 0x1p-23
                        let last = output == .float16 ? 0x1p-11 : 0
                        #expect(abs(output.number(c[i * n + j]) - sum) <= 72 * eps * magnitude + last * abs(sum))
                    } else {
                        var sum: Int64 = 0
                        for p in 0..<k { sum = sum &+ type.integer(a[i * k + p]) &* type.integer(b[j * k + p]) }
                        #expect(c[i * n + j] == UInt64(bitPattern: sum) & output.mask)
                    }
                }
            }
            desc.type = UInt8(HK_BOOL)
            #expect(hk_dot_validate(&desc) == HK_ERR_TYPE)
        }
    }

    @Suite struct Attention {
        struct Case: CustomTestStringConvertible, Sendable {
            var (batch, heads, kvHeads, queries, keys, depth, valueDepth) = (1, 1, 1, 1, 1, 1, 1)
            var flags = 0
            var mask = 0  // 0 none, 1 additive [b,1,q,k], 2 bool [1,1,1,k]
            var testDescription: String {
                "\(batch)x\(heads)/\(kvHeads) \(queries)x\(keys)x\(depth) flags \(flags) mask \(mask)"
            }
        }

        static let cases = [
            Case(batch: 1, heads: 1, kvHeads: 1, queries: 1, keys: 1, depth: 1, valueDepth: 1),
            Case(batch: 2, heads: 3, kvHeads: 3, queries: 33, keys: 65, depth: 17, valueDepth: 31),
            Case(batch: 1, heads: 12, kvHeads: 12, queries: 40, keys: 40, depth: 32, valueDepth: 32, mask: 1),
            Case(batch: 2, heads: 4, kvHeads: 2, queries: 20, keys: 300, depth: 40, valueDepth: 64, mask: 2),
            Case(
                batch: 1, heads: 2, kvHeads: 1, queries: 150, keys: 530, depth: 16, valueDepth: 8,
                flags: HK_ATTENTION_CAUSAL),
            Case(
                batch: 1, heads: 2, kvHeads: 2, queries: 70, keys: 70, depth: 64, valueDepth: 64,
                flags: HK_ATTENTION_CAUSAL_TOP),
            // more queries than keys: the first rows see nothing
            Case(
                batch: 1, heads: 1, kvHeads: 1, queries: 9, keys: 5, depth: 8, valueDepth: 8, flags: HK_ATTENTION_CAUSAL
            ),
            Case(
                batch: 1, heads: 1, kvHeads: 1, queries: 9, keys: 5, depth: 8, valueDepth: 8,
                flags: HK_ATTENTION_CAUSAL | HK_ATTENTION_ZERO_MASKED),
            Case(batch: 1, heads: 1, kvHeads: 1, queries: 3, keys: 0, depth: 4, valueDepth: 4),
        ]

        @Test(arguments: cases, levels)
        func matchesTheFormula(test t: Case, level: Int) {
            var random = Random(t.queries + t.keys)
            // stored [batch, row, head, depth], seen as [batch, head, row, depth]
            let q = Storage(.float32, numbers: random.floats(t.batch * t.queries * t.heads * t.depth, -2, 2))
            let k = Storage(.float32, numbers: random.floats(t.batch * t.keys * t.kvHeads * t.depth, -2, 2))
            let v = Storage(.float32, numbers: random.floats(t.batch * t.keys * t.kvHeads * t.valueDepth, -2, 2))
            let out = Storage(.float32, count: t.batch * t.queries * t.heads * t.valueDepth)
            let mask =
                t.mask == 1
                ? Storage(
                    .float32,
                    numbers: (0..<t.batch * t.queries * t.keys).map { _ in
                        random.next() % 3 == 0 ? -.infinity : random.uniform(-1, 1)
                    })
                : Storage(.bool, (0..<t.keys).map { _ in random.next() & 1 })
            var desc = hk_attention_desc()
            (desc.batch, desc.heads, desc.kv_heads) = (Int64(t.batch), Int64(t.heads), Int64(t.kvHeads))
            (desc.queries, desc.keys, desc.depth, desc.value_depth) = (
                Int64(t.queries), Int64(t.keys), Int64(t.depth), Int64(t.valueDepth)
            )
            fill(&desc.q_strides, int64s([t.queries * t.heads * t.depth, t.depth, t.heads * t.depth]))
            fill(&desc.k_strides, int64s([t.keys * t.kvHeads * t.depth, t.depth, t.kvHeads * t.depth]))
            fill(&desc.v_strides, int64s([t.keys * t.kvHeads * t.valueDepth, t.valueDepth, t.kvHeads * t.valueDepth]))
            fill(&desc.out_strides, int64s([t.queries * t.heads * t.valueDepth, t.valueDepth, t.heads * t.valueDepth]))
            fill(&desc.mask_strides, int64s(t.mask == 1 ? [t.queries * t.keys, 0, t.keys, 1] : [0, 0, 0, 1]))
            desc.mask_type = UInt8(t.mask == 2 ? HK_BOOL : HK_F32)
            desc.flags = UInt32(t.flags)
            desc.scale = 0.25
            let status = atLevel(level) {
                hk_attention(
                    &desc, q.floats, k.floats, v.floats, t.mask == 0 ? nil : mask.base, out.floats, sharedPool.pointer)
            }
            #expect(status == HK_OK && out.guardsIntact)
            let (qv, kv, vv) = (q.numbers, k.numbers, v.numbers)
            var wrong = 0
            for b in 0..<t.batch {
                for h in 0..<t.heads {
                    let g = h / (t.heads / t.kvHeads)
                    for i in 0..<t.queries {
                        var scores = [Double](repeating: 0, count: t.keys)
                        for j in 0..<t.keys {
                            for d in 0..<t.depth {
                                scores[j] +=
                                    qv[((b * t.queries + i) * t.heads + h) * t.depth + d]
                                    * kv[((b * t.keys + j) * t.kvHeads + g) * t.depth + d]
                            }
                            scores[j] *= 0.25
                            if t.mask == 1 { scores[j] += mask.number((b * t.queries + i) * t.keys + j) }
                            if t.mask == 2 && mask[j] == 0 { scores[j] = -.infinity }
                            if t.flags & HK_ATTENTION_CAUSAL != 0 && j > i + t.keys - t.queries {
                                scores[j] = -.infinity
                            }
                            if t.flags & HK_ATTENTION_CAUSAL_TOP != 0 && j > i { scores[j] = -.infinity }
                        }
                        let peak = scores.max() ?? -.infinity
                        let weights = peak == -.infinity ? scores.map { _ in 0 } : scores.map { exp($0 - peak) }
                        let sum = weights.reduce(0, +)
                        for d in 0..<t.valueDepth {
                            var want = 0.0
                            for j in 0..<t.keys {
                                want += weights[j] * vv[((b * t.keys + j) * t.kvHeads + g) * t.valueDepth + d]
                            }
                            let got = Double(out.floats[((b * t.queries + i) * t.heads + h) * t.valueDepth + d])
                            if sum == 0 {
                                let zero = t.flags & HK_ATTENTION_ZERO_MASKED != 0
                                if !(zero ? got == 0 : got.isNaN) { wrong += 1 }
                            } else if !(abs(got - want / sum) <= 2e-5) {
                                wrong += 1
                            }
                        }
                    }
                }
            }
            #expect(wrong == 0)
        }

        @Test func refusesBadDescriptions() {
            var desc = hk_attention_desc()
            (desc.batch, desc.heads, desc.kv_heads, desc.mask_type) = (1, 3, 2, UInt8(HK_F32))
            #expect(hk_attention_validate(&desc) == HK_ERR_SHAPE)
            desc.kv_heads = 3
            desc.depth = 10_000
            #expect(hk_attention_validate(&desc) == HK_ERR_LIMIT)
            desc.depth = 8
            desc.mask_type = UInt8(HK_INT32)
            #expect(hk_attention_validate(&desc) == HK_ERR_TYPE)
            #expect(hk_attention_validate(nil) == HK_ERR_ARGUMENT)
        }
    }
}

extension Storage {
    /// One element as a number.
    func number(_ index: Int) -> Double { type.number(self[index]) }
}
