// Heterodyne: random tensors that have the same bits on every device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// Random numbers of the unit interval, 1 excluded, by Threefry-2x32: the same bits on every device.
    public static func randomUniform(
        _ shape: [Int], _ scalarType: ScalarType = .float32, seed: UInt64, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build([], .init(file: file, line: line), "randomUniform") { (builder, _) throws(GraphError) in
            try builder.randomKey(seed: seed).randomUniform(TensorType(scalarType, shape))
        }
    }

    /// Normally distributed random numbers of mean 0 and variance 1: the same bits on every device that rounds
    /// correctly.
    public static func randomNormal(
        _ shape: [Int], _ scalarType: ScalarType = .float32, seed: UInt64, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build([], .init(file: file, line: line), "randomNormal") { (builder, _) throws(GraphError) in
            try builder.randomKey(seed: seed).randomNormal(TensorType(scalarType, shape))
        }
    }

    /// Uniform int64 numbers from `low` to below `high`, at most 2^31 different ones: the same on every device.
    public static func randomIntegers(
        _ shape: [Int], from low: Int, to high: Int, seed: UInt64, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build([], .init(file: file, line: line), "randomIntegers") { (builder, _) throws(GraphError) in
            guard low < high else {
                throw GraphError(.invalidAttribute, "there are no numbers from \(low) to below \(high)")
            }
            return try builder.randomKey(seed: seed).randomIntegers(Shape(shape), in: low..<high)
        }
    }

    /// Bools that are true with the given probability: the same on every device.
    public static func randomBernoulli(
        _ shape: [Int], probability: Double = 0.5, seed: UInt64, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build([], .init(file: file, line: line), "randomBernoulli") { (builder, _) throws(GraphError) in
            guard probability >= 0, probability <= 1 else {
                throw GraphError(.invalidAttribute, "\(probability) is no probability; it must be 0 to 1")
            }
            let threshold = try builder.constant(probability, .scalar(.float32))
            return try builder.randomKey(seed: seed).randomBernoulli(threshold, shape: Shape(shape))
        }
    }
}
