// Heterodyne: the functions of a plugin, and how they are called.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import Synchronization

/// One thread at a time, for plugins that ask for it. One per table, whoever uses it.
final class PluginGate: Sendable {
    private let mutex = Mutex(())

    /// Runs `body` while nobody else is inside.
    func pass<Result>(_ body: () -> Result) -> Result { mutex.withLock { _ in body() } }

    /// The gates of the tables that were seen. Tables are never unloaded, so an address stands for one plugin for ever.
    private static let all = Mutex<[UInt: PluginGate]>([:])

    /// The gate of a table.
    static func of(_ table: UnsafePointer<heterodyne_plugin>) -> PluginGate {
        all.withLock { gates in
            let address = UInt(bitPattern: table)
            if let known = gates[address] { return known }
            let gate = PluginGate()
            gates[address] = gate
            return gate
        }
    }
}

/// The functions of a plugin, and how they are called. The table is never unloaded.
///
/// Unchecked: the plugin's table does not change once it was handed out.
final class PluginTable: @unchecked Sendable {
    typealias Execute =
        @convention(c) (
            OpaquePointer?, OpaquePointer?, UnsafePointer<OpaquePointer?>?, UnsafePointer<OpaquePointer?>?,
            UnsafeMutablePointer<heterodyne_completion>?, UnsafeMutablePointer<heterodyne_error>?
        ) -> Int32

    typealias Ask =
        @convention(c) (
            OpaquePointer?, UInt64, UnsafePointer<heterodyne_graph>?, UInt64, UnsafeMutablePointer<UInt32>?,
            UnsafeMutablePointer<heterodyne_error>?
        ) -> Int32

    /// The plugin's name, for messages.
    let name: String
    /// What the plugin passes itself.
    let context: OpaquePointer?
    /// Where the plugin takes one thread at a time.
    let gate: PluginGate?
    /// The functions. Required ones are there where `defect` is nil.
    let functions: UnsafePointer<heterodyne_plugin>
    /// Why the table cannot be used; nil where it can.
    let defect: String?
    /// The version that the plugin says it has.
    let pluginVersion: String
    private let fields: Foreign<heterodyne_plugin>?

    /// The functions of `plugin`.
    init(_ plugin: LoadedPlugin) {
        name = plugin.name
        functions = plugin.table
        do throws(Refusal) {
            let fields = try Foreign(plugin.table, "the plugin's table")
            self.fields = fields
            context = fields.pointer(\.context)
            let flags = fields.value(\.flags) ?? 0
            gate = flags & UInt32(HETERODYNE_SINGLE_THREAD) != 0 ? PluginGate.of(plugin.table) : nil
            pluginVersion = (try? fields.text(\.plugin_version, "plugin_version")) ?? ""
            let missing = Self.missing(fields)
            defect = missing.isEmpty ? nil : "it has no \(missing.joined(separator: ", ")), which every plugin has"
        } catch {
            (fields, context, gate, pluginVersion, defect) = (nil, nil, nil, "", error.reason)
        }
    }

    /// The required functions that are not there.
    private static func missing(_ fields: Foreign<heterodyne_plugin>) -> [String] {
        let required: [(String, Bool)] = [
            ("device_count", fields.pointer(\.device_count) != nil),
            ("device_describe", fields.pointer(\.device_describe) != nil),
            ("device_capabilities", fields.pointer(\.device_capabilities) != nil),
            ("buffer_allocate", fields.pointer(\.buffer_allocate) != nil),
            ("buffer_free", fields.pointer(\.buffer_free) != nil),
            ("buffer_write", fields.pointer(\.buffer_write) != nil),
            ("buffer_read", fields.pointer(\.buffer_read) != nil),
            ("compile", fields.pointer(\.compile) != nil),
            ("program_free", fields.pointer(\.program_free) != nil),
            ("invocation_create", fields.pointer(\.invocation_create) != nil),
            ("invocation_free", fields.pointer(\.invocation_free) != nil),
            ("execute", fields.pointer(\.execute) != nil),
        ]
        return required.filter { !$0.1 }.map(\.0)
    }

    /// A function, or nil where the plugin has none.
    func function<Function>(_ path: KeyPath<heterodyne_plugin, Function?>) -> Function? { fields?.pointer(path) }

    /// Runs `body` alone where the plugin takes one thread at a time.
    func alone<Result>(_ body: () -> Result) -> Result {
        guard let gate else { return body() }
        return gate.pass(body)
    }

    /// Calls a function with a place for its error, and returns what went wrong, or nil.
    func failure(
        of function: PluginFunction, _ body: (UnsafeMutablePointer<heterodyne_error>) -> Int32
    ) -> PluginFailure? {
        attempt(function, body).failure
    }

    /// Calls a function with a place for its error; what it wrote there is kept also where it succeeded.
    func attempt(
        _ function: PluginFunction, _ body: (UnsafeMutablePointer<heterodyne_error>) -> Int32
    ) -> (failure: PluginFailure?, remark: PluginFailure) {
        let size = ErrorSlot.byteCount(message: function.messageCapacity)
        return withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { memory in
            let slot = ErrorSlot(in: memory)
            let status = alone { body(slot.error) }
            let remark = slot.failure(status: status)
            return (status == 0 ? nil : remark, remark)
        }
    }

    /// A failure as an error of the contract.
    func error(_ failure: PluginFailure, of function: PluginFunction, device: String?) -> BackendError {
        let isUnknown = failure.kind == nil && failure.status != Int32(HETERODYNE_INTERNAL.rawValue)
        return BackendError(
            failure.kind ?? (isUnknown ? .executionFailed : function.fallback),
            "plugin \(name): \(failure.text(of: function.rawValue))", device: device)
    }

    /// An error of the contract about what the plugin does.
    func error(_ kind: BackendError.Kind, _ message: String, device: String?) -> BackendError {
        BackendError(kind, "plugin \(name): \(message)", device: device)
    }
}
