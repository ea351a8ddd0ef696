// Heterodyne: tests of reductions, row kernels and the thread pool.
// SPDX-License-Identifier: Apache-2.0
import CHostKernels
import Foundation
import Synchronization
import Testing

extension HostKernels {
    @Suite struct Reductions {
        static func reduce(
            _ kind: Int, _ type: Scalar, _ dims: [Int], _ strides: [Int], _ reduced: [Bool],
            _ input: UnsafeMutableRawPointer,
            into output: Storage, pool: OpaquePointer? = sharedPool.pointer
        ) -> Int {
            var desc = hk_reduce_desc()
            desc.kind = UInt8(kind)
            desc.type = type.code
            desc.output_type = output.type.code
            desc.rank = Int32(dims.count)
            fill(&desc.dims, int64s(dims))
            fill(&desc.strides, int64s(strides))
            fill(&desc.reduced, reduced.map { UInt8($0 ? 1 : 0) })
            let kept = dims.indices.filter { !reduced[$0] }
            let dense = rowMajor(kept.map { dims[$0] })
            var outStrides = [Int](repeating: 0, count: dims.count)
            for (i, d) in kept.enumerated() { outStrides[d] = dense[i] }
            fill(&desc.out_strides, int64s(outStrides))
            var plan: OpaquePointer?
            let status = hk_reduce_prepare(&plan, &desc)
            guard status == HK_OK else { return Int(status) }
            hk_reduce_run(plan, input, output.base, pool)
            hk_reduce_destroy(plan)
            return HK_OK
        }

        static func combine(_ kind: Int, _ type: Scalar, _ a: UInt64, _ b: UInt64) -> UInt64? {
            let ops = [HK_OP_ADD, HK_OP_MULTIPLY, HK_OP_MAXIMUM, HK_OP_MINIMUM, HK_OP_AND, HK_OP_OR]
            if type == .bool {
                return kind == HK_REDUCE_MAX || kind == HK_REDUCE_OR ? a | b : a & b
            }
            return Elementwise.integer(ops[kind], type, a, b, 0)
        }

        static func identity(_ kind: Int, _ type: Scalar) -> UInt64 {
            switch kind {
            case HK_REDUCE_PRODUCT: 1
            case HK_REDUCE_MAX: type.isSigned ? type.mask >> 1 + 1 : 0
            case HK_REDUCE_MIN: type == .bool ? 1 : type.isSigned ? type.mask >> 1 : type.mask
            case HK_REDUCE_AND: type == .bool ? 1 : type.mask
            default: 0
            }
        }

        /// Exact for integers and bool: random shapes, layouts and sets of dimensions.
        @Test(arguments: [Scalar.bool] + Scalar.integers, levels)
        func integers(type: Scalar, level: Int) throws {
            var random = Random(Int(type.code) + 3)
            for kind in (type == .bool ? HK_REDUCE_MAX : HK_REDUCE_SUM)...HK_REDUCE_OR {
                for round in 0..<12 {
                    let rank = Int(random.next() % 4)
                    let dims = (0..<rank).map { _ in [0, 1, 2, 5, 19, 70][Int(random.next() % (rank > 2 ? 5 : 6))] }
                    let reduced = dims.map { _ in random.next() & 1 == 0 }
                    let strides = round % 3 == 0 ? Array(rowMajor(dims.reversed()).reversed()) : rowMajor(dims)
                    let x = Storage(type, (0..<dims.reduce(1, *)).map { _ in random.bits(type) })
                    let kept = dims.indices.filter { !reduced[$0] }
                    let dense = rowMajor(kept.map { dims[$0] })
                    var want = [UInt64](repeating: Self.identity(kind, type), count: kept.reduce(1) { $0 * dims[$1] })
                    for position in positions(dims) {
                        let at = dot(dense, kept.map { position[$0] })
                        want[at] = try #require(Self.combine(kind, type, want[at], x[dot(strides, position)]))
                    }
                    let output = Storage(type, count: want.count)
                    let status = atLevel(level) {
                        Self.reduce(kind, type, dims, strides, reduced, x.base, into: output)
                    }
                    try #require(
                        status == HK_OK && output.guardsIntact && output.bits == want, "kind \(kind) \(dims) \(reduced)"
                    )
                }
            }
        }

