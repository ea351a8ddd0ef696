// Heterodyne: ONNX operators: deformable convolution, and images from columns of windows.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorContext {
    /// The convolution whose windows' elements are displaced by an operand (Dai et al. 2017; Zhu et al. 2018 with a
    /// mask): the input interpolated linearly at the displaced positions, zero outside, then one product with the
    /// weights. Inputs X [n, c, s…], W [o, c/groups, k…], offset [n, g Πk d, o…], B [o], mask [n, g Πk, o…].
    func deformableConvolution() throws(GraphError) -> Term {
        let (x, weights, offset) = (try term(0), try term(1), try term(2))
        let (bias, mask) = (try optionalTerm(3), try optionalTerm(4))
        let kernel = try kernelExtents(weights)
        let windows = try windowAttributes(spatialRank: x.rank - 2, weights: kernel)
        let groups = try int("group", default: 1)
        let offsetGroups = try int("offset_group", default: 1)
        let extents = try x.extents()
        let d = kernel.count
        guard d <= 6, !extents.contains(0) else {
            throw GraphError(.shapeMismatch, "X is \(x.type); it must have 1 to 6 spatial dimensions and elements")
        }
        guard weights.rank == x.rank, offset.rank == x.rank else {
            throw GraphError(.shapeMismatch, "X \(x.type), W \(weights.type) and offset \(offset.type) differ in rank")
        }
        let (batch, channels) = (extents[0], extents[1])
        let outputs = try Shape([weights.shape[0]]).extents()[0]
        guard groups >= 1, channels % groups == 0, outputs % groups == 0,
            weights.shape[1] == .fixed(channels / groups), offsetGroups >= 1, channels % offsetGroups == 0
        else {
            throw GraphError(
                .shapeMismatch,
                "X \(x.type) and W \(weights.type) do not divide into \(groups) groups and \(offsetGroups) offset groups"
            )
        }
        let taps = kernel.reduce(1, *)
        var counts: [Int] = []
        for i in 0..<d {
            let axis = (windows.strides[i], windows.dilations[i])
            guard axis.0 >= 1, axis.1 >= 1, kernel[i] >= 1, windows.low[i] >= 0, windows.high[i] >= 0 else {
                throw GraphError(
                    .invalidAttribute, "strides and dilations must be at least 1, pads at least 0")
            }
            let (span, overflow) = axis.1.multipliedReportingOverflow(by: kernel[i] - 1)
            let room = overflow ? -1 : extents[i + 2] + windows.low[i] + windows.high[i] - span - 1
            guard room >= 0 else {
                throw GraphError(
                    .shapeMismatch, "the window does not fit in extent \(extents[i + 2]) of spatial dimension \(i)")
            }
            counts.append(room / axis.0 + 1)
        }
        guard offset.shape == Shape([batch, offsetGroups * taps * d] + counts) else {
            throw GraphError(
                .shapeMismatch,
                "offset is \(offset.type); its shape must be \(Shape([batch, offsetGroups * taps * d] + counts))")
        }
        let wide = x.scalarType.accumulationType
        // Positions of dimension i: offset [n, g, k…, d, o…] + window * stride + tap * dilation - low.
        let places = Shape([batch, offsetGroups] + kernel + [d] + counts)
        let single = Shape([batch, offsetGroups] + kernel + [1] + counts)
        let displaced = try offset.convert(wide).reshape(places)
        let points = Shape([batch * offsetGroups, taps * counts.reduce(1, *)])
        var positions: [Term] = []
        for i in 0..<d {
            let own = try displaced.slice(dimension: 2 + d, from: .fixed(i), to: .fixed(i + 1))
            let type = TensorType(.int64, single)
            let start = try builder.iota(type, dimension: 3 + d + i) * Double(windows.strides[i])
            let tap = try builder.iota(type, dimension: 2 + i) * Double(windows.dilations[i])
            let position = try (start + tap - Double(windows.low[i])).convert(wide) + own
            positions.append(try position.reshape(points))
        }
        let image = try x.reshape([batch * offsetGroups, channels / offsetGroups] + Array(extents[2...]))
        let sampled = try image.convert(wide).sampled(at: positions)
        var columns = try sampled.transpose([0, 2, 1])
            .reshape([batch, offsetGroups, channels / offsetGroups, taps] + counts)
        if let mask {
            let shape = Shape([batch, offsetGroups * taps] + counts)
            guard mask.shape == shape else {
                throw GraphError(.shapeMismatch, "mask is \(mask.type); its shape must be \(shape)")
            }
            let factors = try mask.convert(wide).reshape([batch, offsetGroups, taps] + counts)
            columns = try columns * factors.broadcast(columns.shape, dimensions: [0, 1, 3] + Array(4..<4 + d))
        }
        let grouped = try columns.reshape([batch, groups, channels / groups, taps] + counts)
        let kernels = try weights.convert(wide).reshape([groups, outputs / groups, channels / groups, taps])
        let products = try kernels.dot(
            grouped,
            DotDimensions(leftBatch: [0], rightBatch: [1], leftContracting: [2, 3], rightContracting: [2, 3]))
        var y = try products.transpose([2, 0, 1] + Array(3..<3 + d)).reshape([batch, outputs] + counts)
        if let bias { y = try y + bias.convert(wide).broadcast(y.shape, dimensions: [1]) }
        return try y.convert(x.scalarType)
    }

    /// The image whose windows are the columns: what overlaps is added. Inputs [n, c Πk, blocks], image_shape and
    /// block_shape; one spatial dimension after the other.
    func columnsToImage() throws(GraphError) -> Term {
        let x = try term(0)
        let (image, block) = (try integers(1), try integers(2))
        let d = image.count
        let windows = try imageWindows(image, block)
        let extents = try x.extents()
        guard x.rank == 3 else { throw GraphError(.shapeMismatch, "the input is \(x.type); its rank must be 3") }
        var counts: [Int] = []
        var blocks = 1
        var taps = 1
        for i in 0..<d {
            let room = image[i] + windows.low[i] + windows.high[i] - windows.dilations[i] * (block[i] - 1) - 1
            guard room >= 0 else {
                throw GraphError(.shapeMismatch, "blocks of \(block) do not fit in an image of \(image)")
            }
            counts.append(room / windows.strides[i] + 1)
            let (product, overflow) = blocks.multipliedReportingOverflow(by: counts[i])
            let (kernel, overflows) = taps.multipliedReportingOverflow(by: block[i])
            guard !overflow, !overflows else { throw GraphError(.overflow, "the image \(image) is too large") }
            (blocks, taps) = (product, kernel)
        }
        guard extents[2] == blocks, extents[1] % taps == 0 else {
            throw GraphError(
                .shapeMismatch,
                "the input is \(x.type); an image of \(image) has \(blocks) blocks of \(taps) elements per channel")
        }
        var y = try x.reshape([extents[0], extents[1] / taps] + block + counts)
        for i in 0..<d {
            // [n, c, k_i…, s_0…, l_i…]: the elements of a block become slices, spread by the stride and added up.
            var sum: Term?
            for tap in 0..<block[i] {
                let slice = try y.slice(dimension: 2, from: .fixed(tap), to: .fixed(tap + 1)).squeeze([2])
                let axis = 1 + d
                var (low, high) = ([Int](repeating: 0, count: slice.rank), [Int](repeating: 0, count: slice.rank))
                var interior = low
                low[axis] = tap * windows.dilations[i] - windows.low[i]
                interior[axis] = windows.strides[i] - 1
                high[axis] = image[i] - low[axis] - ((counts[i] - 1) * windows.strides[i] + 1)
                let spread = try slice.pad(0, low: low, high: high, interior: interior)
                sum = try sum.map { (partial) throws(GraphError) in try partial + spread } ?? spread
            }
            guard let sum else { throw GraphError(.shapeMismatch, "block_shape \(block) has an empty dimension") }
            y = sum
        }
        return y
    }

    /// The checked attributes of the windows of an image.
    private func imageWindows(_ image: [Int], _ block: [Int]) throws(GraphError) -> WindowAttributes {
        let limit = 1 << 20
        guard !image.isEmpty, image.count == block.count, image.count <= 6 else {
            throw GraphError(
                .shapeMismatch, "image_shape \(image) and block_shape \(block) need one entry per spatial dimension")
        }
        let windows = try windowAttributes(spatialRank: image.count, weights: block)
        guard block.allSatisfy({ $0 >= 1 && $0 <= 4_096 }) else {
            throw GraphError(.invalidAttribute, "block_shape \(block) is not within 1 and 4096")
        }
        guard windows.strides.allSatisfy({ $0 >= 1 && $0 <= limit }),
            windows.dilations.allSatisfy({ $0 >= 1 && $0 <= limit }),
            (windows.low + windows.high).allSatisfy({ $0 >= 0 && $0 <= limit }),
            image.allSatisfy({ $0 >= 1 && $0 <= 1 << 40 })
        else {
            throw GraphError(
                .invalidAttribute,
                "strides and dilations must be from 1 on, pads from 0 on, all at most \(limit), and image_shape positive"
            )
        }
        return windows
    }
}

