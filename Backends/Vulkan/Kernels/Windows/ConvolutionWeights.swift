// Heterodyne: weights of convolutions in the order in which the kernel reads them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension ConvolutionPlan {
    /// The weights as [groups, K…, C/groups, O/groups]: [O, C/groups, K…] of a convolution, or [C, O/groups, K…] of a
    /// transposed one, whose kernel runs backwards.
    func grouped(_ weights: StridedView) -> StridedView {
        let isTransposed = spread != nil
        let source = isTransposed ? weights.reversed(Array(2..<weights.rank)) : weights
        let perGroup = source.extents[0] / groups
        let (first, second) = (source.strides[0], source.strides[1])
        var result = source
        result.extents =
            [groups] + source.extents[2...]
            + (isTransposed ? [perGroup, source.extents[1]] : [source.extents[1], perGroup])
        result.strides =
            [first * perGroup] + source.strides[2...] + (isTransposed ? [first, second] : [second, first])
        return result
    }

    /// Grouped weights as [groups, O/groups, C/groups, K…], the order that a tile of one channel reads when dense.
    func direct(_ grouped: StridedView) -> StridedView {
        let last = grouped.rank - 1
        return grouped.transposed([0, last, last - 1] + Array(1..<last - 1))
    }

    /// The extents of grouped weights with whole tiles of output channels.
    func packedExtents(_ grouped: StridedView, _ shape: Shape) -> [Int] {
        var extents = grouped.extents
        let last = extents.count - 1
        extents[last] = ((extents[last] - 1) / shape.channels + 1) * shape.channels
        return extents
    }

    /// Constant weights, which lie in `storage` as the view `grouped` says, dense with whole tiles of output channels.
    func packed(_ grouped: StridedView, _ storage: LiteralStorage, _ shape: Shape) -> LiteralStorage {
        let size = grouped.elementSize
        let row = packedExtents(grouped, shape)[grouped.rank - 1]
        let outer = Array(grouped.extents.dropLast())
        let outputs = grouped.extents[grouped.rank - 1]
        let step = grouped.strides[grouped.rank - 1]
        return LiteralStorage(count: Strides.count(outer) * row * size) { target in
            // What no channel fills stays zero.
            for byte in target.indices { target[byte] = 0 }
            for index in 0..<Strides.count(outer) {
                var rest = index
                var source = grouped.offset
                for d in outer.indices.reversed() {
                    source += rest % outer[d] * grouped.strides[d]
                    rest /= outer[d]
                }
                for output in 0..<outputs {
                    for byte in 0..<size {
                        target[(index * row + output) * size + byte] =
                            storage.bytes[(source + output * step) * size + byte]
                    }
                }
            }
        }
    }
}

extension ConvolutionPlan.Spread {
    /// The spreading for windows over `input`; nil where the result is empty or numbers are out of range.
    init?(_ windows: SpatialWindows, _ input: [Int], outputPadding: [Int]) {
        guard outputPadding.count == input.count, outputPadding.allSatisfy({ (0..<(1 << 24)).contains($0) }) else {
            return nil
        }
        low = []
        interior = []
        extents = []
        for d in input.indices {
            let span = (windows.kernel[d] - 1) * windows.dilations[d] + 1
            // Extents and strides were checked, so that nothing overflows.
            let output =
                (input[d] - 1) * windows.strides[d] + span + outputPadding[d] - windows.low[d] - windows.high[d]
            guard output > 0 else { return nil }
            low.append(span - 1 - windows.low[d])
            interior.append(windows.strides[d] - 1)
            extents.append(output + span - 1)
        }
    }
}
