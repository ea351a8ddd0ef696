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

    /// How accurate the kernels are: the bounds that `docs/MathFunctions.md` promises.
    public static let numerics = Numerics(
        denormals: .preserved, propagatesNaN: true, contracts: true, roundsToNearestEven: true,
        maximumULP: [.exp: 2, .log: 2, .sin: 4, .cos: 4, .tanh: 4, .power: 4],
        maximumCompositeULP: [
            "erf": 4, "gelu": 16, "sigmoid": 4, "silu": 5, "softplus": 4, "log1p": 3, "expm1": 3, "rsqrt": 2,
        ])

    /// The most indexed dimensions of an operand whose rank is beyond what the kernels take.
    private static let indexedDimensionLimit = 7

    /// Whether a host program runs a node: every primitive, and composites where a kernel takes their types and
    /// shapes.
    public static func support(for node: NodeSignature) -> Support {
        switch node.operation {
        case .parameter: return .native
        case .primitive(.gather(let dimensions)), .primitive(.scatter(_, let dimensions)):
            guard dimensions.count > indexedDimensionLimit, node.operandTypes[0].rank > indexedDimensionLimit + 1 else {
                return .native
            }
            return .unsupported(
                reason: "\(dimensions.count) indexed dimensions of a tensor of rank \(node.operandTypes[0].rank); the "
                    + "kernels take \(indexedDimensionLimit)")
        case .primitive: return .native
        case .composite(let composite):
            return CompositeSupport.runs(composite, node.operandTypes) ? .native : .byDecomposition
        }
    }
}
