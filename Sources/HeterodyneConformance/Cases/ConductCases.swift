// Heterodyne: cases of what backends answer to wrong questions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneRuntime

/// Cases about the contract around programs: memory, descriptions, and typed errors for wrong calls.
enum ConductCases {
    static var all: [ConformanceCase] { descriptions + memory + calls }

    /// What is wrong with the error that `body` ought to throw, or nil.
    private static func expecting(
        _ kinds: Set<BackendError.Kind>, _ what: String, _ body: () throws(BackendError) -> Void
    ) -> String? {
        let names = kinds.map(\.rawValue).sorted().joined(separator: " or ")
        do { try body() } catch {
            if !kinds.contains(error.kind) { return "\(what) throws \(error.kind.rawValue) where \(names) is right" }
            return error.message.isEmpty ? "\(what) throws an error without a message" : nil
        }
        return "\(what) throws nothing where \(names) is right"
    }

    /// What went wrong, or nil.
    private static func failure(_ what: String, _ body: () throws -> String?) -> String? {
        do { return try body() } catch { return "\(what): \(error)" }
    }

    private static var descriptions: [ConformanceCase] {
        [
            ConformanceCase(conduct: "listed-by-discover") { device in
                let ids = device.backend.discover().devices.map(\.id)
                return ids.contains(device.id) ? nil : "discover() lists \(ids) without '\(device.id)'"
            },
            ConformanceCase(conduct: "description-complete") { device in
                let about = device.descriptor
                if about.name.isEmpty || about.fingerprint.isEmpty { return "name or fingerprint is empty" }
                if about.threads < 1 { return "\(about.threads) threads" }
                if about.memoryByteCount < 1 { return "\(about.memoryByteCount) bytes of memory" }
                return about.backend == device.backend.name
                    ? nil : "backend '\(about.backend)' is '\(device.backend.name)'"
            },
            ConformanceCase(conduct: "unknown-device") { device in
                expecting([.deviceUnavailable], "capabilities of a device that is not there") {
                    () throws(BackendError) in _ = try device.backend.capabilities(of: "no such device")
                }
            },
            ConformanceCase(conduct: "numerics-declared") { device in
                failure("capabilities") {
                    let numerics = try device.capabilities().numerics
                    for (code, ulp) in numerics.maximumULP where !(ulp >= 0) || ulp.isInfinite {
                        return "\(code.name) is declared with \(ulp) units in the last place"
                    }
                    for (code, ulp) in numerics.maximumULP where ulp > (Numerics.floor.maximumULP[code] ?? 0.5) {
                        let floor = Numerics.floor.maximumULP[code] ?? 0.5
                        return
                            "\(code.name) is declared with \(ulp) units in the last place; at most \(floor) is allowed"
                    }
                    return numerics.propagatesNaN ? nil : "NaN is declared not to come out"
                }
            },
        ]
    }

