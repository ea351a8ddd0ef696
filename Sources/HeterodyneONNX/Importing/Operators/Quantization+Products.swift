// Heterodyne: ONNX operators: products and convolutions of quantized numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Products and convolutions of quantized numbers.
    static let quantizedProducts: [OperatorRule] = [
        .term("MatMulInteger", since: 10) { (context) throws(GraphError) in
            try QuantizedProduct(
                context.tensor(0), zero: context.has(2) ? context.tensor(2) : nil,
                context.tensor(1), zero: context.has(3) ? context.tensor(3) : nil
            ).sums(context)
        },
        .values("QLinearMatMul", since: 10) { (context) throws(GraphError) in
            [.tensor(try context.quantizedMatrixProduct())]
        },
        .term("ConvInteger", since: 10) { (context) throws(GraphError) in
            let x = try context.centered(0, zero: context.has(2) ? context.tensor(2) : nil, along: 1)
            let weights = try context.centered(1, zero: context.has(3) ? context.tensor(3) : nil, along: 0)
            return try context.integerConvolution(x, weights)
        },
        .values("QLinearConv", since: 10) { (context) throws(GraphError) in
            [.tensor(try context.quantizedConvolution())]
        },
    ]
}

/// A matrix product of two tensors less their zero points.
private struct QuantizedProduct {
    let a: ImportedTensor
    let b: ImportedTensor
    let zeroA: ImportedTensor?
    let zeroB: ImportedTensor?

    init(_ a: ImportedTensor, zero zeroA: ImportedTensor?, _ b: ImportedTensor, zero zeroB: ImportedTensor?) {
        self.a = a
        self.b = b
        self.zeroA = zeroA
        self.zeroB = zeroB
    }

    /// The product: int32 sums, which wrap, of 8-bit integers, float32 of 8-bit floats.
    ///
    /// With zero points `p` and `q`, `Σ (a - p)(b - q) = Σ ab - p Σ b - q Σ a + K p q`, so that the product itself is one
    /// of 8-bit integers.
    func sums(_ context: OperatorContext) throws(GraphError) -> Term {
        for operand in [a, b] where operand.term.rank == 0 {
            throw GraphError(.shapeMismatch, "is given \(operand.term.type), and a scalar is no matrix")
        }
        for (zero, operand) in [(zeroA, a), (zeroB, b)] {
            guard let zero, zero.element != operand.element else { continue }
            throw GraphError(.invalidType, "a zero point is \(zero.element) where the matrix is \(operand.element)")
        }
        let isInteger = [a, b].allSatisfy { $0.element == .int8 || $0.element == .uint8 }
        let p = try offset(zeroA, context, isRow: true)
        let q = try offset(zeroB, context, isRow: false)
        let left = a.term.rank == 1 ? try a.term.expandDimensions([0]) : a.term
        let right = b.term.rank == 1 ? try b.term.expandDimensions([1]) : b.term
        var sums: Term
        if isInteger, let count = left.shape[left.rank - 1].fixedValue {
            sums = try left.matrixProduct(right, accumulation: .int32, result: .int32)
            if let p {
                let columns = try right.convert(.int32).reduceKeeping(.sum, [right.rank - 2])
                sums = try context.minus(sums, p, columns)
            }
            if let q {
                let rows = try left.convert(.int32).reduceKeeping(.sum, [left.rank - 1])
                // - q Σ a + K p q
                let shifted = try p.map { (p) throws(GraphError) in
                    let (x, y) = try context.builder.broadcastTogether(rows, p * Double(count))
                    return try x - y
                }
                sums = try context.minus(sums, shifted ?? rows, q)
            }
        } else {
            let type: ScalarType = isInteger ? .int32 : .float32
            var (x, y) = (
                try ImportedTensor(left, a.element).decoded(to: type),
                try ImportedTensor(right, b.element).decoded(to: type)
            )
            if let p { x = try context.minus(x, p, nil) }
            if let q { y = try context.minus(y, q, nil) }
            sums = try x.matrixProduct(y)
        }
        var shape = sums.shape
        if b.term.rank == 1 { shape.dimensions.removeLast() }
        if a.term.rank == 1 { shape.dimensions.remove(at: shape.rank - (b.term.rank == 1 ? 1 : 2)) }
        return try sums.reshape(shape)
    }

    /// A zero point as a column (of the rows of a) or as a row, in the type of the sums; nil where it is zero.
    private func offset(_ zero: ImportedTensor?, _ context: OperatorContext, isRow: Bool) throws(GraphError) -> Term? {
        guard let zero else { return nil }
        if zero.term.scalarType.isInteger, try context.constantLiteral(zero.term)?.splatBits == 0 { return nil }
        let type: ScalarType = zero.element == .int8 || zero.element == .uint8 ? .int32 : .float32
        return try OperatorContext.aligned(try zero.decoded(to: type), isRow: isRow)
    }
}

