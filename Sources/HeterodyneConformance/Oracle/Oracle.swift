// Heterodyne: says what is right and judges what a device has computed.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Says what is right, by evaluating graphs in float64 and in exact integers, and judges what a device has computed.
struct Oracle {
    /// Evaluates graphs; the reference.
    let evaluator: any Evaluator
    let limits: ErrorLimits
    let isClaimed: (NodeSignature) -> Bool

    struct Verdict {
        var deviation = Deviation()
        var limit: Double?
    }

    /// Compares the outputs of a device with what is right.
    func judge(
        _ outputs: [Literal], of graph: Graph, _ inputs: [Literal], _ metric: Metric
    ) throws -> Verdict {
        var verdict = Verdict()
        // Other arithmetic than a type's own is bounded, not exact, except where values only move.
        let standIns = Set(limits.standIns.keys)
        let isEmulated = !graph.scalarTypes.isDisjoint(with: standIns) && !graph.onlyMoves(standIns)
        let metric = isEmulated ? .bound : metric
        let flushed = limits.allowsFlushing ? try flushedInputs(inputs) : nil
        let propagation = ErrorPropagation(limits: limits, isClaimed: isClaimed)
        func compare(_ body: (Comparison, Int) -> Deviation) {
            for index in outputs.indices {
                let comparison = Comparison(metric: metric, limits: limits, name: "output\(index)")
                verdict.deviation.merge(body(comparison, index))
            }
        }
        switch metric {
        case .exact:
            let expected = try evaluator.evaluate(graph, inputs)
            let alternative = try flushed.map { try evaluator.evaluate(graph, $0) }
            verdict.limit = 0
            compare { $0.exact(outputs[$1], expected[$1], alternative: alternative?[$1]) }
        case .ulp(let code):
            let wide = try propagation.rewriting(graph, withMargins: false)
            let expected = try evaluator.evaluate(wide, inputs)
            let alternative = try flushed.map { try evaluator.evaluate(wide, $0) }
            let limit = limits.maximumULP(code)
            verdict.limit = limit
            compare { $0.ulp(outputs[$1], expected[$1], alternative: alternative?[$1], limit: limit) }
        case .bound:
            let wide = try propagation.rewriting(graph)
            var answers = [try evaluator.evaluate(wide, inputs)]
            if isEmulated {
                // What stands in computes with the nearest numbers that it has, which may lie beyond an edge, such as where
                // roots begin: what is right for those is right too.
                for flushes in [false, true] {
                    answers.append(try evaluator.evaluate(wide, inputs.map { try represented($0, flushes: flushes) }))
                }
            }
            compare { comparison, index in
                comparison.bound(outputs[index], answers.map { ($0[2 * index], $0[2 * index + 1]) })
            }
        }
        return verdict
    }

    /// The numbers with which what stands in for the type computes in place of those of `input`; with zero in place of those
    /// below the normal numbers where it flushes.
    private func represented(_ input: Literal, flushes: Bool) throws -> Literal {
        let type = input.type.scalarType
        guard let standIn = limits.standIns[type], type.isFloatingPoint, let format = limits.format(type) else {
            return input
        }
        let bits = (0..<(try input.type.elementCount())).map { index -> UInt64 in
            let number = type.number(fromBits: input.bits(at: index))
            guard number.isFinite else { return input.bits(at: index) }
            let high = Double(Float(number))
            var result = high
            if standIn == .pairs, high.isFinite {
                let low = Double(Float(number - high))
                result += flushes && low.magnitude < format.smallestNormal ? 0 : low
            }
            if flushes, result.magnitude < format.smallestNormal { result = result.sign == .minus ? -0.0 : 0 }
            return type.bits(of: result)
        }
        return try Literal(bits: bits, type: input.type)
    }

    /// The inputs with zero in place of subnormal numbers, or nil where there are none.
    private func flushedInputs(_ inputs: [Literal]) throws -> [Literal]? {
        var changed = false
        var result: [Literal] = []
        for input in inputs {
            let type = input.type.scalarType
            guard let format = FloatFormat(type) else {
                result.append(input)
                continue
            }
            let bits = (0..<(try input.type.elementCount())).map { index -> UInt64 in
                let number = type.number(fromBits: input.bits(at: index))
                guard number != 0, number.magnitude < format.smallestNormal else { return input.bits(at: index) }
                changed = true
                return type.bits(of: number.sign == .minus ? -0.0 : 0)
            }
            result.append(try Literal(bits: bits, type: input.type))
        }
        return changed ? result : nil
    }
}