    private static var memory: [ConformanceCase] {
        [
            ConformanceCase(conduct: "allocate-negative") { device in
                expecting([.outOfMemory, .invalidArgument], "allocating -1 bytes") { () throws(BackendError) in
                    _ = try device.backend.allocate(byteCount: -1, on: device.id)
                }
            },
            ConformanceCase(conduct: "allocate-too-much") { device in
                expecting([.outOfMemory], "allocating 2^62 bytes") { () throws(BackendError) in
                    _ = try device.backend.allocate(byteCount: 1 << 62, on: device.id)
                }
            },
            ConformanceCase(conduct: "allocate-nothing") { device in
                failure("allocating no bytes") {
                    let buffer = try device.backend.allocate(byteCount: 0, on: device.id)
                    return buffer.byteCount == 0 ? nil : "a buffer of no bytes has \(buffer.byteCount)"
                }
            },
            ConformanceCase(conduct: "write-and-read") { device in
                failure("writing and reading") {
                    let buffer = try device.backend.allocate(byteCount: 1000, on: device.id)
                    let source = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
                    try source.withUnsafeBytes { try buffer.write(from: $0, at: 0) }
                    try [UInt8](repeating: 9, count: 10).withUnsafeBytes { try buffer.write(from: $0, at: 501) }
                    var found = [UInt8](repeating: 0, count: 700)
                    try found.withUnsafeMutableBytes { try buffer.read(into: $0, at: 300) }
                    let expected = (300..<1000).map { (501..<511).contains($0) ? 9 : source[$0] }
                    return found == expected ? nil : "bytes read differ from those written"
                }
            },
            ConformanceCase(conduct: "write-outside") { device in
                failure("allocating") {
                    let buffer = try device.backend.allocate(byteCount: 16, on: device.id)
                    for offset in [-1, 9, 17, Int.max] {
                        let problem = expecting([.invalidArgument], "writing 8 bytes at \(offset) of 16") {
                            () throws(BackendError) in
                            let bytes = LiteralStorage(count: 8) { $0.initializeMemory(as: UInt8.self, repeating: 1) }
                            try buffer.write(from: bytes.bytes, at: offset)
                        }
                        if let problem { return problem }
                    }
                    return nil
                }
            },
            ConformanceCase(conduct: "import") { device in
                failure("importing") {
                    let storage = LiteralStorage(count: 333) { bytes in
                        for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: index) }
                    }
                    let buffer = try device.backend.importing(storage, on: device.id)
                    var found = [UInt8](repeating: 0, count: 333)
                    try found.withUnsafeMutableBytes { try buffer.read(into: $0, at: 0) }
                    return found == Array(storage.bytes) ? nil : "imported bytes differ"
                }
            },
        ]
    }

    /// The type that programs of these cases compute in: float32, or int32 where the device has no float32.
    private static func type(on device: Device) throws -> ScalarType {
        try device.capabilities().usages(of: .float32).contains(.arithmetic) ? .float32 : .int32
    }

    /// A program that doubles four numbers.
    private static func executable(_ device: Device) throws -> any Executable {
        let type = TensorType(try type(on: device), [4])
        let graph = try GraphBuilder.region([type]) { _, terms throws(GraphError) in [try terms[0] + terms[0]] }
        return try device.backend.compile(CompilationUnit(graph: graph), for: device.id)
    }

    private static var calls: [ConformanceCase] {
        [
            ConformanceCase(conduct: "run-unbound") { device in
                failure("compiling") {
                    let invocation = try executable(device).makeInvocation()
                    return expecting([.invalidArgument], "running with nothing bound") { () throws(BackendError) in
                        try invocation.run()
                    }
                }
            },
            ConformanceCase(conduct: "bind-wrong-size") { device in
                failure("compiling") {
                    let invocation = try executable(device).makeInvocation()
                    let buffer = try device.backend.allocate(byteCount: 12, on: device.id)
                    return expecting([.invalidArgument], "binding 12 bytes to an input of 16") {
                        () throws(BackendError) in try invocation.bind(input: 0, to: buffer)
                    }
                        ?? expecting([.invalidArgument], "binding 12 bytes to an output of 16") {
                            () throws(BackendError) in try invocation.bind(output: 0, to: buffer)
                        }
                }
            },
            ConformanceCase(conduct: "bind-wrong-index") { device in
                failure("compiling") {
                    let invocation = try executable(device).makeInvocation()
                    let buffer = try device.backend.allocate(byteCount: 16, on: device.id)
                    for index in [-1, 1, Int.max] {
                        let problem =
                            expecting([.invalidArgument], "binding input \(index) of 1") {
                                () throws(BackendError) in try invocation.bind(input: index, to: buffer)
                            }
                            ?? expecting([.invalidArgument], "binding output \(index) of 1") {
                                () throws(BackendError) in try invocation.bind(output: index, to: buffer)
                            }
                        if let problem { return problem }
                    }
                    return nil
                }
            },
            ConformanceCase(conduct: "profile-matches-steps") { device in
                failure("profiling") {
                    let program = try executable(device)
                    let invocation = try program.makeInvocation()
                    let input = try device.backend.allocate(byteCount: 16, on: device.id)
                    let output = try device.backend.allocate(byteCount: 16, on: device.id)
                    let type = try type(on: device)
                    let (number, double) = (type.bits(of: 7), type.bits(of: 14))
                    let numbers = [UInt32](repeating: UInt32(truncatingIfNeeded: number), count: 4)
                    try numbers.withUnsafeBytes { try input.write(from: $0, at: 0) }
                    try invocation.bind(input: 0, to: input)
                    try invocation.bind(output: 0, to: output)
                    let times = try invocation.profile()
                    var found = [UInt32](repeating: 0, count: 4)
                    try found.withUnsafeMutableBytes { try output.read(into: $0, at: 0) }
                    if let wrong = found.first(where: { $0 != UInt32(truncatingIfNeeded: double) }) {
                        return "a profiled run gives \(type.number(fromBits: UInt64(wrong))) where 14 is right"
                    }
                    let steps = program.stepDescriptions.count
                    return times.count == steps ? nil : "\(times.count) times for \(steps) steps"
                }
            },
        ]
    }
}
