// Heterodyne: ONNX operators: classical machine learning: preparation of features.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    private static let learningDomain = "ai.onnx.ml"

    /// Classical machine learning.
    static let machineLearning: [OperatorRule] = [
        .values("ArrayFeatureExtractor", domain: learningDomain) { (context) throws(GraphError) in
            [try context.extractedFeatures()]
        },
        .term("Binarizer", domain: learningDomain) { (context) throws(GraphError) in
            let x = try context.term(0)
            let threshold = try context.float("threshold", default: 0)
            return try x.compare(.greater, x.scalarType.isFloatingPoint ? threshold : threshold.rounded(.down))
                .convert(x.scalarType)
        },
        .term("Scaler", domain: learningDomain) { (context) throws(GraphError) in try context.scaled() },
        .term("Imputer", domain: learningDomain) { (context) throws(GraphError) in try context.imputed() },
        .term("Normalizer", domain: learningDomain) { (context) throws(GraphError) in try context.normalized() },
        .term("FeatureVectorizer", domain: learningDomain) { (context) throws(GraphError) in
            try context.featureVector()
        },
        .term("OneHotEncoder", domain: learningDomain) { (context) throws(GraphError) in try context.oneHot() },
        .values("LabelEncoder", since: 2, domain: learningDomain) { (context) throws(GraphError) in
            [try LabelMap(encoder: context).result()]
        },
        .values("LabelEncoder", since: 1, domain: learningDomain) { (context) throws(GraphError) in
            [try LabelMap(classes: context).result()]
        },
        .values("CategoryMapper", domain: learningDomain) { (context) throws(GraphError) in
            [try LabelMap(categories: context).result()]
        },
        .term("LinearRegressor", domain: learningDomain) { (context) throws(GraphError) in
            try context.linearRegression()
        },
        .values("LinearClassifier", domain: learningDomain) { (context) throws(GraphError) in
            try context.linearClassification()
        },
        .term("TreeEnsemble", since: 5, domain: learningDomain) { (context) throws(GraphError) in
            try TreeEnsembleImport(ensemble: context).targets()
        },
        .term("TreeEnsembleRegressor", domain: learningDomain) { (context) throws(GraphError) in
            try TreeEnsembleImport(nodes: context, role: "target").targets()
        },
        .values("TreeEnsembleClassifier", domain: learningDomain) { (context) throws(GraphError) in
            try TreeEnsembleImport(nodes: context, role: "class").classes()
        },
        .term("SVMRegressor", domain: learningDomain) { (context) throws(GraphError) in
            try SupportVectors(context).regression()
        },
        .values("SVMClassifier", domain: learningDomain) { (context) throws(GraphError) in
            try SupportVectors(context).classification()
        },
        .declined(
            "ZipMap", domain: learningDomain, because: "dictionaries are no tensors; use the classifier's scores"),
        .declined(
            "CastMap", domain: learningDomain, because: "dictionaries are no tensors; give the model a tensor"),
        .declined(
            "DictVectorizer", domain: learningDomain, because: "dictionaries are no tensors; give the model a tensor"),
    ]
}

extension OperatorContext {
    /// The elements at the indices along the last axis; a vector gives a matrix of one row.
    fileprivate func extractedFeatures() throws(GraphError) -> ImportedValue {
        let indices = try term(1)
        if case .text(let text) = try value(0) {
            let chosen = try integers(1)
            let size = text.dimensions.last ?? 1
            guard size > 0, chosen.allSatisfy({ $0 >= 0 && $0 < size }) else {
                throw GraphError(.shapeMismatch, "indices \(chosen) are not within \(size) features")
            }
            var rows: [Int] = text.dimensions.dropLast()
            if rows.isEmpty { rows = [1] }
            var picked = ONNXText(dimensions: rows + [chosen.count], elements: [])
            _ = try Self.textCount(picked.dimensions)
            for row in 0..<text.elements.count / size {
                for index in chosen { picked.elements.append(text.elements[row * size + index]) }
            }
            return .text(picked)
        }
        let tensor = try tensor(0)
        guard tensor.term.rank >= 1 else {
            throw GraphError(.shapeMismatch, "takes features along the last axis and was given a scalar")
        }
        let flat = try indices.reshape(Shape([try indices.shape.elementCount()]))
        let picked = try tensor.term.take(flat, axis: tensor.term.rank - 1)
        let shaped = picked.rank == 1 ? try picked.expandDimensions([0]) : picked
        return .tensor(ImportedTensor(shaped, tensor.element))
    }

