// Heterodyne: what is known of a chip's use of one scalar type.
// SPDX-License-Identifier: Apache-2.0

/// What is known of a chip's use of one scalar type.
public struct TypeProfile: Sendable, Hashable {
    /// Whether the chip has the type.
    public enum Presence: Sendable, Hashable {
        /// It has.
        case native(source: String, confidence: Confidence)
        /// It has not.
        case absent(source: String, confidence: Confidence)
        /// Nobody says.
        case unknown(String)
    }

    /// The parts of a chip that compute.
    public enum Unit: String, Sendable, Hashable, Codable, CaseIterable {
        /// Elementwise arithmetic, also products and sums of `dot` where nothing better has the type.
        case vector
        /// Products of matrices.
        case matrix
    }

    /// Whether the chip has the type.
    public var presence: Presence
    /// The units that compute in the type. A type without one is held, moved and converted.
    public var units: Set<Unit>
    /// Operations per second of the vector unit, a multiplication with its addition counted as two. Zero where the source
    /// says that there is no such unit.
    public var vector: Fact
    /// Operations per second of the matrix unit, counted likewise, for dense matrices. Zero where the source says that
    /// there is no such unit.
    public var matrix: Fact

    /// What is known of a type.
    public init(presence: Presence, units: Set<Unit>, vector: Fact, matrix: Fact) {
        self.presence = presence
        self.units = units
        self.vector = vector
        self.matrix = matrix
    }

    /// A type that nobody says anything about.
    public static func unknown(_ why: String) -> TypeProfile {
        TypeProfile(presence: .unknown(why), units: [], vector: .unknown(why), matrix: .unknown(why))
    }

    /// Whether the chip has the type.
    public var isNative: Bool { if case .native = presence { true } else { false } }

    /// The rate at which `dot` multiplies the type: the matrix unit's, else the vector unit's, else why neither is known.
    public var dotRate: Fact {
        if units.contains(.matrix), matrix.value != 0 { return matrix }
        if units.contains(.vector), vector.value != 0 { return vector }
        return matrix.reason.map { .unknown($0) } ?? vector
    }
}
