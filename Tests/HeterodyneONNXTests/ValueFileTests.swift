// Heterodyne: reading and writing values in files of their own.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import HeterodyneONNX
import Testing

@Suite struct ValueFileTests {
    private func load(_ name: String, as type: ONNXType? = nil) throws -> ONNXData {
        try ONNXData.load(fixture("values/\(name).pb"), as: type)
    }

    private static let tensors: [(String, ONNXElementType, [Double])] = {
        let floats = [0, 1, -2, 3.5, -0.0, 100, 7]
        let signed: [Double] = [0, 1, -2, 100, -128, 127]
        let unsigned: [Double] = [0, 1, 2, 100, 128, 255]
        return [
            ("float32", .float32, floats), ("float64", .float64, floats), ("float16", .float16, floats),
            ("bfloat16", .bfloat16, floats), ("int8", .int8, signed), ("int16", .int16, signed),
            ("int32", .int32, signed), ("int64", .int64, signed), ("uint8", .uint8, unsigned),
            ("uint16", .uint16, unsigned), ("uint32", .uint32, unsigned), ("uint64", .uint64, unsigned),
            ("bool", .bool, [1, 0, 1]), ("scalar", .float32, [2.5]), ("empty", .int32, []),
            ("int4", .int4, [0, 1, -8, 7, -1]), ("uint4", .uint4, [0, 1, 8, 15, 9]),
            ("int2", .int2, [0, 1, -2, -1, 1]), ("uint2", .uint2, [0, 1, 2, 3, 1]),
            ("float8_e4m3fn", .float8e4m3fn, [0, 0.5, -448, 3, -0.5]),
            ("float8_e5m2", .float8e5m2, [0, 0.5, -448, 3, -0.5]),
            // Codes: sign, exponent, mantissa.
            ("float4_e2m1fn", .float4e2m1, [0b0000, 0b0001, 0b1111, 0b0101, 0b1001]),
            ("float8_e4m3fnuz", .float8e4m3fnuz, [0x00, 0x38, 0xFF, 0x4C, 0xB8]),
            ("float8_e5m2fnuz", .float8e5m2fnuz, [0x00, 0x3C, 0xE3, 0x46, 0xBC]),
            ("float8_e8m0fnu", .float8e8m0, [127, 126, 128, 129, 127]),
            ("fields", .int64, [1, -1, 0x1p62]),
        ]
    }()

    @Test(arguments: tensors) func tensor(name: String, element: ONNXElementType, numbers: [Double]) throws {
        guard case .tensor(let found, let literal) = try load(name) else {
            Issue.record("\(name) is not a tensor")
            return
        }
        #expect(found == element)
        #expect(literal.type.scalarType == element.carrier)
        let bits = (0..<(try literal.type.elementCount())).map(literal.bits)
        #expect(bits.map(literal.type.scalarType.number) == numbers)
        // -0 is equal to 0.
        if numbers.contains(where: { $0 == 0 && $0.sign == .minus }) {
            #expect(literal.type.scalarType.number(fromBits: bits[4]).sign == .minus)
        }
    }

    @Test func shapes() throws {
        for (name, shape) in [("scalar", []), ("empty", [2, 0, 3]), ("int8", [2, 3]), ("float32", [7])] {
            guard case .tensor(_, let literal) = try load(name) else {
                Issue.record("\(name) is not a tensor")
                continue
            }
            #expect(literal.type.shape == Shape(shape))
        }
    }

    private static let text = ONNXText(
        dimensions: [2, 2], elements: ["a", "", "Grüße, 世界", "a text of more than fifteen bytes"])

