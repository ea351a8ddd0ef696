// Heterodyne: lowering of the primitives, and of those that only move elements.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// The results of a primitive.
    func lower(_ primitive: Primitive, _ node: Node) throws(BackendError) -> [StridedView] {
        switch primitive {
        case .constant(let literal): return [try lowerConstant(literal)]
        case .iota(let type, let dimension): return [try lowerIota(type, dimension)]
        case .bitcast(let type): return [lowerBitcast(node.operands[0], to: type)]
        case .convert(let type) where type.bitWidth == 4: return [lowerNarrowConvert(node.operands[0], to: type)]
        case .convert, .unary, .binary, .compare, .select: return [try lowerElementwise(node)]
        case .reshape(let shape): return [reshaped(node.operands[0], try fixed(shape))]
        case .transpose(let permutation): return [view(node.operands[0]).transposed(permutation)]
        case .broadcast(let shape, let dimensions):
            return [view(node.operands[0]).broadcast(try fixed(shape), dimensions)]
        case .slice(let starts, _, let strides):
            let result = try extents(node.resultTypes[0])
            return [view(node.operands[0]).sliced(starts: try fixed(starts), steps: strides, extents: result)]
        case .reverse(let dimensions): return [view(node.operands[0]).reversed(dimensions)]
        case .pad(let low, let high, let interior):
            return [try lowerPad(node, try fixed(low), try fixed(high), interior)]
        case .concatenate(let dimension): return [try lowerConcatenate(node, dimension)]
        case .gather(let dimensions): return [try lowerGather(node, dimensions)]
        case .scatter(let mode, let dimensions): return [try lowerScatter(node, mode, dimensions)]
        case .dynamicSlice: return [try lowerDynamicSlice(node)]
        case .dynamicUpdateSlice: return [try lowerDynamicUpdateSlice(node)]
        case .dot(let dimensions, let accumulation, let result):
            return [try lowerDot(view(node.operands[0]), view(node.operands[1]), dimensions, accumulation, result, [])]
        case .reduce(let kind, let dimensions): return [try lowerReduce(node, kind, dimensions)]
        case .sort(let dimension, let descending, let indexType):
            return [try lowerSort(node, dimension, descending, indexType)]
        case .conditional(let then, let otherwise): return try lowerConditional(node, then, otherwise)
        case .loop(let condition, let body): return try lowerLoop(node, condition, body)
        }
    }

    func fixed(_ shape: Shape) throws(BackendError) -> [Int] { try fixed(shape.dimensions) }

    func fixed(_ dimensions: [Extent]) throws(BackendError) -> [Int] {
        var result: [Int] = []
        for dimension in dimensions {
            guard let value = dimension.fixedValue else {
                throw BackendError(.compilationFailed, "\(dimension) is not bound; bind symbols before compiling")
            }
            result.append(value)
        }
        return result
    }

    // MARK: - Sources

    private func lowerConstant(_ literal: Literal) throws(BackendError) -> StridedView {
        let extents = try extents(literal.type)
        let type = literal.type.scalarType
        switch literal.contents {
        case .splat(let bits): return splat(Self.widened(bits, type), extents, Self.stored(type))
        case .dense(let storage):
            guard let bytes = storage.bytes.baseAddress, !storage.bytes.isEmpty else {
                return splat(0, extents, Self.stored(type))
            }
            store.keep(storage)
            guard type.bitWidth == 4 else {
                let root = constantRoot(bytes, byteCount: storage.bytes.count)
                constantOwners[root] = storage
                return StridedView(dense: root, extents: extents, type: type)
            }
            let count = Strides.count(extents)
            let memory = store.constant(byteCount: count)
            try check(
                hk_convert(Self.stored(type).rawValue, type.rawValue, memory, bytes, Int64(count), nil), "constant")
            return StridedView(
                dense: constantRoot(memory, byteCount: count), extents: extents, type: Self.stored(type))
        }
    }

    /// The bits of a 4-bit integer as those of the byte that stands for it.
    static func widened(_ bits: UInt64, _ type: ScalarType) -> UInt64 {
        type == .int4 ? UInt64(UInt8(bitPattern: Int8(truncatingIfNeeded: bits << 4) >> 4)) : bits
    }

    private func lowerIota(_ type: TensorType, _ dimension: Int) throws(BackendError) -> StridedView {
        // One line, repeated by strides; a short one is made here and now.
        let extents = try extents(type)
        let length = extents[dimension]
        let size = max(1, type.scalarType.bitWidth / 8)
        let line: StridedView
        if length > 0, length <= (1 << 16) / size {
            let memory = store.constant(byteCount: length * size)
            var extent = Int64(length)
            try check(hk_iota(type.scalarType.rawValue, 1, &extent, 0, memory, nil), "iota")
            line = StridedView(
                dense: constantRoot(memory, byteCount: length * size), extents: [length], type: type.scalarType)
        } else {
            line = newResult([length], type.scalarType)
            if length > 0 {
                let payload = store.store(IotaPayload(type: type.scalarType.rawValue, length: Int64(length)))
                emit(
                    runIota, payload, [argument(line)], writes: [line],
                    isParallel: line.byteCount >= Self.parallelThreshold, "iota \(type)")
            }
        }
        return line.broadcast(extents, [dimension])
    }

    // MARK: - Types

    private func lowerBitcast(_ operand: Value, to type: ScalarType) -> StridedView {
        var result = view(operand)
        let from = graph.type(of: operand).scalarType
        if type.bitWidth == 4, from != type {
            // Bytes stand for the 4-bit integers, so the sign has to be taken away or spread: through packed form.
            return repacked(dense(operand), packAs: from, readAs: type)
        }
        result.type = Self.stored(type)
        return result
    }

    private func lowerNarrowConvert(_ operand: Value, to type: ScalarType) -> StridedView {
        let from = graph.type(of: operand).scalarType
        if from == type { return view(operand) }
        return repacked(dense(operand), packAs: type, readAs: type)
    }

    /// `source` converted to the packed 4-bit type `pack`, whose bits are then read as the 4-bit type `read`.
    private func repacked(_ source: StridedView, packAs pack: ScalarType, readAs read: ScalarType) -> StridedView {
        let count = source.count
        let packed = newResult([count / 2 + count % 2], .uint8)
        emitConvert(source, source.type, to: packed, pack)
        let result = newResult(source.extents, Self.stored(read))
        emitConvert(packed, read, to: result, result.type, count: count)
        return result
    }

    /// Converts dense `source`, holding `from`, to dense `target`, holding `to`; the types may be packed ones.
    func emitConvert(
        _ source: StridedView, _ from: ScalarType, to target: StridedView, _ to: ScalarType, count: Int? = nil
    ) {
        let count = count ?? source.count
        guard count > 0 else { return }
        let payload = store.store(ConvertPayload(to: to.rawValue, from: from.rawValue, count: Int64(count)))
        emit(
            runConvert, payload, [argument(source), argument(target)], writes: [target],
            isParallel: count >= Self.parallelThreshold, "convert \(from) to \(to), \(count) elements")
    }

    // MARK: - Movement

    private func reshaped(_ operand: Value, _ extents: [Int]) -> StridedView {
        if let view = view(operand).reshaped(extents) { return view }
        var copy = dense(operand)
        copy.extents = extents
        copy.strides = Strides.dense(extents)
        return copy
    }

    /// Copies `source` to `target`, which has the same extents.
    func emitCopy(from source: StridedView, to target: StridedView) {
        guard source.count > 0 else { return }
        let parallel = source.byteCount >= Self.parallelThreshold
        let (extents, strides) = Strides.merged(source.extents, [source.strides, target.strides])
        let arguments = [argument(source), argument(target)]
        if extents.isEmpty || (extents.count == 1 && strides[0][0] == 1 && strides[1][0] == 1) {
            let payload = store.store(MemoryPayload(byteCount: source.byteCount))
            emit(
                runMemory, payload, arguments, writes: [target], isParallel: parallel,
                "copy \(source.byteCount) bytes")
            return
        }
        let payload = copyPayload(source.elementSize, extents, strides[0], strides[1])
        emit(
            runCopy, store.store(payload), arguments, writes: [target], isParallel: parallel,
            "copy \(source.type)\(extents) strides \(strides[0]) to \(strides[1])")
    }

    /// The description of a strided copy; ranks beyond what the kernel takes become a loop around it.
    func copyPayload(_ elementSize: Int, _ extents: [Int], _ source: [Int], _ target: [Int]) -> CopyPayload {
        let inner = min(extents.count, Int(HK_MAX_RANK))
        let outer = extents.count - inner
        return CopyPayload(
            elementSize: elementSize, rank: Int32(inner), extents: store.integers(Array(extents[outer...])),
            source: store.integers(Array(source[outer...])), target: store.integers(Array(target[outer...])),
            outerRank: outer, outerExtents: store.array(Array(extents[..<outer])),
            outerSource: store.array(Array(source[..<outer])), outerTarget: store.array(Array(target[..<outer])))
    }

    private func lowerConcatenate(_ node: Node, _ dimension: Int) throws(BackendError) -> StridedView {
        let result = try newResult(node)
        var position = 0
        for operand in node.operands {
            let part = view(operand)
            var starts = [Int](repeating: 0, count: part.rank)
            starts[dimension] = position
            let steps = [Int](repeating: 1, count: part.rank)
            emitCopy(from: part, to: result.sliced(starts: starts, steps: steps, extents: part.extents))
            position += part.extents[dimension]
        }
        return result
    }

    private func lowerPad(_ node: Node, _ low: [Int], _ high: [Int], _ interior: [Int]) throws(BackendError)
        -> StridedView
    {
        let source = view(node.operands[0])
        let value = view(node.operands[1])
        let result = try newResult(node)
        guard result.count > 0 else { return result }
        if source.rank <= Int(HK_MAX_RANK), source.count > 0 {
            let payload = PadPayload(
                elementSize: source.elementSize, rank: Int32(source.rank), extents: store.integers(source.extents),
                strides: store.integers(source.strides), low: store.integers(low), high: store.integers(high),
                interior: store.integers(interior))
            emit(
                runPad, store.store(payload), [argument(source), argument(value), argument(result)], writes: [result],
                isParallel: result.byteCount >= Self.parallelThreshold, "pad \(node.resultTypes[0])")
            return result
        }
        emitCopy(from: value.broadcast(result.extents, []), to: result)
        if source.count > 0 { emitPadInterior(source, result, low, interior) }
        return result
    }

    /// Copies the elements of `source` that padding keeps to their places in `result`.
    private func emitPadInterior(_ source: StridedView, _ result: StridedView, _ low: [Int], _ interior: [Int]) {
        var starts: [Int] = []
        var kept: [Int] = []
        var targetStarts: [Int] = []
        for d in 0..<source.rank {
            let step = interior[d] + 1
            // Element i goes to low + i * step, which must be within 0..<extent.
            let first = low[d] >= 0 ? 0 : (-low[d] + step - 1) / step
            let limit = result.extents[d] - low[d]
            let end = limit <= 0 ? 0 : min(source.extents[d], (limit + step - 1) / step)
            starts.append(first)
            kept.append(max(0, end - first))
            targetStarts.append(low[d] + first * step)
        }
        let ones = [Int](repeating: 1, count: source.rank)
        emitCopy(
            from: source.sliced(starts: starts, steps: ones, extents: kept),
            to: result.sliced(starts: targetStarts, steps: interior.map { $0 + 1 }, extents: kept))
    }

    /// Offsets of a window with run-time starts.
    func startsPayload(_ extents: [Int], _ sizes: [Int], _ strides: [Int], _ starts: [Value]) -> StartsPayload {
        StartsPayload(
            rank: extents.count, limits: store.array(zip(extents, sizes).map { $0 - $1 }),
            strides: store.array(strides), isWide: store.array(starts.map { view($0).type == .int64 }))
    }

    private func lowerDynamicSlice(_ node: Node) throws(BackendError) -> StridedView {
        let source = view(node.operands[0])
        let result = try newResult(node)
        guard result.count > 0 else { return result }
        let starts = Array(node.operands.dropFirst())
        let (extents, strides) = Strides.merged(result.extents, [source.strides, result.strides])
        let payload = WindowPayload(
            copy: copyPayload(source.elementSize, extents, strides[0], strides[1]),
            starts: startsPayload(source.extents, result.extents, source.strides, starts))
        emit(
            runDynamicSlice, store.store(payload),
            [argument(source), argument(result)] + starts.map { argument(view($0)) }, writes: [result],
            isParallel: result.byteCount >= Self.parallelThreshold, "dynamicSlice \(node.resultTypes[0])")
        return result
    }

    private func lowerDynamicUpdateSlice(_ node: Node) throws(BackendError) -> StridedView {
        let update = view(node.operands[1])
        let starts = Array(node.operands.dropFirst(2))
        let others = node.operands.dropFirst().map { view($0).root }
        let result = try resultOver(node.operands[0], besides: others)
        guard update.count > 0 else { return result }
        let (extents, strides) = Strides.merged(update.extents, [update.strides, result.strides])
        let payload = WindowPayload(
            copy: copyPayload(update.elementSize, extents, strides[0], strides[1]),
            starts: startsPayload(result.extents, update.extents, result.strides, starts))
        emit(
            runDynamicUpdateSlice, store.store(payload),
            [argument(update), argument(result)] + starts.map { argument(view($0)) }, writes: [result],
            isParallel: update.byteCount >= Self.parallelThreshold,
            "dynamicUpdateSlice \(node.resultTypes[0]), \(update.extents)")
        return result
    }

    /// The dense value of `operand` in memory that the node may change: its own block where it dies here and no other
    /// operand lies in it, else a copy.
    func resultOver(_ operand: Value, besides others: [Int]) throws(BackendError) -> StridedView {
        let source = view(operand)
        if isFree(source), !others.contains(source.root), source.splatBits == nil {
            var result = source
            result.strides = Strides.dense(source.extents)
            return result
        }
        return copied(source)
    }
}
