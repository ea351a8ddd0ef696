// Heterodyne: ONNX operators: resizing, sampling and rearranging of images.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Resizing, sampling and rearranging of images.
    static let resampling: [OperatorRule] = [
        .term("Resize", since: 11) { (context) throws(GraphError) in try context.resize() },
        .term("Resize", since: 10) { (context) throws(GraphError) in
            try context.resizeSimply(context.scaleNumbers(context.term(1)))
        },
        .term("Upsample", since: 9) { (context) throws(GraphError) in
            try context.resizeSimply(context.scaleNumbers(context.term(1)))
        },
        .term("Upsample", since: 7) { (context) throws(GraphError) in
            try context.resizeSimply(context.optionalFloats("scales") ?? [])
        },
        .term("Upsample") { (context) throws(GraphError) in
            guard let height = try context.optionalFloat("height_scale"),
                let width = try context.optionalFloat("width_scale")
            else {
                throw GraphError(.invalidAttribute, "attributes 'height_scale' and 'width_scale' must both be given")
            }
            return try context.resizeSimply([1, 1, height, width])
        },
        .term("GridSample", since: 16) { (context) throws(GraphError) in try context.gridSample() },
        .term("AffineGrid", since: 20) { (context) throws(GraphError) in try context.affineGrid() },
    ]
}

/// One axis that a `Resize` changes.
private struct ResizedAxis {
    var axis: Int
    var size: Int
    /// Nil: the size divided by the extent.
    var scale: Double?
    var roi: (Double, Double) = (0, 1)
}

extension OperatorContext {
    /// The numbers of `scales`, positive and finite.
    fileprivate func scaleNumbers(_ term: Term) throws(GraphError) -> [Double] { try numbers(of: term) }

    /// The extent that a scale makes of an extent: `⌊extent * scale⌋` in binary32, as the standard's shape inference has
    /// it.
    private func size(_ extent: Int, _ scale: Double) throws(GraphError) -> Int {
        guard scale.isFinite, scale > 0 else {
            throw GraphError(.invalidAttribute, "scale \(scale) is not a positive number")
        }
        let size = (Float(extent) * Float(scale)).rounded(.down)
        guard size < Float(1 << 40) else {
            throw GraphError(.overflow, "scale \(scale) makes extent \(extent) too large")
        }
        return Int(size)
    }

    private func extent(_ x: Term, _ axis: Int) throws(GraphError) -> Int {
        try Shape([x.shape[axis]]).extents()[0]
    }

    /// Resizing as before version 11: output `i` reads position `i / scale`; the nearest element is the one below it, or
    /// above it along axes that shrink.
    fileprivate func resizeSimply(_ scales: [Double]) throws(GraphError) -> Term {
        let x = try term(0)
        guard scales.count == x.rank else {
            throw GraphError(
                .shapeMismatch, "there are \(scales.count) scales for the \(x.rank) dimensions of \(x.type)")
        }
        let mode: ResizeMode = try choice(
            "mode", default: "nearest", ["nearest": .nearest, "linear": .linear, "bilinear": .linear])
        var axes: [ResizedAxis] = []
        for (axis, scale) in scales.enumerated() where scale != 1 {
            axes.append(ResizedAxis(axis: axis, size: try size(extent(x, axis), scale), scale: scale))
        }
        guard mode == .nearest else { return try resized(x, axes, mode: mode, transform: .asymmetric) }
        let grown = try resized(
            x, axes.filter { ($0.scale ?? 1) >= 1 }, mode: mode, transform: .asymmetric, nearestMode: .floor)
        return try resized(
            grown, axes.filter { ($0.scale ?? 1) < 1 }, mode: mode, transform: .asymmetric, nearestMode: .ceil)
    }

