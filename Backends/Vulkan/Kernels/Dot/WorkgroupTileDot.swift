// Heterodyne: products of matrices by tiles in workgroup memory.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// A product whose factors pass through workgroup memory, with a block of sums in the registers of each invocation.
///
/// A workgroup of `columnLanes` x `rowLanes` invocations computes a tile of `rows * rowLanes` x
/// `columns * columnLanes`; an invocation has every `rowLanes`-th row and every `columnLanes`-th column of it, so that
/// neighbours read neighbouring words of workgroup memory and store neighbouring elements. Slices of the factors that
/// are `depth` deep are fetched from memory into registers while the slice before is multiplied. Each slice lies
/// depth-major with a word of padding per row against conflicts of banks.
///
/// Slots: left, right, operands of the epilogue, results. The rows of slices beyond the edge repeat the last one; what
/// lies beyond the depth counts as zero.
struct WorkgroupTileDot: KernelRecipe {
    var dot: DotClass
    var rows: Int
    var columns: Int
    var rowLanes: Int
    var columnLanes: Int
    var depth: Int

    var tileRows: Int { rows * rowLanes }
    var tileColumns: Int { columns * columnLanes }
    /// Invocations of a workgroup.
    var invocations: Int { rowLanes * columnLanes }
    /// Bytes of workgroup memory.
    var workgroupByteCount: Int { depth * (tileRows + 1 + tileColumns + 1) * (dot.types.sum.bits / 8) }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        guard rows > 0, columns > 0, rowLanes > 0, columnLanes > 0, depth > 0, !dot.hasVectorColumns,
            [dot.left, dot.right].allSatisfy({
                $0.width == 1 || $0.order == .alongDepth && dot.hasVectorDepth || $0.order == .alongEdge
            }), depth % 4 == 0, tileRows % 4 == 0, tileColumns % 4 == 0
        else { throw .invalidDeclaration("a workgroup tile of \(tileRows) x \(tileColumns) x \(depth)") }
        let k = KernelBuilder("dot_workgroup", workgroup: [UInt32(columnLanes), UInt32(rowLanes)])
        let code = ScalarCode(k, target)
        let type = dot.types.sum
        // The buffers come first: slots are in the order of declaration.
        let left = SliceSource(k, "left", dot.types.left, dot.left, slot: 0)
        let right = SliceSource(k, "right", dot.types.right, dot.right, slot: 1)
        let frame = DotFrame(k, dot, tileRows: tileRows, tileColumns: tileColumns)
        let output = DotStore(frame.place, code)
        let (a, b) = (
            Slice(k, code, frame, left, edge: tileRows, recipe: self),
            Slice(k, code, frame, right, edge: tileColumns, recipe: self)
        )
        let (x, y) = (k.localID(.x), k.localID(.y))
        let zero = k.constant(bits: 0, type)
        let sums = (0..<rows).map { _ in (0..<columns).map { _ in k.variable(zero) } }
        var failure: KernelError?
        k.if(frame.isInside) {
            let (start, end) = (frame.depthStart, frame.depthEnd)
            a.fetch(start)
            b.fetch(start)
            k.loop(from: start, to: end, step: UInt32(depth)) { position in
                a.keep()
                b.keep()
                k.barrier()
                // The last fetch is of the last slice again, which nobody reads.
                let next = position + depth
                k.if(next .< end) {
                    a.fetch(next)
                    b.fetch(next)
                }
                k.loop(depth) { step in
                    let factors = (0..<rows).map { a.shared[step * a.pitch + y + $0 * rowLanes] }
                    let others = (0..<columns).map { b.shared[step * b.pitch + x + $0 * columnLanes] }
                    for row in 0..<rows {
                        for column in 0..<columns {
                            let sum = sums[row][column]
                            sum.value =
                                type.isFloat
                                ? k.multiplyAdd(factors[row], others[column], sum.value)
                                : factors[row] * others[column] + sum.value
                        }
                    }
                }
                k.barrier()
            }
            for column in 0..<columns {
                let c = frame.column + x + column * columnLanes
                for row in 0..<rows {
                    let r = frame.row + y + row * rowLanes
                    k.if((c .< frame.columns) & (r .< frame.rows)) {
                        do throws(KernelError) {
                            try output.store(sums[row][column].value, row: r, column: c)
                        } catch { failure = error }
                    }
                }
            }
        }
        if let failure { throw failure }
        return try k.finish()
    }
}