extension OperatorContext {
    /// A scale or zero point of the rows of the left matrix, or of the columns of the right one, so that it broadcasts
    /// to the product: a vector of the rows becomes a column.
    fileprivate static func aligned(_ parameter: Term, isRow: Bool) throws(GraphError) -> Term {
        if parameter.shape.dimensions.allSatisfy({ $0 == 1 }) { return try parameter.reshape(Shape.scalar) }
        return isRow && parameter.rank == 1 ? try parameter.expandDimensions([1]) : parameter
    }

    /// `x - y * z`, or `x - y`, with NumPy's repetition; the result keeps the shape of x.
    fileprivate func minus(_ x: Term, _ y: Term, _ z: Term?) throws(GraphError) -> Term {
        var product = y
        if let z {
            let (first, second) = try builder.broadcastTogether(y, z)
            product = try first * second
        }
        return try x - product.broadcast(to: x.shape)
    }

    /// `saturate(round(Σ (a - p)(b - q) * (scale a * scale b / scale y)) + zero point)`.
    fileprivate func quantizedMatrixProduct() throws(GraphError) -> ImportedTensor {
        let sums = try QuantizedProduct(tensor(0), zero: tensor(2), tensor(3), zero: tensor(5)).sums(self)
        let left = try Self.aligned(try term(1).convert(.float32), isRow: tensor(0).term.rank > 1)
        let right = try Self.aligned(try term(4).convert(.float32), isRow: false)
        let scales = try builder.broadcastTogether([left, right, Self.aligned(term(6).convert(.float32), isRow: true)])
        let factor = try (scales[0] * scales[1] / scales[2]).broadcast(to: sums.shape)
        let zero = try tensor(7)
        let offset = try Self.aligned(try zero.decoded(to: .float32), isRow: true)
        return try requantized(sums.convert(.float32) * factor, offset, as: zero.element)
    }

    /// `saturate(round(x) + offset)` as elements of the given type; floats are not rounded to integers.
    private func requantized(
        _ x: Term, _ offset: Term, as element: ONNXElementType
    ) throws(GraphError) -> ImportedTensor {
        guard let range = element.quantizedRange else {
            return try .encoded(x + offset.broadcast(to: x.shape), as: element)
        }
        let sum = try x.roundEven() + offset.broadcast(to: x.shape)
        return try .encoded(
            sum.clip(minimum: range.lowerBound, maximum: range.upperBound).convert(.int32), as: element)
    }

    // MARK: - Convolutions

    /// 8-bit integers less their zero point, as float32, which holds them exactly.
    fileprivate struct Centered {
        let term: Term
        /// No element is larger.
        let bound: Int
    }

    /// Input `index` less its zero point. A vector of zero points lies along a dimension.
    fileprivate func centered(
        _ index: Int, zero: ImportedTensor?, along dimension: Int
    ) throws(GraphError) -> Centered {
        let x = try tensor(index)
        guard x.element == .int8 || x.element == .uint8 else {
            throw GraphError(.invalidType, "input \(index) is \(x.element); int8 or uint8 is needed")
        }
        let numbers = try x.term.convert(.float32)
        let unshifted = Centered(term: numbers, bound: x.element == .int8 ? 128 : 255)
        guard let zero else { return unshifted }
        guard zero.element == x.element else {
            throw GraphError(.invalidType, "a zero point is \(zero.element) where its tensor is \(x.element)")
        }
        if try constantLiteral(zero.term)?.splatBits == 0 { return unshifted }
        let shift = try spread(zero.term.convert(.float32), over: numbers.shape, along: dimension)
        return Centered(term: try numbers - shift, bound: 255)
    }

    /// One number, or a vector along a dimension, repeated over a shape.
    private func spread(_ x: Term, over shape: Shape, along dimension: Int) throws(GraphError) -> Term {
        if x.shape.dimensions.allSatisfy({ $0 == 1 }) {
            return try x.reshape(Shape.scalar).broadcast(to: shape)
        }
        guard x.rank == 1, dimension < shape.rank else {
            throw GraphError(.shapeMismatch, "the scale or zero point \(x.type) is no number and no vector")
        }
        return try x.broadcast(shape, dimensions: [dimension])
    }

