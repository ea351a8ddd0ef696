// Heterodyne: attribute values, types, extents and constants of the text form.
// SPDX-License-Identifier: Apache-2.0

extension GraphParser {
    /// Most numbers, symbols and operators in one extent, and how deep `floor` may nest in it.
    private static let maximumExtentLength = 1024
    private static let maximumExtentDepth = 8

    mutating func attributeValue(depth: Int) throws(GraphError) -> AttributeValue {
        switch token {
        case .string(let text):
            try advance()
            return .string(text)
        case .symbol("["): return try listValue()
        case .symbol("<"):
            try advance()
            var dimensions: [Extent] = []
            try list(until: ">") { (parser) throws(GraphError) in dimensions.append(try parser.extent()) }
            return .dimensions(dimensions)
        case .identifier("true"), .identifier("false"):
            let flag = token == .identifier("true")
            try advance()
            return .bool(flag)
        case .identifier("graph"): return .graph(try graph(depth: depth + 1))
        case .identifier("numbers"), .identifier("strings"):
            let isNumbers = token == .identifier("numbers")
            try advance()
            try expect("[")
            try expect("]")
            return isNumbers ? .numbers([]) : .strings([])
        case .identifier(let name):
            guard let scalarType = ScalarType(name: name) else { return try numeric() }
            try advance()
            guard isSymbol("[") else { return .scalarType(scalarType) }
            return try typed(TensorType(scalarType, try shape()))
        case .symbol("-"), .integer, .number: return try numeric()
        default: throw expected("an attribute's value")
        }
    }

    /// An integer, or a number with a point, an exponent, `inf` or `nan`.
    private mutating func numeric() throws(GraphError) -> AttributeValue {
        let start = offset
        let isNegative = try accept("-")
        if case .integer(let digits) = token {
            guard let value = Int(isNegative ? "-" + digits : digits) else {
                throw failure("\(isNegative ? "-" : "")\(token.text) does not fit in 64 bits", at: start)
            }
            try advance()
            return .integer(value)
        }
        return .number(Double(bitPattern: try float(.float64, isNegative: isNegative, "an attribute's value")))
    }

    private mutating func listValue() throws(GraphError) -> AttributeValue {
        try expect("[")
        var (integers, numbers, strings) = ([Int](), [Double](), [String]())
        var count = 0
        try list(until: "]") { (parser) throws(GraphError) in
            let start = parser.offset
            count += 1
            if case .string(let text) = parser.token {
                try parser.advance()
                strings.append(text)
            } else {
                switch try parser.numeric() {
                case .integer(let value): integers.append(value)
                case .number(let value): numbers.append(value)
                default: throw parser.failure("a list holds integers, numbers or strings", at: start)
                }
            }
            guard [integers.count, numbers.count, strings.count].contains(count) else {
                throw parser.failure("the items of a list are all integers, all numbers or all strings", at: start)
            }
        }
        if !strings.isEmpty { return .strings(strings) }
        return numbers.isEmpty ? .integers(integers) : .numbers(numbers)
    }

    // MARK: Types and extents

    mutating func tensorType() throws(GraphError) -> TensorType {
        guard case .identifier(let name) = token, let scalarType = ScalarType(name: name) else {
            throw expected("a tensor type, such as float32[2, 3]")
        }
        try advance()
        return TensorType(scalarType, try shape())
    }

    private mutating func shape() throws(GraphError) -> Shape {
        try expect("[")
        var extents: [Extent] = []
        try list(until: "]") { (parser) throws(GraphError) in extents.append(try parser.extent()) }
        return Shape(extents)
    }

    private mutating func extent() throws(GraphError) -> Extent {
        let start = offset
        var budget = Self.maximumExtentLength
        do { return try sum(depth: 0, &budget) } catch {
            throw error.kind == .parse ? error : located(error, at: start)
        }
    }

