// Heterodyne: knows the backends and the devices that they found.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import Synchronization

/// A device that can run programs: what it is and who drives it. Equal where the identifiers are.
public struct Device: Sendable, Hashable, Identifiable, CustomStringConvertible {
    /// What the device is.
    public let descriptor: DeviceDescriptor
    /// Who drives it.
    public let backend: any Backend

    /// The device that `backend` describes.
    public init(descriptor: DeviceDescriptor, backend: any Backend) {
        self.descriptor = descriptor
        self.backend = backend
    }

    /// The stable identifier.
    public var id: String { descriptor.id }

    /// What the device can do.
    public func capabilities() throws(BackendError) -> Capabilities { try backend.capabilities(of: id) }

    /// The identifier.
    public var description: String { id }

    /// Same identifier.
    public static func == (a: Device, b: Device) -> Bool { a.id == b.id }

    /// The identifier.
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// Knows the backends of a process and the devices that they found. Each backend is asked once, when first needed.
public final class DeviceRegistry: Sendable {
    private struct State {
        var backends: [any Backend]
        /// Who is asked for further backends, and what is put around them; emptied once asked.
        var sources: [any BackendSource] = []
        var wrap: @Sendable (any Backend) -> any Backend = { $0 }
        var listings: [String: DeviceListing] = [:]
        /// What the registry itself has to say.
        var notes: [UnavailableDevice] = []
    }

    private let state: Mutex<State>

    /// A registry of the given backends, in order of registration, then those that the sources find. Sources are asked when
    /// a device is wanted that the given backends do not have, or all devices are.
    public convenience init(_ backends: [any Backend], sources: [any BackendSource] = []) {
        self.init(backends, sources: sources, wrap: { $0 })
    }

    /// A registry that puts something around every backend.
    init(
        _ backends: [any Backend], sources: [any BackendSource], wrap: @escaping @Sendable (any Backend) -> any Backend
    ) {
        state = Mutex(State(backends: backends.map(wrap), sources: sources, wrap: wrap))
    }

    /// Adds a backend; one of the same name is replaced.
    public func register(_ backend: any Backend) {
        state.withLock { state in
            state.backends.removeAll { $0.name == backend.name }
            state.backends.append(backend)
            state.listings[backend.name] = nil
        }
    }

    /// The backends in order of registration, those of the sources included.
    public var backends: [any Backend] {
        state.withLock { state in
            Self.ask(&state)
            return state.backends
        }
    }

    /// Asks the sources, once. What they find may not take the place of a backend that is there.
    private static func ask(_ state: inout State) {
        let sources = state.sources
        state.sources = []
        for findings in sources.map({ $0.find() }) {
            state.notes += findings.refused
            for backend in findings.backends {
                if state.backends.contains(where: { $0.name == backend.name }) {
                    state.notes.append(
                        UnavailableDevice(
                            id: backend.name, backend: backend.name,
                            reason: "another backend has the name '\(backend.name)'", remedy: "Give one another name"))
                } else {
                    state.backends.append(state.wrap(backend))
                }
            }
        }
    }

    private func listings(withSources: Bool = true) -> [(any Backend, DeviceListing)] {
        state.withLock { state in
            if withSources { Self.ask(&state) }
            return state.backends.map { backend in
                if let known = state.listings[backend.name] { return (backend, known) }
                let listing = backend.discover()
                state.listings[backend.name] = listing
                return (backend, listing)
            }
        }
    }

    /// Forgets what was found, so that the next question looks again.
    public func rediscover() { state.withLock { $0.listings = [:] } }

    /// Every usable device: discrete graphics processors and other accelerators first, then in order of registration,
    /// simulated ones last.
    public var devices: [Device] {
        let all = Self.devices(of: listings())
        func isAccelerator(_ device: Device) -> Bool {
            let kind = device.descriptor.kind
            return (kind == .discreteGPU || kind == .accelerator) && !device.descriptor.isSoftware
        }
        let real = all.filter { !$0.descriptor.isSimulated }
        return real.filter(isAccelerator) + real.filter { !isAccelerator($0) } + all.filter(\.descriptor.isSimulated)
    }

    private static func devices(of listings: [(any Backend, DeviceListing)]) -> [Device] {
        listings.flatMap { backend, listing in
            listing.devices.map { Device(descriptor: $0, backend: backend) }
        }
    }

    /// What was looked for and cannot be used.
    public var unavailable: [UnavailableDevice] {
        state.withLock { $0.notes } + listings().flatMap { $0.1.unavailable }
    }

    /// Adds a line to what is listed as unavailable.
    func report(_ note: UnavailableDevice) { state.withLock { $0.notes.append(note) } }

    /// The device called `id`. Throws `deviceUnavailable` with the reason and remedy where it is known to be missing,
    /// else with the identifiers that exist.
    public func device(_ id: String) throws(BackendError) -> Device {
        // Who names a built-in device waits for no plugin.
        let builtIn = Self.devices(of: listings(withSources: false))
        if let device = builtIn.first(where: { $0.id == id }) { return device }
        let devices = devices
        if let device = devices.first(where: { $0.id == id }) { return device }
        let unavailable = unavailable
        let missing =
            unavailable.first { $0.id == id || $0.backend == id }
            // A device may be missing because of something that has another name, such as a driver.
            ?? unavailable.first { id.hasPrefix($0.backend + ":") }
        if let missing {
            throw BackendError(.deviceUnavailable, "\(missing.reason). \(missing.remedy)", device: id)
        }
        let known = devices.map(\.id).joined(separator: ", ")
        throw BackendError(
            .deviceUnavailable, "there is no such device; there are: \(known.isEmpty ? "none" : known)", device: id)
    }
}
