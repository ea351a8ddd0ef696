// Heterodyne: ONNX operators: pooling over regions of interest.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// The samples along one axis of every region: two neighbours and their weights, each [regions, bins * samples].
private struct AxisSamples {
    let low: Term
    let high: Term
    let lowWeight: Term
    let highWeight: Term
    /// Samples that the region has; nil where all have all.
    let exists: Term?
}

extension OperatorContext {
    /// Most samples per bin and axis, which the sizes of regions may ask for.
    private static var sampleLimit: Int { 4_096 }

    /// RoiAlign (He et al. 2017): every region is divided into bins, and every bin is the mean or the maximum of samples
    /// that are interpolated linearly. Inputs X [n, c, h, w], rois [r, 4] as (x1, y1, x2, y2), batch_indices [r].
    ///
    /// The maximum is that of the weighted neighbours, as the standard's evaluator and its cases have it. Without a
    /// `sampling_ratio` the number of samples follows from the largest region, a value that is asked for.
    func regionAlign(isHalfPixel: Bool) throws(GraphError) -> Term {
        let (x, rois, batches) = (try term(0), try term(1), try term(2))
        let isMean = try choice("mode", default: "avg", ["avg": true, "max": false])
        let pooled = [try int("output_height", default: 1), try int("output_width", default: 1)]
        let ratio = try int("sampling_ratio", default: 0)
        guard x.rank == 4, rois.rank == 2, rois.shape[1] == 4, batches.rank == 1, batches.shape[0] == rois.shape[0]
        else {
            throw GraphError(
                .shapeMismatch,
                "X is \(x.type), rois are \(rois.type) and batch_indices are \(batches.type); they must be "
                    + "[n, c, h, w], [r, 4] and [r]")
        }
        guard pooled.allSatisfy({ $0 >= 1 && $0 <= 1 << 20 }), ratio >= 0, ratio <= Self.sampleLimit else {
            throw GraphError(
                .invalidAttribute,
                "output extents \(pooled) must be positive and sampling_ratio \(ratio) within 0 and \(Self.sampleLimit)"
            )
        }
        let type: ScalarType = x.scalarType == .float64 ? .float64 : .float32
        let scaled = try rois.convert(type) * float("spatial_scale", default: 1) - (isHalfPixel ? 0.5 : 0)
        let regions = rois.shape[0]
        func column(_ index: Int) throws(GraphError) -> Term {
            try scaled.slice(dimension: 1, from: .fixed(index), to: .fixed(index + 1)).reshape(Shape([regions]))
        }
        var axes: [AxisSamples] = []
        var samples: [Int] = []
        var count: Term?
        let extents = try Shape(Array(x.shape.dimensions[2...])).extents()
        guard !extents.contains(0) else { throw GraphError(.shapeMismatch, "X is \(x.type), which is empty") }
        for (i, first) in [1, 0].enumerated() {
            let start = try column(first)
            var length = try column(first + 2) - start
            if !isHalfPixel { length = try length.maximum(length.like(1)) }
            let bin = try length / Double(pooled[i])
            var number = Double(ratio)
            var own: Term?
            if ratio == 0 {
                let needed = try bin.negate().floor().negate().maximum(bin.like(0))
                number = regions == 0 ? 0 : try self.number(of: needed.reduce(.maximum, [0]))
                guard number <= Double(Self.sampleLimit) else {
                    throw GraphError(
                        .overflow, "a region needs \(number) samples per bin; give a 'sampling_ratio'")
                }
                own = needed
                count = try count.map { (others) throws(GraphError) in try others * needed } ?? needed
            }
            samples.append(max(1, Int(number)))
            axes.append(
                try axisSamples(start, bin, own, pooled: pooled[i], samples: samples[i], extent: extents[i]))
        }
        let shape = Shape([regions, .fixed(pooled[0] * samples[0]), .fixed(pooled[1] * samples[1])])
        let source = try x.convert(type)
        let batch = try batches.convert(.int64).broadcast(shape, dimensions: [0])
        let bins = Shape(
            [regions, .fixed(pooled[0]), .fixed(samples[0]), .fixed(pooled[1]), .fixed(samples[1]), x.shape[1]])
        var combined: Term?
        for (row, rowWeight) in [(axes[0].low, axes[0].lowWeight), (axes[0].high, axes[0].highWeight)] {
            for (line, lineWeight) in [(axes[1].low, axes[1].lowWeight), (axes[1].high, axes[1].highWeight)] {
                let indices = try builder.stack(
                    [batch, row.broadcast(shape, dimensions: [0, 1]), line.broadcast(shape, dimensions: [0, 2])],
                    axis: 3)
                let values = try source.gather(indices, dimensions: [0, 2, 3])
                let weight =
                    try rowWeight.broadcast(shape, dimensions: [0, 1])
                    * lineWeight.broadcast(shape, dimensions: [0, 2])
                let tap = try values * weight.broadcast(values.shape, dimensions: [0, 1, 2])
                combined =
                    try combined.map { (others) throws(GraphError) in
                        isMean ? try others + tap : try others.maximum(tap)
                    } ?? tap
            }
        }
        guard var values = combined else { throw GraphError(.malformedGraph, "no samples") }
        for (exists, dimension) in [(axes[0].exists, 1), (axes[1].exists, 2)] {
            guard let exists else { continue }
            values = try exists.broadcast(values.shape, dimensions: [0, dimension]).select(
                values, values.like(isMean ? 0 : -.infinity))
        }
        values = try values.reshape(bins).reduce(isMean ? .sum : .maximum, [2, 4])
        if isMean {
            if let count {
                values = try values / count.maximum(count.like(1)).broadcast(values.shape, dimensions: [0])
            } else {
                values = try values / Double(ratio * ratio)
            }
        } else if count != nil {
            // Regions without a sample are zero.
            values = try values.compare(.equal, -.infinity).select(values.like(0), values)
        }
        return try values.transpose([0, 3, 1, 2]).convert(x.scalarType)
    }

