// Heterodyne: ONNX operators: Fourier transforms and windows of signals.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

extension OperatorTable {
    /// Fourier transforms and windows of signals.
    static let signal: [OperatorRule] = [
        .term("DFT", since: 20) { (context) throws(GraphError) in
            try context.discreteTransform(axis: context.has(2) ? context.integer(2) : -2)
        },
        .term("DFT", since: 17) { (context) throws(GraphError) in
            try context.discreteTransform(axis: context.int("axis", default: 1))
        },
        .term("STFT", since: 17) { (context) throws(GraphError) in try context.shortTimeTransform() },
        .term("HannWindow", since: 17) { (context) throws(GraphError) in
            try context.cosineWindow([0.5, -0.5])
        },
        .term("HammingWindow", since: 17) { (context) throws(GraphError) in
            try context.cosineWindow([25.0 / 46, -21.0 / 46])
        },
        .term("BlackmanWindow", since: 17) { (context) throws(GraphError) in
            try context.cosineWindow([0.42, -0.5, 0.08])
        },
        .term("MelWeightMatrix", since: 17) { (context) throws(GraphError) in try context.melWeights() },
    ]
}

extension OperatorContext {
    /// Longest transform.
    private static var lengthLimit: Int { 1 << 22 }

    private func length(_ number: Int) throws(GraphError) -> Int {
        guard number >= 1, number <= Self.lengthLimit else {
            throw GraphError(
                .invalidAttribute, "a transform of length \(number); it must be within 1 and \(Self.lengthLimit)")
        }
        return number
    }

    /// The discrete Fourier transform along one axis of signals whose last dimension holds a real number or the two
    /// parts of a complex one.
    ///
    /// It is computed in float64 and rounded once: values that cancel stay zero to the last place of the largest one.
    fileprivate func discreteTransform(axis given: Int) throws(GraphError) -> Term {
        let x = try term(0)
        let (isInverse, isOneSided) = (try bool("inverse"), try bool("onesided"))
        let axis = try axis(given, rank: x.rank)
        guard x.rank >= 2, axis < x.rank - 1, x.shape[x.rank - 1] == 1 || x.shape[x.rank - 1] == 2 else {
            throw GraphError(
                .shapeMismatch,
                "the input is \(x.type); its last dimension holds one or two parts, and axis \(given) must be another")
        }
        let present = try Shape([x.shape[axis]]).extents()[0]
        let isReal = isInverse && isOneSided
        let n = try length(
            has(1) ? integer(1) : isReal ? 2 * (present - 1) : present)
        let order = (0..<x.rank - 1).filter { $0 != axis } + [axis]
        let batch = Shape(order.dropLast().map { x.shape[$0] })
        let count = try batch.elementCount()
        func part(_ index: Int) throws(GraphError) -> Term {
            let last = x.rank - 1
            return try x.slice(dimension: last, from: .fixed(index), to: .fixed(index + 1)).squeeze([last])
                .transpose(order).convert(.float64).reshape(Shape([count, .fixed(present)]))
        }
        var signal = ComplexTerm(
            real: try part(0), imaginary: x.shape[x.rank - 1] == 2 ? try part(1) : nil)
        if isReal {
            signal = try signal.resized(n / 2 + 1).hermitian(n)
        } else {
            signal = try signal.resized(n)
        }
        let result = try FourierTransform(isInverse: isInverse).transform(signal)
        var parts = [result.real]
        if !isReal { parts.append(try result.imaginaryOrZero()) }
        if isOneSided && !isInverse {
            for i in parts.indices { parts[i] = try parts[i].slice(dimension: 1, from: 0, to: .fixed(n / 2 + 1)) }
        }
        let shape = Shape(batch.dimensions + [parts[0].shape[1]])
        var back = [Int](repeating: 0, count: x.rank - 1)
        for (position, dimension) in order.enumerated() { back[dimension] = position }
        for i in parts.indices {
            parts[i] = try parts[i].convert(x.scalarType).reshape(shape).transpose(back)
        }
        return try builder.stack(parts, axis: x.rank - 1)
    }

