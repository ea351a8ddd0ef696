// Heterodyne: one device of a plugin.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import Synchronization

/// One device of a plugin that can be used.
final class PluginDevice: Sendable {
    /// The plugin.
    let table: PluginTable
    /// The number by which the plugin knows the device.
    let index: UInt64
    /// What it is.
    let descriptor: DeviceDescriptor
    /// What it can do.
    let capabilities: Capabilities
    /// Whether `execute` takes a completion.
    let isAsynchronous: Bool
    /// Seconds after which a run that did not end counts as lost.
    let patience: Int
    /// Answers questions about nodes; nil where the capabilities do.
    let support: PluginTable.Ask?
    private let isLost = Atomic(false)
    private let resetting = Mutex(())

    /// The identifier.
    var id: String { descriptor.id }

    /// A device.
    init(
        _ table: PluginTable, index: UInt64, descriptor: DeviceDescriptor, capabilities: Capabilities,
        isAsynchronous: Bool, patience: Int
    ) {
        self.table = table
        self.index = index
        self.descriptor = descriptor
        self.capabilities = capabilities
        self.isAsynchronous = isAsynchronous
        self.patience = patience
        support = table.function(\.support)
    }

    /// A failure as an error of the contract. The device is opened again later where it was lost.
    func error(_ failure: PluginFailure, of function: PluginFunction) -> BackendError {
        let error = table.error(failure, of: function, device: id)
        if error.kind == .deviceLost { markLost() }
        return error
    }

    /// An error about what the plugin does.
    func error(_ kind: BackendError.Kind, _ message: String) -> BackendError {
        table.error(kind, message, device: id)
    }

    /// Calls a function and throws what went wrong.
    func call(
        _ function: PluginFunction, _ body: (UnsafeMutablePointer<heterodyne_error>) -> Int32
    ) throws(BackendError) {
        if let failure = table.failure(of: function, body) { throw error(failure, of: function) }
    }

    /// Remembers that the device was lost, so that it is opened again before it is next used.
    func markLost() { isLost.store(true, ordering: .releasing) }

    /// Opens the device again where it was lost and the plugin can do that. Throws where that fails; it is then tried
    /// again the next time.
    func recover() throws(BackendError) {
        guard isLost.load(ordering: .acquiring) else { return }
        let failure: BackendError? = resetting.withLock { _ in
            guard isLost.load(ordering: .acquiring) else { return nil }
            if let reset = table.function(\.device_reset),
                let failure = table.failure(of: .deviceReset, { reset(table.context, index, $0) })
            {
                return BackendError(
                    .deviceLost,
                    "plugin \(table.name): the device was lost and cannot be opened again: "
                        + failure.text(of: PluginFunction.deviceReset.rawValue), device: id)
            }
            isLost.store(false, ordering: .releasing)
            return nil
        }
        if let failure { throw failure }
    }
}
