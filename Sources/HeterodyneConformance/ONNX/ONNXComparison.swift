// Heterodyne: when the output of a model is what a case of the ONNX suite expects.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneONNX

/// The suite's rule for outputs.
///
/// Structure, shape, element type and text must be equal. Numbers are compared by the rule of `numpy.testing.assert_allclose`,
/// in float64: `|actual - expected| <= atol + rtol * |expected|`; NaN matches NaN, and an infinity the same infinity. bfloat16
/// is allowed two units in its last place at least (rtol 2^-6), and floats of 8 bits and less must be the same number.
public struct ONNXComparison: Sendable {
    /// The part of the expected number that an output may be off.
    public let relativeTolerance: Double
    /// How far an output may be off besides.
    public let absoluteTolerance: Double

    /// A comparison with the given tolerances.
    public init(relativeTolerance: Double = 1e-3, absoluteTolerance: Double = 1e-7) {
        self.relativeTolerance = relativeTolerance
        self.absoluteTolerance = absoluteTolerance
    }

    /// Why an output is not what it should be.
    public struct Mismatch: Error, Sendable, Hashable, CustomStringConvertible {
        /// What differs and where.
        public let description: String
        /// The largest difference between numbers; nil where something else differs, infinite where a NaN or an infinity
        /// stands on one side only.
        public let largestDifference: Double?
    }

    /// Throws the first difference between lists of outputs.
    public func compare(
        _ actual: [(name: String, data: ONNXData)], _ expected: [ONNXData]
    ) throws(Mismatch) {
        guard actual.count == expected.count else {
            throw Mismatch("there are \(actual.count) outputs and \(expected.count) are expected")
        }
        for ((name, data), expected) in zip(actual, expected) { try compare(data, expected, "output '\(name)'") }
    }

    /// Throws the first difference between two values; `place` names them.
    ///
    /// The suite hands values of optional type on as the value itself, so one that is there is compared with a bare one.
    public func compare(_ actual: ONNXData, _ expected: ONNXData, _ place: String) throws(Mismatch) {
        switch (actual, expected) {
        case (.optional(nil), .optional(nil)): return
        case (.optional(nil), _): throw Mismatch("\(place) is none where a value is right")
        case (_, .optional(nil)): throw Mismatch("\(place) is a value where none is right")
        case (.optional(let value?), _): try compare(value, expected, place)
        case (_, .optional(let value?)): try compare(actual, value, place)
        case (.sequence(let values), .sequence(let expected)):
            guard values.count == expected.count else {
                throw Mismatch("\(place) is a sequence of \(values.count); \(expected.count) are right")
            }
            for (index, pair) in zip(values, expected).enumerated() {
                try compare(pair.0, pair.1, "\(place)[\(index)]")
            }
        case (.text(let text), .text(let expected)):
            guard text.dimensions == expected.dimensions else {
                throw Mismatch("\(place) has the shape \(text.dimensions); \(expected.dimensions) is right")
            }
            for (index, pair) in zip(text.elements, expected.elements).enumerated()
            where !pair.0.utf8.elementsEqual(pair.1.utf8) {
                throw Mismatch(
                    "\(place) is \(Self.quoted(pair.0)) at \(Self.position(index, text.dimensions)); "
                        + "\(Self.quoted(pair.1)) is right")
            }
            guard text.elements.count == expected.elements.count else {
                throw Mismatch("\(place) has \(text.elements.count) elements; \(expected.elements.count) are right")
            }
        case (.tensor(let element, let literal), .tensor(let expectedElement, let expected)):
            guard element == expectedElement else {
                throw Mismatch("\(place) has elements of type \(element); \(expectedElement) is right")
            }
            try compare(literal, expected, element, place)
        case (.tensor, _), (.text, _), (.sequence, _):
            throw Mismatch("\(place) is a \(Self.kind(actual)); a \(Self.kind(expected)) is right")
        }
    }

    private func compare(
        _ actual: Literal, _ expected: Literal, _ element: ONNXElementType, _ place: String
    ) throws(Mismatch) {
        guard let extents = expected.type.shape.fixedExtents, actual.type.shape == expected.type.shape else {
            throw Mismatch("\(place) has the shape \(actual.type.shape); \(expected.type.shape) is right")
        }
        let count: Int
        do throws(GraphError) { count = try expected.type.elementCount() } catch {
            throw Mismatch("\(place): \(error)")
        }
        let (relative, absolute) = tolerances(element)
        var wrong = 0
        var worst: (index: Int, difference: Double, actual: Double, expected: Double, allowed: Double)?
        for index in 0..<count {
            let bits = (actual: actual.bits(at: index), expected: expected.bits(at: index))
            if bits.actual == bits.expected { continue }
            guard let a = element.number(fromBits: bits.actual), let e = element.number(fromBits: bits.expected) else {
                throw Mismatch("\(place) has elements of type \(element), which cannot be compared as numbers")
            }
            if a == e || a.isNaN && e.isNaN { continue }
            let allowed = absolute + relative * e.magnitude
            let difference = (a - e).magnitude
            if difference <= allowed && e.isFinite { continue }
            wrong += 1
            let size = difference.isNaN ? .infinity : difference
            if worst.map({ size > $0.difference }) ?? true { worst = (index, size, a, e, allowed) }
        }
        guard let worst else { return }
        let position = Self.position(worst.index, extents)
        let size =
            worst.difference.isFinite ? " (difference \(worst.difference), allowed \(worst.allowed))" : ""
        throw Mismatch(
            "\(place) differs in \(wrong) of \(count) elements, most at \(position): \(worst.actual) where "
                + "\(worst.expected) is right\(size)", worst.difference)
    }

    private func tolerances(_ element: ONNXElementType) -> (relative: Double, absolute: Double) {
        switch element {
        case .bfloat16: (max(relativeTolerance, 0x1p-6), absoluteTolerance)
        case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0, .float4e2m1, .float6e2m3,
            .float6e3m2:
            (0, 0)
        case .float32, .uint8, .int8, .uint16, .int16, .int32, .int64, .string, .bool, .float16, .float64, .uint32,
            .uint64, .complex64, .complex128, .uint4, .int4, .uint2, .int2:
            (relativeTolerance, absoluteTolerance)
        }
    }

    private static func kind(_ data: ONNXData) -> String {
        switch data {
        case .tensor: "tensor of numbers"
        case .text: "tensor of text"
        case .sequence: "sequence"
        case .optional: "optional"
        }
    }

    /// The coordinates of the element at a row-major `index`.
    private static func position(_ index: Int, _ extents: [Int]) -> String {
        var rest = index
        var coordinates: [Int] = []
        for extent in extents.reversed() where extent > 0 {
            coordinates.append(rest % extent)
            rest /= extent
        }
        return "\(Array(coordinates.reversed()))"
    }

    private static func quoted(_ text: String) -> String { text.count > 60 ? "'\(text.prefix(60))…'" : "'\(text)'" }
}

extension ONNXComparison.Mismatch {
    init(_ description: String, _ largestDifference: Double? = nil) {
        self.init(description: description, largestDifference: largestDifference)
    }
}
