// Heterodyne: the functions of a plugin that a backend stands behind.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

/// The functions of a plugin that a backend stands behind.
enum PluginTable {
    /// The functions for `backend`, never freed.
    static func make(_ backend: any Backend, name: String, version: String) -> Forever<heterodyne_plugin> {
        let memory = CMemory()
        var table = heterodyne_plugin()
        table.struct_size = MemoryLayout<heterodyne_plugin>.size
        table.version = PluginKit.maximumVersion
        table.name = memory.text(name)
        table.plugin_version = memory.text(version)
        table.context = OpaquePointer(Unmanaged.passRetained(PluginContext(backend)).toOpaque())
        addDevices(to: &table)
        addBuffers(to: &table)
        addPrograms(to: &table)
        addInvocations(to: &table)
        return memory.forever(memory.value(table))
    }

    // MARK: Devices

    private static func addDevices(to table: inout heterodyne_plugin) {
        table.device_count = { context, count, error in
            answer(context, error) { (plugin) throws(Failure) in
                try resultPlace(count).pointee = UInt64(try plugin.devices.count())
            }
        }
        table.device_describe = { context, device, info, error in
            answer(context, error) { (plugin) throws(Failure) in
                try resultPlace(info).pointee = try plugin.devices.info(device).pointer
            }
        }
        table.device_capabilities = { context, device, capabilities, error in
            answer(context, error) { (plugin) throws(Failure) in
                try resultPlace(capabilities).pointee = try plugin.devices.capabilities(device).pointer
            }
        }
        table.support = { context, device, graph, node, support, error in
            answer(context, error) { (plugin) throws(Failure) in
                let reply = try plugin.support(device, graph, node)
                if let reason = reply.reason { error?.fill(reason) }
                try resultPlace(support).pointee = reply.code.rawValue
            }
        }
    }

    // MARK: Buffers

