// Heterodyne: result types of the primitives that move or index elements.
// SPDX-License-Identifier: Apache-2.0

extension Primitive {
    func inferStructure(_ operands: [TensorType]) throws(GraphError) -> TensorType {
        switch self {
        case .concatenate(let dimension):
            return try Self.inferConcatenate(operands, dimension)
        case .pad(let low, let high, let interior):
            return try Self.inferPad(operands, low, high, interior)
        default:
            break
        }
        try Rules.count(operands, 1)
        let type = operands[0]
        switch self {
        case .reshape(let shape):
            let (from, to) = (try type.shape.elementCount(), try shape.elementCount())
            try Rules.require(
                from == to, .shapeMismatch, "\(type) has \(from) elements and \(shape) has \(to)")
            return type.with(shape)
        case .transpose(let permutation):
            try Rules.distinct(permutation, rank: type.rank)
            try Rules.require(
                permutation.count == type.rank, .invalidAttribute,
                "permutation \(permutation) does not name every dimension of \(type)")
            return type.with(Shape(permutation.map { type.shape[$0] }))
        case .broadcast(let shape, let dimensions):
            try Rules.require(
                dimensions.count == type.rank, .invalidAttribute,
                "\(dimensions.count) target dimensions for an operand of rank \(type.rank)")
            try Rules.distinct(dimensions, rank: shape.rank)
            try Rules.require(
                zip(dimensions, dimensions.dropFirst()).allSatisfy { $0 < $1 }, .invalidAttribute,
                "target dimensions \(dimensions) do not increase; transpose first")
            for (from, to) in dimensions.enumerated() {
                try Rules.require(
                    type.shape[from] == shape[to] || type.shape[from] == 1, .shapeMismatch,
                    "extent \(type.shape[from]) of dimension \(from) of \(type) does not broadcast to \(shape[to])")
            }
            return type.with(shape)
        case .slice(let starts, let limits, let strides):
            return try Self.inferSlice(type, starts, limits, strides)
        case .reverse(let dimensions):
            try Rules.distinct(dimensions, rank: type.rank)
            return type
        default:
            throw GraphError(.malformedGraph, "\(code.name) is no structure primitive")
        }
    }

    private static func inferSlice(
        _ type: TensorType, _ starts: [Extent], _ limits: [Extent], _ strides: [Int]
    ) throws(GraphError) -> TensorType {
        try Rules.require(
            starts.count == type.rank && limits.count == type.rank && strides.count == type.rank, .invalidAttribute,
            "starts, limits and strides need one entry per dimension of \(type)")
        var extents: [Extent] = []
        for d in 0..<type.rank {
            let (start, limit, stride) = (starts[d], limits[d], strides[d])
            try Rules.require(stride >= 1, .invalidAttribute, "stride \(stride) of dimension \(d) is below 1")
            if case .fixed(let low) = start, case .fixed(let high) = limit, case .fixed(let extent) = type.shape[d] {
                try Rules.require(
                    low >= 0 && low <= high && high <= extent, .invalidAttribute,
                    "slice \(low)..<\(high) of dimension \(d) is not within extent \(extent)")
            }
            let length = try limit.subtracting(start)
            if case .fixed(let value) = length {
                try Rules.require(value >= 0, .invalidAttribute, "slice of dimension \(d) has negative length \(value)")
            }
            let rounded = stride == 1 ? length : try length.adding(.fixed(stride - 1)).floorDivided(by: stride)
            extents.append(rounded)
        }
        return type.with(Shape(extents))
    }

    private static func inferPad(
        _ operands: [TensorType], _ low: [Extent], _ high: [Extent], _ interior: [Int]
    ) throws(GraphError) -> TensorType {
        try Rules.count(operands, 2)
        let type = operands[0]
        try Rules.require(
            operands[1] == .scalar(type.scalarType), .invalidType,
            "the pad value is \(operands[1]), not a \(type.scalarType) scalar")
        try Rules.require(
            low.count == type.rank && high.count == type.rank && interior.count == type.rank, .invalidAttribute,
            "low, high and interior need one entry per dimension of \(type)")
        var extents: [Extent] = []
        for d in 0..<type.rank {
            try Rules.require(
                interior[d] >= 0, .invalidAttribute, "interior \(interior[d]) of dimension \(d) is negative")
            var middle = type.shape[d]
            if interior[d] > 0 && middle != 0 {
                let step = try checked(interior[d].addingReportingOverflow(1), "interior + 1")
                middle = try middle.subtracting(1).multiplied(by: .fixed(step)).adding(1)
            }
            let extent = try low[d].adding(middle).adding(high[d])
            if case .fixed(let value) = extent {
                try Rules.require(
                    value >= 0, .invalidAttribute,
                    "padding dimension \(d) of \(type) by \(low[d]) and \(high[d]) leaves extent \(value)")
            }
            extents.append(extent)
        }
        return type.with(Shape(extents))
    }

