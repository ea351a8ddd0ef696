// Heterodyne: ONNX operators: shapes, views and constants.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Shapes, views and constants.
    static let shapes: [OperatorRule] = views + shapeParts + generators
}

extension OperatorTable {
    private static let views: [OperatorRule] = [
        .values("Constant") { (context) throws(GraphError) in [try context.constant()] },
        .values("ConstantOfShape", since: 9) { (context) throws(GraphError) in [try context.constantOfShape()] },
        .values("Identity") { (context) throws(GraphError) in [try context.value(0)] },
        .term("Shape", since: 15) { (context) throws(GraphError) in
            try context.shapeOfInput(from: context.int("start", default: 0), to: context.optionalInt("end"))
        },
        .term("Shape") { (context) throws(GraphError) in try context.shapeOfInput(from: 0, to: nil) },
        .term("Size") { (context) throws(GraphError) in
            try context.vector([context.shape(0).elementCount()]).reshape([])
        },
        .moved("Reshape", since: 5) { (context, x) throws(GraphError) in
            try context.reshape(x, context.extents(1), allowZero: context.bool("allowzero"))
        },
        .moved("Reshape") { (context, x) throws(GraphError) in
            try context.reshape(x, context.ints("shape").map(Extent.fixed), allowZero: false)
        },
        .moved("Flatten") { (context, x) throws(GraphError) in try x.flatten(axis: context.int("axis", default: 1)) },
        .moved("Squeeze", since: 13) { (context, x) throws(GraphError) in
            try x.squeeze(context.optionalIntegers(1))
        },
        .moved("Squeeze") { (context, x) throws(GraphError) in
            let axes = try context.ints("axes", default: [])
            return try x.squeeze(axes.isEmpty ? nil : axes)
        },
        .moved("Unsqueeze", since: 13) { (context, x) throws(GraphError) in
            try x.expandDimensions(context.integers(1))
        },
        .moved("Unsqueeze") { (context, x) throws(GraphError) in try x.expandDimensions(context.ints("axes")) },
        .moved("Transpose") { (context, x) throws(GraphError) in
            try x.transpose(context.ints("perm", default: Array((0..<x.rank).reversed())))
        },
        .moved("Expand", since: 8) { (context, x) throws(GraphError) in
            let shape = try context.extents(1)
            for extent in shape {
                if let number = extent.fixedValue, number < 0 {
                    throw GraphError(.shapeMismatch, "the shape \(Shape(shape)) has a negative extent")
                }
            }
            return try x.broadcast(to: context.broadcast(x.shape, Shape(shape)))
        },
        .moved("Tile", since: 6) { (context, x) throws(GraphError) in try context.tile(x, context.extents(1)) },
        .moved("Tile") { (context, x) throws(GraphError) in
            var repeats = [Extent](repeating: 1, count: x.rank)
            let axis = try context.axis(context.wholeNumber(2), rank: x.rank)
            repeats[axis] = .fixed(try context.wholeNumber(1))
            return try context.tile(x, repeats)
        },
    ]
}

extension OperatorContext {
    /// The value of a `Constant` node.
    fileprivate func constant() throws(GraphError) -> ImportedValue {
        if let tensor = try optionalTensor("value") {
            return try scope.session.constant(tensor, in: builder)
        }
        if let attribute = attribute("sparse_value") {
            guard case .sparseTensor(let sparse) = attribute else {
                throw GraphError(.invalidAttribute, "attribute 'sparse_value' is a \(attribute.kind)")
            }
            let limit = scope.session.sparseByteLimit
            let literal = try lifting("attribute 'sparse_value'") { () throws(ONNXError) in
                try sparse.literal(byteLimit: limit)
            }
            return ImportedValue(try builder.constant(literal))
        }
        if let number = try optionalInt("value_int") { return ImportedValue(try builder.constant(Literal(number))) }
        if let numbers = try optionalInts("value_ints") {
            return ImportedValue(try builder.constant(Literal(numbers)))
        }
        if let number = try optionalFloat("value_float") {
            return ImportedValue(try builder.constant(Literal(Float(number))))
        }
        if let numbers = try optionalFloats("value_floats") {
            return ImportedValue(try builder.constant(Literal(numbers.map { Float($0) })))
        }
        if let text = try optionalString("value_string") {
            return .text(ONNXText(dimensions: [], elements: [text]))
        }
        if let texts = try optionalStrings("value_strings") {
            return .text(ONNXText(dimensions: [texts.count], elements: texts))
        }
        throw GraphError(
            .invalidAttribute,
            "has none of the attributes 'value', 'sparse_value', 'value_int', 'value_ints', 'value_float', "
                + "'value_floats', 'value_string' and 'value_strings'")
    }

