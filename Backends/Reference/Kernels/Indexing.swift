// Heterodyne: the primitives whose positions are data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// `gather`, `scatter` and the dynamic slices.
enum Indexing {
    /// How index vectors address slices of an operand.
    private struct Addressing {
        /// Extents and strides of the indexed dimensions, in the order of the index vector.
        let extents: [Int]
        let strides: [Int]
        /// Offset of each slice element from the slice's start, row-major over the other dimensions.
        let offsets: [Int]

        init(_ type: TensorType, _ dimensions: [Int]) throws(EvaluationError) {
            let all = try Layout.extents(type)
            let own = Layout.strides(all)
            extents = dimensions.map { all[$0] }
            strides = dimensions.map { own[$0] }
            var offsets = [0]
            for d in all.indices where !dimensions.contains(d) && !all.contains(0) {
                let outer = offsets
                offsets = outer.flatMap { base in (0..<all[d]).map { base + $0 * own[d] } }
            }
            self.offsets = offsets
        }

        /// Start of the slice at an index vector, each index clamped into range.
        func clamped(_ vector: Slice<UnsafeBufferPointer<Int64>>) -> Int {
            var start = 0
            for (d, index) in vector.enumerated() {
                start += Int(max(0, min(index, Int64(extents[d] - 1)))) * strides[d]
            }
            return start
        }

        /// Start of the slice at an index vector, or nil where an index is out of range.
        func checked(_ vector: Slice<UnsafeBufferPointer<Int64>>) -> Int? {
            var start = 0
            for (d, index) in vector.enumerated() {
                if index < 0 || index >= Int64(extents[d]) { return nil }
                start += Int(index) * strides[d]
            }
            return start
        }
    }

    static func gather(
        _ x: Literal, _ indices: Literal, as type: TensorType, _ dimensions: [Int]
    ) throws(EvaluationError) -> Literal {
        switch type.scalarType.bitWidth {
        case 4: try gather(x, indices, type, dimensions, UnsignedNibble.self)
        case 8: try gather(x, indices, type, dimensions, UInt8.self)
        case 16: try gather(x, indices, type, dimensions, UInt16.self)
        case 32: try gather(x, indices, type, dimensions, UInt32.self)
        default: try gather(x, indices, type, dimensions, UInt64.self)
        }
    }

    private static func gather<T: Element>(
        _ x: Literal, _ indices: Literal, _ type: TensorType, _ dimensions: [Int], _: T.Type
    ) throws(EvaluationError) -> Literal {
        let source = try Elements<T>(x)
        if source.buffer.isEmpty {
            // Inference refuses a result with elements then.
            return try makeLiteral(type, of: T.self, keeping: []) { $0.update(repeating: T(converting: Int64(0))) }
        }
        let positions = try Elements<Int64>(try Convert.convert(indices, to: .int64))
        let addressing = try Addressing(x.type, dimensions)
        let width = dimensions.count
        return try makeLiteral(type, of: T.self, keeping: [source.storage, positions.storage]) { out in
            let window = addressing.offsets.count
            for n in 0..<out.count / window {
                let start = addressing.clamped(positions.buffer[n * width..<(n + 1) * width])
                for r in 0..<window { out[n * window + r] = source.buffer[start + addressing.offsets[r]] }
            }
        }
    }

    static func scatter(
        _ mode: ScatterMode, _ x: Literal, _ indices: Literal, _ updates: Literal, _ dimensions: [Int]
    ) throws(EvaluationError) -> Literal {
        if mode == .set {
            return switch x.type.scalarType.bitWidth {
            case 4: try scatter(x, indices, updates, dimensions, UnsignedNibble.self) { $1 }
            case 8: try scatter(x, indices, updates, dimensions, UInt8.self) { $1 }
            case 16: try scatter(x, indices, updates, dimensions, UInt16.self) { $1 }
            case 32: try scatter(x, indices, updates, dimensions, UInt32.self) { $1 }
            default: try scatter(x, indices, updates, dimensions, UInt64.self) { $1 }
            }
        }
        return switch x.type.scalarType {
        case .int8: try combine(mode, x, indices, updates, dimensions, Int8.self)
        case .int16: try combine(mode, x, indices, updates, dimensions, Int16.self)
        case .int32: try combine(mode, x, indices, updates, dimensions, Int32.self)
        case .int64: try combine(mode, x, indices, updates, dimensions, Int64.self)
        case .uint8: try combine(mode, x, indices, updates, dimensions, UInt8.self)
        case .uint16: try combine(mode, x, indices, updates, dimensions, UInt16.self)
        case .uint32: try combine(mode, x, indices, updates, dimensions, UInt32.self)
        case .uint64: try combine(mode, x, indices, updates, dimensions, UInt64.self)
        case .float16: try combine(mode, x, indices, updates, dimensions, Float16.self)
        case .bfloat16: try combine(mode, x, indices, updates, dimensions, BFloat16.self)
        case .float32: try combine(mode, x, indices, updates, dimensions, Float.self)
        case .float64: try combine(mode, x, indices, updates, dimensions, Double.self)
        case .bool, .int4, .uint4, .float8e4m3fn, .float8e5m2: throw Elementwise.unexpected(x.type.scalarType)
        }
    }

