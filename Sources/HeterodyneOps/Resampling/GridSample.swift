// Heterodyne: sampling at the positions of a grid.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// What `gridSample` reads outside of the input.
public enum GridPadding: String, Sendable, Hashable, CaseIterable {
    /// Zero.
    case zeros
    /// The nearest element of the edge.
    case border
    /// The input mirrored at its edges, as often as needed.
    case reflection
}

/// `gridSample(x, grid)`: x interpolated at the positions that the grid names (ONNX GridSample, PyTorch grid_sample).
///
/// Operands: x `[n, channels, d1, …, dk]` and grid `[n, o1, …, ok, k]`, whose vectors hold normalised coordinates, the
/// last dimension's first: -1 and 1 are the outer edges of the first and last element, or with `alignCorners` their
/// centres. Result: `[n, channels, o1, …, ok]` of x's type. Nearest rounds halves to even and takes every type; linear
/// and cubic (Keys' kernel with a = -0.75) take floats and compute narrow ones in float32. At most 64 elements are
/// combined: k is at most 6 for linear and 3 for cubic.
public struct GridSample: AttributedComposite {
    /// `gridSample`.
    public static let name = "gridSample"
    /// The interpolation.
    public var mode: ResizeMode
    /// What lies outside of the input.
    public var padding: GridPadding
    /// Whether -1 and 1 are the centres of the outermost elements instead of their outer edges.
    public var alignCorners: Bool

