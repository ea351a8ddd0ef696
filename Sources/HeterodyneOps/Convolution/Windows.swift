// Heterodyne: sliding windows over one dimension, of which convolution and pooling are made.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Sliding windows.
enum Windows {
    /// Largest extent of a kernel, a padding or a window.
    static let largestExtent = 1 << 40
    /// Up to this kernel extent, windows are concatenated slices, which move whole rows; above, one gather, so that the
    /// number of nodes does not grow without bound.
    static let largestSliceCount = 32

    /// How windows move along one dimension.
    struct Axis {
        var kernel: Int
        var stride = 1
        var dilation = 1
        var low = 0
        var high = 0
        var ceilMode = false

        /// Throws `invalidAttribute` where a number is out of range.
        func validate(_ dimension: Int) throws(GraphError) {
            for (name, value, minimum) in [
                ("kernel", kernel, 1), ("stride", stride, 1), ("dilation", dilation, 1), ("low padding", low, 0),
                ("high padding", high, 0),
            ] {
                try OperandRules.require(
                    value >= minimum && value <= largestExtent, .invalidAttribute,
                    "\(name) \(value) of spatial dimension \(dimension) is not within \(minimum) to \(largestExtent)")
            }
            _ = try span()
        }

        /// The extent that one window covers: `dilation * (kernel - 1) + 1`.
        func span() throws(GraphError) -> Int {
            let (product, overflow) = dilation.multipliedReportingOverflow(by: kernel - 1)
            try OperandRules.require(
                !overflow && product < largestExtent, .overflow,
                "a window of kernel \(kernel) and dilation \(dilation) covers more than \(largestExtent) elements")
            return product + 1
        }

        /// The number of windows over `input` elements. Throws `shapeMismatch` where not one fits.
        func count(_ input: Extent, _ dimension: Int) throws(GraphError) -> Extent {
            let span = try span()
            let room = try input.adding(.fixed(low)).adding(.fixed(high)).subtracting(.fixed(span))
            guard case .fixed(let value) = room, case .fixed(let extent) = input else {
                try OperandRules.require(
                    !ceilMode, .unboundSymbol,
                    "ceilMode needs the extent \(input) of spatial dimension \(dimension) as a number")
                return try room.floorDivided(by: stride).adding(1)
            }
            try OperandRules.require(
                value >= 0, .shapeMismatch,
                "a window over \(span) elements does not fit in extent \(input) of spatial dimension \(dimension), "
                    + "padded by \(low) and \(high)")
            guard ceilMode else { return .fixed(value / stride + 1) }
            let count = value / stride + (value % stride == 0 ? 0 : 1) + 1
            // A last window that starts beyond the elements and the low padding does not count (PyTorch, ONNX 19).
            let start = try Extent.fixed(count - 1).multiplied(by: .fixed(stride))
            if case .fixed(let start) = start, start >= extent + low { return .fixed(count - 1) }
            return .fixed(count)
        }

        /// By how much the last of `count` windows reaches beyond the padded input; 0 without `ceilMode`.
        func overhang(_ input: Extent, _ count: Extent) throws(GraphError) -> Int {
            guard ceilMode, case .fixed(let input) = input, case .fixed(let count) = count else { return 0 }
            return max(0, (count - 1) * stride + (try span()) - (input + low + high))
        }
    }

    /// The windows along `dimension` of `x`, which is padded already: the kernel becomes a new dimension at `position`,
    /// and `dimension` keeps one element per window.
    static func extract(
        _ x: Term, dimension: Int, _ axis: Axis, count: Extent, position: Int? = nil
    ) throws(GraphError) -> Term {
        let position = position ?? dimension
        var shape = x.shape.dimensions
        shape[dimension] = count
        shape.insert(1, at: position)
        var whole = shape
        whole[position] = .fixed(axis.kernel)
        if count == 0 { return try x.builder.constant(0, x.type.with(Shape(whole))) }
        if axis.kernel == 1 && axis.stride == 1 { return try x.reshape(Shape(shape)) }
        // Windows side by side are a split of the dimension.
        if axis.dilation == 1, count == 1 || axis.stride == axis.kernel,
            try x.shape[dimension] == count.multiplied(by: .fixed(axis.kernel))
        {
            var split = x.shape.dimensions
            split[dimension] = count
            split.insert(.fixed(axis.kernel), at: dimension + 1)
            var order = Array(0..<split.count)
            order.remove(at: dimension + 1)
            order.insert(dimension + 1, at: position)
            return try x.reshape(Shape(split)).transpose(order)
        }
        if axis.kernel > largestSliceCount {
            return try gather(x, dimension, axis, count, position)
        }
        let length = try count.subtracting(1).multiplied(by: .fixed(axis.stride)).adding(1)
        var slices: [Term] = []
        for tap in 0..<axis.kernel {
            let start = Extent.fixed(tap * axis.dilation)
            let slice = try x.slice(
                dimension: dimension, from: start, to: start.adding(length), stride: axis.stride)
            slices.append(try slice.reshape(Shape(shape)))
        }
        return try x.builder.concatenate(slices, dimension: position)
    }

    private static func gather(
        _ x: Term, _ dimension: Int, _ axis: Axis, _ count: Extent, _ position: Int
    ) throws(GraphError) -> Term {
        let type = TensorType(.int64, Shape([.fixed(axis.kernel), count]))
        let taps = try x.builder.iota(type, dimension: 0) * Double(axis.dilation)
        let starts = try x.builder.iota(type, dimension: 1) * Double(axis.stride)
        let indices = try (taps + starts).reshape(Shape(type.shape.dimensions + [1]))
        // Kernel and windows come first, then the other dimensions in order.
        let gathered = try x.gather(indices, dimensions: [dimension])
        var order = Array(2..<gathered.rank)
        order.insert(1, at: dimension)
        order.insert(0, at: position)
        return try gathered.transpose(order)
    }
}
