// Heterodyne: which scalar types a device lacks, and how their values are held and computed there instead.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// How values of a type that a device lacks are held on it.
enum Carriage: Hashable {
    /// In their own type, which the device holds and converts; only nodes that it lacks are computed otherwise.
    case bridged
    /// 64-bit types: as two words, or as what is computed with.
    case words
    /// Types of 8 and 16 bits: as integers of as many bits.
    case bits(ScalarType)
}

/// In what a node that a device lacks is computed.
enum Domain: Hashable {
    /// In the type itself.
    case typed
    /// In the 32-bit type that stands in for it.
    case single
    /// In two words.
    case words
    /// In pairs of float32.
    case pair
}

/// Whether a device runs a node as it stands.
enum Standing {
    case native
    /// In kernels that emulate these types.
    case kernels(Set<ScalarType>, reason: String)
    case lacking(reason: String)

    var isNative: Bool { if case .native = self { true } else { false } }
}

/// Which scalar types a device lacks under a policy and how their values are held instead: the same for every graph.
struct LegalizationPlan: Sendable {
    let target: CompilationTarget
    let policy: ScalarTypePolicy
    /// Types of which the device lacks something; nil for those that nothing can stand in for.
    let carriages: [ScalarType: Carriage?]
    /// Types that the device's kernels emulate.
    let kernelTypes: Set<ScalarType>

    init(target: CompilationTarget, policy: ScalarTypePolicy) {
        self.target = target
        self.policy = policy
        let capabilities = target.capabilities
        var carriages: [ScalarType: Carriage?] = [:]
        var kernelTypes: Set<ScalarType> = []
        for type in ScalarType.allCases where type != .bool {
            let needed: ScalarUsage = type.isArithmetic ? .compute : [.storage, .convert]
            let isWhole =
                capabilities.usages(of: type).isSuperset(of: needed)
                && !capabilities.exceptions.contains { $0.scalarType == type }
            if isWhole { continue }
            if Self.emulatesInKernels(type, capabilities, policy) {
                kernelTypes.insert(type)
            } else {
                carriages[type] = .some(Self.carriage(of: type, target, policy[type]))
            }
        }
        self.carriages = carriages
        self.kernelTypes = kernelTypes
    }

    /// Whether the owner and the device let kernels emulate a type. They must do all of it, since values in kernels' form
    /// and in graphs' form cannot mix.
    private static func emulatesInKernels(
        _ type: ScalarType, _ capabilities: Capabilities, _ policy: ScalarTypePolicy
    ) -> Bool {
        guard policy[type] == .emulate, let emulation = capabilities.emulations[type] else { return false }
        return emulation.exceptions.isEmpty && emulation.usages.isSuperset(of: .compute)
    }

    private func emulatesInKernels(_ type: ScalarType) -> Bool {
        Self.emulatesInKernels(type, target.capabilities, policy)
    }

    private static func carriage(
        of type: ScalarType, _ target: CompilationTarget, _ rule: ScalarTypePolicy.Rule
    ) -> Carriage? {
        let capabilities = target.capabilities
        let isStored = capabilities.usages(of: type).contains(.storage)
        func runs(_ primitives: [(Primitive, ScalarType)]) -> Bool {
            primitives.allSatisfy { primitive, operand in
                let count: Int
                if case .binary = primitive { count = 2 } else { count = 1 }
                return Self.runs(primitive, [TensorType](repeating: .scalar(operand), count: count), on: target)
            }
        }
        switch type {
        case .bool, .int4, .uint4, .int32, .uint32, .float32: return nil
        case .float8e4m3fn, .float8e5m2, .int8, .uint8:
            if isStored { return .bridged }
            return [.uint8, .int8].first { capabilities.usages(of: $0).contains(.storage) }.map { .bits($0) }
        case .float16, .bfloat16, .int16, .uint16:
            if isStored { return .bridged }
            return [.uint16, .int16].first { capabilities.usages(of: $0).contains(.storage) }.map { .bits($0) }
        case .float64:
            var needed: [(Primitive, ScalarType)] = [(.convert(.float32), type), (.convert(type), .float32)]
            if rule != .demote { needed += [(.binary(.subtract), type), (.binary(.add), type)] }
            return isStored && runs(needed) ? .bridged : .words
        case .int64, .uint64:
            var needed: [(Primitive, ScalarType)] = [(.convert(type.standIn), type), (.convert(type), type.standIn)]
            if rule != .demote {
                needed += [
                    (.convert(.uint32), type), (.convert(type), .uint32), (.binary(.shiftRight), type),
                    (.binary(.shiftLeft), type), (.binary(.or), type),
                ]
            }
            return isStored && runs(needed) ? .bridged : .words
        }
    }

