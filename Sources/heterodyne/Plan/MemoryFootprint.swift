// Heterodyne: the memory that a program needs on a device, counted from its graphs.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneRoofline

/// The memory that a program needs on a device, in bytes.
struct MemoryFootprint: Sendable, Hashable {
    /// Constants, each once, and inputs that are said to be weights.
    private(set) var weights = 0.0
    /// Intermediate results, where memory whose content is dead is used again.
    private(set) var intermediates = 0.0
    /// Inputs and outputs.
    private(set) var ports = 0.0

    /// Everything.
    var total: Double { weights + intermediates + ports }

    /// What `parts`, which share their constants, need together, or of each of several chips that share the work: of
    /// divided data each has a part and all weights, of divided products a part of the weights that are only multiplied, and
    /// all else. Throws where a shape has symbols or does not fit in 64 bits.
    init(
        of parts: [(graph: Graph, weights: Set<String>)], on chips: Int = 1, _ kind: Distribution.Kind = .data
    ) throws {
        var seen: Set<ObjectIdentifier> = []
        let share = 1 / Double(max(1, chips))
        for (graph, names) in parts {
            let multiplied = kind == .tensor ? Self.multipliedOperands(of: graph) : []
            for (index, node) in graph.nodes.enumerated() {
                guard case .primitive(.constant(let literal)) = node.operation else { continue }
                // A number that is repeated is part of the instructions.
                guard case .dense(let storage) = literal.contents else { continue }
                guard seen.insert(ObjectIdentifier(storage)).inserted else { continue }
                weights += Double(storage.bytes.count) * (multiplied.contains(index) ? share : 1)
            }
            for (name, input) in zip(graph.inputNames, graph.inputs) {
                let bytes = Double(try graph.type(of: input).byteCount())
                if names.contains(name) {
                    weights += bytes * (multiplied.contains(Int(input.node)) ? share : 1)
                } else {
                    ports += bytes
                }
            }
            for type in graph.outputTypes { ports += Double(try type.byteCount()) }
            intermediates += Double(try Self.arena(of: graph))
        }
        if kind == .data {
            ports *= share
            intermediates *= share
        }
    }

    /// Nodes of rank 2 and more that nothing reads but products of matrices.
    private static func multipliedOperands(of graph: Graph) -> Set<Int> {
        var others: Set<Int> = []
        var multiplied: Set<Int> = []
        for node in graph.nodes {
            let isProduct: Bool
            switch node.operation {
            case .primitive(.dot): isProduct = true
            case .composite(let composite): isProduct = (composite as? FusedRegion)?.kind == .dotEpilogue
            case .primitive, .parameter: isProduct = false
            }
            for operand in node.operands {
                guard isProduct, graph.type(of: operand).rank >= 2 else {
                    others.insert(Int(operand.node))
                    continue
                }
                multiplied.insert(Int(operand.node))
            }
        }
        return multiplied.subtracting(others)
    }

    /// Bytes of the arena that holds what the nodes of `graph` make, in their order. Views (`reshape`, `broadcast`) take no
    /// memory and keep what they look at alive; outputs lie in memory of their own.
    private static func arena(of graph: Graph) throws -> Int {
        var lastUses = [Int](repeating: -1, count: graph.nodes.count)
        // What a view looks at, the view's own source resolved.
        var roots = Array(graph.nodes.indices)
        for (index, node) in graph.nodes.enumerated() {
            if case .primitive(let primitive) = node.operation, let source = node.operands.first {
                switch primitive {
                case .reshape, .broadcast: roots[index] = roots[Int(source.node)]
                default: break
                }
            }
            for operand in node.operands { lastUses[roots[Int(operand.node)]] = index }
        }
        let outputs = Set(graph.outputs.map { Int($0.value.node) })
        var blocks: [ArenaPlanner.Block] = []
        for (index, node) in graph.nodes.enumerated() where roots[index] == index && !outputs.contains(index) {
            switch node.operation {
            case .parameter, .primitive(.constant): continue
            case .primitive, .composite: break
            }
            for type in node.resultTypes {
                blocks.append(
                    .init(
                        byteCount: try type.byteCount(), firstStep: index, lastStep: max(index, lastUses[index])))
            }
        }
        return try ArenaPlanner().plan(blocks).byteCount
    }
}