    /// Inputs X, roi, scales and sizes, of which scales or sizes are given; left out also means empty.
    fileprivate func resize() throws(GraphError) -> Term {
        let x = try term(0)
        let mode: ResizeMode = try choice(
            "mode", default: "nearest", ["nearest": .nearest, "linear": .linear, "cubic": .cubic])
        let transform: CoordinateTransform = try choice(
            "coordinate_transformation_mode", default: "half_pixel",
            [
                "half_pixel": .halfPixel, "half_pixel_symmetric": .halfPixelSymmetric,
                "pytorch_half_pixel": .pytorchHalfPixel, "align_corners": .alignCorners, "asymmetric": .asymmetric,
                "tf_crop_and_resize": .cropAndResize, "tf_half_pixel_for_nn": .shiftedHalfPixel,
            ])
        let nearestMode: NearestMode = try choice(
            "nearest_mode", default: "round_prefer_floor",
            [
                "round_prefer_floor": .roundPreferFloor, "round_prefer_ceil": .roundPreferCeil, "floor": .floor,
                "ceil": .ceil,
            ])
        var given = Array(0..<x.rank)
        if let axes = try optionalInts("axes") { given = try self.axes(axes, rank: x.rank) }
        var axes: [ResizedAxis]
        if let scales = try nonempty(2) {
            axes = try scaled(x, given, scaleNumbers(scales))
        } else if let sizes = try nonempty(3) {
            axes = try sized(x, given, extents(of: sizes))
        } else {
            throw GraphError(.operandCount, "one of the inputs 'scales' and 'sizes' must be given")
        }
        if transform == .cropAndResize {
            guard let roi = try nonempty(1) else {
                throw GraphError(.operandCount, "'tf_crop_and_resize' needs the input 'roi'")
            }
            let numbers = try numbers(of: roi)
            guard numbers.count == 2 * given.count else {
                throw GraphError(
                    .shapeMismatch, "roi has \(numbers.count) numbers; it needs two for each of \(given.count) axes")
            }
            for i in axes.indices {
                guard let place = given.firstIndex(of: axes[i].axis) else { continue }
                axes[i].roi = (numbers[place], numbers[place + given.count])
            }
        }
        // What keeps its extent and its scale stays as it is, except where coordinates are moved.
        let moves = transform == .shiftedHalfPixel && mode != .linear
        axes = axes.filter { axis in
            moves || axis.roi != (0, 1) || (axis.scale ?? 1) != 1 || .fixed(axis.size) != x.shape[axis.axis]
        }
        return try resized(
            x, axes, mode: mode, transform: transform, nearestMode: nearestMode,
            cubicCoefficient: float("cubic_coeff_a", default: -0.75), excludeOutside: bool("exclude_outside"),
            antialias: bool("antialias"), extrapolationValue: float("extrapolation_value", default: 0))
    }

    /// Input `index` where it is there and has elements.
    private func nonempty(_ index: Int) throws(GraphError) -> Term? {
        guard let term = try optionalTerm(index), !term.shape.dimensions.contains(0) else { return nil }
        return term
    }

    private func scaled(_ x: Term, _ axes: [Int], _ scales: [Double]) throws(GraphError) -> [ResizedAxis] {
        guard scales.count == axes.count else {
            throw GraphError(.shapeMismatch, "there are \(scales.count) scales for \(axes.count) axes of \(x.type)")
        }
        var result: [ResizedAxis] = []
        for (axis, scale) in zip(axes, scales) {
            // A free dimension may stay free where it keeps its extent.
            guard let extent = x.shape[axis].fixedValue else {
                if scale == 1 { continue }
                throw GraphError(
                    .unboundSymbol, "dimension \(axis) of \(x.type) is resized; give it a number")
            }
            result.append(ResizedAxis(axis: axis, size: try size(extent, scale), scale: scale))
        }
        return result
    }

    private func sized(_ x: Term, _ axes: [Int], _ sizes: [Extent]) throws(GraphError) -> [ResizedAxis] {
        guard sizes.count == axes.count else {
            throw GraphError(.shapeMismatch, "there are \(sizes.count) sizes for \(axes.count) axes of \(x.type)")
        }
        enum Policy { case stretch, notLarger, notSmaller }
        let policy: Policy = try choice(
            "keep_aspect_ratio_policy", default: "stretch",
            ["stretch": .stretch, "not_larger": .notLarger, "not_smaller": .notSmaller])
        var result: [ResizedAxis] = []
        for (axis, wanted) in zip(axes, sizes) {
            if policy == .stretch, wanted == x.shape[axis], wanted.fixedValue == nil { continue }
            let size = try Shape([wanted]).extents()[0]
            guard size >= 0, size <= 1 << 40 else {
                throw GraphError(.invalidAttribute, "size \(size) of axis \(axis) is out of range")
            }
            result.append(ResizedAxis(axis: axis, size: size))
        }
        guard policy != .stretch else { return result }
        var scales: [Double] = []
        for item in result { scales.append(Double(item.size) / Double(max(1, try extent(x, item.axis)))) }
        guard let scale = policy == .notLarger ? scales.min() : scales.max() else { return result }
        for i in result.indices {
            let size = (scale * Double(try extent(x, result[i].axis)) + 0.5).rounded(.down)
            guard size < Double(1 << 40) else {
                throw GraphError(.overflow, "scale \(scale) makes axis \(result[i].axis) of \(x.type) too large")
            }
            result[i].scale = scale
            result[i].size = Int(size)
        }
        return result
    }

