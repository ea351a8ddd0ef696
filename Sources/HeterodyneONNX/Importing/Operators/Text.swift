// Heterodyne: ONNX operators: text, which is computed while a model is imported.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension OperatorTable {
    /// Text.
    static let text: [OperatorRule] = [
        .values("StringConcat", since: 20) { (context) throws(GraphError) in [.text(try context.joinedText())] },
        .values("StringSplit", since: 20) { (context) throws(GraphError) in try context.splitText() },
        .values("StringNormalizer", since: 10) { (context) throws(GraphError) in
            [.text(try context.normalizedText())]
        },
        .term("RegexFullMatch", since: 20) { (context) throws(GraphError) in try context.matchedText() },
        .declined(
            "ImageDecoder", since: 20,
            because: "decoding image files has no meaning for tensors; give the model the decoded pixels"),
        .values("TfIdfVectorizer", since: 9) { (context) throws(GraphError) in
            [ImportedValue(try TermCounts(context).result())]
        },
    ]
}

extension OperatorContext {
    /// `StringConcat`: pairs of text joined, with NumPy's broadcasting.
    fileprivate func joinedText() throws(GraphError) -> ONNXText {
        let (a, b) = (try text(0), try text(1))
        var shape: [Int] = []
        let rank = max(a.dimensions.count, b.dimensions.count)
        for axis in 0..<rank {
            let x = a.extent(axis, ofRank: rank)
            let y = b.extent(axis, ofRank: rank)
            guard x == y || x == 1 || y == 1 else {
                throw GraphError(
                    .shapeMismatch, "text of shapes \(a.dimensions) and \(b.dimensions) does not broadcast")
            }
            shape.append(x == 1 ? y : x)
        }
        var joined = ONNXText(dimensions: shape, elements: [])
        for position in 0..<(try Self.textCount(shape)) {
            let left = a.elements[a.index(of: position, in: shape)]
            joined.elements.append(left + b.elements[b.index(of: position, in: shape)])
        }
        return joined
    }

    private static let textLimit = 1 << 24

    /// The elements of text of a shape. Throws `overflow` over the limit.
    static func textCount(_ shape: [Int]) throws(GraphError) -> Int {
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= textLimit else {
                throw GraphError(.overflow, "text of shape \(shape) has more than \(textLimit) elements")
            }
            count = product
        }
        return count
    }

    /// `StringSplit`: the parts of every element, filled up with empty text, and their numbers.
    fileprivate func splitText() throws(GraphError) -> [ImportedValue] {
        let text = try text(0)
        let delimiter = try string("delimiter", default: "")
        let most = try optionalInt("maxsplit").flatMap { $0 < 0 ? nil : $0 }
        var all: [[String]] = []
        for element in text.elements {
            all.append(
                delimiter.isEmpty
                    ? element.splitAtSpace(most: most) : element.split(at: Array(delimiter.unicodeScalars), most: most))
        }
        let width = all.map(\.count).max() ?? 0
        let shape = text.dimensions + [width]
        _ = try Self.textCount(shape)
        let parts = all.flatMap { $0 + [String](repeating: "", count: width - $0.count) }
        let counts = try Literal(all.map { Int64($0.count) }, shape: Shape(text.dimensions))
        return [
            .text(ONNXText(dimensions: shape, elements: parts)), ImportedValue(try builder.constant(counts)),
        ]
    }

    /// `StringNormalizer`: stop words taken away, then letters changed to one case.
    fileprivate func normalizedText() throws(GraphError) -> ONNXText {
        let text = try text(0)
        let isVector = text.dimensions.count == 1
        guard isVector || (text.dimensions.count == 2 && text.dimensions[0] == 1) else {
            throw GraphError(.shapeMismatch, "takes text of shape [n] or [1, n] and was given \(text.dimensions)")
        }
        let locale = try string("locale", default: "en_US")
        let language = locale.prefix { $0 != "_" && $0 != "-" && $0 != "." }.lowercased()
        guard !["tr", "az", "lt"].contains(language) else {
            throw GraphError(
                .unsupported,
                "the locale \(quoted(locale)) has rules of its own for the case of letters, which are not known")
        }
        let change = try choice(
            "case_change_action", default: "NONE",
            ["NONE": CaseChange.none, "LOWER": CaseChange.lower, "UPPER": CaseChange.upper])
        let isSensitive = try bool("is_case_sensitive")
        let words = try optionalStrings("stopwords") ?? []
        let stops = Set(isSensitive ? words : words.map { $0.lowercased() })
        var kept = text.elements.filter { !stops.contains(isSensitive ? $0 : $0.lowercased()) }
        switch change {
        case .none: break
        case .lower: kept = kept.map { $0.lowercased() }
        case .upper: kept = kept.map { $0.uppercased() }
        }
        if kept.isEmpty { kept = [""] }
        return ONNXText(dimensions: isVector ? [kept.count] : [1, kept.count], elements: kept)
    }

    /// `RegexFullMatch`: whether a pattern matches all of each element.
    fileprivate func matchedText() throws(GraphError) -> Term {
        let text = try text(0)
        guard let pattern = try optionalString("pattern") else {
            throw GraphError(.invalidAttribute, "attribute 'pattern' is missing")
        }
        let expression: RegularExpression
        do throws(RegularExpression.PatternError) { expression = try RegularExpression(pattern) } catch {
            throw GraphError(.invalidAttribute, "attribute 'pattern' is \(quoted(pattern)): \(error.message)")
        }
        return try builder.constant(
            Literal(text.elements.map { expression.matchesAll(of: $0) }, shape: Shape(text.dimensions)))
    }

    private enum CaseChange { case none, lower, upper }
}

