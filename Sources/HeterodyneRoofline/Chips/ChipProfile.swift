// Heterodyne: a chip as data.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// A chip, card or system as data: what it computes, holds and draws, each figure with its source and confidence.
///
/// All figures are those of the whole unit: of 72 chips where `chipCount` is 72. Where a figure is unknown it says why;
/// nothing is invented. `docs/SimulatedChips.md` describes the files.
public struct ChipProfile: Sendable, Hashable, Identifiable {
    /// The kinds of chips.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// A processor for graphics or general parallel work.
        case gpu
        /// A part made for neural networks.
        case accelerator
        /// A processor that runs programs by itself.
        case cpu
        /// Programmable logic.
        case fpga
        /// Several chips sold as one.
        case system
    }

    /// The link to other chips.
    public struct Interconnect: Sendable, Hashable {
        /// For people, for instance `NVLink 4`.
        public var name: String
        /// Bytes per second of the whole unit, both directions together, as far as the source says so.
        public var bandwidth: Fact
        /// Whether it only leads to the host: chips cannot exchange data without it.
        public var isHostOnly: Bool

        /// A link.
        public init(name: String, bandwidth: Fact, isHostOnly: Bool) {
            self.name = name
            self.bandwidth = bandwidth
            self.isHostOnly = isHostOnly
        }
    }

    /// Lower-case name of letters, digits and `-`, for instance `nvidia-a100-sxm-80gb`.
    public var id: String
    /// For people, for instance `A100 SXM4 80GB`.
    public var name: String
    /// Who makes it.
    public var vendor: String
    /// Other names that people use, for instance `A100`.
    public var aliases: [String]
    /// The year of the announcement.
    public var year: Fact
    /// What it is.
    public var kind: Kind
    /// What it is sold for.
    public var roles: Set<DeviceRole>
    /// How many chips the unit consists of.
    public var chipCount: Int
    /// What is known of each scalar type; nothing is known of those that are not listed.
    public var types: [ScalarType: TypeProfile]
    /// Rates of formats that are no scalar types here, such as `tf32`: for people. They never stand in for a type.
    public var otherFormats: [String: Fact]
    /// Memory that tensors can use.
    public var memoryByteCount: Fact
    /// Bytes of memory read or written per second.
    public var memoryBandwidth: Fact
    /// For people, for instance `HBM3`.
    public var memoryTechnology: String?
    /// The link to other chips, where there is one.
    public var interconnect: Interconnect?
    /// Watts at full load.
    public var power: Fact
    /// Seconds to start a program.
    public var launch: Fact
    /// Seconds to start each kernel of a program.
    public var step: Fact
    /// What else is to be known: contradictions between sources above all.
    public var notes: [String]

    /// A profile.
    public init(
        id: String, name: String, vendor: String, aliases: [String] = [], year: Fact, kind: Kind,
        roles: Set<DeviceRole>, chipCount: Int = 1, types: [ScalarType: TypeProfile],
        otherFormats: [String: Fact] = [:],
        memoryByteCount: Fact, memoryBandwidth: Fact, memoryTechnology: String? = nil,
        interconnect: Interconnect? = nil, power: Fact, launch: Fact, step: Fact, notes: [String] = []
    ) {
        self.id = id
        self.name = name
        self.vendor = vendor
        self.aliases = aliases
        self.year = year
        self.kind = kind
        self.roles = roles
        self.chipCount = chipCount
        self.types = types
        self.otherFormats = otherFormats
        self.memoryByteCount = memoryByteCount
        self.memoryBandwidth = memoryBandwidth
        self.memoryTechnology = memoryTechnology
        self.interconnect = interconnect
        self.power = power
        self.launch = launch
        self.step = step
        self.notes = notes
    }

    /// What is known of a scalar type.
    public func type(_ type: ScalarType) -> TypeProfile {
        types[type] ?? .unknown("no source in the profile mentions \(type)")
    }
}
