// Heterodyne: the rule by which outputs of the ONNX suite are compared.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneConformance
import HeterodyneGraph
import HeterodyneONNX
import Testing

@Suite("ONNX comparison")
struct ONNXComparisonTests {
    private func mismatch(
        _ actual: ONNXData, _ expected: ONNXData, rtol: Double = 1e-3, atol: Double = 1e-7
    ) -> ONNXComparison.Mismatch? {
        do throws(ONNXComparison.Mismatch) {
            try ONNXComparison(relativeTolerance: rtol, absoluteTolerance: atol).compare(actual, expected, "output 'y'")
            return nil
        } catch { return error }
    }

    private func tensor<T: Scalar>(_ numbers: [T]) -> ONNXData { ONNXData(Literal(numbers)) }

    /// Pairs of actual and expected numbers, and whether `numpy.testing.assert_allclose(actual, expected, rtol=0.25,
    /// atol=0.5)` takes them; computed with numpy 2.4.6. The rule is not symmetric.
    static let pairs: [(Double, Double, Bool)] = [
        (0.5, 0, true), (0.5000001, 0, false), (-0.5, 0, true), (5.5, 4, true), (5.500001, 4, false), (2.5, 4, true),
        (2.499999, 4, false), (4, 5.4, true), (4, 6.1, false), (6.1, 4, false), (-5.5, -4, true), (5.5, -4, false),
        (.nan, .nan, true), (.nan, 1, false), (1, .nan, false), (.infinity, .infinity, true),
        (-.infinity, .infinity, false), (.infinity, -.infinity, false), (1e308, .infinity, false),
        (.infinity, 1e308, false), (.infinity, .nan, false), (0, -0.0, true), (1e300, 1.2e300, true),
        (1e300, 1.4e300, false),
    ]

    @Test("numbers are compared as numpy does", arguments: pairs)
    func numbers(actual: Double, expected: Double, isClose: Bool) {
        let found = mismatch(tensor([1, actual]), tensor([1, expected]), rtol: 0.25, atol: 0.5)
        #expect((found == nil) == isClose, "\(actual) for \(expected): \(found?.description ?? "close")")
        if let found {
            #expect(found.description.contains("1 of 2 elements"))
            #expect(found.description.contains("[1]"))
        }
    }

