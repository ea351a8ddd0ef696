// Heterodyne: ONNX operators: random numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// Random numbers come from Threefry (see `ThreefryBits`), so that every device gives the same. The key is the bits of
/// the attribute `seed`; without one it is the FNV-1a hash of the name of the node's first output, so that the nodes of
/// a model differ and runs are alike.
///
/// Dropout with a seed draws what the standard's reference implementation draws, from the Mersenne Twister, where the
/// shape is known when the model is imported and has at most `twisterLimit` elements.
extension OperatorTable {
    /// Random numbers.
    static let random: [OperatorRule] = [
        .term("RandomNormal") { (context) throws(GraphError) in
            try context.normal(context.randomType(shape: context.shapeAttribute(), default: .float32))
        },
        .term("RandomNormalLike") { (context) throws(GraphError) in
            try context.normal(context.randomType(like: context.value(0)))
        },
        .term("RandomUniform") { (context) throws(GraphError) in
            try context.uniform(context.randomType(shape: context.shapeAttribute(), default: .float32))
        },
        .term("RandomUniformLike") { (context) throws(GraphError) in
            try context.uniform(context.randomType(like: context.value(0)))
        },
        .values("Bernoulli", since: 15) { (context) throws(GraphError) in [.tensor(try context.bernoulli())] },
        .term("Multinomial", since: 7) { (context) throws(GraphError) in try context.multinomial() },
        .values("Dropout", since: 12) { (context) throws(GraphError) in try context.dropout() },
        .values("Dropout", since: 10) { (context) throws(GraphError) in try context.kept(mask: .bool) },
        .values("Dropout", since: 7) { (context) throws(GraphError) in try context.kept(mask: nil) },
        .values("Dropout", since: 1) { (context) throws(GraphError) in
            // Training is the default of these versions.
            if try context.bool("is_test") { return try context.kept(mask: nil) }
            let x = try context.term(0)
            let ratio = try context.constant(context.float("ratio", default: 0.5), .scalar(.float32))
            let keep = try context.kept(ratio, shape: x.shape)
            return [ImportedValue(try context.scaled(x, ratio, keep)), ImportedValue(try keep.convert(x.scalarType))]
        },
    ]
}

extension OperatorContext {
    /// Most elements whose random numbers are drawn while a model is imported.
    private static let twisterLimit = 1 << 22

    // MARK: - Keys and types

    /// The key of the node's numbers.
    private func randomKey() throws(GraphError) -> Term {
        switch attribute("seed") {
        case .float(let seed): return try builder.randomKey(seed: UInt64(seed.bitPattern))
        case .int(let seed): return try builder.randomKey(seed: UInt64(bitPattern: seed))
        case nil: break
        case .some(let other):
            throw GraphError(.invalidAttribute, "attribute 'seed' is a \(other.kind) where a number is needed")
        }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in (node.outputs.first ?? node.name).utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return try builder.randomKey(seed: hash)
    }

    fileprivate func shapeAttribute() throws(GraphError) -> Shape {
        let extents = try ints("shape")
        guard extents.allSatisfy({ $0 >= 0 }) else {
            throw GraphError(.invalidAttribute, "attribute 'shape' is \(extents); extents are not negative")
        }
        return Shape(extents)
    }

    fileprivate func randomType(shape: Shape, default type: ScalarType) throws(GraphError) -> TensorType {
        let element = try optionalElementType("dtype") ?? ONNXElementType(type)
        guard let scalarType = element.scalarType, scalarType.isFloatingPoint, scalarType.isArithmetic else {
            throw GraphError(.invalidAttribute, "random numbers are floats, not \(element); set the attribute 'dtype'")
        }
        return TensorType(scalarType, shape)
    }

    fileprivate func randomType(like value: ImportedValue) throws(GraphError) -> TensorType {
        switch value {
        case .tensor(let tensor):
            // Where the input holds no floats the attribute must say which ones are meant.
            return try randomType(shape: tensor.term.shape, default: tensor.term.scalarType)
        case .text(let text): return try randomType(shape: Shape(text.dimensions), default: .bool)
        case .sequence, .optional:
            throw GraphError(.invalidType, "input 0 is \(value.kind), not a tensor")
        }
    }

    // MARK: - Distributions

    /// `mean + scale * n` for standard normal n; narrow floats are computed in float32.
    fileprivate func normal(_ type: TensorType) throws(GraphError) -> Term {
        let wide = type.with(type.scalarType == .float64 ? .float64 : .float32)
        let numbers = try randomKey().randomNormal(wide)
        return try (numbers * float("scale", default: 1) + float("mean", default: 0)).convert(type.scalarType)
    }

    /// `low + (high - low) u` for u in `[0, 1)`; narrow floats are computed in float32.
    fileprivate func uniform(_ type: TensorType) throws(GraphError) -> Term {
        let wide = type.with(type.scalarType == .float64 ? .float64 : .float32)
        let low = try float("low", default: 0)
        let numbers = try randomKey().randomUniform(wide)
        return try (numbers * (float("high", default: 1) - low) + low).convert(type.scalarType)
    }

    /// 1 with the probabilities of input 0, else 0.
    fileprivate func bernoulli() throws(GraphError) -> ImportedTensor {
        let input = try term(0)
        let probability = try input.convert(input.scalarType.floatType == .float64 ? .float64 : .float32)
        let element = try optionalElementType("dtype") ?? ONNXElementType(input.scalarType)
        return try .encoded(randomKey().randomBernoulli(probability, shape: input.shape), as: element)
    }

