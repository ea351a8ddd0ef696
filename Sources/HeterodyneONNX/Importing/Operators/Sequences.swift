// Heterodyne: ONNX operators: lists and optional values, which are resolved while a model is imported.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Lists and optional values.
    static let sequences: [OperatorRule] = [
        .values("SequenceEmpty", since: 11) { (_) throws(GraphError) in [.sequence([])] },
        .values("SequenceConstruct", since: 11) { (context) throws(GraphError) in
            var elements: [ImportedValue] = []
            for index in context.inputs.indices { elements.append(try context.value(index)) }
            return [.sequence(elements)]
        },
        .values("SequenceInsert", since: 11) { (context) throws(GraphError) in
            var elements = try context.sequence(0)
            // The new element may stand behind the last one, which no position from the end says.
            let position = try context.position(2, of: elements.count, allowingEnd: true) ?? elements.count
            elements.insert(try context.value(1), at: position)
            return [.sequence(elements)]
        },
        .values("SequenceErase", since: 11) { (context) throws(GraphError) in
            var elements = try context.sequence(0)
            let position = try context.position(1, of: elements.count) ?? elements.count - 1
            guard elements.indices.contains(position) else { throw GraphError(.shapeMismatch, "the list is empty") }
            elements.remove(at: position)
            return [.sequence(elements)]
        },
        .values("SequenceAt", since: 11) { (context) throws(GraphError) in
            let elements = try context.sequence(0)
            guard let position = try context.position(1, of: elements.count) else {
                throw GraphError(.operandCount, "input 1 is missing")
            }
            return [elements[position]]
        },
        .term("SequenceLength", since: 11) { (context) throws(GraphError) in
            try context.builder.constant(Literal(Int64(context.sequence(0).count)))
        },
        .values("ConcatFromSequence", since: 11) { (context) throws(GraphError) in
            [try context.concatenatedSequence()]
        },
        .values("SplitToSequence", since: 11) { (context) throws(GraphError) in
            [.sequence(try context.splitToSequence())]
        },
        .values("Optional", since: 15) { (context) throws(GraphError) in
            guard context.has(0) else { return [.optional(nil)] }
            return [.optional(try context.value(0))]
        },
        .values("OptionalGetElement", since: 15) { (context) throws(GraphError) in
            let value = try context.value(0)
            guard case .optional(let inner) = value else { return [value] }
            guard let inner else { throw GraphError(.shapeMismatch, "the optional input holds no value") }
            return [inner]
        },
        .term("OptionalHasElement", since: 15) { (context) throws(GraphError) in
            var isThere = context.has(0)
            if isThere, case .optional(nil) = try context.value(0) { isThere = false }
            return try context.builder.constant(Literal(isThere))
        },
    ]
}

extension OperatorContext {
    /// Input `index` as a position from zero within a list of `count` elements; nil where the input is left out.
    fileprivate func position(
        _ index: Int, of count: Int, allowingEnd: Bool = false
    ) throws(GraphError) -> Int? {
        guard has(index) else { return nil }
        let given = try integer(index)
        let last = allowingEnd ? count : count - 1
        guard given >= -count, given <= last else {
            throw GraphError(.shapeMismatch, "position \(given) is not within the \(count) elements of the list")
        }
        return given < 0 ? given + count : given
    }

    fileprivate func concatenatedSequence() throws(GraphError) -> ImportedValue {
        let elements = try sequence(0)
        guard let first = elements.first else {
            throw GraphError(.operandCount, "the list is empty, and what it would become has no shape")
        }
        let axis = try int("axis")
        let isNew = try bool("new_axis")
        if case .text(let text) = first { return .text(try concatenatedText(elements, text, axis, isNew: isNew)) }
        guard case .tensor(let tensor) = first else {
            throw GraphError(.invalidType, "an element of the list is \(first.kind), not a tensor")
        }
        if isNew {
            return try stacked(elements, axis: self.axis(axis, rank: tensor.term.rank + 1), "an element of the list")
        }
        var terms: [Term] = []
        for element in elements {
            guard case .tensor(let other) = element, other.element == tensor.element else {
                throw GraphError(
                    .invalidType, "the list holds \(element.kind) besides \(first.kind), which cannot be joined")
            }
            terms.append(other.term)
        }
        let dimension = try self.axis(axis, rank: tensor.term.rank)
        return .tensor(ImportedTensor(try builder.concatenate(terms, dimension: dimension), tensor.element))
    }

