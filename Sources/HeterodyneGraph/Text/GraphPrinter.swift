// Heterodyne: graphs as text.
// SPDX-License-Identifier: Apache-2.0

/// What the text form shows.
public struct GraphTextOptions: Sendable, Hashable {
    /// Whether nodes are followed by their source locations as comments.
    public var includesLocations: Bool
    /// Whether constants longer than `inlineElementLimit` print as a digest. Such text is for people: it does not
    /// parse.
    public var elidesLargeLiterals: Bool
    /// Up to how many elements a constant is a list of numbers; longer ones are base64.
    public var inlineElementLimit: Int

    /// What the text form shows; the default is everything, so that it parses to an equal graph.
    public init(includesLocations: Bool = true, elidesLargeLiterals: Bool = false, inlineElementLimit: Int = 16) {
        self.includesLocations = includesLocations
        self.elidesLargeLiterals = elidesLargeLiterals
        self.inlineElementLimit = inlineElementLimit
    }
}

extension Graph: CustomStringConvertible {
    /// The text form. `Graph(parsing:composites:)` reads it back to an equal graph unless constants are elided.
    ///
    /// Values are numbered in order of definition. An input's number tells where it stands among the nodes.
    public func text(_ options: GraphTextOptions = GraphTextOptions()) -> String {
        var printer = GraphPrinter(options: options)
        printer.text = "heterodyne 1\n"
        printer.print(self, indentation: "")
        return printer.text + "\n"
    }

    /// The text form with long constants elided.
    public var description: String { text(GraphTextOptions(elidesLargeLiterals: true)) }
}

/// Prints one graph.
struct GraphPrinter {
    let options: GraphTextOptions
    var text = ""

    mutating func print(_ graph: Graph, indentation: String) {
        let numbers = graph.firstValueNumbers()
        func name(_ value: Value) -> String { "%\(numbers[Int(value.node)] + Int(value.result))" }

        text += "graph("
        for (index, input) in graph.inputs.enumerated() {
            let label = TextSpelling.quoted(graph.inputNames(at: input))
            text += "\(index == 0 ? "" : ", ")\(name(input)) \(label): \(graph.type(of: input))"
        }
        text += ") {\n"
        for (index, node) in graph.nodes.enumerated() {
            if case .parameter = node.operation { continue }
            text += indentation + "  "
            text += node.resultTypes.indices.map { "%\(numbers[index] + $0)" }.joined(separator: ", ")
            text += " = \(Self.spelling(of: node.operation))(\(node.operands.map(name).joined(separator: ", ")))"
            print(node.operation.attributes, indentation: indentation + "  ")
            text += " : " + node.resultTypes.map(\.description).joined(separator: ", ")
            if options.includesLocations, let location = node.location {
                // Escaped as in a string, so that a file name with a line break stays within the comment.
                text += "  // \(TextSpelling.quoted(location.file).dropFirst().dropLast()):\(location.line)"
            }
            text += "\n"
        }
        let outputs = graph.outputs.map { "\(TextSpelling.quoted($0.name)) = \(name($0.value))" }
        text += "\(indentation)  return \(outputs.joined(separator: ", "))\n\(indentation)}"
    }

    /// A composite whose name is a primitive's is quoted, so that it stays a composite.
    static func spelling(of operation: NodeOperation) -> String {
        if case .composite(let composite) = operation, PrimitiveCode(name: composite.name) != nil {
            return TextSpelling.quoted(composite.name)
        }
        return TextSpelling.name(operation.name)
    }

    private mutating func print(_ attributes: Attributes, indentation: String) {
        if attributes.entries.isEmpty { return }
        text += " {"
        for (index, entry) in attributes.entries.enumerated() {
            text += "\(index == 0 ? "" : ", ")\(TextSpelling.name(entry.name)) = "
            print(entry.value, indentation: indentation)
        }
        text += "}"
    }

    private mutating func print(_ value: AttributeValue, indentation: String) {
        switch value {
        case .bool(let flag): text += flag ? "true" : "false"
        case .integer(let integer): text += String(integer)
        case .number(let number): text += Self.number(number)
        case .string(let string): text += TextSpelling.quoted(string)
        case .integers(let list): text += "[\(list.map(String.init).joined(separator: ", "))]"
        case .numbers(let list):
            text += list.isEmpty ? "numbers[]" : "[\(list.map(Self.number).joined(separator: ", "))]"
        case .strings(let list):
            text += list.isEmpty ? "strings[]" : "[\(list.map(TextSpelling.quoted).joined(separator: ", "))]"
        case .dimensions(let list): text += "<\(list.map(\.description).joined(separator: ", "))>"
        case .scalarType(let type): text += type.name
        case .type(let type): text += type.description
        case .literal(let literal): print(literal)
        case .graph(let graph): print(graph, indentation: indentation)
        }
    }

    private static func number(_ number: Double) -> String { TextSpelling.element(number.bitPattern, .float64) }

    private mutating func print(_ literal: Literal) {
        let type = literal.type
        text += type.description
        switch literal.contents {
        case .splat(let bits): text += " splat \(TextSpelling.element(bits, type.scalarType))"
        case .dense(let storage):
            let count = (type.shape.fixedExtents ?? []).reduce(1) { $0 &* $1 }
            let paddingIsClear = type.scalarType.bitWidth != 4 || count % 2 == 0 || (storage.bytes.last ?? 0) < 16
            if count <= options.inlineElementLimit && paddingIsClear {
                let elements = (0..<count).map { TextSpelling.element(literal.bits(at: $0), type.scalarType) }
                text += " (\(elements.joined(separator: ", ")))"
            } else if options.elidesLargeLiterals {
                text += " elided \(TextSpelling.quoted("fnv1a " + Self.digest(storage.bytes)))"
            } else {
                text += " base64 \"\(TextSpelling.base64(storage.bytes))\""
            }
        }
    }

    /// The 64-bit FNV-1a hash, so that two dumps show whether a constant changed.
    private static func digest(_ bytes: UnsafeRawBufferPointer) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return TextSpelling.hex(hash, digits: 16)
    }
}

extension Graph {
    fileprivate func inputNames(at value: Value) -> String {
        if case .parameter(_, let name, _) = node(of: value).operation { name } else { "" }
    }
}
