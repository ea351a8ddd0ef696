// Heterodyne: what a device can do, as data.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// In which ways a device can use a scalar type.
public struct ScalarUsage: OptionSet, Sendable, Hashable, Codable {
    /// One bit per usage.
    public let rawValue: UInt16

    /// The set with the given bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Tensors of the type can be held and moved.
    public static let storage = ScalarUsage(rawValue: 1 << 0)
    /// Elements can be converted from and to the other types.
    public static let convert = ScalarUsage(rawValue: 1 << 1)
    /// Elementwise primitives compute in the type.
    public static let arithmetic = ScalarUsage(rawValue: 1 << 2)
    /// `dot` takes operands of the type.
    public static let dot = ScalarUsage(rawValue: 1 << 3)
    /// `dot` and `reduce` can accumulate in the type.
    public static let accumulate = ScalarUsage(rawValue: 1 << 4)
    /// Memory can be added to atomically.
    public static let atomicAdd = ScalarUsage(rawValue: 1 << 5)
    /// A matrix engine multiplies the type.
    public static let matrixEngine = ScalarUsage(rawValue: 1 << 6)

    /// Storage, conversion, arithmetic, dot and accumulation.
    public static let compute: ScalarUsage = [.storage, .convert, .arithmetic, .dot, .accumulate]

    /// The names of the usages in the set, in declaration order.
    public var names: [String] {
        let all: [(ScalarUsage, String)] = [
            (.storage, "storage"), (.convert, "convert"), (.arithmetic, "arithmetic"), (.dot, "dot"),
            (.accumulate, "accumulate"), (.atomicAdd, "atomicAdd"), (.matrixEngine, "matrixEngine"),
        ]
        return all.filter { contains($0.0) }.map(\.1)
    }
}

/// A primitive that a device lacks for a type whose usages would promise it.
public struct SupportException: Sendable, Hashable {
    /// The primitive.
    public var primitive: PrimitiveCode
    /// The operand type.
    public var scalarType: ScalarType
    /// Why it is missing.
    public var reason: String

    /// An exception.
    public init(primitive: PrimitiveCode, scalarType: ScalarType, reason: String) {
        self.primitive = primitive
        self.scalarType = scalarType
        self.reason = reason
    }
}

/// What the device is meant for.
public enum DeviceRole: String, Sendable, Hashable, Codable, CaseIterable {
    /// Running trained models.
    case inference
    /// Training: gradients are accepted.
    case training
}

/// Which nodes a backend takes fused into one.
public struct FusionCapabilities: Sendable, Hashable {
    /// Whether elementwise regions are taken.
    public var elementwiseRegions: Bool
    /// Whether elementwise work on the result of a `dot` is taken with it.
    public var dotEpilogues: Bool
    /// The most operands that a region may have.
    public var maximumOperands: Int
    /// The most nodes that a region may have.
    public var maximumNodes: Int
    /// Scalar types that may occur in a region.
    public var scalarTypes: Set<ScalarType>
    /// Elementwise composites that may occur in a region as they are.
    public var composites: Set<String>

    /// What is fused.
    public init(
        elementwiseRegions: Bool, dotEpilogues: Bool, maximumOperands: Int = 16, maximumNodes: Int = 64,
        scalarTypes: Set<ScalarType>, composites: Set<String>
    ) {
        self.elementwiseRegions = elementwiseRegions
        self.dotEpilogues = dotEpilogues
        self.maximumOperands = maximumOperands
        self.maximumNodes = maximumNodes
        self.scalarTypes = scalarTypes
        self.composites = composites
    }

    /// No fusion.
    public static let none = FusionCapabilities(
        elementwiseRegions: false, dotEpilogues: false, scalarTypes: [], composites: [])
}

/// A peak rate or bandwidth and where the figure comes from.
public struct Rate: Sendable, Hashable, Codable {
    /// What the figure counts, for instance `float32 dot` or `memory read`.
    public var what: String
    /// Operations or bytes per second.
    public var perSecond: Double
    /// `measured`, or who says so.
    public var source: String

    /// A figure.
    public init(what: String, perSecond: Double, source: String) {
        self.what = what
        self.perSecond = perSecond
        self.source = source
    }
}

/// How a backend's own kernels compute a scalar type that the device lacks.
public struct Emulation: Sendable, Hashable {
    /// For people: the method, for instance `pairs of float32`.
    public var method: String
    /// Significant bits of results, the hidden one included; nil where results are exact.
    public var precision: Int?
    /// The usages that kernels emulate.
    public var usages: ScalarUsage
    /// Primitives that they do not.
    public var exceptions: [SupportException]
    /// How many times slower an operation is than in the type that stands in, estimated.
    public var costFactor: Double

    /// An emulation.
    public init(
        method: String, precision: Int?, usages: ScalarUsage = .compute, exceptions: [SupportException] = [],
        costFactor: Double
    ) {
        self.method = method
        self.precision = precision
        self.usages = usages
        self.exceptions = exceptions
        self.costFactor = costFactor
    }
}

/// What a device can do.
public struct Capabilities: Sendable, Hashable {
    /// The usages of each scalar type; absent types cannot even be stored.
    public var scalarTypes: [ScalarType: ScalarUsage]
    /// Primitives that are missing although the usages promise them.
    public var exceptions: [SupportException]
    /// Types that the backend's kernels can compute where the device lacks them (or they are masked). They are used only in
    /// units that name them in `CompilationUnit.emulatedTypes`, where the owner's policy asks for it. A backend lists a
    /// type only after its self-test has shown that the device keeps what the emulation rests on.
    public var emulations: [ScalarType: Emulation]
    /// Names of the composites that the backend runs whole, at least for some types and shapes.
    public var claims: Set<String>
    /// What is taken fused.
    public var fusion: FusionCapabilities
    /// What the device is meant for.
    public var roles: Set<DeviceRole>
    /// The largest single buffer, in bytes.
    public var maximumBufferByteCount: Int
    /// Whether host and device share memory, so that no transfer is needed.
    public var hasUnifiedMemory: Bool
    /// Rates, measured where possible.
    public var rates: [Rate]
    /// How accurate and how regular the arithmetic is.
    public var numerics: Numerics

    /// A set of capabilities.
    public init(
        scalarTypes: [ScalarType: ScalarUsage], exceptions: [SupportException] = [],
        emulations: [ScalarType: Emulation] = [:], claims: Set<String> = [], fusion: FusionCapabilities = .none,
        roles: Set<DeviceRole> = [.inference, .training],
        maximumBufferByteCount: Int, hasUnifiedMemory: Bool, rates: [Rate] = [], numerics: Numerics
    ) {
        self.scalarTypes = scalarTypes
        self.exceptions = exceptions
        self.emulations = emulations
        self.claims = claims
        self.fusion = fusion
        self.roles = roles
        self.maximumBufferByteCount = maximumBufferByteCount
        self.hasUnifiedMemory = hasUnifiedMemory
        self.rates = rates
        self.numerics = numerics
    }

    /// The usages of `scalarType`, empty where it is absent.
    public func usages(of scalarType: ScalarType) -> ScalarUsage { scalarTypes[scalarType] ?? [] }
}