    /// The composite on `axes`; integers are interpolated as floats and rounded, halves to even.
    private func resized(
        _ x: Term, _ axes: [ResizedAxis], mode: ResizeMode, transform: CoordinateTransform,
        nearestMode: NearestMode = .roundPreferFloor, cubicCoefficient: Double = -0.75, excludeOutside: Bool = false,
        antialias: Bool = false, extrapolationValue: Double = 0
    ) throws(GraphError) -> Term {
        guard !axes.isEmpty else { return x }
        let hasScales = axes.contains { $0.scale != nil }
        var scales: [Double] = []
        if hasScales {
            for item in axes {
                let own = Double(item.size) / Double(max(1, try extent(x, item.axis)))
                scales.append(item.scale ?? own)
            }
        }
        let composite = Resize(
            axes: axes.map(\.axis), sizes: axes.map(\.size), scales: scales, mode: mode, transform: transform,
            nearestMode: nearestMode, cubicCoefficient: cubicCoefficient, excludeOutside: excludeOutside,
            antialias: antialias && mode != .nearest,
            roi: transform == .cropAndResize ? axes.map(\.roi.0) + axes.map(\.roi.1) : [],
            extrapolationValue: extrapolationValue)
        guard mode != .nearest, !x.scalarType.isFloatingPoint else { return try builder.add(composite, [x]) }
        let wide: ScalarType = x.scalarType.bitWidth > 16 ? .float64 : .float32
        let y = try builder.add(composite, [x.convert(wide)])
        return try builder.add(RoundEven(), [y]).convert(x.scalarType)
    }

    fileprivate func gridSample() throws(GraphError) -> Term {
        let mode: ResizeMode = try choice(
            "mode", default: version >= 20 ? "linear" : "bilinear",
            ["linear": .linear, "bilinear": .linear, "nearest": .nearest, "cubic": .cubic, "bicubic": .cubic])
        let padding: GridPadding = try choice(
            "padding_mode", default: "zeros", ["zeros": .zeros, "border": .border, "reflection": .reflection])
        let (x, grid) = (try term(0), try term(1))
        let alignCorners = try bool("align_corners")
        guard mode != .nearest, !x.scalarType.isFloatingPoint else {
            return try x.gridSample(grid, mode: mode, padding: padding, alignCorners: alignCorners)
        }
        let wide: ScalarType = x.scalarType.bitWidth > 16 ? .float64 : .float32
        return try x.convert(wide).gridSample(grid, mode: mode, padding: padding, alignCorners: alignCorners)
            .convert(x.scalarType)
    }

    /// The positions that `GridSample` takes, of an image under affine maps: theta [n, k, k + 1] and size (n, c, …) give
    /// [n, …, k]. The first coordinate belongs to the last dimension.
    fileprivate func affineGrid() throws(GraphError) -> Term {
        let theta = try term(0)
        let size = try integers(1)
        let k = size.count - 2
        guard k == 2 || k == 3, theta.shape.dimensions.dropFirst() == [.fixed(k), .fixed(k + 1)],
            theta.shape[0] == .fixed(size[0])
        else {
            throw GraphError(
                .shapeMismatch,
                "theta is \(theta.type) and size is \(size); they must be [n, 2, 3] and (n, c, h, w), or [n, 3, 4] and "
                    + "(n, c, d, h, w)")
        }
        guard size.allSatisfy({ $0 >= 0 && $0 <= 1 << 24 }), theta.scalarType.isFloatingPoint else {
            throw GraphError(.invalidAttribute, "size \(size) is out of range, or theta \(theta.type) is no float")
        }
        let alignCorners = try bool("align_corners")
        let wide = theta.scalarType.accumulationType
        let maps = try theta.convert(wide)
        let type = TensorType(wide, Shape([size[0]] + size[2...] + [k]))
        try type.validate()
        func column(_ index: Int) throws(GraphError) -> Term {
            try maps.slice(dimension: 2, from: .fixed(index), to: .fixed(index + 1)).squeeze([2])
                .broadcast(type.shape, dimensions: [0, k + 1])
        }
        var sum = try column(k)
        for index in (0..<k).reversed() {
            let extent = size[k + 1 - index]
            let positions = (0..<extent).map { position in
                if alignCorners {
                    extent == 1 ? 0 : (2 * Double(position) - Double(extent - 1)) / Double(extent - 1)
                } else {
                    (2 * Double(position) + 1 - Double(extent)) / Double(extent)
                }
            }
            let line = try builder.constant(Literal(positions)).convert(wide)
            sum = try sum + column(index) * line.broadcast(type.shape, dimensions: [k - index])
        }
        return try sum.convert(theta.scalarType)
    }
}