    /// A list of numbers as a row that is repeated along `shape`: one for everything, or one per feature.
    private func featureRow(_ name: String, _ numbers: [Double], _ like: Term) throws(GraphError) -> Term {
        guard let only = numbers.first else {
            throw GraphError(.invalidAttribute, "attribute \(quoted(name)) is missing or empty")
        }
        if numbers.count == 1 { return try like.like(only) }
        guard like.rank >= 1, like.shape[like.rank - 1] == .fixed(numbers.count) else {
            throw GraphError(
                .invalidAttribute, "attribute \(quoted(name)) has \(numbers.count) entries for \(like.type)")
        }
        return try builder.constant(Literal(numbers)).convert(like.scalarType).broadcast(to: like.shape)
    }

    /// `(x - offset) * scale`.
    fileprivate func scaled() throws(GraphError) -> Term {
        let x = try term(0).convert(.float32)
        let shifted = try x - featureRow("offset", try optionalFloats("offset") ?? [0], x)
        return try shifted * featureRow("scale", try optionalFloats("scale") ?? [1], x)
    }

    /// The features that equal the replaced value, or are NaN where that is NaN, replaced.
    fileprivate func imputed() throws(GraphError) -> Term {
        let x = try term(0)
        if x.scalarType.isFloatingPoint {
            let row = try featureRow("imputed_value_floats", try optionalFloats("imputed_value_floats") ?? [], x)
            let replaced = try float("replaced_value_float", default: 0)
            let isMissing = replaced.isNaN ? try x.compare(.notEqual, x) : try x.compare(.equal, replaced)
            return try isMissing.select(row, x)
        }
        let values = try ints("imputed_value_int64s")
        let row = try featureRow("imputed_value_int64s", values.map(Double.init), x)
        return try x.compare(.equal, Double(try int("replaced_value_int64", default: 0))).select(row, x)
    }

    /// Rows divided by their largest element, the sum of magnitudes, or the Euclidean length; unchanged where that is 0.
    fileprivate func normalized() throws(GraphError) -> Term {
        let x = try term(0).convert(.float32)
        guard x.rank == 1 || x.rank == 2 else {
            throw GraphError(.shapeMismatch, "takes a vector or a matrix and was given \(x.type)")
        }
        let axes = [x.rank - 1]
        let divisor: Term
        switch try string("norm", default: "MAX") {
        case "MAX": divisor = try x.reduceKeeping(.maximum, axes)
        case "L1": divisor = try x.abs().reduceKeeping(.sum, axes)
        case "L2": divisor = try (x * x).reduceKeeping(.sum, axes).sqrt()
        case let other:
            throw GraphError(
                .invalidAttribute, "attribute 'norm' is \(quoted(other)); it may be 'MAX', 'L1', 'L2'")
        }
        let safe = try divisor.compare(.equal, 0).select(divisor.like(1), divisor)
        return try x / safe.broadcast(to: x.shape)
    }

    /// The inputs side by side, each cut or filled with zeros to its number of features.
    fileprivate func featureVector() throws(GraphError) -> Term {
        let sizes = try ints("inputdimensions")
        guard sizes.count == inputs.count, sizes.allSatisfy({ $0 >= 0 }) else {
            throw GraphError(
                .invalidAttribute, "attribute 'inputdimensions' is \(sizes) for \(inputs.count) inputs")
        }
        var parts: [Term] = []
        for (index, size) in sizes.enumerated() {
            var part = try term(index).convert(.float32)
            if part.rank == 1 { part = try part.expandDimensions([1]) }
            guard part.rank == 2, let extent = part.shape[1].fixedValue else {
                throw GraphError(.shapeMismatch, "input \(index) is \(part.type); it must be a vector or a matrix")
            }
            parts.append(try part.pad(0, low: [0, 0], high: [0, size - extent]))
        }
        return try builder.concatenate(parts, dimension: 1)
    }

    /// 1 at the position of the element among the categories, else 0.
    fileprivate func oneHot() throws(GraphError) -> Term {
        if case .text(let text) = try value(0) {
            guard let categories = try optionalStrings("cats_strings") else {
                throw GraphError(.invalidType, "its categories are numbers, and it is given text")
            }
            var positions: [[UInt8]: Int64] = [:]
            for (index, category) in categories.enumerated() { positions[Array(category.utf8)] = Int64(index) }
            let codes = try builder.constant(
                Literal(text.elements.map { positions[Array($0.utf8)] ?? -1 }, shape: Shape(text.dimensions)))
            let all = try builder.constant(Literal((0..<categories.count).map { Int64($0) }))
            return try oneHot(codes, all)
        }
        // Categories are integers: features that are floats lose their fraction.
        let x = try term(0)
        return try oneHot(x.convert(.int64), vector(try ints("cats_int64s")))
    }

    private func oneHot(_ x: Term, _ categories: Term) throws(GraphError) -> Term {
        let shape = Shape(x.shape.dimensions + categories.shape.dimensions)
        return try x.broadcast(shape, dimensions: Array(0..<x.rank))
            .compare(.equal, categories.broadcast(to: shape)).convert(.float32)
    }
}
