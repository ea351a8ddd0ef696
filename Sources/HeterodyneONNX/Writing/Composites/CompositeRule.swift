// Heterodyne: which composites ONNX has operators for.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// How a composite becomes an operator of ONNX.
struct CompositeRule: Sendable {
    /// The composite's name.
    let name: String
    /// The first operator set with that meaning of the operator.
    let since: Int
    /// Writes the composite, or gives nil where the operator means something else for these operands or attributes, or
    /// where ONNX Runtime has no kernel and the decomposition has.
    let emit: @Sendable (GraphEmitter, any Composite, [Port], [TensorType]) throws(ONNXError) -> [Port]?

    init<T: Composite>(
        _: T.Type, since: Int = 18,
        _ body: @escaping @Sendable (GraphEmitter, T, [Port], [TensorType]) throws(ONNXError) -> [Port]?
    ) {
        name = T.name
        self.since = since
        emit = { (emitter, composite, operands, results) throws(ONNXError) in
            guard let composite = composite as? T else { return nil }
            return try body(emitter, composite, operands, results)
        }
    }
}

/// The composites that ONNX has operators for. All others are written as their decompositions.
enum CompositeRules {
    /// By the composites' names.
    static let table = Dictionary(
        (elementwise + normalization + windows + data + recurrent).map { ($0.name, $0) }, uniquingKeysWith: { $1 })

    static func emit(
        _ composite: any Composite, _ operands: [Port], _ results: [TensorType], in emitter: GraphEmitter
    ) throws(ONNXError) -> [Port]? {
        guard let rule = table[composite.name], emitter.model.opset >= rule.since else { return nil }
        return try rule.emit(emitter, composite, operands, results)
    }
}

extension GraphEmitter {
    /// `body` on operands in a type of `types`, float16 included where `half` is true; floats that are narrower are widened
    /// to float32 and the results rounded once, as the composites define it. Nil where a type cannot be reached so.
    func inFloats(
        _ operands: [Port], _ results: [TensorType], types: Set<ScalarType> = [.float32], half: Bool = true,
        _ body: ([Port]) throws(ONNXError) -> [Port]
    ) throws(ONNXError) -> [Port]? {
        let floats = operands.map(\.scalarType).filter(\.isFloatingPoint)
        guard let first = floats.first else { return nil }
        if floats.allSatisfy({ $0 == first }), types.contains(first) || (half && first == .float16) {
            return try body(operands)
        }
        let narrow: Set<ScalarType> = [.float16, .bfloat16, .float32]
        guard types.contains(.float32), floats.allSatisfy(narrow.contains) else { return nil }
        var wide: [Port] = []
        for operand in operands {
            wide.append(operand.scalarType.isFloatingPoint ? try cast(operand, .float32) : operand)
        }
        var rounded: [Port] = []
        for (result, type) in zip(try body(wide), results) { rounded.append(try cast(result, type.scalarType)) }
        return rounded
    }
}
