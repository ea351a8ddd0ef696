// Heterodyne: turns a graph into steps on a device: what is a view, what is computed where, what reuses whose memory.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Turns one graph into steps. Nodes that only move elements become views; the others write blocks ("roots").
final class Lowering {
    /// A block of memory.
    struct Root {
        enum Kind {
            case arena, input(Int), output(Int), constant(Int)
        }
        var kind: Kind
        var byteCount: Int
        var firstStep = Int.max
        var lastStep = -1
        /// Uses, by nodes not lowered yet and by outputs, of values that lie in the block.
        var uses = 0
        /// Whether results may be written over it: arena blocks and donated inputs.
        var isReusable: Bool
        var wasWritten = false
    }

    let graph: Graph
    let target: KernelTarget
    let arithmetic: ArithmeticMode
    let options: ProgramLoweringOptions
    let donated: Set<Int>
    var children: [ProgramPlan] = []
    var roots: [Root] = []
    private(set) var steps: [PlannedStep] = []
    private var constants: [LiteralStorage] = []
    private var values: [[StridedView]] = []
    private var uses: [[Int]] = []
    /// Conversions of constant factors that the products read as they are.
    private var widenedFactors: Set<Int> = []
    private var scalarConstants: [UInt64: Int] = [:]
    /// The roots of constant matrices whose columns were brought together, by root, offset, rows and columns.
    var gatheredColumns: [[Int]: Int] = [:]
    /// The node that is being lowered, for the steps' descriptions and errors.
    private var currentNode: Node?

    init(
        _ graph: Graph, donated: Set<Int>, arithmetic: ArithmeticMode, target: KernelTarget,
        options: ProgramLoweringOptions
    ) {
        self.graph = graph
        self.donated = donated
        self.arithmetic = arithmetic
        self.target = target
        self.options = options
    }

    func run() throws(BackendError) -> ProgramPlan {
        uses = graph.nodes.map { [Int](repeating: 0, count: $0.resultTypes.count) }
        values = [[StridedView]](repeating: [], count: graph.nodes.count)
        widenedFactors = graph.widenedFactors
        for node in graph.nodes {
            for operand in node.operands { uses[Int(operand.node)][Int(operand.result)] += 1 }
        }
        for output in graph.outputs { uses[Int(output.value.node)][Int(output.value.result)] += 1 }
        var inputByteCounts: [Int] = []
        for (index, type) in graph.inputTypes.enumerated() {
            let bytes = try size(type)
            inputByteCounts.append(bytes)
            roots.append(Root(kind: .input(index), byteCount: bytes, isReusable: donated.contains(index)))
        }
        for index in graph.nodes.indices {
            let node = graph.nodes[index]
            currentNode = node
            do { try lower(node, index) } catch {
                var located = error
                located.node = located.node ?? node.operation.name
                located.location = located.location ?? node.location
                located.device = located.device ?? options.device
                throw located
            }
        }
        currentNode = nil
        return try finish(inputByteCounts)
    }

    private func lower(_ node: Node, _ index: Int) throws(BackendError) {
        for operand in node.operands {
            uses[Int(operand.node)][Int(operand.result)] -= 1
            roots[view(operand).root].uses -= 1
        }
        let results: [StridedView]
        switch node.operation {
        case .parameter(let input, _, let type): results = [try lowerInput(input, type)]
        case .primitive where widenedFactors.contains(index): results = [view(node.operands[0])]
        case .primitive(let primitive): results = try lower(primitive, node)
        case .composite(let composite):
            if let region = composite as? FusedRegion {
                results = try lower(region, node)
            } else {
                results = try lower(composite, node)
            }
        }
        values[index] = results
        for (result, view) in results.enumerated() { roots[view.root].uses += uses[index][result] }
    }

    // MARK: - Values

    /// Where `value` lies.
    func view(_ value: Value) -> StridedView { values[Int(value.node)][Int(value.result)] }

    /// The extents of `type`. Throws where they are not known.
    func extents(_ type: TensorType) throws(BackendError) -> [Int] {
        guard let extents = type.shape.fixedExtents else {
            throw BackendError(.compilationFailed, "\(type) has unbound symbols; bind them before compiling")
        }
        return extents
    }

    private func size(_ type: TensorType) throws(BackendError) -> Int {
        do { return try type.byteCount() } catch { throw BackendError(error) }
    }

    /// The type that elements have in memory inside a program: 4-bit integers are bytes.
    static func stored(_ type: ScalarType) -> ScalarType {
        switch type {
        case .int4: .int8
        case .uint4: .uint8
        default: type
        }
    }

