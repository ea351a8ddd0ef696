// Heterodyne: float matrix products: layouts that the library reads in place, tiles for the threads, epilogues.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// Emits `result = a b` for float32 or float64, with elementwise work on every finished tile. `b` may be of a shorter
    /// type; it is widened when it is packed, or else at every run.
    func emitProduct(
        _ a: StridedView, _ b: StridedView, _ shape: ProductShape, _ result: StridedView, _ epilogue: ProductEpilogue?
    ) throws(BackendError) {
        let isPacked = packs(b, shape)
        if !isPacked, b.type != result.type {
            return try emitProduct(a, converted(b, to: result.type), shape, result, epilogue)
        }
        let left = matrix(a, shape.leftBatch, shape.leftFree, shape.leftContracting, asItIs: isPacked)
        let right =
            MatrixOperand(b, batch: shape.rightBatch, rows: shape.rightContracting, columns: shape.rightFree)
            ?? matrix(b, shape.rightBatch, shape.rightContracting, shape.rightFree)
        guard var left, let right else {
            throw BackendError(.compilationFailed, "dot could not be brought into matrix form")
        }
        var batchExtents = shape.batchExtents
        var lists = [
            left.batchStrides, right.batchStrides, shape.resultBatch.map { result.strides[$0] },
        ]
        var m = shape.m
        var rows = shape.resultRows
        // A right operand that is the same for the whole batch makes one tall product.
        let allRows = shape.resultBatch + shape.resultRows
        let rowsJoin = (epilogue?.operands ?? []).allSatisfy { $0?.group(allRows) != nil || $0 == nil }
        if right.batchStrides.allSatisfy({ $0 == 0 }), !left.isTransposed, rowsJoin,
            let joined = left.view.group(shape.leftBatch + shape.leftFree),
            joined.stride >= max(1, shape.k) || joined.extent == 1
        {
            m = joined.extent
            left.rowStride = joined.stride
            left.leadingDimension = joined.extent == 1 ? max(1, shape.k) : joined.stride
            batchExtents = []
            lists = [[], [], []]
            rows = allRows
        }
        let (extents, strides) = Strides.merged(batchExtents, lists)
        let batchCount = Strides.count(extents)
        // What follows but the packed product reads the factor itself.
        let readsItself = batchCount != 1 || (epilogue == nil && (m == 1 || shape.n == 1))
        if readsItself, b.type != result.type {
            return try emitProduct(a, converted(b, to: result.type), shape, result, epilogue)
        }
        if epilogue == nil, batchCount == 1, m == 1 || shape.n == 1,
            emitVectorProduct(left, right, m: m, n: shape.n, k: shape.k, result)
        {
            return
        }
        guard [m, shape.n, shape.k, left.leadingDimension, right.leadingDimension].allSatisfy({ $0 <= Int(Int32.max) })
        else {
            throw BackendError(.unsupported, "a matrix of dot has an extent beyond 2^31 - 1")
        }
        var payload = ProductPayload(
            m: m, n: shape.n, k: shape.k, left: ProductPayload.Operand(left), right: ProductPayload.Operand(right),
            batchRank: extents.count, batchExtents: store.array(extents), leftBatch: store.array(strides[0]),
            rightBatch: store.array(strides[1]), resultBatch: store.array(strides[2]), batchCount: batchCount,
            tiling: isPacked && batchCount == 1
                ? packedTiling(m: m, n: shape.n, k: shape.k)
                : tiling(m: m, n: shape.n, k: shape.k, batch: batchCount), isDouble: result.type == .float64,
            sgemm: options.blas?.sgemm, dgemm: options.blas?.dgemm,
            prefersOwn: !left.isTransposed && (options.prefersOwnProducts || m <= Self.ownRowLimit), packed: nil,
            epilogue: nil)
        if isPacked, batchCount == 1 { payload.packed = try packedBlocks(b, shape, payload.tiling) }
        var arguments = [argument(left.view), argument(right.view), argument(result)]
        var writes = [result]
        if let epilogue {
            let batch = (extents.isEmpty && !shape.batchExtents.isEmpty) ? [] : shape.resultBatch
            payload.epilogue = try epiloguePayload(
                epilogue, payload, batch: batch, batchExtents: extents, rows: rows, columns: shape.resultColumns)
            for operand in epilogue.operands { arguments.append(operand.map(argument) ?? .none) }
            arguments += epilogue.results.map(argument)
            writes += epilogue.results
        }
        let work = epilogue.map { ", epilogue of \($0.instructions.count)" } ?? ""
        let form = payload.packed != nil ? ", packed" : ""
        emit(
            runProduct, store.store(payload), arguments, writes: writes, isParallel: payload.tiling.chunkCount > 1,
            "dot \(result.type) \(extents)x\(m)x\(shape.n)x\(shape.k)\(form)\(work)")
    }

    /// `view` as matrices, copied where its strides do not allow that.
    private func matrix(
        _ view: StridedView, _ batch: [Int], _ rows: [Int], _ columns: [Int], asItIs: Bool = false
    ) -> MatrixOperand? {
        if view.splatBits == nil, let operand = MatrixOperand(view, batch: batch, rows: rows, columns: columns),
            !operand.isTransposed || (options.blas != nil && !asItIs)
        {
            return operand
        }
        var moved = view.transposed(batch + rows + columns)
        let full = moved.extents
        // Matrices that repeat along the batch are copied once.
        for d in batch.indices where moved.strides[d] == 0 { moved.extents[d] = min(moved.extents[d], 1) }
        let copy = copied(moved).broadcast(full, Array(full.indices))
        let first = batch.count
        return MatrixOperand(
            copy, batch: Array(0..<first), rows: Array(first..<first + rows.count),
            columns: Array(first + rows.count..<full.count))
    }

    /// Emits a matrix-vector product where one of the extents is 1; false where the layout does not fit the kernel.
    private func emitVectorProduct(
        _ left: MatrixOperand, _ right: MatrixOperand, m: Int, n: Int, k: Int, _ result: StridedView
    ) -> Bool {
        let (matrix, vector) = m == 1 ? (right, left) : (left, right)
        let vectorStride = m == 1 ? left.columnStride : right.rowStride
        guard k == 1 || vectorStride == 1 else { return false }
        // The kernel takes [outputs x k] row by row, or [k x outputs] when transposed.
        let isTransposed = m == 1 ? !right.isTransposed : left.isTransposed
        let payload = VectorProductPayload(
            isTransposed: isTransposed ? 1 : 0, outputs: Int64(m == 1 ? n : m), k: Int64(k),
            leadingDimension: Int64(matrix.leadingDimension), isDouble: result.type == .float64)
        emit(
            runVectorProduct, store.store(payload), [argument(matrix.view), argument(vector.view), argument(result)],
            writes: [result], isParallel: m * n * k * matrix.view.elementSize >= Self.parallelThreshold,
            "dot \(result.type) \(m)x\(n)x\(k), matrix times vector")
        return true
    }

    /// How the result is cut into tiles, and tiles into chunks for the threads.
    private func tiling(m: Int, n: Int, k: Int, batch: Int) -> ProductTiling {
        let work = 2.0 * Double(m) * Double(n) * Double(k)
        var tiling = ProductTiling(
            tileRows: m, tileColumns: n, rowTiles: 1, columnTiles: 1, batchesPerChunk: 1, chunkCount: batch)
        if threads == 1 || work * Double(batch) < 400_000 {
            tiling.batchesPerChunk = max(1, batch)
            tiling.chunkCount = 1
            return tiling
        }
        if batch >= 2 * threads {
            // Small products are handed out in groups of some tens of microseconds.
            let group = max(1, min(batch / (2 * threads), Int((400_000 / max(work, 1)).rounded(.up))))
            tiling.batchesPerChunk = group
            tiling.chunkCount = (batch + group - 1) / group
            return tiling
        }
        let needed = (threads + batch - 1) / batch * (work > 2e8 && batch % threads != 0 ? 2 : 1)
        var (rowTiles, columnTiles) = (1, 1)
        while rowTiles * columnTiles < needed {
            if n / columnTiles >= m / rowTiles {
                if n / (columnTiles * 2) < 32 { break }
                columnTiles *= 2
            } else {
                if m / (rowTiles * 2) < 16 { break }
                rowTiles *= 2
            }
        }
        tiling.tileRows = min(m, (m + rowTiles - 1) / rowTiles + 7) / 8 * 8
        tiling.tileColumns = min(n, (n + columnTiles - 1) / columnTiles + 15) / 16 * 16
        if rowTiles == 1 { tiling.tileRows = m }
        if columnTiles == 1 { tiling.tileColumns = n }
        tiling.rowTiles = (m + tiling.tileRows - 1) / tiling.tileRows
        tiling.columnTiles = (n + tiling.tileColumns - 1) / tiling.tileColumns
        tiling.chunkCount = batch * tiling.rowTiles * tiling.columnTiles
        return tiling
    }

    /// The same where the right operand is packed: a tile costs no packing, so tiles are small enough to stay in the
    /// cache until the epilogue and many enough to balance threads that are interrupted. Their width depends on the
    /// matrix alone, so that programs for different numbers of rows share its packed form.
    private func packedTiling(m: Int, n: Int, k: Int) -> ProductTiling {
        func tiles(_ extent: Int, of size: Int) -> Int { (extent + size - 1) / size }
        let columns = max(64, tiles(n, of: 8 * 32) * 32)
        var tiling = ProductTiling(
            tileRows: m, tileColumns: columns, rowTiles: 1, columnTiles: tiles(n, of: columns), batchesPerChunk: 1,
            chunkCount: 1)
        let isSmall = threads == 1 || 2.0 * Double(m) * Double(n) * Double(k) < 400_000
        let wanted = isSmall ? 1 : tiles(threads * 3, of: tiling.columnTiles)
        let rowTiles = max(1, min(max(wanted, tiles(m, of: 256)), m / 48))
        tiling.tileRows = min(m, tiles(tiles(m, of: rowTiles), of: 12) * 12)
        tiling.rowTiles = tiles(m, of: tiling.tileRows)
        tiling.chunkCount = tiling.rowTiles * tiling.columnTiles
        return tiling
    }

    /// The regions that finish the four kinds of tile (inner, last row, last column, corner).
    private func epiloguePayload(
        _ epilogue: ProductEpilogue, _ product: ProductPayload, batch: [Int], batchExtents: [Int], rows: [Int],
        columns: [Int]
    ) throws(BackendError) -> UnsafePointer<EpiloguePayload> {
        let tiling = product.tiling
        let lastRows = product.m - (tiling.rowTiles - 1) * tiling.tileRows
        let lastColumns = product.n - (tiling.columnTiles - 1) * tiling.tileColumns
        let inputs = epilogue.program.inputs
        var sides: [EpiloguePayload.Operand] = []
        var operands: [hk_operand] = []
        for (index, input) in inputs.enumerated() {
            var operand = hk_operand()
            var side = EpiloguePayload.Operand(rowStride: 0, columnStride: 0, elementSize: 0, batch: store.array([0]))
            switch input {
            case .immediate(let bits, let type):
                operand.type = type.rawValue
                operand.is_immediate = 1
                operand.immediate = bits
            case .produced(let type):
                operand.type = type.rawValue
                setRankArray(&operand.strides, [product.n, 1])
            case .view:
                guard let view = epilogue.operands[index], let row = view.group(rows),
                    let column = view.group(columns)
                else {
                    throw BackendError(.compilationFailed, "an operand of the epilogue has no matrix form")
                }
                operand.type = view.type.rawValue
                setRankArray(&operand.strides, [row.stride, column.stride])
                side.rowStride = row.stride
                side.columnStride = column.stride
                side.elementSize = view.elementSize
                side.batch = store.array(batch.map { view.strides[$0] })
            }
            operands.append(operand)
            sides.append(side)
        }
        var targets: [hk_operand] = []
        for (index, result) in epilogue.results.enumerated() {
            var operand = hk_operand()
            operand.type = result.type.rawValue
            operand.reg = epilogue.stored[index]
            setRankArray(&operand.strides, [product.n, 1])
            targets.append(operand)
            sides.append(
                EpiloguePayload.Operand(
                    rowStride: product.n, columnStride: 1, elementSize: result.elementSize,
                    batch: store.array(batch.map { result.strides[$0] })))
        }
        var regions: [OpaquePointer] = []
        for rowCount in [tiling.tileRows, lastRows] {
            for columnCount in [tiling.tileColumns, lastColumns] {
                regions.append(try prepareRegion([rowCount, columnCount], operands, epilogue.instructions, targets))
            }
        }
        let producedIndex = inputs.firstIndex { if case .produced = $0 { true } else { false } } ?? -1
        let payload = EpiloguePayload(
            regions: store.array(regions), inputCount: inputs.count, resultCount: epilogue.results.count,
            producedIndex: producedIndex, operands: store.array(sides), batchRank: batch.count,
            batchExtents: store.array(batch.map { epilogue.results[0].extents[$0] }))
        return store.store(payload).assumingMemoryBound(to: EpiloguePayload.self)
    }
}