    @Test func structures() throws {
        let vector = ONNXData(Literal([1, 2] as [Float]))
        let sequence = ONNXData.sequence([vector, ONNXData(Literal(Int64(3)))])
        let element = ONNXType.tensor(.float32, nil)
        func same(_ data: ONNXData, _ expected: ONNXData) -> Bool {
            switch (data, expected) {
            case (.tensor(let a, let x), .tensor(let b, let y)):
                a == b && x.type == y.type
                    && (try? x.denseStorage().withBytes { Array($0) })
                        == (try? y.denseStorage().withBytes { Array($0) })
            case (.text(let a), .text(let b)): a == b
            case (.sequence(let a), .sequence(let b)): a.count == b.count && zip(a, b).allSatisfy(same)
            case (.optional(let a?), .optional(let b?)): same(a, b)
            case (.optional(nil), .optional(nil)): true
            default: false
            }
        }
        #expect(same(try load("text"), .text(Self.text)))
        #expect(same(try load("sequence", as: .sequence(element)), sequence))
        #expect(same(try load("sequence-empty", as: .sequence(element)), .sequence([])))
        #expect(
            same(
                try load("sequence-nested", as: .sequence(.sequence(element))), .sequence([sequence, .sequence([])])))
        #expect(same(try load("optional-none", as: .optional(element)), .optional(nil)))
        #expect(same(try load("optional-typed-none", as: .optional(element)), .optional(nil)))
        #expect(same(try load("optional-tensor", as: .optional(element)), .optional(vector)))
        #expect(same(try load("optional-sequence", as: .optional(.sequence(element))), .optional(sequence)))
        let dense = try Literal([0, 1.5, 0, 0, 0, -2] as [Float], shape: [2, 3])
        #expect(same(try load("sparse", as: .sparseTensor(.float32, nil)), ONNXData(dense)))
    }

    /// What is written is, byte for byte, what the package onnx writes.
    @Test(arguments: tensors.map(\.0).filter { $0 != "fields" } + ["text"]) func writesTensors(name: String) throws {
        #expect(try load(name).encoded(name: "x") == (try contents(fixture("values/\(name).pb"))))
    }

    @Test func writesStructures() throws {
        let element = ONNXType.tensor(.float32, nil)
        for (name, type, label) in [
            ("sequence", ONNXType.sequence(element), "s"), ("sequence-empty", .sequence(element), "s"),
            ("optional-tensor", .optional(element), "o"),
        ] {
            #expect(try load(name, as: type).encoded(name: label) == (try contents(fixture("values/\(name).pb"))))
        }
        // Names within are not kept, and a missing value may say its kind or not.
        for (name, type) in [
            ("sequence-nested", ONNXType.sequence(.sequence(element))), ("optional-none", .optional(element)),
            ("optional-sequence", .optional(.sequence(element))),
        ] {
            let data = try load(name, as: type)
            let bytes = try data.encoded()
            #expect(try ONNXData.decode(bytes, as: type).encoded() == bytes)
        }
        let mixed = ONNXData.sequence([ONNXData(Literal(Float(1))), .sequence([])])
        expectError(.unsupportedType, ["element 1"]) { () throws(ONNXError) in _ = try mixed.encoded() }
        let short = ONNXData.text(ONNXText(dimensions: [2, 2], elements: ["a"]))
        expectError(.invalidTensor, ["1 elements", "4"]) { () throws(ONNXError) in _ = try short.encoded() }
        let foreign = ONNXData.tensor(.int2, Literal(Float(1)))
        expectError(.invalidTensor, ["int2", "float32"]) { () throws(ONNXError) in _ = try foreign.encoded() }
    }

    @Test func hostile() throws {
        let element = ONNXType.tensor(.float32, nil)
        func expect(
            _ kind: ONNXError.Kind, _ parts: [String], _ message: Message, as type: ONNXType? = nil,
            sourceLocation: Testing.SourceLocation = #_sourceLocation
        ) {
            expectError(kind, parts, sourceLocation: sourceLocation) { () throws(ONNXError) in
                _ = try ONNXData.decode(message.bytes, as: type)
            }
        }
        let tensor = Message().int(1, 1).int(2, 1).raw(9, [0, 0, 0, 0])
        expect(.invalidType, ["number 0"], Message())
        expect(.unsupportedType, ["complex64"], Message().int(1, 1).int(2, 14).raw(9, Array(repeating: 0, count: 8)))
        expect(.malformed, ["several kinds"], Message().raw(3, tensor.bytes).raw(5, []), as: .sequence(element))
        expect(.malformed, ["kind number 3"], Message().int(2, 3).raw(3, tensor.bytes), as: .sequence(element))
        expect(.malformed, ["kind number 9"], Message().int(2, 9), as: .optional(element))
        expect(.malformed, ["not one number"], Message().int(2, 1).int(2, 1), as: .optional(element))
        expect(.malformed, ["two values"], Message().raw(3, tensor.bytes).raw(3, tensor.bytes), as: .optional(element))
        expect(.malformed, ["element 1"], Message().raw(3, tensor.bytes).raw(3, [0xFF]), as: .sequence(element))
        expect(.unsupportedType, ["dictionary"], Message().raw(6, []), as: .sequence(element))
        expect(.unsupportedType, ["dictionary"], Message(), as: .map(key: .int64, value: element))
        expect(.unsupportedType, ["opaque"], Message(), as: .opaque(domain: "", name: ""))
        expect(.malformed, ["UTF-8"], Message().int(1, 1).int(2, 8).raw(6, [0xFF, 0xFE]))
        expect(
            .externalData, ["'w.bin'"],
            Message().int(1, 1).int(2, 1).int(14, 1)
                .message(13, Message().text(1, "location").text(2, "w.bin")))
        // Sequences within sequences, and no end of them.
        let deep = (0..<1000).reduce(Message()) { inner, _ in Message().raw(5, inner.bytes) }
        expect(.limitExceeded, ["deep"], deep, as: .sequence(element))
        // Two bytes in the file for each value.
        let many = Message(bytes: (0..<600_000).flatMap { _ in [0x2A, 0] as [UInt8] })
        expect(.limitExceeded, ["memory"], many, as: .sequence(.sequence(element)))
        // Few bytes that stand for many zeros, and again.
        let sparse = Message().raw(1, Message().int(1, 0).int(2, 1).bytes).raw(2, Message().int(1, 0).int(2, 7).bytes)
            .int(3, 8 << 20)
        let zeros = (0..<4).reduce(Message()) { sequence, _ in sequence.raw(4, sparse.bytes) }
        expect(.limitExceeded, ["byteLimit"], zeros, as: .sequence(element))
        expectError(.fileNotFound, ["nowhere.pb"]) { () throws(ONNXError) in _ = try ONNXData.load("/nowhere.pb") }
        expectError(.notRegularFile, ["directory"]) { () throws(ONNXError) in _ = try ONNXData.load("/tmp") }
    }

    /// Every file cut short anywhere, and with every byte changed: a value or an error.
    @Test func damaged() throws {
        let element = ONNXType.tensor(.float32, nil)
        var errors = 0
        for (name, type) in [
            ("text", element), ("int4", element), ("fields", element),
            ("sequence-nested", .sequence(.sequence(element))),
            ("optional-sequence", .optional(.sequence(element))), ("sparse", .sparseTensor(.float32, nil)),
        ] {
            let bytes = try contents(fixture("values/\(name).pb"))
            func attempt(_ damaged: [UInt8]) {
                do throws(ONNXError) { _ = try ONNXData.decode(damaged, as: type) } catch { errors += 1 }
            }
            for count in 0..<bytes.count { attempt(Array(bytes.prefix(count))) }
            for index in bytes.indices {
                for bit in 0..<8 {
                    var damaged = bytes
                    damaged[index] ^= 1 << UInt8(bit)
                    attempt(damaged)
                }
            }
        }
        #expect(errors > 500)
    }
}