extension ONNXText {
    /// The extent of an axis among `rank` axes, of which this text has the last ones.
    fileprivate func extent(_ axis: Int, ofRank rank: Int) -> Int {
        let own = axis - (rank - dimensions.count)
        return own < 0 ? 1 : dimensions[own]
    }

    /// The index of the element that stands at `position` when the text is repeated to `shape`.
    fileprivate func index(of position: Int, in shape: [Int]) -> Int {
        var rest = position
        var index = 0
        var stride = 1
        for axis in shape.indices.reversed() where shape[axis] > 0 {
            let coordinate = rest % shape[axis]
            rest /= shape[axis]
            let own = extent(axis, ofRank: shape.count)
            if own > 1 { index += coordinate * stride }
            stride *= own
        }
        return index
    }
}

extension String {
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }

    /// The parts between runs of white space, of which leading and trailing ones are ignored; after `most` cuts the rest
    /// is one part.
    fileprivate func splitAtSpace(most: Int?) -> [String] {
        let scalars = Array(unicodeScalars)
        var parts: [String] = []
        var index = 0
        while true {
            while index < scalars.count, Self.isSpace(scalars[index]) { index += 1 }
            guard index < scalars.count else { return parts }
            var end = index
            if parts.count == most {
                end = scalars.count
            } else {
                while end < scalars.count, !Self.isSpace(scalars[end]) { end += 1 }
            }
            parts.append(String(String.UnicodeScalarView(scalars[index..<end])))
            index = end
        }
    }

    /// The parts between occurrences of a delimiter; after `most` cuts the rest is one part.
    fileprivate func split(at delimiter: [Unicode.Scalar], most: Int?) -> [String] {
        let scalars = Array(unicodeScalars)
        var parts: [String] = []
        var (start, index) = (0, 0)
        while index + delimiter.count <= scalars.count, parts.count != most {
            if scalars[index..<index + delimiter.count].elementsEqual(delimiter) {
                parts.append(String(String.UnicodeScalarView(scalars[start..<index])))
                index += delimiter.count
                start = index
            } else {
                index += 1
            }
        }
        parts.append(String(String.UnicodeScalarView(scalars[start...])))
        return parts
    }
}
