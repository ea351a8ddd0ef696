// Heterodyne: quantization to narrow integers and 8-bit floats, and back.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// How the scales and zero points of a quantization lie over the tensor.
///
/// A scalar or a vector of one element serves the whole tensor. A vector of the axis' extent has one scale per position
/// along `axis`. With `blockSize` b > 0 the scales have the tensor's rank and extents, except `ceil(n / b)` along the
/// axis: one scale per block of b positions.
public struct QuantizationGrid: Sendable, Hashable {
    /// The axis of per-axis and blocked scales; negative counts from the back.
    public var axis: Int
    /// The number of positions that share a scale along the axis; 0 where scales are not blocked.
    public var blockSize: Int
    /// Whether a zero point follows as the last operand.
    public var hasZeroPoint: Bool

    /// Scales along `axis`.
    public init(axis: Int = 0, blockSize: Int = 0, hasZeroPoint: Bool = false) {
        self.axis = axis
        self.blockSize = blockSize
        self.hasZeroPoint = hasZeroPoint
    }

    func append(to attributes: inout Attributes) {
        attributes.set("axis", .integer(axis))
        attributes.set("blockSize", .integer(blockSize))
        attributes.set("hasZeroPoint", .bool(hasZeroPoint))
    }

    init(_ reader: inout AttributeReader) throws(GraphError) {
        axis = try reader.integer("axis")
        blockSize = try reader.integer("blockSize")
        hasZeroPoint = try reader.bool("hasZeroPoint")
    }

    func check(_ operands: [TensorType], stored: ScalarType) throws(GraphError) {
        try DataRules.count(operands, hasZeroPoint ? 3 : 2, hasZeroPoint ? "x, scale, zero point" : "x, scale")
        try DataRules.floating(operands[1], "the scale")
        try checkShape(operands[1], over: operands[0])
        guard hasZeroPoint else { return }
        try DataRules.require(
            operands[2].scalarType == stored, .invalidType,
            "the zero point is \(operands[2]) where \(stored) elements are needed")
        try DataRules.shape(operands[2], operands[1].shape.dimensions, "the zero point")
    }

    private func checkShape(_ scale: TensorType, over x: TensorType) throws(GraphError) {
        try DataRules.require(blockSize >= 0, .invalidAttribute, "blockSize is \(blockSize), below 0")
        if blockSize > 0 {
            let axis = try DataRules.axis(axis, rank: x.rank)
            try DataRules.require(
                blockSize <= TensorType.maximumByteCount, .invalidAttribute, "blockSize \(blockSize) is too large")
            let blocks = try x.shape[axis].adding(.fixed(blockSize - 1)).floorDivided(by: blockSize)
            try DataRules.shape(scale, x.shape.replacing(axis, blocks).dimensions, "the scale of \(x)")
            return
        }
        if scale.rank == 0 || scale.shape == [1] { return }
        let axis = try DataRules.axis(axis, rank: x.rank)
        try DataRules.shape(scale, [x.shape[axis]], "the scale of \(x) along axis \(axis)")
    }

    /// A scale or zero point repeated over the tensor's shape.
    func spread(_ parameter: Term, over shape: Shape) throws(GraphError) -> Term {
        if blockSize > 0 {
            let axis = try DataRules.axis(axis, rank: shape.rank)
            // A block longer than the axis covers it once.
            let block = Extent.fixed(max(1, min(blockSize, try Shape([shape[axis]]).extents()[0])))
            var blocks = parameter.shape.dimensions
            blocks.insert(block, at: axis + 1)
            let kept = Array(0...axis) + Array(axis + 2..<shape.rank + 1)
            // Rank 16 cannot grow; its outer dimensions merge first.
            let merged = try Self.merged(parameter, axis: axis)
            let repeated =
                shape.rank < TensorType.maximumRank
                ? try parameter.broadcast(Shape(blocks), dimensions: kept)
                : try merged.broadcast(
                    [merged.shape[0], block, merged.shape[1]], dimensions: [0, 2])
            let padded = try shape.replacing(axis, parameter.shape[axis].multiplied(by: block))
            return try repeated.reshape(padded).slice(dimension: axis, from: 0, to: shape[axis])
        }
        if parameter.rank == 0 { return try parameter.broadcast(to: shape) }
        if parameter.shape == [1] { return try parameter.reshape(Shape.scalar).broadcast(to: shape) }
        return try parameter.broadcast(shape, dimensions: [DataRules.axis(axis, rank: shape.rank)])
    }

