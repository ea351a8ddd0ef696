// Heterodyne: what the passes know about a device and about the user's wishes.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import HeterodyneGraph

/// A device as the passes see it.
public struct CompilationTarget: Sendable {
    /// The device's identifier.
    public var device: String
    /// What it can do.
    public var capabilities: Capabilities
    /// How fast it is; nil where nobody said. Placement then assumes something, and the report has no seconds.
    public var profile: DeviceProfile?
    /// Why float64 may not be computed as pairs of float32 there: what the device's self-test found; nil where nothing
    /// was found.
    public var emulationRefusal: String?
    /// Why the device may not do what the program is for; nil where it may.
    var roleRefusal: String?
    private let ask: @Sendable (NodeSignature) -> Support

    /// A target that asks `backend` about nodes.
    public init(backend: any Backend, device: String) throws(BackendError) {
        self.device = device
        capabilities = try backend.capabilities(of: device)
        ask = { backend.support(for: $0, on: device) }
    }

    /// A target of the given capabilities, without a backend; for tools and tests.
    public init(device: String, capabilities: Capabilities) {
        self.device = device
        self.capabilities = capabilities
        ask = { capabilities.support(for: $0) }
    }

    /// Whether and how the device runs a node. Where the device may not do what the program is for, composites are taken
    /// apart for those who stand in.
    public func support(for node: NodeSignature) -> Support {
        if roleRefusal != nil, case .composite(let composite) = node.operation, !(composite is FusedRegion) {
            return .byDecomposition
        }
        return ask(node)
    }

    /// The target, which refuses every node where the device is not made for `role`.
    func fitting(_ role: DeviceRole) -> CompilationTarget {
        var copy = self
        if !capabilities.roles.contains(role) {
            let roles = capabilities.roles.map(\.rawValue).sorted().joined(separator: " and ")
            copy.roleRefusal = "the device is made for \(roles.isEmpty ? "nothing" : roles), not for \(role.rawValue)"
        }
        return copy
    }
}

/// The user's wishes for one compilation.
public struct CompilerOptions: Sendable, Hashable {
    /// Whether regions are fused.
    public var fuses: Bool = true
    /// Whether composites are put where the graph writes them out; see `Recognition`.
    public var recognizes: Bool = true
    /// Whether every decision that is not free is an error.
    public var isStrict: Bool = false
    /// What happens where a device lacks a scalar type.
    public var scalarTypes = ScalarTypePolicy.standard
    /// What the program is for. A device that is not made for it runs none of it.
    public var role = DeviceRole.inference
    /// What decides where nodes run where there are several devices.
    public var placement = PlacementGoal.asked
    /// How far arithmetic may be reordered.
    public var arithmetic: ArithmeticMode = .fast
    /// The most threads to use; nil for all.
    public var threads: Int?
    /// Whether each pass's result is verified. On in debug builds.
    public var verifiesPasses: Bool = Self.isDebugBuild
    /// Whether each pass's result is kept as text.
    public var recordsStages: Bool = false
    /// The largest result of constant folding, in bytes; larger constants are computed on the device.
    public var foldingLimit: Int = 1 << 16

    /// The defaults.
    public init() {}

    private static var isDebugBuild: Bool {
        #if DEBUG
        true
        #else
        false
        #endif
    }
}
