// Heterodyne: plugins that lie, fail and forget while they are used: each ends in a typed error that says so.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneGraph
import HeterodynePluginHost
import Testing

/// What becomes of a program on a plugin with a fault.
struct RunFault: Sendable, CustomTestStringConvertible {
    let fault: String
    /// What fails; `done` where nothing does.
    let stage: String
    let kind: BackendError.Kind
    /// What the message says.
    let words: [String]
    /// The operation of the node that the error names.
    var node: String?
    var patience = 20

    var testDescription: String { fault }

    static let all: [RunFault] = [
        .init(fault: "unknown_support", stage: "support", kind: .unsupported, words: ["77", "no answer"]),
        .init(
            fault: "refuse_to_compile", stage: "compile", kind: .compilationFailed,
            words: ["said that it supports", "not on a Sunday"]),
        .init(fault: "null_program", stage: "compile", kind: .compilationFailed, words: ["compile", "NULL"]),
        .init(
            fault: "unknown_status", stage: "compile", kind: .executionFailed,
            words: ["something with a number", "12345"]),
        .init(
            fault: "wrong_byte_counts", stage: "compile", kind: .compilationFailed, words: ["output 0 'y'", "20", "16"]),
        .init(fault: "wrong_input_count", stage: "compile", kind: .compilationFailed, words: ["18446744073709551615"]),
        .init(fault: "null_program_info", stage: "compile", kind: .compilationFailed, words: ["program_info", "NULL"]),
        .init(
            fault: "wild_in_place", stage: "compile", kind: .compilationFailed,
            words: ["output 18446744073709551615", "input 2147483648"]),
        .init(
            fault: "fail_allocation", stage: "allocate", kind: .outOfMemory,
            words: ["the card is full; close other programs"]),
        .init(fault: "null_buffer", stage: "allocate", kind: .executionFailed, words: ["buffer_allocate", "NULL"]),
        .init(fault: "fail_write", stage: "write", kind: .deviceLost, words: ["while writing"]),
        .init(fault: "null_invocation", stage: "invocation", kind: .executionFailed, words: ["NULL"]),
        .init(
            fault: "fail_run", stage: "run", kind: .executionFailed,
            words: ["the kernel took a wrong turn", "717", "trying again may help"], node: "maximum"),
        .init(fault: "fail_run_nowhere", stage: "run", kind: .executionFailed, words: ["somewhere beyond the graph"]),
        .init(
            fault: "fail_run_silently", stage: "run", kind: .executionFailed, words: ["execute", "did not say why"]),
        .init(fault: "message_beyond_capacity", stage: "run", kind: .executionFailed, words: ["cut off"]),
        .init(fault: "garbage_message", stage: "run", kind: .executionFailed, words: ["not UTF-8"]),
        .init(fault: "fail_read", stage: "read", kind: .deviceLost, words: ["while reading"]),
        .init(
            fault: "absurd_measurements", stage: "measurements", kind: .executionFailed,
            words: ["measurements", "18446744073709551615"]),
        .init(
            fault: "null_measurements", stage: "measurements", kind: .executionFailed,
            words: ["measurements[1]", "NULL"]),
        .init(
            fault: "never_done", stage: "run", kind: .deviceLost,
            words: ["did not end within 1 second", "HETERODYNE_PLUGIN_PATIENCE"], patience: 1),
        .init(fault: "done_with_error", stage: "run", kind: .deviceLost, words: ["lost on the way home"]),
        .init(fault: "done_and_failed", stage: "run", kind: .executionFailed, words: ["done, and failed"]),
        .init(fault: "done_with_unknown_status", stage: "run", kind: .executionFailed, words: ["-5"]),
    ]
}

@Suite("Faults while a plugin is used", .enabled(if: Fixture.canBuild, Fixture.reason))
struct RunFaultTests {
    /// A correct plugin, which has to work whatever others did in this process.
    private static let correct = Result { try DirectPlugin.faulty("none") }

    static func healthy() throws {
        var stage = ""
        #expect(try SmallRun(on: correct.get(), device: "faulty", stage: &stage).isRight)
    }

