// Heterodyne: ONNX operators: labels for labels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// `LabelEncoder` and `CategoryMapper`: a value for every key, and one for everything else. Numbers are looked up on the
/// device; where text is involved that is done while the model is imported.
struct LabelMap {
    private let context: OperatorContext
    private let keys: ONNXData
    private let values: ONNXData
    /// One element of the values' kind.
    private let other: ONNXData

    /// `LabelEncoder` from version 2 on.
    init(encoder context: OperatorContext) throws(GraphError) {
        self.context = context
        keys = try Self.list(context, "keys")
        values = try Self.list(context, "values")
        switch values {
        case .text: other = .text(ONNXText(dimensions: [1], elements: [try Self.defaultText(context)]))
        default:
            if let tensor = try context.optionalTensor("default_tensor") {
                other = try Self.data(tensor)
            } else if context.hasAttribute("values_tensor"), case .tensor(let element, let literal) = values {
                let number = literal.type.scalarType.isFloatingPoint ? 0.0 : -1.0
                other = .tensor(element, Literal(number: number, type: TensorType(literal.type.scalarType, [1])))
            } else if context.hasAttribute("values_floats") {
                other = ONNXData(
                    Literal(number: try context.float("default_float", default: 0), type: TensorType(.float32, [1])))
            } else {
                other = ONNXData(Literal([Int64(try context.int("default_int64", default: -1))]))
            }
        }
    }

    /// `LabelEncoder` of version 1: text to its position among the classes, or a position to the text.
    init(classes context: OperatorContext) throws(GraphError) {
        let classes = try context.optionalStrings("classes_strings") ?? []
        try self.init(context, classes, classes.indices.map { Int64($0) })
    }

    /// `CategoryMapper`: text to the number at the same place, or the other way round.
    init(categories context: OperatorContext) throws(GraphError) {
        let numbers = try context.ints("cats_int64s")
        try self.init(context, try context.optionalStrings("cats_strings") ?? [], numbers.map { Int64($0) })
    }

    private init(_ context: OperatorContext, _ names: [String], _ numbers: [Int64]) throws(GraphError) {
        self.context = context
        let text = ONNXData.text(ONNXText(dimensions: [names.count], elements: names))
        let codes = ONNXData(Literal(numbers))
        if case .text = try context.value(0) {
            (keys, values) = (text, codes)
            other = ONNXData(Literal([Int64(try context.int("default_int64", default: -1))]))
        } else {
            (keys, values) = (codes, text)
            other = .text(ONNXText(dimensions: [1], elements: [try Self.defaultText(context)]))
        }
    }

    private static func defaultText(_ context: OperatorContext) throws(GraphError) -> String {
        if let tensor = try context.optionalTensor("default_tensor"), case .text(let text) = try data(tensor),
            let first = text.elements.first
        {
            return first
        }
        return try context.string("default_string", default: "_Unused")
    }

    private static func data(_ tensor: ONNXTensor) throws(GraphError) -> ONNXData {
        try lifting("tensor") { () throws(ONNXError) in try tensor.data() }
    }

    /// The list that one of four attributes gives.
    private static func list(_ context: OperatorContext, _ name: String) throws(GraphError) -> ONNXData {
        if let tensor = try context.optionalTensor("\(name)_tensor") { return try data(tensor) }
        if let text = try context.optionalStrings("\(name)_strings"), !text.isEmpty {
            return .text(ONNXText(dimensions: [text.count], elements: text))
        }
        if let numbers = try context.optionalInts("\(name)_int64s"), !numbers.isEmpty {
            return ONNXData(Literal(numbers.map { Int64($0) }))
        }
        if let numbers = try context.optionalFloats("\(name)_floats"), !numbers.isEmpty {
            return ONNXData(Literal(numbers.map { Float($0) }))
        }
        throw GraphError(.invalidAttribute, "its \(name) are given by no attribute")
    }

    // MARK: - Looking up

