// Heterodyne: what a plugin says a device is, read without trust.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend

/// What a plugin says a device is.
struct DeviceInfo {
    /// The identifier among the plugin's devices; may be empty.
    var id: String
    /// The description; its identifier and what the host adds to it are filled in later.
    var descriptor: DeviceDescriptor
    /// Whether `execute` takes a completion.
    var isAsynchronous: Bool
    /// Why the device cannot be used, and what to do; nil where it can.
    var unavailable: (reason: String, remedy: String)?

    /// The longest identifier.
    static let longestId = 128

    /// Reads `info`. Throws where a field that programs rely on is wrong. `id` is whatever could be read before that.
    init(_ info: UnsafePointer<heterodyne_device_info>?, backend: String, id: inout String) throws(Refusal) {
        let info = try Foreign(info, "info")
        id = try Self.id(info)
        self.id = id
        let reason = try info.text(\.unavailable_reason, "unavailable_reason")
        unavailable = reason.isEmpty ? nil : (reason, try info.text(\.remedy, "remedy"))
        let flags = info.value(\.flags) ?? 0
        isAsynchronous = flags & UInt32(HETERODYNE_ASYNCHRONOUS) != 0
        descriptor = DeviceDescriptor(
            id: id, backend: backend, kind: try Self.kind(info.value(\.kind) ?? HETERODYNE_OTHER.rawValue),
            isSoftware: flags & UInt32(HETERODYNE_SOFTWARE) != 0,
            isSimulated: flags & UInt32(HETERODYNE_SIMULATED) != 0, name: try info.text(\.name, "name"),
            vendor: try info.text(\.vendor, "vendor"), threads: Int(clamping: info.value(\.threads) ?? 1),
            memoryByteCount: Int(clamping: info.value(\.memory_byte_count) ?? 0),
            freeMemoryByteCount: Self.freeMemory(info.value(\.free_memory_byte_count)), fingerprint: "")
        // A device that is not there need not say more.
        if unavailable != nil { return }
        guard !descriptor.name.isEmpty else { throw Refusal("info.name is empty\(info.shortness(\.name))") }
        guard descriptor.threads >= 1 else { throw Refusal("info.threads is 0; a device has at least 1") }
        descriptor.versions = try Self.named(info, \.version_count, \.versions, "versions")
        descriptor.details = try Self.named(info, \.detail_count, \.details, "details")
        descriptor.fingerprint = try info.key(\.fingerprint, "fingerprint")
        guard !descriptor.fingerprint.isEmpty else {
            throw Refusal(
                "info.fingerprint is empty\(info.shortness(\.fingerprint)); it says which devices share compiled code")
        }
    }

    private static func id(_ info: Foreign<heterodyne_device_info>) throws(Refusal) -> String {
        let id = try info.key(\.id, "id")
        guard id.utf8.count <= longestId else {
            throw Refusal("info.id has \(id.utf8.count) bytes; \(longestId) is the limit")
        }
        let isPlain = id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isPlain else {
            throw Refusal("info.id '\(id)' has characters other than letters, digits, '.', '_' and '-'")
        }
        return id
    }

    private static func kind(_ code: UInt32) throws(Refusal) -> DeviceDescriptor.Kind {
        switch heterodyne_device_kind(rawValue: code) {
        case HETERODYNE_CPU: return .cpu
        case HETERODYNE_DISCRETE_GPU: return .discreteGPU
        case HETERODYNE_INTEGRATED_GPU: return .integratedGPU
        case HETERODYNE_ACCELERATOR: return .accelerator
        case HETERODYNE_OTHER: return .other
        default: throw Refusal("info.kind is \(code), which is no kind of device")
        }
    }

    private static func freeMemory(_ bytes: UInt64?) -> Int? {
        guard let bytes, bytes != .max else { return nil }
        return Int(clamping: bytes)
    }

    private static func named(
        _ info: Foreign<heterodyne_device_info>, _ count: KeyPath<heterodyne_device_info, UInt64>,
        _ pairs: KeyPath<heterodyne_device_info, UnsafePointer<heterodyne_named>?>, _ field: String
    ) throws(Refusal) -> [String: String] {
        var result: [String: String] = [:]
        for (index, pair) in try info.array(count, pairs, field, limit: 1024).enumerated() {
            let name = try ForeignText.display(pair.name, "info.\(field)[\(index)].name")
            guard !name.isEmpty else { throw Refusal("info.\(field)[\(index)].name is empty") }
            result[name] = try ForeignText.display(pair.value, "info.\(field)[\(index)].value")
        }
        return result
    }
}