    private static func combine<T: ArithmeticElement>(
        _ mode: ScatterMode, _ x: Literal, _ indices: Literal, _ updates: Literal, _ dimensions: [Int], _: T.Type
    ) throws(EvaluationError) -> Literal {
        switch mode {
        case .set: try scatter(x, indices, updates, dimensions, T.self) { $1 }
        case .add: try scatter(x, indices, updates, dimensions, T.self) { T.add($0, $1) }
        case .multiply: try scatter(x, indices, updates, dimensions, T.self) { T.multiply($0, $1) }
        case .maximum: try scatter(x, indices, updates, dimensions, T.self) { T.larger($0, $1) }
        case .minimum: try scatter(x, indices, updates, dimensions, T.self) { T.smaller($0, $1) }
        }
    }

    /// One update after the other, in row-major order; index vectors out of range are skipped.
    @inline(__always)
    private static func scatter<T: Element>(
        _ x: Literal, _ indices: Literal, _ updates: Literal, _ dimensions: [Int], _: T.Type, _ f: (T, T) -> T
    ) throws(EvaluationError) -> Literal {
        let (ground, source) = (try Elements<T>(x), try Elements<T>(updates))
        if ground.buffer.isEmpty || source.buffer.isEmpty { return x }
        let positions = try Elements<Int64>(try Convert.convert(indices, to: .int64))
        let addressing = try Addressing(x.type, dimensions)
        let width = dimensions.count
        return try makeLiteral(
            x.type, of: T.self, keeping: [ground.storage, source.storage, positions.storage]
        ) { out in
            _ = out.update(fromContentsOf: ground.buffer)
            let window = addressing.offsets.count
            for n in 0..<source.buffer.count / window {
                guard let start = addressing.checked(positions.buffer[n * width..<(n + 1) * width]) else { continue }
                for r in 0..<window {
                    let target = start + addressing.offsets[r]
                    out[target] = f(out[target], source.buffer[n * window + r])
                }
            }
        }
    }

    /// The start of a block of `sizes` in `extents`, each index clamped so that the block fits.
    private static func starts(
        _ indices: ArraySlice<Literal>, _ sizes: [Int], within extents: [Int]
    ) throws(EvaluationError) -> [Int] {
        var starts: [Int] = []
        for (d, index) in indices.enumerated() {
            let bits = index.bits(at: 0)
            let wanted =
                index.type.scalarType == .int32 ? Int(Int32(truncatingIfNeeded: bits)) : Int(truncatingIfNeeded: bits)
            starts.append(max(0, min(wanted, extents[d] - sizes[d])))
        }
        return starts
    }

    static func dynamicSlice(_ operands: [Literal], as type: TensorType) throws(EvaluationError) -> Literal {
        let extents = try Layout.extents(operands[0].type)
        let strides = Layout.strides(extents)
        let starts = try starts(operands.dropFirst(), try Layout.extents(type), within: extents)
        let offset = zip(starts, strides).reduce(0) { $0 + $1.0 * $1.1 }
        return try Movement.view(operands[0], as: type, offset: offset, strides: strides)
    }

    static func dynamicUpdateSlice(_ operands: [Literal]) throws(EvaluationError) -> Literal {
        let extents = try Layout.extents(operands[0].type)
        let strides = Layout.strides(extents)
        let sizes = try Layout.extents(operands[1].type)
        let starts = try starts(operands.dropFirst(2), sizes, within: extents)
        let block = Block(
            source: operands[1], extents: sizes, sourceStrides: Layout.strides(sizes),
            targetOffset: zip(starts, strides).reduce(0) { $0 + $1.0 * $1.1 }, targetStrides: strides)
        return try Movement.assemble(operands[0].type, base: operands[0], [block])
    }
}
