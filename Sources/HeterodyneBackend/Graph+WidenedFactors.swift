// Heterodyne: constant factors of products that are stored in fewer bits than they are multiplied in.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension Graph {
    /// The nodes that convert a constant of float16 or bfloat16 to float32 and serve only as right factors of products with
    /// float32: weights stored in 16 bits. A backend may read the constant where the product reads its factor, or put it in
    /// the product's order once, instead of converting it at every run. Conversions in regions of `if` and `while` are told
    /// by these regions' graphs.
    public var widenedFactors: Set<Int> {
        var found: Set<Int> = []
        for (index, node) in nodes.enumerated() {
            guard case .primitive(.convert(.float32)) = node.operation else { continue }
            let source = self.node(of: node.operands[0])
            guard case .primitive(.constant(let literal)) = source.operation, !literal.isSplat,
                literal.type.scalarType == .float16 || literal.type.scalarType == .bfloat16
            else { continue }
            found.insert(index)
        }
        if found.isEmpty { return [] }
        for node in nodes {
            let factor = Self.rightFactor(of: node)
            for (position, operand) in node.operands.enumerated() where position != factor {
                found.remove(Int(operand.node))
            }
        }
        for output in outputs { found.remove(Int(output.value.node)) }
        return found
    }

    /// Which operand of a node is only the right factor of a product with a float32 result; nil where none is.
    private static func rightFactor(of node: Node) -> Int? {
        if case .primitive(.dot(_, .float32, .float32)) = node.operation { return 1 }
        guard let region = node.operation.composite(as: FusedRegion.self), region.kind == .dotEpilogue,
            let product = RegionGeometry.product(of: region.body)
        else { return nil }
        let body = region.body
        guard case .primitive(.dot(_, .float32, .float32)) = body.node(of: product).operation else { return nil }
        let factor = body.node(of: product).operands[1]
        let uses = body.nodes.reduce(0) { $0 + $1.operands.count { $0 == factor } }
        guard uses == 1, !body.outputs.contains(where: { $0.value == factor }) else { return nil }
        return body.inputs.firstIndex(of: factor)
    }
}
