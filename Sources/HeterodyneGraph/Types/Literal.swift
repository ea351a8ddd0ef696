// Heterodyne: constant tensor data.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Immutable bytes that a literal refers to: an owned allocation, or memory that something else keeps alive,
/// such as a mapped weights file. Shared without copying; equal contents compare equal.
public final class LiteralStorage: @unchecked Sendable {
    // Unchecked: the bytes are never written after `init` and the owner is only released.

    /// The bytes. Valid while the storage lives, which a mere use of them does not prolong: see `withBytes`.
    public let bytes: UnsafeRawBufferPointer
    private let owner: AnyObject?

    /// Refers to `bytes`, which stay valid and unchanged while `owner` is alive.
    public init(bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        self.bytes = bytes
        self.owner = owner
    }

    /// Allocates `count` bytes, aligned for every kernel, and lets `initialize` fill them.
    public init(count: Int, initialize: (UnsafeMutableRawBufferPointer) -> Void) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 64)
        let filled = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<max(count, 0)])
        initialize(filled)
        bytes = UnsafeRawBufferPointer(filled)
        owner = nil
    }

    /// A copy of `bytes`.
    public convenience init(copying bytes: UnsafeRawBufferPointer) {
        self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    deinit {
        if owner == nil { UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.deallocate() }
    }

    /// What `body` makes of the bytes, with the storage kept alive meanwhile. The bytes must not escape.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }

    func holdsSameBytes(as other: LiteralStorage) -> Bool {
        guard bytes.count == other.bytes.count else { return false }
        guard let a = bytes.baseAddress, let b = other.bytes.baseAddress else { return true }
        return memcmp(a, b, bytes.count) == 0
    }

    /// A hash of a bounded sample of the bytes, so that hashing gigabytes of weights stays cheap.
    func hashSample(into hasher: inout Hasher) {
        hasher.combine(bytes.count)
        if bytes.count <= 4096 {
            hasher.combine(bytes: bytes)
        } else {
            let stride = bytes.count / 64
            for index in 0..<64 {
                hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes[index * stride..<index * stride + 16]))
            }
        }
    }
}

/// Constant tensor data: one element repeated (a splat), or every element.
///
/// Elements lie densely in row-major order, little-endian; 4-bit integers two per byte, low nibble first.
public struct Literal: Sendable, Hashable {
    /// How the elements are held.
    public enum Contents: Sendable {
        /// One element, repeated over the shape; its bits in the low end.
        case splat(UInt64)
        /// Every element.
        case dense(LiteralStorage)
    }

    /// The type of the tensor. Symbolic shapes are allowed for splats only.
    public let type: TensorType
    /// The elements.
    public let contents: Contents

    /// One element, given by its bits, repeated over the shape of `type`.
    public init(splatBits bits: UInt64, type: TensorType) {
        self.type = type
        let width = type.scalarType.bitWidth
        contents = .splat(width == 64 ? bits : bits & ((1 << UInt64(width)) - 1))
    }

    /// `value` repeated over `shape`.
    public init<T: Scalar>(_ value: T, shape: Shape = .scalar) {
        self.init(splatBits: Self.bits(of: value), type: TensorType(T.scalarType, shape))
    }

    /// The number `value`, converted to the scalar type of `type` by rounding to nearest even (integers: truncation,
    /// saturating), repeated over its shape.
    public init(number value: Double, type: TensorType) {
        self.init(splatBits: type.scalarType.bits(of: value), type: type)
    }

    /// Every element. Throws `invalidLiteral` where the byte count does not fit the type.
    public init(type: TensorType, storage: LiteralStorage) throws(GraphError) {
        let expected = try type.byteCount()
        guard storage.bytes.count == expected else {
            throw GraphError(.invalidLiteral, "\(type) needs \(expected) bytes and was given \(storage.bytes.count)")
        }
        self.type = type
        contents = .dense(storage)
    }

    /// Every element, from an array. Throws `invalidLiteral` where the count does not fit the shape.
    public init<T: Scalar>(_ scalars: [T], shape: Shape) throws(GraphError) {
        let storage = scalars.withUnsafeBytes { LiteralStorage(copying: $0) }
        try self.init(type: TensorType(T.scalarType, shape), storage: storage)
    }

    /// A vector of the elements of an array.
    public init<T: Scalar>(_ scalars: [T]) {
        type = TensorType(T.scalarType, [scalars.count])
        contents = .dense(scalars.withUnsafeBytes { LiteralStorage(copying: $0) })
    }

