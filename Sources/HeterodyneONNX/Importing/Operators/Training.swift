// Heterodyne: ONNX operators: steps of optimizers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    private static let trainingDomain = "ai.onnx.preview.training"

    /// Steps of optimizers.
    static let training: [OperatorRule] = [
        .terms("Adagrad", domain: trainingDomain) { (context) throws(GraphError) in try context.adagrad() },
        .terms("Adam", domain: trainingDomain) { (context) throws(GraphError) in try context.adam() },
        .terms("Momentum", domain: trainingDomain) { (context) throws(GraphError) in try context.momentum() },
        .terms("Gradient", domain: trainingDomain) { (context) throws(GraphError) in try context.gradient() },
    ]
}

extension OperatorContext {
    /// `R' = R / (1 + T decay)`, `G' = norm X + G`, `H' = H + G'^2`, `X' = X - R' G' / (sqrt(H') + epsilon)`.
    fileprivate func adagrad() throws(GraphError) -> [Term] {
        let (norm, decay) = (try float("norm_coefficient", default: 0), try float("decay_factor", default: 0))
        let epsilon = try float("epsilon", default: 1e-6)
        return try optimized(states: 2) { (step, x) throws(GraphError) in
            let rate = try step.rate / (step.count * decay + 1)
            let gradient = try x[0] * norm + x[1]
            let squares = try x[2] + gradient * gradient
            return [try x[0] - rate.broadcast(to: x[0].shape) * gradient / (squares.sqrt() + epsilon), squares]
        }
    }

    /// `V' = alpha V + (1 - alpha) G'`, `H' = beta H + (1 - beta) G'^2`, the rate corrected for the bias of both where
    /// `T` is above 0, `X' = (1 - post) (X - R' V' / (sqrt(H') + epsilon))`.
    fileprivate func adam() throws(GraphError) -> [Term] {
        let norm = try float("norm_coefficient", default: 0)
        let post = try float("norm_coefficient_post", default: 0)
        let (alpha, beta) = (try float("alpha", default: 0.9), try float("beta", default: 0.999))
        let epsilon = try float("epsilon", default: 1e-6)
        return try optimized(states: 3) { (step, x) throws(GraphError) in
            let gradient = try x[0] * norm + x[1]
            let momentum = try x[2] * alpha + gradient * (1 - alpha)
            let squares = try x[3] * beta + gradient * gradient * (1 - beta)
            let powerOfBeta = try step.count.like(beta).power(step.count)
            let powerOfAlpha = try step.count.like(alpha).power(step.count)
            let corrected = try step.rate * (1 - powerOfBeta).sqrt() / (1 - powerOfAlpha)
            let rate = try step.count.compare(.greater, 0).select(corrected, step.rate)
            let next = try x[0] - rate.broadcast(to: x[0].shape) * (momentum / (squares.sqrt() + epsilon))
            return [post == 0 ? next : try next * (1 - post), momentum, squares]
        }
    }

    /// `V' = alpha V + beta' G'` with `beta' = 1` in step 0; `X' = X - R V'`, or with Nesterov's rule
    /// `X' = X - R (G' + alpha V')`.
    fileprivate func momentum() throws(GraphError) -> [Term] {
        let isNesterov = try choice("mode", default: "standard", ["standard": false, "nesterov": true])
        let (norm, alpha) = (try float("norm_coefficient", default: 0), try float("alpha", default: 0))
        let beta = try float("beta", default: 1)
        return try optimized(states: 2) { (step, x) throws(GraphError) in
            let gradient = try x[0] * norm + x[1]
            let factor = try step.count.compare(.greater, 0).select(step.count.like(beta), step.count.like(1))
            let velocity = try x[2] * alpha + factor.broadcast(to: x[0].shape) * gradient
            let change = isNesterov ? try gradient + velocity * alpha : velocity
            return [try x[0] - step.rate.broadcast(to: x[0].shape) * change, velocity]
        }
    }

