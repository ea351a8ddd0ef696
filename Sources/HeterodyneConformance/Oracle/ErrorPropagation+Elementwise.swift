// Heterodyne: what elementwise primitives make of errors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension ErrorPropagation {
    func propagateOne(
        _ primitive: Primitive, _ operands: [Tracked], _ type: TensorType, in builder: GraphBuilder
    ) throws(GraphError) -> Tracked {
        switch primitive {
        case .constant, .iota:
            let term = try builder.add(primitive, [])
            let value = try type.scalarType.isFloatingPoint ? term.convert(.float64) : term
            return try represented(Tracked(type, value))
        case .convert: return try converted(operands[0], type)
        case .bitcast: return try reinterpreted(operands[0], type)
        case .unary(let op): return try unary(op, operands[0], type)
        case .binary(let op): return try binary(op, operands[0], operands[1], type)
        case .compare(let direction): return try compared(direction, operands[0], operands[1], type)
        case .select: return try selected(operands, type)
        case .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse:
            return try moved(primitive, operands, type, in: builder)
        case .gather, .dynamicSlice, .dynamicUpdateSlice, .scatter(.set, _):
            return try indexed(primitive, operands, type, in: builder)
        case .scatter(let mode, let dimensions):
            return try scattered(mode, dimensions, operands, type, in: builder)
        case .dot(let dimensions, let accumulation, let result):
            return try contracted(dimensions, accumulation, result, operands, type)
        case .reduce(let kind, let dimensions): return try reduced(kind, dimensions, operands[0], type)
        case .sort: return try sorted(primitive, operands[0], type, in: builder)
        case .conditional, .loop:
            throw GraphError(.malformedGraph, "control primitives have several results", operation: primitive.code.name)
        }
    }

    private func converted(_ x: Tracked, _ type: TensorType) throws(GraphError) -> Tracked {
        let target = type.scalarType
        switch (x.isFloat, target.isFloatingPoint) {
        case (true, true):
            guard let from = limits.format(x.type.scalarType), let to = limits.format(target) else { break }
            let isWider = to.precision >= from.precision && to.minimumExponent <= from.minimumExponent
            // What stands in may lose subnormal numbers on the way.
            if isWider { return try represented(Tracked(type, x.value, error: x.error)) }
            if target == .float8e4m3fn, limits.standIns[x.type.scalarType] != nil {
                // The type has no infinity.
                let isInfinite = try x.value.abs().compare(.equal, .infinity)
                let value = try isInfinite.select(x.value.like(.nan), x.value)
                return try finished(value, type, inherited: x.error, ulp: 0.5)
            }
            return try finished(x.value, type, inherited: x.error, ulp: 0.5)
        case (true, false):
            let value = try x.value.convert(target)
            guard let error = x.error else { return Tracked(type, value) }
            let (below, above) = (try (x.value - error).convert(target), try (x.value + error).convert(target))
            var doubt = try below.compareBits(.notEqual, above)
            // Nothing is known of the value, or zero lies within the error of a truth value.
            doubt = try doubt.or(error.compare(.less, .infinity).not().and(x.value.compare(.equal, x.value)))
            if target == .bool { doubt = try doubt.or(x.value.abs().compare(.lessOrEqual, error)) }
            return Tracked(type, value, doubt: doubt)
        case (false, true):
            let value = try x.value.convert(.float64)
            var result = Tracked(type, value)
            if let format = limits.format(target), x.type.scalarType != .bool,
                x.type.scalarType.bitWidth > format.precision
                    || (target == .float16 && x.type.scalarType.bitWidth >= 16)
            {
                result = try finished(value, type, inherited: nil, ulp: 0.5)
            }
            if let doubt = x.doubt {
                result.error = try doubt.select(value.like(.infinity), result.errorTerm())
            }
            return result
        case (false, false): break
        }
        return Tracked(type, try x.value.convert(target), doubt: x.doubt)
    }

    private func reinterpreted(_ x: Tracked, _ type: TensorType) throws(GraphError) -> Tracked {
        let original = x.isFloat ? try x.value.convert(x.type.scalarType) : x.value
        let bits = try original.bitcast(type.scalarType)
        var doubt = x.doubt
        if let error = x.error { doubt = try error.compare(.notEqual, 0) }
        guard type.scalarType.isFloatingPoint else { return Tracked(type, bits, doubt: doubt) }
        let value = try bits.convert(.float64)
        var result = Tracked(type, value)
        if let doubt { result.error = try doubt.select(value.like(.infinity), value.like(0)) }
        return result
    }

    private func unary(_ op: UnaryOperator, _ x: Tracked, _ type: TensorType) throws(GraphError) -> Tracked {
        let value = try x.value.unary(op)
        guard x.isFloat else { return Tracked(type, value, doubt: x.doubt) }
        let ulp = limits.maximumULP(op.code, type.scalarType)
        switch op {
        case .negate, .abs: return Tracked(type, value, error: x.error)
        case .floor:
            guard let error = x.error else { return Tracked(type, value) }
            let isCertain = try (x.value - error).floor().compare(.equal, (x.value + error).floor())
            return Tracked(type, value, error: try isCertain.select(error.like(0), error + 1))
        case .exp:
            // e^(x+d) - e^x = e^x (e^d - 1) <= e^x d e^d.
            let inherited = try x.error.transformed { (error) throws(GraphError) in try value * error * error.exp() }
            return try finished(value, type, inherited: inherited, ulp: ulp)
        case .log:
            // log(x+d) - log x = log(1 + d/x), largest towards zero.
            guard let error = x.error else { return try finished(value, type, inherited: nil, ulp: ulp) }
            let size = try x.value.abs()
            let ratio = try error / size
            let mayVanish = try size.compare(.lessOrEqual, error).and(error.compare(.greater, 0))
            let inherited = try mayVanish.select(error.like(.infinity), (1 - ratio).log().negate())
            return try unknown(where: mayVanish, finished(value, type, inherited: inherited, ulp: ulp))
        case .sqrt:
            // |√a - √b| is at most |a - b| / √b and at most √|a - b|.
            guard let error = x.error else { return try finished(value, type, inherited: nil, ulp: ulp) }
            let root = try error.sqrt()
            let steep = try error / value
            var inherited = try steep.compare(.less, root).select(steep, root)
            let mayBeNegative = try x.value.compare(.less, error).and(error.compare(.greater, 0))
            inherited = try mayBeNegative.select(error.like(.infinity), inherited)
            // Clearly negative numbers have no root on any device; around zero they may.
            let isNearZero = try x.value.abs().compare(.lessOrEqual, error).and(error.compare(.greater, 0))
            return try unknown(where: isNearZero, finished(value, type, inherited: inherited, ulp: ulp))
        case .sin, .cos:
            if limits.standIns[type.scalarType] == .pairs { return try waveOfPairs(value, x, type, ulp: ulp) }
            guard let error = x.error else { return try finished(value, type, inherited: nil, ulp: ulp) }
            // What may be infinite has no sine.
            let mayBeInfinite = try error.compare(.equal, .infinity)
            let inherited = try error.minimum(error.like(2))
            return try unknown(where: mayBeInfinite, finished(value, type, inherited: inherited, ulp: ulp))
        case .tanh: return try finished(value, type, inherited: x.error, ulp: ulp)
        }
    }

    /// The sine or cosine of a pair: relative to the result or to how finely pairs hold the angle; none for large angles.
    private func waveOfPairs(
        _ value: Term, _ x: Tracked, _ type: TensorType, ulp: Double
    ) throws(GraphError) -> Tracked {
        let granularity = try x.finiteMagnitude() * (2 * ulp * DoubleSingleFormat.unit * 0x1p-49)
        let error = try x.errorTerm()
        let bounded = try error.minimum(error.like(2))
        let inherited = try bounded + granularity
        let isLarge = try x.magnitude().compare(.greater, DoubleSingleFormat.largestAngle)
        let mayBeInfinite = try error.compare(.equal, .infinity)
        return try unknown(
            where: isLarge.or(mayBeInfinite), finished(value, type, inherited: inherited, ulp: ulp))
    }

    /// A result of which nothing is known where `mask` holds, not even whether it is a number: the logarithm, or the root,
    /// of a negative number that a device takes as zero.
    private func unknown(where mask: Term, _ result: Tracked) throws(GraphError) -> Tracked {
        var copy = result
        let error = try result.errorTerm()
        copy.error = try mask.select(error.like(.infinity), error)
        return copy
    }

    private func binary(
        _ op: BinaryOperator, _ x: Tracked, _ y: Tracked, _ type: TensorType
    ) throws(GraphError) -> Tracked {
        let value = try x.value.binary(op, y.value)
        guard x.isFloat else { return Tracked(type, value, doubt: try either(x.doubt, y.doubt)) }
        let ulp = limits.maximumULP(op.code, type.scalarType)
        let hasErrors = !(x.isExact && y.isExact)
        switch op {
        case .maximum, .minimum:
            guard hasErrors else { return Tracked(type, value) }
            return Tracked(type, value, error: try x.errorTerm().maximum(y.errorTerm()))
        case .add, .subtract:
            return try finished(value, type, inherited: sum(x.error, y.error), ulp: ulp, canUnderflow: false)
        case .multiply:
            var inherited: Term?
            if let error = x.error { inherited = try error * y.finiteMagnitude() }
            if let error = y.error { inherited = try sum(inherited, error * x.magnitude()) }
            // Infinity times what may be zero is anything.
            for (factor, other) in [(x, y), (y, x)] {
                guard let error = other.error, let soFar = inherited else { continue }
                let mayVanish = try other.value.abs().compare(.lessOrEqual, error).and(error.compare(.greater, 0))
                let isInfinite = try factor.value.abs().compare(.equal, .infinity)
                inherited = try mayVanish.and(isInfinite).select(soFar.like(.infinity), soFar)
            }
            return try finished(value, type, inherited: inherited, ulp: ulp)
        case .divide:
            guard hasErrors else { return try finished(value, type, inherited: nil, ulp: ulp) }
            // |x'/y' - x/y| <= (dx + |x/y| dy) / (|y| - dy).
            let quotient = Tracked(type, value)
            let distance = try y.value.abs() - y.errorTerm()
            let top = try x.errorTerm() + quotient.finiteMagnitude() * y.errorTerm()
            let inherited = try distance.compare(.greater, 0).select(top / distance, top.like(.infinity))
            return try finished(value, type, inherited: inherited, ulp: ulp)
        case .remainder:
            if !hasErrors, limits.standIns[type.scalarType] == nil { return Tracked(type, value) }
            let result = Tracked(type, value, error: try y.magnitude() + x.errorTerm() + y.errorTerm())
            if limits.standIns[type.scalarType] == .pairs {
                let quotient = try (x.magnitude() / y.magnitude())
                let isLarge = try quotient.compare(.greater, DoubleSingleFormat.largestQuotient)
                let mayVanish = try y.value.abs().compare(.lessOrEqual, y.errorTerm())
                return try unknown(where: isLarge.or(mayVanish), result)
            }
            guard let error = y.error else { return result }
            // What may be zero leaves no remainder that is a number.
            let mayVanish = try y.value.abs().compare(.lessOrEqual, error).and(error.compare(.greater, 0))
            return try unknown(where: mayVanish, result)
        case .power:
            var extra: Term?
            if limits.standIns[type.scalarType] == .pairs {
                // The promise is for each 1 + |y log x|.
                let steps = try (y.finiteMagnitude() * x.value.abs().log().abs())
                let own = try Tracked(type, value).finiteMagnitude() * steps * (2 * ulp * DoubleSingleFormat.unit)
                let known = try own.compare(.equal, own).select(own, own.like(0))
                extra = known
            }
            guard hasErrors else { return try finished(value, type, inherited: extra, ulp: ulp) }
            // x^y = e^(y log x).
            let (size, dx, dy) = (try x.value.abs(), try x.errorTerm(), try y.errorTerm())
            let ratio = try dx / size
            let slope = try size.compare(.lessOrEqual, dx).select(dx.like(.infinity), (1 - ratio).log().negate())
            let exponent = try slope * y.magnitude() + dy * (size.log().abs() + slope)
            var inherited = try Tracked(type, value).finiteMagnitude() * exponent * exponent.exp()
            if let extra { inherited = try inherited + extra }
            let isExact = try (dx + dy).compare(.equal, 0)
            let mayVanish = try size.compare(.lessOrEqual, dx).and(dx.compare(.greater, 0))
            let mayBeInfinite = try (dx + dy).compare(.equal, .infinity)
            // Negative bases have powers only of integers.
            let holdsInteger = try (y.value - dy).floor().compare(.notEqual, (y.value + dy).floor())
            let mayBeWhole = try x.value.compare(.less, 0).and(dy.compare(.greater, 0)).and(holdsInteger)
            var unchanged = try dx.like(0)
            if let extra { unchanged = extra }
            return try unknown(
                where: mayVanish.or(mayBeInfinite).or(mayBeWhole),
                finished(value, type, inherited: isExact.select(unchanged, inherited), ulp: ulp))
        case .and, .or, .xor, .shiftLeft, .shiftRight:
            return Tracked(type, value, doubt: try either(x.doubt, y.doubt))
        }
    }

    private func compared(
        _ direction: ComparisonDirection, _ x: Tracked, _ y: Tracked, _ type: TensorType
    ) throws(GraphError) -> Tracked {
        let value = try x.value.compare(direction, y.value)
        guard x.isFloat else { return Tracked(type, value, doubt: try either(x.doubt, y.doubt)) }
        guard let margin = try sum(x.error, y.error) else { return Tracked(type, value) }
        let distance = try (x.value - y.value).abs()
        let within = try distance.compare(.lessOrEqual, margin).and(margin.compare(.greater, 0))
        // A margin that is NaN says nothing, but a NaN value compares as it compares.
        let isKnown = try margin.compare(.equal, margin)
        let areNumbers = try x.value.compare(.equal, x.value).and(y.value.compare(.equal, y.value))
        return Tracked(type, value, doubt: try within.or(isKnown.not().and(areNumbers)))
    }

    private func selected(_ operands: [Tracked], _ type: TensorType) throws(GraphError) -> Tracked {
        let (condition, a, b) = (operands[0], operands[1], operands[2])
        let value = try condition.value.select(a.value, b.value)
        var result = Tracked(type, value)
        if type.scalarType.isFloatingPoint {
            if !(a.isExact && b.isExact) { result.error = try condition.value.select(a.errorTerm(), b.errorTerm()) }
            if let doubt = condition.doubt {
                let apart = try (a.value - b.value).abs() + a.errorTerm() + b.errorTerm()
                result.error = try doubt.select(apart, result.errorTerm())
            }
        } else {
            if !(a.isExact && b.isExact) { result.doubt = try condition.value.select(a.doubtTerm(), b.doubtTerm()) }
            if let doubt = condition.doubt {
                let differs = try a.value.compareBits(.notEqual, b.value)
                result.doubt = try doubt.and(differs.or(a.doubtTerm()).or(b.doubtTerm())).or(result.doubtTerm())
            }
        }
        return result
    }
}

extension Term {
    /// A comparison that also takes the storage-only integers, through a wider type.
    fileprivate func compareBits(_ direction: ComparisonDirection, _ other: Term) throws(GraphError) -> Term {
        scalarType.isStorageOnly
            ? try convert(.int32).compare(direction, other.convert(.int32)) : try compare(direction, other)
    }
}
