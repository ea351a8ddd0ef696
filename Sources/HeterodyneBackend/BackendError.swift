// Heterodyne: the error type of backends and devices.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Why a device could not be opened, a graph not be compiled for it, or a program not be run on it.
public struct BackendError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The class of the failure, for programs; `message` is for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// No device has this identifier, or it cannot be used; the message says why and what to do.
        case deviceUnavailable
        /// A library that the backend loads at run time is absent or unusable.
        case libraryUnavailable
        /// The device cannot do an operation; the message has the reason.
        case unsupported
        /// The device has not enough memory.
        case outOfMemory
        /// A buffer or tensor that does not fit the program's signature.
        case invalidArgument
        /// The backend could not make a program although it claimed support.
        case compilationFailed
        /// The program failed while running.
        case executionFailed
        /// The device stopped answering and must be opened again.
        case deviceLost
        /// The run was cancelled.
        case cancelled
    }

    /// The class of the failure.
    public let kind: Kind
    /// What failed and what to do.
    public var message: String
    /// The identifier of the device.
    public var device: String?
    /// The operation or node, as the text form prints it.
    public var node: String?
    /// Where the node was built, where known.
    public var location: SourceLocation?

    /// A failure of `kind`.
    public init(
        _ kind: Kind, _ message: String, device: String? = nil, node: String? = nil, location: SourceLocation? = nil
    ) {
        self.kind = kind
        self.message = message
        self.device = device
        self.node = node
        self.location = location
    }

    /// The failure for a graph that the backend could not read.
    public init(_ error: GraphError, device: String? = nil) {
        self.init(
            .compilationFailed, error.message, device: device, node: error.operation, location: error.location)
    }

    /// `location: device: node: message (kind)`.
    public var description: String {
        let parts = [location?.description, device, node].compactMap(\.self)
        return parts.map { $0 + ": " }.joined() + "\(message) (\(kind.rawValue))"
    }
}
