// Heterodyne: reads the text of a requirement.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps

/// Reads the text of a requirement, by recursive descent:
///
///     either := both ('||' both)*
///     both   := one ('&&' one)*
///     one    := '!' one | '(' either ')' | clause
///     clause := TYPE ['.' USAGE] | FLAG | FIELD COMPARISON VALUE | FUNCTION '(' NAME (',' NAME)* ')'
struct RequirementParser {
    private let text: String
    private let tokens: [RequirementToken]
    private var position = 0

    /// How deep parentheses and negations may be nested.
    private static let maximumDepth = 64

    init(_ text: String) throws(RequirementError) {
        self.text = text
        var lexer = RequirementLexer(text)
        tokens = try lexer.tokens()
    }

    mutating func requirement() throws(RequirementError) -> Requirement.Expression {
        let result = try either(depth: 0)
        switch token.kind {
        case .end: return result
        case .close: throw error("there is no ( for this )")
        default: throw error("&& or || is expected here")
        }
    }

    // MARK: - Tokens

    /// The last token is the end and never passed.
    private var token: RequirementToken { tokens[position] }

    private mutating func advance() { if position + 1 < tokens.count { position += 1 } }

    private func error(_ message: String, at place: Int? = nil) -> RequirementError {
        RequirementError(message: message, text: text, position: place ?? token.range.lowerBound)
    }

    // MARK: - Grammar

