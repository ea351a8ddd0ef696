// Heterodyne: normally distributed random numbers, the same bits on every device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `randomNormal(key)`: floats of the standard normal distribution by inversion, from exactly rounded operations only.
///
/// One random bit gives the sign; the others give `q = (k + 0.5) 2^-p` in (0, 0.5) exactly (p is 24 for float32, 53
/// for float64), and the result is the normal quantile of `0.5 ± q` by Wichura's rational approximations (Algorithm
/// AS 241, Applied Statistics 37, 1988: PPND7 for float32, PPND16 for float64). Their logarithm is computed from the
/// exponent bits and a series. Only add, subtract, multiply, divide, sqrt, compare, select and bit operations occur, so
/// every device that rounds these correctly and does not contract them gives the same bits.
///
/// Relative error against the exact quantile: at most 4e-7 (6 ULP) in float32, measured on all 2^23 magnitudes, and
/// 1e-15 in float64, measured on 10^4. The largest magnitude is 5.42 in float32 and 8.30 in float64. float16 and
/// bfloat16 are the float32 numbers rounded.
public struct RandomNormal: RandomFloats {
    /// `randomNormal`.
    public static let name = "randomNormal"
    /// The type of the numbers; a float.
    public var type: TensorType

    /// Numbers of `type`.
    public init(_ type: TensorType) { self.type = type }

    /// Bits, then the quantile.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let quantile: NormalQuantile
        let q: Term
        let negative: Term
        if type.scalarType == .float64 {
            quantile = .float64
            let (high, low) = try operands[0].randomWords(type.shape)
            // 31 bits and 21 bits: k has 52, and the high word's lowest bit is the sign.
            let k = try high.shiftedRight(1).convert(.float64) * 0x1p21 + low.shiftedRight(11).convert(.float64)
            q = try (k + 0.5) * 0x1p-53
            negative = try Self.lowestBit(high)
        } else {
            quantile = .float32
            let bits = try operands[0].randomBits(type.shape)
            q = try (bits.shiftedRight(9).convert(.float32) + 0.5) * 0x1p-24
            negative = try Self.lowestBit(bits)
        }
        let magnitude = try quantile.evaluate(q)
        return [try negative.select(magnitude.negate(), magnitude).convert(type.scalarType)]
    }

    private static func lowestBit(_ bits: Term) throws(GraphError) -> Term {
        let one = try bits.builder.integer(1, bits.type)
        return try bits.and(one).compare(.equal, one)
    }
}

extension Term {
    /// Standard normal floats from this key; see `RandomNormal`.
    public func randomNormal(_ type: TensorType) throws(GraphError) -> Term {
        try builder.add(RandomNormal(type), [self])
    }
}