    /// Whether the device runs a primitive natively for operands of these types.
    static func runs(_ primitive: Primitive, _ operands: [TensorType], on target: CompilationTarget) -> Bool {
        guard let results = try? primitive.inferTypes(operands) else { return false }
        return target.support(
            for: NodeSignature(operation: .primitive(primitive), operandTypes: operands, resultTypes: results)
        ).isNative
    }

    /// Whether the device runs a primitive natively for scalars of these types.
    func runs(_ primitive: Primitive, _ operands: ScalarType...) -> Bool {
        Self.runs(primitive, operands.map { .scalar($0) }, on: target)
    }

    /// Whether the device runs a node natively, or in kernels that emulate. A node with regions is run where every node in
    /// them is, which backends are not asked to look at.
    func standing(of node: NodeSignature) -> Standing {
        var standing = ownStanding(of: node)
        guard case .primitive(let primitive) = node.operation, !primitive.regions.isEmpty else { return standing }
        for region in primitive.regions {
            for inner in region.nodes {
                if case .parameter = inner.operation { continue }
                switch (standing, self.standing(of: NodeSignature(inner, in: region))) {
                case (.lacking, _): return standing
                case (_, .lacking(let reason)):
                    return .lacking(reason: "\(reason), for \(inner.operation.name) in its region")
                case (.native, let other): standing = other
                case (.kernels, .native): break
                case (.kernels(let a, let reason), .kernels(let b, _)):
                    standing = .kernels(a.union(b), reason: reason)
                }
            }
        }
        return standing
    }

    private func ownStanding(of node: NodeSignature) -> Standing {
        switch target.support(for: node) {
        case .native: return .native
        case .byDecomposition: return .lacking(reason: "it is not claimed")
        case .unsupported(let reason): return .lacking(reason: reason)
        case .afterLegalization(let reason):
            let emulated = node.scalarTypes.filter { target.capabilities.emulations[$0] != nil }
            // A backend lists what its kernels could emulate also where the device has the type.
            var missing = emulated.filter { carriages[$0] != nil || kernelTypes.contains($0) }
            if missing.isEmpty { missing = emulated }
            guard !missing.isEmpty, missing.allSatisfy(emulatesInKernels) else { return .lacking(reason: reason) }
            return .kernels(missing, reason: reason)
        }
    }

    /// The carriage of each type that some node of the graph touches and the device does not run.
    func active(in graph: Graph) -> [ScalarType: Carriage] {
        guard !carriages.isEmpty, graph.scalarTypes.contains(where: { carriages[$0] != nil }) else { return [:] }
        var active: [ScalarType: Carriage] = [:]
        for node in graph.nodes {
            if case .parameter = node.operation { continue }
            let signature = NodeSignature(node, in: graph)
            let types = signature.scalarTypes.filter { carriages[$0] != nil }
            guard types.contains(where: { active[$0] == nil }), case .lacking = standing(of: signature) else {
                continue
            }
            for type in types { if let carriage = carriages[type] { active[type] = carriage } }
        }
        return active
    }
}
