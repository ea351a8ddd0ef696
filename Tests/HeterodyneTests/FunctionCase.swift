// Heterodyne: one function of tensors with a result that was worked out by hand.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

/// A call and what it must give, in float64 or exact integers.
struct FunctionCase: Sendable, CustomTestStringConvertible {
    let name: String
    let shape: [Int]
    let expected: [Double]
    let tolerance: Double
    let result: @Sendable () -> Tensor

    init(
        _ name: String, _ shape: [Int], _ expected: [Double], within tolerance: Double = 1e-6,
        _ result: @escaping @Sendable () -> Tensor
    ) {
        self.name = name
        self.shape = shape
        self.expected = expected
        self.tolerance = tolerance
        self.result = result
    }

    var testDescription: String { name }

    /// Runs the call on `device` and compares.
    func check(on device: Device) throws {
        let result = result()
        if let error = result.error { throw error }
        #expect(result.shape == shape, "\(name)")
        let literal = try result.literal(on: device)
        let count = result.count
        try #require(count == expected.count, "\(name): \(count) elements")
        for index in 0..<count {
            let found = result.scalarType.number(fromBits: literal.bits(at: index))
            let wanted = expected[index]
            let fits =
                found == wanted || (found.isNaN && wanted.isNaN)
                || abs(found - wanted) <= tolerance * max(1, abs(wanted))
            #expect(fits, "\(name) on \(device): element \(index) is \(found), not \(wanted)")
        }
    }
}

/// A float64 vector.
func vector(_ numbers: Double...) -> Tensor { Tensor(numbers) }

/// A float64 tensor.
func tensor(_ numbers: [Double], _ shape: [Int]) -> Tensor { Tensor(numbers, shape: shape) }

/// `0, 1, …` as float64 under a shape.
func counting(_ shape: [Int]) -> Tensor {
    Tensor.arange(shape.reduce(1, *), .float64).reshape(shape)
}
