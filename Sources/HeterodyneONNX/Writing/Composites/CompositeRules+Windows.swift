// Heterodyne: convolutions, poolings and resampling as ONNX operators.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension CompositeRules {
    /// ONNX Runtime convolves and pools over at most so many dimensions.
    private static let largestSpatialRank = 3

    static let windows: [CompositeRule] = [
        CompositeRule(Convolution.self) { (e, c, x, results) throws(ONNXError) in
            guard x[0].rank - 2 <= largestSpatialRank, hasElements(x) else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in
                [
                    try e.node(
                        "Conv", x,
                        [
                            ("strides", .ints(c.strides)), ("dilations", .ints(c.dilations)),
                            ("pads", .ints(c.low + c.high)), ("group", .int(c.groups)),
                        ], x[0].type.with(results[0].shape))
                ]
            }
        },
        CompositeRule(ConvolutionTranspose.self) { (e, c, x, results) throws(ONNXError) in
            guard x[0].rank - 2 <= largestSpatialRank, hasElements(x) else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in
                [
                    try e.node(
                        "ConvTranspose", x,
                        [
                            ("strides", .ints(c.strides)), ("dilations", .ints(c.dilations)),
                            ("pads", .ints(c.low + c.high)), ("output_padding", .ints(c.outputPadding)),
                            ("group", .int(c.groups)),
                        ], x[0].type.with(results[0].shape))
                ]
            }
        },
        CompositeRule(MaxPool.self) { (e, pool, x, results) throws(ONNXError) in
            guard x[0].rank - 2 <= largestSpatialRank, hasElements(x) else { return nil }
            let types: Set<ScalarType> = [.float32, .float64, .int8, .uint8]
            let attributes = windowAttributes(pool.windows)
            func emit(_ x: [Port]) throws(ONNXError) -> [Port] {
                let types: [TensorType?] =
                    [x[0].type.with(results[0].shape)] + results.dropFirst().map(Optional.some)
                return try e.nodes("MaxPool", x, attributes, results: types)
            }
            if types.contains(x[0].scalarType) { return try emit(x) }
            guard x[0].scalarType.isFloatingPoint else { return nil }
            return try e.inFloats(x, results, emit)
        },
        CompositeRule(AveragePool.self, since: 19) { (e, pool, x, results) throws(ONNXError) in
            guard x[0].rank - 2 <= largestSpatialRank, hasElements(x) else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in
                let attributes =
                    windowAttributes(pool.windows) + [("count_include_pad", .int(pool.countsPadding ? 1 : 0))]
                return [try e.node("AveragePool", x, attributes, x[0].type.with(results[0].shape))]
            }
        },
        CompositeRule(LpPool.self) { (e, pool, x, results) throws(ONNXError) in
            guard x[0].rank - 2 <= largestSpatialRank, hasElements(x) else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in
                let attributes = windowAttributes(pool.windows) + [("p", .int(pool.p))]
                return [try e.node("LpPool", x, attributes, x[0].type.with(results[0].shape))]
            }
        },
        CompositeRule(Resize.self, since: 19) { (e, resize, x, results) throws(ONNXError) in
            try e.resize(resize, x[0], results)
        },
        CompositeRule(GridSample.self, since: 20) { (e, sample, x, results) throws(ONNXError) in
            let rank = x[0].rank - 2
            guard rank == 2 || (rank == 3 && sample.mode != .cubic), hasElements(x) else { return nil }
            guard x[0].scalarType.isFloatingPoint else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in
                [
                    try e.node(
                        "GridSample", x,
                        [
                            ("mode", .string(sample.mode.rawValue)), ("padding_mode", .string(sample.padding.rawValue)),
                            ("align_corners", .int(sample.alignCorners ? 1 : 0)),
                        ], x[0].type.with(results[0].shape))
                ]
            }
        },
        CompositeRule(SpaceToDepth.self) { (e, c, x, results) throws(ONNXError) in
            guard blockTypes.contains(x[0].scalarType) else { return nil }
            return [try e.node("SpaceToDepth", x, [("blocksize", .int(c.blockSize))], results[0])]
        },
        CompositeRule(DepthToSpace.self) { (e, c, x, results) throws(ONNXError) in
            guard blockTypes.contains(x[0].scalarType) else { return nil }
            let mode = c.channelsFirst ? "CRD" : "DCR"
            return [
                try e.node(
                    "DepthToSpace", x, [("blocksize", .int(c.blockSize)), ("mode", .string(mode))], results[0])
            ]
        },
    ]

    private static let blockTypes: Set<ScalarType> = [.float32, .float64, .int8, .uint8, .float16]

    /// Whether every operand has elements; ONNX Runtime refuses empty images.
    private static func hasElements(_ operands: [Port]) -> Bool {
        operands.allSatisfy { !$0.shape.dimensions.contains(0) }
    }

    private static func windowAttributes(_ windows: PoolingWindows) -> [(String, OutgoingAttribute)] {
        [
            ("kernel_shape", .ints(windows.kernel)), ("strides", .ints(windows.strides)),
            ("dilations", .ints(windows.dilations)), ("pads", .ints(windows.low + windows.high)),
            ("ceil_mode", .int(windows.ceilMode ? 1 : 0)),
        ]
    }
}

