// Heterodyne: recurrent layers and scans as ONNX operators.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension CompositeRules {
    static let recurrent: [CompositeRule] = [
        CompositeRule(RNN.self) { (e, layer, x, results) throws(ONNXError) in
            try e.recurrent("RNN", layer.settings, [], x, results)
        },
        CompositeRule(GRU.self) { (e, layer, x, results) throws(ONNXError) in
            try e.recurrent(
                "GRU", layer.settings, [("linear_before_reset", .int(layer.linearBeforeReset ? 1 : 0))], x, results)
        },
        CompositeRule(LSTM.self) { (e, layer, x, results) throws(ONNXError) in
            let extra = [layer.hasInitialCell, layer.hasPeepholes]
            return try e.recurrent(
                "LSTM", layer.settings, [("input_forget", .int(layer.inputForget ? 1 : 0))], x, results, extra: extra)
        },
        CompositeRule(Scan.self) { (e, scan, x, results) throws(ONNXError) in try e.scan(scan, x, results) },
    ]
}

extension RecurrentActivation {
    fileprivate var onnxName: String {
        switch self {
        case .sigmoid: "Sigmoid"
        case .tanh: "Tanh"
        case .relu: "Relu"
        case .affine: "Affine"
        case .leakyRelu: "LeakyRelu"
        case .thresholdedRelu: "ThresholdedRelu"
        case .scaledTanh: "ScaledTanh"
        case .hardSigmoid: "HardSigmoid"
        case .elu: "Elu"
        case .softsign: "Softsign"
        case .softplus: "Softplus"
        }
    }

    /// Whether the function has the parameters α and β.
    fileprivate var takes: (alpha: Bool, beta: Bool) {
        switch self {
        case .sigmoid, .tanh, .relu, .softsign, .softplus: (false, false)
        case .leakyRelu, .thresholdedRelu, .elu: (true, false)
        case .affine, .scaledTanh, .hardSigmoid: (true, true)
        }
    }
}

extension GraphEmitter {
    /// A recurrent layer. `extra` says which operands follow the initial hidden state.
    fileprivate func recurrent(
        _ opType: String, _ settings: RecurrentSettings, _ more: [(String, OutgoingAttribute)], _ x: [Port],
        _ results: [TensorType], extra: [Bool] = []
    ) throws(ONNXError) -> [Port]? {
        guard let hidden = x[2].shape[2].fixedValue, x.allSatisfy({ !$0.shape.dimensions.contains(0) }) else {
            return nil
        }
        var attributes: [(String, OutgoingAttribute)] = [
            ("hidden_size", .int(hidden)), ("direction", .string(settings.direction.rawValue)),
        ]
        if !settings.activations.isEmpty {
            attributes.append(("activations", .strings(settings.activations.map(\.onnxName))))
            // The lists have entries for the functions that take them, in order.
            let alphas = zip(settings.activations, settings.alphas).filter { $0.0.takes.alpha }.map(\.1)
            let betas = zip(settings.activations, settings.betas).filter { $0.0.takes.beta }.map(\.1)
            if !alphas.isEmpty { attributes.append(("activation_alpha", .floats(alphas))) }
            if !betas.isEmpty { attributes.append(("activation_beta", .floats(betas))) }
        }
        if settings.clip > 0 { attributes.append(("clip", .float(settings.clip))) }
        attributes += more
        return try inFloats(x, results) { (x) throws(ONNXError) in
            var rest = x[...]
            var operands: [Port?] = [rest.popFirst(), rest.popFirst(), rest.popFirst()]
            let type = x[0].scalarType
            operands.append(settings.hasBias ? rest.popFirst() : nil)
            operands.append(
                settings.hasLengths
                    ? try rest.popFirst().map { (l) throws(ONNXError) in
                        try cast(l, .int32)
                    } : nil)
            operands.append(settings.hasInitialHidden ? rest.popFirst() : nil)
            for isGiven in extra { operands.append(isGiven ? rest.popFirst() : nil) }
            return try nodes(opType, operands, attributes, results: results.map { $0.with(type) })
        }
    }

    /// ONNX' `Scan`, whose body uses the invariants from outside.
    fileprivate func scan(_ scan: Scan, _ x: [Port], _ results: [TensorType]) throws(ONNXError) -> [Port]? {
        // ONNX Runtime refuses sequences without elements.
        let sequences = x[scan.stateCount..<scan.stateCount + scan.sequenceCount]
        guard sequences.allSatisfy({ $0.shape[0] != 0 }) else { return nil }
        let carried = scan.stateCount + scan.sequenceCount
        var invariants: [Port] = []
        for value in x[carried...] { invariants.append(value.literal == nil ? try whole(value) : value) }
        let inputs = Array(scan.body.inputTypes[..<carried])
        let body = try subgraph("body", inputs: inputs) { (inner, arguments) throws(ONNXError) in
            try inner.emit(scan.body, arguments + invariants)
        }
        var attributes: [(String, OutgoingAttribute)] = [
            ("body", .graph(body)), ("num_scan_inputs", .int(scan.sequenceCount)),
        ]
        if scan.reverse {
            attributes.append(("scan_input_directions", .ints([Int](repeating: 1, count: scan.sequenceCount))))
            let outputs = results.count - scan.stateCount
            if outputs > 0 {
                attributes.append(("scan_output_directions", .ints([Int](repeating: 1, count: outputs))))
            }
        }
        return try nodes("Scan", Array(x[..<carried]), attributes, results: results.map(Optional.some))
    }
}
