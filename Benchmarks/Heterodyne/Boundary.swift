// Heterodyne: what a run costs more where the backend is a plugin.
// SPDX-License-Identifier: Apache-2.0

import AllocationCounter
import ArgumentParser
import Foundation
import Heterodyne

/// Times one small program on two devices in turns: a backend that is built in, and the same as a plugin.
struct Boundary: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compares a backend that is built in with the same backend as a plugin.",
        discussion: """
            scripts/build_plugins openblas
            HETERODYNE_PLUGIN_PATH=$PWD/.build/plugins heterodyne-benchmarks boundary
            """)

    @Option(name: .shortAndLong, help: "The device that is built in.") var device = "openblas"
    @Option(help: "The device of the plugin.") var plugin = "openblas-plugin"
    @Option(help: "Runs per round and device.") var runs = 5000
    @Option(help: "Rounds; in each, both devices take their turn.") var rounds = 41
    @Option(name: .customLong("case"), help: "The case, as in Benchmarks/README.md.") var name = "adds:1"
    @Option(name: .shortAndLong, help: "Threads to use.") var threads = 2

    func validate() throws {
        guard (1...10_000_000).contains(runs), (1...10_000).contains(rounds), (1...1024).contains(threads) else {
            throw ValidationError("--runs is 1 to 10000000, --rounds 1 to 10000, --threads 1 to 1024")
        }
    }

    func run() throws {
        let sessions = [try session(on: device), try session(on: plugin)]
        var times: [[Double]] = [[], []]
        var allocations: [UInt64] = [0, 0]
        for index in sessions.indices { _ = try time(sessions[index]) }
        for round in 0..<rounds {
            for turn in 0..<2 {
                // The other one begins each time, so that slow phases of the machine hit both.
                let index = (round + turn) % 2
                let before = allocation_count()
                let nanoseconds = try time(sessions[index])
                allocations[index] += allocation_count() - before
                times[index].append(nanoseconds)
            }
        }
        for (index, id) in [device, plugin].enumerated() {
            let sorted = times[index].sorted()
            print(
                String(
                    format: "%@: %@ median %.0f ns a run, best %.0f ns, %llu allocations in %d runs", name, id,
                    sorted[sorted.count / 2], sorted[0], allocations[index], runs * rounds))
        }
        let differences = zip(times[0], times[1]).map { $1 - $0 }.sorted()
        print(
            String(
                format: "the plugin costs %.0f ns a run more (median of %d rounds; quartiles %.0f to %.0f ns)",
                differences[differences.count / 2], rounds, differences[differences.count / 4],
                differences[differences.count * 3 / 4]))
    }

    /// Nanoseconds per run, the mean of one round.
    private func time(_ session: Session) throws -> Double {
        let start = ContinuousClock.now
        for _ in 0..<runs { try session.run() }
        let duration = start.duration(to: .now).components
        return (Double(duration.seconds) * 1e9 + Double(duration.attoseconds) * 1e-9) / Double(runs)
    }

    private func session(on id: String) throws -> Session {
        let device = try Device(id)
        let benchmark = try BenchmarkCase(named: name)
        var options = ProgramOptions()
        options.compiler.fuses = benchmark.fuses
        options.compiler.threads = threads
        options.label = name
        let program = try Runtime.shared.compile(benchmark.graph, on: device, options: options)
        let session = try program.makeSession()
        for (index, port) in program.inputs.enumerated() {
            let storage = try BenchmarkCase.data(for: port.type, index: index).denseStorage()
            try session.bind(input: index, to: device.backend.importing(storage, on: device.id))
        }
        for (index, port) in program.outputs.enumerated() {
            try session.bind(output: index, to: device.backend.allocate(byteCount: port.byteCount, on: device.id))
        }
        return session
    }
}
