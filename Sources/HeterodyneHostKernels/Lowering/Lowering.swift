// Heterodyne: turns a graph into steps: what is a view, what is computed where, and what may reuse whose memory.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

/// Turns one graph into steps. Nodes that only move elements become views; the others write blocks ("roots").
final class Lowering {
    /// A block of memory.
    struct Root {
        enum Kind {
            case arena, input(Int), output(Int)
            case constant(address: Int)
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

    enum Argument {
        case none
        case address(root: Int, byteOffset: Int)
        case child(Int)
    }

    struct Step {
        var code: StepCode
        var description: String
    }

    struct Result {
        var steps: [Step]
        var arguments: [ArgumentSource]
        var inputByteCounts: [Int]
        var outputByteCounts: [Int]
        var arenaByteCount: Int
        var inPlaceOutputs: [Int: Int]
    }

    let graph: Graph
    let arithmetic: ArithmeticMode
    let options: HostProgramOptions
    let pool: OpaquePointer?
    let threads: Int
    let donated: Set<Int>
    let store = PayloadStore()
    var children: [HostProgram] = []
    var roots: [Root] = []
    private var steps: [Step] = []
    private var stepArguments: [Argument] = []
    private var values: [[StridedView]] = []
    private var uses: [[Int]] = []
    /// Conversions of constant factors that the products read as they are.
    private var widenedFactors: Set<Int> = []
    private var scalarConstants: [UInt64: Int] = [:]
    /// The literals behind constant blocks, by block.
    var constantOwners: [Int: LiteralStorage] = [:]

    init(
        _ graph: Graph, donated: Set<Int>, arithmetic: ArithmeticMode, options: HostProgramOptions,
        pool: OpaquePointer?, threads: Int
    ) {
        self.graph = graph
        self.donated = donated
        self.arithmetic = arithmetic
        self.options = options
        self.pool = pool
        self.threads = threads
    }

    /// Work (bytes moved, or a like figure) from which a step is given to several threads.
    static let parallelThreshold = 128 << 10

    func run() throws(BackendError) -> Result {
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
            do { try lower(node, index) } catch {
                var located = error
                located.node = located.node ?? node.operation.name
                located.location = located.location ?? node.location
                located.device = located.device ?? options.device
                throw located
            }
        }
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

    /// A constant of one element, repeated over `extents`.
    func splat(_ bits: UInt64, _ extents: [Int], _ type: ScalarType) -> StridedView {
        let root: Int
        if let known = scalarConstants[bits] {
            root = known
        } else {
            let memory = store.constant(byteCount: 16)
            memory.storeBytes(of: bits, as: UInt64.self)
            root = constantRoot(memory, byteCount: 8)
            scalarConstants[bits] = root
        }
        return StridedView(
            root: root, offset: 0, extents: extents, strides: [Int](repeating: 0, count: extents.count), type: type,
            splatBits: bits)
    }

    /// A block of constant memory.
    func constantRoot(_ address: UnsafeRawPointer, byteCount: Int) -> Int {
        roots.append(
            Root(kind: .constant(address: Int(bitPattern: address)), byteCount: byteCount, isReusable: false))
        return roots.count - 1
    }

    /// The address and size of the constant that `view` lies in, or nil for other blocks.
    func constantBytes(_ view: StridedView) -> UnsafeRawPointer? {
        if case .constant(let address) = roots[view.root].kind { UnsafeRawPointer(bitPattern: address) } else { nil }
    }

    /// A dense copy of `view`.
    func copied(_ view: StridedView) -> StridedView {
        let result = newResult(view.extents, view.type)
        emitCopy(from: view, to: result)
        return result
    }

    /// `value` as a dense tensor: its view where it is one, else a copy that later users share.
    func dense(_ value: Value) -> StridedView {
        let current = view(value)
        if current.isDense && current.splatBits == nil {
            var view = current
            view.strides = Strides.dense(view.extents)
            return view
        }
        let copy = copied(current)
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

    func argument(_ view: StridedView) -> Argument { .address(root: view.root, byteOffset: view.byteOffset) }

    /// Adds a step. `writes` are among the blocks that the arguments name.
    func emit(
        _ function: @escaping StepFunction, _ payload: UnsafeRawPointer, _ arguments: [Argument], writes: [StridedView],
        isParallel: Bool, _ description: @autoclosure () -> String
    ) {
        let index = steps.count
        for case .address(let root, _) in arguments { touch(root, index) }
        for view in writes {
            touch(view.root, index)
            roots[view.root].wasWritten = true
        }
        let code = StepCode(
            function: function, payload: payload, firstArgument: stepArguments.count,
            isParallel: isParallel && pool != nil)
        steps.append(Step(code: code, description: description()))
        stepArguments += arguments
    }

    private func touch(_ root: Int, _ step: Int) {
        roots[root].firstStep = min(roots[root].firstStep, step)
        roots[root].lastStep = max(roots[root].lastStep, step)
    }

    /// Throws `compilationFailed` for a status that is not success.
    func check(_ status: Int32, _ what: @autoclosure () -> String) throws(BackendError) {
        guard status != 0 else { return }
        throw BackendError(
            .compilationFailed, "\(what()): the kernels report \(String(cString: hk_status_text(status)))",
            device: options.device)
    }

    // MARK: - Inputs, outputs, memory

    private func lowerInput(_ input: Int, _ type: TensorType) throws(BackendError) -> StridedView {
        let extents = try extents(type)
        let packed = StridedView(dense: input, extents: extents, type: Self.stored(type.scalarType))
        guard type.scalarType.bitWidth == 4 else { return packed }
        let result = newResult(extents, packed.type)
        emitConvert(packed, type.scalarType, to: result, result.type)
        return result
    }

    private func finish(_ inputByteCounts: [Int]) throws(BackendError) -> Result {
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
                emitConvert(dense(output.value), view.type, to: target, type.scalarType)
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
            emitCopy(from: view, to: newOutput(index, view.extents, view.type, bytes))
        }
        let plan = try planArena()
        var sources: [ArgumentSource] = []
        sources.reserveCapacity(stepArguments.count)
        for argument in stepArguments {
            switch argument {
            case .none: sources.append(.none)
            case .child(let child): sources.append(.child(child))
            case .address(let root, let offset):
                switch roots[root].kind {
                case .arena: sources.append(.arena(offset: (plan.offsets[root] ?? 0) + offset))
                case .input(let input): sources.append(.input(input, byteOffset: offset))
                case .output(let output): sources.append(.output(output, byteOffset: offset))
                case .constant(let address): sources.append(.constant(address: address + offset))
                }
            }
        }
        return Result(
            steps: steps, arguments: sources, inputByteCounts: inputByteCounts, outputByteCounts: outputByteCounts,
            arenaByteCount: plan.byteCount, inPlaceOutputs: inPlaceOutputs)
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
        let plan = try ArenaPlanner().plan(blocks)
        return (Dictionary(uniqueKeysWithValues: zip(indices, plan.offsets)), blocks.isEmpty ? 0 : plan.byteCount)
    }
}
