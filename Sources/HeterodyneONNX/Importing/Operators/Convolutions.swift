// Heterodyne: ONNX operators: convolutions and windows.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Convolutions and windows.
    static let convolutions: [OperatorRule] = [
        .term("Conv") { (context) throws(GraphError) in try context.convolution() },
        .term("ConvTranspose") { (context) throws(GraphError) in try context.convolutionTranspose() },
        .term("DeformConv", since: 19) { (context) throws(GraphError) in try context.deformableConvolution() },
        .term("Col2Im", since: 18) { (context) throws(GraphError) in try context.columnsToImage() },
    ]
}

extension OperatorContext {
    fileprivate func convolution() throws(GraphError) -> Term {
        let (x, weights) = (try term(0), try term(1))
        let windows = try windowAttributes(spatialRank: x.rank - 2, weights: kernelExtents(weights))
        return try x.convolution(
            weights, bias: optionalTerm(2), strides: windows.strides, dilations: windows.dilations,
            padding: windows.padding, groups: int("group", default: 1))
    }

    /// The transposed convolution. Where padding would add elements instead of cutting them off, or more output
    /// padding is asked for than a stride, the whole result is computed and then cut and extended.
    fileprivate func convolutionTranspose() throws(GraphError) -> Term {
        let (x, weights) = (try term(0), try term(1))
        let bias = try optionalTerm(2)
        let windows = try windowAttributes(spatialRank: x.rank - 2, weights: kernelExtents(weights))
        let groups = try int("group", default: 1)
        let count = windows.kernel.count
        var outputPadding = try ints("output_padding", default: [])
        if outputPadding.isEmpty { outputPadding = [Int](repeating: 0, count: count) }
        guard outputPadding.count == count, outputPadding.allSatisfy({ $0 >= 0 && $0 <= 1 << 40 }) else {
            throw GraphError(
                .invalidAttribute,
                "attribute 'output_padding' is \(outputPadding); \(count) spatial dimensions need as many numbers from "
                    + "0 on")
        }
        var outputShape = try ints("output_shape", default: [])
        // Some exporters give the whole shape.
        if outputShape.count == count + 2 { outputShape.removeFirst(2) }
        guard outputShape.isEmpty || outputShape.count == count else {
            throw GraphError(
                .invalidAttribute,
                "attribute 'output_shape' has \(outputShape.count) numbers for \(count) spatial dimensions")
        }
        var (low, high) = (windows.low, windows.high)
        let isSame = windows.autoPad == .sameUpper || windows.autoPad == .sameLower
        if windows.autoPad == .valid { (low, high) = ([Int](repeating: 0, count: count), low.map { _ in 0 }) }
        if !outputShape.isEmpty || isSame {
            let extents = try Shape(Array(x.shape.dimensions[2...])).extents()
            for i in 0..<count {
                let stride = windows.strides[i]
                let wanted = try outputShape.isEmpty ? product(extents[i], stride) : outputShape[i]
                guard wanted >= 0, wanted <= 1 << 40 else {
                    throw GraphError(.invalidAttribute, "attribute 'output_shape' is \(outputShape)")
                }
                let span = try product(windows.kernel[i] - 1, windows.dilations[i]) + 1
                let total = try product(extents[i] - 1, stride) + outputPadding[i] + span - wanted
                let half = max(0, total) / 2
                // More elements than there are come at the end.
                let rest = total < 0 ? total : total - half
                (low[i], high[i]) =
                    total < 0 || windows.autoPad == .sameUpper ? (half, rest) : (rest, half)
            }
        }
        let fits = (0..<count).allSatisfy {
            low[$0] >= 0 && high[$0] >= 0 && outputPadding[$0] < max(windows.strides[$0], windows.dilations[$0])
        }
        if fits {
            return try x.convolutionTranspose(
                weights, bias: bias, strides: windows.strides, dilations: windows.dilations, low: low, high: high,
                outputPadding: outputPadding, groups: groups)
        }
        let whole = try x.convolutionTranspose(
            weights, strides: windows.strides, dilations: windows.dilations, groups: groups)
        let cut = try whole.pad(
            0, low: [0, 0] + low.map { -$0 }, high: [0, 0] + zip(outputPadding, high).map { $0 - $1 })
        guard let bias else { return cut }
        return try cut + bias.broadcast(cut.shape, dimensions: [1])
    }

    /// `a * b` of numbers that come from the model. Throws `overflow` beyond 2^41.
    private func product(_ a: Int, _ b: Int) throws(GraphError) -> Int {
        let (result, overflow) = a.multipliedReportingOverflow(by: b)
        guard !overflow, result.magnitude <= 1 << 41 else {
            throw GraphError(.overflow, "\(a) times \(b) is beyond the largest extent")
        }
        return result
    }
}
