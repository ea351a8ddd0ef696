// Heterodyne: the largest error of each elementwise operation of a device in one type.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps

/// Finds the largest error of each elementwise operation of a device in one type.
struct ErrorSurvey {
    let probe: NumericsProbe
    let type: ScalarType
    let sampleCount: Int
    /// Whether operands and results below the smallest normal number are left out; the device may make them zero.
    let ignoresSubnormals: Bool

    /// An operation to measure.
    struct Subject {
        enum Kind {
            case unary(UnaryOperator)
            case binary(BinaryOperator)
            /// From another type.
            case conversion(ScalarType)
            case composite(any ElementwiseComposite, ValueClass)
        }

        let name: String
        let kind: Kind
        var isComposite: Bool { if case .composite = kind { true } else { false } }
    }

    /// The operations of which errors can be told: the elementwise primitives that take the type, conversion from a wider
    /// type, and the composites that the device runs whole.
    var subjects: [Subject] {
        var result = UnaryOperator.allCases.map { Subject(name: $0.rawValue, kind: .unary($0)) }
        for op in BinaryOperator.allCases where op.takes(type) {
            result.append(Subject(name: op.rawValue, kind: .binary(op)))
        }
        let wider: ScalarType? =
            switch type {
            case .float32: .float64
            case .float16, .bfloat16: .float32
            default: nil
            }
        if let wider, probe.computes(wider) { result.append(Subject(name: "convert", kind: .conversion(wider))) }
        for (composite, range) in CompositeCases.elementwiseRanges
        where probe.capabilities.claims.contains(composite.name) && Swift.type(of: composite).takes(type) {
            result.append(Subject(name: composite.name, kind: .composite(composite, range)))
        }
        return result
    }

    /// The row of `subject`; nil where the device does not run it by itself, or it gives no floats.
    func row(of subject: Subject) throws(ProbeError) -> NumericsMeasurement.ErrorRow? {
        let sets = operands(of: subject)
        guard let first = sets.first else { return nil }
        let source: ScalarType = if case .conversion(let wider) = subject.kind { wider } else { type }
        var worst = Worst()
        for set in sets {
            let shape = Shape([set[0].count])
            let graph = try probe.graph(
                subject.name, [TensorType](repeating: TensorType(source, shape), count: first.count)
            ) { builder, terms throws(GraphError) in
                switch subject.kind {
                case .unary(let op): [try terms[0].unary(op)]
                case .binary(let op): [try terms[0].binary(op, terms[1])]
                case .conversion: [try terms[0].convert(type)]
                case .composite(let composite, _): try builder.addAll(.composite(composite), terms)
                }
            }
            guard graph.outputTypes.first?.scalarType == type, probe.runs(graph) else { return nil }
            var inputs: [Literal] = []
            for operand in set { inputs.append(try probe.literal(operand, source)) }
            let found = try probe.run(graph, inputs)[0]
            let wanted = try probe.define(try probe.widened(graph), inputs)[0]
            measure(found, wanted, set, source, subject, &worst)
        }
        let declared = declared(subject)
        // The oracle has been rounded itself where the type is as wide as the oracle and no residue tells more.
        let slack = type == .float64 && !isMeasuredByResidue(subject) ? 0.5 : 0
        return NumericsMeasurement.ErrorRow(
            operation: subject.name, isComposite: subject.isComposite, scalarType: type, declared: declared,
            measured: worst.units, worstOperands: worst.operands, worstResult: worst.result,
            sampleCount: worst.count, isWorse: !(worst.units <= declared * (1 + 0x1p-10) + slack))
    }

    private func declared(_ subject: Subject) -> Double {
        switch subject.kind {
        case .unary(let op): probe.limits.maximumULP(op.code)
        case .binary(let op): probe.limits.maximumULP(op.code)
        case .conversion: probe.limits.maximumULP(.convert)
        case .composite(let composite, _): probe.limits.maximumULP(composite: composite.name)
        }
    }

    // MARK: - Samples

    /// Sets of operands, as bits.
    private func operands(of subject: Subject) -> [[[UInt64]]] {
        var random = SplitMix("\(subject.name) \(type)")
        switch subject.kind {
        case .unary(let op):
            var sets = [[spread(type, &random)]]
            // Every number of a narrow type is among the first already.
            if type.bitWidth > 16 || sampleCount < 1 << 16 {
                for (_, values) in ElementwiseCases.domain(op) {
                    sets.append([values.bits(type, count: sampleCount, &random)])
                }
            }
            return sets
        case .binary(let op):
            let edges = ValueClass.edges(of: type)
            var sets = [[edges.flatMap { edge in edges.map { _ in edge } }, edges.flatMap { _ in edges }]]
            for (_, left, right) in ElementwiseCases.operandClasses(op, type) {
                sets.append([
                    left.bits(type, count: sampleCount, &random), right.bits(type, count: sampleCount, &random),
                ])
            }
            return sets
        case .conversion(let wider): return [[spread(wider, &random)], [near(wider, &random)]]
        case .composite(let composite, let range):
            return [
                Swift.type(of: composite).operandNames.map { _ in range.bits(type, count: sampleCount, &random) }
            ]
        }
    }

