// Heterodyne: runs the passes in order.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// Runs passes in order, verifies between them where asked to, and records what they did.
public struct Pipeline: Sendable {
    /// The passes.
    public var passes: [any Pass]

    /// A pipeline of the given passes.
    public init(_ passes: [any Pass]) { self.passes = passes }

    /// The passes before nodes are placed: simplify, recognize what is claimed, decompose what is not, simplify again.
    /// Narrowing comes before recognition, which then sees the types that the device has, and again for what
    /// definitions bring in.
    public static let beforePlacement = Pipeline([
        Canonicalization(), ConstantFolding(), Canonicalization(), Narrowing(), Recognition(), Decomposition(),
        Canonicalization(), ConstantFolding(), Canonicalization(), Narrowing(), DeadCodeElimination(),
    ])

    /// The passes for the part of one device: rewrite what needs scalar types that it lacks, fuse, order.
    public static func afterPlacement(_ options: CompilerOptions) -> Pipeline {
        Pipeline(
            [Legalization()]
                + (options.fuses ? [ElementwiseFusion(), DeadCodeElimination(), Scheduling()] : [Scheduling()]))
    }

    /// The graph after all passes. Throws what a pass throws; a graph that no longer verifies after a pass is an
    /// error that names the pass.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        guard graph.symbols.isEmpty else {
            throw GraphError(
                .unboundSymbol,
                "bind \(graph.symbols.sorted().joined(separator: ", ")) before compiling, with Graph.binding")
        }
        let clock = ContinuousClock()
        var current = graph
        if context.options.recordsStages { context.stages.append(("input", current.listing)) }
        for pass in passes {
            let start = clock.now
            current = try pass.run(current, in: context)
            let duration = start.duration(to: clock.now)
            if context.options.verifiesPasses {
                do { try current.verify() } catch {
                    throw GraphError(
                        .malformedGraph, "pass \(pass.name) made a graph that does not verify: \(error.message)",
                        operation: error.operation, location: error.location)
                }
            }
            context.report.passes.append(
                .init(
                    name: pass.name, nodeCount: current.totalNodeCount,
                    seconds: Double(duration.components.attoseconds) * 1e-18 + Double(duration.components.seconds)))
            if context.options.recordsStages { context.stages.append((pass.name, current.listing)) }
        }
        return current
    }
}

extension Graph {
    /// The text form; constants beyond a few elements are elided, so a stage of small constants parses.
    fileprivate var listing: String { text(GraphTextOptions(elidesLargeLiterals: true)) }
}
