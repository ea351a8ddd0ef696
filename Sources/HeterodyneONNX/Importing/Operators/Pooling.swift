// Heterodyne: ONNX operators: pooling.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Pooling.
    static let pooling: [OperatorRule] = [
        .terms("MaxPool") { (context) throws(GraphError) in try context.maxPool() },
        .term("AveragePool") { (context) throws(GraphError) in
            let (x, windows, ceilMode) = try context.poolingOperand()
            return try x.averagePool(
                kernel: windows.kernel, strides: windows.strides, dilations: windows.dilations,
                padding: windows.padding, ceilMode: ceilMode,
                countsPadding: context.bool("count_include_pad"))
        },
        .term("LpPool", since: 2) { (context) throws(GraphError) in
            let (x, windows, ceilMode) = try context.poolingOperand()
            return try x.lpPool(
                kernel: windows.kernel, p: context.int("p", default: 2), strides: windows.strides,
                dilations: windows.dilations, padding: windows.padding, ceilMode: ceilMode)
        },
        .term("LpPool") { (context) throws(GraphError) in
            let (x, windows, _) = try context.poolingOperand()
            return try OperatorContext.fractionalNorm(x, context.float("p", default: 2)) {
                (powers) throws(GraphError) in
                try powers.lpPool(
                    kernel: windows.kernel, p: 1, strides: windows.strides, padding: windows.padding)
            }
        },
        .term("GlobalMaxPool") { (context) throws(GraphError) in
            try context.globally { (x) throws(GraphError) in try x.globalMaxPool() }
        },
        .term("GlobalAveragePool") { (context) throws(GraphError) in
            try context.globally { (x) throws(GraphError) in try x.globalAveragePool() }
        },
        .term("GlobalLpPool", since: 2) { (context) throws(GraphError) in
            let p = try context.int("p", default: 2)
            return try context.globally { (x) throws(GraphError) in try x.globalLpPool(p: p) }
        },
        .term("GlobalLpPool") { (context) throws(GraphError) in
            let p = try context.float("p", default: 2)
            return try context.globally { (x) throws(GraphError) in
                try OperatorContext.fractionalNorm(x, p) { (powers) throws(GraphError) in
                    try powers.globalLpPool(p: 1)
                }
            }
        },
        .term("MaxUnpool", since: 9) { (context) throws(GraphError) in try context.maxUnpool() },
        .term("MaxRoiPool") { (context) throws(GraphError) in try context.maxRegionPool() },
        .term("RoiAlign", since: 16) { (context) throws(GraphError) in
            try context.regionAlign(
                isHalfPixel: context.choice(
                    "coordinate_transformation_mode", default: "half_pixel",
                    ["half_pixel": true, "output_half_pixel": false]))
        },
        .term("RoiAlign", since: 10) { (context) throws(GraphError) in
            try context.regionAlign(isHalfPixel: false)
        },
    ]
}

extension OperatorContext {
    /// Input 0, the windows over it, and whether `ceil_mode` holds; with `auto_pad` it changes nothing.
    fileprivate func poolingOperand() throws(GraphError) -> (Term, WindowAttributes, ceilMode: Bool) {
        let x = try term(0)
        let windows = try windowAttributes(spatialRank: x.rank - 2)
        return (x, windows, try bool("ceil_mode") && windows.autoPad == .explicit)
    }

    /// `body` of input 0 with at least one spatial dimension.
    fileprivate func globally(_ body: (Term) throws(GraphError) -> Term) throws(GraphError) -> Term {
        let x = try term(0)
        guard x.rank == 2 else { return try body(x) }
        return try body(x.reshape(Shape(x.shape.dimensions + [1]))).reshape(x.shape)
    }