    private func number(of term: Term) throws(GraphError) -> Double {
        let number = try numbers(of: term).first ?? 0
        return number.isFinite ? max(0, number) : 0
    }

    /// The samples along one axis: bin `p` has its samples at `start + p bin + (i + 0.5) bin / own`.
    private func axisSamples(
        _ start: Term, _ bin: Term, _ own: Term?, pooled: Int, samples: Int, extent: Int
    ) throws(GraphError) -> AxisSamples {
        let type = TensorType(start.scalarType, Shape([start.shape[0], .fixed(pooled), .fixed(samples)]))
        let flat = Shape([start.shape[0], .fixed(pooled * samples)])
        func spread(_ term: Term) throws(GraphError) -> Term { try term.broadcast(type.shape, dimensions: [0]) }
        let index = try builder.iota(type, dimension: 2)
        var divisor = try index.like(Double(samples))
        if let own { divisor = try spread(own.maximum(own.like(1))) }
        let position =
            try spread(start) + builder.iota(type, dimension: 1) * spread(bin)
            + (index + 0.5) * spread(bin) / divisor
        let last = Double(extent - 1)
        let isOutside = try position.compare(.less, -1).or(position.compare(.greater, Double(extent)))
        let inside = try position.maximum(position.like(0))
        let floor = try inside.floor()
        let isAtEnd = try floor.compare(.greaterOrEqual, last)
        let low = try floor.minimum(floor.like(last))
        let high = try (low + 1).minimum(low.like(last))
        let zero = try low.like(0)
        let rest = try isAtEnd.select(zero, inside - low)
        let lowWeight = try isOutside.select(zero, 1 - rest)
        let highWeight = try isOutside.select(zero, rest)
        return AxisSamples(
            low: try low.convert(.int64).reshape(flat), high: try high.convert(.int64).reshape(flat),
            lowWeight: try lowWeight.reshape(flat), highWeight: try highWeight.reshape(flat),
            exists: try own.map { (own) throws(GraphError) in
                try index.compare(.less, spread(own)).reshape(flat)
            })
    }

    /// MaxRoiPool (Girshick 2015): every region, rounded to whole elements, is divided into bins, which may overlap, and
    /// every bin is its largest element, 0 where it has none. Inputs X [n, c, h, w] and rois [r, 5] as (batch, x1, y1,
    /// x2, y2).
    func maxRegionPool() throws(GraphError) -> Term {
        let (x, rois) = (try term(0), try term(1))
        let pooled = try ints("pooled_shape")
        guard x.rank == 4, rois.rank == 2, rois.shape[1] == 5 else {
            throw GraphError(
                .shapeMismatch, "X is \(x.type) and rois are \(rois.type); they must be [n, c, h, w] and [r, 5]")
        }
        guard pooled.count == 2, pooled.allSatisfy({ $0 >= 1 && $0 <= 4_096 }) else {
            throw GraphError(
                .invalidAttribute, "attribute 'pooled_shape' is \(pooled); it needs two numbers within 1 and 4096")
        }
        let type: ScalarType = x.scalarType == .float64 ? .float64 : .float32
        let scale = try float("spatial_scale", default: 1)
        let regions = rois.shape[0]
        func column(_ index: Int) throws(GraphError) -> Term {
            try rois.slice(dimension: 1, from: .fixed(index), to: .fixed(index + 1)).reshape(Shape([regions]))
                .convert(type)
        }
        /// Halves away from zero.
        func rounded(_ term: Term) throws(GraphError) -> Term {
            let magnitude = try (term.abs() + 0.5).floor()
            return try term.compare(.less, 0).select(magnitude.negate(), magnitude)
        }
        let batch = try column(0).convert(.int64).reshape(Shape([regions, 1]))
        // [r, c, h, w]
        var values = try x.gather(batch, dimensions: [0])
        let lowest = try values.like(-.infinity)
        for (dimension, first, bins) in [(3, 1, pooled[1]), (2, 2, pooled[0])] {
            let start = try rounded(column(first) * scale)
            let end = try rounded(column(first + 2) * scale)
            let size = try (end - start + 1).maximum(start.like(1)) / Double(bins)
            let line = TensorType(type, Shape([regions, values.shape[dimension]]))
            let positions = try builder.iota(line, dimension: 1)
            var maxima: [Term] = []
            for bin in 0..<bins {
                let from = try (size * Double(bin)).floor() + start
                let to = try (size * Double(bin + 1)).negate().floor().negate() + start
                let isInside = try positions.compare(.greaterOrEqual, from.broadcast(line.shape, dimensions: [0]))
                    .and(positions.compare(.less, to.broadcast(line.shape, dimensions: [0])))
                let masked = try isInside.broadcast(values.shape, dimensions: [0, dimension])
                    .select(values, lowest.type == values.type ? lowest : values.like(-.infinity))
                maxima.append(try masked.reduceKeeping(.maximum, [dimension]))
            }
            values = try builder.concatenate(maxima, dimension: dimension)
        }
        return try values.compare(.equal, -.infinity).select(values.like(0), values)
    }
}
