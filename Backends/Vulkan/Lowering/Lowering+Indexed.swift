// Heterodyne: lowering of attention, convolution, pooling and random bits.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

extension Lowering {
    /// Names of the composites that are run whole, at least for some types and shapes.
    static let indexedNames: Set<String> = PoolingPlan.names.union([
        AttentionPlan.name, ConvolutionPlan.name, ConvolutionPlan.transposedName, ThreefryPlan.bits,
        ThreefryPlan.cipher,
    ])

    /// Whether `composite` on operands of the given types is run whole.
    static func claimsIndexed(
        _ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget
    ) -> Bool {
        guard indexedNames.contains(composite.name) else { return false }
        return AttentionPlan(composite, operands, target) != nil
            || ConvolutionPlan(composite, operands, target) != nil
            || PoolingPlan(composite, operands, target) != nil || ThreefryPlan.takes(composite, operands, target)
    }

    /// The results of a composite that `claimsIndexed` answers for.
    func lowerIndexed(_ composite: any Composite, _ node: Node) throws(BackendError) -> [StridedView] {
        let types = node.operands.map(graph.type(of:))
        if let plan = AttentionPlan(composite, types, target) { return [try lowerAttention(plan, node)] }
        if let plan = ConvolutionPlan(composite, types, target) { return [try lowerConvolution(plan, node)] }
        if let plan = PoolingPlan(composite, types, target) { return try lowerPooling(plan, node) }
        if ThreefryPlan.takes(composite, types, target) { return try lowerThreefry(composite, node) }
        throw BackendError(.unsupported, "the composite has no kernel for \(types); decompose it")
    }

    // MARK: - Attention

    private func lowerAttention(_ plan: AttentionPlan, _ node: Node) throws(BackendError) -> StridedView {
        var operands: [StridedView] = []
        for operand in node.operands[..<3] { operands.append(try rows(view(operand))) }
        let (q, k, v) = (operands[0], operands[1], operands[2])
        var mask: StridedView?
        if node.operands.count == 4 {
            let given = view(node.operands[3])
            let scores = [q.extents[0], q.extents[1], q.extents[2], k.extents[2]]
            mask = given.broadcast(scores, Array(4 - given.rank..<4))
        }
        // Usually the heads are joined next; laid out [batch, query, head, depth], that costs no copy.
        let extents = [q.extents[0], q.extents[2], q.extents[1], v.extents[3]]
        let result =
            isOnlyTransposed(node, [0, 2, 1, 3])
            ? newResult(extents, plan.type).transposed([0, 2, 1, 3])
            : newResult([extents[0], extents[2], extents[1], extents[3]], plan.type)
        try emit(plan.launch(q, k, v, mask: mask, result, target))
        return result
    }

    /// The view, or a dense copy where the elements of a row do not lie side by side.
    private func rows(_ view: StridedView) throws(BackendError) -> StridedView {
        let isNear = view.strides[3] == 1 || view.extents[3] == 1
        let isWide = IndexSpace.needsWideIndices(view.extents, [view.strides])
        return isNear && !isWide && view.splatBits == nil ? view : try copied(view)
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

    // MARK: - Windows

    private func lowerConvolution(_ plan: ConvolutionPlan, _ node: Node) throws(BackendError) -> StridedView {
        let x = try spread(view(node.operands[0]), plan)
        let weights = plan.grouped(view(node.operands[1]))
        let bias = try node.operands.count > 2 ? dense(node.operands[2]) : nil
        let result = try newResult(node)
        let positions = result.count / result.extents[1]
        let shape = ConvolutionPlan.Shape(
            target, channels: weights.extents[weights.rank - 1], positions: positions, plan.type)
        let operand: StridedView
        if shape.channels == 1 {
            let direct = plan.direct(weights)
            operand = direct.isDense && direct.splatBits == nil ? direct : try copied(direct)
        } else {
            operand = try packed(weights, plan, shape)
        }
        try emit(plan.launch(x, weights: weights, operand: operand, bias: bias, result, shape, target))
        return result
    }

    /// The operand of the convolution: of a transposed one with zeros between and around its elements.
    private func spread(_ x: StridedView, _ plan: ConvolutionPlan) throws(BackendError) -> StridedView {
        guard let spread = plan.spread else {
            return IndexSpace.needsWideIndices(x.extents, [x.strides]) ? try copied(x) : x
        }
        let zero = splat(0, [], x.type)
        let result = newResult(x.extents[..<2] + spread.extents, x.type)
        let launch = try PadKernel.launch(
            x, value: zero, low: [0, 0] + spread.low, interior: [0, 0] + spread.interior, result: result, target)
        if let launch { try emit(launch) } else { try emitFill(result, bits: 0) }
        return result
    }

    /// Grouped weights in whole tiles of output channels. Constant ones are packed while compiling.
    private func packed(
        _ weights: StridedView, _ plan: ConvolutionPlan, _ shape: ConvolutionPlan.Shape
    ) throws(BackendError) -> StridedView {
        let packedExtents = plan.packedExtents(weights, shape)
        if weights.splatBits == nil, let storage = constantStorage(weights) {
            let root = constantRoot(plan.packed(weights, storage, shape))
            return StridedView(dense: root, extents: packedExtents, type: weights.type)
        }
        let block = newResult(packedExtents, weights.type)
        if packedExtents != weights.extents { try emitFill(block, bits: 0) }
        var part = block
        part.extents = weights.extents
        try emitCopy(from: weights, to: part)
        return block
    }

    private func lowerPooling(_ plan: PoolingPlan, _ node: Node) throws(BackendError) -> [StridedView] {
        var x = view(node.operands[0])
        if IndexSpace.needsWideIndices(x.extents, [x.strides]) { x = try copied(x) }
        var results: [StridedView] = []
        for type in node.resultTypes {
            results.append(newResult(try extents(type), Self.stored(type.scalarType)))
        }
        try emit(plan.launch(x, results[0], indices: results.count > 1 ? results[1] : nil, target))
        return results
    }

    // MARK: - Random bits

    private func lowerThreefry(_ composite: any Composite, _ node: Node) throws(BackendError) -> [StridedView] {
        let key = try dense(node.operands[0])
        let extents = try extents(node.resultTypes[0])
        if composite.name == ThreefryPlan.bits {
            let result = newResult(extents, .uint32)
            if result.count > 0 { try emit(ThreefryPlan.launchBits(key: key, result, target)) }
            return [result]
        }
        let (high, low) = (try dense(node.operands[1]), try dense(node.operands[2]))
        let words = newResult([2] + extents, .uint32)
        if words.count > 0 { try emit(ThreefryPlan.launchCipher(key: key, high, low, words, target)) }
        return (0..<2).map { word in
            StridedView(
                root: words.root, offset: word * (words.count / 2), extents: extents,
                strides: Strides.dense(extents), type: .uint32)
        }
    }
}