    private mutating func sum(depth: Int, _ budget: inout Int) throws(GraphError) -> Extent {
        guard depth <= Self.maximumExtentDepth else { throw failure("this extent is nested too deep", at: offset) }
        var total = try product(isNegative: try accept("-"), depth: depth, &budget)
        while isSymbol("+") || isSymbol("-") {
            let isNegative = isSymbol("-")
            try advance()
            total = try total.adding(try product(isNegative: isNegative, depth: depth, &budget))
        }
        return total
    }

    private mutating func product(
        isNegative: Bool, depth: Int, _ budget: inout Int
    ) throws(GraphError) -> Extent {
        var result: Extent
        if isNegative, case .integer(let digits) = token {
            // The sign belongs to the number: the smallest integer has no positive counterpart.
            result = .fixed(try integer("-" + digits))
        } else {
            result = try factor(depth: depth, &budget)
            if isNegative { result = try result.multiplied(by: -1) }
        }
        while try accept("*") { result = try result.multiplied(by: try factor(depth: depth, &budget)) }
        return result
    }

    private mutating func integer(_ digits: String) throws(GraphError) -> Int {
        guard let value = Int(digits) else {
            throw failure("\(GraphLexer.shortened(digits)) does not fit in 64 bits", at: offset)
        }
        try advance()
        return value
    }

    private mutating func factor(depth: Int, _ budget: inout Int) throws(GraphError) -> Extent {
        budget -= 1
        guard budget > 0 else { throw failure("this extent is too long", at: offset) }
        switch token {
        case .integer(let digits): return .fixed(try integer(digits))
        case .string(let name):
            try advance()
            return .symbol(name)
        case .identifier(let name):
            try advance()
            guard name == "floor", try accept("(") else { return .symbol(name) }
            let dividend = try sum(depth: depth + 1, &budget)
            try expect(",")
            guard case .integer(let digits) = token else { throw expected("a positive divisor") }
            let divisor = try integer(digits)
            try expect(")")
            return try dividend.floorDivided(by: divisor)
        case .symbol("("):
            try advance()
            let inner = try sum(depth: depth + 1, &budget)
            try expect(")")
            return inner
        default: throw expected("a number or symbol of an extent")
        }
    }

    // MARK: Constants

    /// What may follow a tensor type: nothing, or the elements of a constant.
    private mutating func typed(_ type: TensorType) throws(GraphError) -> AttributeValue {
        let start = offset
        do throws(GraphError) {
            switch token {
            case .identifier("splat"):
                try type.validate()
                try advance()
                return .literal(Literal(splatBits: try element(type.scalarType), type: type))
            case .symbol("("):
                try type.validate()
                return .literal(try elements(type))
            case .identifier("base64"):
                try type.validate()
                try advance()
                let dataStart = offset
                let text = try string("base64 in quotes")
                guard let bytes = TextSpelling.decodeBase64(text.utf8) else {
                    throw failure("this is not base64 with padding", at: dataStart)
                }
                let storage = bytes.withUnsafeBytes { LiteralStorage(copying: $0) }
                return .literal(try Literal(type: type, storage: storage))
            case .identifier("elided"):
                throw failure(
                    "this constant was elided when the text was printed; print without elidesLargeLiterals", at: start)
            default: return .type(type)
            }
        } catch { throw error.kind == .parse ? error : located(error, at: start) }
    }

