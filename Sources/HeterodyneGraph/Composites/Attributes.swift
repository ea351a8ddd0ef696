// Heterodyne: attributes as data, for the text form, the plugin interface and reports.
// SPDX-License-Identifier: Apache-2.0

/// The value of one attribute.
public enum AttributeValue: Sendable, Hashable {
    /// A truth value.
    case bool(Bool)
    /// An integer.
    case integer(Int)
    /// A number; compared by bits, so NaN equals itself and -0 is not +0.
    case number(Double)
    /// Text.
    case string(String)
    /// A list of integers.
    case integers([Int])
    /// A list of numbers.
    case numbers([Double])
    /// A list of strings.
    case strings([String])
    /// A list of possibly symbolic extents.
    case dimensions([Extent])
    /// A scalar type.
    case scalarType(ScalarType)
    /// A tensor type.
    case type(TensorType)
    /// Constant data.
    case literal(Literal)
    /// A region.
    case graph(Graph)
}

extension AttributeValue {
    /// Same kind and value; numbers by bits.
    public static func == (a: AttributeValue, b: AttributeValue) -> Bool {
        switch (a, b) {
        case (.bool(let x), .bool(let y)): x == y
        case (.integer(let x), .integer(let y)): x == y
        case (.number(let x), .number(let y)): x.bitPattern == y.bitPattern
        case (.string(let x), .string(let y)): x == y
        case (.integers(let x), .integers(let y)): x == y
        case (.numbers(let x), .numbers(let y)): x.map(\.bitPattern) == y.map(\.bitPattern)
        case (.strings(let x), .strings(let y)): x == y
        case (.dimensions(let x), .dimensions(let y)): x == y
        case (.scalarType(let x), .scalarType(let y)): x == y
        case (.type(let x), .type(let y)): x == y
        case (.literal(let x), .literal(let y)): x == y
        case (.graph(let x), .graph(let y)): x == y
        case (.bool, _), (.integer, _), (.number, _), (.string, _), (.integers, _), (.numbers, _), (.strings, _),
            (.dimensions, _), (.scalarType, _), (.type, _), (.literal, _), (.graph, _):
            false
        }
    }

    /// Kind and value.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .bool(let x): hasher.combine(x)
        case .integer(let x): hasher.combine(x)
        case .number(let x): hasher.combine(x.bitPattern)
        case .string(let x): hasher.combine(x)
        case .integers(let x): hasher.combine(x)
        case .numbers(let x): hasher.combine(x.map(\.bitPattern))
        case .strings(let x): hasher.combine(x)
        case .dimensions(let x): hasher.combine(x)
        case .scalarType(let x): hasher.combine(x)
        case .type(let x): hasher.combine(x)
        case .literal(let x): hasher.combine(x)
        case .graph(let x): hasher.combine(x)
        }
    }
}

/// Named attributes in a fixed order.
public struct Attributes: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One named attribute.
    public struct Entry: Sendable, Hashable {
        /// The name, unique in its list.
        public let name: String
        /// The value.
        public let value: AttributeValue
    }

    /// The attributes in the order in which the operation declares them.
    public private(set) var entries: [Entry]

    /// No attributes.
    public init() { entries = [] }

    /// The given attributes in order.
    public init(dictionaryLiteral elements: (String, AttributeValue)...) {
        entries = elements.map { Entry(name: $0.0, value: $0.1) }
    }

    /// Appends an attribute. Throws `invalidAttribute` where the name is taken.
    public mutating func append(_ name: String, _ value: AttributeValue) throws(GraphError) {
        guard self[name] == nil else { throw GraphError(.invalidAttribute, "attribute '\(name)' is given twice") }
        entries.append(Entry(name: name, value: value))
    }

    /// Adds or replaces an attribute.
    public mutating func set(_ name: String, _ value: AttributeValue) {
        entries.removeAll { $0.name == name }
        entries.append(Entry(name: name, value: value))
    }

    /// The value of the attribute called `name`, or nil.
    public subscript(name: String) -> AttributeValue? { entries.first { $0.name == name }?.value }

    /// The regions among the values, in order.
    public var regions: [Graph] {
        entries.compactMap { if case .graph(let graph) = $0.value { graph } else { nil } }
    }
}

/// Reads the attributes of one operation and reports what is missing, of the wrong kind or unknown.
public struct AttributeReader {
    private let attributes: Attributes
    private let operation: String
    private var used: Set<String> = []

    /// A reader of the attributes of `operation`.
    public init(_ attributes: Attributes, operation: String) {
        self.attributes = attributes
        self.operation = operation
    }