    /// The value of a `ConstantOfShape` node: one element, repeated.
    fileprivate func constantOfShape() throws(GraphError) -> ImportedValue {
        let shape = try checkedShape(extents(0))
        guard let tensor = try optionalTensor("value") else {
            return ImportedValue(try builder.constant(0, TensorType(.float32, shape)))
        }
        let data = try lifting("attribute 'value'") { () throws(ONNXError) in try tensor.data() }
        guard case .tensor(let element, let literal) = data, let bits = literal.splatBits else {
            throw GraphError(.invalidAttribute, "attribute 'value' must be a tensor of one number")
        }
        let type = TensorType(literal.type.scalarType, shape)
        return .tensor(ImportedTensor(try builder.constant(Literal(splatBits: bits, type: type)), element))
    }

    /// The extents as a shape. Throws `shapeMismatch` for negative ones.
    func checkedShape(_ extents: [Extent]) throws(GraphError) -> Shape {
        for extent in extents {
            if let number = extent.fixedValue, number < 0 {
                throw GraphError(.shapeMismatch, "the shape \(Shape(extents)) has a negative extent")
            }
        }
        return Shape(extents)
    }

    /// The shape of input `index`, also of text.
    func shape(_ index: Int) throws(GraphError) -> Shape {
        if case .text(let text) = try value(index) { return Shape(text.dimensions) }
        return try tensor(index).term.shape
    }

    /// The extents of input 0 from one dimension to before another, which may count from the back; both are clamped.
    fileprivate func shapeOfInput(from start: Int, to end: Int?) throws(GraphError) -> Term {
        let extents = try shape(0).dimensions
        func clamped(_ index: Int) -> Int {
            let (counted, overflow) = index.addingReportingOverflow(index < 0 ? extents.count : 0)
            return overflow ? 0 : min(max(counted, 0), extents.count)
        }
        let low = clamped(start)
        let high = end.map(clamped) ?? extents.count
        return try vector(Array(extents[low..<max(low, high)]))
    }

    /// The elements of `x` under `extents`, of which one may be -1 and, unless `allowZero`, some 0, which stands for
    /// the same dimension of `x`.
    func reshape(_ x: Term, _ extents: [Extent], allowZero: Bool) throws(GraphError) -> Term {
        var result: [Extent] = []
        var inferred: Int?
        // What is left of both products without the dimensions that are taken over.
        var source = x.shape.dimensions.map { Optional($0) }
        var known: [Extent] = []
        for (index, extent) in extents.enumerated() {
            if extent == 0 && !allowZero {
                guard index < x.rank else {
                    throw GraphError(
                        .shapeMismatch, "the shape \(Shape(extents)) has a 0 where \(x.type) has no dimension")
                }
                result.append(x.shape[index])
                source[index] = nil
            } else if extent == -1 {
                guard inferred == nil else {
                    throw GraphError(.shapeMismatch, "the shape \(Shape(extents)) has -1 twice")
                }
                inferred = index
                result.append(1)
            } else {
                if let number = extent.fixedValue, number < 0 {
                    throw GraphError(.shapeMismatch, "the shape \(Shape(extents)) has a negative extent")
                }
                result.append(extent)
                known.append(extent)
            }
        }
        if let inferred {
            let total = try Shape(source.compactMap { $0 }).elementCount()
            let divisor = try Shape(known).elementCount()
            guard let quotient = try total.dividedExactly(by: divisor) else {
                throw GraphError(.shapeMismatch, "\(x.type) cannot be reshaped to \(Shape(extents))")
            }
            result[inferred] = quotient
        }
        return try x.reshape(Shape(result))
    }

    /// `x` repeated along every dimension.
    fileprivate func tile(_ x: Term, _ repeats: [Extent]) throws(GraphError) -> Term {
        guard repeats.count == x.rank else {
            throw GraphError(.shapeMismatch, "\(repeats.count) repeats are given for the dimensions of \(x.type)")
        }
        let numbers = repeats.compactMap(\.fixedValue)
        if numbers.count == repeats.count { return try x.tile(numbers) }
        var (shape, kept, result): ([Extent], [Int], [Extent]) = ([], [], [])
        for (extent, count) in zip(x.shape.dimensions, try checkedShape(repeats).dimensions) {
            if count != 1 { shape.append(count) }
            kept.append(shape.count)
            shape.append(extent)
            result.append(try extent.multiplied(by: count))
        }
        return try x.broadcast(Shape(shape), dimensions: kept).reshape(Shape(result))
    }

    /// The only element of input `index`, a number of any type, truncated toward zero.
    func wholeNumber(_ index: Int) throws(GraphError) -> Int {
        let term = try term(index)
        if term.scalarType.isInteger { return try integer(index) }
        let number = try number(index)
        guard number.isFinite, number.magnitude < 9.0e18 else {
            throw GraphError(.invalidType, "input \(index) is \(number) where a whole number is needed")
        }
        return Int(number)
    }
}
