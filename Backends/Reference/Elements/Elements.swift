// Heterodyne: typed access to the elements of literals.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The elements of a literal as a contiguous typed buffer: the literal's own memory where that is dense, aligned and
/// byte-sized, else a copy.
struct Elements<T: Element> {
    /// Owns the buffer. Whoever reads the buffer keeps this alive, see `makeLiteral`.
    let storage: LiteralStorage
    /// Row-major elements.
    let buffer: UnsafeBufferPointer<T>

    init(_ literal: Literal) throws(EvaluationError) {
        let count = try EvaluationError.wrapping { () throws(GraphError) in try literal.type.elementCount() }
        switch literal.contents {
        case .splat(let bits):
            storage = Self.allocate(count) { out in
                let element = withUnsafeBytes(of: bits) { $0.loadUnaligned(as: T.self) }
                out.initialize(repeating: element)
            }
        case .dense(let original):
            let bytes = original.bytes
            if T.isNibble {
                storage = Self.allocate(count) { out in
                    let raw = UnsafeMutableRawBufferPointer(out)
                    for index in 0..<count { raw[index] = (bytes[index / 2] >> (index % 2 == 0 ? 0 : 4)) & 0xF }
                }
            } else if UInt(bitPattern: bytes.baseAddress) % UInt(MemoryLayout<T>.alignment) != 0 {
                storage = LiteralStorage(copying: bytes)
            } else {
                storage = original
            }
        }
        buffer = UnsafeBufferPointer(
            start: storage.bytes.baseAddress?.assumingMemoryBound(to: T.self), count: count)
    }

    private static func allocate(
        _ count: Int, _ fill: (UnsafeMutableBufferPointer<T>) -> Void
    ) -> LiteralStorage {
        LiteralStorage(count: count * MemoryLayout<T>.stride) { bytes in
            fill(
                UnsafeMutableBufferPointer(
                    start: bytes.baseAddress?.assumingMemoryBound(to: T.self), count: count))
        }
    }
}

/// A dense literal of `type` whose elements `fill` writes, all of them. `keeping` stays alive while it runs; 4-bit
/// elements are packed afterwards.
func makeLiteral<T: Element>(
    _ type: TensorType, of: T.Type, keeping: [LiteralStorage], _ fill: (UnsafeMutableBufferPointer<T>) -> Void
) throws(EvaluationError) -> Literal {
    let (count, byteCount): (Int, Int)
    do throws(GraphError) { (count, byteCount) = (try type.elementCount(), try type.byteCount()) } catch {
        throw EvaluationError(error)
    }
    let storage = LiteralStorage(count: T.isNibble ? count : byteCount) { bytes in
        withExtendedLifetime(keeping) {
            fill(
                UnsafeMutableBufferPointer(
                    start: bytes.baseAddress?.assumingMemoryBound(to: T.self), count: count))
        }
    }
    do throws(GraphError) {
        return try Literal(type: type, storage: T.isNibble ? packed(storage, byteCount) : storage)
    } catch {
        throw EvaluationError(error)
    }
}

/// Two elements per byte, low nibble first; a last odd high nibble is 0.
private func packed(_ nibbles: LiteralStorage, _ byteCount: Int) -> LiteralStorage {
    let source = nibbles.bytes
    return LiteralStorage(count: byteCount) { bytes in
        for index in 0..<byteCount {
            let high = 2 * index + 1 < source.count ? source[2 * index + 1] & 0xF : 0
            bytes[index] = (source[2 * index] & 0xF) | high << 4
        }
        withExtendedLifetime(nibbles) {}
    }
}

/// Numbers of known extents.
enum Layout {
    /// The extents of a type. Throws `unboundSymbol`.
    static func extents(_ type: TensorType) throws(EvaluationError) -> [Int] {
        do { return try type.shape.extents() } catch { throw EvaluationError(error) }
    }

    /// The numbers of a list of extents. Throws `unboundSymbol`.
    static func numbers(_ list: [Extent]) throws(EvaluationError) -> [Int] {
        do { return try Shape(list).extents() } catch { throw EvaluationError(error) }
    }

    /// Row-major strides in elements; all 0 for a tensor without elements, whose other extents may be of any size.
    static func strides(_ extents: [Int]) -> [Int] {
        if extents.contains(0) { return [Int](repeating: 0, count: extents.count) }
        var strides = [Int](repeating: 1, count: extents.count)
        for d in stride(from: extents.count - 2, through: 0, by: -1) { strides[d] = strides[d + 1] * extents[d + 1] }
        return strides
    }

    /// Product of some extents of a tensor. Wraps only for tensors without elements, of which nothing is read.
    static func count(_ extents: some Sequence<Int>) -> Int { extents.reduce(1, &*) }
}
