// Heterodyne: small C plugins for the adapter's tests, compiled when a test wants them.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import Foundation
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Synchronization
import Testing

@testable import HeterodynePluginHost

/// A C plugin of `Fixtures`, compiled and loaded into this process.
///
/// Unchecked: the library is never unloaded.
struct CPlugin: @unchecked Sendable {
    let backend: PluginBackend
    let loaded: LoadedPlugin
    private let library: UnsafeMutableRawPointer

    /// The C compiler, nil where there is none.
    static let compiler: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        for name in ["cc", "clang", "gcc"] {
            for folder in folders where access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
        }
        return nil
    }()

    /// Compiles `Fixtures/source.c` with the given macros, in a file of its own, so that nobody else has its variables.
    init(_ source: String = "adder", _ macros: [String] = [], patience: Int? = nil) throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
        let headers = tests.deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Sources/CHeterodynePlugin/include")
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "heterodyne-adapter-\(getpid())-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // The library stays mapped without its file.
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "lib\(source).so")
        let process = Process()
        process.executableURL = URL(filePath: try #require(Self.compiler))
        process.arguments =
            ["-std=c11", "-O1", "-w", "-shared", "-fPIC", "-I", headers.path()] + macros.map { "-D\($0)" }
            + [tests.appending(path: "Fixtures/\(source).c").path(), "-o", file.path(), "-lpthread"]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "the fixture does not compile")
        library = try #require(dlopen(file.path(), RTLD_NOW | RTLD_LOCAL), "\(String(cString: dlerror()))")
        typealias Open =
            @convention(c) (
                UnsafePointer<heterodyne_host>?, UInt32, UInt32,
                UnsafeMutablePointer<UnsafePointer<heterodyne_plugin>?>,
                UnsafeMutablePointer<heterodyne_error>?
            ) -> Int32
        let open = unsafeBitCast(try #require(dlsym(library, "heterodyne_plugin_open")), to: Open.self)
        var table: UnsafePointer<heterodyne_plugin>?
        #expect(open(nil, 1 << 16, 1 << 16, &table, nil) == 0)
        loaded = LoadedPlugin(
            name: source, path: file.path(), manifestPath: nil, table: try #require(table), version: 1 << 16)
        backend = PluginBackend(loaded, patience: patience)
    }

    /// A counter of the fixture's.
    func counter(_ name: String) throws -> Int {
        Int(try #require(dlsym(library, name)).load(as: Int64.self))
    }

    /// Runs `graph` on the plugin's only device.
    func run(_ graph: Graph, _ arguments: [Literal]) throws -> [Literal] {
        let registry = DeviceRegistry([backend])
        let runtime = Runtime(registry: registry, evaluator: ReferenceEvaluator())
        var options = ProgramOptions()
        options.fallbacks = []
        return try runtime.program(for: graph, on: registry.device(loaded.name), options: options).call(arguments)
    }

    /// The graph compiled by the plugin alone.
    func compile(_ graph: Graph, donating: Set<Int> = []) throws -> any Executable {
        try backend.compile(
            CompilationUnit(graph: graph, donatedInputs: donating, label: "unit"), for: loaded.name)
    }
}

/// Graphs and values of the adapter's tests.
enum Sample {
    static let type = TensorType(.float32, [4])

    /// `x * y + 1`, named.
    static func multiplyAdd(_ type: TensorType = type) throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", type)
        let y = try builder.input("y", type)
        builder.currentLocation = HeterodyneGraph.SourceLocation(file: "Acme/Model.swift", line: 12)
        let product = try x * y
        builder.currentLocation = nil
        try builder.output("z", try product + builder.constant(1, type))
        return try builder.build()
    }

    static func floats(_ values: [Float]) throws -> Literal { try Literal(values, shape: [.fixed(values.count)]) }

    static func buffer(_ values: [Float], _ backend: PluginBackend) throws -> any Buffer {
        let buffer = try backend.allocate(byteCount: values.count * 4, on: backend.name)
        try values.withUnsafeBytes { try buffer.write(from: $0, at: 0) }
        return buffer
    }

    static func values(_ buffer: any Buffer) throws -> [Float] {
        var values = [Float](repeating: 0, count: buffer.byteCount / 4)
        try values.withUnsafeMutableBytes { try buffer.read(into: $0, at: 0) }
        return values
    }
}

/// The error that `body` throws.
func backendError(_ body: () throws -> Void) throws -> BackendError {
    do { try body() } catch let error as BackendError { return error } catch let error as HeterodyneError {
        if case .backend(let error) = error { return error }
        throw error
    }
    Issue.record("nothing was thrown")
    throw CancellationError()
}
