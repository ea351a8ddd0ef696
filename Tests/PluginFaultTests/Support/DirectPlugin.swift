// Heterodyne: plugins that are loaded without a probe, so that what uses them has nothing to rely on.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import Foundation
import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodynePluginHost

/// A plugin built from a fixture and loaded into this process without being tried out in another.
struct DirectPlugin {
    let backend: PluginBackend
    /// What `heterodyne_plugin_open` returned and said.
    let opened: (status: Int32, message: String)

    typealias Open =
        @convention(c) (
            UnsafePointer<heterodyne_host>?, UInt32, UInt32,
            UnsafeMutablePointer<UnsafePointer<heterodyne_plugin>?>?, UnsafeMutablePointer<heterodyne_error>?
        ) -> Int32

    /// The plugin with `fault`, one of `faulty.c`. A run that does not end counts as lost after `patience` seconds.
    static func faulty(_ fault: String, patience: Int = 20) throws -> PluginBackend {
        let scratch = try Scratch()
        let library = scratch.path("lib\(fault).so")
        try Fixture.build("faulty.c", ["FAULT=\(fault)"], to: library)
        return try DirectPlugin(library, patience: patience).backend
    }

    /// Opens the library at `path`, which is never closed.
    init(_ path: String, patience: Int = 20) throws {
        let library = try #require(dlopen(path, RTLD_NOW | RTLD_LOCAL), "\(String(cString: dlerror()))")
        let symbol = try #require(dlsym(library, "heterodyne_plugin_open"))
        let open = unsafeBitCast(symbol, to: Open.self)
        // The host's struct is valid for ever.
        let host = UnsafeMutablePointer<heterodyne_host>.allocate(capacity: 1)
        host.initialize(to: heterodyne_host())
        host.pointee.struct_size = MemoryLayout<heterodyne_host>.size
        host.pointee.log = { _, _, _ in }
        var table: UnsafePointer<heterodyne_plugin>?
        var error = heterodyne_error()
        error.struct_size = MemoryLayout<heterodyne_error>.size
        var room = [CChar](repeating: 0, count: 1024)
        let version = UInt32(1) << 16
        let (status, message) = room.withUnsafeMutableBufferPointer { room in
            error.message = room.baseAddress
            error.message_capacity = 1024
            let status = open(host, version, version, &table, &error)
            let bytes = UnsafeRawBufferPointer(room).prefix(Int(min(error.message_size, 1024)))
            return (status, String(decoding: bytes, as: UTF8.self))
        }
        opened = (status, message)
        let found = try #require(table, "open gave \(status): \(message)")
        backend = PluginBackend(
            LoadedPlugin(name: "faulty", path: path, manifestPath: nil, table: found, version: version),
            patience: patience)
    }
}

/// One run of a small program on a backend's only device.
struct SmallRun {
    /// `y = -(x + c)`, `m = maximum(x, c)`: two outputs, five nodes.
    static func graph() throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [4]))
        let c = try builder.constant(Literal([Float(1), 2, 3, -4]))
        try builder.output("y", try x.binary(.add, c).negate())
        try builder.output("m", try x.binary(.maximum, c))
        return try builder.build()
    }

    static let x: [Float] = [0.5, -2, 8, .nan]
    static let y: [Float] = [-1.5, 0, -11, .nan]
    static let m: [Float] = [1, 2, 8, .nan]

    /// What the plugin's functions made of it.
    var outputs: [[Float]] = []
    var measurements: [HeterodyneBackend.Measurement] = []

    /// Compiles and runs the program. `stage` is what it was at when it failed.
    init(on backend: any Backend, device: String, stage: inout String) throws {
        let graph = try Self.graph()
        stage = "support"
        for node in graph.nodes {
            if case .parameter = node.operation { continue }
            let support = backend.support(for: NodeSignature(node, in: graph), on: device)
            guard case .native = support else {
                throw BackendError(.unsupported, "\(support)", device: device)
            }
        }
        stage = "compile"
        let program = try backend.compile(CompilationUnit(graph: graph), for: device)
        stage = "allocate"
        let input = try backend.allocate(byteCount: 16, on: device)
        let buffers = try [backend.allocate(byteCount: 16, on: device), backend.allocate(byteCount: 16, on: device)]
        stage = "write"
        try Self.x.withUnsafeBytes { try input.write(from: $0, at: 0) }
        stage = "invocation"
        let invocation = try program.makeInvocation()
        try invocation.bind(input: 0, to: input)
        for (index, buffer) in buffers.enumerated() { try invocation.bind(output: index, to: buffer) }
        stage = "run"
        // More often than there are completions, so that a second call for one run would end another.
        for _ in 0..<9 { try invocation.run() }
        stage = "read"
        for buffer in buffers {
            var values = [Float](repeating: 0, count: 4)
            try values.withUnsafeMutableBytes { try buffer.read(into: $0, at: 0) }
            outputs.append(values)
        }
        stage = "measurements"
        measurements = try invocation.measurements()
        stage = "done"
    }

    /// Whether both outputs are right, NaN for NaN.
    var isRight: Bool {
        outputs.count == 2
            && zip(outputs, [Self.y, Self.m]).allSatisfy { got, expected in
                zip(got, expected).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
            }
    }
}
