// Heterodyne: attention with a running softmax; the score matrix is never made.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// `softmax(q kᵀ scale + mask) v`, block of keys after block of keys, with the running maximum m, the running sum
/// l and the weighted values of each query row in registers (Milakov, Gimelshein: Online normalizer calculation for
/// softmax, 2018; Dao et al.: FlashAttention, 2022):
///
///     m' = max(m, scores), l' = l e^(m - m') + Σ e^(s - m'), a' = a e^(m - m') + Σ e^(s - m') v
///
/// On software devices an invocation has a few rows and reads keys and values straight from memory; on GPUs a
/// workgroup's rows share tiles of them in workgroup memory.
///
/// Slots: q, k, v, the mask where there is one, result. Push constants: see `AttentionNumber`.
struct AttentionKernel: KernelRecipe {
    /// What a mask does.
    enum Mask: Hashable, Sendable {
        /// There is none.
        case none
        /// false hides a key.
        case visibility
        /// It is added to the scores.
        case bias(ScalarType)
    }

    /// The type of q, k, v and the result.
    var type: ScalarType
    /// The depth of q and k, and that of v.
    var depth: Int
    var valueDepth: Int
    /// Query rows of an invocation.
    var rows: Int
    /// Keys between two updates of the running maximum.
    var keyBlock: Int
    /// Keys in a tile in workgroup memory; 0 where keys and values are read from memory.
    var tile: Int
    var mask: Mask
    /// From one key to the next in the mask.
    var maskKeyStride: Int
    var isCausal: Bool
    var scale: Double
    var softcap: Double?
    /// Elements from the start of each bound range to its origin, for each slot.
    var origins: [Int]
    /// Whether rows of q, k, v and the result are read and written four elements at a time.
    var isVectorized: Bool

    var computeType: KernelType { type == .float64 ? .f64 : .f32 }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        try AttentionCode(self, target).build()
    }
}

/// The push constants of attention, in order: u32, but for the offset of the diagonal, i32 in the bits of a u32.
enum AttentionNumber: Int, CaseIterable {
    /// Workgroups (tiles in workgroup memory) or invocations (registers) in all, and along the queries.
    case count, queryTiles
    case queries, keys, heads
    /// Query heads for each key head.
    case group
    /// Query i sees keys up to i + diagonal.
    case diagonal
    case qBatch, qHead, qRow, kBatch, kHead, kRow, vBatch, vHead, vRow
    case maskBatch, maskHead, maskRow
    case outBatch, outHead, outRow
}

/// Writes the kernel of an `AttentionKernel`.
private struct AttentionCode {
    let recipe: AttentionKernel
    let builder: KernelBuilder
    let scalars: ScalarCode
    let math: MathLibrary
    let width: Int
    let arrays: [MemoryArray]
    let numbers: [KernelValue]
    let compute: KernelType

    init(_ recipe: AttentionKernel, _ target: KernelTarget) {
        self.recipe = recipe
        width = target.linearWorkgroup
        builder = KernelBuilder("attention", workgroup: [UInt32(width)])
        scalars = ScalarCode(builder, target)
        let isExact =
            recipe.type == .float64 ? target.arithmetic.dividesExactly64 : target.arithmetic.dividesExactly
        math = MathLibrary(
            builder, usesExactDivision: !isExact, emulatesFloat64: target.emulated.contains(.float64))
        compute = recipe.computeType
        let element = ScalarCode.memory(recipe.type).with(width: recipe.isVectorized ? 4 : 1)
        var arrays = ["q", "k", "v"].map { [builder] in builder.buffer($0, element, .read) }
        switch recipe.mask {
        case .none: break
        case .visibility: arrays.append(builder.buffer("mask", ScalarCode.memory(.bool), .read))
        case .bias(let type): arrays.append(builder.buffer("mask", ScalarCode.memory(type), .read))
        }
        arrays.append(builder.buffer("result", element, .write))
        self.arrays = arrays
        numbers = AttentionNumber.allCases.map { [builder] in builder.pushConstant("\($0)", .u32) }
    }

    func number(_ name: AttentionNumber) -> KernelValue { numbers[name.rawValue] }

    /// The state of one query row.
    struct Row {
        var index: KernelValue
        var query: [KernelValue]
        var largest: Variable
        var sum: Variable
        var values: [Variable]
        var maskBase: KernelValue
    }

