// Heterodyne: hostile attributes and operand types never trap the composites on data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import Testing

@Suite("Data composites, hostile input")
struct DataHostileTests {
    static let integers = [
        Int.min, Int.min + 1, -(1 << 46), -17, -1, 0, 1, 2, 3, 17, 1 << 31, 1 << 46, Int.max - 1, Int.max,
    ]
    static let numbers: [Double] = [
        -.infinity, -1e308, -1, -0.0, 0, 1e-300, 1e-9, 0.5, 3, 1e18, 1e308, .infinity, .nan,
    ]
    static let shapes: [Shape] = [
        [], [0], [1], [2], [1, 1], [3, 0], [2, 3], [.fixed(1 << 45)], [.fixed(1 << 40), .fixed(1 << 40)], [-1],
        [.symbol("n")],
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [2, 3, 4, 5], [.symbol("n"), 2, 3],
    ]

    static func variants(_ value: AttributeValue) -> [AttributeValue] {
        switch value {
        case .bool: [.bool(false), .bool(true), .integer(1)]
        case .integer: integers.map(AttributeValue.integer) + [.string("x")]
        case .number: numbers.map(AttributeValue.number)
        case .string:
            ["", ".", "...", "->", "...->...", "i->i->i", "é", "a,b,", String(repeating: "a", count: 300)]
                .map(AttributeValue.string)
                + CoordinateTransform.allCases.map { .string($0.rawValue) }
                + ResizeMode.allCases.map { .string($0.rawValue) }
                + GridPadding.allCases.map { .string($0.rawValue) }
        case .integers(let list):
            [.integers([])] + integers.map { .integers([Int](repeating: $0, count: max(list.count, 1))) }
                + integers.map { .integers(Array(list.dropLast()) + [$0]) } + [.integers(list + list)]
        case .numbers(let list):
            [.numbers([])] + numbers.map { .numbers([Double](repeating: $0, count: max(list.count, 1))) }
        case .strings: [.strings([]), .strings(["relu"]), .strings(["nothing"]), .strings(["tanh", "tanh"])]
        case .scalarType: ScalarType.allCases.map(AttributeValue.scalarType)
        case .type: shapes.flatMap { shape in ScalarType.allCases.map { .type(TensorType($0, shape)) } }
        case .dimensions: shapes.map { .dimensions($0.dimensions) }
        case .literal, .graph: [.integer(0)]
        }
    }

    /// Whether the decomposition holds no tables as large as the tensors, or only small ones.
    private func isQuick(_ composite: any Composite, _ types: [TensorType]) -> Bool {
        !(composite is Resize) || types.allSatisfy { ((try? $0.elementCount()) ?? 1) <= 1 << 16 }
    }

    /// Infers, and decomposes what was accepted; types must agree, and failures must be typed.
    private func run(_ composite: any Composite, _ operands: [TensorType]) throws {
        guard operands.allSatisfy({ (try? $0.validate()) != nil }) else {
            // No graph has such operands, but asking about them must not trap either.
            _ = try? composite.inferTypes(operands)
            return
        }
        guard let inferred = try? NodeOperation.composite(composite).inferTypes(operands) else { return }
        guard isQuick(composite, operands + inferred) else { return }
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (i, type) in operands.enumerated() { terms.append(try builder.input("x\(i)", type)) }
        do {
            let types = try composite.decompose(terms, in: builder).map(\.type)
            #expect(types == inferred)
        } catch {
            // What inference accepted may only fail for symbols, which are bound before a decomposition, and for
            // tensors of terabytes, whose wider intermediate values pass the size limit.
            let symbolic = (operands + inferred).contains { !$0.shape.symbols.isEmpty }
            let huge = (operands + inferred).contains { ((try? $0.byteCount()) ?? 0) > 1 << 42 }
            #expect(
                symbolic || huge && error.kind == .invalidType, "\(error) on \(operands) with \(composite.attributes)")
        }
    }

    @Test("attributes", arguments: DataCases.all)
    func attributes(_ item: DataCase) throws {
        for entry in item.composite.attributes.entries {
            for value in Self.variants(entry.value) {
                var attributes = item.composite.attributes
                attributes.set(entry.name, value)
                guard let composite = try? CompositeRegistry.standard.make(item.composite.name, attributes) else {
                    continue
                }
                try run(composite, item.operands)
            }
        }
    }

    @Test("operand types", arguments: DataCases.all)
    func operands(_ item: DataCase) throws {
        for i in item.operands.indices {
            for shape in Self.shapes {
                var operands = item.operands
                operands[i].shape = shape
                try run(item.composite, operands)
            }
            for scalarType in ScalarType.allCases {
                var operands = item.operands
                operands[i].scalarType = scalarType
                try run(item.composite, operands)
            }
        }
        for shape in Self.shapes {
            try run(item.composite, item.operands.map { $0.with(shape) })
        }
    }

    /// The same numbers on every run (Vigna's SplitMix64).
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64 = 1

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    @Test("several attributes and operands at once", arguments: DataCases.all)
    func combinations(_ item: DataCase) throws {
        var numbers = Numbers()
        for _ in 0..<300 {
            var attributes = item.composite.attributes
            for entry in attributes.entries where Bool.random(using: &numbers) {
                if let value = Self.variants(entry.value).randomElement(using: &numbers) {
                    attributes.set(entry.name, value)
                }
            }
            guard let composite = try? CompositeRegistry.standard.make(item.composite.name, attributes) else {
                continue
            }
            var operands = item.operands
            for i in operands.indices where UInt8.random(in: 0..<4, using: &numbers) == 0 {
                if let shape = Self.shapes.randomElement(using: &numbers) { operands[i].shape = shape }
            }
            if let scalarType = ScalarType.allCases.randomElement(using: &numbers), Bool.random(using: &numbers) {
                for i in operands.indices where operands[i].scalarType == item.operands[0].scalarType {
                    operands[i].scalarType = scalarType
                }
            }
            try run(composite, operands)
        }
    }
}
