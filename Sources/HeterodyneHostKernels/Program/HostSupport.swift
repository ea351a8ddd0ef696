// Heterodyne: what host programs can do, for the capabilities of CPU backends.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// What host programs can do, for the capabilities of CPU backends.
public enum HostSupport {
    /// The usages of every scalar type.
    public static let scalarTypes: [ScalarType: ScalarUsage] = {
        var usages: [ScalarType: ScalarUsage] = [:]
        for type in ScalarType.allCases { usages[type] = type.isArithmetic ? .compute : [.storage, .convert] }
        return usages
    }()

    /// What is taken fused.
    public static let fusion = FusionCapabilities(
        elementwiseRegions: true, dotEpilogues: true, maximumOperands: 24, maximumNodes: 64,
        scalarTypes: Set(ScalarType.allCases.filter { !$0.isStorageOnly }),
        composites: CompositeSupport.elementwiseNames)

    /// How accurate the kernels are.
    public static let numerics = Numerics(
        denormals: .preserved, propagatesNaN: true, contracts: true, roundsToNearestEven: true,
        maximumULP: [.exp: 2, .log: 2, .sin: 2, .cos: 2, .tanh: 3, .power: 2],
        maximumCompositeULP: [
            "erf": 3, "gelu": 16, "sigmoid": 3, "silu": 4, "softplus": 3, "log1p": 3, "expm1": 3, "rsqrt": 2,
        ])

    /// Whether a host program runs a node: every primitive, and composites where a kernel takes their types and
    /// shapes.
    public static func support(for node: NodeSignature) -> Support {
        switch node.operation {
        case .parameter, .primitive: return .native
        case .composite(let composite):
            return CompositeSupport.runs(composite, node.operandTypes) ? .native : .byDecomposition
        }
    }
}
