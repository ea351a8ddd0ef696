// Heterodyne: a backend some of whose scalar types are hidden.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// A backend some of whose scalar types are hidden, so that its devices look like devices that lack them. What the
/// backend's own kernels can emulate (`Capabilities.emulations`), they emulate on the masked device.
public struct MaskedBackend: Backend {
    /// The backend behind the mask.
    public let base: any Backend
    /// What is hidden.
    public let masks: [DeviceMask]

    /// `base` behind masks.
    public init(_ base: any Backend, masks: [DeviceMask]) {
        self.base = base
        self.masks = masks
    }

    /// The name of the backend behind the mask.
    public var name: String { base.name }

    private func types(of device: String) -> [TypeMask] {
        masks.filter { $0.covers(device, backend: base.name) }.flatMap(\.types)
    }

    /// The devices behind the mask; those of which something is hidden say so, also in their fingerprints.
    public func discover() -> DeviceListing {
        var listing = base.discover()
        for index in listing.devices.indices {
            let hidden = types(of: listing.devices[index].id)
            if hidden.isEmpty { continue }
            listing.devices[index] = listing.devices[index].hiding(hidden)
        }
        return listing
    }

    /// The capabilities without what is hidden.
    public func capabilities(of device: String) throws(BackendError) -> Capabilities {
        try base.capabilities(of: device).hiding(types(of: device))
    }

    /// As behind the mask.
    public func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        try base.allocate(byteCount: byteCount, on: device)
    }

    /// As behind the mask. The compiler names the types to emulate in the unit; what it does not name is refused where it is
    /// hidden, so that no path around the mask goes unseen.
    public func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        let gone = Set(types(of: device).filter { $0.extent == .everything }.map(\.type))
        if let type = unit.graph.scalarTypes.intersection(gone).subtracting(unit.emulatedTypes).min(by: {
            $0.name < $1.name
        }) {
            throw BackendError(
                .compilationFailed, "the program '\(unit.label)' uses \(type), which is masked", device: device)
        }
        return try base.compile(unit, for: device)
    }

    /// As behind the mask for nodes without hidden types; else emulated in kernels where they can be, or unsupported.
    public func support(for node: NodeSignature, on device: String) -> Support {
        let hidden = types(of: device).filter { $0.hides(node) }
        let answer = base.support(for: node, on: device)
        guard let first = hidden.first, answer.isNative else { return answer }
        let emulations: [ScalarType: Emulation]
        do { emulations = try base.capabilities(of: device).emulations } catch {
            return .unsupported(reason: error.message)
        }
        let methods = hidden.compactMap { mask in emulations[mask.type].flatMap { $0.method(for: node, mask.type) } }
        if methods.count == hidden.count {
            return .afterLegalization(reason: "\(first) is masked; kernels compute it as \(methods[0])")
        }
        if case .composite = node.operation { return .byDecomposition }
        return .unsupported(reason: "\(first) is masked")
    }

    /// As behind the mask.
    public func importing(_ storage: LiteralStorage, on device: String) throws(BackendError) -> any Buffer {
        try base.importing(storage, on: device)
    }
}

extension TypeMask {
    /// Whether a node needs what is hidden.
    public func hides(_ node: NodeSignature) -> Bool {
        switch extent {
        case .everything: return node.scalarTypes.contains(type)
        case .primitive(let code):
            guard case .primitive(let primitive) = node.operation else { return false }
            return primitive.code == code && node.operandTypes.contains { $0.scalarType == type }
        case .usages(let usages):
            guard node.scalarTypes.contains(type) else { return false }
            // Composites compute in ways of their own; they are gone with the arithmetic.
            guard case .primitive(let primitive) = node.operation else { return !usages.isDisjoint(with: .compute) }
            if primitive.code.group == .control { return false }
            return !usages.isDisjoint(with: primitive.usages(of: type, in: node))
        }
    }
}

extension Emulation {
    /// The method, where it covers a node that computes with `type`; nil where it does not.
    func method(for node: NodeSignature, _ type: ScalarType) -> String? {
        guard case .primitive(let primitive) = node.operation else { return nil }
        if exceptions.contains(where: { $0.primitive == primitive.code && $0.scalarType == type }) { return nil }
        return usages.isSuperset(of: primitive.usages(of: type, in: node)) ? method : nil
    }
}

