// Heterodyne: the largest or the mean of each window.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Pooling of [N, C, S…]: one invocation for each window.
///
/// Slots: x, result, and the positions of the maxima where they are wanted. Push constants: see `numbers`.
struct PoolingKernel: KernelRecipe {
    enum Kind: Hashable, Sendable {
        /// The largest element, NaN where there is one; padding does not count.
        case maximum
        /// The largest element and its row-major position in x, the first of several.
        case maximumWithIndices
        /// The sum over the number of elements inside x or, with `countsPadding`, inside x and its padding.
        case average(countsPadding: Bool)
    }

    var kind: Kind
    var type: ScalarType
    var form: WindowForm
    /// Elements from the start of each bound range to its origin, for each slot.
    var origins: [Int]

    /// The names of the push constants, all u32, for a spatial rank.
    static func numbers(_ rank: Int) -> [String] {
        ["count", "channels"] + (0..<rank).map { "out_extent\($0)" } + (0..<rank).map { "extent\($0)" }
            + (0..<rank).map { "low\($0)" } + (0..<rank).map { "high\($0)" } + ["x_batch", "x_channel"]
            + (0..<rank).map { "x_stride\($0)" }
    }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let rank = form.kernel.count
        let builder = KernelBuilder("pooling", workgroup: [UInt32(width)])
        let scalars = ScalarCode(builder, target)
        let x = builder.buffer("x", ScalarCode.memory(type), .read)
        let result = builder.buffer("result", ScalarCode.memory(type), .write)
        // int64 as two words, so that devices without 64-bit integers can write it.
        let places = kind == .maximumWithIndices ? builder.buffer("indices", .u32.with(width: 2), .write) : nil
        var numbers: [String: KernelValue] = [:]
        for name in Self.numbers(rank) { numbers[name] = builder.pushConstant(name, .u32) }
        func number(_ name: String) -> KernelValue { numbers[name] ?? builder.constant(0, .u32) }
        let index = builder.linearInvocation(width: width, .u32)
        builder.if(index .< number("count")) {
            var rest = index
            var at = [KernelValue](repeating: index, count: rank)
            for d in (0..<rank).reversed() {
                let quotient = rest / number("out_extent\(d)")
                at[d] = rest - quotient * number("out_extent\(d)")
                rest = quotient
            }
            let image = rest / number("channels")
            let channel = rest - image * number("channels")
            let base = image * number("x_batch") + channel * number("x_channel") + origins[0]
            let window = PoolingWindow(
                self, builder, scalars, plane: rest,
                starts: (0..<rank).map { IndexSpace.scaled(at[$0], form.strides[$0]) - number("low\($0)") })
            form.forEachTap(builder) { taps, _ in
                var place = base
                var dense = window.plane
                var inside: KernelValue?
                var counted: KernelValue?
                for d in 0..<rank {
                    let coordinate = window.starts[d] + IndexSpace.scaled(taps[d], form.dilations[d])
                    place = place + coordinate * number("x_stride\(d)")
                    dense = dense * number("extent\(d)") + coordinate
                    // Unsigned: what lies before the first element is beyond the last one.
                    let isInside = coordinate .< number("extent\(d)")
                    inside = inside.map { $0 & isInside } ?? isInside
                    guard case .average(countsPadding: true) = kind else { continue }
                    let low = number("low\(d)")
                    let isCounted = coordinate + low .< number("extent\(d)") + low + number("high\(d)")
                    counted = counted.map { $0 & isCounted } ?? isCounted
                }
                guard let inside else { return }
                let safe = builder.select(inside, place, builder.constant(origins[0], .u32))
                window.take(scalars.decode(x[safe], type), isInside: inside, isCounted: counted ?? inside, dense)
            }
            let value = scalars.rounded(window.result(), to: type)
            result[index + origins[1]] = scalars.encode(value, type)
            if let places, let position = window.position() { places[index + origins[2]] = position }
        }
        return try builder.finish()
    }
}

/// The state of one window.
private struct PoolingWindow {
    let kind: PoolingKernel.Kind
    let type: ScalarType
    let builder: KernelBuilder
    let scalars: ScalarCode
    /// The number of the image and channel.
    let plane: KernelValue
    let starts: [KernelValue]
    /// The largest element or the sum so far.
    let value: Variable
    /// How many elements counted, as a number of the type of computation.
    let count: Variable
    /// Where the largest element stands; all ones before there is one.
    let place: Variable

    init(
        _ kernel: PoolingKernel, _ builder: KernelBuilder, _ scalars: ScalarCode, plane: KernelValue,
        starts: [KernelValue]
    ) {
        kind = kernel.kind
        type = kernel.type
        self.builder = builder
        self.scalars = scalars
        self.plane = plane
        self.starts = starts
        let isAverage = if case .average = kernel.kind { true } else { false }
        let first = isAverage ? 0 : type.lowestElementBits
        value = builder.variable(scalars.constant(bits: first, type))
        count = builder.variable(scalars.constant(bits: 0, isAverage ? type : .float32))
        place = builder.variable(builder.constant(bits: 0xffff_ffff, .u32))
    }

    func take(_ element: KernelValue, isInside: KernelValue, isCounted: KernelValue, _ dense: KernelValue) {
        let before = value.value
        switch kind {
        case .average:
            value.value = builder.select(isInside, before + element, before)
            count.value = builder.select(isCounted, count.value + 1.0, count.value)
        case .maximum:
            value.value = builder.select(isInside, scalars.binary(.maximum, before, element, type), before)
        case .maximumWithIndices:
            var isBetter = (place.value .== builder.constant(bits: 0xffff_ffff, .u32)) | (element .> before)
            if type.isFloatingPoint { isBetter = isBetter | (element.isNaN & !before.isNaN) }
            place.value = builder.select(isInside & isBetter, dense, place.value)
            value.value = builder.select(isInside, scalars.binary(.maximum, before, element, type), before)
        }
    }

    func result() -> KernelValue {
        guard case .average = kind else { return value.value }
        return scalars.quotient(value.value, count.value)
    }

    /// The position as two words of an int64: the largest int64 where the window has no element inside.
    func position() -> KernelValue? {
        guard kind == .maximumWithIndices else { return nil }
        let place = place.value
        let none = place .== builder.constant(bits: 0xffff_ffff, .u32)
        return builder.vector(
            place, builder.select(none, builder.constant(0x7fff_ffff, .u32), builder.constant(0, .u32)))
    }
}

extension ScalarType {
    /// The bits of the least element: minus infinity where there is one.
    var lowestElementBits: UInt64 {
        if isFloatingPoint { return bits(of: -.infinity) }
        return isSignedInteger ? 1 << UInt64(bitWidth - 1) : 0
    }
}