    @Test("a difference is named with its place and size")
    func report() throws {
        let expected = try Literal([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        let actual = try Literal([1, 2.5, 3, 4, 5, 7] as [Float], shape: [2, 3])
        let found = try #require(mismatch(ONNXData(actual), ONNXData(expected)))
        #expect(found.largestDifference == 1)
        for words in ["output 'y'", "2 of 6", "[1, 2]", "7.0 where 6.0"] {
            #expect(found.description.contains(words), "\(found.description)")
        }
        #expect(mismatch(tensor([Float.nan]), tensor([Float(1)]))?.largestDifference == .infinity)
    }

    @Test("shape, element type and structure are exact")
    func structure() throws {
        let two = tensor([1, 2] as [Float])
        func expect(_ actual: ONNXData, _ expected: ONNXData, _ words: String) throws {
            let found = try #require(mismatch(actual, expected), "\(words): equal")
            #expect(found.description.contains(words), "\(found.description)")
            #expect(found.largestDifference == nil)
        }
        try expect(two, ONNXData(try Literal([1, 2] as [Float], shape: [1, 2])), "[2]; [1, 2] is right")
        try expect(ONNXData(Literal(Float(1))), tensor([Float(1)]), "[]; [1] is right")
        try expect(two, tensor([1, 2] as [Double]), "float32; float64 is right")
        try expect(.tensor(.int2, Literal([Int8(1)])), tensor([Int8(1)]), "int2; int8 is right")
        try expect(two, .sequence([two]), "a sequence is right")
        try expect(.sequence([two]), .sequence([two, two]), "sequence of 1; 2 are right")
        try expect(.optional(nil), two, "none")
        try expect(two, .optional(nil), "where none is right")
        let text = ONNXText(dimensions: [2], elements: ["a", "b"])
        try expect(.text(text), .text(ONNXText(dimensions: [2], elements: ["a", "c"])), "'b' at [1]; 'c' is right")
        try expect(.text(text), .text(ONNXText(dimensions: [1, 2], elements: ["a", "b"])), "[2]; [1, 2] is right")
        try expect(.text(text), two, "a tensor of numbers is right")
        // One character to Unicode's rules of equivalence, two texts to the suite.
        try expect(
            .text(ONNXText(dimensions: [1], elements: ["é"])),
            .text(ONNXText(dimensions: [1], elements: ["e\u{301}"])), "is right")
        let within = try #require(
            mismatch(.sequence([two, tensor([Float(1)])]), .sequence([two, tensor([Float(2)])])))
        #expect(within.description.contains("output 'y'[1]"))

        #expect(mismatch(.text(text), .text(text)) == nil)
        #expect(mismatch(.sequence([two, .sequence([])]), .sequence([two, .sequence([])])) == nil)
        #expect(mismatch(.optional(nil), .optional(nil)) == nil)
        // The suite's own rule does not see whether a value is wrapped.
        #expect(mismatch(.optional(two), two) == nil)
        #expect(mismatch(two, .optional(two)) == nil)
        #expect(mismatch(tensor([Float]()), tensor([Float]())) == nil)
        let outputs = [(name: "a", data: two)]
        #expect(throws: ONNXComparison.Mismatch.self) { try ONNXComparison().compare(outputs, [two, two]) }
        #expect(throws: Never.self) { try ONNXComparison().compare(outputs, [two]) }
    }

    @Test("bfloat16 may be off by two units in the last place, narrower floats not at all")
    func narrow() throws {
        // 1 + k/128: the unit in the last place at 1 is 2^-7.
        func bfloat16(_ k: Int) throws -> ONNXData { tensor([BFloat16(Float(1 + Double(k) / 128))]) }
        #expect(mismatch(try bfloat16(2), try bfloat16(0)) == nil)
        #expect(mismatch(try bfloat16(3), try bfloat16(0)) != nil)
        #expect(mismatch(try bfloat16(3), try bfloat16(0), rtol: 0.5) == nil)

        func codes(_ element: ONNXElementType, _ code: UInt8) -> ONNXData { .tensor(element, Literal([code])) }
        // Two codes and the numbers that they stand for by the OCP formats and the papers on FP8.
        let neighbours: [(ONNXElementType, UInt8, String, UInt8, String)] = [
            (.float8e4m3fnuz, 0x38, "0.5", 0x39, "0.5625"), (.float8e4m3fnuz, 0x01, "0.0009765625", 0x7F, "240.0"),
            (.float8e5m2fnuz, 0x3C, "0.5", 0x3D, "0.625"), (.float8e5m2fnuz, 0x7F, "57344.0", 0x80, "nan"),
            (.float8e8m0, 127, "1.0", 128, "2.0"), (.float8e8m0, 0, "5.877471754111438e-39", 0xFF, "nan"),
            (.float4e2m1, 0b0001, "0.5", 0b1111, "-6.0"), (.float6e2m3, 0b01_1111, "7.5", 0b10_0001, "-0.125"),
            (.float6e3m2, 0b01_1111, "28.0", 0b00_0001, "0.0625"),
        ]
        for (element, first, number, second, other) in neighbours {
            #expect(mismatch(codes(element, first), codes(element, first)) == nil)
            let found = try #require(mismatch(codes(element, first), codes(element, second), rtol: 1, atol: 1))
            #expect(found.description.contains("\(number) where \(other) is right"), "\(found.description)")
        }
        // The same number under two codes.
        #expect(mismatch(codes(.float4e2m1, 0b0000), codes(.float4e2m1, 0b1000)) == nil)
        #expect(mismatch(codes(.float8e4m3fnuz, 0x80), codes(.float8e4m3fnuz, 0x80)) == nil)
    }

    @Test("integers and truth values")
    func integers() {
        #expect(mismatch(tensor([Int64(1000)]), tensor([Int64(1001)])) == nil)
        #expect(mismatch(tensor([Int64(998)]), tensor([Int64(1000)])) != nil)
        #expect(mismatch(tensor([UInt8(255)]), tensor([UInt8(254)])) != nil)
        #expect(mismatch(tensor([UInt64.max]), tensor([UInt64.max])) == nil)
        #expect(mismatch(tensor([UInt64.max]), tensor([UInt64(0)])) != nil)
        #expect(mismatch(tensor([true]), tensor([false])) != nil)
    }
}
