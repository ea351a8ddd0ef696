// Heterodyne: lowering of dot, alone and with elementwise work on its result.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

extension Lowering {
    /// The sums of products of two operands.
    func lowerDot(
        _ node: Node, _ dimensions: DotDimensions, _ accumulation: ScalarType, _ result: ScalarType
    ) throws(BackendError) -> StridedView {
        try lowerDot(view(node.operands[0]), view(node.operands[1]), dimensions, accumulation, result)
    }

    /// The sums of products of two views.
    func lowerDot(
        _ left: StridedView, _ right: StridedView, _ dimensions: DotDimensions, _ accumulation: ScalarType,
        _ result: ScalarType
    ) throws(BackendError) -> StridedView {
        let types = DotTypes(left: left.type, right: right.type, accumulation: accumulation, result: result)
        let shape = DotShape(left, right, dimensions)
        if Strides.count(shape.resultExtents) == 0 { return newResult(shape.resultExtents, result) }
        if shape.depth == 0 {
            let zeros = newResult(shape.resultExtents, result)
            try emitFill(zeros, bits: 0)
            return zeros
        }
        var product = try ProductLowering(self, shape, left, right, types)
        // Before the product is used: its factors may be copied.
        let problem = try product.problem(nil, [])
        return try product.emit(problem, resultTypes: [result])[0]
    }

    /// The results of a region with one dot whose result goes through elementwise operations.
    func lowerDotEpilogue(_ region: FusedRegion, _ node: Node) throws(BackendError) -> [StridedView] {
        let body = region.body
        guard let produced = RegionGeometry.product(of: body),
            case .primitive(.dot(let dimensions, let accumulation, let result)) = body.node(of: produced).operation
        else {
            throw BackendError(.compilationFailed, "the fused region is not one dot with elementwise work after it")
        }
        var factors: [StridedView] = []
        for operand in body.node(of: produced).operands {
            guard case .parameter(let index, _, _) = body.node(of: operand).operation else {
                throw BackendError(.compilationFailed, "the operands of the fused dot are not inputs of the region")
            }
            factors.append(view(node.operands[index]))
        }
        var arguments: [StridedView] = []
        for (operand, type) in zip(node.operands, body.inputTypes) {
            var view = view(operand)
            view.type = type.scalarType
            arguments.append(view)
        }
        let shape = DotShape(factors[0], factors[1], dimensions)
        let isEmpty = Strides.count(shape.resultExtents) == 0
        let types = DotTypes(
            left: factors[0].type, right: factors[1].type, accumulation: accumulation, result: result)
        if !isEmpty, shape.depth > 0 {
            let reader = try read(body, arguments, shape.resultExtents, produced, nil)
            let outputs = reader.plan.outputs.map(\.type)
            let buffers = 2 + reader.operands.count + outputs.count
            var product = try ProductLowering(self, shape, factors[0], factors[1], types)
            if buffers <= target.maximumBuffers, let problem = try product.fused(reader.plan, reader.operands),
                DotNumbers.maximumByteCount(problem.dot) + 8 * buffers <= target.maximumPushConstantByteCount
            {
                return try product.emit(problem, operands: reader.operands, resultTypes: outputs.map(Self.stored))
            }
        }
        let sums = try lowerDot(factors[0], factors[1], dimensions, accumulation, result)
        return try emitRegion(try read(body, arguments, shape.resultExtents, produced, sums), "epilogue")
    }

    /// Reads the work after a dot; `sums` is where its result lies, nil where it is in registers.
    private func read(
        _ body: Graph, _ arguments: [StridedView], _ extents: [Int], _ produced: Value, _ sums: StridedView?
    ) throws(BackendError) -> RegionReader {
        var reader = RegionReader(body, arguments, extents: extents, produced: produced)
        reader.producedView = sums
        for output in body.outputs {
            guard let register = reader.read(output.value, Array(extents.indices)) else {
                throw BackendError(.compilationFailed, "the work after the fused dot is not elementwise")
            }
            reader.plan.outputs.append(
                RegionPlan.Output(register: register, type: body.type(of: output.value).scalarType))
        }
        return reader
    }
}

/// One product on its way to launches: factors that have no single stride along a dimension are copied.
private struct ProductLowering {
    let lowering: Lowering
    let shape: DotShape
    let types: DotTypes
    var left: StridedView
    var right: StridedView

    init(
        _ lowering: Lowering, _ shape: DotShape, _ left: StridedView, _ right: StridedView, _ types: DotTypes
    ) throws(BackendError) {
        (self.lowering, self.shape, self.left) = (lowering, shape, left)
        self.right = lowering.withColumnsTogether(right, shape) ?? right
        // A constant factor may have been widened.
        self.types = DotTypes(
            left: types.left, right: self.right.type, accumulation: types.accumulation, result: types.result)
        for type in [types.left, self.types.right, types.accumulation, types.result] {
            guard ScalarCode.supports(type, lowering.target) else {
                throw BackendError(.unsupported, "dot of \(type) needs arithmetic that the device lacks")
            }
        }
        let largest = Int(UInt32.max) / 2
        guard [shape.rows, shape.columns, shape.depth, shape.batchCount].allSatisfy({ $0 <= largest }) else {
            throw BackendError(.unsupported, "a dot of \(shape.rows) x \(shape.columns) x \(shape.depth) is too long")
        }
    }