    /// Whether one element is repeated.
    public var isSplat: Bool { if case .splat = contents { true } else { false } }

    /// The bits of the repeated element, or of the only one; nil where there are several.
    public var splatBits: UInt64? {
        switch contents {
        case .splat(let bits): return bits
        case .dense(let storage):
            guard type.shape.dimensions.allSatisfy({ $0 == 1 }) else { return nil }
            return Self.element(0, of: storage.bytes, type.scalarType)
        }
    }

    /// The repeated element as a number, nil where there are several elements. 64-bit integers may round.
    public var splatNumber: Double? { splatBits.map { type.scalarType.number(fromBits: $0) } }

    /// The elements as a dense array of `T`. Throws `invalidType` where the scalar type is another.
    public func scalars<T: Scalar>(as: T.Type = T.self) throws(GraphError) -> [T] {
        guard T.scalarType == type.scalarType else {
            throw GraphError(.invalidType, "cannot read \(type) as \(T.scalarType) elements")
        }
        let count = try type.elementCount()
        switch contents {
        case .splat(let bits):
            return [T](repeating: withUnsafeBytes(of: bits) { $0.loadUnaligned(as: T.self) }, count: count)
        case .dense(let storage):
            return [T](unsafeUninitializedCapacity: count) { buffer, initialized in
                UnsafeMutableRawBufferPointer(buffer).copyMemory(from: storage.bytes)
                initialized = count
            }
        }
    }

    /// The bits of the element at a row-major `index`, which must be less than the element count.
    public func bits(at index: Int) -> UInt64 {
        switch contents {
        case .splat(let bits): bits
        case .dense(let storage): Self.element(index, of: storage.bytes, type.scalarType)
        }
    }

    /// Dense storage of the elements; a splat is written out. Throws `unboundSymbol` for symbolic shapes.
    public func denseStorage() throws(GraphError) -> LiteralStorage {
        switch contents {
        case .dense(let storage): return storage
        case .splat(let bits):
            let byteCount = try type.byteCount()
            let scalarType = type.scalarType
            return LiteralStorage(count: byteCount) { destination in
                var pattern = bits
                var width = scalarType.bitWidth / 8
                if scalarType.bitWidth == 4 {
                    pattern = bits | bits << 4
                    width = 1
                }
                withUnsafeBytes(of: pattern) { source in
                    var offset = 0
                    while offset < byteCount {
                        for byte in 0..<width { destination[offset + byte] = source[byte] }
                        offset += width
                    }
                }
            }
        }
    }

    /// The same elements under another shape with as many elements. Throws `shapeMismatch` where the count differs.
    public func reshaped(_ shape: Shape) throws(GraphError) -> Literal {
        guard try shape.elementCount() == type.shape.elementCount() else {
            throw GraphError(.shapeMismatch, "cannot reshape literal \(type) to \(shape)")
        }
        return Literal(unchecked: type.with(shape), contents)
    }

    init(unchecked type: TensorType, _ contents: Contents) {
        self.type = type
        self.contents = contents
    }

    static func bits<T: Scalar>(of value: T) -> UInt64 {
        var bits: UInt64 = 0
        withUnsafeMutableBytes(of: &bits) { $0.storeBytes(of: value, as: T.self) }
        return bits
    }

    static func element(_ index: Int, of bytes: UnsafeRawBufferPointer, _ type: ScalarType) -> UInt64 {
        switch type.bitWidth {
        case 4: UInt64(bytes[index / 2] >> (index % 2 == 0 ? 0 : 4) & 0xF)
        case 8: UInt64(bytes[index])
        case 16: UInt64(bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
        case 32: UInt64(bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
        default: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
        }
    }

    /// Same type and same element bits. A splat equals the dense literal with the same elements only where both have
    /// one element form; passes normalise to splats.
    public static func == (a: Literal, b: Literal) -> Bool {
        guard a.type == b.type else { return false }
        switch (a.contents, b.contents) {
        case (.splat(let x), .splat(let y)): return x == y
        case (.dense(let x), .dense(let y)):
            return x === y || x.holdsSameBytes(as: y)
        case (.splat, .dense), (.dense, .splat): return false
        }
    }

    /// Type and a bounded sample of the elements.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        switch contents {
        case .splat(let bits): hasher.combine(bits)
        case .dense(let storage): storage.hashSample(into: &hasher)
        }
    }
}