        /// Floats against double sums, within the documented bound; long axes, columns, few outputs.
        @Test(arguments: Scalar.floats, levels)
        func floats(type: Scalar, level: Int) {
            var random = Random(Int(type.code))
            let shapes: [([Int], [Bool])] = [
                ([1], [true]), ([9], [true]), ([511], [true]), ([513], [true]), ([1025], [true]), ([9000], [true]),
                ([7, 300], [false, true]), ([300, 7], [true, false]), ([300, 130], [true, false]),
                ([5, 6, 7], [true, false, true]), ([4, 300, 9], [false, true, false]), ([200_003], [true]),
                ([70_000, 3], [true, false]), ([3, 70_000], [false, true]),
            ]
            let epsilon: Double =
                switch type {
                case .float16: 0x1p-11
                case .bfloat16: 0x1p-8
                case .float32: 0x1p-24
                default: 0x1p-53
                }
            let accumulator = type == .float64 ? 0x1p-53 : 0x1p-24
            for (dims, reduced) in shapes {
                let count = dims.reduce(1, *)
                let x = Storage(type, numbers: random.floats(count))
                let numbers = x.numbers
                let kept = dims.indices.filter { !reduced[$0] }
                let dense = rowMajor(kept.map { dims[$0] })
                let outputs = kept.reduce(1) { $0 * dims[$1] }
                var (sum, magnitude) = ([Double](repeating: 0, count: outputs), [Double](repeating: 0, count: outputs))
                var (high, low) = (
                    [Double](repeating: -.infinity, count: outputs), [Double](repeating: .infinity, count: outputs)
                )
                let keptStrides = dims.indices.map { d in kept.firstIndex(of: d).map { dense[$0] } ?? 0 }
                let source = rowMajor(dims)
                for i in 0..<count {
                    var at = 0
                    for d in dims.indices { at += i / source[d] % dims[d] * keptStrides[d] }
                    sum[at] += numbers[i]
                    magnitude[at] += abs(numbers[i])
                    high[at] = max(high[at], numbers[i])
                    low[at] = min(low[at], numbers[i])
                }
                let output = Storage(type, count: outputs)
                atLevel(level) {
                    #expect(
                        Self.reduce(HK_REDUCE_SUM, type, dims, rowMajor(dims), reduced, x.base, into: output) == HK_OK)
                }
                let terms = Double(count / max(outputs, 1))
                for i in 0..<outputs {
                    let growth: Double = 64 + log2(terms + 1)
                    let summed: Double = growth * accumulator * magnitude[i]
                    let bound: Double = summed + epsilon * abs(sum[i]) + 1e-300
                    #expect(abs(type.number(output[i]) - sum[i]) <= bound, "\(dims)")
                }
                atLevel(level) {
                    #expect(
                        Self.reduce(HK_REDUCE_MAX, type, dims, rowMajor(dims), reduced, x.base, into: output) == HK_OK)
                    #expect(output.numbers == high)
                    #expect(
                        Self.reduce(HK_REDUCE_MIN, type, dims, rowMajor(dims), reduced, x.base, into: output) == HK_OK)
                    #expect(output.numbers == low && output.guardsIntact)
                }
            }
        }

        @Test func resultsDoNotDependOnThreads() {
            var random = Random(1)
            for dims in [[300_000], [50_000, 5]] {
                let x = Storage(.float32, numbers: random.floats(dims.reduce(1, *)))
                let one = Storage(.float32, count: dims.count == 1 ? 1 : 5)
                let many = Storage(.float32, count: one.count)
                let reduced = [true, false].prefix(dims.count)
                #expect(
                    Self.reduce(
                        HK_REDUCE_SUM, .float32, dims, rowMajor(dims), Array(reduced), x.base, into: one, pool: nil)
                        == HK_OK)
                #expect(
                    Self.reduce(HK_REDUCE_SUM, .float32, dims, rowMajor(dims), Array(reduced), x.base, into: many)
                        == HK_OK)
                #expect(one.bits == many.bits)
            }
        }

        @Test(arguments: levels)
        func nanAndEmpty(level: Int) {
            for size in [1, 17, 600, 5000] {
                for at in [0, size / 2, size - 1] {
                    let x = Storage(.float32, numbers: (0..<size).map { $0 == at ? .nan : Double($0) })
                    let output = Storage(.float32, count: 1)
                    for kind in [HK_REDUCE_SUM, HK_REDUCE_MAX, HK_REDUCE_MIN] {
                        atLevel(level) {
                            #expect(Self.reduce(kind, .float32, [size], [1], [true], x.base, into: output) == HK_OK)
                        }
                        #expect(output.floats[0].isNaN)
                    }
                }
            }
            let output = Storage(.float32, count: 3)
            for (kind, want) in [
                (HK_REDUCE_SUM, 0), (HK_REDUCE_PRODUCT, 1), (HK_REDUCE_MAX, -Float.infinity),
                (HK_REDUCE_MIN, .infinity),
            ] {
                #expect(
                    Self.reduce(kind, .float32, [3, 0], [0, 1], [false, true], output.base, into: output) == HK_OK)
                #expect((0..<3).allSatisfy { output.floats[$0] == want })
            }
            #expect(Self.reduce(HK_REDUCE_AND, .float32, [3], [1], [true], output.base, into: output) == HK_ERR_TYPE)
            #expect(Self.reduce(HK_REDUCE_SUM, .bool, [3], [1], [true], output.base, into: output) == HK_ERR_TYPE)
        }
    }

    @Suite struct Rows {
        /// Rounding of the format, a few times over, relative to the result's scale.
        static func tolerance(_ type: Scalar) -> Double {
            switch type {
            case .float64: 1e-14
            case .float32: 4e-6
            case .float16: 0x1p-10
            default: 0x1p-7
            }
        }

        @Test(arguments: Scalar.floats, levels)
        func softmaxAndNorms(type: Scalar, level: Int) {
            var random = Random(Int(type.code))
            for cols in [1, 3, 15, 16, 17, 64, 100, 384, 1000] {
                let (rows, stride) = (5, cols + 3)
                let x = Storage(type, numbers: random.floats(rows * stride, -4, 4))
                let r = Storage(type, numbers: random.floats(rows * cols))
                let gain = Storage(type, numbers: random.floats(cols))
                let bias = Storage(type, numbers: random.floats(cols))
                let (soft, logSoft, norm, rms) = (
                    Storage(type, count: rows * cols), Storage(type, count: rows * cols),
                    Storage(type, count: rows * cols),
                    Storage(type, count: rows * cols)
                )
                let total = Storage(type, count: rows * cols)
                let (n, m, s) = (Int64(rows), Int64(cols), Int64(stride))
                atLevel(level) {
                    #expect(hk_softmax(type.code, 0, n, m, x.base, s, soft.base, m, sharedPool.pointer) == HK_OK)
                    #expect(hk_softmax(type.code, 1, n, m, x.base, s, logSoft.base, m, nil) == HK_OK)
                    #expect(
                        hk_layernorm_residual(
                            type.code, n, m, x.base, s, r.base, m, gain.base, bias.base, 1e-5, total.base, norm.base, m,
                            sharedPool.pointer) == HK_OK)
                    #expect(hk_rmsnorm(type.code, n, m, x.base, s, gain.base, 1e-5, rms.base, m, nil) == HK_OK)
                }
                for storage in [soft, logSoft, norm, rms, total] { #expect(storage.guardsIntact) }
                let limit = Self.tolerance(type)
                let (xs, rs, g, b) = (x.numbers, r.numbers, gain.numbers, bias.numbers)
                for i in 0..<rows {
                    let row = (0..<cols).map { xs[i * stride + $0] }
                    let peak = row.max() ?? 0
                    let sum: Double = row.reduce(0) { $0 + exp($1 - peak) }
                    let sums = (0..<cols).map { row[$0] + rs[i * cols + $0] }
                    let mean = sums.reduce(0, +) / Double(cols)
                    let variance = sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(cols)
                    let square = row.reduce(0) { $0 + $1 * $1 } / Double(cols)
                    for j in 0..<cols {
                        let at = i * cols + j
                        let p = exp(row[j] - peak) / sum
                        #expect(abs(type.number(soft[at]) - p) <= limit * p + 1e-7 * (type == .float64 ? 0 : 1))
                        let l = row[j] - peak - log(sum)
                        #expect(abs(type.number(logSoft[at]) - l) <= limit * (1 + abs(l)))
                        #expect(abs(type.number(total[at]) - sums[j]) <= limit * (1 + abs(sums[j])))
                        // one element has variance 0, where epsilon's root magnifies the rounding of x
                        let scale = cols == 1 ? 400.0 : 8
                        let y = (sums[j] - mean) / (variance + 1e-5).squareRoot() * g[j] + b[j]
                        #expect(abs(type.number(norm[at]) - y) <= limit * scale, "\(cols)")
                        let z = row[j] / (square + 1e-5).squareRoot() * g[j]
                        #expect(abs(type.number(rms[at]) - z) <= limit * 8)
                    }
                }
            }
        }

        @Test func softmaxSpecials() {
            let inf = Double.infinity
            let x = Storage(.float32, numbers: [0, -inf, 1, -inf, -inf, -inf, 1, .nan, 2, 1e30, -1e30, 0])
            let y = Storage(.float32, count: 12)
            #expect(hk_softmax(UInt8(HK_F32), 0, 4, 3, x.base, 3, y.base, 3, nil) == HK_OK)
            #expect(y.floats[1] == 0 && abs(y.floats[0] + y.floats[2] - 1) < 1e-6)
            #expect((3..<9).allSatisfy { y.floats[$0].isNaN })
            #expect(y.floats[9] == 1 && y.floats[10] == 0 && y.floats[11] == 0)
            #expect(hk_softmax(UInt8(HK_INT32), 0, 1, 1, x.base, 1, y.base, 1, nil) == HK_ERR_TYPE)
            #expect(hk_softmax(UInt8(HK_F32), 0, -1, 1, x.base, 1, y.base, 1, nil) == HK_ERR_SHAPE)
            #expect(hk_softmax(UInt8(HK_F32), 0, 0, 5, nil, 1, nil, 1, nil) == HK_OK)
        }
    }

    @Suite struct Pool {
        final class Counts: Sendable {
            let values: [Counter]
            init(_ count: Int) { values = (0..<count).map { _ in Counter() } }
        }

        @Test(arguments: [1, 2, 4, 7])
        func everyChunkOnceAlsoNestedAndFromManyThreads(threads: Int) {
            let pool = hk_pool_create(Int32(threads))
            #expect(hk_pool_threads(pool) == threads)
            struct Context {
                let pool: OpaquePointer?
                let counts: Counts
            }
            let body: hk_pool_fn = { context, chunk, _ in
                guard let context else { return }
                let c = context.assumingMemoryBound(to: Context.self).pointee
                c.counts.values[Int(chunk)].value.add(1, ordering: .relaxed)
                // nested: inline
                let inner: hk_pool_fn = { context, chunk, _ in
                    context?.assumingMemoryBound(to: Context.self).pointee.counts.values[Int(chunk)].value.add(
                        1, ordering: .relaxed)
                }
                if chunk == 5 { hk_pool_run(c.pool, inner, context, 3) }
            }
            nonisolated(unsafe) let shared = pool
            let counts = (0..<4).map { _ in Counts(40) }
            DispatchQueue.concurrentPerform(iterations: 4) { caller in
                var context = Context(pool: shared, counts: counts[caller])
                withUnsafeMutablePointer(to: &context) { pointer in
                    for _ in 0..<500 { hk_pool_run(shared, body, pointer, 40) }
                }
            }
            for c in counts {
                for (i, v) in c.values.enumerated() {
                    #expect(v.value.load(ordering: .relaxed) == (i < 3 ? 1000 : 500))
                }
            }
            hk_pool_destroy(pool)
            hk_pool_destroy(nil)
            #expect(hk_pool_threads(nil) == 1)
        }

        @Test func regionFromManyThreads() {
            var program = Program([5000])
            _ = program.input(.float32, [1])
            _ = program.immediate(.float32, Scalar.float32.bits(2))
            program.output(.float32, program.add(HK_OP_MULTIPLY, .float32, 0, 1), [1])
            var region: OpaquePointer?
            #expect(program.prepare(&region) == HK_OK)
            nonisolated(unsafe) let prepared = region
            let failures = Counter()
            DispatchQueue.concurrentPerform(iterations: 6) { caller in
                let x = Storage(.float32, count: 5000)
                for i in 0..<5000 { x.floats[i] = Float(caller * 10000 + i) }
                let y = Storage(.float32, count: 5000)
                for _ in 0..<50 { hk_region_run(prepared, [x.base, nil, y.base], sharedPool.pointer) }
                for i in 0..<5000 where y.floats[i] != 2 * x.floats[i] { failures.value.add(1, ordering: .relaxed) }
            }
            #expect(failures.value.load(ordering: .relaxed) == 0)
            hk_region_destroy(region)
        }

        @Test func statusTextsAndSizes() {
            for status in 0...5 { #expect(String(cString: hk_status_text(Int32(status))).count > 1) }
            for type in Scalar.all { #expect(hk_type_size(type.code) == type.bytes) }
            #expect(hk_type_size(UInt8(HK_INT4)) == 0 && hk_type_size(200) == 0)
            #expect(hk_cpu_level() <= hk_cpu_level_supported())
            #expect(hk_thread_scratch_limit() > 0)
        }
    }
}

/// An atomic count that is shared by reference.
final class Counter: Sendable {
    let value = Atomic<Int>(0)
}
