// Heterodyne: quantization to narrow integers and 8-bit floats, and back.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A composite of an operand, its scale and its zero point with a result of another scalar type.
public protocol ScaledConversion: AttributedComposite {
    /// The result's scalar type.
    var scalarType: ScalarType { get }
    /// How scales and zero points lie over the tensor.
    var grid: QuantizationGrid { get }
    /// The conversion to `scalarType`.
    init(to scalarType: ScalarType, grid: QuantizationGrid)
}

extension ScaledConversion {
    /// `scalarType` and the grid's.
    public var attributes: Attributes { ["scalarType": .scalarType(scalarType)] + grid.attributes }
    /// Reads `scalarType`, `axis`, `blockSize` and `hasZeroPoint`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        self.init(to: try reader.scalarType("scalarType"), grid: try QuantizationGrid(&reader))
    }
}

/// `quantize(x, scale[, zeroPoint])`: `saturate(round(x / scale) + zeroPoint)` as narrow integers, halves to even, or
/// `x / scale + zeroPoint` as 8-bit floats clamped to their finite range (ONNX QuantizeLinear).
///
/// float16 and bfloat16 are computed in float32. NaN becomes 0 in integers and stays NaN in floats.
public struct Quantize: ScaledConversion {
    /// `quantize`.
    public static let name = "quantize"
    /// The result's type: an integer of 4, 8 or 16 bits or an 8-bit float.
    public var scalarType: ScalarType
    /// How scales and zero points lie over the tensor.
    public var grid: QuantizationGrid

    /// The quantization to `scalarType`.
    public init(to scalarType: ScalarType, grid: QuantizationGrid = QuantizationGrid()) {
        self.scalarType = scalarType
        self.grid = grid
    }

    /// x's shape with the quantized type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.quantized(scalarType)
        try grid.check(operands, stored: scalarType)
        let x = operands[0]
        try OperandRules.require(
            x.scalarType == .int32 || (x.scalarType.isFloatingPoint && x.scalarType.isArithmetic), .invalidType,
            "cannot quantize \(x); it must be int32, float16, bfloat16, float32 or float64")
        return [x.with(scalarType)]
    }

    /// Division, rounding to even, zero point, and a conversion that saturates.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let wide = x.scalarType == .float64 || operands[1].scalarType == .float64
        let computeType: ScalarType = wide ? .float64 : .float32
        let scale = try grid.spread(operands[1].convert(computeType), over: x.shape)
        var y = try x.convert(computeType) / scale
        if scalarType.isInteger { y = try y.roundEven() }
        if grid.hasZeroPoint { y = try y + grid.spread(operands[2].convert(computeType), over: x.shape) }
        if scalarType.isFloatingPoint {
            let largest: Double = scalarType == .float8e4m3fn ? 448 : 57344
            y = try y.minimum(y.like(largest)).maximum(y.like(-largest))
        }
        return [try y.convert(scalarType)]
    }
}

/// `dequantize(x, scale[, zeroPoint])`: `(x - zeroPoint) * scale` (ONNX DequantizeLinear).
///
/// `x` is an integer of at most 32 bits or an 8-bit float; the result has the given float type, and is computed in
/// float32, or in float64 where result or scale is float64, and rounded once more at the end.
public struct Dequantize: ScaledConversion {
    /// `dequantize`.
    public static let name = "dequantize"
    /// The result's type: float16, bfloat16, float32 or float64.
    public var scalarType: ScalarType
    /// How scales and zero points lie over the tensor.
    public var grid: QuantizationGrid

    /// The way back to `scalarType`.
    public init(to scalarType: ScalarType, grid: QuantizationGrid = QuantizationGrid()) {
        self.scalarType = scalarType
        self.grid = grid
    }

    /// x's shape with the float type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        guard let x = operands.first else { throw GraphError(.operandCount, "needs x and a scale") }
        if x.scalarType != .int32 { try OperandRules.quantized(x.scalarType) }
        try grid.check(operands, stored: x.scalarType)
        let result = x.with(scalarType)
        try OperandRules.float(result, "the result")
        return [result]
    }

    /// Exact difference, conversion, product.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let wide = scalarType == .float64 || operands[1].scalarType == .float64
        let computeType: ScalarType = wide ? .float64 : .float32
        var y = x
        if grid.hasZeroPoint {
            let exact: ScalarType =
                x.scalarType.isFloatingPoint ? computeType : (x.scalarType == .int32 ? .int64 : .int32)
            y = try x.convert(exact) - grid.spread(operands[2].convert(exact), over: x.shape)
        }
        let scale = try grid.spread(operands[1].convert(computeType), over: x.shape)
        return [try (y.convert(computeType) * scale).convert(scalarType)]
    }
}

extension OperandRules {
    static func quantized(_ type: ScalarType) throws(GraphError) {
        switch type {
        case .int4, .uint4, .int8, .uint8, .int16, .uint16, .float8e4m3fn, .float8e5m2: return
        default:
            throw GraphError(
                .invalidType,
                "\(type) is no quantized type; choose an integer of 4, 8 or 16 bits or an 8-bit float")
        }
    }
}

extension Term {
    /// `saturate(round(x / scale) + zeroPoint)`; see `Quantize`.
    public func quantize(
        to scalarType: ScalarType, scale: Term, zeroPoint: Term? = nil, axis: Int = 0, blockSize: Int = 0
    ) throws(GraphError) -> Term {
        let grid = QuantizationGrid(axis: axis, blockSize: blockSize, hasZeroPoint: zeroPoint != nil)
        return try builder.add(Quantize(to: scalarType, grid: grid), [self, scale, zeroPoint].compactMap(\.self))
    }

    /// `(x - zeroPoint) * scale`; see `Dequantize`.
    public func dequantize(
        to scalarType: ScalarType = .float32, scale: Term, zeroPoint: Term? = nil, axis: Int = 0, blockSize: Int = 0
    ) throws(GraphError) -> Term {
        let grid = QuantizationGrid(axis: axis, blockSize: blockSize, hasZeroPoint: zeroPoint != nil)
        return try builder.add(
            Dequantize(to: scalarType, grid: grid), [self, scale, zeroPoint].compactMap(\.self))
    }

    /// Floats as uint8 with a scale and zero point chosen so that zero and all elements are in range (ONNX
    /// DynamicQuantizeLinear): `scale = (max(0, max x) - min(0, min x)) / 255`,
    /// `zeroPoint = saturate(round(-min / scale))`. Where all elements are 0 the scale is 1.
    public func dynamicQuantize() throws(GraphError) -> (values: Term, scale: Term, zeroPoint: Term) {
        try OperandRules.float(type, "x")
        let x = try widened()
        let all = Array(0..<rank)
        let zero = try builder.constant(0, .scalar(x.scalarType))
        let low = try x.reduce(.minimum, all).minimum(zero)
        let high = try x.reduce(.maximum, all).maximum(zero)
        let width = try (high - low) / 255
        let scale = try width.compare(.equal, zero).select(zero.like(1), width)
        let zeroPoint = try (zero - low / scale).roundEven().convert(.uint8)
        return (try x.quantize(to: .uint8, scale: scale, zeroPoint: zeroPoint), scale, zeroPoint)
    }
}
