// Heterodyne: blocks of pixels as channels and back.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `spaceToDepth(x)`: every block of `blockSize` x `blockSize` pixels becomes that many channel groups (ONNX).
///
/// `[n, c, h, w]` becomes `[n, b*b*c, h/b, w/b]`; channel `(i b + j) c + k` is channel `k` of pixel `(i, j)` of
/// the block. Extents must divide.
public struct SpaceToDepth: AttributedComposite {
    /// `spaceToDepth`.
    public static let name = "spaceToDepth"
    /// The block's height and width.
    public var blockSize: Int

    /// The rearrangement of blocks of `blockSize`.
    public init(blockSize: Int) { self.blockSize = blockSize }
    /// The attributes as data.
    public var attributes: Attributes { ["blockSize": .integer(blockSize)] }
    /// Reads blockSize.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        blockSize = try reader.integer("blockSize")
    }

    /// The rearranged type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        let shape = try OperandRules.image(operands, blockSize: blockSize)
        let area = try Extent.fixed(blockSize).multiplied(by: .fixed(blockSize))
        let result: Shape = [
            shape[0], try shape[1].multiplied(by: area),
            try OperandRules.divided(shape[2], by: blockSize, "height"),
            try OperandRules.divided(shape[3], by: blockSize, "width"),
        ]
        return [try OperandRules.valid(operands[0].with(result))]
    }

    /// Reshape, transpose, reshape.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let (x, result) = (operands[0], try inferTypes(operands.map(\.type))[0].shape)
        let b = Extent.fixed(blockSize)
        let blocks = try x.reshape([x.shape[0], x.shape[1], result[2], b, result[3], b])
        return [try blocks.transpose([0, 3, 5, 1, 2, 4]).reshape(result)]
    }
}

/// `depthToSpace(x)`: groups of channels become blocks of `blockSize` x `blockSize` pixels (ONNX, PyTorch
/// pixel_shuffle).
///
/// `[n, c, h, w]` becomes `[n, c/(b*b), h*b, w*b]`. With `channelsFirst` (ONNX's CRD) channel `k b b + i b + j` goes to
/// channel `k` of pixel `(i, j)` of the block, else (DCR) channel `(i b + j) c/(b*b) + k` does.
public struct DepthToSpace: AttributedComposite {
    /// `depthToSpace`.
    public static let name = "depthToSpace"
    /// The block's height and width.
    public var blockSize: Int
    /// Whether the result's channel is the slowest part of the operand's channel.
    public var channelsFirst: Bool

    /// The rearrangement to blocks of `blockSize`.
    public init(blockSize: Int, channelsFirst: Bool = false) {
        self.blockSize = blockSize
        self.channelsFirst = channelsFirst
    }
    /// The attributes as data.
    public var attributes: Attributes {
        ["blockSize": .integer(blockSize), "channelsFirst": .bool(channelsFirst)]
    }
    /// Reads blockSize and channelsFirst.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        blockSize = try reader.integer("blockSize")
        channelsFirst = try reader.bool("channelsFirst")
    }

    /// The rearranged type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        let shape = try OperandRules.image(operands, blockSize: blockSize)
        let b = Extent.fixed(blockSize)
        let result: Shape = [
            shape[0], try OperandRules.divided(shape[1], by: blockSize * blockSize, "number of channels"),
            try shape[2].multiplied(by: b), try shape[3].multiplied(by: b),
        ]
        return [try OperandRules.valid(operands[0].with(result))]
    }

    /// Reshape, transpose, reshape.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let (x, result) = (operands[0], try inferTypes(operands.map(\.type))[0].shape)
        let b = Extent.fixed(blockSize)
        let (n, c, h, w) = (x.shape[0], result[1], x.shape[2], x.shape[3])
        let blocks =
            channelsFirst
            ? try x.reshape([n, c, b, b, h, w]).transpose([0, 1, 4, 2, 5, 3])
            : try x.reshape([n, b, b, c, h, w]).transpose([0, 3, 4, 1, 5, 2])
        return [try blocks.reshape(result)]
    }
}

extension OperandRules {
    /// Checks an image `[n, c, h, w]` and a block size, which stays small enough to be squared.
    static func image(_ operands: [TensorType], blockSize: Int) throws(GraphError) -> Shape {
        try count(operands, 1, "x")
        try require(operands[0].rank == 4, .shapeMismatch, "\(operands[0]) is not [n, channels, height, width]")
        try require(
            blockSize >= 1 && blockSize <= 1 << 20, .invalidAttribute,
            "blockSize is \(blockSize); choose 1 to \(1 << 20)")
        return operands[0].shape
    }

    static func divided(_ extent: Extent, by divisor: Int, _ what: String) throws(GraphError) -> Extent {
        if case .fixed(let value) = extent {
            try require(value % divisor == 0, .shapeMismatch, "the \(what) \(value) is no multiple of \(divisor)")
        }
        return try extent.floorDivided(by: divisor)
    }
}

extension Term {
    /// Blocks of pixels as channels; see `SpaceToDepth`.
    public func spaceToDepth(blockSize: Int) throws(GraphError) -> Term {
        try builder.add(SpaceToDepth(blockSize: blockSize), [self])
    }

    /// Channels as blocks of pixels; see `DepthToSpace`.
    public func depthToSpace(blockSize: Int, channelsFirst: Bool = false) throws(GraphError) -> Term {
        try builder.add(DepthToSpace(blockSize: blockSize, channelsFirst: channelsFirst), [self])
    }
}
