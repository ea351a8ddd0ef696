// Heterodyne: text to graphs.
// SPDX-License-Identifier: Apache-2.0

extension Graph {
    /// The graph that `text` says, with `composites` (and `fused`, which is always known) by their names.
    ///
    /// Types are inferred anew and must be those that the text declares. Equal nodes become one. The text may come
    /// from anywhere: nesting, words and sizes are limited, and every mistake is an error.
    ///
    /// - Throws: `parse` with line, column and what was expected; for text that is well-formed and means no valid
    ///   graph, the kind that inference throws, with line and column as well.
    public init(parsing text: String, composites: CompositeRegistry = CompositeRegistry()) throws(GraphError) {
        var parser = try GraphParser(text, composites)
        self = try parser.document()
    }
}

/// Parses one document by recursive descent; recursion is bounded by `Graph.maximumRegionDepth`.
struct GraphParser {
    /// Most attributes of one node, which are looked up linearly.
    static let maximumAttributeCount = 256

    private var lexer: GraphLexer
    private let composites: CompositeRegistry
    /// The word to look at.
    private(set) var token = GraphLexer.Token.end
    /// Where it starts.
    private(set) var offset = 0

    init(_ text: String, _ composites: CompositeRegistry) throws(GraphError) {
        lexer = GraphLexer(text)
        var composites = composites
        if !composites.names.contains(FusedRegion.name) { composites.register(FusedRegion.self) }
        self.composites = composites
        try advance()
    }

    // MARK: Words

    mutating func advance() throws(GraphError) { (token, offset) = try lexer.next() }

    func expected(_ what: String) -> GraphError { lexer.error("expected \(what), found \(token.text)", at: offset) }

    func failure(_ message: String, at offset: Int) -> GraphError { lexer.error(message, at: offset) }

    /// `error` with line and column in front of its message.
    func located(_ error: GraphError, at offset: Int) -> GraphError {
        var result = lexer.error(error.message, at: offset, kind: error.kind)
        result.operation = error.operation
        return result
    }

    func isSymbol(_ character: Character) -> Bool { token == .symbol(character) }

    mutating func accept(_ character: Character) throws(GraphError) -> Bool {
        guard isSymbol(character) else { return false }
        try advance()
        return true
    }

    mutating func expect(_ character: Character) throws(GraphError) {
        guard try accept(character) else { throw expected("'\(character)'") }
    }

    mutating func expect(word: String) throws(GraphError) {
        guard token == .identifier(word) else { throw expected("'\(word)'") }
        try advance()
    }

    mutating func string(_ what: String) throws(GraphError) -> String {
        guard case .string(let text) = token else { throw expected(what) }
        try advance()
        return text
    }

    private mutating func value() throws(GraphError) -> String {
        guard case .value(let name) = token else { throw expected("a value, such as %1") }
        try advance()
        return name
    }

    /// Items separated by commas up to `end`, which is consumed.
    mutating func list(
        until end: Character, _ item: (inout GraphParser) throws(GraphError) -> Void
    ) throws(GraphError) {
        if try accept(end) { return }
        repeat { try item(&self) } while try accept(",")
        guard try accept(end) else { throw expected("',' or '\(end)'") }
    }

    // MARK: Graphs

    mutating func document() throws(GraphError) -> Graph {
        try expect(word: "heterodyne")
        guard token == .integer("1") else { throw expected("version 1 of the text form") }
        try advance()
        let graph = try graph(depth: 0)
        guard token == .end else { throw expected("the end of the text") }
        return graph
    }

    /// The values and inputs of one graph while it is read.
    private struct Scope {
        struct Input {
            let value: String
            let name: String
            let type: TensorType
            let offset: Int
        }

        let builder = GraphBuilder()
        var values: [String: Value] = [:]
        /// Values that nodes and inputs have defined.
        var count = 0
        var inputs: [Input] = []
        var inputValues: Set<String> = []
        /// Inputs that are in `builder` already.
        var placed = 0
    }

    mutating func graph(depth: Int) throws(GraphError) -> Graph {
        guard depth <= Graph.maximumRegionDepth else {
            throw failure("regions are nested more than \(Graph.maximumRegionDepth) deep", at: offset)
        }
        try expect(word: "graph")
        try expect("(")
        var scope = Scope()
        try list(until: ")") { (parser) throws(GraphError) in
            let offset = parser.offset
            let value = try parser.value()
            guard scope.inputValues.insert(value).inserted else {
                throw parser.failure("%\(value) is defined twice", at: offset)
            }
            let name = try parser.string("the input's name in quotes")
            try parser.expect(":")
            scope.inputs.append(.init(value: value, name: name, type: try parser.tensorType(), offset: offset))
        }
        try expect("{")
        while case .value = token { try node(&scope, depth: depth) }
        try place(&scope, count: scope.inputs.count)
        guard token == .identifier("return") else { throw expected("a node or 'return'") }
        try advance()
        repeat {
            let start = offset
            let name = try string("the output's name in quotes")
            try expect("=")
            let value = try operand(&scope)
            do { try scope.builder.output(name, Term(scope.builder, value)) } catch { throw located(error, at: start) }
        } while try accept(",")
        try expect("}")
        do { return try scope.builder.build() } catch { throw located(error, at: offset) }
    }

