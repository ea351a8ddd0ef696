// Heterodyne: ONNX operators: comparisons, logic, bits and choice.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Comparisons, logic, bits and choice.
    static let logic: [OperatorRule] = [
        .term("Not") { (context) throws(GraphError) in try context.truth(try context.term(0)).not() },
        .term("And", since: 7) { (context) throws(GraphError) in try context.broadcast(.and) },
        .term("And", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.and) },
        .term("Or", since: 7) { (context) throws(GraphError) in try context.broadcast(.or) },
        .term("Or", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.or) },
        .term("Xor", since: 7) { (context) throws(GraphError) in try context.broadcast(.xor) },
        .term("Xor", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.xor) },
        .term("BitwiseAnd", since: 18) { (context) throws(GraphError) in try context.broadcast(.and) },
        .term("BitwiseOr", since: 18) { (context) throws(GraphError) in try context.broadcast(.or) },
        .term("BitwiseXor", since: 18) { (context) throws(GraphError) in try context.broadcast(.xor) },
        .term("BitwiseNot", since: 18) { (context) throws(GraphError) in try context.term(0).not() },
        .term("BitShift", since: 11) { (context) throws(GraphError) in
            guard context.hasAttribute("direction") else {
                throw GraphError(.invalidAttribute, "attribute 'direction' is missing; it may be 'LEFT' or 'RIGHT'")
            }
            return try context.broadcast(
                try context.choice("direction", default: "LEFT", ["LEFT": .shiftLeft, "RIGHT": .shiftRight]))
        },
        .term("Equal", since: 7) { (context) throws(GraphError) in
            if let texts = context.texts() { return try context.equal(texts) }
            return try context.compare(.equal)
        },
        .term("Equal", since: 1) { (context) throws(GraphError) in try context.legacyCompare(.equal) },
        .term("Less", since: 7) { (context) throws(GraphError) in try context.compare(.less) },
        .term("Less", since: 1) { (context) throws(GraphError) in try context.legacyCompare(.less) },
        .term("LessOrEqual", since: 12) { (context) throws(GraphError) in try context.compare(.lessOrEqual) },
        .term("Greater", since: 7) { (context) throws(GraphError) in try context.compare(.greater) },
        .term("Greater", since: 1) { (context) throws(GraphError) in try context.legacyCompare(.greater) },
        .term("GreaterOrEqual", since: 12) { (context) throws(GraphError) in try context.compare(.greaterOrEqual) },
        .term("IsNaN", since: 9) { (context) throws(GraphError) in
            try context.tensor(0).decodedForComputation().isNaN()
        },
        .term("IsInf", since: 10) { (context) throws(GraphError) in
            let x = try context.tensor(0).decodedForComputation()
            switch (
                try context.bool("detect_negative", default: true), try context.bool("detect_positive", default: true)
            )
            {
            case (true, true): return try x.isInfinite()
            case (true, false): return try x.compare(.equal, -.infinity)
            case (false, true): return try x.compare(.equal, .infinity)
            case (false, false): return try context.constant(0, TensorType(.bool, x.shape))
            }
        },
        .values("Where", since: 9) { (context) throws(GraphError) in [try context.whereChoice()] },
    ]
}

extension OperatorContext {
    /// The term, which must be bool.
    fileprivate func truth(_ term: Term) throws(GraphError) -> Term {
        guard term.scalarType == .bool else {
            throw GraphError(.invalidType, "is given \(term.type) where truth values are needed")
        }
        return term
    }

    /// A relation of inputs 0 and 1, repeated to their common shape.
    fileprivate func compare(_ direction: ComparisonDirection) throws(GraphError) -> Term {
        let (a, b) = try builder.broadcastTogether(try term(0), try term(1))
        return try a.compare(direction, b)
    }

    fileprivate func legacyCompare(_ direction: ComparisonDirection) throws(GraphError) -> Term {
        let (a, b) = try legacyOperands()
        return try a.compare(direction, b)
    }

    /// Inputs 0 and 1 where both are text.
    fileprivate func texts() -> (ONNXText, ONNXText)? {
        guard inputs.count == 2, case .text(let a) = inputs[0], case .text(let b) = inputs[1] else { return nil }
        return (a, b)
    }

