// Heterodyne: what plugins say went wrong, as errors of the contract.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

/// A `heterodyne_error` with room for its message, in memory that someone else owns.
struct ErrorSlot {
    /// What is passed to the plugin.
    let error: UnsafeMutablePointer<heterodyne_error>
    private let room: UnsafeMutableRawBufferPointer

    /// Bytes that a slot needs for messages of `capacity` bytes.
    static func byteCount(message capacity: Int) -> Int { MemoryLayout<heterodyne_error>.stride + capacity }

    /// A slot at `memory`, which is aligned to 16 and larger than `byteCount(message: 0)`.
    init(in memory: UnsafeMutableRawBufferPointer) {
        let head = MemoryLayout<heterodyne_error>.stride
        // Memory that is larger than something has an address.
        error = memory.baseAddress.unsafelyUnwrapped.bindMemory(to: heterodyne_error.self, capacity: 1)
        room = UnsafeMutableRawBufferPointer(rebasing: memory[head...])
        error.initialize(to: heterodyne_error())
        reset()
    }

    /// Makes the slot as a plugin expects it.
    func reset() {
        error.pointee.struct_size = MemoryLayout<heterodyne_error>.size
        error.pointee.extensions = nil
        error.pointee.message = room.baseAddress?.assumingMemoryBound(to: CChar.self)
        error.pointee.message_capacity = UInt64(room.count)
        error.pointee.message_size = 0
        room[0] = 0
        error.pointee.node = 0
        error.pointee.vendor_code = 0
        error.pointee.is_retryable = 0
    }

    /// What the plugin wrote, whatever it did to the struct's own pointers.
    func failure(status: Int32) -> PluginFailure {
        var bytes = UnsafeRawBufferPointer(room)
        if error.pointee.message_size <= UInt64(room.count) {
            bytes = UnsafeRawBufferPointer(rebasing: bytes[0..<Int(error.pointee.message_size)])
        } else if let end = bytes.firstIndex(of: 0) {
            // The number of bytes that there would be with more room, as snprintf returns it: then there is a
            // terminator.
            bytes = UnsafeRawBufferPointer(rebasing: bytes[0..<end])
        }
        let text = ForeignText.repaired(bytes, keepsLines: true)
        return PluginFailure(
            status: status, message: text, node: error.pointee.node > 0 ? error.pointee.node - 1 : nil,
            vendorCode: error.pointee.vendor_code, isRetryable: error.pointee.is_retryable != 0)
    }
}

/// A call that failed, as the plugin reports it.
struct PluginFailure {
    /// What the function returned.
    var status: Int32
    /// For people; may be empty.
    var message: String
    /// The index of a node of the compiled graph; not checked.
    var node: Int64?
    /// The vendor's own number, 0 for none.
    var vendorCode: Int64
    /// Whether trying again may help.
    var isRetryable: Bool

    /// The class of the failure, or nil for a status that belongs to no class here.
    var kind: BackendError.Kind? {
        guard let code = UInt32(exactly: status) else { return nil }
        return switch heterodyne_status(rawValue: code) {
        case HETERODYNE_CANCELLED: .cancelled
        case HETERODYNE_INVALID_ARGUMENT: .invalidArgument
        case HETERODYNE_UNSUPPORTED: .unsupported
        case HETERODYNE_OUT_OF_MEMORY: .outOfMemory
        case HETERODYNE_DEVICE_UNAVAILABLE: .deviceUnavailable
        case HETERODYNE_LIBRARY_UNAVAILABLE: .libraryUnavailable
        case HETERODYNE_COMPILATION_FAILED: .compilationFailed
        case HETERODYNE_EXECUTION_FAILED: .executionFailed
        case HETERODYNE_DEVICE_LOST: .deviceLost
        default: nil
        }
    }

    /// Whether the status is the one for failures of the plugin itself.
    private var isInternal: Bool { UInt32(exactly: status) == HETERODYNE_INTERNAL.rawValue }

    /// What the plugin said, with its number and its hope: `the card is full (vendor code 17; trying again may help)`.
    func text(of function: String) -> String {
        var text = message.isEmpty ? "\(function) failed and did not say why" : message
        var notes: [String] = []
        if kind == nil, !isInternal { notes.append("status \(status), which has no meaning here") }
        if vendorCode != 0 { notes.append("vendor code \(vendorCode)") }
        if isRetryable { notes.append("trying again may help") }
        if !notes.isEmpty { text += " (\(notes.joined(separator: "; ")))" }
        return text
    }
}

/// A function of the interface, for messages and for the class of failures that have none.
enum PluginFunction: String {
    case deviceCount = "device_count"
    case deviceDescribe = "device_describe"
    case deviceCapabilities = "device_capabilities"
    case deviceReset = "device_reset"
    case support
    case bufferAllocate = "buffer_allocate"
    case bufferImport = "buffer_import"
    case bufferWrite = "buffer_write"
    case bufferRead = "buffer_read"
    case compile
    case programInfo = "program_info"
    case invocationCreate = "invocation_create"
    case execute
    case profile
    case measurements

    /// The class of failures of the plugin itself.
    var fallback: BackendError.Kind {
        switch self {
        case .deviceCount, .deviceDescribe, .deviceCapabilities, .deviceReset: .deviceUnavailable
        case .compile, .programInfo: .compilationFailed
        case .support, .bufferAllocate, .bufferImport, .bufferWrite, .bufferRead, .invocationCreate, .execute, .profile,
            .measurements:
            .executionFailed
        }
    }

    /// Bytes of room for messages; compilers have much to say. Up to 952 lie on the stack.
    var messageCapacity: Int {
        switch self {
        case .compile: 16384
        default: 952
        }
    }
}
