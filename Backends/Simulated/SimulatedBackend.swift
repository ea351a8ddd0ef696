// Heterodyne: chips that are not there, computed on the host and timed by a model.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneRoofline

/// Devices that stand for chips which are not there. Each offers exactly what its profile says, has memory of the size that
/// the profile says, computes on the host, and tells the time that the roofline model of its profile gives.
///
/// The devices are used only where they are named (`DeviceDescriptor.isSimulated`).
public struct SimulatedBackend: Backend {
    /// `simulated`.
    public let name = "simulated"
    private let chips: [String: SimulatedChip]
    private let listing: DeviceListing

    /// The chips of a catalog: those that come with this package and those whose files lie in the usual folders.
    public init(_ catalog: ProfileCatalog = ProfileCatalog()) {
        var listing = DeviceListing()
        var chips: [String: SimulatedChip] = [:]
        for profile in catalog.profiles {
            if let unavailable = SimulatedChip.unavailability(of: profile) {
                listing.unavailable.append(unavailable)
            } else if let memory = profile.memorySize {
                let chip = SimulatedChip(profile, memorySize: memory, path: catalog.paths[profile.id])
                chips[chip.device] = chip
                listing.devices.append(chip.descriptor)
            }
        }
        for refusal in catalog.refused {
            let file = refusal.path.split(separator: "/").last.map(String.init) ?? refusal.path
            listing.unavailable.append(
                UnavailableDevice(
                    id: "\(SimulatedChip.backend):\(file)", backend: SimulatedChip.backend,
                    reason: "the profile cannot be used: \(refusal.error)",
                    remedy: "correct the file, or take it out of the folder; docs/SimulatedChips.md describes profiles")
            )
        }
        self.chips = chips
        self.listing = listing
    }

    /// The chips of the given profiles only.
    public init(profiles: [ChipProfile]) { self.init(ProfileCatalog(profiles)) }

    /// A device for every profile that says enough, and why the others are none.
    public func discover() -> DeviceListing { listing }

    private func chip(_ device: String) throws(BackendError) -> SimulatedChip {
        if let chip = chips[device] { return chip }
        let reason = listing.unavailable.first { $0.id == device }?.reason
        throw BackendError(
            .deviceUnavailable, reason ?? "no profile describes such a chip; devquery lists those there are",
            device: device)
    }

    /// What the profile says, and nothing else.
    public func capabilities(of device: String) throws(BackendError) -> Capabilities { try chip(device).capabilities }

    /// Memory that counts against the chip's size and that the host reaches by copying only. Throws `outOfMemory` where
    /// the chip has no room.
    public func allocate(byteCount: Int, on device: String) throws(BackendError) -> any Buffer {
        try SimulatedBuffer(byteCount: byteCount, memory: chip(device).memory)
    }

    /// Compiles for the host. Throws `unsupported` for nodes that the chip does not run and `outOfMemory` for programs that
    /// do not fit into its memory.
    public func compile(_ unit: CompilationUnit, for device: String) throws(BackendError) -> any Executable {
        try SimulatedExecutable(unit, chip: chip(device))
    }

    /// Whether the profile and the host's kernels allow a node.
    public func support(for node: NodeSignature, on device: String) -> Support {
        do throws(BackendError) { return try chip(device).support(for: node) } catch {
            return .unsupported(reason: error.message)
        }
    }
}
