// Heterodyne: the line protocol of the benchmarks' server.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("heterodyne-benchmarks")
struct BenchmarkServerTests {
    @Test("every request gets one line") func protocolLines() throws {
        let requests = [
            "prepare gemm:8x8x8", "run gemm:8x8x8 3", "allocations gemm:8x8x8 2", "prepare nonsense:1",
            "run gemm:8x8x8 0",
            "prepare gemm:8", "what", "rss", "prepare copy:1024", "run copy:1024 2", "run gemm:8x8x8 1", "quit",
        ]
        let outcome = try Command("heterodyne-benchmarks").run(
            ["serve", "--device", "reference", "--threads", "1"], input: requests.joined(separator: "\n") + "\n")
        #expect(outcome.status == 0, "\(outcome.messages)")
        let lines = outcome.output.split(separator: "\n").map(String.init)
        try #require(lines.count == requests.count, "\(outcome.output)")
        #expect(lines[0] == "ready")
        #expect(lines[1].hasPrefix("ok ") && Int(lines[1].dropFirst(3)) != nil)
        for index in [2, 3, 8, 10] { #expect(Int(lines[index]) != nil, "\(lines[index])") }
        for index in [4, 5, 6, 7, 11] { #expect(lines[index].hasPrefix("error "), "\(lines[index])") }
        #expect(lines[9] == "ok 0")
    }

    @Test("wrong usage is 64, an unknown device 1") func usage() throws {
        #expect(try Command("heterodyne-benchmarks").run(["serve", "--threads", "0"]).status == 64)
        let unknown = try Command("heterodyne-benchmarks").run(["serve", "--device", "abacus"])
        #expect(unknown.status == 1)
        #expect(unknown.messages.contains("abacus"))
    }
}