    /// `(Σ |x|^p)^(1/p)` for any `p > 0`, where `sum` sums magnitudes.
    fileprivate static func fractionalNorm(
        _ x: Term, _ p: Double, _ sum: (Term) throws(GraphError) -> Term
    ) throws(GraphError) -> Term {
        guard p.isFinite, p > 0 else {
            throw GraphError(.invalidAttribute, "attribute 'p' is \(p); it must be a positive number")
        }
        let wide = try x.convert(x.scalarType.isFloatingPoint ? x.scalarType.accumulationType : x.scalarType)
        let powers = try p == 1 ? wide : p == 2 ? wide * wide : wide.abs().power(wide.like(p))
        let total = try sum(powers)
        let root = try p == 1 ? total : p == 2 ? total.sqrt() : total.power(total.like(1 / p))
        return try root.convert(x.scalarType)
    }

    fileprivate func maxPool() throws(GraphError) -> [Term] {
        let (x, windows, ceilMode) = try poolingOperand()
        guard wants(output: 1) else {
            return [
                try x.maxPool(
                    kernel: windows.kernel, strides: windows.strides, dilations: windows.dilations,
                    padding: windows.padding, ceilMode: ceilMode)
            ]
        }
        let (values, indices) = try x.maxPoolWithIndices(
            kernel: windows.kernel, strides: windows.strides, dilations: windows.dilations,
            padding: windows.padding, ceilMode: ceilMode)
        guard try bool("storage_order") else { return [values, indices] }
        return [values, try columnMajor(indices, x.shape)]
    }

    /// Positions in the row-major elements of [N, C, S…] as positions where every channel is column-major.
    private func columnMajor(_ indices: Term, _ shape: Shape) throws(GraphError) -> Term {
        let extents = try Shape(Array(shape.dimensions[2...])).extents().map(Double.init)
        let channel = extents.reduce(1, *)
        var rest = try indices.remainder(indices.like(channel))
        var result = try indices - rest
        for (i, extent) in extents.enumerated().reversed() {
            let coordinate = try rest.remainder(rest.like(extent))
            rest = try rest / extent
            result = try result + coordinate * extents[..<i].reduce(1, *)
        }
        return result
    }

    /// The elements of X at positions I of a tensor of zeros, whose extents are those that MaxPool made X of.
    fileprivate func maxUnpool() throws(GraphError) -> Term {
        let (x, indices) = (try term(0), try term(1))
        guard x.shape == indices.shape else {
            throw GraphError(.shapeMismatch, "X is \(x.type) and I is \(indices.type); their shapes must be equal")
        }
        let windows = try windowAttributes(spatialRank: x.rank - 2)
        let extents = try x.extents()
        var inferred = [extents[0], extents[1]]
        for i in 0..<windows.kernel.count {
            let (spread, overflow) = (extents[i + 2] - 1).multipliedReportingOverflow(by: windows.strides[i])
            guard !overflow, spread.magnitude <= 1 << 41 else {
                throw GraphError(.overflow, "the strides \(windows.strides) make the result too large")
            }
            let extent = spread - windows.low[i] - windows.high[i] + windows.kernel[i]
            guard extent >= 0 else {
                throw GraphError(.shapeMismatch, "spatial dimension \(i) of the result would have \(extent) elements")
            }
            inferred.append(extent)
        }
        var shape = inferred
        if let given = try optionalIntegers(2) {
            guard given.count == x.rank, given.allSatisfy({ $0 >= 0 }) else {
                throw GraphError(
                    .shapeMismatch, "output_shape is \(given); it needs \(x.rank) extents, batch and channels included")
            }
            shape = given
        }
        let flat = TensorType(x.scalarType, Shape([try Shape(inferred).elementCount()]))
        try flat.validate()
        let count = try Shape(extents).elementCount()
        let y = try builder.constant(0, flat).scatter(
            .set, indices.convert(.int64).reshape(Shape([count, 1])), x.reshape(Shape([count])), dimensions: [0])
        return try y.reshape(inferred).pad(
            0, low: [Int](repeating: 0, count: x.rank), high: zip(shape, inferred).map { $0 - $1 })
    }
}
