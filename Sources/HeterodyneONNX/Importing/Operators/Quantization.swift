// Heterodyne: ONNX operators: quantization and back.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Quantization, and products and convolutions of quantized numbers.
    static let quantization: [OperatorRule] =
        [
            .values("QuantizeLinear", since: 10) { (context) throws(GraphError) in
                [.tensor(try context.quantizeLinear())]
            },
            .term("DequantizeLinear", since: 10) { (context) throws(GraphError) in try context.dequantizeLinear() },
            .terms("DynamicQuantizeLinear", since: 11) { (context) throws(GraphError) in
                let (values, scale, zeroPoint) = try context.term(0).dynamicQuantize()
                return [values, scale, zeroPoint]
            },
        ] + quantizedProducts
}

extension ONNXElementType {
    /// The range of an integer type that numbers are quantized to, nil for the others.
    var quantizedRange: ClosedRange<Double>? {
        switch self {
        case .uint2: 0...3
        case .int2: -2...1
        case .uint4: 0...15
        case .int4: -8...7
        case .uint8: 0...255
        case .int8: -128...127
        case .uint16: 0...65535
        case .int16: -32768...32767
        default: nil
        }
    }

    /// Whether numbers are quantized to floats of this type.
    fileprivate var isQuantizedFloat: Bool {
        switch self {
        case .float8e4m3fn, .float8e5m2: true
        default: NarrowFloatFormat(self) != nil
        }
    }
}

extension OperatorContext {
    /// How scales lie over `x`, and the scales as floats: a scalar for the whole tensor, a vector along an axis, or one
    /// scale per block.
    private func scales(over x: Term) throws(GraphError) -> (scale: Term, grid: QuantizationGrid) {
        var scale = try tensor(1).decodedForComputation()
        // The standard lets scales be integers; the division is one of floats.
        scale = try scale.convert(scale.scalarType.floatType)
        if scale.shape.dimensions.allSatisfy({ $0 == 1 }) {
            return (try scale.reshape(Shape.scalar), QuantizationGrid())
        }
        let axis = try int("axis", default: 1)
        let blockSize = try int("block_size", default: 0)
        guard blockSize >= 0 else {
            throw GraphError(.invalidAttribute, "attribute 'block_size' is \(blockSize), below 0")
        }
        if blockSize > 0, scale.rank == x.rank {
            return (scale, QuantizationGrid(axis: try self.axis(axis, rank: x.rank), blockSize: blockSize))
        }
        guard scale.rank == 1 else {
            throw GraphError(
                .shapeMismatch,
                "the scale \(scale.type) of \(x.type) must be one number, a vector along the axis, or, with the "
                    + "attribute 'block_size', one number per block")
        }
        // The axis of a vector is not looked at.
        return (scale, QuantizationGrid(axis: x.rank == 1 ? 0 : try self.axis(axis, rank: x.rank)))
    }

    /// Input 2 with the shape of the scales; nil where it is left out.
    private func zeroPoint(like scale: Term) throws(GraphError) -> ImportedTensor? {
        guard has(2) else { return nil }
        let zero = try tensor(2)
        if zero.term.shape == scale.shape { return zero }
        guard zero.term.shape.dimensions.allSatisfy({ $0 == 1 }) else {
            throw GraphError(
                .shapeMismatch, "the zero point has shape \(zero.term.shape) where the scale has \(scale.shape)")
        }
        return ImportedTensor(try zero.term.reshape(Shape.scalar).broadcast(to: scale.shape), zero.element)
    }

    /// `saturate(round(x / scale) + zero point)`; the type of the scale, or the attribute `precision`, says in which
    /// type the division rounds.
    fileprivate func quantizeLinear() throws(GraphError) -> ImportedTensor {
        let x = try term(0)
        var (scale, grid) = try scales(over: x)
        let zero = try zeroPoint(like: scale)
        let asked = try optionalElementType(nonzero: "output_dtype")
        if let zero, let asked, zero.element != asked {
            throw GraphError(
                .invalidType, "the zero point is \(zero.element), and the attribute 'output_dtype' says \(asked)")
        }
        let element = zero?.element ?? asked ?? .uint8
        guard element.quantizedRange != nil || element.isQuantizedFloat else {
            throw GraphError(.invalidType, "\(element) is no type that numbers are quantized to")
        }
        let precision = try floatAttribute("precision") ?? scale.scalarType
        let saturate = try bool("saturate", default: true)
        if precision == .float32, x.scalarType != .float64, scale.scalarType != .float64,
            saturate || element.quantizedRange != nil, let stored = element.scalarType
        {
            return ImportedTensor(
                try x.quantize(
                    to: stored, scale: scale, zeroPoint: zero?.term, axis: grid.axis, blockSize: grid.blockSize))
        }
        scale = try grid.spread(scale.convert(precision), over: x.shape)
        var quotient = try x.convert(precision) / scale
        if element.quantizedRange != nil { quotient = try quotient.roundEven() }
        // 16-bit floats do not hold the sum with every zero point.
        if quotient.scalarType != .float64 { quotient = try quotient.convert(.float32) }
        if let zero {
            let numbers = try zero.decodedForComputation().convert(quotient.scalarType)
            quotient = try quotient + grid.spread(numbers, over: x.shape)
        }
        guard let range = element.quantizedRange else {
            return try .encoded(quotient, as: element, saturate: saturate)
        }
        let clamped = try quotient.clip(minimum: range.lowerBound, maximum: range.upperBound)
        return try .encoded(clamped.convert(.int32), as: element)
    }

    /// `(x - zero point) * scale`, computed in float32 at least.
    fileprivate func dequantizeLinear() throws(GraphError) -> Term {
        let x = try tensor(0)
        let (scale, grid) = try scales(over: x.term)
        let zero = try zeroPoint(like: scale)
        if let zero, zero.element != x.element {
            throw GraphError(.invalidType, "the zero point is \(zero.element) where x is \(x.element)")
        }
        let result = try floatAttribute("output_dtype") ?? scale.scalarType
        if NarrowFloatFormat(x.element) == nil, x.element != .float8e8m0 {
            return try x.term.dequantize(
                to: result, scale: scale, zeroPoint: zero?.term, axis: grid.axis, blockSize: grid.blockSize)
        }
        let wide: ScalarType = result == .float64 || scale.scalarType == .float64 ? .float64 : .float32
        var numbers = try x.decodedForComputation().convert(wide)
        if let zero {
            numbers = try numbers - grid.spread(zero.decodedForComputation().convert(wide), over: x.term.shape)
        }
        return try (numbers * grid.spread(scale.convert(wide), over: x.term.shape)).convert(result)
    }

    /// An element type that the attribute gives; nil also for 0, which stands for none.
    private func optionalElementType(nonzero name: String) throws(GraphError) -> ONNXElementType? {
        try int(name, default: 0) == 0 ? nil : try optionalElementType(name)
    }

    /// A float type with arithmetic that the attribute gives; nil where it is not given.
    private func floatAttribute(_ name: String) throws(GraphError) -> ScalarType? {
        guard let element = try optionalElementType(nonzero: name) else { return nil }
        guard let type = element.scalarType, type.isFloatingPoint, type.isArithmetic else {
            throw GraphError(
                .invalidAttribute, "attribute \(quoted(name)) is \(element); choose float32, float16 or bfloat16")
        }
        return type
    }
}
