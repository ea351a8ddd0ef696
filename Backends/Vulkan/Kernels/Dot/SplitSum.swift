// Heterodyne: adds the parts of a product whose depth was split among workgroups.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Adds the parts of a product in their order, runs the epilogue, and stores the results.
///
/// Slots: the parts (as `DotClass.hasSplits` stores them), operands of the epilogue, results. Push constants: see
/// `constants`.
struct SplitSum: KernelRecipe {
    /// The product without `hasSplits`.
    var dot: DotClass
    var workgroup: Int

    /// Elements that an invocation adds up.
    var width: Int { dot.hasVectorColumns && !dot.transposesResult ? 4 : 1 }

    /// Invocations for a product.
    func invocations(_ numbers: DotNumbers) -> Int {
        numbers.rows * numbers.columns * numbers.batchCount / width
    }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        guard !dot.hasSplits, !dot.hasVectorColumns || !dot.transposesResult else {
            throw .invalidDeclaration("a sum of parts that is split itself, or of transposed vectors")
        }
        let k = KernelBuilder("dot_parts", workgroup: [UInt32(workgroup)])
        let code = ScalarCode(k, target)
        let type = dot.types.sum.with(width: width)
        let parts = k.buffer("parts", type, .read)
        let index = dot.indexType.scalar
        let count = k.pushConstant("count", dot.indexType)
        let splits = k.pushConstant("splits", .u32)
        let rows = k.pushConstant("rows", .u32)
        let columns = k.pushConstant("columns", .u32)
        let batchInner = k.pushConstant("batch_inner", .u32)
        let number = k.linearInvocation(width: workgroup, dot.indexType)
        // The place in the result, and from it the row and the column.
        let place = number * width
        let (fast, slow) = dot.transposesResult ? (rows, columns) : (columns, rows)
        let line = place / fast.converted(to: index)
        let (first, rest) = (place % fast.converted(to: index), line % slow.converted(to: index))
        let matrix = line / slow.converted(to: index)
        let (row, column) = dot.transposesResult ? (first, rest) : (rest, first)
        let target = DotPlace(
            k, dot, rows: rows, columns: columns, matrix: matrix, batch: matrix,
            batchInner: batchInner.converted(to: index))
        let output = DotStore(target, code)
        var failure: KernelError?
        k.if(number .< count) {
            let sum = k.variable(k.constant(bits: 0, type))
            k.loop(from: k.constant(0, .u32), to: splits) { split in
                sum.value = sum.value + parts[split.converted(to: index) * count + number]
            }
            do throws(KernelError) {
                try output.store(sum.value, row: row.converted(to: .uint32), column: column.converted(to: .uint32))
            } catch { failure = error }
        }
        if let failure { throw failure }
        return try k.finish()
    }

    /// What a launch gives to the push constants.
    func constants(_ numbers: DotNumbers) -> [PushValue] {
        let count = invocations(numbers)
        let counts = [numbers.splits, numbers.rows, numbers.columns, numbers.batchInner]
        return [dot.isWide ? .u64(UInt64(count)) : .u32(UInt32(truncatingIfNeeded: count))]
            + counts.map { .u32(UInt32(truncatingIfNeeded: $0)) }
    }
}
