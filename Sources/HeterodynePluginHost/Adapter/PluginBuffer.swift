// Heterodyne: memory of a plugin's device.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend

/// Memory of a plugin's device, or host memory that the device was given without a copy.
///
/// Unchecked: concurrent use follows the rule of the protocol, and the plugin takes calls from any thread, or is called
/// by one at a time.
final class PluginBuffer: Buffer, @unchecked Sendable {
    /// The size in bytes.
    let byteCount: Int
    /// Where the host can reach the memory; nil where it cannot.
    let hostAddress: UnsafeMutableRawPointer?
    /// Whether the memory must never be written.
    let isReadOnly: Bool
    /// The device.
    let device: PluginDevice
    /// What the plugin knows the memory by.
    let handle: OpaquePointer
    /// What keeps imported memory alive.
    private let owner: AnyObject?

    /// Allocates `byteCount` bytes. Throws `outOfMemory`.
    init(byteCount: Int, on device: PluginDevice) throws(BackendError) {
        guard byteCount >= 0 else {
            throw device.error(.invalidArgument, "a buffer of \(byteCount) bytes cannot be")
        }
        let largest = device.capabilities.maximumBufferByteCount
        guard byteCount <= largest else {
            throw device.error(.outOfMemory, "\(byteCount) bytes are more than its largest buffer, \(largest) bytes")
        }
        let table = device.table
        guard let allocate = table.function(\.buffer_allocate) else {
            throw device.error(.deviceUnavailable, "it has no buffer_allocate")
        }
        var made: OpaquePointer?
        try device.call(.bufferAllocate) { allocate(table.context, device.index, UInt64(byteCount), &made, $0) }
        handle = try Self.checked(made, .bufferAllocate, device)
        self.byteCount = byteCount
        self.device = device
        owner = nil
        isReadOnly = false
        var address: UnsafeMutableRawPointer?
        if device.capabilities.hasUnifiedMemory, let find = table.function(\.buffer_address) {
            let handle = handle
            address = table.alone { find(table.context, handle) }
            if address == nil, byteCount == 0 { address = Self.emptyAddress }
        }
        hostAddress = address
        // From here on the buffer is freed by deinit.
        if device.capabilities.hasUnifiedMemory, address == nil {
            throw device.error(
                .executionFailed, "buffer_address gives no address of \(byteCount) bytes, though memory is unified")
        }
    }

    /// Gives the device `byteCount` bytes of host memory, which `owner` keeps alive. Throws where the device does not
    /// take them.
    init(
        importing bytes: UnsafeMutableRawPointer, byteCount: Int, isReadOnly: Bool, owner: AnyObject,
        on device: PluginDevice
    ) throws(BackendError) {
        let table = device.table
        guard let take = table.function(\.buffer_import) else {
            throw device.error(.unsupported, "it has no buffer_import")
        }
        var made: OpaquePointer?
        try device.call(.bufferImport) {
            take(table.context, device.index, bytes, UInt64(byteCount), isReadOnly ? 0 : 1, &made, $0)
        }
        handle = try Self.checked(made, .bufferImport, device)
        self.byteCount = byteCount
        self.device = device
        self.owner = owner
        self.isReadOnly = isReadOnly
        hostAddress = bytes
    }

    /// What a function handed out. Throws where it is nothing.
    private static func checked(
        _ handle: OpaquePointer?, _ function: PluginFunction, _ device: PluginDevice
    ) throws(BackendError) -> OpaquePointer {
        guard let handle else {
            throw device.error(.executionFailed, "\(function.rawValue) succeeded and handed out NULL")
        }
        return handle
    }

    /// Any address but NULL, for buffers of no bytes.
    private static var emptyAddress: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 64) }

    deinit {
        guard let free = device.table.function(\.buffer_free) else { return }
        let (context, handle) = (device.table.context, handle)
        device.table.alone { free(context, handle) }
    }

    /// Copies `source` to `offset`. Throws `invalidArgument` where it does not fit or the buffer is read-only.
    func write(from source: UnsafeRawBufferPointer, at offset: Int) throws(BackendError) {
        guard !isReadOnly else {
            throw device.error(.invalidArgument, "the buffer is a literal's memory, which must not be written")
        }
        guard offset >= 0, offset <= byteCount, source.count <= byteCount - offset else {
            throw device.error(
                .invalidArgument, "\(source.count) bytes at offset \(offset) do not fit in a buffer of \(byteCount)")
        }
        guard let base = source.baseAddress, source.count > 0 else { return }
        if let hostAddress { return (hostAddress + offset).copyMemory(from: base, byteCount: source.count) }
        guard let write = device.table.function(\.buffer_write) else { return }
        let (context, handle) = (device.table.context, handle)
        try device.call(.bufferWrite) { write(context, handle, UInt64(offset), base, UInt64(source.count), $0) }
    }

    /// Fills `destination` from `offset`. Throws `invalidArgument` where it does not fit.
    func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(BackendError) {
        guard offset >= 0, offset <= byteCount, destination.count <= byteCount - offset else {
            throw device.error(
                .invalidArgument,
                "\(destination.count) bytes at offset \(offset) do not lie in a buffer of \(byteCount)")
        }
        guard let base = destination.baseAddress, destination.count > 0 else { return }
        if let hostAddress { return base.copyMemory(from: hostAddress + offset, byteCount: destination.count) }
        guard let read = device.table.function(\.buffer_read) else { return }
        let (context, handle) = (device.table.context, handle)
        try device.call(.bufferRead) { read(context, handle, UInt64(offset), base, UInt64(destination.count), $0) }
    }
}

extension PluginDevice {
    /// Whether `buffer` is memory of this device.
    func owns(_ buffer: PluginBuffer) -> Bool {
        buffer.device === self
            || buffer.device.table.functions == table.functions && buffer.device.index == index
    }

    /// `buffer` as memory of this device: itself, or where the device reads host memory, taken without a copy. Throws
    /// `invalidArgument` for memory of another device.
    func adopt(_ buffer: any Buffer, as port: @autoclosure () -> String) throws(BackendError) -> PluginBuffer {
        if let own = buffer as? PluginBuffer, owns(own) { return own }
        guard capabilities.hasUnifiedMemory, let address = buffer.hostAddress else {
            throw error(
                .invalidArgument,
                "\(port()) is bound to memory of another device; copy the data to a buffer that this one allocated")
        }
        return try PluginBuffer(
            importing: address, byteCount: buffer.byteCount, isReadOnly: buffer.isReadOnly, owner: buffer, on: self)
    }
}
