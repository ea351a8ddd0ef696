// Heterodyne: convolution as an implicit matrix product.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// `y[n, o, s…] = bias[o] + Σ x[n, c, s stride + k dilation - low] w[o, c, k]`.
///
/// An invocation holds a tile of output channels by positions (n, s…) in registers and walks over the window and the
/// channels of its group; the matrix of windows is never made. Weights come packed as [group, window, channel, output
/// channel], so that a vector of them is one load, or as they are where a group has few output channels.
///
/// Slots: x, weights, the bias where there is one, result. Push constants: see `numbers`.
struct ConvolutionKernel: KernelRecipe {
    var type: ScalarType
    var biasType: ScalarType?
    var form: WindowForm
    /// Output channels of a tile: 1 with weights as they are, 4 or 8 with packed ones.
    var channels: Int
    /// Positions of a tile.
    var positions: Int
    /// Whether the positions of a tile are far apart, so that neighbouring invocations read neighbouring elements.
    var isStrided: Bool
    /// Whether windows reach beyond the input.
    var isPadded: Bool
    /// Whether the last tile of a group has channels that do not exist.
    var isPartial: Bool
    /// Whether a group has more than one input channel.
    var hasChannels: Bool
    /// Elements from the start of each bound range to its origin, for each slot.
    var origins: [Int]

    var computeType: KernelType { type == .float64 ? .f64 : .f32 }

    /// The names of the push constants, all u32, for a spatial rank.
    static func numbers(_ rank: Int) -> [String] {
        ["count", "tiles", "positions", "space", "in_channels", "out_channels", "channel_tiles", "out_batch"]
            + (1..<max(rank, 1)).map { "out_extent\($0)" } + (0..<rank).map { "extent\($0)" }
            + (0..<rank).map { "low\($0)" } + ["x_batch", "x_channel"] + (0..<rank).map { "x_stride\($0)" }
    }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        try ConvolutionCode(self, target).build()
    }
}

/// Writes the kernel of a `ConvolutionKernel`.
private struct ConvolutionCode {
    let recipe: ConvolutionKernel
    let builder: KernelBuilder
    let scalars: ScalarCode
    let width: Int
    let x: MemoryArray
    let weights: MemoryArray
    let bias: MemoryArray?
    let result: MemoryArray
    let numbers: [String: KernelValue]
    let rank: Int
    let compute: KernelType
    /// Vectors of a tile's output channels, and their width.
    let vectors: Int
    let vectorWidth: Int

    init(_ recipe: ConvolutionKernel, _ target: KernelTarget) {
        self.recipe = recipe
        rank = recipe.form.kernel.count
        width = target.linearWorkgroup
        builder = KernelBuilder("convolution", workgroup: [UInt32(width)])
        scalars = ScalarCode(builder, target)
        compute = recipe.computeType
        vectorWidth = min(recipe.channels, 4)
        vectors = recipe.channels / vectorWidth
        let element = ScalarCode.memory(recipe.type)
        x = builder.buffer("x", element, .read)
        weights = builder.buffer("weights", element.with(width: vectorWidth), .read)
        bias = recipe.biasType.map { [builder] in builder.buffer("bias", ScalarCode.memory($0), .read) }
        result = builder.buffer("result", element, .write)
        var numbers: [String: KernelValue] = [:]
        for name in ConvolutionKernel.numbers(rank) { numbers[name] = builder.pushConstant(name, .u32) }
        self.numbers = numbers
    }

    func number(_ name: String) -> KernelValue { numbers[name] ?? builder.constant(0, .u32) }

    /// One output position of a tile.
    struct Position {
        /// Its number among all of them.
        var index: KernelValue
        /// Where its image starts in x, and in the result.
        var input: KernelValue
        var output: KernelValue
        /// Where its window starts, in elements of each dimension; below zero wraps.
        var starts: [KernelValue]
        var sums: [Variable]
    }