extension GraphEmitter {
    /// `Resize` of images, where ONNX Runtime has every mode; nil for others.
    func resize(_ resize: Resize, _ x: Port, _ results: [TensorType]) throws(ONNXError) -> [Port]? {
        let axes = resize.axes.map { $0 < 0 ? $0 + x.rank : $0 }
        guard x.rank == 4, axes.allSatisfy({ $0 >= 2 }), resize.transform != .cropAndResize,
            !results[0].shape.dimensions.contains(0), x.scalarType.isFloatingPoint
        else { return nil }
        let transforms: [CoordinateTransform: String] = [
            .halfPixel: "half_pixel", .halfPixelSymmetric: "half_pixel_symmetric",
            .pytorchHalfPixel: "pytorch_half_pixel", .alignCorners: "align_corners", .asymmetric: "asymmetric",
        ]
        let rounding: [NearestMode: String] = [
            .roundPreferFloor: "round_prefer_floor", .roundPreferCeil: "round_prefer_ceil", .floor: "floor",
            .ceil: "ceil",
        ]
        guard let transform = transforms[resize.transform], let nearest = rounding[resize.nearestMode] else {
            return nil
        }
        var scales: Port?
        var sizes: Port? = Port(resize.sizes)
        if !resize.scales.isEmpty {
            // With scales, ONNX computes the sizes itself, and as float32.
            for (i, axis) in axes.enumerated() {
                guard case .fixed(let extent) = x.shape[axis],
                    Int((Float(extent) * Float(resize.scales[i])).rounded(.down)) == resize.sizes[i]
                else { return nil }
            }
            scales = Port(Literal(resize.scales.map { Float($0) }))
            sizes = nil
        }
        var attributes: [(String, OutgoingAttribute)] = [
            ("mode", .string(resize.mode.rawValue)), ("coordinate_transformation_mode", .string(transform)),
            ("axes", .ints(axes)),
        ]
        if resize.mode == .nearest { attributes.append(("nearest_mode", .string(nearest))) }
        if resize.mode == .cubic { attributes.append(("cubic_coeff_a", .float(resize.cubicCoefficient))) }
        if resize.excludeOutside { attributes.append(("exclude_outside", .int(1))) }
        if resize.antialias { attributes.append(("antialias", .int(1))) }
        return try inFloats([x], results, half: false) { (x) throws(ONNXError) in
            [
                try node(
                    "Resize", sizes == nil ? [x[0], nil, scales] : [x[0], nil, nil, sizes], attributes,
                    x[0].type.with(results[0].shape))
            ]
        }
    }
}