    func build() throws(KernelError) -> Kernel {
        if recipe.tile > 0 {
            let group = builder.linearWorkgroup()
            let unit = recipe.isVectorized ? 4 : 1
            let element = compute.with(width: unit)
            let keys = builder.workgroupArray("key_tile", element, count: recipe.tile * recipe.depth / unit)
            let values = builder.workgroupArray("value_tile", element, count: recipe.tile * recipe.valueDepth / unit)
            builder.if(group .< number(.count)) { staged(group, keys, values) }
        } else {
            let index = builder.linearInvocation(width: width, .u32)
            builder.if(index .< number(.count)) { direct(index) }
        }
        return try builder.finish()
    }

    // MARK: - Positions

    /// Batch, head and tile of the queries of a linear number.
    func decode(_ index: KernelValue) -> (batch: KernelValue, head: KernelValue, tile: KernelValue) {
        let outer = index / number(.queryTiles)
        let tile = index - outer * number(.queryTiles)
        let batch = outer / number(.heads)
        return (batch, outer - batch * number(.heads), tile)
    }

    /// The origin of a slot plus batch and head.
    func base(
        _ slot: Int, _ batch: KernelValue, _ head: KernelValue, _ strides: (AttentionNumber, AttentionNumber)
    ) -> KernelValue {
        builder.constant(recipe.origins[slot], .u32) + batch * number(strides.0) + head * number(strides.1)
    }

    /// The widths of the pieces of a row.
    static func pieces(_ depth: Int) -> [Int] {
        [Int](repeating: 4, count: depth / 4) + (depth % 4 == 0 ? [] : [depth % 4])
    }

    func joined(_ parts: [KernelValue]) -> KernelValue {
        parts.count == 1
            ? parts[0] : builder.define(.construct(parts.map(\.id)), parts[0].type.with(width: parts.count))
    }

    /// The pieces of the row of memory that starts at `place`, in the type of computation.
    func load(_ array: MemoryArray, at place: KernelValue, _ depth: Int) -> [KernelValue] {
        if recipe.isVectorized {
            let first = place >> 2
            return (0..<depth / 4).map { scalars.decode(array[$0 == 0 ? first : first + $0], recipe.type) }
        }
        return Self.pieces(depth).enumerated().map { piece, width in
            joined((0..<width).map { scalars.decode(array[place + (4 * piece + $0)], recipe.type) })
        }
    }

    // MARK: - The rows of an invocation

    func makeRows(
        _ indices: [KernelValue], _ batch: KernelValue, _ head: KernelValue
    ) -> [Row] {
        let queryBase = base(0, batch, head, (.qBatch, .qHead))
        let last = number(.queries) - 1
        return indices.map { index in
            // Rows beyond the last compute it again, and are not stored.
            let row = index.minimum(last)
            var maskBase = row
            if recipe.mask != .none {
                maskBase = base(3, batch, head, (.maskBatch, .maskHead)) + row * number(.maskRow)
            }
            return Row(
                index: index, query: load(arrays[0], at: queryBase + row * number(.qRow), recipe.depth),
                largest: builder.variable(builder.constant(-Double.infinity, compute)),
                sum: builder.variable(builder.constant(0.0, compute)),
                values: Self.pieces(recipe.valueDepth).map {
                    builder.variable(builder.constant(0.0, compute.with(width: $0)))
                }, maskBase: maskBase)
        }
    }

    /// The score of a row for a key, minus infinity where the key is hidden.
    func score(_ row: Row, _ key: [KernelValue], _ keyIndex: KernelValue, isPresent: KernelValue?) -> KernelValue {
        var wide: KernelValue?
        var narrow: KernelValue?
        for (a, b) in zip(row.query, key) {
            if a.type.width == 4 {
                wide = wide.map { builder.multiplyAdd(a, b, $0) } ?? a * b
            } else {
                for i in 0..<a.type.width {
                    let (x, y) = a.type.width == 1 ? (a, b) : (a[i], b[i])
                    narrow = narrow.map { builder.multiplyAdd(x, y, $0) } ?? x * y
                }
            }
        }
        var sum = narrow
        if let wide {
            let total = (wide[0] + wide[1]) + (wide[2] + wide[3])
            sum = sum.map { $0 + total } ?? total
        }
        var score = (sum ?? builder.constant(0.0, compute)) * recipe.scale
        if let softcap = recipe.softcap {
            score = math.hyperbolicTangent(scalars.quotient(score, score.like(softcap))) * softcap
        }
        let hidden = score.like(-Double.infinity)
        // Keys that a tile does not have may lie beyond the mask's memory.
        let maskPlace = row.maskBase + IndexSpace.scaled(keyIndex.minimum(number(.keys) - 1), recipe.maskKeyStride)
        switch recipe.mask {
        case .none: break
        case .visibility: score = builder.select(arrays[3][maskPlace] .!= 0, score, hidden)
        case .bias(let type):
            let raw = scalars.decode(arrays[3][maskPlace], type)
            score = score + raw.converted(to: compute.scalar)
        }
        if recipe.isCausal {
            let limit = row.index.bitcast(to: .i32) + number(.diagonal).bitcast(to: .i32)
            score = builder.select(keyIndex.bitcast(to: .i32) .<= limit, score, hidden)
        }
        if let isPresent { score = builder.select(isPresent, score, hidden) }
        return score
    }

