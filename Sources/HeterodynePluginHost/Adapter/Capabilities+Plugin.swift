// Heterodyne: what a plugin says a device can do, read without trust.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

extension ScalarUsage {
    /// Every usage that there is.
    private static let all: ScalarUsage = [.compute, .atomicAdd, .matrixEngine]

    /// The usages of the interface's bits; bits of later versions are left out.
    init(bits: UInt32) { self = ScalarUsage(rawValue: UInt16(truncatingIfNeeded: bits)).intersection(Self.all) }
}

extension Set<ScalarType> {
    /// The types whose bits are set; bits of later versions are left out.
    init(bits: UInt64) { self = Set(ScalarType.allCases.filter { bits >> UInt64($0.rawValue) & 1 != 0 }) }
}

extension Capabilities {
    /// What `pointer` says. Scalar types, primitives and usages of later versions are left out. Throws where anything
    /// is wrong.
    init(
        plugin pointer: UnsafePointer<heterodyne_capabilities>?, hasHostAccess: Bool
    ) throws(Refusal) {
        let fields = try Foreign(pointer, "capabilities")
        let isUnified = fields.isSet(\.has_unified_memory)
        guard !isUnified || hasHostAccess else {
            throw Refusal("capabilities.has_unified_memory is set, but there is no buffer_address or no buffer_import")
        }
        let largest = Int(clamping: fields.value(\.maximum_buffer_byte_count) ?? 0)
        guard largest > 0 else {
            let shortness = fields.shortness(\.maximum_buffer_byte_count)
            throw Refusal("capabilities.maximum_buffer_byte_count is 0\(shortness)")
        }
        self.init(
            scalarTypes: try Self.usages(fields),
            exceptions: try Self.exceptions(
                try fields.array(\.exception_count, \.exceptions, "exceptions"), "capabilities.exceptions"),
            emulations: try Self.emulations(fields),
            claims: try Self.names(fields, \.claim_count, \.claims, "claims"), fusion: try Self.fusion(fields),
            roles: fields.isSet(\.is_inference_only) ? [.inference] : [.inference, .training],
            maximumBufferByteCount: largest, hasUnifiedMemory: isUnified, rates: try Self.rates(fields),
            numerics: try Self.numerics(fields))
    }

    private static func usages(
        _ fields: Foreign<heterodyne_capabilities>
    ) throws(Refusal) -> [ScalarType: ScalarUsage] {
        var result: [ScalarType: ScalarUsage] = [:]
        for (index, bits) in try fields.array(\.usage_count, \.usages, "usages").enumerated() {
            let usages = ScalarUsage(bits: bits)
            guard let code = UInt8(exactly: index), let type = ScalarType(rawValue: code), !usages.isEmpty else {
                continue
            }
            guard usages.contains(.storage) else {
                throw Refusal(
                    "capabilities.usages[\(index)] has \(usages.names.joined(separator: ", ")) for \(type) without "
                        + "storage")
            }
            result[type] = usages
        }
        return result
    }

    private static func exceptions(
        _ pointers: UnsafeBufferPointer<UnsafePointer<heterodyne_exception>?>, _ name: String
    ) throws(Refusal) -> [SupportException] {
        var result: [SupportException] = []
        for (index, pointer) in pointers.enumerated() {
            let fields = try Foreign(pointer, "\(name)[\(index)]")
            let reason = try fields.text(\.reason, "reason")
            guard let operation = fields.value(\.operation), let code = UInt16(exactly: operation),
                let primitive = PrimitiveCode(rawValue: code), let type = scalarType(fields.value(\.scalar_type))
            else { continue }
            result.append(
                SupportException(
                    primitive: primitive, scalarType: type,
                    reason: reason.isEmpty ? "the device has no \(primitive.name) for \(type)" : reason))
        }
        return result
    }

    /// The scalar type of a code; nil for those of later versions.
    private static func scalarType(_ code: UInt32?) -> ScalarType? {
        code.flatMap { UInt8(exactly: $0) }.flatMap(ScalarType.init(rawValue:))
    }

