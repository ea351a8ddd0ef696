// Heterodyne: the devices of a backend by number, each described once.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import Synchronization

/// The devices of a backend by number, each described once in memory that is never freed.
final class DeviceTable: Sendable {
    private struct Entry: Sendable {
        /// The identifier that the backend knows, or why the device cannot be used.
        var device: Result<String, BackendError>
        var info: Forever<heterodyne_device_info>
        var capabilities: Forever<heterodyne_capabilities>?
        var hasUnifiedMemory: Bool?
    }

    private let backend: any Backend
    private let entries = Mutex<[Entry]?>(nil)

    init(_ backend: any Backend) { self.backend = backend }

    private func withEntries<R: Sendable>(_ body: (inout [Entry]) throws(Failure) -> R) throws(Failure) -> R {
        let result: Result<R, Failure> = entries.withLock { entries in
            var list = entries ?? Self.list(backend)
            defer { entries = list }
            do throws(Failure) { return .success(try body(&list)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private static func list(_ backend: any Backend) -> [Entry] {
        let listing = backend.discover()
        let memory = CMemory()
        var taken: Set<String> = []
        var entries: [Entry] = []
        for device in listing.devices {
            let id = unique(localID(device.id, backend.name), &taken)
            let info = memory.value(memory.deviceInfo(device, id: id))
            entries.append(Entry(device: .success(device.id), info: memory.forever(info)))
        }
        for device in listing.unavailable {
            let id = unique(localID(device.id, backend.name), &taken)
            let info = memory.value(memory.deviceInfo(device, id: id))
            let reason = device.remedy.isEmpty ? device.reason : "\(device.reason); \(device.remedy)"
            let error = BackendError(.deviceUnavailable, reason, device: device.id)
            entries.append(Entry(device: .failure(error), info: memory.forever(info)))
        }
        return entries
    }

    /// The identifier without the backend's name, which the host puts there: nothing for `openblas`, `0` for `vulkan:0`. Other
    /// characters than the interface allows become `-`.
    static func localID(_ id: String, _ backend: String) -> String {
        var rest = Substring(id)
        if id == backend { rest = "" } else if id.hasPrefix(backend + ":") { rest = id.dropFirst(backend.count + 1) }
        return String(
            rest.map { character in
                let isPlain = character.isASCII && (character.isLetter || character.isNumber)
                return isPlain || "._-".contains(character) ? character : "-"
            })
    }

    private static func unique(_ id: String, _ taken: inout Set<String>) -> String {
        if taken.insert(id).inserted { return id }
        var number = 2
        while !taken.insert("\(id)-\(number)").inserted { number += 1 }
        return "\(id)-\(number)"
    }

    /// How many devices there are, those that cannot be used included.
    func count() throws(Failure) -> Int { try withEntries { (entries) throws(Failure) in entries.count } }

    /// What device `number` is.
    func info(_ number: UInt64) throws(Failure) -> Forever<heterodyne_device_info> {
        try withEntries { (entries) throws(Failure) in entries[try Self.index(number, entries)].info }
    }

    /// The identifier of device `number`, as the backend knows it.
    func id(_ number: UInt64) throws(Failure) -> String {
        try withEntries { (entries) throws(Failure) in
            try Self.id(entries[try Self.index(number, entries)])
        }
    }

    /// What device `number` can do. Asked of the backend once.
    func capabilities(_ number: UInt64) throws(Failure) -> Forever<heterodyne_capabilities> {
        let id = try id(number)
        let known = try withEntries { (entries) throws(Failure) in
            entries[try Self.index(number, entries)].capabilities
        }
        if let known { return known }
        // Outside the lock: opening a device may take long.
        let capabilities: Capabilities
        do { capabilities = try backend.capabilities(of: id) } catch { throw Failure(error) }
        return try withEntries { (entries) throws(Failure) in
            let index = try Self.index(number, entries)
            if let known = entries[index].capabilities { return known }
            let memory = CMemory()
            let made = memory.forever(memory.value(memory.capabilities(capabilities)))
            entries[index].capabilities = made
            entries[index].hasUnifiedMemory = capabilities.hasUnifiedMemory
            return made
        }
    }

    /// Whether device `number` reads the host's memory as its own.
    func hasUnifiedMemory(_ number: UInt64) throws(Failure) -> Bool {
        _ = try capabilities(number)
        return try withEntries { (entries) throws(Failure) in
            entries[try Self.index(number, entries)].hasUnifiedMemory ?? false
        }
    }

    private static func index(_ number: UInt64, _ entries: [Entry]) throws(Failure) -> Int {
        guard let index = Int(exactly: number), index < entries.count else {
            throw Failure(
                .invalidArgument, "there is no device number \(number); the plugin has \(entries.count) devices")
        }
        return index
    }

    private static func id(_ entry: Entry) throws(Failure) -> String {
        switch entry.device {
        case .success(let id): return id
        case .failure(let error): throw Failure(error)
        }
    }
}
