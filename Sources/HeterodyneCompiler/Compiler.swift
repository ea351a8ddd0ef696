// Heterodyne: a graph and devices to segments that backends can compile.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// A graph after all passes, ready for backends.
public struct CompiledGraph: Sendable {
    /// One part of the work.
    public struct Part: Sendable {
        /// The device, as an index into the targets.
        public var target: Int
        /// The graph to compile; its inputs and outputs stand for `inputs` and `outputs`.
        public var graph: Graph
        /// Types that the device's kernels emulate in this part.
        public var emulatedTypes: Set<ScalarType>
        /// How far arithmetic may be reordered in this part: not at all where the graph's own emulation rests on it.
        public var arithmetic: ArithmeticMode
        /// Whether the part computes float64 as pairs of float32 by nodes of its graph: only on devices that pass
        /// `EmulationSelfTest`.
        public var restsOnRounding: Bool
        /// The values of the placed graph that the part reads. The graph's input may have another scalar type and shape of
        /// as many bytes, where the device lacks the value's type.
        public var inputs: [Value]
        /// The values of the placed graph that the part makes.
        public var outputs: [Value]
    }

    /// The whole graph as it was cut; its inputs and outputs are those of the source.
    public var placed: Graph
    /// The parts in the order to run them in.
    public var parts: [Part]
    /// What was decided and why.
    public var report: CompilationReport
    /// The text after each pass, where asked for.
    public var stages: [(pass: String, text: String)]
}

/// Lowers graphs for devices.
public struct Compiler: Sendable {
    /// The devices: the one asked for, then those to fall back to, in order.
    public var targets: [CompilationTarget]
    /// The user's wishes.
    public var options: CompilerOptions
    /// Evaluates constants, where there is one.
    public var evaluator: (any Evaluator)?

    /// A compiler for `targets`, the first of which is the one asked for.
    public init(
        targets: [CompilationTarget], options: CompilerOptions = CompilerOptions(), evaluator: (any Evaluator)? = nil
    ) {
        self.targets = targets
        self.options = options
        self.evaluator = evaluator
    }

    /// Lowers `graph`. Throws `unboundSymbol` for symbolic shapes, `unsupported` for a node that no target runs or, in
    /// strict mode, for a decision that is not free, and what passes throw.
    public func compile(_ graph: Graph, label: String = "graph") throws(GraphError) -> CompiledGraph {
        guard let primary = targets.first?.fitting(options.role) else {
            throw GraphError(.unsupported, "there is no device to compile for")
        }
        let start = ContinuousClock.now
        let targets = targets.map { $0.fitting(options.role) }
        let context = PassContext(target: primary, options: options, evaluator: evaluator, label: label)
        context.report.devices = targets.map(\.device)
        let placed = try Pipeline.beforePlacement.run(graph, in: context)
        let segments = try Partitioner(
            graph: placed, targets: targets, policy: options.scalarTypes, goal: options.placement
        ).segments(&context.report)
        recordTransfers(placed, segments, &context.report)
        if options.isStrict, let refusal = context.report.strictRefusal { throw refusal }
        var parts: [CompiledGraph.Part] = []
        for segment in segments {
            var target = targets[segment.target]
            // Kernels that emulate a type take it in regions like any other.
            target.capabilities.fusion.scalarTypes.formUnion(segment.emulatedTypes)
            let inner = PassContext(target: target, options: options, evaluator: evaluator, label: label)
            let lowered = try Pipeline.afterPlacement(options).run(segment.part.graph, in: inner)
            context.report.passes += inner.report.passes
            context.report.merge(inner.report.entries)
            context.stages += inner.stages
            parts.append(
                .init(
                    target: segment.target, graph: lowered, emulatedTypes: segment.emulatedTypes,
                    arithmetic: inner.restsOnRounding ? .uncontracted : options.arithmetic,
                    restsOnRounding: inner.restsOnRounding, inputs: segment.part.inputs,
                    outputs: segment.part.outputs))
        }
        let duration = start.duration(to: .now)
        context.report.seconds =
            Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
        return CompiledGraph(placed: placed, parts: parts, report: context.report, stages: context.stages)
    }

    /// Records every value that crosses from one device to another. Inputs and outputs live on the first.
    private func recordTransfers(_ graph: Graph, _ segments: [Segment], _ report: inout CompilationReport) {
        let costs = TransferCosts(targets)
        // Whoever asks for several devices asks for what goes on between them.
        let isFree = options.placement == .cheapest
        let results = Set(graph.outputs.map(\.value))
        var maker: [Value: Int] = [:]
        // One copy serves all parts of a device.
        var arrived = [Set<Value>](repeating: [], count: targets.count)
        for segment in segments {
            for value in segment.part.inputs {
                let from = maker[value] ?? 0
                if costs.sharesMemory(from, segment.target) { continue }
                guard arrived[segment.target].insert(value).inserted else { continue }
                report.recordTransfer(
                    of: value, in: graph, to: targets[segment.target].device,
                    reason: "\(maker[value] == nil ? "given" : "made") on \(targets[from].device)",
                    isFree: isFree,
                    seconds: costs.measuredSeconds(
                        NodeCost(transferOf: graph.type(of: value)).byteCount, from: from, to: segment.target))
            }
            for value in segment.part.outputs {
                maker[value] = segment.target
                if results.contains(value), !costs.sharesMemory(segment.target, 0) {
                    report.recordTransfer(
                        of: value, in: graph, to: targets[0].device,
                        reason: "made on \(targets[segment.target].device) and an output", isFree: isFree,
                        seconds: costs.measuredSeconds(
                            NodeCost(transferOf: graph.type(of: value)).byteCount, from: segment.target, to: 0))
                }
            }
        }
    }
}
