// Heterodyne: asks a device about every operation in every scalar type.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneCompiler
public import HeterodyneGraph
public import HeterodyneRuntime

/// Asks a device about operations, as placement does: through `Legalizer`, with composites decomposed where the device does
/// not run them whole, under the owner's policy, with other devices to fall back to.
public struct SupportSurvey: Sendable {
    /// The device that is asked about.
    public let device: String
    /// What the owner allows.
    public let policy: ScalarTypePolicy
    private let legalizer: Legalizer
    private let others: [Legalizer]

    /// A survey of `device`; `others` may stand in, in order. Throws what asking for capabilities throws.
    public init(
        of device: Device, fallbacks others: [Device] = [], policy: ScalarTypePolicy = .standard
    ) throws(BackendError) {
        self.device = device.id
        self.policy = policy
        legalizer = try Self.legalizer(device, policy)
        var targets: [Legalizer] = []
        for other in others where other != device { targets.append(try Self.legalizer(other, policy)) }
        self.others = targets
    }

    private static func legalizer(
        _ device: Device, _ policy: ScalarTypePolicy
    ) throws(BackendError) -> Legalizer {
        Legalizer(target: try CompilationTarget(backend: device.backend, device: device.id), policy: policy)
    }

    /// How the device runs `operation` in `type`; nil where the operation is not defined for the type.
    public func support(for operation: SampleOperation, _ type: ScalarType) -> OperationSupport? {
        operation.graph(type).map(support)
    }

    /// How the device runs `graph` once composites are decomposed: the worst answer for a node.
    private func support(for graph: Graph) -> OperationSupport {
        var options = CompilerOptions()
        options.scalarTypes = policy
        options.verifiesPasses = false
        let context = PassContext(target: legalizer.target, options: options)
        let lowered: Graph
        do { lowered = try Decomposition().run(graph, in: context) } catch {
            return .unsupported(reason: error.message)
        }
        var result = OperationSupport.native
        for entry in context.report.entries { result = result.worse(Self.support(for: entry)) }
        for node in lowered.nodes {
            if case .parameter = node.operation { continue }
            result = result.worse(support(for: NodeSignature(node, in: lowered)))
            if result.kind == .unsupported { break }
        }
        return result
    }

    /// What decomposing decided.
    private static func support(for entry: CompilationReport.Entry) -> OperationSupport {
        switch entry.kind {
        case .decomposition: .decomposed
        case .legalization:
            if entry.isFree {
                .converted(reason: entry.reason)
            } else if entry.rule.hasSuffix("=\(ScalarTypePolicy.Rule.demote.rawValue)") {
                .demoted(reason: entry.reason)
            } else {
                .emulatedByGraph(reason: entry.reason)
            }
        case .placement, .fallback, .recognition, .fusion, .transfer, .shard: .native
        }
    }

    private func support(for node: NodeSignature) -> OperationSupport {
        switch legalizer.answer(for: node) {
        case .native: .native
        case .legalized(let changes): changes.reduce(.native) { $0.worse(Self.support(for: $1)) }
        case .refused(let reason): standIn(for: node, reason)
        }
    }

    private static func support(for change: TypeLegalization) -> OperationSupport {
        if change.isFree { return .converted(reason: change.reason) }
        switch (change.rule, change.form) {
        case (.demote, _): return .demoted(reason: change.reason)
        case (_, .kernels): return .emulatedByKernels(reason: change.reason)
        case (_, .graph): return .emulatedByGraph(reason: change.reason)
        }
    }

    private func standIn(for node: NodeSignature, _ reason: String) -> OperationSupport {
        let usages = legalizer.target.capabilities
        let forbidden = node.scalarTypes.filter {
            policy[$0] == .error && !usages.usages(of: $0).isSuperset(of: $0.isArithmetic ? .compute : .storage)
        }
        if let type = forbidden.min(by: { $0.name < $1.name }) {
            return .unsupported(reason: "\(reason); the policy says \(type)=error")
        }
        for other in others where other.answer(for: node) == .native {
            return .fallback(device: other.target.device, reason: reason)
        }
        return .unsupported(reason: reason)
    }
}
