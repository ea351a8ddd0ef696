// Heterodyne: numbers between the host and tensors of float64 or float32.
// SPDX-License-Identifier: Apache-2.0

public import Heterodyne

extension Tensor {
    /// Numbers in `scalarType`, float32 or else float64, rounded on the host: the device may have no float64 to convert from.
    public init(rounding values: [Double], shape: [Int], to scalarType: ScalarType) {
        self = scalarType == .float32 ? Tensor(values.map { Float($0) }, shape: shape) : Tensor(values, shape: shape)
    }

    /// A number in `scalarType`, float32 or else float64.
    public init(rounding value: Double, to scalarType: ScalarType) {
        self = scalarType == .float32 ? Tensor(Float(value)) : Tensor(value)
    }

    /// The elements of a float32 or float64 tensor as Double, converted on the host.
    public func doubles() throws(HeterodyneError) -> [Double] {
        scalarType == .float32 ? try scalars(as: Float.self).map { Double($0) } : try scalars(as: Double.self)
    }
}

extension Duration {
    /// The duration in seconds.
    public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