    @Test("A fault ends in a typed error that says what is wrong", arguments: RunFault.all)
    func fault(_ expected: RunFault) throws {
        let backend = try DirectPlugin.faulty(expected.fault, patience: expected.patience)
        let listing = backend.discover()
        #expect(listing.devices.map(\.id) == ["faulty"], "\(listing.unavailable)")
        // Twice: a failure leaves nothing behind that makes the next worse.
        for _ in 0..<2 {
            var stage = ""
            do {
                _ = try SmallRun(on: backend, device: "faulty", stage: &stage)
                Issue.record("\(expected.fault) went unnoticed")
            } catch let error as BackendError {
                #expect(stage == expected.stage, "\(error)")
                #expect(error.kind == expected.kind, "\(error)")
                #expect(error.device == "faulty")
                for word in expected.words { #expect(error.message.contains(word), "\(error.message)") }
                #expect(error.message.utf8.count < 2000)
                if let node = expected.node {
                    #expect(error.node?.contains(node) == true, "\(error)")
                } else if expected.fault != "refuse_to_compile", expected.fault != "done_with_error" {
                    #expect(error.node == nil, "\(error)")
                }
            }
        }
        try Self.healthy()
    }

    @Test("Faults that do no harm", arguments: ["none", "done_twice", "done_later", "prints_everywhere"])
    func harmless(fault: String) throws {
        // What the plugin prints goes to the output of the tests; devquery is tested for what it makes of it.
        let backend = try DirectPlugin.faulty(fault)
        var stage = ""
        #expect(try SmallRun(on: backend, device: "faulty", stage: &stage).isRight, "\(stage)")
        #expect(stage == "done")
    }

    @Test("Runs of an asynchronous device from many threads, each with its own invocation")
    func threads() throws {
        let backend = try DirectPlugin.faulty("done_later")
        let group = DispatchGroup()
        for _ in 0..<8 {
            DispatchQueue.global().async(group: group) {
                var stage = ""
                let run = try? SmallRun(on: backend, device: "faulty", stage: &stage)
                #expect(run?.isRight == true, "\(stage)")
            }
        }
        #expect(group.wait(timeout: .now() + 30) == .success)
    }

    @Test(
        "Buffers of another device, of the wrong size, and unbound ones never reach the plugin")
    func binding() throws {
        let backend = try DirectPlugin.faulty("none")
        let other = try DirectPlugin.faulty("none")
        let program = try backend.compile(CompilationUnit(graph: try SmallRun.graph()), for: "faulty")
        let invocation = try program.makeInvocation()
        func kind(_ body: () throws -> Void) -> BackendError.Kind? {
            do {
                try body()
                return nil
            } catch { return (error as? BackendError)?.kind }
        }
        #expect(kind { try invocation.run() } == .invalidArgument)
        let foreign = try other.allocate(byteCount: 16, on: "faulty")
        #expect(kind { try invocation.bind(input: 0, to: foreign) } == .invalidArgument)
        #expect(kind { try invocation.bind(input: 0, to: HostBuffer(byteCount: 16)) } == .invalidArgument)
        let short = try backend.allocate(byteCount: 8, on: "faulty")
        #expect(kind { try invocation.bind(input: 0, to: short) } == .invalidArgument)
        let right = try backend.allocate(byteCount: 16, on: "faulty")
        #expect(kind { try invocation.bind(input: 1, to: right) } == .invalidArgument)
        #expect(kind { try invocation.bind(output: -1, to: right) } == .invalidArgument)
        #expect(kind { _ = try backend.allocate(byteCount: -1, on: "faulty") } == .invalidArgument)
        #expect(kind { _ = try backend.allocate(byteCount: .max, on: "faulty") } == .outOfMemory)
        #expect(kind { _ = try backend.allocate(byteCount: 16, on: "faulty:7") } == .deviceUnavailable)
        var bytes = [UInt8](repeating: 0, count: 17)
        #expect(kind { try bytes.withUnsafeMutableBytes { try right.read(into: $0, at: 0) } } == .invalidArgument)
        #expect(kind { try bytes.withUnsafeBytes { try right.write(from: $0, at: .max) } } == .invalidArgument)
        #expect(kind { try invocation.run() } == .invalidArgument)
    }
}