extension Term {
    /// The elements of [b, c, s…] interpolated linearly at positions, one [b, p] per dimension of `s`, in elements; zero
    /// outside. Result: [b, p, c].
    fileprivate func sampled(at positions: [Term]) throws(GraphError) -> Term {
        let extents = try extents()
        let points = positions[0].type
        let batch = try builder.iota(points.with(.int64), dimension: 0)
        // Per dimension the two neighbours: index and weight, which is zero outside.
        var neighbours: [[(index: Term, weight: Term)]] = []
        for (position, extent) in zip(positions, extents[2...]) {
            let last = Double(extent - 1)
            let floor = try position.floor()
            let rest = try position - floor
            var pair: [(index: Term, weight: Term)] = []
            for (place, weight) in [(floor, try 1 - rest), (try floor + 1, rest)] {
                let inside = try place.compare(.greaterOrEqual, 0).and(place.compare(.lessOrEqual, last))
                let index = try place.maximum(place.like(0)).minimum(place.like(last)).convert(.int64)
                pair.append((index, try inside.select(weight, weight.like(0))))
            }
            neighbours.append(pair)
        }
        var sum = try builder.constant(0, TensorType(scalarType, Shape(points.shape.dimensions + [shape[1]])))
        for corner in 0..<1 << positions.count {
            let chosen = neighbours.enumerated().map { $0.element[corner >> $0.offset & 1] }
            let indices = try builder.stack([batch] + chosen.map(\.index), axis: 2)
            var weight = chosen[0].weight
            for other in chosen.dropFirst() { weight = try weight * other.weight }
            let values = try gather(indices, dimensions: [0] + Array(2..<rank))
            sum = try sum + values * weight.broadcast(values.shape, dimensions: [0, 1])
        }
        return sum
    }
}
