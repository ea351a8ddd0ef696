// Heterodyne: rewrites nodes into one simple form.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Rewrites nodes into one simple form: identities vanish, chains of movements become one, splats absorb movements,
/// results without elements become constants.
///
/// Every rule is exact: results keep their bits, signed zeros included, and NaN stays NaN (which NaN, no primitive
/// defines). Bool elements are 0 or 1, as everywhere.
public struct Canonicalization: Pass {
    /// `canonicalize`.
    public let name = "canonicalize"

    /// The pass.
    public init() {}

    /// The simplified graph, also inside regions, without dead nodes.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        let rewriter = GraphRewriter(regions: .control)
        let simplified = try rewriter.rewrite(graph) { (_, node, operands, builder) throws(GraphError) -> [Term]? in
            try Simplifier(builder).simplify(node.operation, operands, node.resultTypes)
        }
        // What a rule bypassed is left behind without users.
        return try simplified.droppingDeadNodesEverywhere()
    }
}

/// Adds nodes to a builder in their simplest form. Rules build with it too, so that one run leaves nothing to do.
struct Simplifier {
    let builder: GraphBuilder

    init(_ builder: GraphBuilder) { self.builder = builder }

    /// What replaces an operation on simplified operands, or nil where it is simple already.
    func simplify(
        _ operation: NodeOperation, _ operands: [Term], _ types: [TensorType]
    ) throws(GraphError) -> [Term]? {
        guard case .primitive(let primitive) = operation else { return nil }
        if case .conditional(let then, let otherwise) = primitive {
            if let predicate = operands[0].literal?.splatBits {
                return try inline(predicate & 0xFF != 0 ? then : otherwise, Array(operands.dropFirst()))
            }
            // The regions are simplified by now and may still hold nodes that a rule bypassed.
            let (a, b) = (try then.droppingDeadNodesEverywhere(), try otherwise.droppingDeadNodesEverywhere())
            return a == b ? try inline(a, Array(operands.dropFirst())) : nil
        }
        if case .loop = primitive { return nil }
        if types[0].hasNoElements {
            let empty = Literal(splatBits: 0, type: types[0])
            if case .constant(empty) = primitive { return nil }
            return [try builder.constant(empty)]
        }
        return try simplify(primitive, operands).map { [$0] }
    }

    private func simplify(_ primitive: Primitive, _ operands: [Term]) throws(GraphError) -> Term? {
        primitive.code.group == .movement
            ? try MovementRules(self).simplify(primitive, operands)
            : try ElementwiseRules(self).simplify(primitive, operands)
    }

    /// The result of a primitive in its simplest form.
    func add(_ primitive: Primitive, _ operands: Term...) throws(GraphError) -> Term { try add(primitive, operands) }

    /// The result of a primitive in its simplest form.
    func add(_ primitive: Primitive, _ operands: [Term]) throws(GraphError) -> Term {
        if let simpler = try simplify(primitive, operands) { return simpler }
        return try builder.add(primitive, operands)
    }

    /// The outputs of a region on `arguments`, every node in its simplest form.
    private func inline(_ graph: Graph, _ arguments: [Term]) throws(GraphError) -> [Term] {
        let outer = builder.currentLocation
        defer { builder.currentLocation = outer }
        var mapped: [[Term]] = []
        mapped.reserveCapacity(graph.nodes.count)
        for node in graph.nodes {
            if case .parameter(let index, _, _) = node.operation {
                mapped.append([arguments[index]])
                continue
            }
            builder.currentLocation = node.location ?? outer
            let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
            if let simpler = try simplify(node.operation, operands, node.resultTypes) {
                mapped.append(simpler)
            } else {
                mapped.append(try builder.addAll(node.operation, operands))
            }
        }
        return graph.outputs.map { mapped[Int($0.value.node)][Int($0.value.result)] }
    }
}

extension TensorType {
    /// Whether an extent is 0.
    var hasNoElements: Bool { shape.dimensions.contains(0) }
}

extension Literal {
    /// The literal with its elements held once where all of them are equal, by bits.
    var normalized: Literal {
        guard case .dense(let storage) = contents, let count = type.shape.fixedExtents?.reduce(1, &*) else {
            return self
        }
        if count <= 1 { return Literal(splatBits: count == 0 ? 0 : bits(at: 0), type: type) }
        let width = type.scalarType.bitWidth / 8
        // Equal to itself one element further along means that all elements are equal; the first difference ends it.
        guard width > 0, let start = storage.bytes.baseAddress,
            memcmp(start, start + width, storage.bytes.count - width) == 0
        else { return self }
        return Literal(splatBits: bits(at: 0), type: type)
    }
}

extension Graph {
    /// The graph without nodes that no output needs, also inside regions; itself where all are needed.
    func droppingDeadNodesEverywhere() throws(GraphError) -> Graph {
        guard hasDeadNodes else { return self }
        return try GraphRewriter(regions: .control).rewrite(self) { (_, _, _, _) throws(GraphError) in nil }
    }

    private var hasDeadNodes: Bool {
        let live = liveNodes()
        return nodes.indices.contains { index in
            if case .parameter = nodes[index].operation { return false }
            return !live[index] || nodes[index].operation.primitive?.regions.contains { $0.hasDeadNodes } == true
        }
    }
}

extension Term {
    /// The node that defines the term.
    var definition: Node { builder.nodes[Int(value.node)] }

    /// The constant that the term is, if it is one.
    var literal: Literal? {
        if case .primitive(.constant(let literal)) = definition.operation { literal } else { nil }
    }

    /// The primitive that defines the term, if one does.
    var primitive: Primitive? { definition.operation.primitive }

    /// The first operand of the node that defines the term.
    var source: Term { Term(builder, definition.operands[0]) }

    /// Whether every element is `number`, by bits.
    func isSplat(ofNumber number: Double) -> Bool {
        guard let bits = literal?.splatBits else { return false }
        return bits == scalarType.bits(of: number)
    }
}