    /// The transforms of windows that move over signals [b, l, 1 or 2]: [b, windows, frequencies, 2].
    fileprivate func shortTimeTransform() throws(GraphError) -> Term {
        let x = try term(0)
        let step = try integer(1)
        let window = try optionalTerm(2)
        guard x.rank == 3, x.shape[2] == 1 || x.shape[2] == 2 else {
            throw GraphError(
                .shapeMismatch, "the signal is \(x.type); it must be [batch, length, 1] or [batch, length, 2]")
        }
        if let window, window.rank != 1 {
            throw GraphError(.shapeMismatch, "the window is \(window.type); it must be a vector")
        }
        let extent = try Shape([x.shape[1]]).extents()[0]
        var given = extent
        if let window { given = try Shape([window.shape[0]]).extents()[0] }
        let n = try length(has(3) ? integer(3) : given)
        guard step >= 1, n <= extent else {
            throw GraphError(
                .invalidAttribute,
                "frames of \(n) every \(step) elements; the step must be at least 1, and the signal has \(extent)")
        }
        let frames = (extent - n) / step + 1
        let table = TensorType(.int64, Shape([frames, n]))
        try table.validate()
        let positions =
            try builder.iota(table, dimension: 0) * Double(min(step, extent))
            + builder.iota(table, dimension: 1)
        let indices = try positions.reshape([frames, n, 1])
        let count = try x.shape[0].multiplied(by: .fixed(frames))
        var weights: Term?
        if let window {
            // A window that is shorter than the frame leaves zeros at the end.
            weights = try window.convert(.float64).pad(0, low: [0], high: [n - given])
        }
        func part(_ index: Int) throws(GraphError) -> Term {
            let own = try x.slice(dimension: 2, from: .fixed(index), to: .fixed(index + 1)).squeeze([2])
                .convert(.float64)
            var moved = try own.gather(indices, dimensions: [1]).transpose([2, 0, 1])
            if let weights { moved = try moved * weights.broadcast(moved.shape, dimensions: [2]) }
            return try moved.reshape(Shape([count, .fixed(n)]))
        }
        let signal = ComplexTerm(real: try part(0), imaginary: x.shape[2] == 2 ? try part(1) : nil)
        let result = try FourierTransform(isInverse: false).transform(signal)
        let bins = try bool("onesided", default: true) ? n / 2 + 1 : n
        var parts = [result.real, try result.imaginaryOrZero()]
        for i in parts.indices {
            parts[i] = try parts[i].slice(dimension: 1, from: 0, to: .fixed(bins)).convert(x.scalarType)
                .reshape(Shape([x.shape[0], .fixed(frames), .fixed(bins)]))
        }
        return try builder.stack(parts, axis: 3)
    }

    // MARK: - Tables

    /// A vector of numbers that are known here, in the type of `output_datatype`.
    private func table(_ numbers: [Double], _ shape: Shape) throws(GraphError) -> Term {
        let element = try optionalElementType("output_datatype") ?? .float32
        guard let type = element.scalarType else {
            throw GraphError(.invalidAttribute, "attribute 'output_datatype' is \(element), which is no number")
        }
        return try builder.constant(try Literal(numbers, shape: shape)).convert(type)
    }

    /// `Σ coefficients[i] cos(2 π i n / N)`, where `N` is the size, or one less where the window is symmetric.
    fileprivate func cosineWindow(_ coefficients: [Double]) throws(GraphError) -> Term {
        let size = try integer(0)
        guard size >= 0, size <= 1 << 26 else {
            throw GraphError(.invalidAttribute, "a window of \(size) elements; it must be within 0 and 2^26")
        }
        let period = try bool("periodic", default: true) ? size : size - 1
        var numbers = [Double](repeating: 1, count: size)
        if period > 0 {
            for n in 0..<size {
                numbers[n] = coefficients.enumerated().reduce(0) { sum, item in
                    sum + item.element * UnitCircle.point(item.offset * n % period, of: period).cosine
                }
            }
        }
        return try table(numbers, Shape([size]))
    }

    /// The weights that map spectrograms to bins that are equally wide on the mel scale: [dft_length / 2 + 1,
    /// num_mel_bins].
    fileprivate func melWeights() throws(GraphError) -> Term {
        let (bins, length, rate) = (try integer(0), try integer(1), try integer(2))
        let (lower, upper) = (try number(3), try number(4))
        guard bins >= 1, bins <= 1 << 16, length >= 1, length <= Self.lengthLimit, rate >= 1, lower >= 0,
            upper >= lower, upper.isFinite
        else {
            throw GraphError(
                .invalidAttribute,
                "\(bins) mel bins of a transform of length \(length) at rate \(rate) from \(lower) to \(upper) Hz: all "
                    + "must be positive and in order")
        }
        let spectrum = length / 2 + 1
        guard spectrum.multipliedReportingOverflow(by: bins).partialValue <= 1 << 28 else {
            throw GraphError(.overflow, "\(spectrum) times \(bins) weights are too many")
        }
        func mel(_ hertz: Double) -> Double { 2_595 * log1p(hertz / 700) / log(10) }
        let (low, high) = (mel(lower), mel(upper))
        let step = (high - low) / Double(bins + 2)
        var edges: [Int] = []
        for i in 0..<bins + 2 {
            let hertz = 700 * expm1((Double(i) * step + low) / 2_595 * log(10))
            let edge = (Double(length + 1) * hertz / Double(rate)).rounded(.down)
            guard edge >= 0, edge < Double(spectrum) else {
                throw GraphError(
                    .invalidAttribute,
                    "\(hertz) Hz lies beyond the \(spectrum) frequencies of the spectrum; choose a lower upper edge")
            }
            edges.append(max(Int(edge), edges.last ?? 0))
        }
        var weights = [Double](repeating: 0, count: spectrum * bins)
        for i in 0..<bins {
            let (left, centre, right) = (edges[i], edges[i + 1], edges[i + 2])
            if centre == left {
                weights[centre * bins + i] = 1
            } else {
                for j in left...centre { weights[j * bins + i] = Double(j - left) / Double(centre - left) }
            }
            for j in centre..<max(centre, right) {
                weights[j * bins + i] = Double(right - j) / Double(right - centre)
            }
        }
        return try table(weights, Shape([spectrum, bins]))
    }
}
