// Heterodyne: counter-based random bits that are the same on every device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `threefry2x32(key, x0, x1)`: the block cipher Threefry-2x32 with 20 rounds on every pair of counter words
/// (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011).
///
/// Operands: key `[2]` and two tensors of one shape, all uint32. Results: two words of that shape. Integer arithmetic
/// only, so that every device gives the same bits.
public struct Threefry2x32: PlainComposite {
    /// `threefry2x32`.
    public static let name = "threefry2x32"

    /// The cipher.
    public init() {}

    /// Two words of the counters' shape.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 3, "key, high counter word, low counter word")
        try OperandRules.key(operands[0])
        for word in operands.dropFirst() {
            try OperandRules.require(
                word.scalarType == .uint32, .invalidType, "a counter word is \(word), not uint32")
            try OperandRules.shape(word, operands[1].shape.dimensions, "the low counter word")
        }
        return [operands[1], operands[1]]
    }

    /// Twenty rounds of add, rotate and exclusive or, with a key injection after every fourth.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let type = operands[1].type
        let rotations = [[13, 15, 26, 6], [17, 29, 16, 24]]
        let first = try operands[0].slice([0], [1]).reshape(Shape.scalar)
        let second = try operands[0].slice([1], [2]).reshape(Shape.scalar)
        let parity = try builder.integer(0x1BD1_1BDA, first.type)
        let words = [first, second, try first.xor(second).xor(parity)]
        var (x0, x1) = (operands[1], operands[2])
        x0 = try x0 + words[0].broadcast(to: type.shape)
        x1 = try x1 + words[1].broadcast(to: type.shape)
        for group in 0..<5 {
            for amount in rotations[group % 2] {
                x0 = try x0 + x1
                let left = try x1.shiftLeft(builder.integer(amount, type))
                x1 = try left.or(x1.shiftRight(builder.integer(32 - amount, type))).xor(x0)
            }
            let injected = try words[(group + 2) % 3] + builder.integer(group + 1, first.type)
            x0 = try x0 + words[(group + 1) % 3].broadcast(to: type.shape)
            x1 = try x1 + injected.broadcast(to: type.shape)
        }
        return [x0, x1]
    }
}

/// `threefryBits(key)`: uniformly distributed uint32 bits of a given shape.
///
/// The element at row-major position `i` is the exclusive or of both words of Threefry-2x32 on the counter
/// `(i >> 32, i mod 2^32)`, the scheme that JAX calls partitionable. An element depends on key and position only.
public struct ThreefryBits: AttributedComposite {
    /// `threefryBits`.
    public static let name = "threefryBits"
    /// The shape of the bits.
    public var shape: Shape

    /// Bits of `shape`.
    public init(shape: Shape) { self.shape = shape }
    /// The attributes as data.
    public var attributes: Attributes { ["shape": .dimensions(shape.dimensions)] }
    /// Reads shape.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        shape = Shape(try reader.dimensions("shape"))
    }

    /// uint32 of the shape.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "key")
        try OperandRules.key(operands[0])
        return [try OperandRules.valid(TensorType(.uint32, shape))]
    }

    /// The cipher on the positions.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let type = TensorType(.uint32, shape)
        let count = try type.elementCount()
        let flat = TensorType(.uint32, [count])
        let (high, low): (Term, Term)
        if count <= 1 << 32 {
            (high, low) = (try builder.integer(0, flat), try builder.iota(flat, dimension: 0))
        } else {
            let position = try builder.iota(flat.with(.uint64), dimension: 0)
            high = try position.shiftRight(builder.integer(32, position.type)).convert(.uint32)
            low = try position.convert(.uint32)
        }
        let words = try builder.addAll(.composite(Threefry2x32()), [operands[0], high, low])
        return [try words[0].xor(words[1]).reshape(type.shape)]
    }
}

extension OperandRules {
    static func key(_ type: TensorType) throws(GraphError) {
        try require(type == TensorType(.uint32, [2]), .invalidType, "the key is \(type), not uint32[2]")
    }
}

extension GraphBuilder {
    /// The key `(seed >> 32, seed mod 2^32)` as uint32 `[2]`.
    public func randomKey(seed: UInt64) throws(GraphError) -> Term {
        try constant(Literal([UInt32(seed >> 32), UInt32(truncatingIfNeeded: seed)]))
    }
}

extension Term {
    /// Random bits from this key; see `ThreefryBits`.
    public func randomBits(_ shape: Shape) throws(GraphError) -> Term {
        try builder.add(ThreefryBits(shape: shape), [self])
    }

    /// `count` new keys from this key: key `i` is the cipher's result on the counter `(0, i)`.
    public func splitKey(_ count: Int) throws(GraphError) -> [Term] {
        try OperandRules.require(
            count >= 1 && count <= 1 << 20, .invalidAttribute, "\(count) keys; choose 1 to \(1 << 20)")
        let type = TensorType(.uint32, [count])
        let words = try builder.addAll(
            .composite(Threefry2x32()), [self, builder.integer(0, type), builder.iota(type, dimension: 0)])
        let pairs = try builder.stack(words, axis: 1)
        var keys: [Term] = []
        for i in 0..<count {
            keys.append(try pairs.slice([i, 0], [i + 1, 2]).reshape([2]))
        }
        return keys
    }

    /// A new key from this key and a uint32 scalar, for instance a step number: the cipher's result on `(0, data)`.
    public func foldIn(_ data: Term) throws(GraphError) -> Term {
        let zero = try builder.integer(0, data.type)
        let words = try builder.addAll(.composite(Threefry2x32()), [self, zero, data])
        return try builder.stack(words, axis: 0)
    }
}
