// Heterodyne: a backend and its devices, behind the functions of a plugin.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

/// A backend and its devices, behind the functions of a plugin.
final class PluginContext: Sendable {
    let devices: DeviceTable
    private let backend: any Backend

    init(_ backend: any Backend) {
        self.backend = backend
        devices = DeviceTable(backend)
    }

    /// Whether and how a device runs a node, and why where that needs words.
    func support(
        _ device: UInt64, _ graph: UnsafePointer<heterodyne_graph>?, _ node: UInt64
    ) throws(Failure) -> (code: heterodyne_support, reason: String?) {
        let id = try devices.id(device)
        let signature: NodeSignature
        do throws(ViewFault) {
            var reader = GraphReader()
            signature = try reader.signature(graph, node: node)
        } catch { throw Failure(.invalidArgument, error.message, node: error.node) }
        switch backend.support(for: signature, on: id) {
        case .native: return (HETERODYNE_SUPPORT_NATIVE, nil)
        case .afterLegalization(let reason): return (HETERODYNE_SUPPORT_EMULATED, reason)
        case .byDecomposition: return (HETERODYNE_SUPPORT_DECOMPOSED, nil)
        case .unsupported(let reason): return (HETERODYNE_SUPPORT_NONE, reason)
        }
    }

    /// Memory of a device.
    func allocate(_ byteCount: Int, _ device: UInt64) throws(Failure) -> BufferBox {
        let id = try devices.id(device)
        do { return BufferBox(try backend.allocate(byteCount: byteCount, on: id)) } catch { throw Failure(error) }
    }

    /// Host memory as a buffer. What programs may write must be memory that the device shares with the host; the rest the
    /// backend may copy.
    func importing(
        _ memory: UnsafeMutableRawBufferPointer, isWritable: Bool, _ device: UInt64
    ) throws(Failure) -> BufferBox {
        let id = try devices.id(device)
        guard isWritable else {
            let storage = LiteralStorage(bytes: UnsafeRawBufferPointer(memory), owner: HostMemory())
            do { return BufferBox(try backend.importing(storage, on: id)) } catch { throw Failure(error) }
        }
        guard try devices.hasUnifiedMemory(device) else {
            throw Failure(
                .unsupported, "the device has memory of its own; allocate a buffer there and copy the bytes to it")
        }
        return BufferBox(HostMemoryBuffer(memory))
    }

    /// Compiles what the host passed.
    func compile(_ unit: UnsafePointer<heterodyne_unit>?, _ device: UInt64) throws(Failure) -> ProgramBox {
        let id = try devices.id(device)
        let read: CompilationUnit
        do throws(ViewFault) {
            var reader = GraphReader()
            read = try reader.unit(unit)
        } catch { throw Failure(.invalidArgument, error.message, node: error.node) }
        do { return ProgramBox(try backend.compile(read, for: id), read.graph) } catch {
            throw Failure(error, in: read.graph)
        }
    }
}