    /// Takes a block of keys into the rows.
    func take(
        _ rows: [Row], _ first: KernelValue, count: Int, checksPresence: Bool, key: (KernelValue) -> [KernelValue],
        value: (KernelValue) -> [KernelValue]
    ) {
        let indices = (0..<count).map { $0 == 0 ? first : first + $0 }
        let keys = indices.map(key)
        var weights: [[KernelValue]] = []
        var corrections: [KernelValue] = []
        for row in rows {
            let scores = zip(indices, keys).map { index, key in
                score(row, key, index, isPresent: checksPresence ? index .< number(.keys) : nil)
            }
            let before = row.largest.value
            let largest = scores.reduce(before) { $0.maximum($1) }
            let shift = builder.select(largest .== -Double.infinity, largest.like(0), largest)
            let correction: KernelValue
            let own: [KernelValue]
            if count == 1 {
                // Of e^(m - m') and e^(s - m') one is 1, so that one exponential gives both. An infinite score is not
                // a number less itself, in the definition as here.
                let other = math.exponential(before.minimum(scores[0]) - shift)
                let isLarger = scores[0] .> before
                own = [builder.select(isLarger, (scores[0] - shift) + 1.0, other)]
                correction = builder.select(isLarger, other, other.like(1.0))
            } else {
                correction = math.exponential(before - shift)
                own = scores.map { math.exponential($0 - shift) }
            }
            row.largest.value = largest
            row.sum.value = own.dropFirst().reduce(builder.multiplyAdd(row.sum.value, correction, own[0])) { $0 + $1 }
            corrections.append(correction)
            weights.append(own)
        }
        let values = indices.map(value)
        for (r, row) in rows.enumerated() {
            for (piece, variable) in row.values.enumerated() {
                var sum = variable.value * builder.splat(corrections[r], variable.value.type.width)
                for (weight, value) in zip(weights[r], values) {
                    sum = builder.multiplyAdd(builder.splat(weight, sum.type.width), value[piece], sum)
                }
                variable.value = sum
            }
        }
    }

    func store(_ rows: [Row], _ batch: KernelValue, _ head: KernelValue) {
        let slot = arrays.count - 1
        let outBase = base(slot, batch, head, (.outBatch, .outHead))
        for row in rows {
            builder.if(row.index .< number(.queries)) {
                let sum = row.sum.value
                let one = sum.like(1.0)
                let factor = scalars.quotient(one, builder.select(sum .== 0.0, one, sum))
                let place = outBase + row.index * number(.outRow)
                for (piece, variable) in row.values.enumerated() {
                    let value = variable.value
                    let scaled = value * builder.splat(factor, value.type.width)
                    if recipe.isVectorized {
                        arrays[slot][(place >> 2) + piece] = encoded(scaled)
                    } else {
                        for i in 0..<value.type.width {
                            let part = value.type.width == 1 ? scaled : scaled[i]
                            arrays[slot][place + (4 * piece + i)] = encoded(part)
                        }
                    }
                }
            }
        }
    }

    func encoded(_ value: KernelValue) -> KernelValue {
        scalars.encode(scalars.rounded(value, to: recipe.type), recipe.type)
    }

    /// One more than the last key that a row sees: all of them without causality.
    func end(_ lastRow: KernelValue) -> KernelValue {
        guard recipe.isCausal else { return number(.keys) }
        let sum = lastRow.bitcast(to: .i32) + number(.diagonal).bitcast(to: .i32) + 1
        return sum.maximum(sum.like(0)).bitcast(to: .u32).minimum(number(.keys))
    }