    private static func inferConcatenate(
        _ operands: [TensorType], _ dimension: Int
    ) throws(GraphError) -> TensorType {
        try Rules.require(!operands.isEmpty, .operandCount, "needs at least one operand")
        let first = operands[0]
        try Rules.dimension(dimension, rank: first.rank)
        var extent = first.shape[dimension]
        for operand in operands.dropFirst() {
            try Rules.require(
                operand.scalarType == first.scalarType, .invalidType,
                "operands are \(first) and \(operand); convert one of them")
            try Rules.require(
                operand.rank == first.rank
                    && (0..<first.rank).allSatisfy { $0 == dimension || operand.shape[$0] == first.shape[$0] },
                .shapeMismatch, "\(first) and \(operand) differ outside dimension \(dimension)")
            extent = try extent.adding(operand.shape[dimension])
        }
        var shape = first.shape
        shape.dimensions[dimension] = extent
        return first.with(shape)
    }

    func inferIndexing(_ operands: [TensorType]) throws(GraphError) -> TensorType {
        switch self {
        case .gather(let dimensions):
            try Rules.count(operands, 2)
            let type = operands[0]
            let shape = try Self.gatheredShape(type, operands[1], dimensions)
            if let empty = dimensions.first(where: { type.shape[$0] == 0 }) {
                // With a symbolic extent the result may still turn out empty; binding it infers again.
                try Rules.require(
                    !shape.dimensions.allSatisfy { ($0.fixedValue ?? 0) > 0 }, .shapeMismatch,
                    "dimension \(empty) of \(type) has no element for indices \(operands[1]) to name")
            }
            return type.with(shape)
        case .scatter(let mode, let dimensions):
            try Rules.count(operands, 3)
            let type = operands[0]
            let shape = try Self.gatheredShape(type, operands[1], dimensions)
            try Rules.require(
                operands[2] == type.with(shape), .shapeMismatch,
                "updates are \(operands[2]) where \(type.with(shape)) is needed")
            try Rules.require(
                mode == .set || type.scalarType.isArithmetic, .invalidType,
                "scatter \(mode.rawValue) is not defined on \(type.scalarType)")
            return type
        case .dynamicSlice(let sizes):
            try Rules.require(!operands.isEmpty, .operandCount, "needs an operand")
            let type = operands[0]
            try Rules.require(
                sizes.count == type.rank, .invalidAttribute, "sizes need one entry per dimension of \(type)")
            try Self.checkStarts(operands.dropFirst(), rank: type.rank)
            try Self.checkFits(sizes, within: type)
            return type.with(Shape(sizes))
        case .dynamicUpdateSlice:
            try Rules.require(operands.count >= 2, .operandCount, "needs an operand and an update")
            let (type, update) = (operands[0], operands[1])
            try Rules.require(
                update.scalarType == type.scalarType && update.rank == type.rank, .shapeMismatch,
                "update \(update) does not fit operand \(type)")
            try Self.checkStarts(operands.dropFirst(2), rank: type.rank)
            try Self.checkFits(update.shape.dimensions, within: type)
            return type
        default:
            throw GraphError(.malformedGraph, "\(code.name) is no indexing primitive")
        }
    }

    private static func gatheredShape(
        _ type: TensorType, _ indices: TensorType, _ dimensions: [Int]
    ) throws(GraphError) -> Shape {
        try Rules.index(indices.scalarType)
        try Rules.distinct(dimensions, rank: type.rank)
        try Rules.require(
            indices.rank >= 1 && indices.shape[indices.rank - 1] == .fixed(dimensions.count), .shapeMismatch,
            "indices \(indices) need a last dimension of extent \(dimensions.count), one per indexed dimension")
        let rest = (0..<type.rank).filter { !dimensions.contains($0) }
        return Shape(indices.shape.dimensions.dropLast() + rest.map { type.shape[$0] })
    }

    private static func checkStarts(_ starts: ArraySlice<TensorType>, rank: Int) throws(GraphError) {
        try Rules.require(
            starts.count == rank, .operandCount, "needs one start index per dimension, was given \(starts.count)")
        for start in starts {
            try Rules.index(start.scalarType)
            try Rules.require(start.rank == 0, .shapeMismatch, "start index \(start) is no scalar")
        }
    }

    private static func checkFits(_ sizes: [Extent], within type: TensorType) throws(GraphError) {
        for (d, size) in sizes.enumerated() {
            if case .fixed(let size) = size, case .fixed(let extent) = type.shape[d] {
                try Rules.require(
                    size >= 0 && size <= extent, .invalidAttribute,
                    "block of extent \(size) does not fit in dimension \(d) of \(type)")
            }
        }
    }
}