    private mutating func value(_ name: String) throws(GraphError) -> AttributeValue {
        guard let value = optionalValue(name) else {
            throw GraphError(.invalidAttribute, "attribute '\(name)' is missing", operation: operation)
        }
        return value
    }

    private mutating func optionalValue(_ name: String) -> AttributeValue? {
        used.insert(name)
        return attributes[name]
    }

    private func wrongKind(_ name: String, _ kind: String) -> GraphError {
        GraphError(.invalidAttribute, "attribute '\(name)' is not \(kind)", operation: operation)
    }

    /// Whether the attribute is present.
    public func has(_ name: String) -> Bool { attributes[name] != nil }

    /// The truth value called `name`.
    public mutating func bool(_ name: String) throws(GraphError) -> Bool {
        guard case .bool(let value) = try value(name) else { throw wrongKind(name, "true or false") }
        return value
    }

    /// The integer called `name`.
    public mutating func integer(_ name: String) throws(GraphError) -> Int {
        guard case .integer(let value) = try value(name) else { throw wrongKind(name, "an integer") }
        return value
    }

    /// The integer called `name`, or nil where it is absent.
    public mutating func optionalInteger(_ name: String) throws(GraphError) -> Int? {
        has(name) ? try integer(name) : nil
    }

    /// The number called `name`.
    public mutating func number(_ name: String) throws(GraphError) -> Double {
        switch try value(name) {
        case .number(let value): return value
        case .integer(let value): return Double(value)
        default: throw wrongKind(name, "a number")
        }
    }

    /// The number called `name`, or nil where it is absent.
    public mutating func optionalNumber(_ name: String) throws(GraphError) -> Double? {
        has(name) ? try number(name) : nil
    }

    /// The text called `name`.
    public mutating func string(_ name: String) throws(GraphError) -> String {
        guard case .string(let value) = try value(name) else { throw wrongKind(name, "a string") }
        return value
    }

    /// The case of an enumeration whose raw value is the text called `name`.
    public mutating func choice<T: RawRepresentable & CaseIterable>(
        _ name: String, as: T.Type = T.self
    ) throws(GraphError) -> T where T.RawValue == String {
        let text = try string(name)
        guard let value = T(rawValue: text) else {
            let choices = T.allCases.map(\.rawValue).joined(separator: ", ")
            throw GraphError(
                .invalidAttribute, "attribute '\(name)' is \"\(text)\"; choose from \(choices)", operation: operation)
        }
        return value
    }

    /// The list of integers called `name`.
    public mutating func integers(_ name: String) throws(GraphError) -> [Int] {
        guard case .integers(let value) = try value(name) else { throw wrongKind(name, "a list of integers") }
        return value
    }

    /// The list of numbers called `name`.
    public mutating func numbers(_ name: String) throws(GraphError) -> [Double] {
        guard case .numbers(let value) = try value(name) else { throw wrongKind(name, "a list of numbers") }
        return value
    }

    /// The list of strings called `name`.
    public mutating func strings(_ name: String) throws(GraphError) -> [String] {
        guard case .strings(let value) = try value(name) else { throw wrongKind(name, "a list of strings") }
        return value
    }

    /// The list of extents called `name`.
    public mutating func dimensions(_ name: String) throws(GraphError) -> [Extent] {
        guard case .dimensions(let value) = try value(name) else { throw wrongKind(name, "a shape") }
        return value
    }

    /// The scalar type called `name`.
    public mutating func scalarType(_ name: String) throws(GraphError) -> ScalarType {
        guard case .scalarType(let value) = try value(name) else { throw wrongKind(name, "a scalar type") }
        return value
    }

    /// The tensor type called `name`.
    public mutating func type(_ name: String) throws(GraphError) -> TensorType {
        guard case .type(let value) = try value(name) else { throw wrongKind(name, "a tensor type") }
        return value
    }

    /// The constant data called `name`.
    public mutating func literal(_ name: String) throws(GraphError) -> Literal {
        guard case .literal(let value) = try value(name) else { throw wrongKind(name, "a literal") }
        return value
    }

    /// The region called `name`.
    public mutating func graph(_ name: String) throws(GraphError) -> Graph {
        guard case .graph(let value) = try value(name) else { throw wrongKind(name, "a graph") }
        return value
    }

    /// Throws `invalidAttribute` where an attribute was given that nothing read.
    public func finish() throws(GraphError) {
        for entry in attributes.entries where !used.contains(entry.name) {
            throw GraphError(.invalidAttribute, "attribute '\(entry.name)' is unknown", operation: operation)
        }
    }
}
