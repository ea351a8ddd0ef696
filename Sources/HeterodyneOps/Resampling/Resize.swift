// Heterodyne: resizing by nearest, linear and cubic interpolation.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `resize(x)`: x sampled at other extents along some axes, by the rules of ONNX Resize (opset 19).
///
/// Every axis is treated on its own, one after the other. Positions outside of the input read the edge, except with
/// `cropAndResize`, which takes `extrapolationValue` there. Nearest takes every element type; linear and cubic take
/// floats, and compute narrow ones in float32. The resized axes must not be empty.
public struct Resize: AttributedComposite {
    /// `resize`.
    public static let name = "resize"
    /// The axes to resize; negative ones count from the back.
    public var axes: [Int]
    /// The extents of the result along `axes`.
    public var sizes: [Int]
    /// The scales along `axes` that the coordinates use; empty for `size / extent`.
    public var scales: [Double]
    /// The interpolation.
    public var mode: ResizeMode
    /// How positions become coordinates.
    public var transform: CoordinateTransform
    /// How nearest-neighbour coordinates are rounded.
    public var nearestMode: NearestMode
    /// The parameter `a` of the cubic kernel: -0.75 or -0.5 are usual.
    public var cubicCoefficient: Double
    /// Whether weights of elements outside of the input become zero and the rest is scaled up to sum 1.
    public var excludeOutside: Bool
    /// Whether the kernel is widened when the extent shrinks.
    public var antialias: Bool
    /// The normalised start and end along every one of `axes`, all starts first; for `cropAndResize`, else empty.
    public var roi: [Double]
    /// The value outside of the input with `cropAndResize`.
    public var extrapolationValue: Double

    /// The resizing of `axes` to `sizes`.
    public init(
        axes: [Int], sizes: [Int], scales: [Double] = [], mode: ResizeMode = .nearest,
        transform: CoordinateTransform = .halfPixel, nearestMode: NearestMode = .roundPreferFloor,
        cubicCoefficient: Double = -0.75, excludeOutside: Bool = false, antialias: Bool = false, roi: [Double] = [],
        extrapolationValue: Double = 0
    ) {
        self.axes = axes
        self.sizes = sizes
        self.scales = scales
        self.mode = mode
        self.transform = transform
        self.nearestMode = nearestMode
        self.cubicCoefficient = cubicCoefficient
        self.excludeOutside = excludeOutside
        self.antialias = antialias
        self.roi = roi
        self.extrapolationValue = extrapolationValue
    }

    /// The attributes as data.
    public var attributes: Attributes {
        [
            "axes": .integers(axes), "sizes": .integers(sizes), "scales": .numbers(scales),
            "mode": .string(mode.rawValue), "transform": .string(transform.rawValue),
            "nearestMode": .string(nearestMode.rawValue), "cubicCoefficient": .number(cubicCoefficient),
            "excludeOutside": .bool(excludeOutside), "antialias": .bool(antialias), "roi": .numbers(roi),
            "extrapolationValue": .number(extrapolationValue),
        ]
    }

