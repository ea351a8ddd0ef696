// Heterodyne: constants of scalar types that a device lacks, as constants of others.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension Literal {
    /// The same bits as another type of the same width.
    func reinterpreted(as scalarType: ScalarType) throws(GraphError) -> Literal {
        switch contents {
        case .splat(let bits): Literal(splatBits: bits, type: type.with(scalarType))
        case .dense(let storage): try Literal(type: type.with(scalarType), storage: storage)
        }
    }

    /// The constants that hold the value in a form of 32-bit planes: `words`, `pair` or `single`.
    func planes(_ kind: Form.Kind) throws(GraphError) -> [Literal] {
        let source = type.scalarType
        var planes: [Literal] = []
        for position in 0..<kind.planeCount {
            let plane: ScalarType
            switch kind {
            case .words: plane = .uint32
            case .pair: plane = .float32
            case .typed, .single, .bits: plane = source.standIn
            }
            planes.append(
                try mapping(to: plane) { (bits) in
                    switch kind {
                    case .words: UInt32(truncatingIfNeeded: position == 0 ? bits : bits >> 32)
                    case .pair:
                        (position == 0
                            ? Float(Double(bitPattern: bits)) : Self.rest(of: Double(bitPattern: bits))).bitPattern
                    case .typed, .single, .bits: Self.single(bits, source)
                    }
                })
        }
        return planes
    }

    /// Whether the pair of float32 of every element is the float64 that it stands for.
    var isExactPair: Bool {
        guard type.scalarType == .float64 else { return false }
        func isExact(_ bits: UInt64) -> Bool {
            let value = Double(bitPattern: bits)
            if value.isNaN { return true }
            // The sum of the two is exact: neither lies far from the other.
            return Double(Float(value)) + Double(Self.rest(of: value)) == value
        }
        switch contents {
        case .splat(let bits): return isExact(bits)
        case .dense:
            guard let count = try? type.elementCount() else { return false }
            return (0..<count).allSatisfy { isExact(bits(at: $0)) }
        }
    }

    /// What float32 leaves of a float64, in float32; 0 of infinity and NaN.
    private static func rest(of value: Double) -> Float {
        let high = Float(value)
        return high.isFinite ? Float(value - Double(high)) : 0
    }

    /// The bits of the value in the type that stands in: rounded, or wrapped.
    private static func single(_ bits: UInt64, _ type: ScalarType) -> UInt32 {
        if type.isFloatingPoint { return Float(type.number(fromBits: bits)).bitPattern }
        guard type.isSignedInteger, type.bitWidth < 32 else { return UInt32(truncatingIfNeeded: bits) }
        let unused = UInt64(64 - type.bitWidth)
        return UInt32(truncatingIfNeeded: Int64(bitPattern: bits << unused) >> Int64(unused))
    }

    private func mapping(to scalarType: ScalarType, _ map: (UInt64) -> UInt32) throws(GraphError) -> Literal {
        let type = type.with(scalarType)
        guard case .dense = contents else { return Literal(splatBits: UInt64(map(splatBits ?? 0)), type: type) }
        let count = try type.elementCount()
        return try Literal(
            type: type,
            storage: LiteralStorage(count: count * 4) { bytes in
                for index in 0..<count {
                    bytes.storeBytes(of: map(bits(at: index)), toByteOffset: index * 4, as: UInt32.self)
                }
            })
    }
}