    private static func addBuffers(to table: inout heterodyne_plugin) {
        table.buffer_allocate = { context, device, byteCount, buffer, error in
            answer(context, error) { (plugin) throws(Failure) in
                let place = try resultPlace(buffer)
                place.pointee = handle(try plugin.allocate(try size(byteCount), device))
            }
        }
        table.buffer_import = { context, device, bytes, byteCount, isWritable, buffer, error in
            answer(context, error) { (plugin) throws(Failure) in
                let place = try resultPlace(buffer)
                let count = try size(byteCount)
                guard bytes != nil || count == 0 else {
                    throw Failure(.invalidArgument, "the host passed a null pointer for \(count) bytes")
                }
                let memory = UnsafeMutableRawBufferPointer(start: bytes, count: count)
                place.pointee = handle(try plugin.importing(memory, isWritable: isWritable != 0, device))
            }
        }
        table.buffer_free = { _, buffer in
            guard let buffer else { return }
            Unmanaged<BufferBox>.fromOpaque(UnsafeRawPointer(buffer)).takeRetainedValue().free()
        }
        table.buffer_write = { context, buffer, offset, bytes, byteCount, error in
            answer(context, error) { (plugin) throws(Failure) in
                let box = try object(buffer, "buffer", as: BufferBox.self)
                let source = UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : try size(byteCount))
                guard bytes != nil || byteCount == 0 else {
                    throw Failure(.invalidArgument, "the host passed a null pointer for \(byteCount) bytes")
                }
                do { try box.buffer.write(from: source, at: try size(offset)) } catch { throw Failure(any: error) }
            }
        }
        table.buffer_read = { context, buffer, offset, bytes, byteCount, error in
            answer(context, error) { (plugin) throws(Failure) in
                let box = try object(buffer, "buffer", as: BufferBox.self)
                let target = UnsafeMutableRawBufferPointer(
                    start: bytes, count: bytes == nil ? 0 : try size(byteCount))
                guard bytes != nil || byteCount == 0 else {
                    throw Failure(.invalidArgument, "the host passed a null pointer for \(byteCount) bytes")
                }
                do { try box.buffer.read(into: target, at: try size(offset)) } catch { throw Failure(any: error) }
            }
        }
        table.buffer_address = { _, buffer in
            guard let buffer else { return nil }
            return Unmanaged<BufferBox>.fromOpaque(UnsafeRawPointer(buffer)).takeUnretainedValue().buffer.hostAddress
        }
    }

    // MARK: Programs

    private static func addPrograms(to table: inout heterodyne_plugin) {
        table.compile = { context, device, unit, program, error in
            answer(context, error) { (plugin) throws(Failure) in
                let place = try resultPlace(program)
                place.pointee = handle(try plugin.compile(unit, device))
            }
        }
        table.program_free = { _, program in
            guard let program else { return }
            Unmanaged<ProgramBox>.fromOpaque(UnsafeRawPointer(program)).release()
        }
        table.program_info = { context, program, info, error in
            answer(context, error) { (plugin) throws(Failure) in
                try resultPlace(info).pointee = try object(program, "program", as: ProgramBox.self).describe().pointer
            }
        }
    }

    // MARK: Invocations

    private static func addInvocations(to table: inout heterodyne_plugin) {
        table.invocation_create = { context, program, invocation, error in
            answer(context, error) { (plugin) throws(Failure) in
                let place = try resultPlace(invocation)
                let program = try object(program, "program", as: ProgramBox.self)
                do throws(BackendError) {
                    place.pointee = handle(InvocationBox(program, try program.executable.makeInvocation()))
                } catch {
                    throw Failure(error, in: program.graph)
                }
            }
        }
        table.invocation_free = { _, invocation in
            guard let invocation else { return }
            Unmanaged<InvocationBox>.fromOpaque(UnsafeRawPointer(invocation)).takeRetainedValue().close()
        }
        table.execute = { _, invocation, inputs, outputs, completion, error in
            guard let invocation else {
                return Failure(.invalidArgument, "the host passed a null pointer for the invocation").write(to: error)
            }
            let box = Unmanaged<InvocationBox>.fromOpaque(UnsafeRawPointer(invocation))
            return box._withUnsafeGuaranteedRef { $0.execute(inputs, outputs, completion, error) }
        }
        table.profile = { context, invocation, inputs, outputs, nanoseconds, stepCount, error in
            answer(context, error) { (plugin) throws(Failure) in
                let box = try object(invocation, "invocation", as: InvocationBox.self)
                guard nanoseconds != nil || stepCount == 0 else {
                    throw Failure(.invalidArgument, "the host passed no place for the times")
                }
                let times = UnsafeMutableBufferPointer(start: nanoseconds, count: try size(stepCount))
                try box.profile(inputs, outputs, times)
            }
        }
        table.measurements = { context, invocation, measurements, measurementCount, error in
            answer(context, error) { (plugin) throws(Failure) in
                let places = (try resultPlace(measurements), try resultPlace(measurementCount))
                let list = try object(invocation, "invocation", as: InvocationBox.self).measurements()
                places.0.pointee = list.pointer
                places.1.pointee = UInt64(list.count)
            }
        }
    }
}

// Functions without a type, since functions that C calls capture nothing.

/// Runs `body`, which returns nothing but may fail, and answers as the interface wants it.
private func answer(
    _ context: OpaquePointer?, _ error: UnsafeMutablePointer<heterodyne_error>?,
    _ body: (PluginContext) throws(Failure) -> Void
) -> Int32 {
    do throws(Failure) {
        guard let context else { throw Failure(.invalidArgument, "the host passed no context") }
        try body(Unmanaged<PluginContext>.fromOpaque(UnsafeRawPointer(context)).takeUnretainedValue())
        return Failure.ok
    } catch let failure { return failure.write(to: error) }
}

/// The object that `pointer` stands for.
private func object<T: AnyObject>(
    _ pointer: OpaquePointer?, _ what: String, as: T.Type = T.self
) throws(Failure) -> T {
    guard let pointer else { throw Failure(.invalidArgument, "the host passed a null pointer for the \(what)") }
    return Unmanaged<T>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
}

/// A new reference to `object` for the host.
private func handle(_ object: some AnyObject) -> OpaquePointer {
    OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

private func resultPlace<T>(_ pointer: UnsafeMutablePointer<T>?) throws(Failure) -> UnsafeMutablePointer<T> {
    guard let pointer else { throw Failure(.invalidArgument, "the host passed no place for the result") }
    return pointer
}

private func size(_ value: UInt64) throws(Failure) -> Int {
    guard let count = Int(exactly: value) else {
        throw Failure(.invalidArgument, "\(value) bytes are more than there can be")
    }
    return count
}
