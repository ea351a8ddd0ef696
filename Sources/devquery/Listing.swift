// Heterodyne: what devquery found, as table, details or JSON.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne

/// What was found.
struct Listing {
    var devices: [Device]
    var unavailable: [UnavailableDevice]

    // MARK: - Table

    /// One line per device, then one per device with a column per scalar type, then what is missing.
    func table() throws -> String {
        let types = ScalarType.allCases
        var facts: [[String]] = [["ID", "BACKEND", "KIND", "THREADS", "MEMORY (FREE)", "NAME"]]
        var masks: [String] = []
        var uses: [[String]] = [["ID"] + types.map(Self.heading)]
        for device in devices {
            let descriptor = device.descriptor
            let capabilities = try device.capabilities()
            if let masked = descriptor.details["masked"] { masks.append("masked: \(masked) of \(device.id)") }
            facts.append([
                device.id, descriptor.backend, Self.kind(descriptor), String(descriptor.threads),
                Self.memory(descriptor), Self.shortened(descriptor.name),
            ])
            uses.append([device.id] + types.map { Self.summary(capabilities.usages(of: $0)) })
        }
        var lines = Self.aligned(facts)
        lines.append("")
        lines += Self.aligned(uses)
        lines.append("")
        lines.append(
            "calc: arithmetic and matrix products; +mx: also a matrix engine; mx: a matrix engine alone;")
        lines.append(
            "math: arithmetic without products; dot: products without arithmetic; store: held and converted;")
        lines.append("hold: held only; -: not at all")
        if !masks.isEmpty { lines += [""] + masks }
        for missing in unavailable {
            lines.append("")
            lines.append("unavailable: \(missing.id) (\(missing.backend)): \(missing.reason)")
            lines.append("  remedy: \(missing.remedy)")
        }
        let count = "\(devices.count) device\(devices.count == 1 ? "" : "s")"
        lines.append("")
        lines.append("\(count) ready, \(unavailable.count) unavailable; devquery -v tells everything")
        return lines.joined(separator: "\n")
    }

    static func heading(_ type: ScalarType) -> String {
        switch type {
        case .bool: "BOOL"
        case .int4: "I4"
        case .int8: "I8"
        case .int16: "I16"
        case .int32: "I32"
        case .int64: "I64"
        case .uint4: "U4"
        case .uint8: "U8"
        case .uint16: "U16"
        case .uint32: "U32"
        case .uint64: "U64"
        case .float8e4m3fn: "E4M3"
        case .float8e5m2: "E5M2"
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .float32: "F32"
        case .float64: "F64"
        }
    }

    /// How far a type can be used, in at most five letters.
    static func summary(_ usages: ScalarUsage) -> String {
        if usages.contains(.matrixEngine) { return usages.contains(.arithmetic) ? "+mx" : "mx" }
        switch (usages.contains(.arithmetic), usages.contains(.dot)) {
        case (true, true): return "calc"
        case (true, false): return "math"
        case (false, true): return "dot"
        case (false, false):
            guard usages.contains(.storage) else { return "-" }
            return usages.contains(.convert) ? "store" : "hold"
        }
    }

    private static func shortened(_ name: String) -> String {
        name.count <= 48 ? name : name.prefix(47) + "…"
    }

    private static func kind(_ descriptor: DeviceDescriptor) -> String {
        if descriptor.isSimulated { return descriptor.kind.rawValue + " [simulated]" }
        return descriptor.kind.rawValue + (descriptor.isSoftware ? " [software]" : "")
    }

    private static func memory(_ descriptor: DeviceDescriptor) -> String {
        let free = descriptor.freeMemoryByteCount.map { " (\(gibibytes($0)))" } ?? ""
        return gibibytes(descriptor.memoryByteCount) + " GiB" + free
    }

