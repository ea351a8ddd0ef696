// Heterodyne: the codes of the plugin interface are the raw values of the graph's own tables.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import Testing

@Suite("Plugin codes")
struct CodeTests {
    let header: InterfaceHeader

    init() throws { header = try InterfaceHeader.current() }

    /// `shiftLeft` as C writes it: `SHIFT_LEFT`.
    static func upperSnake(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : $1.uppercased() }
    }

    private func codes(of enumeration: String) throws -> [String: Int] {
        let entries = try #require(header.enumerations[enumeration], "no enumeration \(enumeration)")
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.value) })
    }

    @Test("Operations are the primitives, by name and by raw value")
    func operations() throws {
        var expected = ["HETERODYNE_PARAMETER": 0x10000, "HETERODYNE_COMPOSITE": 0x10001]
        for code in PrimitiveCode.allCases {
            expected["HETERODYNE_\(Self.upperSnake(code.name))"] = Int(code.rawValue)
        }
        expected["HETERODYNE_OPERATION_COUNT"] = PrimitiveCode.allCases.count
        #expect(try codes(of: "heterodyne_operation") == expected)
        // The compiler's word for two of them, beside that of the reader above.
        #expect(HETERODYNE_DYNAMIC_UPDATE_SLICE.rawValue == UInt32(PrimitiveCode.dynamicUpdateSlice.rawValue))
        #expect(HETERODYNE_WHILE.rawValue == UInt32(PrimitiveCode.loop.rawValue))
    }

    @Test("Scalar types are the graph's, by name and by raw value")
    func scalarTypes() throws {
        var expected: [String: Int] = [:]
        for type in ScalarType.allCases { expected["HETERODYNE_\(type.description.uppercased())"] = Int(type.rawValue) }
        expected["HETERODYNE_SCALAR_TYPE_COUNT"] = ScalarType.allCases.count
        #expect(try codes(of: "heterodyne_scalar_type") == expected)
    }

    @Test("Attribute kinds are the cases of an attribute's value")
    func attributeKinds() throws {
        let kinds = try codes(of: "heterodyne_attribute_kind")
        let graph = try GraphBuilder.region([.scalar(.float32)]) { (_, x) throws(GraphError) in [try x[0].negate()] }
        let samples: [AttributeValue] = [
            .bool(true), .integer(1), .number(1), .string(""), .integers([]), .numbers([]), .strings([]),
            .dimensions([]), .scalarType(.int8), .type(.scalar(.int8)), .literal(Literal([Float(1)])), .graph(graph),
        ]
        // The header calls the graph's dimensions extents: to a plugin they are numbers.
        for (index, sample) in samples.enumerated() {
            #expect(kinds["HETERODYNE_ATTRIBUTE_\(Self.upperSnake(AttributeKindName.of(sample)))"] == index)
        }
        #expect(kinds.count == samples.count)
    }

    @Test("Usages are the contract's bits")
    func usages() {
        let pairs: [(Int, ScalarUsage)] = [
            (HETERODYNE_STORAGE, .storage), (HETERODYNE_CONVERTS, .convert), (HETERODYNE_ARITHMETIC, .arithmetic),
            (HETERODYNE_DOTS, .dot), (HETERODYNE_ACCUMULATE, .accumulate), (HETERODYNE_ATOMIC_ADD, .atomicAdd),
            (HETERODYNE_MATRIX_ENGINE, .matrixEngine), (HETERODYNE_COMPUTE, .compute),
        ]
        for (code, usage) in pairs { #expect(code == Int(usage.rawValue)) }
    }

    @Test("Every kind of error and of device has a code")
    func errorsAndKinds() throws {
        let statuses = try codes(of: "heterodyne_status")
        // A loader's own reasons are no answer of a plugin.
        let fromPlugin: [BackendError.Kind] = [
            .deviceUnavailable, .libraryUnavailable, .unsupported, .outOfMemory, .invalidArgument, .compilationFailed,
            .executionFailed, .deviceLost, .cancelled,
        ]
        for kind in fromPlugin {
            #expect(statuses["HETERODYNE_\(Self.upperSnake(kind.rawValue))"] != nil, "\(kind.rawValue)")
        }
        #expect(statuses["HETERODYNE_OK"] == 0 && statuses.count == fromPlugin.count + 3)
        let kinds = try codes(of: "heterodyne_device_kind")
        for kind in DeviceDescriptor.Kind.allCases {
            let name = Self.upperSnake(kind.rawValue).replacing("G_P_U", with: "GPU")
            #expect(kinds["HETERODYNE_\(name)"] != nil, "\(kind.rawValue)")
        }
        #expect(kinds.count == DeviceDescriptor.Kind.allCases.count)
    }
}

/// What the header and docs/Primitives.md call the kinds of attributes.
enum AttributeKindName {
    static func of(_ value: AttributeValue) -> String {
        switch value {
        case .bool: "bool"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .integers: "integers"
        case .numbers: "numbers"
        case .strings: "strings"
        case .dimensions: "extents"
        case .scalarType: "scalarType"
        case .type: "type"
        case .literal: "literal"
        case .graph: "graph"
        }
    }
}
