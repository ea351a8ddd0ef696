// Heterodyne: conversions between all element types of ONNX.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension ImportedTensor {
    /// The elements as numbers of a type with arithmetic (or bool): the type itself where it has it, float32 for narrow
    /// floats, 8-bit integers for narrower ones. Exact.
    func decodedForComputation() throws(GraphError) -> Term {
        switch element {
        case .int4: return try term.convert(.int8)
        case .uint4: return try term.convert(.uint8)
        case .float8e4m3fn, .float8e5m2: return try term.convert(.float32)
        case .float8e8m0: return try PowerFormat.decode(term)
        default:
            guard let format = NarrowFloatFormat(element) else { return term }
            return try format.decode(term)
        }
    }

    /// The elements converted to a type of the graph language; see `converted`.
    func decoded(to scalarType: ScalarType) throws(GraphError) -> Term {
        try converted(to: ONNXElementType(scalarType)).term
    }

    /// Numbers as elements of any type; see `converted`.
    static func encoded(
        _ term: Term, as element: ONNXElementType, saturate: Bool = true, rounding: PowerRounding = .up
    ) throws(GraphError) -> ImportedTensor {
        try ImportedTensor(term).converted(to: element, saturate: saturate, rounding: rounding)
    }

    /// The elements in another type, by the rules of ONNX Cast. Floats round to nearest even; to integers of at least 8
    /// bits they truncate and saturate, which the standard leaves open; to narrower ones they truncate to int32 first.
    /// Integers wrap. `saturate` holds for floats of 8 bits, which else become infinite or NaN where they are out of
    /// range; `rounding` for float8e8m0. Throws `invalidType` for text and complex numbers.
    func converted(
        to target: ONNXElementType, saturate: Bool = true, rounding: PowerRounding = .up
    ) throws(GraphError) -> ImportedTensor {
        if target == element { return self }
        let x = try decodedForComputation()
        switch target {
        case .int4, .uint4:
            let whole = x.scalarType.isFloatingPoint ? try x.convert(.int32) : x
            return ImportedTensor(try whole.convert(target == .int4 ? .int4 : .uint4))
        case .int2, .uint2:
            let low = try x.convert(.int32)
            let bits = try low.and(low.word(3))
            if target == .uint2 { return ImportedTensor(try bits.convert(.uint8), target) }
            return ImportedTensor(try (bits.xor(low.word(2)) - low.word(2)).convert(.int8), target)
        case .float8e4m3fn, .float8e5m2:
            var number = x.scalarType == .float64 ? x : try x.convert(.float32)
            if saturate {
                let largest: Double = target == .float8e4m3fn ? 448 : 57344
                number = try number.minimum(number.like(largest)).maximum(number.like(-largest))
            }
            return ImportedTensor(try number.convert(target == .float8e4m3fn ? .float8e4m3fn : .float8e5m2))
        case .float8e8m0:
            return ImportedTensor(
                try PowerFormat.encode(x.convert(.float32), saturate: saturate, rounding: rounding), target)
        default:
            if let format = NarrowFloatFormat(target) {
                return ImportedTensor(try format.encode(x.roundedForNarrowing(), saturate: saturate), target)
            }
            guard let scalarType = target.scalarType else {
                throw GraphError(.invalidType, "cannot convert \(element) to \(target)")
            }
            return ImportedTensor(try x.convert(scalarType))
        }
    }

    /// The same bits as elements of another type of the same width. Throws `invalidType` where the widths differ.
    func reinterpreted(as target: ONNXElementType) throws(GraphError) -> ImportedTensor {
        if target == element { return self }
        guard target.bitWidth == element.bitWidth, target.carrier != nil, element.carrier != nil else {
            throw GraphError(
                .invalidType,
                "cannot read \(element) of \(element.bitWidth) bits as \(target) of \(target.bitWidth) bits")
        }
        if element.bitWidth > 8, let scalarType = target.scalarType {
            return ImportedTensor(try term.bitcast(scalarType))
        }
        let code = try code()
        switch target {
        case .bool: return ImportedTensor(try code.convert(.bool))
        case .int4, .uint4:
            return ImportedTensor(try code.convert(target == .int4 ? .int4 : .uint4))
        case .int2:
            let bits = try code.convert(.int8)
            return ImportedTensor(try bits.xor(bits.word(2)) - bits.word(2), target)
        default:
            guard let scalarType = target.scalarType else { return ImportedTensor(code, target) }
            return ImportedTensor(try code.bitcast(scalarType))
        }
    }

    /// The bits of elements of at most 8 bits in the low end of uint8.
    private func code() throws(GraphError) -> Term {
        switch element {
        case .bool, .uint4: return try term.convert(.uint8)
        case .int4:
            let bits = try term.convert(.int8).bitcast(.uint8)
            return try bits.and(bits.word(15))
        case .int2:
            let bits = try term.bitcast(.uint8)
            return try bits.and(bits.word(3))
        default: return try term.bitcast(.uint8)
        }
    }
}
