// Heterodyne: products of matrices by tiles in the registers of each invocation.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// A product whose tiles of sums live in the registers of each invocation, without workgroup memory in the inner loop.
///
/// A workgroup is `columnLanes` x `depthLanes` invocations and computes a tile of `rows` rows. Each invocation has
/// `columns` columns of it, and every `depthLanes`-th piece of `unroll` products of the depth; the pieces are added in
/// workgroup memory at the end, in an order that depends on nothing but the parameters. With `sharesLeft` the
/// invocations of a subgroup, which is the workgroup then, load different elements of the left factor and hand them to
/// each other, where they would otherwise all load the same ones.
///
/// With `stagesSums` the finished sums go through workgroup memory, each invocation's own part of it, so that the code
/// of the epilogue and of the stores exists once, in a loop, and not once for each register of the tile.
///
/// Slots: left, right, operands of the epilogue, results. Rows, columns beyond the edge repeat the last ones and are
/// not stored.
struct RegisterTileDot: KernelRecipe {
    var dot: DotClass
    var rows: Int
    var columns: Int
    var unroll: Int
    var columnLanes: Int
    var depthLanes = 1
    var sharesLeft = false
    var stagesSums = false

    /// Columns of a workgroup's tile.
    var tileColumns: Int { columns * columnLanes }
    /// Invocations of a workgroup.
    var invocations: Int { columnLanes * depthLanes }
    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        guard rows > 0, columns > 0, unroll > 0, columnLanes > 0, depthLanes > 0,
            depthLanes & (depthLanes - 1) == 0, !sharesLeft || depthLanes == 1,
            !dot.hasVectorColumns || columns % 4 == 0, dot.left.order != .alongDepth || unroll % dot.left.width == 0,
            dot.left.order != .alongEdge || rows % dot.left.width == 0,
            dot.right.order != .alongDepth || unroll % dot.right.width == 0
        else { throw .invalidDeclaration("a register tile of \(rows) x \(columns), \(unroll) deep") }
        let k = KernelBuilder("dot_registers", workgroup: [UInt32(columnLanes), UInt32(depthLanes)])
        var body = Body(recipe: self, builder: k, code: ScalarCode(k, target))
        try body.emit()
        return try k.finish()
    }
}

/// The kernel while it is built.
private struct Body {
    let recipe: RegisterTileDot
    let k: KernelBuilder
    let code: ScalarCode
    let frame: DotFrame
    let lane: KernelValue
    let depthLane: KernelValue
    /// The factors as elements and, where they are read so, as vectors.
    let leftArray: MemoryArray
    let rightArray: MemoryArray
    let leftVectors: MemoryArray?
    let rightVectors: MemoryArray?
    let output: DotStore
    /// Sums by row and vector of columns.
    var sums: [[Variable]] = []

    private var dot: DotClass { recipe.dot }
    private var index: ScalarType { dot.indexType.scalar }
    /// Columns that a register holds.
    private var width: Int { dot.hasVectorColumns ? 4 : 1 }
    private var vectors: Int { recipe.columns / width }

    init(recipe: RegisterTileDot, builder: KernelBuilder, code: ScalarCode) {
        let dot = recipe.dot
        (self.recipe, k, self.code) = (recipe, builder, code)
        func declare(_ name: String, _ type: ScalarType, _ operand: DotOperandClass, _ slot: Int)
            -> (MemoryArray, MemoryArray?)
        {
            let element = ScalarCode.memory(type)
            let scalars = builder.buffer(name, element, .read, slot: slot)
            guard operand.width > 1 else { return (scalars, nil) }
            return (scalars, builder.buffer("\(name)_vectors", element.with(width: operand.width), .read, slot: slot))
        }
        (leftArray, leftVectors) = declare("left", dot.types.left, dot.left, 0)
        (rightArray, rightVectors) = declare("right", dot.types.right, dot.right, 1)
        frame = DotFrame(builder, dot, tileRows: recipe.rows, tileColumns: recipe.tileColumns)
        output = DotStore(frame.place, code)
        lane = recipe.sharesLeft ? builder.builtin(.subgroupLane) : builder.localID(.x)
        depthLane = builder.localID(.y)
    }

