// Heterodyne: lowering of the composites that the kernels run whole.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// The results of a composite that `CompositeSupport` answers for.
    func lower(_ composite: any Composite, _ node: Node) throws(BackendError) -> [StridedView] {
        let types = node.operands.map(graph.type(of:))
        if let first = types.first, ElementwiseCode.plan(composite, first.scalarType) != nil {
            return [try lowerElementwise(node)]
        }
        if let operation = RowOperation(composite, types) { return [try lowerRows(operation, node)] }
        if let plan = WindowPlan(composite, types) { return [try lowerWindows(plan, node)] }
        if let plan = AttentionPlan(composite, types) { return [try lowerAttention(plan, node)] }
        throw BackendError(.unsupported, "the composite has no kernel for \(types); decompose it")
    }

    // MARK: - Rows

    private func lowerRows(_ operation: RowOperation, _ node: Node) throws(BackendError) -> StridedView {
        let x = view(node.operands[0])
        guard x.count > 0 else { return try newResult(node) }
        // Softmax along an inner axis runs on the transposed tensor, and its result is transposed back by strides.
        var order = Array(0..<x.rank)
        if operation.isAlongAxis { order.append(order.remove(at: operation.axis)) }
        let firstColumn = operation.isAlongAxis ? x.rank - 1 : operation.axis
        var source = x.transposed(order)
        let rowDimensions = Array(0..<firstColumn)
        let columnDimensions = Array(firstColumn..<x.rank)
        func rowStride() -> Int? {
            guard source.splatBits == nil, let columns = source.group(columnDimensions),
                columns.extent == 1 || columns.stride == 1, let rows = source.group(rowDimensions)
            else { return nil }
            return rows.extent == 1 ? columns.extent : rows.stride
        }
        if rowStride() == nil { source = copied(source) }
        guard let stride = rowStride() else {
            throw BackendError(.compilationFailed, "the operand could not be brought into rows")
        }
        let columns = Strides.count(columnDimensions.map { source.extents[$0] })
        let parameters = node.operands.dropFirst().map { operand in
            let spread = view(operand)
            let target = Array(x.extents[operation.axis...])
            let offset = target.count - spread.rank
            let full = spread.broadcast(target, Array(offset..<target.count))
            return full.isDense && full.splatBits == nil ? full : copied(full)
        }
        let canReuse = isFree(source) && parameters.allSatisfy { $0.root != source.root }
        var result = canReuse ? source : newResult(source.extents, source.type)
        result.strides = Strides.dense(source.extents)
        let payload = RowPayload(
            kind: operation.kind.rawValue, type: source.type.rawValue, rows: Int64(source.count / columns),
            columns: Int64(columns), sourceStride: Int64(stride), epsilon: operation.epsilon)
        var arguments = [argument(source), argument(result)] + parameters.map(argument)
        while arguments.count < 4 { arguments.append(.none) }
        emit(
            runRows, store.store(payload), arguments, writes: [result],
            isParallel: source.byteCount * 2 >= Self.parallelThreshold,
            "\(node.operation.name) \(graph.type(of: node.operands[0]))")
        var inverse = [Int](repeating: 0, count: order.count)
        for (position, d) in order.enumerated() { inverse[d] = position }
        return result.transposed(inverse)
    }

    // MARK: - Attention

    private func lowerAttention(_ plan: AttentionPlan, _ node: Node) throws(BackendError) -> StridedView {
        let type = graph.type(of: node.operands[0]).scalarType
        var operands: [StridedView] = []
        for operand in node.operands[..<3] {
            let wide = try converted(view(operand), to: .float32)
            let fits = wide.splatBits == nil && (wide.strides[3] == 1 || wide.extents[3] == 1)
            operands.append(fits ? wide : copied(wide))
        }
        let (q, k, v) = (operands[0], operands[1], operands[2])
        var description = hk_attention_desc()
        description.batch = Int64(q.extents[0])
        description.heads = Int64(q.extents[1])
        description.kv_heads = Int64(k.extents[1])
        description.queries = Int64(q.extents[2])
        description.keys = Int64(k.extents[2])
        description.depth = Int64(q.extents[3])
        description.value_depth = Int64(v.extents[3])
        setRankArray(&description.q_strides, Array(q.strides[..<3]))
        setRankArray(&description.k_strides, Array(k.strides[..<3]))
        setRankArray(&description.v_strides, Array(v.strides[..<3]))
        description.flags = plan.flags
        description.scale = Float(plan.scale)
        description.mask_type = UInt8(HK_F32)
        var arguments = [argument(q), argument(k), argument(v), Argument.none]
        if node.operands.count == 4 {
            var mask = view(node.operands[3])
            if mask.type != .bool { mask = try converted(mask, to: .float32) }
            let target = [q.extents[0], q.extents[1], q.extents[2], k.extents[2]]
            mask = mask.broadcast(target, Array(4 - mask.rank..<4))
            description.mask_type = mask.type.rawValue
            setRankArray(&description.mask_strides, mask.strides)
            arguments[3] = argument(mask)
        }
        // Usually the heads are joined next; laid out [batch, query, head, depth], that costs no copy.
        let extents = [q.extents[0], q.extents[2], q.extents[1], v.extents[3]]
        let joinsHeads = isOnlyTransposed(node, [0, 2, 1, 3])
        let result =
            joinsHeads
            ? newResult(extents, .float32).transposed([0, 2, 1, 3])
            : newResult([extents[0], extents[2], extents[1], extents[3]], .float32)
        setRankArray(&description.out_strides, Array(result.strides[..<3]))
        try check(hk_attention_validate(&description), "attention")
        emit(
            runAttention, store.store(description), arguments + [argument(result)], writes: [result],
            isParallel: true, "attention \(q.extents) over \(k.extents[2]) keys")
        return try converted(result, to: type)
    }

    /// Whether every use of the node's result transposes it by `permutation`.
    private func isOnlyTransposed(_ node: Node, _ permutation: [Int]) -> Bool {
        guard let index = graph.nodes.firstIndex(of: node) else { return false }
        let value = Value(node: index)
        var found = false
        for user in graph.nodes where user.operands.contains(value) {
            guard case .primitive(.transpose(permutation: permutation)) = user.operation else { return false }
            found = true
        }
        return found && !graph.outputs.contains { $0.value == value }
    }
}
