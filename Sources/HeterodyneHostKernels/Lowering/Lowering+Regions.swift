// Heterodyne: lowering of elementwise operations and fused regions.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// The result of one elementwise node.
    func lowerElementwise(_ node: Node) throws(BackendError) -> StridedView {
        let extents = try extents(node.resultTypes[0])
        var program = RegionProgram(extents: extents)
        var types: [ScalarType] = []
        var registers: [RegionProgram.Register] = []
        for operand in node.operands {
            var view = regionOperand(operand)
            view.type = Self.movable(view.type)
            // A conversion reads the values of 8-bit floats; selection only moves their bits.
            if case .primitive(.convert) = node.operation { view.type = self.view(operand).type }
            types.append(view.type)
            registers.append(program.operand(view))
        }
        guard let register = program.apply(node.operation, types, registers) else {
            throw BackendError(.unsupported, "there is no kernel for it on \(types.map(\.name))")
        }
        let type = Self.stored(node.resultTypes[0].scalarType)
        var resultType = type
        if case .primitive(.select) = node.operation { resultType = Self.movable(type) }
        program.outputs = [(register, resultType)]
        var result = try emitRegion(program, node.operation.name)[0]
        result.type = type
        return result
    }

    /// A type in which the bits of `type` can be moved through registers.
    private static func movable(_ type: ScalarType) -> ScalarType {
        type == .float8e4m3fn || type == .float8e5m2 ? .uint8 : type
    }

    /// The view of an operand of a region, copied first where reading it there would gather from far apart.
    private func regionOperand(_ operand: Value) -> StridedView {
        let view = self.view(operand)
        guard view.splatBits == nil, view.count >= 1 << 14 else { return view }
        guard let inner = (0..<view.rank).last(where: { view.extents[$0] != 1 }) else { return view }
        let isNear = view.strides[inner] == 0 || view.strides[inner].magnitude <= 2
        return isNear ? view : dense(operand)
    }

    /// The results of a fused region.
    func lower(_ region: FusedRegion, _ node: Node) throws(BackendError) -> [StridedView] {
        switch region.kind {
        case .elementwise: return try lowerElementwise(region.body, node)
        case .dotEpilogue: return try lowerEpilogue(region.body, node)
        }
    }

    /// The results of an elementwise region; outputs of different shapes become regions of their own.
    private func lowerElementwise(_ body: Graph, _ node: Node) throws(BackendError) -> [StridedView] {
        let arguments = node.operands.map { regionOperand($0) }
        let groups = try RegionGeometry.groups(of: body) { (type) throws(BackendError) in try extents(type) }
        var results = [StridedView?](repeating: nil, count: body.outputs.count)
        for group in groups {
            var reader = RegionReader(body, arguments, extents: group.extents)
            for output in group.outputs {
                let value = body.outputs[output].value
                guard let register = reader.read(value, Array(group.extents.indices)) else {
                    throw BackendError(.compilationFailed, "the fused region is not elementwise")
                }
                reader.program.outputs.append((register, body.type(of: value).scalarType))
            }
            let views = try emitRegion(reader.program, "fused", mayReuse: groups.count == 1)
            for (output, view) in zip(group.outputs, views) { results[output] = view }
        }
        return results.compactMap { $0 }
    }

    /// Whether the kernels take the body of `region` as it is, so that it need not be taken apart.
    static func takes(_ region: FusedRegion) -> Bool {
        let body = region.body
        let types = body.nodes.flatMap(\.resultTypes)
        guard types.allSatisfy({ !$0.scalarType.isStorageOnly && $0.shape.fixedExtents != nil }) else { return false }
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

    /// Runs `program` and returns its results, which take the place of operands that die here where that is safe.
    func emitRegion(
        _ program: RegionProgram, _ name: String, mayReuse: Bool = true
    ) throws(BackendError) -> [StridedView] {
        var program = program
        let (instructions, stored) = program.numbered()
        var results: [StridedView] = []
        var taken: Set<Int> = []
        for output in program.outputs {
            let candidate = mayReuse ? reusableOperand(program, output.type, taken) : nil
            if let candidate {
                taken.insert(candidate.root)
                var view = candidate
                view.type = output.type
                view.strides = Strides.dense(program.extents)
                results.append(view)
            } else {
                results.append(newResult(program.extents, output.type))
            }
        }
        guard Strides.count(program.extents) > 0 else { return results }
        let region = try prepare(program, instructions, stored, results)
        var arguments: [Argument] = []
        for input in region.inputs {
            if case .view(let view) = input { arguments.append(argument(view)) } else { arguments.append(.none) }
        }
        let bytes = results.reduce(0) { $0 + $1.byteCount } * max(1, instructions.count / 2)
        emit(
            runRegion, UnsafeRawPointer(region.handle), arguments + results.map(argument), writes: results,
            isParallel: bytes >= Self.parallelThreshold,
            "\(name) \(program.extents), \(instructions.count) instructions")
        return results
    }

    /// An operand that dies here and whose memory an output of `type` may take: dense, and no other operand lies in
    /// its block.
    private func reusableOperand(_ program: RegionProgram, _ type: ScalarType, _ taken: Set<Int>) -> StridedView? {
        for case .view(let view) in program.inputs {
            guard !taken.contains(view.root), view.elementSize == max(1, type.bitWidth / 8),
                view.extents == program.extents, isFree(view)
            else { continue }
            let isAlone = program.inputs.allSatisfy { other in
                if case .view(let other) = other { return other.root != view.root || other == view }
                return true
            }
            if isAlone { return view }
        }
        return nil
    }

    /// Prepares the kernel of a region. Operands of too high a rank are copied, and the program's inputs change.
    private func prepare(
        _ program: RegionProgram, _ instructions: [hk_instr], _ stored: [UInt16], _ results: [StridedView]
    ) throws(BackendError) -> (handle: OpaquePointer, inputs: [RegionProgram.Input]) {
        var inputs = program.inputs
        func strides() -> [[Int]] {
            inputs.map { input in
                switch input {
                case .view(let view): view.strides
                case .immediate: [Int](repeating: 0, count: program.extents.count)
                case .produced: Strides.dense(program.extents)
                }
            } + results.map(\.strides)
        }
        let immediates = inputs.indices.filter { if case .immediate = inputs[$0] { true } else { false } }
        func merged() -> (extents: [Int], strides: [[Int]]) {
            // Immediates fit any layout and must not keep dimensions apart; zero strides never do.
            Strides.merged(program.extents, strides())
        }
        var (extents, lists) = merged()
        if extents.count > Int(HK_MAX_RANK) {
            for (index, input) in inputs.enumerated() {
                if case .view(let view) = input, !view.isDense { inputs[index] = .view(copied(view)) }
            }
            (extents, lists) = merged()
        }
        guard extents.count <= Int(HK_MAX_RANK) else {
            throw BackendError(.compilationFailed, "the region has \(extents.count) dimensions that cannot be joined")
        }
        var operands: [hk_operand] = []
        for (index, input) in inputs.enumerated() {
            var operand = hk_operand()
            switch input {
            case .view(let view): operand.type = view.type.rawValue
            case .produced(let type): operand.type = type.rawValue
            case .immediate(let bits, let type):
                operand.type = type.rawValue
                operand.immediate = bits
            }
            operand.is_immediate = immediates.contains(index) ? 1 : 0
            setRankArray(&operand.strides, lists[index])
            operands.append(operand)
        }
        var targets: [hk_operand] = []
        for (index, output) in program.outputs.enumerated() {
            var operand = hk_operand()
            operand.type = output.type.rawValue
            operand.reg = stored[index]
            setRankArray(&operand.strides, lists[inputs.count + index])
            targets.append(operand)
        }
        let handle = try prepareRegion(extents, operands, instructions, targets)
        return (handle, inputs)
    }

    /// Prepares a region kernel that the program owns.
    func prepareRegion(
        _ extents: [Int], _ operands: [hk_operand], _ instructions: [hk_instr], _ targets: [hk_operand]
    ) throws(BackendError) -> OpaquePointer {
        var description = hk_region_desc()
        description.rank = Int32(extents.count)
        description.input_count = Int32(operands.count)
        description.instr_count = Int32(instructions.count)
        description.output_count = Int32(targets.count)
        description.flags = arithmetic == .fast ? UInt32(HK_REGION_CONTRACT) : 0
        setRankArray(&description.dims, extents)
        description.inputs = store.array(operands)
        description.instrs = store.array(instructions)
        description.outputs = store.array(targets)
        var handle: OpaquePointer?
        try check(hk_region_prepare(&handle, &description), "elementwise region")
        guard let handle else { throw BackendError(.compilationFailed, "the kernels gave no region") }
        store.own(region: handle)
        return handle
    }
}

/// Writes `values` into one of the kernels' fixed arrays of 64-bit integers.
func setRankArray<T: BitwiseCopyable>(_ array: inout T, _ values: [Int]) {
    withUnsafeMutableBytes(of: &array) { bytes in
        for (index, value) in values.enumerated() where index < bytes.count / 8 {
            bytes.storeBytes(of: Int64(value), toByteOffset: index * 8, as: Int64.self)
        }
    }
}
