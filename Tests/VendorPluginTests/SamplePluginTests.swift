// Heterodyne: the vendor's sample is a plugin as the page and the interface promise.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneConformance
import Testing

@Suite("The vendor's sample", .enabled(if: Workshop.hasCompiler, Workshop.reason))
struct SamplePluginTests {
    @Test("is one file of under 500 lines that includes one header of the package") func size() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Workshop.sample.path)
        #expect(files.filter { $0.hasSuffix(".c") || $0.hasSuffix(".h") } == ["acme_plugin.c"])
        let text = try String(contentsOf: Workshop.sample.appending(path: "acme_plugin.c"), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count - 1 < 500)
        #expect(lines.allSatisfy { $0.utf8.count <= 120 })
        #expect(lines.filter { $0.hasPrefix("#include \"") } == ["#include \"heterodyne_plugin.h\""])
    }

    @Test("compiles without a warning, optimized and not", arguments: ["cc", "gcc", "clang"], ["-O0", "-O3"])
    func compiles(compiler: String, flags: String) throws {
        if !(Workshop.find(compiler) != nil) { try Test.cancel("there is no \(compiler)") }
        let workshop = try Workshop()
        try workshop.buildSample(compiler: compiler, flags)
    }

    @Test("devquery lists its device and what it does") func listed() throws {
        let workshop = try Workshop()
        try workshop.buildSample()
        let list = try workshop.shell("HETERODYNE_PLUGIN_PATH=$PWD devquery")
        #expect(list.status == 0)
        let line = list.text.split(separator: "\n").first { $0.hasPrefix("acme ") }
        #expect(line?.contains("Acme NPU 100") == true && line?.contains("1.0 GiB") == true, "\(list.text)")
        let requirement = "id == acme && float32 && claims(gelu) && int32.convert && !float64.storage && inference"
        let found = try workshop.shell("HETERODYNE_PLUGIN_PATH=$PWD devquery --require '\(requirement)'")
        #expect(found.status == 0, "\(found.text)")
        let without = try workshop.shell("devquery")
        #expect(without.status == 0 && !without.text.contains("Acme"), "\(without.text)")
    }

    @Test("passes every quick case of what it declares, and skips nothing that it declares") func conformance() throws {
        let device = try AcmeDevice.get()
        let oracle = try #require(Runtime.shared.evaluator)
        let report = try ConformanceSuite.standard.quick.run(on: device, oracle: oracle)
        for result in report.results where result.status == .failed {
            Issue.record("\(result.id): \(result.reason ?? "")")
        }
        #expect(report.isConformant)
        // A skip is no pass: what the table of the sample has must have run.
        let declared: [(operation: String, type: ScalarType)] = [
            ("reshape", .float32), ("reshape", .bool), ("transpose", .float32), ("broadcast", .float32),
            ("negate", .float32), ("exp", .float32), ("tanh", .float32), ("sqrt", .float32), ("add", .float32),
            ("subtract", .float32), ("multiply", .float32), ("divide", .float32), ("maximum", .float32),
            ("select", .float32), ("dot", .float32),
        ]
        for (operation, type) in declared {
            let results = report.results.filter { $0.operation == operation && $0.scalarType == type }
            #expect(results.contains { $0.status == .passed }, "\(operation) \(type)")
            for result in results where result.status == .skipped && !Self.needsMore(result) {
                Issue.record("\(result.id) was skipped: \(result.reason ?? "")")
            }
        }
        let passed = Set(report.results.filter { $0.status == .passed }.map(\.id))
        for part in [
            "reduce/float32/sum-", "reduce/float32/maximum-", "compare/float32/contiguous/equal/",
            "compare/float32/contiguous/less/", "convert/float32/to-int32/", "convert/float32/to-bool/",
            "convert/int32/to-float32/", "convert/int32/to-bool/", "convert/bool/to-float32/",
            "convert/bool/to-int32/", "gelu/float32/default/", "conduct/",
        ] {
            #expect(passed.contains { $0.hasPrefix(part) }, "\(part)")
            for result in report.results where result.id.hasPrefix(part) {
                let isRight = result.status == .passed || Self.needsMore(result)
                #expect(isRight, "\(result.id): \(result.reason ?? "")")
            }
        }
    }

    /// Whether a case was skipped for something beside its operation: an operand that is a slice, reversed or padded, or a
    /// product that is accumulated in another type.
    private static func needsMore(_ result: CaseResult) -> Bool {
        guard result.status == .skipped, let reason = result.reason else { return false }
        return ["slice:", "reverse:", "pad:", "the device has no "].contains { reason.contains($0) }
            || result.id.contains("-in-float64-")
    }

    @Test("computes as accurately as it says") func numerics() throws {
        let device = try AcmeDevice.get()
        let oracle = try #require(Runtime.shared.evaluator)
        let measured = try NumericsMeasurement(of: device, oracle: oracle, sampleCount: 1 << 10)
        #expect(measured.isAsDeclared)
        for name in ["exp", "tanh", "gelu"] { #expect(measured.errors.contains { $0.operation == name }) }
    }

    @Test(
        "runs alike on four threads, also under the sanitizers",
        arguments: [
            "", "-fsanitize=address,undefined -fno-sanitize-recover=all", "-fsanitize=thread",
        ])
    func threads(flags: String) throws {
        let workshop = try Workshop()
        try Self.buildDriver(workshop, flags)
        try workshop.buildSample(flags)
        let result = try workshop.shell("./driver ./libacme.so run")
        #expect(result.status == 0, "\(result.text)")
        #expect(result.text == "ran\n")
    }

    @Test("faults where the host touches device memory, after copies and kernels too", arguments: ["read", "write"])
    func touching(access: String) throws {
        let workshop = try Workshop()
        try Self.buildDriver(workshop)
        try workshop.buildSample()
        let result = try workshop.shell("exec ./driver ./libacme.so \(access)")
        #expect(result.status == -SIGSEGV, "\(result.text)")
        #expect(result.text == "ran\n")
    }

    private static func buildDriver(_ workshop: Workshop, _ flags: String = "") throws {
        let probe = try workshop.shell(
            "echo 'int main(void) { return 0; }' > probe.c && cc \(flags) probe.c -o probe && ./probe")
        if !(probe.status == 0) { try Test.cancel("cc has no \(flags) here: \(probe.text)") }
        let result = try workshop.shell(
            """
            cc -std=c11 -O1 -g -Wall -Wextra -Werror \(flags) -I "$HETERODYNE/Sources/CHeterodynePlugin/include" \
            "$HETERODYNE/Tests/VendorPluginTests/Fixtures/driver.c" -ldl -lm -lpthread -o driver
            """)
        try #require(result.status == 0, "\(result.text)")
    }

    @Test("has no more memory than it says, and says so") func memory() throws {
        let device = try AcmeDevice.card()
        let part = 300 << 20
        var held: [any Buffer] = []
        let error = #expect(throws: BackendError.self) {
            for _ in 0..<4 { held.append(try device.backend.allocate(byteCount: part, on: device.id)) }
        }
        #expect(held.count == 3)
        #expect(error?.kind == .outOfMemory)
        #expect(error?.device == "acme")
        #expect(error?.message.contains("\(part) bytes do not fit") == true, "\(String(describing: error))")
        held = []
        held.append(try device.backend.allocate(byteCount: part, on: device.id))
    }

    @Test("refuses a program that is larger than its memory, naming the node") func largeProgram() throws {
        let device = try AcmeDevice.get()
        let graph = try GraphBuilder.region([TensorType(.float32, [1])]) { _, terms throws(GraphError) in
            let wide = try terms[0].broadcast(Shape([1 << 29]), dimensions: [0])
            return [try wide.reduce(.sum, [0])]
        }
        let error = #expect(throws: BackendError.self) {
            _ = try device.backend.compile(CompilationUnit(graph: graph), for: device.id)
        }
        #expect(error?.kind == .outOfMemory)
        #expect(error?.node?.contains("broadcast") == true, "\(String(describing: error))")
    }

    @Test("what it lacks runs elsewhere, and the report says so") func fallback() throws {
        let device = try AcmeDevice.get()
        let x = Tensor([Float](stride(from: -2, to: 2, by: 0.125)), shape: [4, 8])
        let function = compile(device: device) { (x: Tensor) in (x * x).gelu().sin().softmax() }
        let report = try function.report(for: [TensorType(.float32, [4, 8])])
        let lines = report.entries.filter { $0.kind == .fallback }
        #expect(lines.contains { $0.operation == "sin" && $0.reason.contains("the Acme NPU has no kernel for sin") })
        #expect(report.entries.contains { $0.kind == .placement && $0.device == "acme" && $0.operation == "gelu" })
        let found = try function(x).scalars(as: Float.self)
        let expected = try (x * x).gelu().sin().softmax().scalars(as: Float.self, on: try Device("reference"))
        for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1e-6) }
    }
}
