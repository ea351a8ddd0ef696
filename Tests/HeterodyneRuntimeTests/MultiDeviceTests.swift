// Heterodyne: programs whose parts run on devices with memory of their own.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Testing

@Suite("Several devices")
struct MultiDeviceTests {
    /// float64 work in the middle of float32 work, an output from each device, and values read twice.
    let graph = """
        graph(%0 "x": float32[3], %1 "d": float64[3]) {
          %2 = negate(%0) : float32[3]
          %3 = convert(%2) {to = float64} : float64[3]
          %4 = add(%3, %1) : float64[3]
          %5 = multiply(%4, %3) : float64[3]
          %6 = convert(%5) {to = float32} : float32[3]
          %7 = add(%6, %2) : float32[3]
          return "f" = %7, "wide" = %4, "again" = %4, "first" = %2
        }
        """

    static let arrangements: [(String, first: FakeBackend, second: FakeBackend)] = [
        (
            "both remote", FakeBackend("a", .init(isRemote: true, missing: [.float64])),
            FakeBackend("b", .init(isRemote: true))
        ),
        ("host first", FakeBackend("a", .init(missing: [.float64])), FakeBackend("b", .init(isRemote: true))),
        ("remote first", FakeBackend("a", .init(isRemote: true, missing: [.float64])), FakeBackend("b")),
        ("both on the host", FakeBackend("a", .init(missing: [.float64])), FakeBackend("b")),
    ]

    @Test("Parts exchange values through copies where they must", arguments: 0..<4)
    func exchange(index: Int) throws {
        let (name, first, second) = Self.arrangements[index]
        var options = ProgramOptions()
        options.fallbacks = ["b"]
        let program = try runtime([first, second]).program(for: parse(graph), on: first.device, options: options)
        let inputs = [Literal([Float(1), 2, 3]), Literal([0.5, 0.25, 0.125])]
        let expected = try ReferenceEvaluator.evaluate(parse(graph), inputs: inputs)
        for _ in 0..<2 { #expect(try program.call(inputs) == expected, "\(name)") }
        let transfers = program.report.entries.filter { $0.kind == .transfer }
        #expect(transfers.isEmpty == (name == "both on the host"), "\(name)")
        #expect(program.report.entries.contains { $0.kind == .fallback && $0.reason.contains("no float64") })
        #expect(program.report.arenaByteCounts.keys.sorted() == ["a", "b"])
    }

    @Test("Without a fallback the error names node, place and every device's reason; strict refuses transfers")
    func refusals() throws {
        let (_, first, second) = Self.arrangements[0]
        let runtime = runtime([first, second])
        var options = ProgramOptions()
        options.fallbacks = []
        do {
            _ = try runtime.program(for: parse(graph), on: first.device, options: options)
            Issue.record("compiled")
        } catch {
            guard case .graph(let inner) = error as? HeterodyneError else {
                Issue.record("\(error)")
                return
            }
            #expect(inner.kind == .unsupported && inner.message.contains("a: the device has no float64"))
        }
        options.fallbacks = ["b"]
        options.compiler.isStrict = true
        #expect(throws: HeterodyneError.self) {
            try runtime.program(for: parse(graph), on: first.device, options: options)
        }
        options.fallbacks = ["nowhere"]
        #expect(
            backendError { _ = try runtime.program(for: parse(graph), on: first.device, options: options) }?.kind
                == .deviceUnavailable)
    }
}
