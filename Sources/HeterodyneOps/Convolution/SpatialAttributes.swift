// Heterodyne: the attributes of windows over spatial dimensions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Strides, dilations and padding as attributes, shared by convolution and pooling.
struct SpatialAttributes: Sendable, Hashable {
    var strides: [Int]
    var dilations: [Int]
    var low: [Int]
    var high: [Int]

    init(strides: [Int], dilations: [Int], low: [Int], high: [Int]) {
        self.strides = strides
        self.dilations = dilations
        self.low = low
        self.high = high
    }

    init(_ reader: inout AttributeReader) throws(GraphError) {
        strides = try reader.integers("strides")
        dilations = try reader.integers("dilations")
        low = try reader.integers("low")
        high = try reader.integers("high")
    }

    var attributes: Attributes {
        [
            "strides": .integers(strides), "dilations": .integers(dilations), "low": .integers(low),
            "high": .integers(high),
        ]
    }

    /// The windows of each spatial dimension. Throws `invalidAttribute` where a list has another length than `kernel`
    /// or an entry is out of range.
    func axes(kernel: [Int], ceilMode: Bool = false) throws(GraphError) -> [Windows.Axis] {
        for (name, list) in [("strides", strides), ("dilations", dilations), ("low", low), ("high", high)] {
            try OperandRules.require(
                list.count == kernel.count, .invalidAttribute,
                "\(name) has \(list.count) entries for \(kernel.count) spatial dimensions")
        }
        var axes: [Windows.Axis] = []
        for i in 0..<kernel.count {
            let axis = Windows.Axis(
                kernel: kernel[i], stride: strides[i], dilation: dilations[i], low: low[i], high: high[i],
                ceilMode: ceilMode)
            try axis.validate(i)
            axes.append(axis)
        }
        return axes
    }
}