    private static func merged(_ term: Term, axis: Int) throws(GraphError) -> Term {
        try term.reshape([
            Shape(Array(term.shape.dimensions[...axis])).elementCount(),
            Shape(Array(term.shape.dimensions[(axis + 1)...])).elementCount(),
        ])
    }
}

/// `quantize(x, scale[, zeroPoint])`: `saturate(round(x / scale) + zeroPoint)` as narrow integers, halves to even, or
/// `x / scale + zeroPoint` as 8-bit floats clamped to their finite range (ONNX QuantizeLinear).
///
/// float16 and bfloat16 are computed in float32. NaN becomes 0 in integers and stays NaN in floats.
public struct Quantize: Composite {
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
    /// The attributes as data.
    public var attributes: Attributes {
        var attributes: Attributes = ["scalarType": .scalarType(scalarType)]
        grid.append(to: &attributes)
        return attributes
    }
    /// Reads scalarType, axis, blockSize and hasZeroPoint.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        scalarType = try reader.scalarType("scalarType")
        grid = try QuantizationGrid(&reader)
        try reader.finish()
    }

    /// x's shape with the quantized type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try DataRules.quantized(scalarType)
        try grid.check(operands, stored: scalarType)
        let x = operands[0]
        try DataRules.require(
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
public struct Dequantize: Composite {
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
    /// The attributes as data.
    public var attributes: Attributes {
        var attributes: Attributes = ["scalarType": .scalarType(scalarType)]
        grid.append(to: &attributes)
        return attributes
    }
    /// Reads scalarType, axis, blockSize and hasZeroPoint.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        scalarType = try reader.scalarType("scalarType")
        grid = try QuantizationGrid(&reader)
        try reader.finish()
    }

    /// x's shape with the float type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        guard let x = operands.first else { throw GraphError(.operandCount, "needs x and a scale") }
        if x.scalarType != .int32 { try DataRules.quantized(x.scalarType) }
        try grid.check(operands, stored: x.scalarType)
        let result = x.with(scalarType)
        try DataRules.floating(result, "the result")
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

extension DataRules {
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
        return try builder.add(Quantize(to: scalarType, grid: grid), [self, scale] + (zeroPoint.map { [$0] } ?? []))
    }

    /// `(x - zeroPoint) * scale`; see `Dequantize`.
    public func dequantize(
        to scalarType: ScalarType = .float32, scale: Term, zeroPoint: Term? = nil, axis: Int = 0, blockSize: Int = 0
    ) throws(GraphError) -> Term {
        let grid = QuantizationGrid(axis: axis, blockSize: blockSize, hasZeroPoint: zeroPoint != nil)
        return try builder.add(
            Dequantize(to: scalarType, grid: grid), [self, scale] + (zeroPoint.map { [$0] } ?? []))
    }

    /// Floats as uint8 with a scale and zero point chosen so that zero and all elements are in range (ONNX
    /// DynamicQuantizeLinear): `scale = (max(0, max x) - min(0, min x)) / 255`,
    /// `zeroPoint = saturate(round(-min / scale))`. Where all elements are 0 the scale is 1.
    public func dynamicQuantize() throws(GraphError) -> (values: Term, scale: Term, zeroPoint: Term) {
        try DataRules.floating(type)
        let x = try convert(DataRules.computeType(scalarType))
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
