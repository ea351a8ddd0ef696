// Heterodyne: how tensors print.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneRuntime

extension Tensor: CustomStringConvertible {
    /// The type, with the elements in nested brackets where they are computed and at most 64; reading a description
    /// computes nothing.
    public var description: String {
        if let error { return "Tensor(error: \(error))" }
        switch node.current {
        case .failed(let error): return "Tensor(error: \(error))"
        case .argument: return "Tensor(\(type), argument)"
        case .pending: return "Tensor(\(type), not computed yet)"
        case .computed(let results):
            guard count <= 64, result < results.buffers.count, let buffer = results.buffers[result],
                let literal = try? Program.literal(of: buffer, type, buffer.byteCount)
            else { return "Tensor(\(type))" }
            var elements = (0..<count).map { Self.text(literal.bits(at: $0), scalarType) }[...]
            return "Tensor(\(type), \(Self.nested(shape[...], &elements)))"
        }
    }

    private static func nested(_ shape: ArraySlice<Int>, _ elements: inout ArraySlice<String>) -> String {
        guard let extent = shape.first else { return elements.popFirst() ?? "" }
        // A tensor without elements may have extents of any size around the zero.
        if shape.contains(0) { return "[]" }
        let parts = (0..<extent).map { _ in nested(shape.dropFirst(), &elements) }
        return "[\(parts.joined(separator: ", "))]"
    }

    private static func text(_ bits: UInt64, _ type: ScalarType) -> String {
        switch type {
        case .bool: return bits == 0 ? "false" : "true"
        case .uint4, .uint8, .uint16, .uint32, .uint64: return String(bits)
        case .int4, .int8, .int16, .int32, .int64:
            let unused = UInt64(64 - type.bitWidth)
            return String(Int64(bitPattern: bits << unused) >> Int64(unused))
        case .float64: return "\(type.number(fromBits: bits))"
        case .float32, .float16, .bfloat16, .float8e4m3fn, .float8e5m2:
            return "\(Float(type.number(fromBits: bits)))"
        }
    }
}
