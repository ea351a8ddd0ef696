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
}
