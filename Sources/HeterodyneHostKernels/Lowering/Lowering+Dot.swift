// Heterodyne: lowering of dot, alone and with elementwise work on its result.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// The sums of products of two views.
    func lowerDot(
        _ left: StridedView, _ right: StridedView, _ dimensions: DotDimensions, _ accumulation: ScalarType,
        _ resultType: ScalarType, _ leading: [Argument]
    ) throws(BackendError) -> StridedView {
        let shape = ProductShape(left, right, dimensions)
        guard Strides.count(shape.resultExtents) > 0, shape.k > 0 else {
            let result = newResult(shape.resultExtents, resultType)
            if result.count > 0 { emitFill(result, 0) }
            return result
        }
        if left.type.isFloatingPoint {
            return try lowerFloatDot(left, right, shape, accumulation, resultType)
        }
        return try lowerIntegerDot(left, right, shape, accumulation, resultType)
    }

    // MARK: - Floats

    private func lowerFloatDot(
        _ left: StridedView, _ right: StridedView, _ shape: ProductShape, _ accumulation: ScalarType,
        _ resultType: ScalarType
    ) throws(BackendError) -> StridedView {
        let computeType: ScalarType = left.type == .float64 || accumulation == .float64 ? .float64 : .float32
        let a = try converted(left, to: computeType)
        // Packing reads narrow floats as they are.
        let b =
            computeType == .float32 && packs(right, shape) ? right : try converted(right, to: computeType)
        let result = newResult(shape.resultExtents, computeType)
        try emitProduct(a, b, shape, result, nil)
        // A narrower accumulation type rounds the sum before the result type does.
        let rounded = accumulation.bitWidth < computeType.bitWidth ? try converted(result, to: accumulation) : result
        return try converted(rounded, to: resultType)
    }

    /// `view` in another scalar type: itself, or a dense converted copy. Repeated dimensions are converted once.
    func converted(_ view: StridedView, to type: ScalarType) throws(BackendError) -> StridedView {
        if view.type == type { return view }
        let core = view.withoutRepetition
        var program = RegionProgram(extents: core.extents)
        let source = program.input(.view(core))
        program.outputs = [(program.apply(UInt16(HK_OP_CONVERT), type, from: view.type, [source]), type)]
        let copy = try emitRegion(program, "convert", mayReuse: false)[0]
        return copy.broadcast(view.extents, Array(view.extents.indices))
    }

    // MARK: - Integers

    private func lowerIntegerDot(
        _ left: StridedView, _ right: StridedView, _ shape: ProductShape, _ accumulation: ScalarType,
        _ resultType: ScalarType
    ) throws(BackendError) -> StridedView {
        if left.type == right.type, accumulation.bitWidth >= left.type.bitWidth,
            let result = try emitGenericProduct(left, right, shape, accumulation, resultType)
        {
            return result
        }
        // Sums and products modulo 2^n may be taken in the accumulation type from the start, also where it is narrower.
        let a = try converted(left, to: accumulation)
        let b = try converted(right, to: accumulation)
        guard let result = try emitGenericProduct(a, b, shape, accumulation, accumulation) else {
            throw BackendError(.unsupported, "dot of \(left.type) in \(accumulation) has no kernel")
        }
        return try converted(result, to: resultType)
    }

    /// A product by the kernel for any type; nil where it does not take these types.
    private func emitGenericProduct(
        _ left: StridedView, _ right: StridedView, _ shape: ProductShape, _ accumulation: ScalarType,
        _ resultType: ScalarType
    ) throws(BackendError) -> StridedView? {
        var description = hk_dot_desc()
        description.type = left.type.rawValue
        description.accumulator = accumulation.rawValue
        description.output = resultType.rawValue
        description.m = Int64(shape.m)
        description.n = Int64(shape.n)
        description.k = Int64(shape.k)
        description.batch = Int64(Strides.count(shape.batchExtents))
        guard hk_dot_validate(&description) == 0 else { return nil }
        let (a, aStrides) = grouped(left, [shape.leftBatch, shape.leftFree, shape.leftContracting])
        let (b, bStrides) = grouped(right, [shape.rightBatch, shape.rightContracting, shape.rightFree])
        let result = newResult(shape.resultExtents, resultType)
        setRankArray(&description.a_strides, aStrides)
        setRankArray(&description.b_strides, bStrides)
        setRankArray(&description.c_strides, [shape.m * shape.n, shape.n, 1])
        try check(hk_dot_validate(&description), "dot of \(left.type)")
        emit(
            runGenericProduct, store.store(description), [argument(a), argument(b), argument(result)],
            writes: [result], isParallel: shape.m * shape.n * shape.k >= 1 << 14,
            "dot \(left.type) \(shape.batchExtents)x\(shape.m)x\(shape.n)x\(shape.k)")
        return result
    }

    /// The view with one stride per group of dimensions, copied where its strides do not allow that.
    private func grouped(_ view: StridedView, _ groups: [[Int]]) -> (view: StridedView, strides: [Int]) {
        var strides: [Int] = []
        for group in groups { if let joined = view.group(group) { strides.append(joined.stride) } }
        if strides.count == groups.count { return (view, strides) }
        let copy = copied(view.transposed(groups.flatMap { $0 }))
        var first = 0
        strides = []
        for group in groups {
            strides.append(copy.group(Array(first..<first + group.count))?.stride ?? 0)
            first += group.count
        }
        return (copy, strides)
    }

    // MARK: - Epilogues

    /// The results of a region with one dot whose result goes through elementwise operations.
    func lowerEpilogue(_ body: Graph, _ node: Node) throws(BackendError) -> [StridedView] {
        guard let product = RegionGeometry.product(of: body),
            case .primitive(.dot(let dimensions, let accumulation, let resultType)) = body.node(of: product).operation
        else {
            throw BackendError(.compilationFailed, "the fused region is not one dot with elementwise work after it")
        }
        var factors: [StridedView] = []
        for operand in body.node(of: product).operands {
            guard case .parameter(let index, _, _) = body.node(of: operand).operation else {
                throw BackendError(.compilationFailed, "the operands of the fused dot are not inputs of the region")
            }
            factors.append(view(node.operands[index]))
        }
        let (left, right) = (factors[0], factors[1])
        let shape = ProductShape(left, right, dimensions)
        let arguments = node.operands.map { Optional(view($0)) }
        var reader = RegionReader(body, arguments, extents: shape.resultExtents, produced: product)
        for output in body.outputs {
            let axes = Array(shape.resultExtents.indices)
            guard let register = reader.read(output.value, axes) else {
                throw BackendError(.compilationFailed, "the work after the fused dot is not elementwise")
            }
            reader.program.outputs.append((register, body.type(of: output.value).scalarType))
        }
        let isPlain =
            left.type == accumulation && accumulation == resultType
            && (resultType == .float32 || resultType == .float64)
        if isPlain, shape.k > 0, Strides.count(shape.resultExtents) > 0, shape.m > 1 || shape.batchExtents.count > 0 {
            return try lowerTiledEpilogue(left, right, shape, reader.program, resultType)
        }
        let result = try lowerDot(left, right, dimensions, accumulation, resultType, [])
        let program = reader.program.replacingProduct(by: result)
        return try emitRegion(program, "epilogue")
    }

    /// The product with the region run on every tile while it is in cache.
    private func lowerTiledEpilogue(
        _ left: StridedView, _ right: StridedView, _ shape: ProductShape, _ program: RegionProgram,
        _ type: ScalarType
    ) throws(BackendError) -> [StridedView] {
        var program = program
        let (instructions, stored) = program.numbered()
        var operands: [StridedView?] = []
        for input in program.inputs {
            guard case .view(let view) = input else {
                operands.append(nil)
                continue
            }
            let fits = view.group(shape.resultRows) != nil && view.group(shape.resultColumns) != nil
            operands.append(fits ? view : copied(view))
        }
        let results = program.outputs.map { newResult(shape.resultExtents, $0.type) }
        // The product is written where the first result goes if it has the type, and the region runs in place.
        let inPlace = results.firstIndex { $0.type == type }
        let product = inPlace.map { results[$0] } ?? newResult(shape.resultExtents, type)
        let epilogue = ProductEpilogue(
            program: program, instructions: instructions, stored: stored, operands: operands, results: results)
        try emitProduct(left, right, shape, product, epilogue)
        return results
    }
}

/// Elementwise work on the tiles of a product.
struct ProductEpilogue {
    var program: RegionProgram
    var instructions: [hk_instr]
    var stored: [UInt16]
    /// The view behind each input of the program; nil for immediates and the product.
    var operands: [StridedView?]
    var results: [StridedView]
}

extension RegionProgram {
    /// The program with the product read from `view`.
    func replacingProduct(by view: StridedView) -> RegionProgram {
        var copy = self
        copy.replaceInputs { input in if case .produced = input { .view(view) } else { input } }
        return copy
    }
}
