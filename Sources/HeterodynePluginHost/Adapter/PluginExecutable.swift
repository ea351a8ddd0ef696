// Heterodyne: a program that a plugin made.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

/// A program that a plugin made. Freed after all its invocations, which keep it alive.
///
/// Unchecked: the plugin's program takes any number of invocations at the same time, by the interface.
final class PluginExecutable: Executable, @unchecked Sendable {
    /// The device that it runs on.
    let device: PluginDevice
    /// What the plugin knows the program by.
    let handle: OpaquePointer
    /// The inputs in order.
    let inputs: [PluginPort]
    /// The outputs in order.
    let outputs: [PluginPort]
    /// Inputs that the program may overwrite.
    let donatedInputs: Set<Int>
    /// The graph, to name nodes in errors.
    let graph: Graph
    private let info: ProgramInfo
    private let label: String
    /// The bytes of the constants, which the plugin may point at.
    private let literals: [LiteralStorage]

    /// Compiles `unit`. Throws `compilationFailed`, or what the plugin reports.
    init(_ unit: CompilationUnit, for device: PluginDevice) throws(BackendError) {
        let table = device.table
        let graph = unit.graph
        self.device = device
        self.graph = graph
        label = unit.label
        let view: GraphView
        do {
            view = try GraphView(graph)
            inputs = try Self.ports(graph.inputNames, graph.inputTypes)
            outputs = try Self.ports(graph.outputs.map(\.name), graph.outputTypes)
        } catch { throw BackendError(error, device: device.id) }
        donatedInputs = unit.donatedInputs.filter(inputs.indices.contains)
        literals = view.literals
        guard let compile = table.function(\.compile) else {
            throw device.error(.compilationFailed, "it has no compile")
        }
        var foreign = heterodyne_unit()
        foreign.struct_size = MemoryLayout<heterodyne_unit>.size
        foreign.graph = view.graph
        foreign.donated_input_count = UInt64(donatedInputs.count)
        foreign.donated_inputs = view.arena.place(donatedInputs.sorted().lazy.map(UInt64.init))
        foreign.emulated_types = unit.emulatedTypes.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
        foreign.is_uncontracted = unit.arithmetic == .uncontracted ? 1 : 0
        foreign.threads = UInt32(clamping: max(unit.threads ?? 0, 0))
        foreign.label = view.arena.text(unit.label)
        let request = view.arena.place(foreign)
        var made: OpaquePointer?
        let failure = table.failure(of: .compile) { compile(table.context, device.index, request, &made, $0) }
        // The structs lie in the view, and the plugin reads them until it has answered.
        withExtendedLifetime(view) {}
        if let failure { throw Self.error(failure, graph, device) }
        guard let made else { throw device.error(.compilationFailed, "compile succeeded and handed out NULL") }
        do {
            info = try Self.info(of: made, inputs, outputs, donatedInputs, device)
        } catch {
            if let free = table.function(\.program_free) { table.alone { free(table.context, made) } }
            throw error
        }
        handle = made
    }

    deinit {
        guard let free = device.table.function(\.program_free) else { return }
        let (context, handle) = (device.table.context, handle)
        device.table.alone { free(context, handle) }
    }

    private static func ports(_ names: [String], _ types: [TensorType]) throws(GraphError) -> [PluginPort] {
        var ports: [PluginPort] = []
        for (name, type) in zip(names, types) {
            ports.append(PluginPort(name: name, type: type, byteCount: try type.byteCount()))
        }
        return ports
    }

    /// What the plugin says of its program. Throws `compilationFailed` where that contradicts the graph.
    private static func info(
        of program: OpaquePointer, _ inputs: [PluginPort], _ outputs: [PluginPort], _ donatedInputs: Set<Int>,
        _ device: PluginDevice
    ) throws(BackendError) -> ProgramInfo {
        let table = device.table
        guard let describe = table.function(\.program_info) else { return ProgramInfo() }
        var pointer: UnsafePointer<heterodyne_program_info>?
        try device.call(.programInfo) { describe(table.context, program, &pointer, $0) }
        do throws(Refusal) {
            return try ProgramInfo(pointer, inputs: inputs, outputs: outputs, donatedInputs: donatedInputs)
        } catch {
            throw device.error(.compilationFailed, error.reason)
        }
    }

    /// A failed compilation. A plugin that refuses what it said it supports broke its word, which is said so.
    private static func error(_ failure: PluginFailure, _ graph: Graph, _ device: PluginDevice) -> BackendError {
        var error = device.error(failure, of: .compile)
        if error.kind == .unsupported {
            var what = "every node of the program"
            if let node = failure.node, graph.nodes.indices.contains(Int(clamping: node)) {
                what = graph.nodes[Int(node)].operation.name
            }
            error = device.error(
                .compilationFailed,
                "said that it supports \(what) and refuses it: " + failure.text(of: PluginFunction.compile.rawValue))
        }
        name(failure.node, in: graph, &error)
        return error
    }

    /// Adds the text and location of a node to an error, where the plugin gave a number that there is.
    static func name(_ node: Int64?, in graph: Graph, _ error: inout BackendError) {
        guard let node, let index = Int(exactly: node), graph.nodes.indices.contains(index) else { return }
        error.node = graph.nodeText(index)
        error.location = graph.nodes[index].location
    }

    // MARK: Contract

    /// A place to run. Throws `outOfMemory`.
    func makeInvocation() throws(BackendError) -> any Invocation {
        try device.recover()
        return PluginInvocation(try InvocationCore(self))
    }

    /// As the plugin says, checked.
    var inPlaceOutputs: [Int: Int] { info.inPlaceOutputs }

    /// As the plugin says.
    var arenaByteCount: Int { info.arenaByteCount }

    /// As the plugin says.
    var constantByteCount: Int { info.constantByteCount }

    /// Whether the plugin measures its steps one by one.
    var measuresSteps: Bool { device.table.function(\.profile) != nil && !info.steps.isEmpty }

    /// The plugin's lines where it measures its steps; else the program is one step, whose time the host takes.
    var stepDescriptions: [String] {
        if measuresSteps || info.steps.count == 1 { return info.steps }
        return [info.steps.isEmpty ? label : "\(label) (\(info.steps.count) steps, not measured one by one)"]
    }

    /// The steps, where they are not measured one by one and `stepDescriptions` therefore does not list them.
    func codeListings() throws(BackendError) -> [CodeListing] {
        guard !measuresSteps, info.steps.count > 1 else { return [] }
        return [
            CodeListing(language: "steps", name: label, steps: [0], text: info.steps.joined(separator: "\n") + "\n")
        ]
    }
}