    /// Which elements of two tensors of text are equal, as bool.
    fileprivate func equal(_ texts: (ONNXText, ONNXText)) throws(GraphError) -> Term {
        let extents = try TextBroadcast.common([texts.0.dimensions, texts.1.dimensions])
        let a = try TextBroadcast.repeated(texts.0, to: extents)
        let b = try TextBroadcast.repeated(texts.1, to: extents)
        // By bytes: Swift's own equality would join characters that are encoded differently.
        let equal = zip(a, b).map { $0.utf8.elementsEqual($1.utf8) }
        return try builder.constant(Literal(equal, shape: Shape(extents)))
    }

    /// `x` where the condition holds, else `y`.
    fileprivate func whereChoice() throws(GraphError) -> ImportedValue {
        let condition = try truth(try term(0))
        if case .text(let x) = try value(1), case .text(let y) = try value(2) {
            let flags = try literal(condition)
            let flagExtents = try condition.extents()
            let extents = try TextBroadcast.common([flagExtents, x.dimensions, y.dimensions])
            var chosen = try TextBroadcast.repeated(y, to: extents)
            let other = try TextBroadcast.repeated(x, to: extents)
            for (index, source) in try TextBroadcast.sources(flagExtents, to: extents).enumerated()
            where flags.bits(at: source) != 0 {
                chosen[index] = other[index]
            }
            return .text(ONNXText(dimensions: extents, elements: chosen))
        }
        let x = try tensor(1)
        let y = try tensor(2)
        guard x.element == y.element else {
            throw GraphError(.invalidType, "chooses between \(x.element) and \(y.element); convert one of them")
        }
        let all = try builder.broadcastTogether([condition, x.term, y.term])
        return .tensor(ImportedTensor(try all[0].select(all[1], all[2]), x.element))
    }
}

/// NumPy's repetition of tensors of text.
enum TextBroadcast {
    /// Most elements of a tensor of text.
    static let countLimit = 1 << 24

    /// The common extents. Throws `shapeMismatch`, or `overflow` where they hold too many elements.
    static func common(_ shapes: [[Int]]) throws(GraphError) -> [Int] {
        let rank = shapes.map(\.count).max() ?? 0
        var result = [Int](repeating: 1, count: rank)
        for shape in shapes {
            for (offset, extent) in shape.reversed().enumerated() {
                let position = rank - 1 - offset
                if result[position] == 1 {
                    result[position] = extent
                } else if extent != 1, extent != result[position] {
                    throw GraphError(.shapeMismatch, "shapes \(shapes) do not broadcast together")
                }
            }
        }
        _ = try count(result)
        return result
    }

    private static func count(_ extents: [Int]) throws(GraphError) -> Int {
        var product = 1
        for extent in extents {
            let (next, overflow) = product.multipliedReportingOverflow(by: extent)
            guard !overflow, next >= 0, next <= countLimit else {
                throw GraphError(.overflow, "a tensor of text of extents \(extents) is too large")
            }
            product = next
        }
        return product
    }

    /// For every element of `extents`, the position in row-major order of its source in a tensor of `shape`.
    static func sources(_ shape: [Int], to extents: [Int]) throws(GraphError) -> [Int] {
        let count = try count(extents)
        guard count > 0 else { return [] }
        var strides = [Int](repeating: 0, count: extents.count)
        var stride = 1
        for (offset, extent) in shape.reversed().enumerated() {
            if extent != 1 { strides[extents.count - 1 - offset] = stride }
            stride *= extent
        }
        var positions: [Int] = []
        var index = [Int](repeating: 0, count: extents.count)
        var source = 0
        for _ in 0..<count {
            positions.append(source)
            for axis in extents.indices.reversed() {
                index[axis] += 1
                source += strides[axis]
                if index[axis] < extents[axis] { break }
                source -= strides[axis] * extents[axis]
                index[axis] = 0
            }
        }
        return positions
    }

    /// The elements of `text` repeated over `extents`.
    static func repeated(_ text: ONNXText, to extents: [Int]) throws(GraphError) -> [String] {
        try sources(text.dimensions, to: extents).map { text.elements[$0] }
    }
}