    mutating func emit() throws(KernelError) {
        let zero = k.constant(bits: 0, dot.types.sum.with(width: width))
        for _ in 0..<recipe.rows { sums.append((0..<vectors).map { _ in k.variable(zero) }) }
        var failure: KernelError?
        k.if(frame.isInside) {
            accumulate()
            addLanes()
            do throws(KernelError) { try store() } catch { failure = error }
        }
        if let failure { throw failure }
    }

    // MARK: - Sums

    private func accumulate() {
        let (start, end) = (frame.depthStart, frame.depthEnd)
        let (unroll, lanes) = (recipe.unroll, recipe.depthLanes)
        // The loop takes whole pieces, the rest of the depth goes one by one.
        let whole = start + (end - start) / k.constant(unroll, .u32) * unroll
        let first = lanes == 1 ? start : start + depthLane * unroll
        piece(from: first, to: whole, unroll: unroll, isWhole: true)
        if unroll > 1, !(dot.hasVectorDepth && unroll == 4) {
            piece(from: lanes == 1 ? whole : whole + depthLane, to: end, unroll: 1, isWhole: false)
        }
    }

    /// A loop over pieces of the depth of `unroll` products each.
    private func piece(from: KernelValue, to: KernelValue, unroll: Int, isWhole: Bool) {
        let left = LeftPiece(self, unroll: unroll, mayVector: isWhole)
        let right = RightPiece(self, unroll: unroll, mayVector: isWhole)
        k.loop(from: from, to: to, step: UInt32(unroll * recipe.depthLanes)) { depth in
            let b = right.load(depth)
            let a = left.load(depth)
            for row in 0..<recipe.rows {
                // All products of one register in a row: the sum need not go to memory in between where there are
                // more sums than registers.
                let factors = (0..<unroll).map { step in
                    k.splat(left.element(a, row: row, step: step), width)
                }
                for vector in 0..<vectors {
                    var sum = sums[row][vector].value
                    for step in 0..<unroll { sum = add(factors[step], b[step][vector], sum) }
                    sums[row][vector].value = sum
                }
            }
        }
    }

    private func add(_ a: KernelValue, _ b: KernelValue, _ sum: KernelValue) -> KernelValue {
        sum.type.isFloat ? k.multiplyAdd(a, b, sum) : a * b + sum
    }

    /// Adds the sums of the lanes that share columns into those of the first.
    private func addLanes() {
        var half = recipe.depthLanes / 2
        guard half > 0 else { return }
        let registers = sums.flatMap { $0 }
        let slots = recipe.columnLanes * half
        let type = dot.types.sum.with(width: width)
        let shared = k.workgroupArray("sums", type, count: registers.count * slots)
        while half > 0 {
            let place = (depthLane % half) * recipe.columnLanes + lane
            k.if((depthLane .>= k.constant(half, .u32)) & (depthLane .< k.constant(2 * half, .u32))) {
                for (number, sum) in registers.enumerated() { shared[place + number * slots] = sum.value }
            }
            k.barrier()
            k.if(depthLane .< k.constant(half, .u32)) {
                for (number, sum) in registers.enumerated() {
                    sum.value = sum.value + shared[place + number * slots]
                }
            }
            k.barrier()
            half /= 2
        }
    }

