// Heterodyne: convolution and pooling as the kernels take them.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneGraph

/// A composite over windows of images that the kernels run whole, in float32: convolution, largest element, mean.
struct WindowPlan {
    enum Kind: Sendable {
        case convolution
        case maximum
        case average(countsPadding: Bool)
    }

    /// Names of the composites.
    static let names: Set<String> = ["convolution", "maxPool", "averagePool"]

    var kind: Kind
    var windows: hk_windows

    /// The plan for `composite` on operands of the given types with the given result, or nil where it has to be
    /// decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType]) {
        guard Self.names.contains(composite.name), let x = operands.first,
            operands.allSatisfy({ $0.scalarType == .float32 }), let input = x.shape.fixedExtents,
            (3...5).contains(input.count), let result = try? composite.inferTypes(operands), result.count == 1,
            let output = result[0].shape.fixedExtents, output.count == input.count
        else { return nil }
        var kernel: [Int]
        var groups = 1
        let attributes: (strides: [Int], dilations: [Int], low: [Int], high: [Int])
        var reader = AttributeReader(composite.attributes, operation: composite.name)
        do {
            attributes = (
                try reader.integers("strides"), try reader.integers("dilations"), try reader.integers("low"),
                try reader.integers("high")
            )
            switch composite.name {
            case "convolution":
                guard operands.count == 2 || operands.count == 3, let weights = operands[1].shape.fixedExtents,
                    weights.count == input.count
                else { return nil }
                kind = .convolution
                kernel = Array(weights[2...])
                groups = try reader.integer("groups")
            case "maxPool":
                guard try !reader.bool("indices") else { return nil }
                kind = .maximum
                kernel = try reader.integers("kernel")
                _ = try reader.bool("ceilMode")
            default:
                kind = .average(countsPadding: try reader.bool("countsPadding"))
                kernel = try reader.integers("kernel")
                _ = try reader.bool("ceilMode")
            }
            try reader.finish()
        } catch { return nil }
        let rank = input.count - 2
        guard kernel.count == rank, attributes.strides.count == rank, attributes.dilations.count == rank,
            attributes.low.count == rank, attributes.high.count == rank
        else { return nil }
        /// A triple of what the spatial dimensions have, `filler` for those that are not there.
        func triple(_ list: [Int], _ filler: Int) -> (Int64, Int64, Int64) {
            let full = [Int](repeating: filler, count: 3 - rank) + list
            return (Int64(full[0]), Int64(full[1]), Int64(full[2]))
        }
        windows = hk_windows(
            batch: Int64(input[0]), channels: Int64(input[1]), outputs: Int64(output[1]), groups: Int64(groups),
            in: triple(Array(input[2...]), 1), kernel: triple(kernel, 1), out: triple(Array(output[2...]), 1),
            stride: triple(attributes.strides, 1), dilation: triple(attributes.dilations, 1),
            low: triple(attributes.low, 0), high: triple(attributes.high, 0))
        guard withUnsafePointer(to: windows, { hk_windows_validate($0) }) == 0 else { return nil }
    }
}