    func build() throws(KernelError) -> Kernel {
        let index = builder.linearInvocation(width: width, .u32)
        builder.if(index .< number("count")) {
            let outer = index / number("tiles")
            let tile = index - outer * number("tiles")
            let group = outer / number("channel_tiles")
            let channelTile = outer - group * number("channel_tiles")
            let positions = makePositions(tile)
            recipe.form.forEachTap(builder) { taps, tap in
                accumulate(positions, taps, tap, group, channelTile)
            }
            store(positions, group, channelTile)
        }
        return try builder.finish()
    }

    func makePositions(_ tile: KernelValue) -> [Position] {
        var coordinates: [KernelValue] = []
        return (0..<recipe.positions).map { j in
            let index: KernelValue
            if recipe.isStrided {
                index = j == 0 ? tile : tile + number("tiles") * j
            } else {
                index = j == 0 ? tile * recipe.positions : tile * recipe.positions + j
            }
            // Divisions are slow where vectors have none: neighbours are counted up instead.
            if j == 0 || recipe.isStrided {
                coordinates = decode(index.minimum(number("positions") - 1))
            } else {
                coordinates = successor(coordinates)
            }
            return position(index, coordinates)
        }
    }

    /// The image and the spatial coordinates of a position.
    func decode(_ index: KernelValue) -> [KernelValue] {
        let image = index / number("space")
        var rest = index - image * number("space")
        var spatial: [KernelValue] = []
        for d in stride(from: rank - 1, through: 1, by: -1) {
            let extent = number("out_extent\(d)")
            let quotient = rest / extent
            spatial.append(rest - quotient * extent)
            rest = quotient
        }
        return [image] + [rest] + spatial.reversed()
    }

    /// The coordinates of the next position. Beyond the last one they are those of the first image, so that reads
    /// stay inside.
    func successor(_ coordinates: [KernelValue]) -> [KernelValue] {
        var next = coordinates
        var carry: KernelValue?
        for d in stride(from: rank, through: 2, by: -1) {
            let raised = carry.map { builder.select($0, coordinates[d] + 1, coordinates[d]) } ?? coordinates[d] + 1
            let wraps = raised .== number("out_extent\(d - 1)")
            next[d] = builder.select(wraps, raised.like(0), raised)
            carry = wraps
        }
        // The outermost extent is not known as such: the image is full when all positions of one are counted.
        let raised = carry.map { builder.select($0, coordinates[1] + 1, coordinates[1]) } ?? coordinates[1] + 1
        var inner = builder.constant(1, .u32)
        for d in 1..<max(rank, 1) { inner = inner * number("out_extent\(d)") }
        let wraps = raised * inner .== number("space")
        next[1] = builder.select(wraps, raised.like(0), raised)
        let image = builder.select(wraps, coordinates[0] + 1, coordinates[0])
        let images = number("positions") / number("space")
        next[0] = builder.select(image .== images, image.like(0), image)
        return next
    }

    func position(_ index: KernelValue, _ coordinates: [KernelValue]) -> Position {
        var starts: [KernelValue] = []
        var place = coordinates[1]
        for d in 0..<rank {
            if d > 0 { place = place * number("out_extent\(d)") + coordinates[d + 1] }
            starts.append(IndexSpace.scaled(coordinates[d + 1], recipe.form.strides[d]) - number("low\(d)"))
        }
        let zero = builder.constant(0.0, compute.with(width: vectorWidth))
        return Position(
            index: index,
            input: coordinates[0] * number("x_batch") + builder.constant(recipe.origins[0], .u32),
            output: coordinates[0] * number("out_batch") + place, starts: starts,
            sums: (0..<vectors).map { _ in builder.variable(zero) })
    }

