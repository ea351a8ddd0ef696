// Heterodyne: movement of values whose scalar type a device lacks: of each plane, exact.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneEmulation
import HeterodyneGraph

extension RegionLegalizer {
    /// `select` and the movements without index operands.
    func move(
        _ primitive: Primitive, _ operands: [CarriedValue], _ result: TensorType
    ) throws(GraphError) -> CarriedValue {
        let isSelect = primitive == .select
        let moved = isSelect ? Array(operands.dropFirst()) : operands
        let condition = isSelect ? [try typed(operands[0])] : []
        return try moveTogether(primitive, moved, result) { (planes) throws(GraphError) in
            try builder.add(primitive, condition + planes)
        }
    }

    /// Applies `apply` to the planes of values of one type that are brought into one form.
    private func moveTogether(
        _ primitive: Primitive, _ values: [CarriedValue], _ result: TensorType,
        _ apply: ([Term]) throws(GraphError) -> Term
    ) throws(GraphError) -> CarriedValue {
        let kind = commonForm(values)
        var planes = [[Term]](repeating: [], count: kind.planeCount)
        for value in values {
            for (index, plane) in try form(kind, of: value).planes.enumerated() { planes[index].append(plane) }
        }
        var results: [Term] = []
        for operands in planes { results.append(try apply(operands)) }
        return CarriedValue(result, kind.form(results))
    }

    /// The form in which values of one type are moved together: the one that all have, else one that holds every bit.
    /// Constants follow the others where that changes nothing.
    func commonForm(_ values: [CarriedValue]) -> Form.Kind {
        guard let type = values.first?.scalarType, let carriage = active[type] else { return .typed }
        let origins = Set(values.compactMap(\.origin))
        let constants = values.compactMap(\.literal)
        if origins.count == 1, let origin = origins.first {
            switch origin {
            case .words, .bits, .typed: return bridgedForm(origin, type, carriage)
            case .pair: if constants.allSatisfy(\.isExactPair) { return .pair }
            case .single:
                // Rounding a constant is what demotion does; narrow types are exact in what stands in.
                return .single
            }
        }
        switch carriage {
        case .words: return .words
        case .bits: return .bits
        case .bridged: return bridgedForm(.typed, type, carriage)
        }
    }

    /// A type that the device holds is moved as it is where it runs that, which the caller has asked about the whole node:
    /// it does not here. Its bits then.
    private func bridgedForm(_ form: Form.Kind, _ type: ScalarType, _ carriage: Carriage) -> Form.Kind {
        guard carriage == .bridged, form == .typed else { return form }
        return type.bitWidth == 64 ? .words : .bits
    }

    /// `gather`, `scatter` that replaces, and the dynamic slices.
    func index(
        _ primitive: Primitive, _ operands: [CarriedValue], _ result: TensorType
    ) throws(GraphError) -> CarriedValue {
        let count: Int
        switch primitive {
        case .scatter: count = 1
        case .dynamicUpdateSlice: count = 2
        default: count = 1
        }
        var indices: [Term] = []
        var moved = Array(operands.prefix(count))
        var rest = Array(operands.dropFirst(count))
        if case .scatter = primitive, rest.count == 2 {
            moved.append(rest[1])
            rest.removeLast()
        }
        for value in rest { indices.append(try indexTerm(value, into: moved[0].type)) }
        let isScatter = moved.count == 2 && primitive.code == .scatter
        return try moveTogether(primitive, moved, result) { (planes) throws(GraphError) in
            try builder.add(primitive, isScatter ? [planes[0], indices[0], planes[1]] : planes + indices)
        }
    }

    /// Indices in a type that the device takes. int64 saturates to int32, which keeps what is in range, below and above.
    func indexTerm(_ value: CarriedValue, into type: TensorType) throws(GraphError) -> Term {
        guard active[value.scalarType] != nil else { return try typed(value) }
        for extent in type.shape.dimensions {
            guard let extent = extent.fixedValue, extent <= Int(Int32.max) else {
                throw GraphError(.unsupported, "\(type) needs indices of 64 bits")
            }
        }
        if let literal = value.literal {
            let saturated = try literal.saturatedToInt32()
            return try builder.constant(saturated)
        }
        if value.origin == .single { return try single(value) }
        return try saturated(words(value))
    }
}

extension Literal {
    /// int64 elements in int32, saturating.
    fileprivate func saturatedToInt32() throws(GraphError) -> Literal {
        if case .splat(let bits) = contents {
            return Literal(
                splatBits: UInt64(truncatingIfNeeded: Int32(clamping: Int64(bitPattern: bits))), type: type.with(.int32)
            )
        }
        return try Literal(scalars(as: Int64.self).map { Int32(clamping: $0) }, shape: type.shape)
    }
}