/// The buffer of a factor.
private struct SliceSource {
    let array: MemoryArray
    let isLeft: Bool
    let layout: DotOperandClass
    let type: ScalarType

    init(_ k: KernelBuilder, _ name: String, _ type: ScalarType, _ layout: DotOperandClass, slot: Int) {
        isLeft = slot == 0
        self.layout = layout
        self.type = type
        array = k.buffer(name, ScalarCode.memory(type).with(width: layout.width), .read, slot: slot)
    }
}

/// A slice of a factor: `edge` rows or columns, as deep as the recipe says.
private struct Slice {
    let k: KernelBuilder
    let code: ScalarCode
    let frame: DotFrame
    let source: SliceSource
    let edge: Int
    let recipe: WorkgroupTileDot
    let shared: MemoryArray
    /// Words from one depth to the next.
    let pitch: Int
    /// What the invocation has fetched and not yet kept, and the places in workgroup memory that it goes to.
    private let fetched: [Variable]
    private let rounds: Int

    init(
        _ k: KernelBuilder, _ code: ScalarCode, _ frame: DotFrame, _ source: SliceSource, edge: Int,
        recipe: WorkgroupTileDot
    ) {
        (self.k, self.code, self.frame, self.source, self.edge, self.recipe) = (k, code, frame, source, edge, recipe)
        pitch = edge + 1
        let type = recipe.dot.types.sum
        shared = k.workgroupArray(source.isLeft ? "left_slice" : "right_slice", type, count: recipe.depth * (edge + 1))
        let count = edge * recipe.depth / source.layout.width
        rounds = (count + recipe.invocations - 1) / recipe.invocations
        let zero = k.constant(bits: 0, type.with(width: source.layout.width))
        fetched = (0..<rounds).map { _ in k.variable(zero) }
    }

    private var width: Int { source.layout.width }
    private var isAlongEdge: Bool { source.layout.order == .alongEdge }
    private var operand: DotFrame.Operand { source.isLeft ? frame.left : frame.right }

    /// Position along the edge and along the depth of the vector that the invocation handles in a round, and whether
    /// there is one.
    private func position(_ round: Int) -> (edge: KernelValue, depth: KernelValue, isThere: KernelValue?) {
        let number = k.builtin(.localIndex) + round * recipe.invocations
        let count = edge * recipe.depth / width
        let isThere = (round + 1) * recipe.invocations > count ? number .< k.constant(count, .u32) : nil
        // Neighbours fetch what is neighbouring in memory.
        if isAlongEdge {
            let group = k.constant(edge / width, .u32)
            return ((number % group) * width, number / group, isThere)
        }
        let group = k.constant(recipe.depth / width, .u32)
        return (number / group, (number % group) * width, isThere)
    }

    /// Fetches the slice that begins at `start`.
    func fetch(_ start: KernelValue) {
        let index = recipe.dot.indexType.scalar
        let first = source.isLeft ? frame.row : frame.column
        let extent = source.isLeft ? frame.rows : frame.columns
        for round in 0..<rounds {
            let (edge, depth, _) = position(round)
            let limit = extent - (isAlongEdge ? width : 1)
            let e = (first + edge).minimum(limit).converted(to: index)
            let d = start + depth
            let isInside = d .< frame.depthEnd
            let last = frame.depthEnd - (isAlongEdge ? 1 : width)
            let at = d.minimum(last).converted(to: index)
            var place = operand.base
            place = place + (isAlongEdge ? e : e * operand.edgeStride)
            place = place + (source.layout.order == .alongDepth ? at : at * operand.depthStride)
            let raw = source.array[width > 1 ? place >> 2 : place]
            let types = recipe.dot.types
            let value = code.convert(code.decode(raw, source.type), from: source.type, to: types.accumulation)
            fetched[round].value = k.select(isInside, value, k.constant(bits: 0, value.type))
        }
    }

    /// Puts what was fetched into workgroup memory.
    func keep() {
        for round in 0..<rounds {
            let (edge, depth, isThere) = position(round)
            let value = fetched[round].value
            func store() {
                for part in 0..<width {
                    let place = isAlongEdge ? depth * pitch + edge + part : (depth + part) * pitch + edge
                    shared[place] = width > 1 ? value[part] : value
                }
            }
            if let isThere { k.if(isThere) { store() } } else { store() }
        }
    }
}