    private mutating func either(depth: Int) throws(RequirementError) -> Requirement.Expression {
        var parts = [try both(depth: depth)]
        while token.kind == .or {
            advance()
            parts.append(try both(depth: depth))
        }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func both(depth: Int) throws(RequirementError) -> Requirement.Expression {
        var parts = [try one(depth: depth)]
        while token.kind == .and {
            advance()
            parts.append(try one(depth: depth))
        }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func one(depth: Int) throws(RequirementError) -> Requirement.Expression {
        guard depth < Self.maximumDepth else {
            throw error("parentheses and ! are nested more than \(Self.maximumDepth) deep")
        }
        let start = token.range.lowerBound
        switch token.kind {
        case .not:
            advance()
            let inner = try one(depth: depth + 1)
            return .not(inner, start..<tokens[position - 1].range.upperBound)
        case .open:
            advance()
            let inner = try either(depth: depth + 1)
            guard token.kind == .close else { throw error("a ) is missing for the ( at character \(start + 1)") }
            advance()
            return inner
        case .name(let name): return try clause(name)
        case .end: throw error(start == 0 ? "the requirement is empty" : "something is missing at the end")
        case .number, .text: throw error("a fact about the device comes first, then the comparison: memory>=8GiB")
        case .and, .or, .close, .comma, .comparison: throw error("a requirement is expected here, such as float64")
        }
    }

    private mutating func clause(_ name: String) throws(RequirementError) -> Requirement.Expression {
        let start = token.range.lowerBound
        advance()
        let clause = try clause(name, start)
        return .clause(clause, start..<tokens[position - 1].range.upperBound)
    }

    private mutating func clause(_ name: String, _ start: Int) throws(RequirementError) -> Requirement.Clause {
        if case .open = token.kind { return try call(name, start) }
        if let field = Requirement.NumberField(rawValue: name) { return try number(field) }
        if let field = Requirement.TextField(rawValue: name) { return try textual(field) }
        if case .comparison = token.kind {
            throw error("'\(name)' is nothing to compare; there are \(Self.fields)", at: start)
        }
        if let flag = Requirement.Flag(rawValue: name) { return .flag(flag) }
        if let type = ScalarType(name: name) { return .computes(type) }
        let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, let type = ScalarType(name: String(parts[0])) {
            guard let usage = Self.usages.first(where: { $0.0 == parts[1] })?.1 else {
                let names = Self.usages.map(\.0).joined(separator: ", ")
                throw error(
                    "'\(parts[1])' is no usage of a scalar type; there are \(names)", at: start + parts[0].count + 1)
            }
            return .uses(type, usage)
        }
        throw error("'\(name)' is not known; \(Self.vocabulary)", at: start)
    }

    private mutating func number(_ field: Requirement.NumberField) throws(RequirementError) -> Requirement.Clause {
        guard case .comparison(let comparison) = token.kind else {
            throw error(
                "'\(field.rawValue)' is compared with a number: \(field.rawValue)>=\(field.isMemory ? "8GiB" : "8")")
        }
        guard comparison != .contains, comparison != .containsNot else {
            throw error("'\(field.rawValue)' is a number; compare it with ==, !=, <, <=, > or >=")
        }
        advance()
        guard case .number(let value, let hasUnit) = token.kind else {
            throw error("a number is expected here, such as \(field.isMemory ? "8GiB" : "8")")
        }
        guard field.isMemory || !hasUnit else { throw error("'\(field.rawValue)' is a count and has no unit") }
        advance()
        return .number(field, comparison, value)
    }

    private mutating func textual(_ field: Requirement.TextField) throws(RequirementError) -> Requirement.Clause {
        guard case .comparison(let comparison) = token.kind else {
            throw error("'\(field.rawValue)' is compared with a text: \(field.rawValue) == 'vulkan'")
        }
        guard [.equal, .notEqual, .contains, .containsNot].contains(comparison) else {
            throw error("'\(field.rawValue)' is a text; compare it with ==, !=, ~ (contains) or !~")
        }
        advance()
        let value: String
        switch token.kind {
        case .text(let text): value = text
        case .name(let name): value = name
        default: throw error("a text is expected here, such as 'vulkan'")
        }
        if field == .kind, comparison == .equal || comparison == .notEqual,
            DeviceDescriptor.Kind(rawValue: value) == nil
        {
            let kinds = DeviceDescriptor.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw error("'\(value)' is no kind of device; there are \(kinds)")
        }
        advance()
        return .text(field, comparison, value)
    }

    /// A function and its arguments.
    private mutating func call(_ name: String, _ start: Int) throws(RequirementError) -> Requirement.Clause {
        advance()
        var arguments: [(name: String, place: Int)] = []
        while true {
            guard case .name(let argument) = token.kind else {
                throw error("a name is expected here: \(Self.functions)")
            }
            arguments.append((argument, token.range.lowerBound))
            advance()
            if token.kind == .comma {
                advance()
                continue
            }
            guard token.kind == .close else { throw error("a ) is missing for '\(name)('") }
            advance()
            break
        }
        switch (name, arguments.count) {
        case ("emulated", 1): return .emulates(try type(arguments[0]))
        case ("supports", 2):
            guard SampleOperation(name: arguments[0].name) != nil else {
                throw error(
                    "there is no operation '\(arguments[0].name)'; devquery --ops lists them", at: arguments[0].place)
            }
            return .supports(arguments[0].name, try type(arguments[1]))
        case ("claims", 1):
            guard StandardComposites.all.contains(where: { $0.name == arguments[0].name }) else {
                throw error(
                    "there is no composite '\(arguments[0].name)'; devquery --ops lists them", at: arguments[0].place)
            }
            return .claims(arguments[0].name)
        case ("emulated", _), ("supports", _), ("claims", _):
            throw error("'\(name)' takes other arguments: \(Self.functions)", at: start)
        default: throw error("there is no function '\(name)': \(Self.functions)", at: start)
        }
    }

    private func type(_ argument: (name: String, place: Int)) throws(RequirementError) -> ScalarType {
        guard let type = ScalarType(name: argument.name) else {
            let types = ScalarType.allCases.map(\.name).joined(separator: ", ")
            throw error("'\(argument.name)' is no scalar type; there are \(types)", at: argument.place)
        }
        return type
    }

    // MARK: - What there is

    private static let usages: [(String, ScalarUsage)] = [
        ("storage", .storage), ("convert", .convert), ("arithmetic", .arithmetic), ("dot", .dot),
        ("accumulate", .accumulate), ("atomicAdd", .atomicAdd), ("matrixEngine", .matrixEngine),
    ]
    private static let functions = "supports(OPERATION, TYPE), claims(COMPOSITE), emulated(TYPE)"
    private static let fields =
        (Requirement.NumberField.allCases.map(\.rawValue)
        + Requirement.TextField.allCases.map(\.rawValue)).joined(separator: ", ")
    private static let vocabulary =
        "there are scalar types (float64, float64.storage), \(fields), "
        + Requirement.Flag.allCases.map(\.rawValue).joined(separator: ", ") + ", \(functions)"
}
