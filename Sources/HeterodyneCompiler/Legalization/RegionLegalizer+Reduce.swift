// Heterodyne: reductions of scalar types that a device lacks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension RegionLegalizer {
    func reduce(
        _ kind: ReductionKind, _ x: CarriedValue, _ dimensions: [Int], _ result: TensorType
    ) throws(GraphError) -> CarriedValue {
        let domain = try domain(x.scalarType)
        if domain == .typed {
            return try copy(.primitive(.reduce(kind, dimensions: dimensions)), [x])[0]
        }
        let extents = try x.type.shape.extents()
        let length = dimensions.map { extents[$0] }.elementCount
        let count = try result.elementCount()
        if length == 0 || count == 0 {
            return CarriedValue(Literal(splatBits: kind.identity(of: x.scalarType), type: result))
        }
        if dimensions.isEmpty { return x }
        if domain == .single {
            let isExact: Bool
            switch kind {
            case .maximum, .minimum, .and, .or: isExact = true
            case .sum, .product: isExact = false
            }
            return try self.result(result, single: single(x).reduce(kind, dimensions), isExact: isExact)
        }
        let form: Form.Kind = domain == .pair ? .pair : .words
        var planes: [Term] = []
        var axis = 0
        for plane in try self.form(form, of: x).planes {
            let gathered = try plane.gathering(dimensions, length: length)
            planes.append(gathered.term)
            axis = gathered.axis
        }
        let folded = try fold(form, planes, axis: axis, length, kind.operator, x.scalarType)
        return CarriedValue(result, form.form(folded))
    }

    /// Combines the slices of planes along `axis` pairwise, halving the extent each time: linear work, and an error of
    /// sums that grows with the logarithm only (Higham, Accuracy and Stability of Numerical Algorithms, section 4.1).
    /// The axis disappears.
    func fold(
        _ form: Form.Kind, _ planes: [Term], axis: Int, _ length: Int, _ op: BinaryOperator, _ type: ScalarType
    ) throws(GraphError) -> [Term] {
        var planes = planes
        var length = length
        var rest: [[Term]] = []
        func part(_ from: Int, _ to: Int) throws(GraphError) -> [Term] {
            var parts: [Term] = []
            for plane in planes {
                parts.append(try plane.slice(dimension: axis, from: .fixed(from), to: .fixed(to)))
            }
            return parts
        }
        while length > 1 {
            if length % 2 == 1 {
                rest.append(try part(length - 1, length))
                length -= 1
            }
            length /= 2
            planes = try combine(form, part(0, length), part(length, 2 * length), op, type)
        }
        for last in rest.reversed() { planes = try combine(form, planes, last, op, type) }
        var extents = try planes[0].extents()
        extents.remove(at: axis)
        var results: [Term] = []
        for plane in planes { results.append(try plane.reshape(extents)) }
        return results
    }

    /// Two values in planes combined.
    func combine(
        _ form: Form.Kind, _ a: [Term], _ b: [Term], _ op: BinaryOperator, _ type: ScalarType
    ) throws(GraphError) -> [Term] {
        switch form {
        case .pair:
            let sum = try combine(
                op, Double2(high: float(a[0]), low: float(a[1])), Double2(high: float(b[0]), low: float(b[1])))
            try errors.rethrow()
            return [sum.high.term, sum.low.term]
        case .words:
            let sum = try combine(
                op, Wide(low: word(a[0]), high: word(a[1])), Wide(low: word(b[0]), high: word(b[1])),
                type.isSignedInteger)
            try errors.rethrow()
            return [sum.low.term, sum.high.term]
        case .typed, .single, .bits: return [try a[0].binary(op, b[0])]
        }
    }
}

extension Term {
    /// The term with `dimensions`, which hold `length` elements, made one.
    fileprivate func gathering(_ dimensions: [Int], length: Int) throws(GraphError) -> (term: Term, axis: Int) {
        let (order, axis) = Self.gatheredAxis(rank, dimensions)
        let kept = try extents().enumerated().filter { !dimensions.contains($0.offset) }.map(\.element)
        var shape = kept
        shape.insert(length, at: axis)
        return (try transpose(order).reshape(shape), axis)
    }

    /// The order of dimensions that brings `dimensions` together in increasing order, and where they then are among the
    /// others: where they are if they are neighbours, else first.
    private static func gatheredAxis(_ rank: Int, _ dimensions: [Int]) -> (order: [Int], axis: Int) {
        let sorted = dimensions.sorted()
        let kept = (0..<rank).filter { !dimensions.contains($0) }
        guard let first = sorted.first, let last = sorted.last else { return (kept, 0) }
        if last - first + 1 == sorted.count { return (Array(0..<rank), first) }
        return (sorted + kept, 0)
    }
}

extension ReductionKind {
    /// The operator that it repeats.
    var `operator`: BinaryOperator {
        switch self {
        case .sum: .add
        case .product: .multiply
        case .maximum: .maximum
        case .minimum: .minimum
        case .and: .and
        case .or: .or
        }
    }

    /// The bits of the result for no elements.
    func identity(of type: ScalarType) -> UInt64 {
        let ones = type.bitWidth == 64 ? UInt64.max : (1 << UInt64(type.bitWidth)) - 1
        let sign: UInt64 = 1 << UInt64(type.bitWidth - 1)
        switch self {
        case .sum, .or: return 0
        case .product: return type.bits(of: 1)
        case .and: return ones
        case .maximum:
            if type.isFloatingPoint { return type.bits(of: -.infinity) }
            return type.isSignedInteger ? sign : 0
        case .minimum:
            if type.isFloatingPoint { return type.bits(of: .infinity) }
            return type.isSignedInteger ? ones ^ sign : ones
        }
    }
}
