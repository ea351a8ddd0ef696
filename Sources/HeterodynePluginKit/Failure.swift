// Heterodyne: what a function of the plugin interface returns where it fails.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

/// What a function of the plugin interface returns where it fails.
struct Failure: Error {
    /// The statuses that come from here.
    enum Status {
        case invalidArgument, unsupported, versionMismatch, `internal`
        case backend(BackendError.Kind)

        var code: heterodyne_status {
            switch self {
            case .invalidArgument: HETERODYNE_INVALID_ARGUMENT
            case .unsupported: HETERODYNE_UNSUPPORTED
            case .versionMismatch: HETERODYNE_VERSION_MISMATCH
            case .internal: HETERODYNE_INTERNAL
            case .backend(let kind):
                switch kind {
                case .cancelled: HETERODYNE_CANCELLED
                case .invalidArgument: HETERODYNE_INVALID_ARGUMENT
                case .unsupported: HETERODYNE_UNSUPPORTED
                case .outOfMemory: HETERODYNE_OUT_OF_MEMORY
                case .deviceUnavailable: HETERODYNE_DEVICE_UNAVAILABLE
                case .libraryUnavailable: HETERODYNE_LIBRARY_UNAVAILABLE
                case .compilationFailed: HETERODYNE_COMPILATION_FAILED
                case .executionFailed: HETERODYNE_EXECUTION_FAILED
                case .deviceLost: HETERODYNE_DEVICE_LOST
                }
            }
        }
    }

    /// `HETERODYNE_OK`.
    static let ok = Int32(HETERODYNE_OK.rawValue)

    let status: Status
    let message: String
    /// Index of the node in the compiled graph.
    let node: Int?

    init(_ status: Status, _ message: String, node: Int? = nil) {
        self.status = status
        self.message = message
        self.node = node
    }

    /// An error of the backend. The interface names nodes by index: a node of `graph` is found by its text, and whatever
    /// else the backend named stands before the message.
    init(_ error: BackendError, in graph: Graph? = nil) {
        status = .backend(error.kind)
        let index = error.node.flatMap { text in graph?.nodes.indices.first { graph?.nodeText($0) == text } }
        node = index
        message =
            if index == nil, let place = error.node { "\(place): \(error.message)" } else { error.message }
    }

    /// Fills `error`, where there is one, and returns the status.
    func write(to error: UnsafeMutablePointer<heterodyne_error>?) -> Int32 {
        error?.fill(message, node: node)
        return Int32(status.code.rawValue)
    }
}

extension UnsafeMutablePointer<heterodyne_error> {
    /// Writes a message, cut between characters where the host has no room, and the index of a node.
    func fill(_ message: String, node: Int? = nil) {
        guard pointee.struct_size >= FirstSize.error else { return }
        pointee.node = node.map { Int64($0) + 1 } ?? 0
        guard let destination = pointee.message else { return }
        var text = message
        let size = text.withUTF8 { bytes in
            var size = Int(clamping: pointee.message_capacity)
            if size >= bytes.count {
                size = bytes.count
            } else {
                // Continuation bytes begin with the bits 10; what stands before them began a character.
                while size > 0, bytes[size] & 0xC0 == 0x80 { size -= 1 }
            }
            if size > 0, let source = bytes.baseAddress {
                UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: size)
            }
            return size
        }
        pointee.message_size = UInt64(size)
    }
}

extension Failure {
    /// A failure of the interface or of the backend.
    init(any error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as BackendError: self.init(error)
        default: self.init(.internal, "\(error)")
        }
    }
}
