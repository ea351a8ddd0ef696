// Heterodyne: a chip that is not here, as the compiler asks about it.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneRoofline

/// A chip by its profile, as the compiler asks about it. It compiles and runs nothing.
///
/// Beyond the types of the profile it is taken to have what software for such chips has: neighbouring work element by
/// element is one kernel, also behind a product of matrices, and so is every composite whose whole definition the chip has
/// the types for. Whoever does worse takes longer.
struct PlannedChip: Backend {
    let name = "profile"
    let profile: ChipProfile
    let offered: Capabilities

    /// Composites that touch a few elements of a large operand. Their definitions say which; as one kernel they would
    /// count as reading all of it, the whole table of an embedding say.
    private static let indexing: Set<String> = [
        Take.name, GatherElements.name, GatherND.name, ScatterElements.name, ScatterND.name,
    ]

    /// The deepest composite in composites that is looked into.
    private static let deepest = 16

    init(_ profile: ChipProfile) {
        self.profile = profile
        var offered = profile.capabilities()
        let computed = offered.scalarTypes.filter { $0.value.contains(.arithmetic) || $0.key == .bool }
        offered.claims = Set(StandardComposites.all.map { $0.name }).union([FusedRegion.name])
            .subtracting(Self.indexing)
        offered.fusion = FusionCapabilities(
            elementwiseRegions: true, dotEpilogues: true, scalarTypes: Set(computed.keys),
            composites: Set(StandardComposites.elementwise.map { $0.name }))
        self.offered = offered
    }

    func discover() -> DeviceListing { DeviceListing() }

    func capabilities(of device: String) throws(BackendError) -> Capabilities { offered }

    func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer { throw absent }

    func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable { throw absent }

    private var absent: BackendError {
        BackendError(.deviceUnavailable, "\(profile.name) is planned for, it is not here", device: profile.id)
    }

    /// Whether the chip runs a node by its profile: a composite where it runs every node of its definition.
    func support(for node: NodeSignature, on device: String) -> Support { support(for: node, depth: 0) }

    private func support(for node: NodeSignature, depth: Int) -> Support {
        guard case .composite(let composite) = node.operation else {
            let answer = offered.support(for: node)
            guard case .unsupported = answer else { return answer }
            let types = node.scalarTypes.sorted { $0.rawValue < $1.rawValue }
            return types.lazy.compactMap { profile.absence(of: $0) }.first.map { .unsupported(reason: $0) } ?? answer
        }
        guard depth < Self.deepest, offered.support(for: node).isNative else { return .byDecomposition }
        let body: Graph
        if let region = composite as? FusedRegion {
            body = region.body
        } else {
            let definition = try? GraphBuilder.region(node.operandTypes) { (builder, terms) throws(GraphError) in
                try composite.decompose(terms, in: builder)
            }
            guard let definition else { return .byDecomposition }
            body = definition
        }
        let isNative = body.nodes.allSatisfy { support(for: NodeSignature($0, in: body), depth: depth + 1).isNative }
        return isNative ? .native : .byDecomposition
    }
}