    /// The sampling.
    public init(mode: ResizeMode = .linear, padding: GridPadding = .zeros, alignCorners: Bool = false) {
        self.mode = mode
        self.padding = padding
        self.alignCorners = alignCorners
    }
    /// The attributes as data.
    public var attributes: Attributes {
        [
            "mode": .string(mode.rawValue), "padding": .string(padding.rawValue), "alignCorners": .bool(alignCorners),
        ]
    }
    /// Reads mode, padding and alignCorners.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        mode = try reader.choice("mode")
        padding = try reader.choice("padding")
        alignCorners = try reader.bool("alignCorners")
    }

    /// x's type with the grid's extents.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 2, "x, grid")
        let (x, grid) = (operands[0], operands[1])
        try OperandRules.float(grid, "the grid")
        if mode != .nearest { try OperandRules.float(x, "the operand of \(mode.rawValue) sampling") }
        let k = x.rank - 2
        try OperandRules.require(
            k >= 1 && grid.rank == x.rank && grid.shape[k + 1] == .fixed(k), .shapeMismatch,
            "x \(x) and grid \(grid) must be [n, channels, d1, …, dk] and [n, o1, …, ok, k]")
        try OperandRules.require(
            x.shape[0] == grid.shape[0], .shapeMismatch, "x \(x) and grid \(grid) differ in their first dimension")
        try OperandRules.require(
            mode == .nearest || k <= (mode == .linear ? 6 : 3), .shapeMismatch,
            "\(mode.rawValue) sampling of \(k) dimensions combines over 64 elements")
        let shape = Shape([x.shape[0], x.shape[1]] + grid.shape.dimensions[1...k])
        try OperandRules.require(
            !x.shape.dimensions[2...].contains(0) || shape.dimensions.contains(0), .shapeMismatch,
            "\(x) has no element to sample")
        return [x.with(shape)]
    }

    /// Per tap one gather, weighted with the kernel at its distance.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let (x, grid) = (operands[0], operands[1])
        let result = try inferTypes(operands.map(\.type))[0]
        if result.shape.dimensions.contains(0) { return [try builder.constant(Literal(splatBits: 0, type: result))] }
        let wide = x.scalarType == .float64 || grid.scalarType == .float64
        let type: ScalarType = wide ? .float64 : .float32
        let k = x.rank - 2
        let extents = try Shape(Array(x.shape.dimensions[2...])).extents()
        let points: Shape = [grid.shape[0], try Shape(Array(grid.shape.dimensions[1...k])).elementCount()]
        let flat = try grid.convert(type).reshape(Shape(points.dimensions + [.fixed(k)]))
        var axes: [[GridTap]] = []
        for (d, extent) in extents.enumerated() {
            let component = try flat.slice(
                dimension: 2, from: .fixed(k - 1 - d), to: .fixed(k - d)
            ).reshape(points)
            axes.append(try taps(component, extent))
        }
        let source = mode == .nearest ? x : try x.convert(type)
        let batch = try builder.iota(TensorType(.int64, points), dimension: 0)
        var sum: Term?
        for combination in Self.combinations(axes) {
            let indices = [batch] + combination.map(\.index)
            var columns: [Term] = []
            for index in indices { columns.append(try index.expandDimensions([2])) }
            var value = try source.gather(
                builder.concatenate(columns, dimension: 2), dimensions: [0] + Array(2..<x.rank))
            for tap in combination {
                if let weight = tap.weight {
                    value = try value * weight.broadcast(value.shape, dimensions: [0, 1])
                }
                if let inside = tap.inside {
                    let zero = try builder.constant(Literal(splatBits: 0, type: value.type))
                    value = try inside.broadcast(value.shape, dimensions: [0, 1]).select(value, zero)
                }
            }
            sum = try sum.map { partial throws(GraphError) in try partial + value } ?? value
        }
        guard let sum else { return [try builder.constant(Literal(splatBits: 0, type: result))] }
        return [try sum.transpose([0, 2, 1]).reshape(result.shape).convert(result.scalarType)]
    }

    /// One choice of a tap for every axis, all of them.
    private static func combinations(_ axes: [[GridTap]]) -> [[GridTap]] {
        axes.reduce([[]]) { partial, taps in partial.flatMap { chosen in taps.map { chosen + [$0] } } }
    }

    /// The taps along one axis at normalised coordinates.
    private func taps(_ coordinate: Term, _ extent: Int) throws(GraphError) -> [GridTap] {
        let n = Double(extent)
        var v =
            alignCorners
            ? try (coordinate + 1) / 2 * (n - 1) : try ((coordinate + 1) * n - 1) / 2
        if mode == .nearest { v = try v.roundEven() }
        let (low, high) = alignCorners ? (0, n - 1) : (-0.5, n - 0.5)
        switch padding {
        case .zeros: break
        case .border:
            let outside = try v.compare(.less, low).or(v.compare(.greater, high))
            v = try outside.select(v.maximum(v.like(0)).minimum(v.like(n - 1)), v)
        case .reflection: v = try reflected(v, low, high)
        }
        if mode == .nearest { return [try tap(v, weight: nil, extent)] }
        let base = try v.floor()
        let rest = try v - base
        var taps: [GridTap] = []
        for offset in mode == .linear ? 0...1 : -1...2 {
            let distance = try (rest - Double(offset)).abs()
            taps.append(try tap(base + Double(offset), weight: kernel(distance, offset), extent))
        }
        return taps
    }

    /// The kernel at a distance whose range the tap's offset decides.
    private func kernel(_ x: Term, _ offset: Int) throws(GraphError) -> Term {
        if mode == .linear { return try 1 - x }
        let a = -0.75
        if offset == 0 || offset == 1 { return try ((x * (a + 2) - (a + 3)) * x) * x + 1 }
        return try ((x * a - 5 * a) * x + 8 * a) * x - 4 * a
    }

    private func tap(_ position: Term, weight: Term?, _ extent: Int) throws(GraphError) -> GridTap {
        let last = Double(extent - 1)
        var position = position
        var inside: Term?
        switch padding {
        case .zeros:
            inside = try position.compare(.greaterOrEqual, 0).and(position.compare(.lessOrEqual, last))
        case .border: break
        case .reflection:
            let (low, high) = alignCorners ? (0, last) : (-0.5, last + 0.5)
            position = try reflected(position, low, high)
        }
        let clamped = try position.maximum(position.like(0)).minimum(position.like(last))
        return GridTap(index: try clamped.convert(.int64), weight: weight, inside: inside)
    }

    /// Positions mirrored at `low` and `high` until they lie between; those that do stay exactly as they are.
    private func reflected(_ v: Term, _ low: Double, _ high: Double) throws(GraphError) -> Term {
        guard high > low else { return try v.like(low) }
        let period = try v.like(2 * (high - low))
        let way = try (v - low).abs().remainder(period)
        let folded = try way.minimum(period - way) + low
        let between = try v.compare(.greaterOrEqual, low).and(v.compare(.lessOrEqual, high))
        return try between.select(v, folded)
    }
}

/// One element along one axis that a sample reads.
private struct GridTap {
    let index: Term
    let weight: Term?
    /// Where the element exists; everywhere for nil.
    let inside: Term?
}

extension Term {
    /// The term interpolated at the positions of a grid; see `GridSample`.
    public func gridSample(
        _ grid: Term, mode: ResizeMode = .linear, padding: GridPadding = .zeros, alignCorners: Bool = false
    ) throws(GraphError) -> Term {
        try builder.add(GridSample(mode: mode, padding: padding, alignCorners: alignCorners), [self, grid])
    }
}
