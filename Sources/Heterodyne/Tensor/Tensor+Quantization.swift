// Heterodyne: integers for floats and back.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// `round(x / scale) + zeroPoint` in `scalarType`, saturating. `scale` is a scalar, one number per position of `axis`,
    /// or with `blockSize` one per block of positions.
    public func quantize(
        to scalarType: ScalarType = .int8, scale: Tensor, zeroPoint: Tensor? = nil, axis: Int = 0, blockSize: Int = 0,
        file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map(
            "quantize", with: [scale] + (zeroPoint.map { [$0] } ?? []), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].quantize(
                to: scalarType, scale: t[1], zeroPoint: t.count > 2 ? t[2] : nil, axis: axis, blockSize: blockSize)
        }
    }

    /// `(x - zeroPoint) · scale` in `scalarType`, scales as in `quantize`.
    public func dequantize(
        to scalarType: ScalarType = .float32, scale: Tensor, zeroPoint: Tensor? = nil, axis: Int = 0,
        blockSize: Int = 0, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map(
            "dequantize", with: [scale] + (zeroPoint.map { [$0] } ?? []), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].dequantize(
                to: scalarType, scale: t[1], zeroPoint: t.count > 2 ? t[2] : nil, axis: axis, blockSize: blockSize)
        }
    }

    /// uint8 values with the scale and zero point that cover the tensor's range and zero (ONNX
    /// DynamicQuantizeLinear).
    public func dynamicQuantize(
        file: String = #fileID, line: Int = #line
    ) -> (values: Tensor, scale: Tensor, zeroPoint: Tensor) {
        let all = Self.buildAll([self], .init(file: file, line: line), "dynamicQuantize", results: 3) {
            (_, terms) throws(GraphError) in
            let parts = try terms[0].dynamicQuantize()
            return [parts.values, parts.scale, parts.zeroPoint]
        }
        return (all[0], all[1], all[2])
    }
}