extension Primitive {
    /// The usages of `type` that a node of this primitive needs, storage included.
    func usages(of type: ScalarType, in node: NodeSignature) -> ScalarUsage {
        guard node.scalarTypes.contains(type) else { return [] }
        let isOperand = node.operandTypes.contains { $0.scalarType == type }
        switch code.group {
        case .source, .movement, .control, .sorting: return .storage
        case .contraction:
            guard case .dot(_, let accumulation, _) = self else { return [.storage, .dot] }
            return accumulation == type ? [.storage, .dot, .accumulate] : [.storage, .dot]
        case .reduction: return isOperand ? [.storage, .accumulate] : .storage
        case .elementwise:
            switch self {
            case .convert: return [.storage, .convert]
            case .bitcast, .select: return .storage
            default: return isOperand ? [.storage, .arithmetic] : .storage
            }
        }
    }
}

extension Capabilities {
    /// The capabilities without what is hidden.
    func hiding(_ masks: [TypeMask]) -> Capabilities {
        var result = self
        for mask in masks {
            switch mask.extent {
            case .everything:
                result.scalarTypes[mask.type] = nil
                result.fusion.scalarTypes.remove(mask.type)
            case .usages(let usages):
                result.scalarTypes[mask.type]?.subtract(usages)
                if !usages.isDisjoint(with: [.convert, .arithmetic]) { result.fusion.scalarTypes.remove(mask.type) }
            case .primitive(let code):
                result.exceptions.append(
                    SupportException(primitive: code, scalarType: mask.type, reason: "\(mask) is masked"))
            }
        }
        return result
    }
}

extension DeviceDescriptor {
    /// The device without what is hidden: its details and its fingerprint say so.
    func hiding(_ masks: [TypeMask]) -> DeviceDescriptor {
        var result = self
        let text = masks.map(\.description).joined(separator: ",")
        result.details["masked"] = text
        result.fingerprint += ";masked=\(text)"
        return result
    }
}

extension Device {
    /// The same device without some scalar types, for trying out what a model does on hardware that lacks them.
    public func masking(_ types: [TypeMask]) -> Device {
        Device(
            descriptor: descriptor.hiding(types),
            backend: MaskedBackend(backend, masks: [DeviceMask(device: id, types: types)]))
    }

    /// The same device without some scalar types, for trying out what a model does on hardware that lacks them.
    public func masking(_ types: ScalarType...) -> Device { masking(types.map { TypeMask($0) }) }
}

extension DeviceRegistry {
    /// A registry of the given backends behind the masks of `text` (the form of `HETERODYNE_MASK`). Text that is not understood masks
    /// nothing and is listed as unavailable with the reason.
    public convenience init(_ backends: [any Backend], sources: [any BackendSource] = [], masking text: String?) {
        guard let text, !text.isEmpty else {
            self.init(backends, sources: sources)
            return
        }
        do throws(BackendError) {
            let masks = try DeviceMask.parse(text)
            self.init(
                backends, sources: sources,
                wrap: { backend in
                    let own = masks.filter { mask in
                        mask.device.map { $0 == backend.name || $0.hasPrefix(backend.name + ":") } ?? true
                    }
                    return own.isEmpty ? backend : MaskedBackend(backend, masks: own)
                })
            // Where there are sources, a name may be that of a backend which they find.
            let strangers = masks.compactMap(\.device).filter { device in
                sources.isEmpty && !backends.contains { $0.name == device || device.hasPrefix($0.name + ":") }
            }
            for device in strangers {
                report(
                    UnavailableDevice(
                        id: device, backend: device,
                        reason: "HETERODYNE_MASK names '\(device)', which no backend drives",
                        remedy: "Name one of \(backends.map(\.name).joined(separator: ", "))"))
            }
        } catch {
            self.init(backends, sources: sources)
            report(
                UnavailableDevice(
                    id: "HETERODYNE_MASK", backend: "HETERODYNE_MASK",
                    reason: "The mask is not understood and masks nothing: \(error.message)",
                    remedy: "Write DEVICE:TYPE,TYPE, for instance vulkan:0:float64,bfloat16; several separated by ';'"))
        }
    }
}