    /// Adds the products of one element of the window over all channels of the group.
    func accumulate(
        _ positions: [Position], _ taps: [KernelValue], _ tap: KernelValue, _ group: KernelValue,
        _ channelTile: KernelValue
    ) {
        var places: [KernelValue] = []
        var insides: [KernelValue?] = []
        let first = group * number("in_channels") * number("x_channel")
        for position in positions {
            var place = position.input + first
            var inside: KernelValue?
            for d in 0..<rank {
                let at =
                    recipe.form.kernel[d] == 1
                    ? position.starts[d] : position.starts[d] + IndexSpace.scaled(taps[d], recipe.form.dilations[d])
                place = place + at * number("x_stride\(d)")
                guard recipe.isPadded else { continue }
                // Unsigned: what lies before the first element is beyond the last one.
                let isInside = at .< number("extent\(d)")
                inside = inside.map { $0 & isInside } ?? isInside
            }
            if let inside { place = builder.select(inside, place, builder.constant(recipe.origins[0], .u32)) }
            places.append(place)
            insides.append(inside)
        }
        let taps = recipe.form.kernel.reduce(1, *)
        let channels = number("in_channels")
        let weightOrigin = recipe.origins[1] / vectorWidth
        let weightBase: KernelValue
        let weightStep: KernelValue
        if recipe.channels == 1 {
            // [O, C/groups, K…]
            let output = group * number("out_channels") + channelTile
            weightBase = output * channels * taps + tap + weightOrigin
            weightStep = builder.constant(taps, .u32)
        } else {
            // [groups, K…, C/groups, output channels in whole tiles], in vectors.
            let perRow = number("channel_tiles") * vectors
            weightBase = (group * taps + tap) * channels * perRow + channelTile * vectors + weightOrigin
            weightStep = perRow
        }
        func step(_ weightPlace: KernelValue, _ places: [KernelValue], _ isSafe: [KernelValue?]) {
            let factors = (0..<vectors).map { v in
                scalars.decode(weights[v == 0 ? weightPlace : weightPlace + v], recipe.type)
            }
            for (j, position) in positions.enumerated() {
                var value = scalars.decode(x[places[j]], recipe.type)
                if let inside = isSafe[j] { value = builder.select(inside, value, value.like(0.0)) }
                let spread = builder.splat(value, vectorWidth)
                for (sum, factor) in zip(position.sums, factors) {
                    sum.value = builder.multiplyAdd(spread, factor, sum.value)
                }
            }
        }
        guard recipe.hasChannels else { return step(weightBase, places, insides) }
        // What is outside stays at the origin instead of wandering out of the memory.
        let steps = insides.map { inside in
            inside.map { builder.select($0, number("x_channel"), builder.constant(0, .u32)) } ?? number("x_channel")
        }
        builder.loop(from: builder.constant(0, .u32), to: channels) { channel in
            step(
                weightBase + channel * weightStep, zip(places, steps).map { $0 + channel * $1 }, insides)
        }
    }

    func store(_ positions: [Position], _ group: KernelValue, _ channelTile: KernelValue) {
        let firstInGroup = channelTile * recipe.channels
        let first = group * number("out_channels") + firstInGroup
        let slot = recipe.origins.count - 1
        let resultOrigin = builder.constant(recipe.origins[slot], .u32)
        var limit = builder.constant(0, .u32)
        if recipe.isPartial { limit = number("out_channels") - 1 - firstInGroup }
        let biases: [KernelValue]? = bias.flatMap { bias in
            recipe.biasType.map { type in
                (0..<recipe.channels).map { i in
                    let channel = builder.constant(i, .u32)
                    let inside = recipe.isPartial && i > 0 ? channel.minimum(limit) : channel
                    let raw = bias[first + inside + recipe.origins[2]]
                    return scalars.decode(raw, type).converted(to: compute.scalar)
                }
            }
        }
        for position in positions {
            builder.if(position.index .< number("positions")) {
                for i in 0..<recipe.channels {
                    let vector = position.sums[i / vectorWidth].value
                    var value = vectorWidth == 1 ? vector : vector[i % vectorWidth]
                    if let biases { value = value + biases[i] }
                    let encoded = scalars.encode(scalars.rounded(value, to: recipe.type), recipe.type)
                    let place = resultOrigin + position.output + (first + i) * number("space")
                    if recipe.isPartial && i > 0 {
                        builder.if(limit .>= limit.like(i)) { result[place] = encoded }
                    } else {
                        result[place] = encoded
                    }
                }
            }
        }
    }
}