    func result() throws(GraphError) -> ImportedValue {
        switch keys {
        case .text(let keys):
            let text = try context.text(0)
            var positions: [[UInt8]: Int] = [:]
            for (index, key) in keys.elements.enumerated() { positions[Array(key.utf8)] = index }
            return try chosen(text.elements.map { positions[Array($0.utf8)] }, text.dimensions)
        case .tensor(_, let keys):
            let x = try context.term(0)
            guard case .text = values else { return try looked(up: x, keys) }
            // The labels are text, which has to be known while the model is imported.
            let numbers = try context.literal(x)
            var positions: [UInt64: Int] = [:]
            for index in 0..<(try keys.type.elementCount()) {
                positions[Self.key(keys.type.scalarType.number(fromBits: keys.bits(at: index)))] = index
            }
            var found: [Int?] = []
            for index in 0..<(try numbers.type.elementCount()) {
                found.append(positions[Self.key(x.scalarType.number(fromBits: numbers.bits(at: index)))])
            }
            return try chosen(found, try x.extents())
        default: throw GraphError(.invalidType, "its keys are no tensor")
        }
    }

    /// Equal for equal numbers, both zeros and all NaNs included.
    private static func key(_ number: Double) -> UInt64 {
        number.isNaN ? Double.nan.bitPattern : (number == 0 ? 0 : number.bitPattern)
    }

    /// The values at positions, or the other one.
    private func chosen(_ positions: [Int?], _ extents: [Int]) throws(GraphError) -> ImportedValue {
        switch (values, other) {
        case (.text(let values), .text(let other)):
            let elements = positions.map { position in
                position.flatMap { values.elements.indices.contains($0) ? values.elements[$0] : nil }
                    ?? other.elements.first ?? ""
            }
            return .text(ONNXText(dimensions: extents, elements: elements))
        case (.tensor, .tensor):
            let (table, count) = try table()
            let indices = try Literal(positions.map { Int64(min($0 ?? count, count)) }, shape: Shape(extents))
            return .tensor(
                ImportedTensor(try table.term.take(context.builder.constant(indices), axis: 0), table.element))
        default: throw GraphError(.invalidType, "its values and its default are of different types")
        }
    }

    /// The values with the other one behind them, and the number of values.
    private func table() throws(GraphError) -> (table: ImportedTensor, count: Int) {
        guard case .tensor(let element, let values) = values, case .tensor(_, let other) = other else {
            throw GraphError(.invalidType, "its values and its default are of different types")
        }
        let count = try values.type.elementCount()
        guard other.type.scalarType == values.type.scalarType, try other.type.elementCount() == 1 else {
            throw GraphError(.invalidAttribute, "its default is \(other.type) for values \(values.type)")
        }
        let parts = [
            try context.builder.constant(try values.reshaped([.fixed(count)])),
            try context.builder.constant(try other.reshaped([1])),
        ]
        return (ImportedTensor(try context.builder.concatenate(parts, dimension: 0), element), count)
    }

    private func looked(up x: Term, _ keys: Literal) throws(GraphError) -> ImportedValue {
        let builder = context.builder
        let (table, valueCount) = try table()
        let count = try min(keys.type.elementCount(), valueCount)
        guard keys.type.scalarType == x.scalarType, count > 0 else {
            throw GraphError(.invalidType, "its keys are \(keys.type), and it is given \(x.type)")
        }
        let row = try builder.constant(keys.reshaped([.fixed(try keys.type.elementCount())])).slice([0], [count])
        let shape = Shape(x.shape.dimensions + [.fixed(count)])
        let (candidates, all) = (
            try x.broadcast(shape, dimensions: Array(0..<x.rank)), try row.broadcast(to: shape)
        )
        var isEqual = try candidates.compare(.equal, all)
        if x.scalarType.isFloatingPoint {
            let areNaN = try candidates.compare(.notEqual, candidates).and(all.compare(.notEqual, all))
            isEqual = try isEqual.or(areNaN)
        }
        let positions = try builder.iota(TensorType(.int32, shape), dimension: x.rank)
        let nowhere = try positions.like(Double(valueCount))
        let first = try isEqual.select(positions, nowhere).reduce(.minimum, [x.rank])
        return .tensor(ImportedTensor(try table.term.take(first, axis: 0), table.element))
    }
}