    /// Reads all attributes.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axes = try reader.integers("axes")
        sizes = try reader.integers("sizes")
        scales = try reader.numbers("scales")
        mode = try reader.choice("mode")
        transform = try reader.choice("transform")
        nearestMode = try reader.choice("nearestMode")
        cubicCoefficient = try reader.number("cubicCoefficient")
        excludeOutside = try reader.bool("excludeOutside")
        antialias = try reader.bool("antialias")
        roi = try reader.numbers("roi")
        extrapolationValue = try reader.number("extrapolationValue")
    }

    /// x's type with the extents replaced.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        let type = operands[0]
        if mode != .nearest { try OperandRules.float(type, "the operand of \(mode.rawValue) resizing") }
        _ = try OperandRules.axes(axes, rank: type.rank)
        try OperandRules.require(
            sizes.count == axes.count && (scales.isEmpty || scales.count == axes.count), .invalidAttribute,
            "\(axes.count) axes need as many sizes (\(sizes.count)) and as many scales or none (\(scales.count))")
        try OperandRules.require(
            roi.count == (transform == .cropAndResize ? 2 * axes.count : 0) && roi.allSatisfy(\.isFinite),
            .invalidAttribute,
            "roi has \(roi.count) numbers; cropAndResize needs two finite ones per axis and nothing else takes any")
        try OperandRules.require(
            cubicCoefficient.isFinite, .invalidAttribute, "cubicCoefficient is \(cubicCoefficient), not finite")
        try OperandRules.require(
            !extrapolationValue.isNaN, .invalidAttribute, "extrapolationValue is NaN; choose a number or an infinity")
        var shape = type.shape
        for (i, item) in axes.enumerated() {
            let axis = try OperandRules.axis(item, rank: type.rank)
            try OperandRules.require(
                sizes[i] >= 0 && sizes[i] <= Self.tableLimit, .invalidAttribute,
                "size \(sizes[i]) of axis \(axis) is not within 0 and \(Self.tableLimit)")
            try OperandRules.require(
                type.shape[axis] != 0 || sizes[i] == 0, .shapeMismatch, "axis \(axis) of \(type) is empty")
            if let scale = try scale(i, type.shape[axis]) {
                try OperandRules.require(
                    tapCount(scale: scale).multipliedReportingOverflow(by: max(sizes[i], 1)).partialValue
                        <= Self.tableLimit, .invalidAttribute,
                    "scale \(scale) of axis \(axis) with antialiasing needs over \(Self.tableLimit) weights")
            }
            shape.dimensions[axis] = .fixed(sizes[i])
        }
        return [try OperandRules.valid(type.with(shape))]
    }

    /// The scale of axis number `i`, or nil where it is not known yet. Throws where it is no positive number.
    private func scale(_ i: Int, _ extent: Extent) throws(GraphError) -> Double? {
        if scales.isEmpty {
            guard case .fixed(let extent) = extent, extent > 0, sizes[i] > 0 else { return nil }
            return Double(sizes[i]) / Double(extent)
        }
        try OperandRules.require(
            scales[i].isFinite && scales[i] > 0, .invalidAttribute, "scale \(scales[i]) is not a positive number")
        return scales[i]
    }

    /// Per axis, gathers with constant positions and a sum weighted with constants.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let type = try inferTypes(operands.map(\.type))[0]
        if type.shape.dimensions.contains(0) {
            return [try builder.constant(Literal(splatBits: 0, type: type))]
        }
        let computeType = mode == .nearest ? type.scalarType : type.scalarType.computationType
        var x = try operands[0].convert(computeType)
        var outside: Term?
        for (i, item) in axes.enumerated() {
            let axis = try OperandRules.axis(item, rank: type.rank)
            let extent = try Shape([x.shape[axis]]).extents()[0]
            let bounds = roi.isEmpty ? (0.0, 1.0) : (roi[i], roi[i + axes.count])
            let scale = try scale(i, .fixed(extent)) ?? 1
            let table = table(input: extent, output: sizes[i], scale: scale, roi: bounds)
            x = try Self.apply(table, to: x, axis: axis)
            if table.outside.contains(true) {
                let line = try builder.constant(Literal(table.outside)).broadcast(type.shape, dimensions: [axis])
                outside = try outside.map { other throws(GraphError) in try other.or(line) } ?? line
            }
        }
        x = try x.convert(type.scalarType)
        if let outside {
            x = try outside.select(builder.constant(extrapolationValue, type), x)
        }
        return [x]
    }

    private static func apply(_ table: ResizeTable, to x: Term, axis: Int) throws(GraphError) -> Term {
        let output = table.outside.count
        var sum: Term?
        for (indices, weights) in zip(table.indices, table.weights) where weights.contains(where: { $0 != 0 }) {
            var tap = x
            let contiguous =
                indices.first == 0 && x.shape[axis] == .fixed(output)
                && zip(indices, indices.dropFirst()).allSatisfy { $1 == $0 + 1 }
            if !contiguous {
                let literal = try Literal(indices.map(Int64.init), shape: [.fixed(output), 1])
                let moved = try x.gather(x.builder.constant(literal), dimensions: [axis])
                tap = try moved.transpose(Array(1..<axis + 1) + [0] + Array(axis + 1..<x.rank))
            }
            if weights.contains(where: { $0 != 1 }) {
                let literal = Literal(weights)
                let factor = try x.builder.constant(literal).convert(x.scalarType)
                tap = try tap * factor.broadcast(tap.shape, dimensions: [axis])
            }
            sum = try sum.map { partial throws(GraphError) in try partial + tap } ?? tap
        }
        guard let sum else {
            let shape = x.shape.replacing(axis, .fixed(output))
            return try x.builder.constant(Literal(splatBits: 0, type: x.type.with(shape)))
        }
        return sum
    }
}

extension Term {
    /// The term resized along `axes` to `sizes`; see `Resize`.
    public func resize(
        axes: [Int], sizes: [Int], mode: ResizeMode = .nearest, transform: CoordinateTransform = .halfPixel,
        nearestMode: NearestMode = .roundPreferFloor, antialias: Bool = false
    ) throws(GraphError) -> Term {
        let composite = Resize(
            axes: axes, sizes: sizes, mode: mode, transform: transform, nearestMode: nearestMode,
            antialias: antialias)
        return try builder.add(composite, [self])
    }

    /// The term resized along `axes` by `scales`: every extent becomes `floor(extent * scale)`, and coordinates use
    /// the scale as given (ONNX Resize with scales).
    public func resize(
        axes: [Int], scales: [Double], mode: ResizeMode = .nearest, transform: CoordinateTransform = .halfPixel,
        nearestMode: NearestMode = .roundPreferFloor, antialias: Bool = false
    ) throws(GraphError) -> Term {
        try OperandRules.require(
            axes.count == scales.count, .invalidAttribute, "\(axes.count) axes and \(scales.count) scales")
        var sizes: [Int] = []
        for (item, scale) in zip(axes, scales) {
            let extent = try Shape([shape[OperandRules.axis(item, rank: rank)]]).extents()[0]
            let size = (Double(extent) * scale).rounded(.down)
            try OperandRules.require(
                size >= 0 && size <= Double(Resize.tableLimit), .invalidAttribute,
                "scale \(scale) makes extent \(extent) \(size)")
            sizes.append(Int(size))
        }
        let composite = Resize(
            axes: axes, sizes: sizes, scales: scales, mode: mode, transform: transform, nearestMode: nearestMode,
            antialias: antialias)
        return try builder.add(composite, [self])
    }
}
