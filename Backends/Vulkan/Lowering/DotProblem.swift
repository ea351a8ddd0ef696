// Heterodyne: a dot in the numbers that kernels take.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// A dot brought into the numbers that kernels take.
struct DotProblem: Hashable, Sendable {
    var dot: DotClass
    var numbers: DotNumbers

    /// Which view stands in the way of a problem.
    enum Obstacle: Error, Hashable, Sendable {
        case left
        case right
        /// An operand of the epilogue, or its batch.
        case epilogue
        /// The batch has more than two dimensions with strides of their own.
        case batch
    }

    /// The problem of a dot with elementwise work on its result. `epilogueOperands` have the extents of the result.
    ///
    /// Throws what has no single stride along the rows, columns, depth, or at most two along the batch; it then has to
    /// be copied (or the work to be done apart).
    init(
        _ shape: DotShape, _ left: StridedView, _ right: StridedView, _ types: DotTypes, plan: RegionPlan? = nil,
        epilogueOperands: [StridedView] = []
    ) throws(Obstacle) {
        var rows = shape.rows
        let d = shape.dimensions
        guard var leftEdge = left.group(shape.leftFree)?.stride, let leftDepth = left.group(d.leftContracting)?.stride
        else { throw .left }
        guard let rightEdge = right.group(shape.rightFree)?.stride,
            let rightDepth = right.group(d.rightContracting)?.stride
        else { throw .right }
        var batchExtents = shape.batchExtents
        var lists = [d.leftBatch.map { left.strides[$0] }, d.rightBatch.map { right.strides[$0] }]
        var resultRows = shape.resultRows
        // A right factor that is the same for the whole batch makes one tall product.
        let allRows = shape.resultBatch + shape.resultRows
        if !batchExtents.isEmpty, lists[1].allSatisfy({ $0 == 0 }),
            let joined = left.group(d.leftBatch + shape.leftFree),
            epilogueOperands.allSatisfy({ $0.group(allRows) != nil })
        {
            (rows, leftEdge, resultRows) = (joined.extent, joined.stride, allRows)
            batchExtents = []
            lists = [[], []]
        }
        for operand in epilogueOperands {
            lists.append(batchExtents.isEmpty ? [] : shape.resultBatch.map { operand.strides[$0] })
        }
        let (extents, strides) = Strides.merged(batchExtents, lists)
        guard extents.count <= 2 else { throw epilogueOperands.isEmpty ? .batch : .epilogue }
        func outer(_ list: Int) -> Int { extents.count == 2 ? strides[list][0] : 0 }
        func inner(_ list: Int) -> Int { strides[list].last ?? 0 }
        numbers = DotNumbers(
            rows: rows, columns: shape.columns, depth: shape.depth, batchCount: Strides.count(extents),
            batchInner: extents.last ?? 1, splitDepth: shape.depth,
            left: DotNumbers.Operand(
                origin: left.bound.origin, edgeStride: rows == 1 ? 0 : leftEdge,
                depthStride: shape.depth == 1 ? 0 : leftDepth, outerStride: outer(0), innerStride: inner(0)),
            right: DotNumbers.Operand(
                origin: right.bound.origin, edgeStride: shape.columns == 1 ? 0 : rightEdge,
                depthStride: shape.depth == 1 ? 0 : rightDepth, outerStride: outer(1), innerStride: inner(1)))
        dot = DotClass(
            types: types, left: DotOperandClass(order: .scattered, width: 1),
            right: DotOperandClass(order: .scattered, width: 1), hasVectorColumns: false, hasVectorDepth: false)
        dot.batchRank = extents.count
        if let plan {
            var operands: [DotEpilogue.Operand] = []
            for (index, view) in epilogueOperands.enumerated() {
                guard let row = view.group(resultRows)?.stride, let column = view.group(shape.resultColumns)?.stride
                else { throw .epilogue }
                operands.append(
                    DotEpilogue.Operand(
                        type: view.type, origin: view.bound.origin, rowStride: rows == 1 ? 0 : row,
                        columnStride: shape.columns == 1 ? 0 : column, outerStride: outer(index + 2),
                        innerStride: inner(index + 2)))
            }
            dot.epilogue = DotEpilogue(plan: plan, operands: operands)
        }
        let limit = Int(UInt32.max) / 2
        let results = numbers.rows.multipliedReportingOverflow(by: numbers.columns)
        let all = results.partialValue.multipliedReportingOverflow(by: numbers.batchCount)
        let reaches = ([left, right] + epilogueOperands).map { $0.bound.byteCount / $0.elementSize }
        dot.isWide = results.overflow || all.overflow || all.partialValue > limit || reaches.contains { $0 > limit }
    }

    /// The product of the transposed factors, whose result is the transposed one: rows become columns.
    var swapped: DotProblem {
        var copy = self
        (copy.numbers.rows, copy.numbers.columns) = (numbers.columns, numbers.rows)
        (copy.numbers.left, copy.numbers.right) = (numbers.right, numbers.left)
        (copy.dot.types.left, copy.dot.types.right) = (dot.types.right, dot.types.left)
        copy.dot.transposesResult.toggle()
        if let epilogue = dot.epilogue {
            copy.dot.epilogue?.operands = epilogue.operands.map {
                var operand = $0
                (operand.rowStride, operand.columnStride) = ($0.columnStride, $0.rowStride)
                return operand
            }
        }
        return copy
    }

    /// The class with the widest vectors that the numbers allow. `columns`: whether an invocation has whole vectors of
    /// columns; `depth`: whether vectors along the depth must not be cut off at its end.
    mutating func classify(vectorColumns: Bool, wholeDepth: Bool) {
        dot.hasVectorDepth = numbers.depth % 4 == 0 && numbers.splitDepth % 4 == 0
        dot.hasVectorColumns = vectorColumns && numbers.columns % 4 == 0
        func layout(_ operand: DotNumbers.Operand, _ edge: Int, _ mayVectorEdge: Bool) -> DotOperandClass {
            let others = [operand.origin, operand.outerStride, operand.innerStride]
            let isAligned = others.allSatisfy { $0 >= 0 && $0 % 4 == 0 }
            func suits(_ stride: Int) -> Bool { isAligned && stride >= 0 && stride % 4 == 0 }
            if operand.depthStride == 1 {
                // Parts of a split depth begin at multiples of 4 then.
                let isVector = suits(operand.edgeStride) && (numbers.splits == 1 || numbers.splitDepth % 4 == 0)
                let fits = isVector && numbers.depth >= 4 && (!wholeDepth || dot.hasVectorDepth)
                return DotOperandClass(order: .alongDepth, width: fits ? 4 : 1)
            }
            if operand.edgeStride == 1 {
                let fits = mayVectorEdge && edge % 4 == 0 && suits(operand.depthStride)
                return DotOperandClass(order: .alongEdge, width: fits ? 4 : 1)
            }
            return DotOperandClass(order: .scattered, width: 1)
        }
        dot.left = layout(numbers.left, numbers.rows, true)
        dot.right = layout(numbers.right, numbers.columns, vectorColumns)
    }

    /// Scalar multiplications.
    var products: Double {
        Double(numbers.rows) * Double(numbers.columns) * Double(numbers.depth) * Double(numbers.batchCount)
    }
}
