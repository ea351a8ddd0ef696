// Heterodyne: the attributes of the node at hand.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension OperatorContext {
    /// The attribute `name`, with references to a function's parameters followed; nil where it is not given.
    func attribute(_ name: String) -> ONNXAttribute? {
        guard let attribute = node.attributes[name] else { return nil }
        if case .parameter(let outer, _) = attribute { return scope.parameters[outer] }
        return attribute
    }

    /// Whether the attribute is given.
    func hasAttribute(_ name: String) -> Bool { attribute(name) != nil }

    private func wrongKind(_ name: String, _ attribute: ONNXAttribute, _ expected: String) -> GraphError {
        GraphError(.invalidAttribute, "attribute \(quoted(name)) is a \(attribute.kind) where \(expected) is needed")
    }

    private func missing(_ name: String) -> GraphError {
        GraphError(.invalidAttribute, "attribute \(quoted(name)) is missing")
    }

    /// An integer, nil where it is not given.
    func optionalInt(_ name: String) throws(GraphError) -> Int? {
        guard let attribute = attribute(name) else { return nil }
        guard case .int(let number) = attribute else { throw wrongKind(name, attribute, "an integer") }
        return Int(number)
    }

    /// An integer.
    func int(_ name: String, default value: Int) throws(GraphError) -> Int { try optionalInt(name) ?? value }

    /// An integer that must be given.
    func int(_ name: String) throws(GraphError) -> Int {
        guard let number = try optionalInt(name) else { throw missing(name) }
        return number
    }

    /// An integer as a truth value.
    func bool(_ name: String, default value: Bool = false) throws(GraphError) -> Bool {
        try int(name, default: value ? 1 : 0) != 0
    }

    /// A list of integers, nil where it is not given.
    func optionalInts(_ name: String) throws(GraphError) -> [Int]? {
        guard let attribute = attribute(name) else { return nil }
        switch attribute {
        case .ints(let numbers): return numbers.map { Int($0) }
        case .floats(let numbers) where numbers.isEmpty: return []
        default: throw wrongKind(name, attribute, "a list of integers")
        }
    }

    /// A list of integers.
    func ints(_ name: String, default value: [Int]) throws(GraphError) -> [Int] { try optionalInts(name) ?? value }

    /// A list of integers that must be given.
    func ints(_ name: String) throws(GraphError) -> [Int] {
        guard let numbers = try optionalInts(name) else { throw missing(name) }
        return numbers
    }

    /// A number, nil where it is not given. The number is a binary32.
    func optionalFloat(_ name: String) throws(GraphError) -> Double? {
        guard let attribute = attribute(name) else { return nil }
        guard case .float(let number) = attribute else { throw wrongKind(name, attribute, "a number") }
        return Double(number)
    }

    /// A number. The default is rounded to binary32, as one in the file would be.
    func float(_ name: String, default value: Double) throws(GraphError) -> Double {
        try optionalFloat(name) ?? Double(Float(value))
    }

    /// A list of numbers, nil where it is not given.
    func optionalFloats(_ name: String) throws(GraphError) -> [Double]? {
        guard let attribute = attribute(name) else { return nil }
        switch attribute {
        case .floats(let numbers): return numbers.map { Double($0) }
        case .ints(let numbers) where numbers.isEmpty: return []
        default: throw wrongKind(name, attribute, "a list of numbers")
        }
    }

    /// Text, nil where it is not given.
    func optionalString(_ name: String) throws(GraphError) -> String? {
        guard let attribute = attribute(name) else { return nil }
        guard case .string(let bytes) = attribute else { throw wrongKind(name, attribute, "text") }
        return try decoded(name, bytes)
    }

    /// Text.
    func string(_ name: String, default value: String) throws(GraphError) -> String {
        try optionalString(name) ?? value
    }

    /// A list of text, nil where it is not given.
    func optionalStrings(_ name: String) throws(GraphError) -> [String]? {
        guard let attribute = attribute(name) else { return nil }
        guard case .strings(let list) = attribute else { throw wrongKind(name, attribute, "a list of text") }
        var result: [String] = []
        for bytes in list { result.append(try decoded(name, bytes)) }
        return result
    }

    private func decoded(_ name: String, _ bytes: [UInt8]) throws(GraphError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw GraphError(.invalidAttribute, "attribute \(quoted(name)) is not UTF-8 text")
        }
        return text
    }

    /// One of several spellings. Throws `invalidAttribute` with the list of them.
    func choice<Value>(
        _ name: String, default value: String, _ choices: KeyValuePairs<String, Value>
    ) throws(GraphError) -> Value {
        let text = try string(name, default: value)
        for (spelling, choice) in choices where spelling == text { return choice }
        let known = choices.map { "'\($0.key)'" }.joined(separator: ", ")
        throw GraphError(.invalidAttribute, "attribute \(quoted(name)) is \(quoted(text)); it may be \(known)")
    }

    /// A tensor, nil where it is not given.
    func optionalTensor(_ name: String) throws(GraphError) -> ONNXTensor? {
        guard let attribute = attribute(name) else { return nil }
        guard case .tensor(let tensor) = attribute else { throw wrongKind(name, attribute, "a tensor") }
        return tensor
    }

    /// A graph that must be given.
    func graph(_ name: String) throws(GraphError) -> ONNXGraph {
        guard let attribute = attribute(name) else { throw missing(name) }
        guard case .graph(let graph) = attribute else { throw wrongKind(name, attribute, "a graph") }
        return graph
    }

    /// An element type, given by its number; nil where it is not given.
    func optionalElementType(_ name: String) throws(GraphError) -> ONNXElementType? {
        guard let number = try optionalInt(name) else { return nil }
        guard let element = Int32(exactly: number).flatMap(ONNXElementType.init(rawValue:)) else {
            throw GraphError(.invalidAttribute, "attribute \(quoted(name)) is \(number), which is no element type")
        }
        return element
    }
}
