// Heterodyne: one simulated chip: what it offers and how it describes itself.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneHostKernels
import HeterodyneRoofline

/// One simulated chip.
final class SimulatedChip: Sendable {
    /// The name of the backend.
    static let backend = "simulated"

    /// What is known of the chip.
    let profile: ChipProfile
    /// What it offers.
    let capabilities: Capabilities
    /// Its memory.
    let memory: SimulatedMemory
    /// What it says of itself.
    let descriptor: DeviceDescriptor

    /// Its identifier.
    var device: String { descriptor.id }

    init(_ profile: ChipProfile, memorySize: Int, path: String?) {
        self.profile = profile
        var capabilities = profile.capabilities(numerics: HostSupport.numerics)
        let computed = Set(capabilities.scalarTypes.filter { $0.value.contains(.arithmetic) || $0.key == .bool }.keys)
        capabilities.claims = CompositeSupport.names
        capabilities.fusion = HostSupport.fusion
        capabilities.fusion.scalarTypes.formIntersection(computed)
        self.capabilities = capabilities
        descriptor = Self.descriptor(profile, memorySize: memorySize, path: path)
        memory = SimulatedMemory(byteCount: memorySize, device: descriptor.id, name: profile.name)
    }

    /// Why a profile cannot be a device; nil where it can.
    static func unavailability(of profile: ChipProfile) -> UnavailableDevice? {
        var lacks: [String] = []
        if case .unknown(let why) = profile.memoryByteCount {
            lacks.append("the size of its memory is unknown (\(why))")
        }
        if profile.memoryByteCount.value == 0 { lacks.append("its memory has no bytes") }
        let computes = ScalarType.allCases.contains {
            !profile.usages(of: $0).isDisjoint(with: [.arithmetic, .dot])
        }
        if !computes { lacks.append("no scalar type is known that it computes in") }
        guard !lacks.isEmpty else { return nil }
        return UnavailableDevice(
            id: "\(backend):\(profile.id)", backend: backend, reason: lacks.joined(separator: "; "),
            remedy: "where you know more, write a profile with it, in a folder of HETERODYNE_PROFILE_PATH "
                + "(docs/SimulatedChips.md)")
    }

    private static func descriptor(_ profile: ChipProfile, memorySize: Int, path: String?) -> DeviceDescriptor {
        let kind: DeviceDescriptor.Kind =
            switch profile.kind {
            case .gpu: .discreteGPU
            case .accelerator: .accelerator
            case .cpu: .cpu
            case .fpga, .system: .other
            }
        var details = ["profile": path ?? "built in", "computed by": "the host's kernels"]
        let missing = profile.missing
        if !missing.isEmpty { details["unknown"] = missing.joined(separator: "; ") }
        let assumptions = profile.assumptions
        if !assumptions.isEmpty { details["assumed"] = assumptions.joined(separator: "; ") }
        if !profile.notes.isEmpty { details["notes"] = profile.notes.joined(separator: " ") }
        if let technology = profile.memoryTechnology { details["memory"] = technology }
        return DeviceDescriptor(
            id: "\(backend):\(profile.id)", backend: backend, kind: kind, isSoftware: true, isSimulated: true,
            name: profile.name, vendor: profile.vendor, threads: profile.chipCount, memoryByteCount: memorySize,
            details: details, fingerprint: "simulated|\(profile.id)|\(digest(profile))|\(HostMachine.kernelLevel)")
    }

    /// A number that differs, almost surely, where a profile offers or computes something else (FNV-1a, 64 bits).
    private static func digest(_ profile: ChipProfile) -> String {
        var text = profile.roles.map(\.rawValue).sorted().joined(separator: ",")
        for type in ScalarType.allCases { text += "|\(type)=\(profile.usages(of: type).rawValue)" }
        for fact in [profile.memoryByteCount, profile.memoryBandwidth, profile.power, profile.launch, profile.step] {
            text += "|\(fact.value.map { String($0) } ?? "-")"
        }
        for type in ScalarType.allCases {
            let rates = [profile.type(type).vector, profile.type(type).matrix]
            for rate in rates { text += "|\(rate.value.map { String($0) } ?? "-")" }
        }
        let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return String(hash, radix: 16)
    }
}

// MARK: - What it runs

extension SimulatedChip {
    /// Whether the profile and the host's kernels allow a node. A composite is run whole where the chip computes in all of
    /// its types and in those that they accumulate in; a fused region where every node in it is.
    func support(for node: NodeSignature) -> Support {
        switch node.operation {
        case .parameter, .primitive:
            let answer = capabilities.support(for: node)
            guard answer.isNative else { return .unsupported(reason: reason(for: node) ?? text(answer)) }
            return HostSupport.support(for: node)
        case .composite(let composite):
            guard HostSupport.support(for: node).isNative else { return .byDecomposition }
            if let region = composite as? FusedRegion {
                let isNative = region.body.nodes.allSatisfy {
                    support(for: NodeSignature($0, in: region.body)).isNative
                }
                return isNative ? .native : .byDecomposition
            }
            // Its definition may not be at hand: hosts of plugins ask without.
            return node.scalarTypes.allSatisfy(isComputed) ? .native : .byDecomposition
        }
    }

    /// Whether composites may compute in a type: whatever their definitions do with it, and with the type in which its sums
    /// are kept. Truth values are held.
    private func isComputed(_ type: ScalarType) -> Bool {
        guard type != .bool else { return capabilities.usages(of: type).contains(.storage) }
        return [type, type.accumulationType].allSatisfy { capabilities.usages(of: $0).isSuperset(of: .compute) }
    }

    /// Why a type of the node is not there, for people: what the profile says about it.
    private func reason(for node: NodeSignature) -> String? {
        let types = node.scalarTypes.sorted { $0.rawValue < $1.rawValue }
        return types.lazy.compactMap { self.profile.absence(of: $0) }.first
    }

    private func text(_ answer: Support) -> String {
        switch answer {
        case .native, .byDecomposition: "the device does not run it"
        case .unsupported(let reason), .afterLegalization(let reason): reason
        }
    }

    /// Throws `unsupported` for the first node of `graph` that the chip does not run, those inside regions included.
    func check(_ graph: Graph) throws(BackendError) {
        for (index, node) in graph.nodes.enumerated() {
            let answer = support(for: NodeSignature(node, in: graph))
            guard answer.isNative else {
                throw BackendError(
                    .unsupported, text(answer), device: device, node: graph.nodeText(index), location: node.location)
            }
            for region in node.operation.primitive?.regions ?? [] { try check(region) }
        }
    }
}