    private func store() throws(KernelError) {
        var failure: KernelError?
        func store(_ sum: KernelValue, _ row: KernelValue, _ column: KernelValue) {
            do throws(KernelError) { try output.store(sum, row: row, column: column) } catch {
                failure = failure ?? error
            }
        }
        func storeAll() {
            for vector in 0..<vectors {
                let column = self.column(vector)
                k.if(column .< frame.columns) {
                    for row in 0..<recipe.rows {
                        let place = frame.row + row
                        let sum = sums[row][vector].value
                        if row == 0 {
                            // A tile has at least one row.
                            store(sum, place, column)
                        } else {
                            k.if(place .< frame.rows) { store(sum, place, column) }
                        }
                    }
                }
            }
        }
        func storeStaged() {
            let registers = sums.flatMap { $0 }
            let lanes = recipe.columnLanes
            let type = dot.types.sum.with(width: width)
            let staged = k.workgroupArray("staged_sums", type, count: registers.count * lanes)
            for (number, sum) in registers.enumerated() { staged[lane + number * lanes] = sum.value }
            k.loop(registers.count) { number in
                let vector = number % vectors
                let row = frame.row + number / vectors
                let column = frame.column + (vector * lanes + lane) * width
                k.if((row .< frame.rows) & (column .< frame.columns)) {
                    store(staged[number * lanes + lane], row, column)
                }
            }
        }
        let content = recipe.stagesSums ? storeStaged : storeAll
        if recipe.depthLanes == 1 {
            content()
        } else {
            k.if(depthLane .== 0) { content() }
        }
        if let failure { throw failure }
    }

    /// The first column of one of the invocation's registers.
    fileprivate func column(_ vector: Int) -> KernelValue {
        frame.column + (lane + vector * recipe.columnLanes) * width
    }

    // MARK: - Factors

    /// `value` as an element of the sums' type.
    fileprivate func converted(_ raw: KernelValue, _ type: ScalarType) -> KernelValue {
        code.convert(code.decode(raw, type), from: type, to: dot.types.accumulation)
    }

    fileprivate func wide(_ value: KernelValue) -> KernelValue { value.converted(to: index) }

    /// Loads of the left factor for a piece of the depth: element (row, step) is a component of one of `count` vectors
    /// of `width`.
    private struct LeftPiece {
        let body: Body
        let unroll: Int
        let width: Int
        let order: DotOperandClass.Order
        let count: Int
        /// The parts of the vectors' places that do not depend on the depth, in vectors.
        let places: [KernelValue]

        init(_ body: Body, unroll: Int, mayVector: Bool) {
            let (k, recipe, frame) = (body.k, body.recipe, body.frame)
            let layout = body.dot.left
            let isVector = layout.width > 1 && (layout.order == .alongEdge || mayVector)
            self.body = body
            self.unroll = unroll
            width = isVector ? layout.width : 1
            order = layout.order
            count = recipe.rows * unroll / width
            let (edge, depth) = (frame.left.edgeStride, frame.left.depthStride)
            let lastRow = frame.rows - 1
            let (width, order, count) = (width, order, count)
            /// The place of a vector by its number, u32.
            func place(_ number: KernelValue) -> KernelValue {
                if order == .alongEdge {
                    let group = k.constant(recipe.rows / width, .u32)
                    let (step, part) = (number / group, number % group)
                    // With vectors the number of rows is a multiple of the width, so the last vector ends at the last
                    // row.
                    let row =
                        width == 1
                        ? (frame.row + part).minimum(lastRow)
                        : ((frame.row >> 2) + part).minimum(lastRow >> 2)
                    let base = width == 1 ? frame.left.base : frame.left.base >> 2
                    let stride = width == 1 ? depth : depth >> 2
                    return base + body.wide(row) + body.wide(step) * stride
                }
                let group = k.constant(unroll / width, .u32)
                let (row, part) = (number / group, number % group)
                let start = frame.left.base + body.wide((frame.row + row).minimum(lastRow)) * edge
                if width > 1 { return (start >> 2) + body.wide(part) }
                return start + body.wide(part) * (order == .alongDepth ? edge.like(1) : depth)
            }
            if recipe.sharesLeft {
                let lanes = recipe.columnLanes
                places = (0..<(count + lanes - 1) / lanes).map { round in
                    var number = body.lane + round * lanes
                    if (round + 1) * lanes > count { number = number.minimum(k.constant(count - 1, .u32)) }
                    return place(number)
                }
            } else {
                places = (0..<count).map { place(k.constant($0, .u32)) }
            }
        }

