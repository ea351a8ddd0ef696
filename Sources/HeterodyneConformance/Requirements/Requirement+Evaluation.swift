// Heterodyne: whether a device meets a requirement, and what it lacks.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import HeterodyneGraph
public import HeterodyneRuntime

extension Requirement {
    /// A clause that a device does not meet.
    public struct Failure: Sendable, Hashable {
        /// The clause as it was written.
        public let clause: String
        /// What the device has instead.
        public let reason: String
    }

    /// What `device` does not meet; empty where it meets the requirement. Throws what asking for capabilities throws.
    public func failures(on device: Device) throws(BackendError) -> [Failure] {
        try failures(Facts(device: device, capabilities: try device.capabilities()))
    }

    /// A device and what it can do.
    struct Facts {
        var device: Device
        var capabilities: Capabilities
        var descriptor: DeviceDescriptor { device.descriptor }
    }

    private func failures(_ facts: Facts) throws(BackendError) -> [Failure] { try failures(expression, facts) }

    private func failures(_ expression: Expression, _ facts: Facts) throws(BackendError) -> [Failure] {
        switch expression {
        case .clause(let clause, let range):
            return try reason(against: clause, facts).map { [Failure(clause: source(range), reason: $0)] } ?? []
        case .not(let inner, let range):
            guard try failures(inner, facts).isEmpty else { return [] }
            return [Failure(clause: source(range), reason: "what is negated holds")]
        case .all(let parts):
            var result: [Failure] = []
            for part in parts { result += try failures(part, facts) }
            return result
        case .any(let parts):
            var result: [Failure] = []
            for part in parts {
                let failures = try failures(part, facts)
                if failures.isEmpty { return [] }
                result += failures
            }
            return result
        }
    }

    private func source(_ range: Range<Int>) -> String { String(Array(text)[range]) }

    /// What the device has instead of what the clause asks for; nil where it meets it.
    private func reason(against clause: Clause, _ facts: Facts) throws(BackendError) -> String? {
        switch clause {
        case .computes(let type):
            let needed: ScalarUsage = type.isArithmetic ? [.storage, .convert, .arithmetic, .dot] : .storage
            return lacking(needed, type, facts)
        case .uses(let type, let usage): return lacking(usage, type, facts)
        case .emulates(let type):
            return facts.capabilities.emulations[type] == nil ? "its kernels do not emulate \(type)" : nil
        case .supports(let name, let type):
            guard let operation = SampleOperation(name: name) else { return "there is no operation \(name)" }
            guard let support = try SupportSurvey(of: facts.device).support(for: operation, type) else {
                return "\(name) is not defined for \(type)"
            }
            if support.isNative { return nil }
            return support.reason ?? support.kind.rawValue
        case .claims(let name):
            return facts.capabilities.claims.contains(name) ? nil : "it decomposes \(name)"
        case .flag(let flag): return Self.holds(flag, facts) ? nil : "it is not so"
        case .number(let field, let comparison, let wanted):
            guard let value = Self.value(field, facts) else { return "it is not known" }
            return Self.holds(value, comparison, wanted) ? nil : "it is \(Self.text(value, field))"
        case .text(let field, let comparison, let wanted):
            let value = Self.value(field, facts)
            return Self.holds(value, comparison, wanted) ? nil : "it is '\(value)'"
        }
    }

    private func lacking(_ needed: ScalarUsage, _ type: ScalarType, _ facts: Facts) -> String? {
        let usages = facts.capabilities.usages(of: type)
        let missing = needed.subtracting(usages)
        if missing.isEmpty { return nil }
        return usages.isEmpty
            ? "it has no \(type) at all" : "it has no \(missing.names.joined(separator: ", ")) of \(type)"
    }

    private static func holds(_ flag: Flag, _ facts: Facts) -> Bool {
        switch flag {
        case .software: facts.descriptor.isSoftware
        case .simulated: facts.descriptor.isSimulated
        case .unified: facts.capabilities.hasUnifiedMemory
        case .masked: facts.descriptor.details["masked"] != nil
        case .inference: facts.capabilities.roles.contains(.inference)
        case .training: facts.capabilities.roles.contains(.training)
        }
    }

    private static func value(_ field: NumberField, _ facts: Facts) -> Double? {
        switch field {
        case .memory: Double(facts.descriptor.memoryByteCount)
        case .freememory: facts.descriptor.freeMemoryByteCount.map(Double.init)
        case .maxbuffer: Double(facts.capabilities.maximumBufferByteCount)
        case .threads: Double(facts.descriptor.threads)
        }
    }

    private static func value(_ field: TextField, _ facts: Facts) -> String {
        switch field {
        case .id: facts.descriptor.id
        case .backend: facts.descriptor.backend
        case .kind: facts.descriptor.kind.rawValue
        case .vendor: facts.descriptor.vendor
        case .name: facts.descriptor.name
        }
    }

    private static func holds(_ value: Double, _ comparison: Comparison, _ wanted: Double) -> Bool {
        switch comparison {
        case .equal: value == wanted
        case .notEqual: value != wanted
        case .less: value < wanted
        case .atMost: value <= wanted
        case .more: value > wanted
        case .atLeast: value >= wanted
        case .contains, .containsNot: false
        }
    }

    private static func holds(_ value: String, _ comparison: Comparison, _ wanted: String) -> Bool {
        switch comparison {
        case .equal: value == wanted
        case .notEqual: value != wanted
        case .contains: wanted.isEmpty || value.lowercased().contains(wanted.lowercased())
        case .containsNot: !wanted.isEmpty && !value.lowercased().contains(wanted.lowercased())
        case .less, .atMost, .more, .atLeast: false
        }
    }

    /// Bytes in the largest binary unit that gives at least one, with two digits after the point.
    private static func text(_ value: Double, _ field: NumberField) -> String {
        guard field.isMemory else { return "\(Int(value))" }
        let units: [(Double, String)] = [(0x1p40, "TiB"), (0x1p30, "GiB"), (0x1p20, "MiB"), (0x1p10, "KiB")]
        guard let (factor, unit) = units.first(where: { value >= $0.0 }) else { return "\(value) B" }
        return "\((value / factor * 100).rounded() / 100) \(unit)"
    }
}