    /// A new dense block of intermediate memory.
    func newResult(_ extents: [Int], _ type: ScalarType) -> StridedView {
        let view = StridedView(dense: roots.count, extents: extents, type: type)
        roots.append(Root(kind: .arena, byteCount: view.byteCount, isReusable: true))
        return view
    }

    /// A new dense block for a node's only result.
    func newResult(_ node: Node) throws(BackendError) -> StridedView {
        let type = node.resultTypes[0]
        return newResult(try extents(type), Self.stored(type.scalarType))
    }

    /// A constant of one element, repeated over `extents`. Kernels that can fold `splatBits` in; the others read it.
    func splat(_ bits: UInt64, _ extents: [Int], _ type: ScalarType) -> StridedView {
        let root: Int
        if let known = scalarConstants[bits] {
            root = known
        } else {
            root = constantRoot(withUnsafeBytes(of: bits.littleEndian) { LiteralStorage(copying: $0) })
            scalarConstants[bits] = root
        }
        return StridedView(
            root: root, offset: 0, extents: extents, strides: [Int](repeating: 0, count: extents.count), type: type,
            splatBits: bits)
    }

    /// A block of constant memory. It is uploaded when a step reads it.
    func constantRoot(_ storage: LiteralStorage) -> Int {
        constants.append(storage)
        roots.append(
            Root(kind: .constant(constants.count - 1), byteCount: storage.bytes.count, isReusable: false))
        return roots.count - 1
    }

    /// The bytes of the constant that `view` lies in, or nil for other blocks.
    func constantStorage(_ view: StridedView) -> LiteralStorage? {
        if case .constant(let index) = roots[view.root].kind { constants[index] } else { nil }
    }

    /// A dense copy of `view`.
    func copied(_ view: StridedView) throws(BackendError) -> StridedView {
        let result = newResult(view.extents, view.type)
        try emitCopy(from: view, to: result)
        return result
    }

    /// `value` as a dense tensor: its view where it is one, else a copy that later users share.
    func dense(_ value: Value) throws(BackendError) -> StridedView {
        let current = view(value)
        if current.isDense && current.splatBits == nil {
            var view = current
            view.strides = Strides.dense(view.extents)
            return view
        }
        let copy = try copied(current)
        let remaining = uses[Int(value.node)][Int(value.result)]
        roots[current.root].uses -= remaining
        roots[copy.root].uses += remaining
        values[Int(value.node)][Int(value.result)] = copy
        return copy
    }

    /// Whether nothing reads the block of `view` after the node that is being lowered, so that the node may write it.
    func isFree(_ view: StridedView) -> Bool {
        let root = roots[view.root]
        return root.isReusable && root.uses == 0 && view.isDense && view.offset == 0
            && view.byteCount == root.byteCount
    }

    // MARK: - Steps

    /// Adds a launch of a recipe's kernel; the accesses are its slots in order. `work` is about how many scalar
    /// operations it does, or bytes it moves, whichever is more.
    func emit(
        _ recipe: some KernelRecipe, _ accesses: [Access], constants: [PushValue] = [], grid: Grid, work: Double,
        _ description: @autoclosure () -> String
    ) throws(BackendError) {
        guard grid.count > 0 else { return }
        var bindings: [PlannedBinding] = []
        var widest = 0
        for access in accesses {
            let bound = access.view.bound
            widest = max(widest, bound.byteCount)
            bindings.append(
                PlannedBinding(
                    root: access.view.root, byteOffset: bound.byteOffset, byteCount: bound.byteCount,
                    kind: access.kind))
        }
        guard accesses.count <= target.maximumBuffers else {
            throw BackendError(
                .unsupported, "it needs \(accesses.count) buffers and the device binds \(target.maximumBuffers)")
        }
        var memory = SPIRVOptions.Memory.descriptors
        if widest > target.maximumStorageBufferRange || options.forcesAddresses {
            guard target.features.contains(.bufferAddresses) else {
                throw BackendError(
                    .unsupported,
                    "it touches \(widest) bytes of one tensor; the device binds \(target.maximumStorageBufferRange) "
                        + "and has no buffer addresses")
            }
            memory = .addresses
        }
        let launch = PlannedLaunch(
            pipeline: PipelineRequest(recipe, memory: memory, multiplyAdd: nil, emulated: target.emulated),
            bindings: bindings, constants: constants, grid: grid, work: work)
        append(.launch(launch), touching: bindings, description())
    }