        /// The vectors for the piece that begins at `depth`, with `sharesLeft` one of every lane's.
        func load(_ depth: KernelValue) -> [KernelValue] {
            let start = body.wide(depth)
            let stride = body.frame.left.depthStride
            let offset: KernelValue
            switch order {
            case .alongDepth: offset = width > 1 ? start >> 2 : start
            case .alongEdge: offset = start * (width > 1 ? stride >> 2 : stride)
            case .scattered: offset = start * stride
            }
            let array = width > 1 ? body.leftVectors ?? body.leftArray : body.leftArray
            return places.map { body.converted(array[$0 + offset], body.dot.types.left) }
        }

        /// One element of the piece.
        func element(_ loaded: [KernelValue], row: Int, step: Int) -> KernelValue {
            let (number, part): (Int, Int)
            if order == .alongEdge {
                (number, part) = (step * (body.recipe.rows / width) + row / width, row % width)
            } else {
                (number, part) = (row * (unroll / width) + step / width, step % width)
            }
            guard body.recipe.sharesLeft else { return width > 1 ? loaded[number][part] : loaded[number] }
            let lanes = body.recipe.columnLanes
            let vector = loaded[number / lanes]
            return body.k.broadcast(
                width > 1 ? vector[part] : vector, lane: body.k.constant(number % lanes, .u32))
        }
    }

    /// Loads of the right factor for a piece of the depth.
    private struct RightPiece {
        let body: Body
        let unroll: Int
        /// Whether a load takes several steps of the depth, or several columns.
        let takesSteps: Bool
        let takesColumns: Bool
        /// The places of each column, or of each vector of columns, at depth 0, in elements or vectors.
        let places: [KernelValue]

        init(_ body: Body, unroll: Int, mayVector: Bool) {
            let frame = body.frame
            let layout = body.dot.right
            self.body = body
            self.unroll = unroll
            takesColumns = layout.order == .alongEdge && layout.width > 1
            takesSteps = layout.order == .alongDepth && layout.width > 1 && mayVector
            let last = frame.columns - 1
            if takesColumns {
                places = (0..<body.vectors).map { vector in
                    let column = (body.column(vector) >> 2).minimum(last >> 2)
                    return (frame.right.base >> 2) + body.wide(column)
                }
            } else {
                let isUnit = layout.order == .alongEdge
                let takesSteps = takesSteps
                places = (0..<body.recipe.columns).map { number in
                    let first = body.column(number / body.width)
                    let column = body.wide((first + number % body.width).minimum(last))
                    let place = frame.right.base + (isUnit ? column : column * frame.right.edgeStride)
                    return takesSteps ? place >> 2 : place
                }
            }
        }

        /// The registers of each step.
        func load(_ depth: KernelValue) -> [[KernelValue]] {
            let type = body.dot.types.right
            let start = body.wide(depth)
            let stride = body.frame.right.depthStride
            if takesColumns, let array = body.rightVectors {
                return (0..<unroll).map { step in
                    let offset = (start + step) * (stride >> 2)
                    return places.map { body.converted(array[$0 + offset], type) }
                }
            }
            var columns: [[KernelValue]]
            if takesSteps, let array = body.rightVectors {
                columns = places.map { place in
                    (0..<unroll / 4).flatMap { part in
                        let vector = body.converted(array[place + (start >> 2) + part], type)
                        return (0..<4).map { vector[$0] }
                    }
                }
            } else {
                let isUnit = body.dot.right.order == .alongDepth
                let offsets = (0..<unroll).map { isUnit ? start + $0 : (start + $0) * stride }
                columns = places.map { place in offsets.map { body.converted(body.rightArray[place + $0], type) } }
            }
            guard body.width > 1 else { return (0..<unroll).map { step in columns.map { $0[step] } } }
            return (0..<unroll).map { step in
                (0..<body.vectors).map { vector in
                    let first = vector * 4
                    return body.k.vector(
                        columns[first][step], columns[first + 1][step], columns[first + 2][step],
                        columns[first + 3][step])
                }
            }
        }
    }
}
