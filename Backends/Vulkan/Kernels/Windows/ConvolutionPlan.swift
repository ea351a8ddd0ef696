// Heterodyne: convolution as the kernel takes it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Convolution, or its transpose, as the kernel takes it.
struct ConvolutionPlan {
    static let name = "convolution"
    static let transposedName = "convolutionTranspose"

    /// How the operand of a transposed convolution becomes that of a convolution: zeros between and around its
    /// elements. Its windows then move by one, and its kernel is reversed.
    struct Spread: Hashable, Sendable {
        /// Zeros before each spatial dimension; less than none cut elements off.
        var low: [Int]
        /// Zeros between elements.
        var interior: [Int]
        /// The spatial extents afterwards.
        var extents: [Int]
    }

    var type: ScalarType
    /// The windows of the convolution; of a transposed one, those over the spread operand.
    var windows: SpatialWindows
    var groups: Int
    /// What happens to the operand before; nil for a convolution.
    var spread: Spread?

    /// The plan for `composite` on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) {
        let isTransposed = composite.name == Self.transposedName
        guard isTransposed || composite.name == Self.name, operands.count == 2 || operands.count == 3,
            let x = operands[0].shape.fixedExtents, let weights = operands[1].shape.fixedExtents,
            x.count >= 3, x.count == weights.count, operands.allSatisfy({ target.stores($0.scalarType) })
        else { return nil }
        let element = operands[0].scalarType
        switch element {
        case .float32, .float16, .bfloat16: break
        case .float64: guard ScalarCode.supports(element, target) else { return nil }
        default: return nil
        }
        type = element
        guard operands.dropFirst(2).allSatisfy({ $0.scalarType == element || $0.scalarType == .float32 }),
            (x + weights).allSatisfy({ $0 > 0 }), SpatialWindows.fits(x), SpatialWindows.fits(weights)
        else { return nil }
        var reader = AttributeReader(composite.attributes, operation: composite.name)
        let outputPadding: [Int]
        do {
            guard let windows = try SpatialWindows(&reader, kernel: Array(weights[2...])) else { return nil }
            self.windows = windows
            groups = try reader.integer("groups")
            outputPadding = try isTransposed ? reader.integers("outputPadding") : windows.low.map { _ in 0 }
            try reader.finish()
        } catch { return nil }
        guard groups > 0, groups <= max(x[1], weights[0]) else { return nil }
        var input = x
        let outputs: Int
        if isTransposed {
            guard weights[0] == x[1], x[1] % groups == 0,
                let spread = Spread(windows, Array(x[2...]), outputPadding: outputPadding)
            else { return nil }
            outputs = weights[1] * groups
            input = x[..<2] + spread.extents
            windows.strides = windows.strides.map { _ in 1 }
            windows.low = windows.low.map { _ in 0 }
            windows.high = windows.low
            self.spread = spread
        } else {
            guard x[1] == weights[1] * groups, weights[0] % groups == 0 else { return nil }
            outputs = weights[0]
        }
        let result = windows.resultExtents(Array(input[2...]))
        let perGroup = x[1] / groups
        guard result.allSatisfy({ $0 > 0 }), SpatialWindows.fits(input), SpatialWindows.fits([x[0], outputs] + result),
            // An invocation goes through the whole window and its channels.
            weights[2...].reduce(1, *) <= KernelTarget.iterationLimit / (perGroup + 2),
            // Packed weights have whole tiles of output channels.
            SpatialWindows.fits([outputs + groups * 8, perGroup] + weights[2...])
        else { return nil }
    }

    /// How a kernel for the target splits the work.
    struct Shape: Hashable, Sendable {
        /// Output channels of a tile: 1, 4 or 8.
        var channels: Int
        /// Positions of a tile.
        var positions: Int
        var isStrided: Bool

        init(channels: Int, positions: Int, isStrided: Bool) {
            self.channels = channels
            self.positions = positions
            self.isStrided = isStrided
        }

        /// The shape that suits the target for so many output channels in a group and positions.
        init(_ target: KernelTarget, channels: Int, positions: Int, _ type: ScalarType) {
            self.channels = channels > 4 ? 8 : channels > 1 ? 4 : 1
            isStrided = target.tileMemory == .workgroup
            let most = type == .float64 || isStrided ? 4 : 8
            self.positions = positions >= 4 * most ? most : positions > 1 ? 2 : 1
        }
    }

    /// The launch. `x` is the spread operand where the convolution is transposed; `weights` are as `grouped` gives
    /// them, and `operand` is what `direct` or `packed` made of them. The bias and the result are dense.
    func launch(
        _ x: StridedView, weights: StridedView, operand: StridedView, bias: StridedView?, _ result: StridedView,
        _ shape: Shape, _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        guard !IndexSpace.needsWideIndices(x.extents, [x.strides]) else {
            throw BackendError(.unsupported, "convolution of \(x.extents) is beyond 32-bit indices")
        }
        let (channels, perGroup) = (weights.extents[weights.rank - 2], weights.extents[weights.rank - 1])
        let channelTiles = (perGroup - 1) / shape.channels + 1
        let input = Array(x.extents[2...])
        let output = Array(result.extents[2...])
        let space = Strides.count(output)
        let positions = x.extents[0] * space
        let tiles = (positions - 1) / shape.positions + 1
        let (invocations, overflow) = tiles.multipliedReportingOverflow(by: channelTiles * groups)
        guard !overflow, invocations < Int(Int32.max) else {
            throw BackendError(.unsupported, "convolution of \(x.extents) needs more than 2^31 invocations")
        }
        let isPadded = windows.low.indices.contains { d in
            let last = (output[d] - 1) * windows.strides[d] + (windows.kernel[d] - 1) * windows.dilations[d]
            return windows.low[d] > 0 || last - windows.low[d] >= input[d]
        }
        let views = [x, operand] + (bias.map { [$0] } ?? []) + [result]
        let recipe = ConvolutionKernel(
            type: type, biasType: bias?.type, form: WindowForm(windows), channels: shape.channels,
            positions: shape.positions, isStrided: shape.isStrided, isPadded: isPadded,
            isPartial: perGroup % shape.channels != 0, hasChannels: channels > 1,
            origins: views.map(\.bound.origin))
        var numbers = [
            invocations, tiles, positions, space, channels, perGroup, channelTiles,
            result.extents[1] * space,
        ]
        numbers += output.dropFirst() + input + windows.low + x.strides
        let products = Double(positions) * Double(weights.count)
        return KernelLaunch(
            recipe: recipe, accesses: views.dropLast().map(Access.read) + [.write(result)],
            constants: numbers.map { .u32(UInt32(truncatingIfNeeded: $0)) },
            grid: .linear(invocations: invocations, width: target.linearWorkgroup), work: 2 * products,
            description: "convolution \(x.extents) to \(result.extents) by \(windows.kernel)")
    }
}

extension SpatialWindows {
    /// Whether 32-bit positions reach all elements, with room for windows that begin before them.
    static func fits(_ extents: some Sequence<Int>) -> Bool {
        var count = 1
        for extent in extents {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            if overflow || product > Int(Int32.max) / 2 { return false }
            count = product
        }
        return true
    }

    /// The number of windows over `input` elements of each dimension, at least partly inside where `ceilMode` is true;
    /// 0 where none fits.
    func resultExtents(_ input: [Int], ceilMode: Bool = false) -> [Int] {
        input.indices.map { d in
            let span = (kernel[d] - 1) * dilations[d] + 1
            let room = input[d] + low[d] + high[d] - span
            guard room >= 0 else { return 0 }
            guard ceilMode else { return room / strides[d] + 1 }
            let count = (room + strides[d] - 1) / strides[d] + 1
            // A last window that starts beyond the elements and the low padding does not count.
            return (count - 1) * strides[d] >= input[d] + low[d] ? count - 1 : count
        }
    }
}