    /// The convolution as int32 sums, with the node's attributes. What is padded is zero.
    ///
    /// The sums are those of float32 convolutions over so few channels that every partial sum is below 2^24 and with it
    /// exact, whatever the order: devices are fast at these.
    fileprivate func integerConvolution(_ centeredX: Centered, _ centeredWeights: Centered) throws(GraphError) -> Term {
        let (x, weights) = (centeredX.term, centeredWeights.term)
        let count = weights.rank - 2
        guard count >= 1, x.rank == weights.rank else {
            throw GraphError(.shapeMismatch, "cannot convolve \(x.type) with \(weights.type): the ranks differ")
        }
        if let kernel = try optionalInts("kernel_shape"), kernel != (try Array(weights.extents()[2...])) {
            throw GraphError(
                .invalidAttribute, "attribute 'kernel_shape' is \(kernel) where the weights are \(weights.type)")
        }
        let pads = try ints("pads", default: [Int](repeating: 0, count: 2 * count))
        guard pads.count == 2 * count else {
            throw GraphError(
                .invalidAttribute, "attribute 'pads' has \(pads.count) entries where \(2 * count) are needed")
        }
        let explicit = SpatialPadding.explicit(low: Array(pads[..<count]), high: Array(pads[count...]))
        let padding = try choice(
            "auto_pad", default: "NOTSET",
            [
                "NOTSET": explicit, "VALID": SpatialPadding.valid, "SAME_UPPER": SpatialPadding.sameUpper,
                "SAME_LOWER": SpatialPadding.sameLower,
            ])
        let strides = try optionalInts("strides")
        let dilations = try optionalInts("dilations")
        let groups = try int("group", default: 1)
        func sums(_ x: Term, _ weights: Term) throws(GraphError) -> Term {
            // A device may compute the sums in another way, such as by transforms, that leaves small errors.
            try x.convolution(
                weights, strides: strides, dilations: dilations, padding: padding, groups: groups
            ).roundEven().convert(.int32)
        }
        let kernelSize = try Shape(Array(weights.shape.dimensions[2...])).extents().reduce(1.0) { $0 * Double($1) }
        let exact = 0x1p24 / (Double(centeredX.bound) * Double(centeredWeights.bound) * max(kernelSize, 1))
        let channels = try Shape([weights.shape[1]]).extents()[0]
        if Double(channels) <= exact { return try sums(x, weights) }
        // Where very many convolutions would be needed, one of integers is as good.
        guard exact >= 1, Double(channels) / exact <= 256, groups >= 1,
            x.shape[1] == (try weights.shape[1].multiplied(by: .fixed(groups)))
        else {
            return try x.convert(.int32).convolution(
                weights.convert(.int32), strides: strides, dilations: dilations, padding: padding, groups: groups)
        }
        // The same channels of every group at a time.
        let spatial = Array(x.shape.dimensions[2...])
        let grouped = try x.reshape(Shape([x.shape[0], .fixed(groups), .fixed(channels)] + spatial))
        let step = Int(exact)
        var total: Term?
        for start in stride(from: 0, to: channels, by: step) {
            let end = min(start + step, channels)
            let part = try grouped.slice(dimension: 2, from: .fixed(start), to: .fixed(end))
                .reshape(Shape([x.shape[0], .fixed(groups * (end - start))] + spatial))
            let sum = try sums(part, weights.slice(dimension: 1, from: .fixed(start), to: .fixed(end)))
            total = try total.map { (total) throws(GraphError) in try total + sum } ?? sum
        }
        guard let total else { throw GraphError(.shapeMismatch, "the weights \(weights.type) have no channels") }
        return total
    }

    /// `saturate(round((conv(x - p, w - q) + bias) * (scale x * scale w / scale y)) + zero point)`.
    fileprivate func quantizedConvolution() throws(GraphError) -> ImportedTensor {
        let x = try centered(0, zero: tensor(2), along: 1)
        let weights = try centered(3, zero: tensor(5), along: 0)
        var sums = try integerConvolution(x, weights)
        let shape = sums.shape
        if let bias = try optionalTerm(8) {
            guard bias.scalarType == .int32, bias.rank == 1 else {
                throw GraphError(.invalidType, "the bias is \(bias.type); int32, one per output channel, is needed")
            }
            sums = try sums + bias.broadcast(shape, dimensions: [1])
        }
        let scaleX = try spread(term(1).convert(.float32), over: shape, along: 1)
        let scaleWeights = try spread(term(4).convert(.float32), over: shape, along: 1)
        let scaleY = try spread(term(6).convert(.float32), over: shape, along: 1)
        let zero = try tensor(7)
        let offset = try spread(zero.decoded(to: .float32), over: shape, along: 1)
        return try requantized(
            sums.convert(.float32) * (scaleX * scaleWeights / scaleY), offset, as: zero.element)
    }
}
