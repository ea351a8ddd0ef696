// Heterodyne: how accurate and how regular a device's arithmetic is.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// What a device declares about its floating-point arithmetic. Conformance derives its limits from this.
public struct Numerics: Sendable, Hashable {
    /// What happens to subnormal numbers.
    public enum Denormals: String, Sendable, Hashable, Codable, CaseIterable {
        /// Operands and results keep them.
        case preserved
        /// They may become zero.
        case flushed
    }

    /// What happens to subnormal numbers.
    public var denormals: Denormals
    /// Whether NaN comes out where the definition says so.
    public var propagatesNaN: Bool
    /// Whether a product and a sum may be rounded once instead of twice inside `dot`, reductions and regions.
    public var contracts: Bool
    /// Whether add, subtract, multiply, divide and square root are correctly rounded.
    public var roundsToNearestEven: Bool
    /// The largest error of an elementwise primitive in units of the last place of the result type. Primitives that
    /// are not named are exact or correctly rounded (0.5).
    public var maximumULP: [PrimitiveCode: Double]
    /// The largest error of an elementwise composite that is claimed, likewise.
    public var maximumCompositeULP: [String: Double]

    /// A declaration.
    public init(
        denormals: Denormals, propagatesNaN: Bool, contracts: Bool, roundsToNearestEven: Bool,
        maximumULP: [PrimitiveCode: Double], maximumCompositeULP: [String: Double] = [:]
    ) {
        self.denormals = denormals
        self.propagatesNaN = propagatesNaN
        self.contracts = contracts
        self.roundsToNearestEven = roundsToNearestEven
        self.maximumULP = maximumULP
        self.maximumCompositeULP = maximumCompositeULP
    }

    /// The worst that conformance accepts from any device, whatever it declares: the figures of OpenCL C for binary32,
    /// in units of the last place.
    public static let floor = Numerics(
        denormals: .flushed, propagatesNaN: true, contracts: true, roundsToNearestEven: false,
        maximumULP: [
            .add: 1, .subtract: 1, .multiply: 1, .divide: 2.5, .sqrt: 3, .exp: 4, .log: 4, .sin: 4, .cos: 4, .tanh: 5,
            .power: 16,
        ],
        maximumCompositeULP: ["erf": 16, "gelu": 16, "sigmoid": 4, "silu": 8, "log1p": 4, "expm1": 4, "softplus": 8])
}
