// Heterodyne: host programs without a BLAS library, shared packed matrices, and the arithmetic of views.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodyneHostKernels

struct HostProgramTests {
    private func numbers(_ count: Int, _ step: Int) -> [Float] { (0..<count).map { Float($0 * step % 17 - 8) / 4 } }

    private func run(_ graph: Graph, _ inputs: [[Float]], threads: Int, output count: Int) throws -> [Float] {
        let program = try HostProgram(
            CompilationUnit(graph: graph, threads: threads), options: HostProgramOptions(blas: nil))
        let invocation = try program.makeInvocation()
        for (index, input) in inputs.enumerated() {
            let buffer = try HostBuffer(byteCount: input.count * 4)
            try input.withUnsafeBytes { try buffer.write(from: $0, at: 0) }
            try invocation.bind(input: index, to: buffer)
        }
        let result = try HostBuffer(byteCount: count * 4)
        try invocation.bind(output: 0, to: result)
        try invocation.run()
        return (0..<count).map { result.address.load(fromByteOffset: $0 * 4, as: Float.self) }
    }

    /// All values are small multiples of 1/4, so that every sum is exact and any order gives the same result.
    @Test(arguments: [1, 2], [(1, 7, 5), (33, 20, 17), (140, 96, 64)])
    func productsWithoutALibrary(threads: Int, shape: (Int, Int, Int)) throws {
        let (m, n, k) = shape
        let x = numbers(m * k, 7)
        let w = numbers(k * n, 5)
        var expected = [Float](repeating: 0, count: m * n)
        for i in 0..<m { for j in 0..<n { for l in 0..<k { expected[i * n + j] += x[i * k + l] * w[l * n + j] } } }
        let types = [TensorType(.float32, [m, k]), TensorType(.float32, [k, n])]
        let dimensions = DotDimensions(leftContracting: [1], rightContracting: [0])
        let plain = try GraphBuilder.region(types) { _, t throws(GraphError) in [try t[0].dot(t[1], dimensions)] }
        #expect(try run(plain, [x, w], threads: threads, output: m * n) == expected)
        let constant = try Literal(w, shape: [.fixed(k), .fixed(n)])
        let packed = try GraphBuilder.region([types[0]]) { builder, t throws(GraphError) in
            [try t[0].dot(builder.constant(constant), dimensions)]
        }
        #expect(try run(packed, [x], threads: threads, output: m * n) == expected)
        let wide = try GraphBuilder.region(types) { _, t throws(GraphError) in
            let product = try t[0].transpose([1, 0]).convert(.float64).dot(
                t[1].convert(.float64), DotDimensions(leftContracting: [0], rightContracting: [0]))
            return [try product.convert(.float32)]
        }
        #expect(try run(wide, [x, w], threads: threads, output: m * n) == expected)
    }

    @Test func programsShareAPackedMatrix() throws {
        let constant = try Literal(numbers(64 * 48, 5), shape: [64, 48])
        func program(_ rows: Int) throws -> HostProgram {
            let graph = try GraphBuilder.region([TensorType(.float32, [rows, 64])]) { builder, t throws(GraphError) in
                let dimensions = DotDimensions(leftContracting: [1], rightContracting: [0])
                return [try t[0].dot(builder.constant(constant), dimensions)]
            }
            return try HostProgram(CompilationUnit(graph: graph, threads: 1), options: HostProgramOptions(blas: nil))
        }
        func block(_ program: HostProgram) throws -> UnsafeMutableRawPointer? {
            let step = try #require(program.steps.first)
            return step.payload.assumingMemoryBound(to: ProductPayload.self).pointee.packed?.pointee
        }
        let first = try program(5)
        let second = try program(9)
        #expect(try block(first) != nil)
        #expect(try block(first) == block(second))
        #expect(first.constantByteCount >= 64 * 48 * 4)
    }

    // MARK: - Views

    @Test func reshapeOfStridedViews() throws {
        let view = StridedView(dense: 0, extents: [4, 6, 5], type: .float32)
        #expect(view.reshaped([24, 5])?.strides == [5, 1])
        #expect(view.reshaped([2, 2, 3, 2, 5])?.strides == [60, 30, 10, 5, 1])
        let moved = view.transposed([2, 0, 1])
        #expect(moved.strides == [1, 30, 5])
        #expect(moved.reshaped([5, 24])?.strides == [1, 5])
        #expect(moved.reshaped([20, 6]) == nil)
        #expect(moved.reshaped([1, 5, 4, 1, 6])?.strides == [0, 1, 30, 0, 5])
        let cut = view.sliced(starts: [1, 0, 2], steps: [2, 1, 1], extents: [2, 6, 3])
        #expect(cut.offset == 32)
        #expect(cut.strides == [60, 5, 1])
        #expect(!cut.isDense)
        #expect(cut.reshaped([12, 3]) == nil)
        #expect(cut.reshaped([2, 18]) == nil)
    }

    @Test func reversalAndRepetition() {
        let view = StridedView(dense: 3, extents: [4, 3], type: .float16)
        let reversed = view.reversed([0, 1])
        #expect(reversed.offset == 11)
        #expect(reversed.strides == [-3, -1])
        #expect(reversed.group([0, 1])?.stride == -1)
        let repeated = view.broadcast([2, 4, 3], [1, 2])
        #expect(repeated.strides == [0, 3, 1])
        #expect(repeated.withoutRepetition.extents == [1, 4, 3])
        #expect(!repeated.isDense)
    }

    @Test func merging() {
        let (extents, strides) = Strides.merged([2, 1, 3, 4], [[12, 7, 4, 1], [0, 9, 0, 1]])
        #expect(extents == [6, 4])
        #expect(strides == [[4, 1], [0, 1]])
        #expect(Strides.dense([2, 0, 3]) == [0, 0, 0])
        #expect(Strides.count([1 << 40, 0, 1 << 40]) == 0)
    }
}