    private func concatenatedText(
        _ elements: [ImportedValue], _ first: ONNXText, _ axis: Int, isNew: Bool
    ) throws(GraphError) -> ONNXText {
        let axis = try self.axis(axis, rank: first.dimensions.count + (isNew ? 1 : 0))
        var parts: [ONNXText] = []
        for element in elements {
            guard case .text(var text) = element else {
                throw GraphError(.invalidType, "the list holds \(element.kind) besides text, which cannot be joined")
            }
            if isNew {
                guard text.dimensions == first.dimensions else {
                    throw GraphError(.shapeMismatch, "the elements of the list differ in shape")
                }
                text.dimensions.insert(1, at: axis)
            }
            parts.append(text)
        }
        var joined = ONNXText(dimensions: parts[0].dimensions, elements: [])
        joined.dimensions[axis] = 0
        for part in parts {
            var others = part.dimensions
            guard others.count == joined.dimensions.count else {
                throw GraphError(.shapeMismatch, "the elements of the list differ in rank")
            }
            others[axis] = joined.dimensions[axis]
            guard others == joined.dimensions else {
                throw GraphError(.shapeMismatch, "the elements of the list differ in shape")
            }
            let (sum, overflow) = joined.dimensions[axis].addingReportingOverflow(part.dimensions[axis])
            guard !overflow else { throw GraphError(.overflow, "the joined text is too large") }
            joined.dimensions[axis] = sum
        }
        // Extents beside a zero may be of any size.
        guard !joined.dimensions.contains(0) else { return joined }
        _ = try Self.textCount(joined.dimensions)
        // Rows: everything from the axis on, for every position before it.
        let rows = joined.dimensions[..<axis].reduce(1, *)
        for row in 0..<rows {
            for part in parts {
                let size = part.dimensions[axis...].reduce(1, *)
                guard (row + 1) * size <= part.elements.count else { continue }
                joined.elements += part.elements[row * size..<(row + 1) * size]
            }
        }
        return joined
    }

    fileprivate func splitToSequence() throws(GraphError) -> [ImportedValue] {
        let tensor = try tensor(0)
        let axis = try axis(try int("axis", default: 0), rank: tensor.term.rank)
        guard let extent = tensor.term.shape[axis].fixedValue else {
            throw GraphError(
                .unboundSymbol, "splits axis \(axis) of \(tensor.term.type) into a list; give the dimension a number")
        }
        var sizes: [Int] = []
        let isGiven = has(1)
        if !isGiven {
            guard extent <= Self.listLimit else { throw Self.longList(extent) }
            sizes = [Int](repeating: 1, count: extent)
        } else if try term(1).rank == 0 {
            let size = try integer(1)
            guard size > 0 else { throw GraphError(.shapeMismatch, "splits into parts of \(size) elements") }
            guard extent / size <= Self.listLimit else { throw Self.longList(extent / size) }
            sizes = [Int](repeating: size, count: extent / size)
            if extent % size != 0 { sizes.append(extent % size) }
        } else {
            sizes = try integers(1)
        }
        var drops = false
        if !isGiven { drops = !(try bool("keepdims", default: true)) }
        var parts: [ImportedValue] = []
        for part in try tensor.term.split(axis: axis, sizes: sizes) {
            parts.append(.tensor(ImportedTensor(drops ? try part.squeeze([axis]) : part, tensor.element)))
        }
        return parts
    }

    private static let listLimit = 1 << 20

    private static func longList(_ count: Int) -> GraphError {
        GraphError(.overflow, "gives a list of \(count) elements; the limit is \(listLimit)")
    }
}