    private mutating func elements(_ type: TensorType) throws(GraphError) -> Literal {
        let count = try type.elementCount()
        let width = type.scalarType.bitWidth
        try expect("(")
        var bytes: [UInt8] = []
        var read = 0
        try list(until: ")") { (parser) throws(GraphError) in
            guard read < count else { throw parser.expected("')' after the \(count) elements of \(type)") }
            let bits = try parser.element(type.scalarType)
            if width == 4, read % 2 == 1 {
                bytes[bytes.count - 1] |= UInt8(truncatingIfNeeded: bits << 4)
            } else {
                for byte in 0..<max(1, width / 8) { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))) }
            }
            read += 1
        }
        guard read == count else {
            throw failure("\(read) elements are given where \(type) has \(count)", at: offset)
        }
        return try Literal(type: type, storage: bytes.withUnsafeBytes { LiteralStorage(copying: $0) })
    }

    /// The bits of one element. `0x…` gives the bits themselves in every type.
    private mutating func element(_ type: ScalarType) throws(GraphError) -> UInt64 {
        let start = offset
        if case .bits(let bits) = token {
            guard type.bitWidth == 64 || bits >> UInt64(type.bitWidth) == 0 else {
                throw failure("\(token.text) has more bits than \(type)", at: start)
            }
            try advance()
            return bits
        }
        if type == .bool {
            guard token == .identifier("true") || token == .identifier("false") else {
                throw expected("true or false")
            }
            let bits: UInt64 = token == .identifier("true") ? 1 : 0
            try advance()
            return bits
        }
        let isNegative = try accept("-")
        if type.isFloatingPoint { return try float(type, isNegative: isNegative, "an element of \(type)") }
        guard case .integer(let digits) = token else { throw expected("an element of \(type)") }
        let text = isNegative ? "-" + digits : digits
        guard let bits = Self.integerBits(text, type) else {
            throw failure("\(GraphLexer.shortened(text)) is out of range for \(type)", at: start)
        }
        try advance()
        return bits
    }

    private static func integerBits(_ text: String, _ type: ScalarType) -> UInt64? {
        if type == .uint64 { return UInt64(text) }
        guard let value = Int64(text) else { return nil }
        let mask: UInt64 = type.bitWidth == 64 ? .max : (1 << UInt64(type.bitWidth)) - 1
        let bits = UInt64(bitPattern: value) & mask
        if type == .int64 { return bits }
        // Everything narrower is exact as a number, so reading the bits back tells whether the value fits.
        return type.number(fromBits: bits) == Double(value) && value.magnitude < 1 << 33 ? bits : nil
    }

    /// A number, `inf`, `nan` or `nan:` and the bits of another NaN, after its sign.
    private mutating func float(
        _ type: ScalarType, isNegative: Bool, _ what: String
    ) throws(GraphError) -> UInt64 {
        let start = offset
        switch token {
        case .identifier("inf"):
            let bits = type.bits(of: isNegative ? -.infinity : .infinity)
            guard type.number(fromBits: bits).isInfinite else { throw failure("\(type) has no infinity", at: start) }
            try advance()
            return bits
        case .identifier("nan") where !isNegative:
            try advance()
            guard try accept(":") else { return type.bits(of: .nan) }
            guard case .bits(let bits) = token, type.bitWidth == 64 || bits >> UInt64(type.bitWidth) == 0,
                type.number(fromBits: bits).isNaN
            else { throw expected("the bits of a \(type) NaN, such as 0x…") }
            try advance()
            return bits
        case .integer(let digits), .number(let digits):
            guard let bits = Self.floatBits(isNegative ? "-" + digits : digits, type) else {
                throw failure("\(token.text) is out of range for \(type)", at: start)
            }
            try advance()
            return bits
        default: throw expected(what)
        }
    }

    /// `text` rounded once to `type`, or nil where it is beyond the largest finite value.
    private static func floatBits(_ text: String, _ type: ScalarType) -> UInt64? {
        switch type {
        case .float64: return Double(text).flatMap { $0.isFinite ? $0.bitPattern : nil }
        case .float32: return Float(text).flatMap { $0.isFinite ? UInt64($0.bitPattern) : nil }
        case .float16: return Float16(text).flatMap { $0.isFinite ? UInt64($0.bitPattern) : nil }
        default:
            guard let number = Double(text) else { return nil }
            let bits = type.bits(of: number)
            return type.number(fromBits: bits).isFinite ? bits : nil
        }
    }
}
