// Heterodyne: which primitives on 64-bit types have 32-bit forms with the same results, and when.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension GraphNarrower {
    /// A term of the type that stands in for a primitive's result.
    struct Form {
        /// What converting the result gives.
        var term: Term
        /// Whether converting it back gives the result.
        var survives: Bool
    }

    /// The result of a primitive whose result type the device lacks, in the type that stands in; nil where that is no
    /// cheaper than converting the result. `known` is what is known of the result's numbers.
    func standInForm(
        _ primitive: Primitive, _ operands: [Term], _ type: TensorType, _ known: NumberRange?
    ) throws(GraphError) -> Form? {
        let wide = type.scalarType
        guard let narrow = rules.standIns[wide] else { return nil }
        let fits = known?.fits(narrow) ?? false
        /// The primitive on narrow operands.
        func form(_ primitive: Primitive, _ operands: [Term], _ survives: Bool) throws(GraphError) -> Form {
            var terms: [Term] = []
            for operand in operands { terms.append(try self.narrow(operand)) }
            return Form(term: try stand(primitive, terms, for: wide, survives: survives), survives: survives)
        }
        switch primitive {
        case .constant, .bitcast, .compare, .conditional, .loop: return nil
        case .iota(let type, let dimension):
            return fits ? try form(.iota(type.with(narrow), dimension: dimension), [], true) : nil
        case .convert: return try converted(operands[0], to: wide, narrow, known)
        case .sort(let dimension, let descending, _):
            guard fits else { return nil }
            let sorted = Primitive.sort(dimension: dimension, descending: descending, indexType: narrow)
            return Form(term: try stand(sorted, [same(operands[0])], for: wide, survives: true), survives: true)
        case .select, .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse, .gather, .dynamicSlice,
            .dynamicUpdateSlice, .scatter(.set, _):
            // Elements are moved and chosen, and a conversion may as well happen before as after.
            let data = Self.dataOperands(primitive, operands.count)
            guard data.contains(where: { isAvailable(operands[$0]) }) else { return nil }
            var terms: [Term] = []
            for (index, operand) in operands.enumerated() {
                terms.append(try data.contains(index) ? self.narrow(operand) : same(operand))
            }
            let survives = fits || data.allSatisfy { self.survives(operands[$0]) }
            return Form(term: try stand(primitive, terms, for: wide, survives: survives), survives: survives)
        case .scatter(let mode, _):
            let (x, updates) = (operands[0], operands[2])
            let isModular = !wide.isFloatingPoint && (mode == .add || mode == .multiply)
            guard isModular ? isAvailable(x) || isAvailable(updates) : fits && survives(x) && survives(updates) else {
                return nil
            }
            let terms = [try self.narrow(x), try same(operands[1]), try self.narrow(updates)]
            return Form(term: try stand(primitive, terms, for: wide, survives: fits), survives: fits)
        case .unary(let op):
            let x = operands[0]
            if wide.isFloatingPoint {
                guard let survives = floatUnary(op, x, fits) else { return nil }
                return try form(primitive, operands, survives)
            }
            return isAvailable(x) && (op == .negate || survives(x)) ? try form(primitive, operands, fits) : nil
        case .binary(let op):
            if wide.isFloatingPoint {
                guard let survives = floatBinary(op, operands[0], operands[1], fits) else { return nil }
                return try form(primitive, operands, survives)
            }
            return integerBinary(op, operands[0], operands[1], fits) ? try form(primitive, operands, fits) : nil
        case .dot(let dimensions, let accumulation, _):
            let accumulates = rules.standIns[accumulation] ?? accumulation
            let isWide = operands.contains { standIn($0) != nil }
            let survive = operands.allSatisfy { standIn($0) == nil || survives($0) }
            let isCheap = !isWide || operands.contains(where: isAvailable)
            guard wide.isFloatingPoint ? fits && rules.rounds && survive : isCheap else { return nil }
            return try form(.dot(dimensions, accumulation: accumulates, result: narrow), operands, fits)
        case .reduce(let kind, _):
            let x = operands[0]
            switch kind {
            case .maximum, .minimum:
                // The ends of integer types differ: reductions of none are not known to fit.
                guard wide.isFloatingPoint ? isAvailable(x) : fits && survives(x) else { return nil }
                return try form(primitive, operands, fits || survives(x))
            case .sum, .product, .and, .or:
                guard wide.isFloatingPoint ? fits && rules.rounds && survives(x) : isAvailable(x) else { return nil }
                return try form(primitive, operands, fits)
            }
        }
    }

    /// Which operands give elements to the result.
    private static func dataOperands(_ primitive: Primitive, _ count: Int) -> Range<Int> {
        switch primitive {
        case .select: 1..<3
        case .pad, .dynamicUpdateSlice: 0..<2
        case .concatenate: 0..<count
        default: 0..<1
        }
    }

    private func converted(
        _ x: Term, to wide: ScalarType, _ narrow: ScalarType, _ known: NumberRange?
    ) throws(GraphError) -> Form? {
        let source = try same(x)
        let fits = known?.fits(narrow) ?? false
        if wide.isFloatingPoint {
            // float64 holds all that is converted to it but long integers, which would be rounded twice.
            guard x.scalarType != wide else { return nil }
            let isExact = x.scalarType.isFloatingPoint || range(x)?.fits(wide) ?? false
            guard isExact else { return nil }
            let survives = fits || x.scalarType.isFloatingPoint
            return Form(term: try stand(.convert(narrow), [source], for: wide, survives: survives), survives: survives)
        }
        if x.scalarType.isFloatingPoint {
            // Where it does not fit, the two types saturate at different numbers.
            guard fits else { return nil }
            return Form(term: try stand(.convert(narrow), [source], for: wide, survives: true), survives: true)
        }
        // Between integers the low word depends on the low word alone.
        let low = try isAvailable(x) ? self.narrow(x) : source
        guard standIn(low) == nil else { return nil }
        return Form(term: try stand(.convert(narrow), [low], for: wide, survives: fits), survives: fits)
    }

    /// Whether the float32 result survives; nil where it is not the rounded one.
    private func floatUnary(_ op: UnaryOperator, _ x: Term, _ fits: Bool) -> Bool? {
        switch op {
        // Rounding to nearest even is the same on both sides of zero.
        case .negate, .abs: isAvailable(x) ? survives(x) : nil
        case .floor: survives(x) ? true : nil
        case .sqrt: survives(x) && rules.rounds ? fits : nil
        case .exp, .log, .sin, .cos, .tanh: nil
        }
    }

    private func floatBinary(_ op: BinaryOperator, _ x: Term, _ y: Term, _ fits: Bool) -> Bool? {
        let survive = survives(x) && survives(y)
        switch op {
        case .add, .subtract, .multiply, .divide: return survive && rules.rounds ? fits : nil
        // Rounding keeps the order.
        case .maximum, .minimum: return isAvailable(x) || isAvailable(y) ? survive : nil
        // The remainder of float32 numbers is a float32 number.
        case .remainder: return survive && rules.hasExactRemainder ? true : nil
        case .power, .and, .or, .xor, .shiftLeft, .shiftRight: return nil
        }
    }

    /// Whether the operator on narrow operands gives the low word of the result.
    private func integerBinary(_ op: BinaryOperator, _ x: Term, _ y: Term, _ fits: Bool) -> Bool {
        switch op {
        case .add, .subtract, .multiply, .and, .or, .xor: isAvailable(x) || isAvailable(y)
        // Amounts from 32 on give zero in both types.
        case .shiftLeft: isAvailable(x) && survives(y)
        case .power: isAvailable(x) && survives(y) && (range(y)?.low ?? -1) >= 0
        // What a division by zero gives survives only with a sign; beyond the amounts both types leave the fill.
        case .divide, .remainder, .shiftRight, .maximum, .minimum: fits && survives(x) && survives(y)
        }
    }

    // MARK: Uses

    /// A primitive whose result the device has, or that cannot do without a wide result, with operands of narrow types
    /// where these have the same numbers or the rest is not looked at; nil where there is nothing to change.
    func rewriteUse(_ primitive: Primitive, _ operands: [Term]) throws(GraphError) -> Term? {
        switch primitive {
        case .convert(let type):
            let x = operands[0]
            guard let narrow = standIn(x) else { return nil }
            let isCut = x.scalarType.isInteger && type.isInteger && type.bitWidth <= 32
            guard type == narrow || isCut ? isAvailable(x) : survives(x) else { return nil }
            let term = try self.narrow(x)
            return type == narrow
                ? term : try stand(.convert(type), [term], for: x.scalarType, survives: survives(x))
        case .compare:
            guard survives(operands[0]), survives(operands[1]) else { return nil }
            return try rewritten(primitive, operands, wide: operands[0], where: { _ in true })
        case .sort:
            guard survives(operands[0]) else { return nil }
            return try rewritten(primitive, operands, wide: operands[0], where: { $0 == 0 })
        case .gather, .scatter:
            guard survives(operands[1]) else { return nil }
            return try rewritten(primitive, operands, wide: operands[1], where: { $0 == 1 })
        case .dynamicSlice, .dynamicUpdateSlice:
            let first = if case .dynamicSlice = primitive { 1 } else { 2 }
            guard let start = operands.dropFirst(first).first(where: survives) else { return nil }
            return try rewritten(primitive, operands, wide: start, where: { $0 >= first })
        case .dot(let dimensions, let accumulation, let result):
            let wide = accumulation.bitWidth == 64 ? accumulation : operands[0].scalarType
            guard result.isInteger, result.bitWidth <= 32, rules.standIns[wide] != nil else { return nil }
            let isWide = operands.contains { standIn($0) != nil }
            guard !isWide || operands.contains(where: isAvailable) else { return nil }
            var terms: [Term] = []
            for operand in operands { terms.append(try self.narrow(operand)) }
            return try stand(
                .dot(dimensions, accumulation: rules.standIns[accumulation] ?? accumulation, result: result), terms,
                for: wide, survives: false)
        case .constant, .iota, .bitcast, .unary, .binary, .select, .reshape, .transpose, .broadcast, .slice, .pad,
            .concatenate, .reverse, .reduce, .conditional, .loop:
            return nil
        }
    }

    /// The primitive with those operands narrow that may be and survive.
    private func rewritten(
        _ primitive: Primitive, _ operands: [Term], wide: Term, where mayChange: (Int) -> Bool
    ) throws(GraphError) -> Term {
        var terms: [Term] = []
        for (index, operand) in operands.enumerated() { terms.append(try mayChange(index) ? same(operand) : operand) }
        return try stand(primitive, terms, for: wide.scalarType, survives: true)
    }
}
