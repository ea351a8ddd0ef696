// Heterodyne: convolution as the kernel takes it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Convolution as the kernel takes it.
struct ConvolutionPlan {
    static let name = "convolution"

    var type: ScalarType
    var windows: SpatialWindows
    var groups: Int

    /// The plan for `composite` on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) {
        guard composite.name == Self.name, operands.count == 2 || operands.count == 3,
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
        var reader = AttributeReader(composite.attributes, operation: Self.name)
        do {
            guard let windows = try SpatialWindows(&reader, kernel: Array(weights[2...])) else { return nil }
            self.windows = windows
            groups = try reader.integer("groups")
            try reader.finish()
        } catch { return nil }
        guard groups > 0, groups <= x[1], x[1] == weights[1] * groups, weights[0] % groups == 0 else { return nil }
        let result = windows.resultExtents(Array(x[2...]))
        guard result.allSatisfy({ $0 > 0 }), SpatialWindows.fits([x[0], weights[0]] + result),
            // Packed weights have whole tiles of output channels.
            SpatialWindows.fits([weights[0] + groups * 8] + weights[1...])
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

    /// Output channels of a group, and in whole tiles.
    func outputs(_ weights: StridedView, _ shape: Shape) -> (perGroup: Int, tiles: Int) {
        let perGroup = weights.extents[0] / groups
        return (perGroup, (perGroup - 1) / shape.channels + 1)
    }

    /// The weights [O, C/groups, K…] as [groups, K…, C/groups, O/groups], and the view of the same extents in the
    /// block of whole tiles `packed`.
    func packing(
        _ weights: StridedView, into packed: StridedView
    ) -> (from: StridedView, to: StridedView) {
        let perGroup = weights.extents[0] / groups
        var from = weights
        from.extents = [groups] + weights.extents[2...] + [weights.extents[1], perGroup]
        from.strides =
            [weights.strides[0] * perGroup] + weights.strides[2...] + [weights.strides[1], weights.strides[0]]
        var to = packed
        to.extents = from.extents
        return (from, to)
    }

    /// The extents of packed weights.
    func packedExtents(_ weights: StridedView, _ shape: Shape) -> [Int] {
        [groups] + weights.extents[2...] + [weights.extents[1], outputs(weights, shape).tiles * shape.channels]
    }

    /// The launch. `weights` tells the extents [O, C/groups, K…]; `operand` is what is bound: dense weights where a
    /// tile has one channel, else packed ones. The bias and the result are dense.
    func launch(
        _ x: StridedView, weights: StridedView, operand: StridedView, bias: StridedView?, _ result: StridedView,
        _ shape: Shape, _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        guard !IndexSpace.needsWideIndices(x.extents, [x.strides]) else {
            throw BackendError(.unsupported, "convolution of \(x.extents) is beyond 32-bit indices")
        }
        let (perGroup, channelTiles) = outputs(weights, shape)
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
            isPartial: perGroup % shape.channels != 0, hasChannels: weights.extents[1] > 1,
            origins: views.map(\.bound.origin))
        var numbers = [
            invocations, tiles, positions, space, weights.extents[1], perGroup, channelTiles,
            result.extents[1] * space,
        ]
        numbers += output.dropFirst() + input + windows.low + x.strides
        let products = Double(positions) * Double(weights.count)
        return KernelLaunch(
            recipe: recipe, accesses: views.dropLast().map(Access.read) + [.write(result)],
            constants: numbers.map { .u32(UInt32(truncatingIfNeeded: $0)) },
            grid: .linear(invocations: invocations, width: target.linearWorkgroup), work: 2 * products,
            description: "convolution \(x.extents) by \(weights.extents)")
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

extension ConvolutionPlan {
    /// Constant weights, which lie in `storage` as `weights` says, in whole tiles of output channels.
    func packed(_ weights: StridedView, _ storage: LiteralStorage, _ shape: Shape) -> LiteralStorage {
        let size = weights.elementSize
        let (perGroup, tiles) = outputs(weights, shape)
        let row = tiles * shape.channels
        let kernel = Array(weights.extents[2...])
        let channels = weights.extents[1]
        return LiteralStorage(count: groups * Strides.count(kernel) * channels * row * size) { target in
            // What no channel fills stays zero.
            for byte in target.indices { target[byte] = 0 }
            var place = 0
            for group in 0..<groups {
                for tap in 0..<Strides.count(kernel) {
                    var rest = tap
                    var window = weights.offset + group * perGroup * weights.strides[0]
                    for d in kernel.indices.reversed() {
                        window += rest % kernel[d] * weights.strides[d + 2]
                        rest /= kernel[d]
                    }
                    for channel in 0..<channels {
                        for output in 0..<perGroup {
                            let source = window + channel * weights.strides[1] + output * weights.strides[0]
                            for byte in 0..<size {
                                target[(place + output) * size + byte] = storage.bytes[source * size + byte]
                            }
                        }
                        place += row
                    }
                }
            }
        }
    }
}