    /// Adds a step that is no launch.
    func append(_ action: PlannedStep.Action, touching bindings: [PlannedBinding], _ description: String) {
        for binding in bindings {
            touch(binding.root, steps.count)
            if binding.kind != .read { roots[binding.root].wasWritten = true }
        }
        steps.append(
            PlannedStep(action: action, description: description, node: currentNode?.operation.name ?? "output"))
    }

    private func touch(_ root: Int, _ step: Int) {
        roots[root].firstStep = min(roots[root].firstStep, step)
        roots[root].lastStep = max(roots[root].lastStep, step)
    }

    /// Throws `unsupported` where places need 64-bit indices that the device lacks.
    func checkIndices(_ space: IndexSpace, _ extents: [Int]) throws(BackendError) {
        guard space.isWide, !target.features.contains(.int64) else { return }
        throw BackendError(
            .unsupported, "\(extents) is beyond 32-bit indices, and the device has no 64-bit integers")
    }

    // MARK: - Inputs, outputs, memory

    private func lowerInput(_ input: Int, _ type: TensorType) throws(BackendError) -> StridedView {
        let extents = try extents(type)
        let packed = StridedView(dense: input, extents: extents, type: Self.stored(type.scalarType))
        guard type.scalarType.bitWidth == 4 else { return packed }
        return try unpacked(packed, extents, type.scalarType)
    }

    private func finish(_ inputByteCounts: [Int]) throws(BackendError) -> ProgramPlan {
        var outputByteCounts: [Int] = []
        var inPlaceOutputs: [Int: Int] = [:]
        for (index, output) in graph.outputs.enumerated() {
            let type = graph.type(of: output.value)
            let bytes = try size(type)
            outputByteCounts.append(bytes)
            let view = self.view(output.value)
            let isWhole = view.isDense && view.offset == 0 && view.byteCount == roots[view.root].byteCount
            if type.scalarType.bitWidth == 4 {
                let target = newOutput(index, view.extents, view.type, bytes)
                try emitPack(try dense(output.value), to: target)
                continue
            }
            if case .arena = roots[view.root].kind, isWhole {
                roots[view.root].kind = .output(index)
                continue
            }
            if case .input(let input) = roots[view.root].kind, isWhole, roots[view.root].wasWritten,
                !inPlaceOutputs.values.contains(input)
            {
                inPlaceOutputs[index] = input
                continue
            }
            try emitCopy(from: view, to: newOutput(index, view.extents, view.type, bytes))
        }
        let arena = try planArena()
        var blocks: [ProgramPlan.Block] = []
        for (index, root) in roots.enumerated() {
            switch root.kind {
            case .arena: blocks.append(.arena(offset: arena.offsets[index] ?? 0))
            case .input(let input): blocks.append(.input(input))
            case .output(let output): blocks.append(.output(output))
            case .constant(let constant): blocks.append(root.lastStep >= 0 ? .constant(constant) : .unused)
            }
        }
        return ProgramPlan(
            steps: steps, blocks: blocks, blockByteCounts: roots.map(\.byteCount), constants: constants,
            children: children, inputByteCounts: inputByteCounts, outputByteCounts: outputByteCounts,
            arenaByteCount: arena.byteCount, inPlaceOutputs: inPlaceOutputs)
    }

    private func newOutput(_ index: Int, _ extents: [Int], _ type: ScalarType, _ bytes: Int) -> StridedView {
        let view = StridedView(dense: roots.count, extents: extents, type: type)
        roots.append(Root(kind: .output(index), byteCount: bytes, isReusable: false))
        return view
    }

    private func planArena() throws(BackendError) -> (offsets: [Int: Int], byteCount: Int) {
        var blocks: [ArenaPlanner.Block] = []
        var indices: [Int] = []
        for (index, root) in roots.enumerated() {
            guard case .arena = root.kind, root.lastStep >= 0 else { continue }
            indices.append(index)
            blocks.append(
                ArenaPlanner.Block(byteCount: root.byteCount, firstStep: root.firstStep, lastStep: root.lastStep))
        }
        // Every block starts where any device can bind a range, and has room for whole vectors at its end.
        let plan = try ArenaPlanner(alignment: StridedView.boundAlignment).plan(blocks)
        return (Dictionary(uniqueKeysWithValues: zip(indices, plan.offsets)), blocks.isEmpty ? 0 : plan.byteCount)
    }
}
