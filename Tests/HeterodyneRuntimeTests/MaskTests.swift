// Heterodyne: tests of hiding scalar types of devices.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Testing

@Suite("Masks")
struct MaskTests {
    @Test(
        "Masks are read and written",
        arguments: [
            (
                "vulkan:0:float64,bfloat16",
                [DeviceMask(device: "vulkan:0", types: [TypeMask(.float64), TypeMask(.bfloat16)])]
            ),
            ("*:int64", [DeviceMask(device: nil, types: [TypeMask(.int64)])]),
            (
                "openblas:float64/compute",
                [DeviceMask(device: "openblas", types: [TypeMask(.float64, TypeMask.compute)])]
            ),
            (
                "a:float64/exp;b:float16/dot",
                [
                    DeviceMask(device: "a", types: [TypeMask(.float64, .primitive(.exp))]),
                    DeviceMask(device: "b", types: [TypeMask(.float16, .usages(.dot))]),
                ]
            ),
            ("", []),
        ])
    func parse(text: String, expected: [DeviceMask]) throws {
        #expect(try DeviceMask.parse(text) == expected)
        for mask in expected.flatMap(\.types) { #expect(try TypeMask(parsing: mask.description) == mask) }
    }

    @Test(
        "What is no mask is refused with the word that is wrong",
        arguments: [
            ("float64", "float64"), (":float64", ":float64"), ("a:", "a:"), ("a:float65", "float65"),
            ("a:bool", "bool"),
            ("a:float64/fly", "fly"), ("a:float64/", "''"), ("a:;b:float64", "a:"),
        ])
    func nonsense(text: String, word: String) {
        do {
            _ = try DeviceMask.parse(text)
            Issue.record("\(text) was read")
        } catch {
            #expect(error.kind == .invalidArgument)
            #expect(error.message.contains(word), "\(error.message)")
        }
    }

    @Test("A masked device lacks the type everywhere it is asked, and says so")
    func hides() throws {
        let registry = DeviceRegistry([ReferenceBackend()], masking: "reference:float64")
        let device = try registry.device("reference")
        let capabilities = try device.capabilities()
        #expect(capabilities.usages(of: .float64).isEmpty && !capabilities.fusion.scalarTypes.contains(.float64))
        #expect(capabilities.usages(of: .float32) == ScalarUsage.compute)
        #expect(device.descriptor.details["masked"] == "float64")
        let plain = try DeviceRegistry([ReferenceBackend()]).device("reference")
        #expect(device.descriptor.fingerprint != plain.descriptor.fingerprint)
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float64, [3]))
        try builder.output("y", try x + x)
        let graph = try builder.build()
        guard
            case .unsupported(let reason) = device.backend.support(
                for: NodeSignature(graph.nodes[1], in: graph), on: device.id)
        else {
            Issue.record("supported")
            return
        }
        #expect(reason.contains("float64 is masked"))
        // Around the compiler, too.
        #expect(throws: BackendError.self) {
            try device.backend.compile(CompilationUnit(graph: graph), for: device.id)
        }
    }

    @Test("A masked usage leaves the others; a masked primitive leaves the rest")
    func parts() throws {
        let plain = try DeviceRegistry([ReferenceBackend()]).device("reference")
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float64, [3]))
        try builder.output("a", try x + x)
        try builder.output("b", try x.exp())
        try builder.output("c", try x.slice([0], [2]))
        let graph = try builder.build()
        func answers(_ mask: String) throws -> [Bool] {
            let device = plain.masking([try TypeMask(parsing: mask)])
            return graph.nodes.dropFirst().map {
                device.backend.support(for: NodeSignature($0, in: graph), on: device.id).isNative
            }
        }
        #expect(try answers("float64/compute") == [false, false, true])
        #expect(try answers("float64/exp") == [true, false, true])
        #expect(try answers("float64/dot") == [true, true, true])
        #expect(try answers("float64") == [false, false, false])
        #expect(try answers("int64") == [true, true, true])
    }

    @Test("A mask that is not understood, or of nobody, is listed and masks nothing")
    func malformed() throws {
        let registry = DeviceRegistry([ReferenceBackend()], masking: "reference:float65")
        #expect(registry.unavailable.contains { $0.id == "HETERODYNE_MASK" && $0.reason.contains("float65") })
        #expect(try registry.device("reference").capabilities().usages(of: .float64) == ScalarUsage.compute)
        let stranger = DeviceRegistry([ReferenceBackend()], masking: "nobody:float64")
        #expect(stranger.unavailable.contains { $0.id == "nobody" })
    }

    @Test("Programs of a masked device are remembered apart from those of the whole one")
    func cache() throws {
        let plain = try DeviceRegistry([ReferenceBackend()]).device("reference")
        let runtime = Runtime(registry: DeviceRegistry([ReferenceBackend()]), evaluator: nil)
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float64, [3]))
        try builder.output("y", try x + x)
        let graph = try builder.build()
        var options = ProgramOptions()
        options.fallbacks = []
        options.compiler.scalarTypes[.float64] = .error
        _ = try runtime.program(for: graph, on: plain, options: options)
        #expect(throws: HeterodyneError.self) {
            try runtime.program(for: graph, on: plain.masking(.float64), options: options)
        }
    }
}