    /// Adds inputs up to `count` of them to the builder.
    private func place(_ scope: inout Scope, count: Int) throws(GraphError) {
        while scope.placed < count {
            let input = scope.inputs[scope.placed]
            scope.placed += 1
            do {
                scope.values[input.value] = try scope.builder.input(input.name, input.type).value
            } catch { throw located(error, at: input.offset) }
            scope.count += 1
        }
    }

    /// Adds the inputs whose numbers say that they come before the next node. The printer numbers values in order of
    /// definition, so an input may stand between nodes; names that are no numbers come at once.
    private func placeInputsInOrder(_ scope: inout Scope) throws(GraphError) {
        while scope.placed < scope.inputs.count {
            if let number = Int(scope.inputs[scope.placed].value), number > scope.count { return }
            try place(&scope, count: scope.placed + 1)
        }
    }

    private mutating func operand(_ scope: inout Scope) throws(GraphError) -> Value {
        let start = offset
        let name = try value()
        if let value = scope.values[name] { return value }
        if let late = scope.inputs[scope.placed...].firstIndex(where: { $0.value == name }) {
            try place(&scope, count: late + 1)
            if let value = scope.values[name] { return value }
        }
        throw failure("%\(name) is not defined before its use", at: start)
    }

    // MARK: Nodes

    private mutating func node(_ scope: inout Scope, depth: Int) throws(GraphError) {
        try placeInputsInOrder(&scope)
        var results: [(name: String, offset: Int)] = []
        repeat {
            let start = offset
            results.append((try value(), start))
        } while try accept(",")
        try expect("=")
        let start = offset
        let name = token
        switch name {
        case .identifier, .string: try advance()
        default: throw expected("the name of an operation")
        }
        var operands: [Value] = []
        try expect("(")
        try list(until: ")") { (parser) throws(GraphError) in operands.append(try parser.operand(&scope)) }
        var attributes = Attributes()
        if try accept("{") {
            try list(until: "}") { (parser) throws(GraphError) in try parser.attribute(into: &attributes, depth: depth)
            }
        }
        let added: [Value]
        do {
            added = try scope.builder.add(try operation(name, attributes), operands)
        } catch { throw located(error, at: start) }
        try expect(":")
        let typesStart = offset
        var types: [TensorType] = []
        repeat { types.append(try tensorType()) } while try accept(",")
        let inferred = added.map { scope.builder.type(of: $0) }
        guard types == inferred else {
            throw located(
                GraphError(
                    .malformedGraph, "declares \(Rules.list(types)) where inference gives \(Rules.list(inferred))"),
                at: typesStart)
        }
        guard results.count == added.count else {
            throw failure("\(added.count) results are named by \(results.count) values", at: start)
        }
        for ((result, offset), value) in zip(results, added) {
            guard !scope.inputValues.contains(result), scope.values.updateValue(value, forKey: result) == nil else {
                throw failure("%\(result) is defined twice", at: offset)
            }
        }
        scope.count += added.count
    }

    /// A name in quotes is a composite's also where a primitive has the same.
    private func operation(
        _ token: GraphLexer.Token, _ attributes: Attributes
    ) throws(GraphError) -> NodeOperation {
        switch token {
        case .identifier(let name):
            if let code = PrimitiveCode(name: name) {
                return .primitive(try Primitive(code: code, attributes: attributes))
            }
            return .composite(try composites.make(name, attributes))
        case .string(let name): return .composite(try composites.make(name, attributes))
        default: throw expected("the name of an operation")
        }
    }

    private mutating func attribute(into attributes: inout Attributes, depth: Int) throws(GraphError) {
        let start = offset
        let name: String
        switch token {
        case .identifier(let text), .string(let text): name = text
        default: throw expected("the name of an attribute")
        }
        try advance()
        try expect("=")
        let value = try attributeValue(depth: depth)
        guard attributes.entries.count < Self.maximumAttributeCount else {
            throw failure("a node has at most \(Self.maximumAttributeCount) attributes", at: start)
        }
        do { try attributes.append(name, value) } catch { throw located(error, at: start) }
    }
}