    // MARK: - Keys and values from memory

    func direct(_ index: KernelValue) {
        let (batch, head, tile) = decode(index)
        let first = tile * recipe.rows
        let rows = makeRows((0..<recipe.rows).map { $0 == 0 ? first : first + $0 }, batch, head)
        let keyHead = head / number(.group)
        let keyBase = base(1, batch, keyHead, (.kBatch, .kHead))
        let valueBase = base(2, batch, keyHead, (.vBatch, .vHead))
        func key(_ at: KernelValue) -> [KernelValue] {
            load(arrays[1], at: keyBase + at * number(.kRow), recipe.depth)
        }
        func value(_ at: KernelValue) -> [KernelValue] {
            load(arrays[2], at: valueBase + at * number(.vRow), recipe.valueDepth)
        }
        let end = end((first + (recipe.rows - 1)).minimum(number(.queries) - 1))
        let whole = end / recipe.keyBlock * recipe.keyBlock
        builder.loop(from: builder.constant(0, .u32), to: whole, step: UInt32(recipe.keyBlock)) { at in
            take(rows, at, count: recipe.keyBlock, checksPresence: false, key: key, value: value)
        }
        if recipe.keyBlock > 1 {
            builder.loop(from: whole, to: end) { at in
                take(rows, at, count: 1, checksPresence: false, key: key, value: value)
            }
        }
        store(rows, batch, head)
    }

    // MARK: - Keys and values through workgroup memory

    func staged(_ group: KernelValue, _ keyTile: MemoryArray, _ valueTile: MemoryArray) {
        let (batch, head, tile) = decode(group)
        let lane = builder.localID(.x)
        let first = tile * (width * recipe.rows)
        let rows = makeRows((0..<recipe.rows).map { first + (lane + $0 * width) }, batch, head)
        let keyHead = head / number(.group)
        let keyBase = base(1, batch, keyHead, (.kBatch, .kHead))
        let valueBase = base(2, batch, keyHead, (.vBatch, .vHead))
        let end = end((first + (width * recipe.rows - 1)).minimum(number(.queries) - 1))
        builder.loop(from: builder.constant(0, .u32), to: end, step: UInt32(recipe.tile)) { start in
            builder.barrier()
            fill(keyTile, arrays[1], keyBase, .kRow, recipe.depth, start, lane)
            fill(valueTile, arrays[2], valueBase, .vRow, recipe.valueDepth, start, lane)
            builder.barrier()
            builder.loop(
                from: builder.constant(0, .u32), to: builder.constant(recipe.tile, .u32),
                step: UInt32(recipe.keyBlock)
            ) { offset in
                take(
                    rows, start + offset, count: recipe.keyBlock, checksPresence: true,
                    key: { read(keyTile, $0 - start, recipe.depth) },
                    value: { read(valueTile, $0 - start, recipe.valueDepth) })
            }
        }
        store(rows, batch, head)
    }

    /// Fills a tile with the rows from `start` on; zeros beyond the last key, so that they add nothing.
    func fill(
        _ tile: MemoryArray, _ source: MemoryArray, _ base: KernelValue, _ rowStride: AttentionNumber, _ depth: Int,
        _ start: KernelValue, _ lane: KernelValue
    ) {
        let unit = recipe.isVectorized ? 4 : 1
        let perRow = depth / unit
        let total = builder.constant(recipe.tile * perRow, .u32)
        builder.loop(from: lane, to: total, step: UInt32(width)) { i in
            let row = i / perRow
            let column = i - row * perRow
            let key = start + row
            let isPresent = key .< number(.keys)
            let clamped = key.minimum(number(.keys) - 1)
            let place = base + clamped * number(rowStride)
            let raw = recipe.isVectorized ? source[(place >> 2) + column] : source[place + column]
            let value = scalars.decode(raw, recipe.type)
            tile[i] = builder.select(isPresent, value, value.like(0.0))
        }
    }

    func read(_ tile: MemoryArray, _ row: KernelValue, _ depth: Int) -> [KernelValue] {
        if recipe.isVectorized {
            let place = row * (depth / 4)
            return (0..<depth / 4).map { tile[place + $0] }
        }
        let place = row * depth
        return Self.pieces(depth).enumerated().map { piece, width in
            joined((0..<width).map { tile[place + (4 * piece + $0)] })
        }
    }
}
