// Heterodyne: lowering of elementwise operations and fused regions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// The result of one elementwise node.
    func lowerElementwise(_ node: Node) throws(BackendError) -> StridedView {
        let extents = try extents(node.resultTypes[0])
        var reader = RegionReader(nil, [], extents: extents)
        let types = node.operands.map { graph.type(of: $0).scalarType }
        // Selection moves bits, also those of types that are not computed with.
        let isSelect = if case .primitive(.select) = node.operation { true } else { false }
        func moved(_ type: ScalarType) -> ScalarType { isSelect && type.isStorageOnly ? .uint8 : type }
        var registers: [RegionPlan.Register] = []
        for (operand, type) in zip(node.operands, types) {
            var view = self.view(operand)
            view.type = moved(type)
            registers.append(reader.operand(view))
        }
        guard let register = reader.plan.apply(node.operation, types.map(moved), registers) else {
            throw BackendError(.unsupported, "there is no kernel for it on \(types.map(\.name))")
        }
        let type = node.resultTypes[0].scalarType
        reader.plan.outputs = [RegionPlan.Output(register: register, type: moved(type))]
        var result = try emitRegion(reader, node.operation.name)[0]
        result.type = Self.stored(type)
        return result
    }

    /// The results of a fused region.
    func lower(_ region: FusedRegion, _ node: Node) throws(BackendError) -> [StridedView] {
        switch region.kind {
        case .elementwise: return try lowerElementwise(region.body, node)
        case .dotEpilogue: return try lowerDotEpilogue(region, node)
        }
    }

    /// The results of an elementwise region; outputs of different shapes become regions of their own.
    private func lowerElementwise(_ body: Graph, _ node: Node) throws(BackendError) -> [StridedView] {
        var arguments: [StridedView] = []
        for (operand, type) in zip(node.operands, body.inputTypes) {
            var view = self.view(operand)
            view.type = type.scalarType
            arguments.append(view)
        }
        let groups = try RegionGeometry.groups(of: body) { (type) throws(BackendError) in try extents(type) }
        var results = [StridedView?](repeating: nil, count: body.outputs.count)
        for group in groups {
            var reader = RegionReader(body, arguments, extents: group.extents)
            for output in group.outputs {
                let value = body.outputs[output].value
                guard let register = reader.read(value, Array(group.extents.indices)) else {
                    throw BackendError(.compilationFailed, "the fused region is not elementwise")
                }
                reader.plan.outputs.append(
                    RegionPlan.Output(register: register, type: body.type(of: value).scalarType))
            }
            let views = try emitRegion(reader, "fused", mayReuse: groups.count == 1)
            for (output, view) in zip(group.outputs, views) { results[output] = view }
        }
        return results.compactMap { $0 }
    }

    /// Whether kernels take the body of `region` as it is, so that it need not be taken apart.
    static func takes(_ region: FusedRegion, _ target: KernelTarget) -> Bool {
        let body = region.body
        let types = body.nodes.flatMap(\.resultTypes)
        guard types.allSatisfy({ !$0.scalarType.isStorageOnly && $0.shape.fixedExtents != nil }),
            body.inputs.count + body.outputs.count <= target.maximumBuffers
        else { return false }
        switch region.kind {
        case .elementwise: return reads(body, outputsFrom: nil)
        case .dotEpilogue:
            guard let product = RegionGeometry.product(of: body) else { return false }
            let shape = body.type(of: product).shape
            return body.outputTypes.allSatisfy { $0.shape == shape } && reads(body, outputsFrom: product)
        }
    }

    private static func reads(_ body: Graph, outputsFrom product: Value?) -> Bool {
        // Dry run over views of nothing: only the structure matters.
        let arguments = body.inputTypes.map { type -> StridedView? in
            type.shape.fixedExtents.map { StridedView(dense: 0, extents: $0, type: type.scalarType) }
        }
        for output in body.outputs {
            guard let extents = body.type(of: output.value).shape.fixedExtents else { return false }
            var reader = RegionReader(body, arguments, extents: extents, produced: product)
            guard reader.read(output.value, Array(extents.indices)) != nil else { return false }
        }
        return true
    }

    // MARK: - Emission

    /// Runs a region and returns its results, which take the place of operands that die here where that is safe.
    func emitRegion(
        _ region: RegionReader, _ name: String, mayReuse: Bool = true
    ) throws(BackendError) -> [StridedView] {
        let plan = region.plan
        var results: [StridedView] = []
        var aliases: [Int?] = []
        for output in plan.outputs {
            let type = Self.stored(output.type)
            if mayReuse, let operand = reusableOperand(region, type, aliases) {
                var view = region.operands[operand]
                view.type = type
                view.strides = Strides.dense(region.extents)
                results.append(view)
                aliases.append(operand)
            } else {
                results.append(newResult(region.extents, type))
                aliases.append(nil)
            }
        }
        let points = Strides.count(region.extents)
        guard points > 0 else { return results }
        let recipe = ElementwiseRecipe(
            plan, operands: region.operands, outputs: results, aliases: aliases, target)
        try checkIndices(recipe.space, region.extents)
        var accesses: [Access] = []
        for (index, operand) in region.operands.enumerated() {
            accesses.append(aliases.contains(index) ? .readWrite(operand) : .read(operand))
        }
        for (result, alias) in zip(results, aliases) where alias == nil { accesses.append(.write(result)) }
        let invocations = recipe.invocations(points: points)
        try emit(
            recipe, accesses, constants: [count(invocations, recipe.space)],
            grid: .linear(workgroups: (invocations + recipe.workgroup - 1) / recipe.workgroup),
            work: Double(points) * Double(plan.cost + accesses.count * 2),
            "\(name) \(region.extents), \(plan.steps.count) operations")
        return results
    }

    /// An operand that dies here and whose memory an output of `type` may take: dense, and no other operand lies in
    /// its block.
    private func reusableOperand(_ region: RegionReader, _ type: ScalarType, _ taken: [Int?]) -> Int? {
        for (index, view) in region.operands.enumerated() {
            guard !taken.contains(index), view.elementSize == max(1, type.bitWidth / 8),
                view.extents == region.extents, isFree(view)
            else { continue }
            let isAlone = region.operands.enumerated().allSatisfy { $0 == index || $1.root != view.root }
            if isAlone { return index }
        }
        return nil
    }
}