    /// Numbers spread evenly over all bit patterns of a type, one at random in each stretch; all of a narrow type.
    private func spread(_ type: ScalarType, _ random: inout SplitMix) -> [UInt64] {
        let width = UInt64(type.bitWidth)
        let last = width == 64 ? UInt64.max : (1 << width) - 1
        if width < 64, UInt64(sampleCount) > last { return Array(0...last) }
        let stretch = last / UInt64(sampleCount)
        return (0..<UInt64(sampleCount)).map { $0 * stretch + (stretch > 1 ? random.next() % stretch : 0) }
    }

    /// Numbers of a wider type within the range of this one, halfway between two of this one's among them.
    private func near(_ wider: ScalarType, _ random: inout SplitMix) -> [UInt64] {
        guard let format = FloatFormat(type) else { return [] }
        return (0..<sampleCount).map { index in
            let number = random.number(1, 2)
            let unit = format.unitRoundoff * 2
            let tie = (number / unit).rounded(.down) * unit + unit / 2
            let exponent = random.integer(max(format.minimumExponent, -60)...min(15, -format.minimumExponent))
            return wider.bits(
                of: (index % 2 == 0 ? tie : number) * Double(sign: .plus, exponent: exponent, significand: 1))
        }
    }

    // MARK: - Errors

    private struct Worst {
        var units = 0.0
        var operands: [Double] = []
        var result = 0.0
        var count = 0
    }

    private func measure(
        _ found: Literal, _ wanted: Literal, _ operands: [[UInt64]], _ source: ScalarType, _ subject: Subject,
        _ worst: inout Worst
    ) {
        guard let format = FloatFormat(type), let sourceFormat = FloatFormat(source) else { return }
        func isSubnormal(_ number: Double, _ format: FloatFormat) -> Bool {
            number != 0 && number.magnitude < format.smallestNormal
        }
        let hasResidue = isMeasuredByResidue(subject)
        for index in operands[0].indices {
            let exact = Double(bitPattern: wanted.bits(at: index))
            let numbers = operands.map { source.number(fromBits: $0[index]) }
            if ignoresSubnormals {
                if isSubnormal(exact, format) || numbers.contains(where: { isSubnormal($0, sourceFormat) }) { continue }
            }
            let result = type.number(fromBits: found.bits(at: index))
            worst.count += 1
            let distance =
                (hasResidue ? residue(subject, numbers, result) : nil) ?? format.distance(result, from: exact)
            let units = distance == 0 ? 0 : distance / format.unitInLastPlace(of: exact)
            if units > worst.units { (worst.units, worst.operands, worst.result) = (units, numbers, result) }
        }
    }

    private func isMeasuredByResidue(_ subject: Subject) -> Bool {
        guard type == .float64 else { return false }
        switch subject.kind {
        case .unary(let op): return op == .sqrt
        case .binary(let op): return [.add, .subtract, .multiply, .divide].contains(op)
        case .conversion, .composite: return false
        }
    }

    /// The distance of a float64 result from the exact one, to about 2^-50 of a unit in the last place: what is left of a sum
    /// (Knuth's exact sum), of a product, a quotient or a square root (fused multiply-add). Nil near the ends of the range, where
    /// residues round themselves.
    private func residue(_ subject: Subject, _ x: [Double], _ result: Double) -> Double? {
        for number in x + [result] where !(0x1p-400...0x1p400).contains(number.magnitude) { return nil }
        switch subject.kind {
        case .unary(.sqrt): return (x[0].addingProduct(-result, result) / (2 * result)).magnitude
        case .binary(.add): return sumResidue(x[0], x[1], result)
        case .binary(.subtract): return sumResidue(x[0], -x[1], result)
        case .binary(.multiply): return (-result).addingProduct(x[0], x[1]).magnitude
        case .binary(.divide): return (x[0].addingProduct(-result, x[1]) / x[1]).magnitude
        default: return nil
        }
    }

    private func sumResidue(_ a: Double, _ b: Double, _ result: Double) -> Double {
        let high = a + b
        let part = high - a
        let low = (a - (high - part)) + (b - part)
        return ((high - result) + low).magnitude
    }
}
