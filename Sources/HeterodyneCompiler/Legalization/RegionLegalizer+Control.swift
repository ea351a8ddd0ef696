// Heterodyne: if and while over values whose scalar types a device lacks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension RegionLegalizer {
    /// The form in which values of a type enter and leave regions, where `computes` says whether these compute with it.
    func regionForm(_ type: ScalarType, computes: Bool) -> Form.Kind {
        guard let carriage = active[type] else { return .typed }
        switch carriage {
        case .bridged: return .typed
        case .bits: return .bits
        case .words:
            guard computes else { return .words }
            switch plan.policy[type] {
            case .emulate: return type == .float64 ? .pair : .words
            case .demote: return .single
            case .fallback, .error: return .words
            }
        }
    }

    /// The type of a plane of a value in a form.
    func planeType(_ type: TensorType, _ kind: Form.Kind) throws(GraphError) -> TensorType {
        switch kind {
        case .typed: type
        case .words: type.with(.uint32)
        case .pair: type.with(.float32)
        case .single: type.with(type.scalarType.standIn)
        case .bits: type.with(try bitsType(type.scalarType))
        }
    }

    func conditional(
        _ then: Graph, _ otherwise: Graph, _ operands: [CarriedValue], _ results: [TensorType]
    ) throws(GraphError) -> [CarriedValue] {
        let arguments = Array(operands.dropFirst())
        let computed = then.computedTypes.union(otherwise.computedTypes)
        // Arguments come as they are; constants are made inside where they are used.
        let inputs = arguments.map {
            $0.origin ?? regionForm($0.scalarType, computes: computed.contains($0.scalarType))
        }
        let outputs = results.map { regionForm($0.scalarType, computes: computed.contains($0.scalarType)) }
        let terms = try flatten(arguments, inputs)
        let branches = [
            try region(then, arguments.map(\.type), inputs, terms, outputs),
            try region(otherwise, arguments.map(\.type), inputs, terms, outputs),
        ]
        let made = try builder.conditional(typed(operands[0]), terms, then: branches[0], otherwise: branches[1])
        return unflatten(made, results, outputs)
    }

    func loop(
        _ condition: Graph, _ body: Graph, _ operands: [CarriedValue]
    ) throws(GraphError) -> [CarriedValue] {
        let types = operands.map(\.type)
        let computed = condition.computedTypes.union(body.computedTypes)
        let forms = types.map { regionForm($0.scalarType, computes: computed.contains($0.scalarType)) }
        let state = try flatten(operands, forms)
        let made = try builder.loop(
            state, condition: region(condition, types, forms, state, [.typed]),
            body: region(body, types, forms, state, forms))
        return unflatten(made, types, forms)
    }

    /// The planes of values in these forms, one after the other.
    func flatten(_ values: [CarriedValue], _ forms: [Form.Kind]) throws(GraphError) -> [Term] {
        var terms: [Term] = []
        for (value, kind) in zip(values, forms) { terms += try form(kind, of: value).planes }
        return terms
    }

    /// Values of planes that lie one after the other.
    func unflatten(_ terms: [Term], _ types: [TensorType], _ forms: [Form.Kind]) -> [CarriedValue] {
        var position = 0
        var values: [CarriedValue] = []
        for (type, kind) in zip(types, forms) {
            let planes = Array(terms[position..<position + kind.planeCount])
            values.append(CarriedValue(type, kind.form(planes)))
            position += kind.planeCount
        }
        return values
    }

    private func region(
        _ graph: Graph, _ types: [TensorType], _ inputs: [Form.Kind], _ terms: [Term], _ outputs: [Form.Kind]
    ) throws(GraphError) -> Graph {
        try GraphBuilder.region(terms.map(\.type)) { (inner, terms) throws(GraphError) in
            let region = RegionLegalizer(plan: plan, active: active, builder: inner, trace: trace)
            region.depth = depth
            let results = try region.walk(graph, region.unflatten(terms, types, inputs))
            return try region.flatten(results, outputs)
        }
    }
}

extension Primitive {
    /// Whether it moves elements and computes nothing with them.
    var isMovement: Bool {
        switch self {
        case .constant, .select, .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse, .gather,
            .dynamicSlice, .dynamicUpdateSlice:
            true
        case .scatter(let mode, _): mode == .set
        case .iota, .convert, .bitcast, .unary, .binary, .compare, .dot, .reduce, .sort, .conditional, .loop: false
        }
    }
}

extension Graph {
    /// Scalar types that some node computes with, those inside regions included.
    var computedTypes: Set<ScalarType> {
        var types: Set<ScalarType> = []
        for node in nodes {
            switch node.operation {
            case .parameter: continue
            case .primitive(let primitive):
                switch primitive {
                case .conditional, .loop: for region in primitive.regions { types.formUnion(region.computedTypes) }
                default: if !primitive.isMovement { types.formUnion(NodeSignature(node, in: self).scalarTypes) }
                }
            case .composite: types.formUnion(NodeSignature(node, in: self).scalarTypes)
            }
        }
        return types
    }
}