    private static func gibibytes(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 1_073_741_824) }

    static func aligned(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    // MARK: - Details

    /// Every fact about every device.
    func details() throws -> String {
        var blocks: [String] = []
        for device in devices { blocks.append(try Self.details(of: device)) }
        for missing in unavailable {
            blocks.append(
                "\(missing.id): unavailable\n  backend: \(missing.backend)\n  reason: \(missing.reason)\n"
                    + "  remedy: \(missing.remedy)")
        }
        return blocks.joined(separator: "\n\n")
    }

    private static func details(of device: Device) throws -> String {
        let descriptor = device.descriptor
        let capabilities = try device.capabilities()
        var lines = [
            "\(device.id): ready", "  backend: \(descriptor.backend)", "  kind: \(kind(descriptor))",
            "  name: \(descriptor.name)", "  vendor: \(descriptor.vendor)", "  threads: \(descriptor.threads)",
            "  memory: \(memory(descriptor)), largest buffer \(gibibytes(capabilities.maximumBufferByteCount)) GiB, "
                + (capabilities.hasUnifiedMemory ? "shared with the host" : "of its own"),
            "  roles: \(capabilities.roles.map(\.rawValue).sorted().joined(separator: ", "))",
            "  fingerprint: \(descriptor.fingerprint)",
        ]
        for (name, version) in descriptor.versions.sorted(by: { $0.key < $1.key }) {
            lines.append("  version of \(name): \(version)")
        }
        for (name, value) in descriptor.details.sorted(by: { $0.key < $1.key }) { lines.append("  \(name): \(value)") }
        lines.append("  scalar types:")
        for type in ScalarType.allCases {
            let usages = capabilities.usages(of: type).names
            lines.append("    \(type): \(usages.isEmpty ? "not at all" : usages.joined(separator: ", "))")
        }
        for (type, emulation) in capabilities.emulations.sorted(by: { $0.key.name < $1.key.name }) {
            lines.append("    \(type) emulated by kernels where asked for: \(emulation.summary)")
        }
        for exception in capabilities.exceptions {
            lines.append("    but no \(exception.primitive.name) of \(exception.scalarType): \(exception.reason)")
        }
        let claims = capabilities.claims.sorted()
        lines.append("  composites run whole: \(claims.isEmpty ? "none" : claims.joined(separator: ", "))")
        let fusion = capabilities.fusion
        lines.append(
            "  fusion: elementwise regions \(fusion.elementwiseRegions ? "yes" : "no"), "
                + "dot epilogues \(fusion.dotEpilogues ? "yes" : "no")")
        let numerics = capabilities.numerics
        lines.append(
            "  numerics: denormals \(numerics.denormals.rawValue), NaN "
                + "\(numerics.propagatesNaN ? "propagates" : "may be lost"), "
                + "\(numerics.contracts ? "contracts" : "does not contract") products and sums")
        let errors = numerics.maximumULP.sorted { $0.key.rawValue < $1.key.rawValue }
        if !errors.isEmpty {
            lines.append(
                "  largest errors in ULP: " + errors.map { "\($0.key.name) \($0.value)" }.joined(separator: ", "))
        }
        for rate in capabilities.rates {
            lines.append("  \(rate.what): \(String(format: "%.3g", rate.perSecond)) per second (\(rate.source))")
        }
        return lines.joined(separator: "\n")
    }

    // MARK: - JSON

    private struct Document: Encodable {
        struct Entry: Encodable {
            var id: String
            var backend: String
            var kind: String
            var software: Bool
            var simulated: Bool
            var name: String
            var vendor: String
            var threads: Int
            var memoryBytes: Int
            var freeMemoryBytes: Int?
            var maximumBufferBytes: Int
            var unifiedMemory: Bool
            var roles: [String]
            var scalarTypes: [String: [String]]
            var exceptions: [[String: String]]
            var emulations: [String: EmulationEntry]
            var masked: String?
            var composites: [String]
            var fusesElementwise: Bool
            var fusesDotEpilogues: Bool
            var denormals: String
            var propagatesNaN: Bool
            var contracts: Bool
            var maximumULP: [String: Double]
            var maximumCompositeULP: [String: Double]
            var rates: [Rate]
            var versions: [String: String]
            var details: [String: String]
            var fingerprint: String
        }
        struct EmulationEntry: Encodable {
            var method: String
            /// Significant bits; absent where results are exact.
            var precision: Int?
            var usages: [String]
            var costFactor: Double
        }
        var schema = 1
        var devices: [Entry]
        var unavailable: [UnavailableDevice]
    }

    /// One document with everything.
    func json() throws -> String {
        var entries: [Document.Entry] = []
        for device in devices { entries.append(try Self.entry(of: device)) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let document = Document(devices: entries, unavailable: unavailable)
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }

    private static func entry(of device: Device) throws -> Document.Entry {
        let descriptor = device.descriptor
        let capabilities = try device.capabilities()
        let numerics = capabilities.numerics
        return Document.Entry(
            id: device.id, backend: descriptor.backend, kind: descriptor.kind.rawValue,
            software: descriptor.isSoftware, simulated: descriptor.isSimulated, name: descriptor.name,
            vendor: descriptor.vendor,
            threads: descriptor.threads, memoryBytes: descriptor.memoryByteCount,
            freeMemoryBytes: descriptor.freeMemoryByteCount,
            maximumBufferBytes: capabilities.maximumBufferByteCount, unifiedMemory: capabilities.hasUnifiedMemory,
            roles: capabilities.roles.map(\.rawValue).sorted(),
            scalarTypes: Dictionary(
                uniqueKeysWithValues: ScalarType.allCases.map { ($0.name, capabilities.usages(of: $0).names) }),
            exceptions: capabilities.exceptions.map {
                ["primitive": $0.primitive.name, "scalarType": $0.scalarType.name, "reason": $0.reason]
            },
            emulations: Dictionary(
                uniqueKeysWithValues: capabilities.emulations.map {
                    (
                        $0.key.name,
                        Document.EmulationEntry(
                            method: $0.value.method, precision: $0.value.precision, usages: $0.value.usages.names,
                            costFactor: $0.value.costFactor)
                    )
                }),
            masked: descriptor.details["masked"], composites: capabilities.claims.sorted(),
            fusesElementwise: capabilities.fusion.elementwiseRegions,
            fusesDotEpilogues: capabilities.fusion.dotEpilogues, denormals: numerics.denormals.rawValue,
            propagatesNaN: numerics.propagatesNaN, contracts: numerics.contracts,
            maximumULP: Dictionary(uniqueKeysWithValues: numerics.maximumULP.map { ($0.key.name, $0.value) }),
            maximumCompositeULP: numerics.maximumCompositeULP, rates: capabilities.rates,
            versions: descriptor.versions, details: descriptor.details, fingerprint: descriptor.fingerprint)
    }
}

extension Emulation {
    /// The method, how precise it is and what it costs.
    var summary: String {
        let digits = precision.map { "\($0) significant bits" } ?? "exact"
        return "\(method), \(digits), about \(String(format: "%.3g", costFactor)) times the work"
    }
}
