// Heterodyne: the page on the primitives says what the table of primitives says.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import Testing

@Suite("docs/Primitives.md")
struct PrimitiveDocumentTests {
    /// One row of the page.
    struct Row {
        var code: Int
        var name: String
        var operands: [String]
        var attributes: [String]
        var types: String
        var definition: String
    }

    let text: String
    let rows: [Row]

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        text = try String(contentsOf: root.appending(path: "docs/Primitives.md"), encoding: .utf8)
        rows = text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 6, let code = Int(cells[0]) else { return nil }
            let list = { (cell: String) in cell.isEmpty ? [] : cell.components(separatedBy: ", ") }
            return Row(
                code: code, name: cells[1], operands: list(cells[2]), attributes: list(cells[3]), types: cells[4],
                definition: cells[5])
        }
    }

    @Test("Every primitive has its row, by code and name")
    func codesAndNames() {
        #expect(rows.map(\.code) == PrimitiveCode.allCases.map { Int($0.rawValue) })
        #expect(rows.map(\.name) == PrimitiveCode.allCases.map { "`\($0.name)`" })
        for row in rows { #expect(row.definition.count > 5 && row.definition.hasSuffix("."), "\(row.name)") }
    }

    /// What the page and the plugin interface call the kind of an attribute.
    static func kind(_ value: AttributeValue) -> String {
        switch value {
        case .bool: "BOOL"
        case .integer: "INTEGER"
        case .number: "NUMBER"
        case .string: "STRING"
        case .integers: "INTEGERS"
        case .numbers: "NUMBERS"
        case .strings: "STRINGS"
        case .dimensions: "EXTENTS"
        case .scalarType: "SCALAR_TYPE"
        case .type: "TYPE"
        case .literal: "LITERAL"
        case .graph: "GRAPH"
        }
    }

    @Test("Attributes and their kinds, in the order in which they are declared")
    func attributes() throws {
        for sample in try PrimitiveCase.all() {
            let row = try #require(rows.first { $0.code == Int(sample.primitive.code.rawValue) })
            let expected = sample.primitive.attributes.entries.map { "`\($0.name)` \(Self.kind($0.value))" }
            #expect(row.attributes == expected, "\(row.name)")
        }
    }

    @Test("Operands: as many as the samples have")
    func operands() throws {
        for sample in try PrimitiveCase.all() {
            let row = try #require(rows.first { $0.code == Int(sample.primitive.code.rawValue) })
            if row.operands.last?.hasSuffix("…") == true {
                #expect(sample.operands.count >= row.operands.count - 1, "\(row.name)")
            } else {
                #expect(sample.operands.count == row.operands.count, "\(row.name)")
                // One more is refused, so that the row is not of a primitive that takes any number.
                let more = sample.operands + [sample.operands.first ?? .scalar(.float32)]
                #expect(throws: GraphError.self, "\(row.name)") { try sample.primitive.inferTypes(more) }
            }
        }
    }

    /// The scalar types that a word in the column "types" stands for.
    private func set(_ word: String) -> Set<ScalarType>? {
        let arithmetic = Set(ScalarType.allCases.filter { $0 != .bool && !$0.isStorageOnly })
        switch word {
        case "any": return Set(ScalarType.allCases)
        case "numbers": return arithmetic
        case "floats": return arithmetic.filter(\.isFloatingPoint)
        case "integers": return arithmetic.filter(\.isInteger)
        case "bits": return arithmetic.filter(\.isInteger).union([.bool])
        case "ordered": return arithmetic.union([.bool])
        default: return nil
        }
    }

    /// A sample in another scalar type: what it computes with, not its indices and predicates.
    private func sample(
        _ code: PrimitiveCode, _ type: ScalarType
    ) throws(GraphError) -> (Primitive, [TensorType]) {
        let x = TensorType(type, [4, 3])
        let scalar = TensorType.scalar(type)
        let index = TensorType.scalar(.int64)
        let indices = TensorType(.int32, [2, 1])
        let accumulation = type.accumulationType
        func region() throws(GraphError) -> Graph {
            try GraphBuilder.region([x]) { (_, terms) throws(GraphError) in
                [try terms[0].reverse([0])]
            }
        }
        switch code {
        case .constant: return (.constant(Literal(splatBits: 0, type: x)), [])
        case .iota: return (.iota(x, dimension: 1), [])
        case .convert: return (.convert(.float32), [x])
        case .bitcast: return (.bitcast(type), [x])
        case .negate, .abs, .floor, .exp, .log, .sqrt, .sin, .cos, .tanh, .add, .subtract, .multiply, .divide,
            .remainder, .power, .maximum, .minimum, .and, .or, .xor, .shiftLeft, .shiftRight:
            let primitive = try Primitive(code: code, attributes: [:])
            if case .unary = primitive { return (primitive, [x]) }
            return (primitive, [x, x])
        case .compare: return (.compare(.less), [x, x])
        case .select: return (.select, [x.with(.bool), x, x])
        case .reshape: return (.reshape([12]), [x])
        case .transpose: return (.transpose(permutation: [1, 0]), [x])
        case .broadcast: return (.broadcast([2, 4, 3], dimensions: [1, 2]), [x])
        case .slice: return (.slice(starts: [1, 0], limits: [3, 3], strides: [1, 1]), [x])
        case .pad: return (.pad(low: [1, 0], high: [0, 0], interior: [0, 0]), [x, scalar])
        case .concatenate: return (.concatenate(dimension: 0), [x, x])
        case .reverse: return (.reverse(dimensions: [0]), [x])
        case .gather: return (.gather(dimensions: [0]), [x, indices])
        case .scatter: return (.scatter(.set, dimensions: [0]), [x, indices, TensorType(type, [2, 3])])
        case .dynamicSlice: return (.dynamicSlice(sizes: [2, 2]), [x, index, index])
        case .dynamicUpdateSlice: return (.dynamicUpdateSlice, [x, TensorType(type, [2, 2]), index, index])
        case .dot:
            let pairs = DotDimensions(leftContracting: [1], rightContracting: [1])
            return (.dot(pairs, accumulation: accumulation, result: accumulation), [x, x])
        case .reduce: return (.reduce(.sum, dimensions: [0]), [x])
        case .sort: return (.sort(dimension: 0, descending: false, indexType: .int32), [x])
        case .conditional:
            return (.conditional(then: try region(), otherwise: try region()), [.scalar(.bool), x])
        case .loop:
            let condition = try GraphBuilder.region([x]) { (builder, _) throws(GraphError) in
                [try builder.constant(Literal(true))]
            }
            return (.loop(condition: condition, body: try region()), [x])
        }
    }

    @Test("Types: what inference takes", arguments: PrimitiveCode.allCases)
    func types(code: PrimitiveCode) throws {
        let row = try #require(rows.first { $0.code == Int(code.rawValue) })
        var taken = Set<ScalarType>()
        for type in ScalarType.allCases {
            let (primitive, operands) = try sample(code, type)
            if (try? primitive.inferTypes(operands)) != nil { taken.insert(type) }
        }
        #expect(taken == set(row.types), "\(row.name)")
    }

    @Test("The sets of types are told as they are")
    func sets() throws {
        for word in ["floats", "integers"] {
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("  | \(word) |") })
            let named = line.matches(of: /`(\w+)`/).map { String($0.1) }
            #expect(Set(named) == Set(try #require(set(word)).map(\.description)), "\(word)")
        }
        #expect(set("numbers") == set("integers")?.union(set("floats") ?? []))
        for type in ScalarType.allCases { #expect(text.contains("`\(type)`"), "\(type) is not on the page") }
    }

    @Test("Every choice of an attribute is named")
    func choices() throws {
        func definition(_ code: PrimitiveCode) throws -> String {
            try #require(rows.first { $0.code == Int(code.rawValue) }).definition
        }
        for direction in ComparisonDirection.allCases {
            #expect(try definition(.compare).contains("`\(direction.rawValue)`"))
        }
        for kind in ReductionKind.allCases { #expect(try definition(.reduce).contains("`\(kind.rawValue)`")) }
        for mode in ScatterMode.allCases { #expect(try definition(.scatter).contains("`\(mode.rawValue)`")) }
    }
}