    private static func emulations(
        _ fields: Foreign<heterodyne_capabilities>
    ) throws(Refusal) -> [ScalarType: Emulation] {
        var result: [ScalarType: Emulation] = [:]
        for (index, pointer) in try fields.array(\.emulation_count, \.emulations, "emulations").enumerated() {
            let emulation = try Foreign(pointer, "capabilities.emulations[\(index)]")
            guard let type = scalarType(emulation.value(\.scalar_type)) else { continue }
            guard result[type] == nil else { throw Refusal("\(emulation.name) is the second one of \(type)") }
            let cost = try emulation.magnitude(\.cost_factor, "cost_factor")
            guard cost > 0 else { throw Refusal("\(emulation.name).cost_factor is 0") }
            let precision = emulation.value(\.precision) ?? 0
            result[type] = Emulation(
                method: try emulation.text(\.method, "method"), precision: precision == 0 ? nil : Int(precision),
                usages: ScalarUsage(bits: emulation.value(\.usages) ?? 0),
                exceptions: try exceptions(
                    try emulation.array(\.exception_count, \.exceptions, "exceptions"),
                    "\(emulation.name).exceptions"),
                costFactor: cost)
        }
        return result
    }

    private static func names(
        _ fields: Foreign<heterodyne_capabilities>, _ count: KeyPath<heterodyne_capabilities, UInt64>,
        _ names: KeyPath<heterodyne_capabilities, UnsafePointer<heterodyne_string>?>, _ field: String
    ) throws(Refusal) -> Set<String> {
        var result: Set<String> = []
        for (index, string) in try fields.array(count, names, field).enumerated() {
            let name = try ForeignText.key(string, "capabilities.\(field)[\(index)]")
            guard !name.isEmpty else { throw Refusal("capabilities.\(field)[\(index)] is empty") }
            result.insert(name)
        }
        return result
    }

    private static func fusion(_ fields: Foreign<heterodyne_capabilities>) throws(Refusal) -> FusionCapabilities {
        FusionCapabilities(
            elementwiseRegions: fields.isSet(\.fuses_elementwise), dotEpilogues: fields.isSet(\.fuses_dot_epilogues),
            maximumOperands: Int(clamping: fields.value(\.maximum_region_operands) ?? 0),
            maximumNodes: Int(clamping: fields.value(\.maximum_region_nodes) ?? 0),
            scalarTypes: Set(bits: fields.value(\.region_types) ?? 0),
            composites: try names(fields, \.region_composite_count, \.region_composites, "region_composites"))
    }

    private static func rates(_ fields: Foreign<heterodyne_capabilities>) throws(Refusal) -> [Rate] {
        var result: [Rate] = []
        for (index, pointer) in try fields.array(\.rate_count, \.rates, "rates").enumerated() {
            let rate = try Foreign(pointer, "capabilities.rates[\(index)]")
            result.append(
                Rate(
                    what: try rate.text(\.what, "what"), perSecond: try rate.magnitude(\.per_second, "per_second"),
                    source: try rate.text(\.source, "source")))
        }
        return result
    }

    private static func numerics(_ fields: Foreign<heterodyne_capabilities>) throws(Refusal) -> Numerics {
        var errors: [PrimitiveCode: Double] = [:]
        for (index, ulp) in try fields.array(\.ulp_count, \.maximum_ulp, "maximum_ulp").enumerated() {
            guard ulp.isFinite, ulp >= 0 else {
                throw Refusal("capabilities.maximum_ulp[\(index)] is \(ulp); it must be finite and not negative")
            }
            guard let code = UInt16(exactly: index), let primitive = PrimitiveCode(rawValue: code), ulp > 0 else {
                continue
            }
            errors[primitive] = ulp
        }
        var compositeErrors: [String: Double] = [:]
        let composites = try fields.array(\.composite_error_count, \.composite_errors, "composite_errors")
        for (index, pointer) in composites.enumerated() {
            let entry = try Foreign(pointer, "capabilities.composite_errors[\(index)]")
            let name = try entry.key(\.composite, "composite")
            compositeErrors[name] = try entry.magnitude(\.maximum_ulp, "maximum_ulp")
        }
        return Numerics(
            denormals: fields.isSet(\.flushes_denormals) ? .flushed : .preserved,
            propagatesNaN: !fields.isSet(\.loses_nan), contracts: fields.isSet(\.contracts),
            roundsToNearestEven: !fields.isSet(\.is_inexact), maximumULP: errors, maximumCompositeULP: compositeErrors)
    }
}