    /// `Gradient`: the derivatives of the value that `y` names with respect to those that `xs` names, where these and
    /// those of `zs` have the values of the inputs.
    fileprivate func gradient() throws(GraphError) -> [Term] {
        guard let xs = try optionalStrings("xs"), let y = try optionalString("y") else {
            throw GraphError(.invalidAttribute, "attributes 'xs' and 'y' are needed")
        }
        let names = try xs + (optionalStrings("zs") ?? [])
        guard names.count == inputs.count, !xs.isEmpty else {
            throw GraphError(.operandCount, "has \(inputs.count) inputs for the \(names.count) names of 'xs' and 'zs'")
        }
        func named(_ name: String) throws(GraphError) -> Term {
            guard case .tensor(let tensor)? = scope.find(name), tensor.term.scalarType.isFloatingPoint else {
                throw GraphError(.malformedGraph, "\(quoted(name)) is no tensor of floats that is known here")
            }
            return tensor.term
        }
        var (places, points): ([Term], [Term]) = ([], [])
        for (index, name) in names.enumerated() {
            // What is not differentiated may be of any type.
            if index >= xs.count, case .tensor(let tensor)? = scope.find(name) {
                places.append(tensor.term)
            } else {
                places.append(try named(name))
            }
            points.append(try term(index))
            guard points[index].type == places[index].type else {
                throw GraphError(
                    .shapeMismatch, "\(quoted(name)) is \(places[index].type), and its input \(points[index].type)")
            }
        }
        return try Differentiation.derivatives(of: named(y), by: xs.count, places, at: points, scope.facts)
    }

    /// Learning rate and number of the step as scalars of the type at hand.
    private struct OptimizerStep {
        let rate: Term
        let count: Term
    }

    /// `update` for every optimized tensor: it gets the tensor, its gradient and `states - 1` states and gives the new
    /// tensor and the new states. Inputs and outputs are ordered by role: all tensors, all gradients, all states.
    private func optimized(
        states: Int, _ update: (OptimizerStep, [Term]) throws(GraphError) -> [Term]
    ) throws(GraphError) -> [Term] {
        let roles = states + 1
        let count = (inputs.count - 2) / roles
        guard count >= 1, inputs.count == 2 + count * roles else {
            throw GraphError(
                .operandCount, "has \(inputs.count) inputs; it needs the rate, the step and \(roles) for every tensor")
        }
        var results = [[Term]](repeating: [], count: states)
        let number = try scalar(1, .int64)
        for index in 0..<count {
            var group: [Term] = []
            for role in 0..<roles { group.append(try term(2 + role * count + index)) }
            for other in group where other.type != group[0].type {
                throw GraphError(.shapeMismatch, "\(other.type) belongs to the tensor \(group[0].type)")
            }
            let rate = try term(0)
            guard rate.shape.dimensions.allSatisfy({ $0 == 1 }) else {
                throw GraphError(.shapeMismatch, "the learning rate is \(rate.type); it must be one number")
            }
            let type = group[0].scalarType
            let step = OptimizerStep(
                rate: try rate.reshape([Int]()).convert(type), count: try number.convert(type))
            for (role, term) in try update(step, group).enumerated() { results[role].append(term) }
        }
        return results.flatMap { $0 }
    }
}

extension ONNXNode {
    /// Values that the node uses although they are no inputs: `Gradient` names a part of the graph.
    var valuesNamedByAttributes: [String] {
        guard opType == "Gradient", domain == "ai.onnx.preview.training" else { return [] }
        var names: [String] = []
        for attribute in [attributes["xs"], attributes["zs"], attributes["y"]] {
            switch attribute {
            case .string(let bytes)?: names.append(String(decoding: bytes, as: UTF8.self))
            case .strings(let list)?: names += list.map { String(decoding: $0, as: UTF8.self) }
            default: break
            }
        }
        return names
    }
}
