// Heterodyne: answers the benchmark runner's line protocol.
// SPDX-License-Identifier: Apache-2.0

import AllocationCounter
import Foundation
import Heterodyne
import HeterodyneVulkan

/// Answers the line protocol of Benchmarks/README.md: prepares one case at a time and times it on request.
final class Server {
    private enum Work {
        case program(Session)
        /// Bytes copied with all threads: the yardstick for what memory allows.
        case copy(UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer)
        /// What a Vulkan driver gives at most.
        case ceiling(VulkanCeiling)
    }

    private let device: Device
    private let threads: Int
    private var current: (name: String, work: Work)?

    init(device: Device, threads: Int) {
        self.device = device
        self.threads = threads
    }

    deinit { release() }

    /// Serves until `quit` or the end of input.
    func serve() {
        answer("ready")
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            if words.first == "quit" { return }
            do { answer(try reply(to: words)) } catch { answer("error \(Self.oneLine("\(error)"))") }
        }
    }

    private func reply(to words: [String]) throws -> String {
        switch (words.first, words.count) {
        case ("prepare", 2): return try "ok \(prepare(words[1]))"
        case ("run", 3):
            guard let count = Int(words[2]), count > 0 else { throw BenchmarkError("'\(words[2])' is no count") }
            return String(try run(words[1], count).nanoseconds)
        case ("allocations", 3):
            guard let count = Int(words[2]), count > 0 else { throw BenchmarkError("'\(words[2])' is no count") }
            return String(try run(words[1], count).allocations)
        case ("rss", 1): return String(try peakResidentBytes())
        default: throw BenchmarkError("not understood: \(words.joined(separator: " "))")
        }
    }

    private func answer(_ text: String) {
        print(text)
        fflush(nil)
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private func release() {
        if case .copy(let source, let destination) = current?.work {
            source.deallocate()
            destination.deallocate()
        }
        current = nil
    }

    /// Compiles a case and returns the nanoseconds that it took, input data not counted.
    private func prepare(_ name: String) throws -> UInt64 {
        release()
        if let kind = Self.ceiling(name) {
            let ceiling = try VulkanCeiling(kind, on: device.id)
            try ceiling.verify()
            current = (name, .ceiling(ceiling))
            return 0
        }
        // On the host a copy is the host's own; on other devices it is a program like the others.
        if name.hasPrefix("copy:"), let count = Int(name.dropFirst(5)), count > 0, !device.id.hasPrefix("vulkan:") {
            let source = UnsafeMutableRawBufferPointer.allocate(byteCount: count * 4, alignment: 64)
            let destination = UnsafeMutableRawBufferPointer.allocate(byteCount: count * 4, alignment: 64)
            _ = source.initializeMemory(as: UInt8.self, repeating: 1)
            _ = destination.initializeMemory(as: UInt8.self, repeating: 2)
            current = (name, .copy(source, destination))
            return 0
        }
        let start = ContinuousClock.now
        let benchmark = try BenchmarkCase(named: name)
        var options = ProgramOptions()
        options.compiler.fuses = benchmark.fuses
        options.compiler.threads = threads
        options.label = name
        let program = try Runtime.shared.compile(benchmark.graph, on: device, options: options)
        let session = try program.makeSession()
        let nanoseconds = Self.nanoseconds(start.duration(to: .now))
        for (index, port) in program.inputs.enumerated() {
            let data = try BenchmarkCase.data(for: port.type, index: index)
            let buffer = try device.backend.allocate(byteCount: port.byteCount, on: device.id)
            let storage = try data.denseStorage()
            try storage.withBytes { (bytes) throws(BackendError) in try buffer.write(from: bytes, at: 0) }
            try session.bind(input: index, to: buffer)
        }
        for (index, port) in program.outputs.enumerated() {
            try session.bind(
                output: index, to: device.backend.allocate(byteCount: port.byteCount, on: device.id))
        }
        current = (name, .program(session))
        return nanoseconds
    }

    /// Nanoseconds and allocations of `count` runs, after one that does not count.
    private func run(_ name: String, _ count: Int) throws -> (nanoseconds: UInt64, allocations: UInt64) {
        guard let current, current.name == name else { throw BenchmarkError("'\(name)' was not prepared last") }
        switch current.work {
        case .program(let session):
            try session.run()
            let allocations = allocation_count()
            let start = ContinuousClock.now
            for _ in 0..<count { try session.run() }
            let duration = start.duration(to: .now)
            return (Self.nanoseconds(duration), allocation_count() - allocations)
        case .ceiling(let ceiling):
            try ceiling.run()
            let start = ContinuousClock.now
            for _ in 0..<count { try ceiling.run() }
            return (Self.nanoseconds(start.duration(to: .now)), 0)
        case .copy(let source, let destination):
            copy(source, destination)
            let start = ContinuousClock.now
            for _ in 0..<count { copy(source, destination) }
            return (Self.nanoseconds(start.duration(to: .now)), 0)
        }
    }

    /// What `ceiling-copy:N` (floats) and `ceiling-fma:N` (rounds) measure.
    private static func ceiling(_ name: String) -> VulkanCeiling.Kind? {
        let parts = name.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let size = Int(parts[1]) else { return nil }
        switch parts[0] {
        case "ceiling-copy": return .copy(elements: size)
        case "ceiling-fma": return .multiplyAdd(rounds: size)
        default: return nil
        }
    }

    private func copy(_ source: UnsafeMutableRawBufferPointer, _ destination: UnsafeMutableRawBufferPointer) {
        let (from, to) = (Address(source.baseAddress), Address(destination.baseAddress))
        let (bytes, threads) = (source.count, threads)
        DispatchQueue.concurrentPerform(iterations: threads) { index in
            let (start, end) = (bytes * index / threads, bytes * (index + 1) / threads)
            if let from = from.pointer, let to = to.pointer { memcpy(to + start, from + start, end - start) }
        }
    }

    /// An address that crosses threads; each thread touches its own part.
    private struct Address: @unchecked Sendable {
        let pointer: UnsafeMutableRawPointer?
        init(_ pointer: UnsafeMutableRawPointer?) { self.pointer = pointer }
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        UInt64(duration.components.seconds) * 1_000_000_000 + UInt64(duration.components.attoseconds / 1_000_000_000)
    }

    /// The kernel's high-water mark of resident memory.
    private func peakResidentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            let digits = line.filter(\.isNumber)
            if let kibibytes = Int(digits) { return kibibytes * 1024 }
        }
        throw BenchmarkError("the system does not tell the peak of resident memory")
    }
}
