// Heterodyne: how a device runs an operation in a scalar type.
// SPDX-License-Identifier: Apache-2.0

/// How a device runs an operation in a scalar type, under a policy and with other devices to fall back to.
public enum OperationSupport: Sendable, Hashable {
    /// By itself.
    case native
    /// By itself, once the composite is decomposed.
    case decomposed
    /// By itself, moving values of a type that it lacks as other types of the same bits: exact, and free.
    case converted(reason: String)
    /// By its own kernels with other types in place of one that it lacks.
    case emulatedByKernels(reason: String)
    /// With other types in place of one that it lacks, by rewriting the graph.
    case emulatedByGraph(reason: String)
    /// In a narrower type, as the policy asks.
    case demoted(reason: String)
    /// Another device does, in whole or in part.
    case fallback(device: String, reason: String)
    /// No device does.
    case unsupported(reason: String)

    /// The kinds of answers, the best first.
    public enum Kind: String, Sendable, Hashable, CaseIterable, Codable, Comparable {
        /// By itself.
        case native
        /// By itself, once the composite is decomposed.
        case decomposed
        /// By itself, with values held in other types.
        case converted
        /// By its own kernels with other types.
        case emulatedByKernels
        /// With other types, by rewriting the graph.
        case emulatedByGraph
        /// In a narrower type.
        case demoted
        /// Another device does.
        case fallback
        /// No device does.
        case unsupported

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

        /// Better.
        public static func < (a: Kind, b: Kind) -> Bool { a.rank < b.rank }
    }

    /// The kind of the answer.
    public var kind: Kind {
        switch self {
        case .native: .native
        case .decomposed: .decomposed
        case .converted: .converted
        case .emulatedByKernels: .emulatedByKernels
        case .emulatedByGraph: .emulatedByGraph
        case .demoted: .demoted
        case .fallback: .fallback
        case .unsupported: .unsupported
        }
    }

    /// Why, where the device does not run it by itself.
    public var reason: String? {
        switch self {
        case .native, .decomposed: nil
        case .converted(let reason), .emulatedByKernels(let reason), .emulatedByGraph(let reason), .demoted(let reason),
            .fallback(_, let reason), .unsupported(let reason):
            reason
        }
    }

    /// The device that stands in.
    public var device: String? { if case .fallback(let device, _) = self { device } else { nil } }

    /// Whether the device runs it alone and in its own types.
    public var isNative: Bool { kind <= .decomposed }

    /// The worse of two answers, the first where they are of one kind.
    func worse(_ other: OperationSupport) -> OperationSupport { other.kind > kind ? other : self }
}