    /// Classes drawn by the probabilities `softmax(input[n, :])`, by inversion: as many cumulative probabilities as are
    /// not above a uniform number.
    fileprivate func multinomial() throws(GraphError) -> Term {
        let input = try term(0)
        let count = try int("sample_size", default: 1)
        guard input.rank == 2, count >= 0 else {
            throw GraphError(
                .shapeMismatch,
                "needs logarithms of probabilities by sample and class, and is given \(input.type) for \(count) draws")
        }
        let element = try optionalElementType("dtype") ?? .int32
        guard let scalarType = element.scalarType, scalarType.isIndex else {
            throw GraphError(.invalidAttribute, "attribute 'dtype' is \(element); choose int32 or int64")
        }
        let wide: ScalarType = input.scalarType == .float64 ? .float64 : .float32
        let probabilities = try builder.add(Softmax(axis: 1), [input.convert(wide)])
        let cumulative = try probabilities.cumulativeSum(axis: 1)
        let classes = input.shape[1]
        // The last class needs no bound: rounding may leave the sum of all below 1.
        let bounds = try cumulative.slice(dimension: 1, from: 0, to: classes.subtracting(1))
        let draws = try randomKey().randomUniform(TensorType(wide, Shape([input.shape[0], .fixed(count)])))
        let shape = Shape([input.shape[0], .fixed(count), bounds.shape[1]])
        let isPassed = try bounds.broadcast(shape, dimensions: [0, 2]).compare(
            .lessOrEqual, draws.broadcast(shape, dimensions: [0, 1]))
        return try isPassed.convert(scalarType).reduce(.sum, [2])
    }

    // MARK: - Dropout

    /// Input 0 as it is, and a mask of ones: of bool, or of the input's type where nil is given.
    fileprivate func kept(mask: ScalarType?) throws(GraphError) -> [ImportedValue] {
        let x = try tensor(0)
        guard wants(output: 1) else { return [.tensor(x)] }
        let own = try x.decodedForComputation().scalarType
        let ones = try constant(1, TensorType(mask ?? own, x.term.shape))
        return [.tensor(x), .tensor(try .encoded(ones, as: mask.map(ONNXElementType.init) ?? x.element))]
    }

    /// Version 12 on: the ratio and whether the model is trained are inputs.
    fileprivate func dropout() throws(GraphError) -> [ImportedValue] {
        guard has(2) else { return try kept(mask: .bool) }
        let training = try term(2)
        guard training.scalarType == .bool, training.shape.dimensions.allSatisfy({ $0 == 1 }) else {
            throw GraphError(.invalidType, "the training mode is \(training.type), not one truth value")
        }
        if try constantLiteral(training)?.splatBits == 0 { return try kept(mask: .bool) }
        let input = try tensor(0)
        let x = try input.decodedForComputation()
        var ratio = try constant(0.5, .scalar(.float32))
        if has(1) {
            let given = try tensor(1).decodedForComputation()
            ratio = try given.reshape(Shape.scalar).convert(
                given.scalarType.floatType == .float64 ? .float64 : .float32)
        }
        let isTraining = try training.reshape(Shape.scalar).broadcast(to: x.shape)
        let keep = try kept(ratio, shape: x.shape)
        let dropped = try scaled(x, ratio, keep)
        let mask = try isTraining.select(keep, constant(1, keep.type))
        return [
            .tensor(try .encoded(isTraining.select(dropped, x), as: input.element)), ImportedValue(mask),
        ]
    }

    /// `x / (1 - ratio)` where it is kept, else 0.
    fileprivate func scaled(_ x: Term, _ ratio: Term, _ keep: Term) throws(GraphError) -> Term {
        let wide: ScalarType = x.scalarType == .float64 ? .float64 : .float32
        let factor = try (1 / (1 - ratio)).convert(wide).broadcast(to: x.shape)
        let number = try x.convert(wide) * factor
        return try keep.select(number, number.like(0)).convert(x.scalarType)
    }

    /// True with probability `1 - ratio`: where a uniform number is not below the ratio.
    fileprivate func kept(_ ratio: Term, shape: Shape) throws(GraphError) -> Term {
        let type = TensorType(ratio.scalarType, shape)
        let own = try randomKey().randomUniform(type)
        let numbers = try referenceNumbers(type) ?? own
        return try numbers.compare(.greaterOrEqual, ratio.broadcast(to: shape))
    }

    /// The uniform numbers that the standard's reference implementation draws for the node's seed; nil without a seed or
    /// where they are too many. In float32 they are rounded down, so that comparing them with a float32 gives the same.
    private func referenceNumbers(_ type: TensorType) throws(GraphError) -> Term? {
        guard case .int(let seed) = attribute("seed"), let seed = UInt32(exactly: seed),
            type.shape.fixedExtents != nil, try type.elementCount() <= Self.twisterLimit
        else { return nil }
        var generator = MersenneTwister(seed: seed)
        var numbers: [Double] = []
        for _ in 0..<(try type.elementCount()) { numbers.append(generator.unit()) }
        if type.scalarType == .float64 { return try builder.constant(Literal(numbers, shape: type.shape)) }
        let lower = numbers.map { number in
            let nearest = Float(number)
            return Double(nearest) > number ? nearest.nextDown : nearest
        }
        return try builder.constant(Literal(lower, shape: type.shape))
    }
}