    /// The problem with elementwise work, or nil where the work has to be done apart.
    mutating func fused(_ plan: RegionPlan, _ operands: [StridedView]) throws(BackendError) -> DotProblem? {
        // The epilogue's operands must have strides as the result's dimensions are joined.
        let isSimple = operands.allSatisfy {
            $0.group(shape.resultRows) != nil && $0.group(shape.resultColumns) != nil
        }
        guard isSimple else { return nil }
        do { return try DotProblem(shape, left, right, types, plan: plan, epilogueOperands: operands) } catch {
            switch error {
            case .epilogue: return nil
            case .left, .right, .batch: break
            }
        }
        // A factor is in the way: once it is copied, only the work itself can be.
        _ = try problem(nil, [])
        return try? DotProblem(shape, left, right, types, plan: plan, epilogueOperands: operands)
    }

    /// The problem; copies factors until there is one.
    mutating func problem(_ plan: RegionPlan?, _ operands: [StridedView]) throws(BackendError) -> DotProblem {
        for _ in 0..<5 {
            do {
                return try DotProblem(shape, left, right, types, plan: plan, epilogueOperands: operands)
            } catch {
                let d = shape.dimensions
                switch error {
                case .left: left = try copied(left, d.leftBatch, shape.leftFree + d.leftContracting)
                case .right: right = try copied(right, d.rightBatch, d.rightContracting + shape.rightFree)
                case .batch, .epilogue:
                    left = try copied(left, [], d.leftBatch + shape.leftFree + d.leftContracting)
                    right = try copied(right, [], d.rightBatch + d.rightContracting + shape.rightFree)
                }
            }
        }
        throw BackendError(.compilationFailed, "dot could not be brought into the form of matrices")
    }

    /// A copy of `view` whose memory has its dimensions in the order `repeated`, `others`; what repeats along
    /// `repeated` is copied once.
    private func copied(
        _ view: StridedView, _ repeated: [Int], _ others: [Int]
    ) throws(BackendError) -> StridedView {
        let order = repeated + others
        var core = view
        for d in repeated where view.strides[d] == 0 { core.extents[d] = 1 }
        var inverse = [Int](repeating: 0, count: order.count)
        for (position, d) in order.enumerated() { inverse[d] = position }
        core.splatBits = nil
        let copy = try lowering.copied(core.transposed(order)).transposed(inverse)
        return copy.broadcast(view.extents, Array(view.extents.indices))
    }

    // MARK: - Launches

    func emit(
        _ problem: DotProblem, operands: [StridedView] = [], resultTypes: [ScalarType]
    ) throws(BackendError) -> [StridedView] {
        let target = lowering.target
        if problem.dot.isWide, !target.features.contains(.int64) {
            throw BackendError(
                .unsupported, "\(shape.resultExtents) is beyond 32-bit indices, and the device has no 64-bit integers")
        }
        let oriented = DotSchedule.oriented(problem)
        let isSwapped = oriented.dot.transposesResult
        let tuning = lowering.options.dotTuner?.tuning(
            for: oriented, leftByteCount: (isSwapped ? right : left).bound.byteCount,
            rightByteCount: (isSwapped ? left : right).bound.byteCount)
        let schedule = DotSchedule(
            oriented: oriented, tuning ?? DotTuning.candidates(oriented, target)[0], target)
        let (numbers, dot) = (schedule.problem.numbers, schedule.problem.dot)
        let factors = (dot.transposesResult ? [right, left] : [left, right]).map(Access.read)
        let others = operands.map(Access.read)
        let results = resultTypes.map { lowering.newResult(shape.resultExtents, $0) }
        let constants = numbers.constants(for: dot)
        let work = problem.products * 2
        let name =
            "dot \(types.left)\(problem.dot.epilogue == nil ? "" : " with epilogue") "
            + "\(numbers.batchCount)x\(numbers.rows)x\(numbers.columns)x\(numbers.depth)"
        guard let sum = schedule.sum(for: target) else {
            try lowering.emit(
                schedule.recipe, factors + others + results.map(Access.write), constants: constants,
                grid: schedule.grid, work: work, name)
            return results
        }
        let count = numbers.batchCount * numbers.rows * numbers.columns
        let parts = lowering.newResult([numbers.splits, count], dot.types.sum.scalar)
        try lowering.emit(
            schedule.recipe, factors + [.write(parts)], constants: constants, grid: schedule.grid, work: work,
            "\(name) in \(numbers.splits) parts")
        let invocations = sum.invocations(numbers)
        try lowering.emit(
            sum, [.read(parts)] + others + results.map(Access.write), constants: sum.constants(numbers),
            grid: .linear(workgroups: (invocations + sum.workgroup - 1) / sum.workgroup),
            work: Double(count * (numbers.splits + 8)), "sum of \(name)")
        return results
    }
}
