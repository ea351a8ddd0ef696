// Heterodyne: what plugins are asked about nodes, and what their answers come to.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import Testing

@testable import HeterodynePluginHost

@Suite("Questions to plugins", .enabled(if: CPlugin.compiler != nil, "needs a C compiler"))
struct AdapterSupportTests {
    private static func node(_ operation: NodeOperation, _ types: [TensorType]) throws -> NodeSignature {
        NodeSignature(operation: operation, operandTypes: types, resultTypes: try operation.inferTypes(types))
    }

    private static let add = NodeOperation.primitive(.binary(.add))
    private static let float32 = TensorType(.float32, [2])
    private static let float64 = TensorType(.float64, [2])

    @Test("The plugin answers for primitives and for composites that it claims")
    func answers() throws {
        let backend = try CPlugin().backend
        #expect(backend.support(for: try Self.node(Self.add, [Self.float32, Self.float32]), on: "adder") == .native)
        #expect(
            backend.support(for: try Self.node(.primitive(.unary(.exp)), [Self.float32]), on: "adder")
                == .unsupported(reason: "the adder only adds and multiplies"))
        #expect(backend.support(for: try Self.node(.composite(Relu()), [Self.float32]), on: "adder") == .native)
    }

    @Test(
        "The plugin is not asked about types that the device cannot hold, nor about composites that it does not claim")
    func unasked() throws {
        let plugin = try CPlugin()
        #expect(
            plugin.backend.support(for: try Self.node(Self.add, [Self.float64, Self.float64]), on: "adder")
                == .unsupported(reason: "the device has no float64"))
        let branch = try GraphBuilder.region([Self.float32]) { (_, x) throws(GraphError) in
            [try x[0].convert(.float64).convert(.float32)]
        }
        let conditional = NodeOperation.primitive(.conditional(then: branch, otherwise: branch))
        #expect(
            plugin.backend.support(for: try Self.node(conditional, [.scalar(.bool), Self.float32]), on: "adder")
                == .unsupported(reason: "the device has no bool"))
        #expect(
            plugin.backend.support(for: try Self.node(.composite(Softmax(axis: 0)), [Self.float32]), on: "adder")
                == .byDecomposition)
        #expect(
            plugin.backend.support(for: try Self.node(.composite(Relu()), [Self.float64]), on: "adder")
                == .byDecomposition)
        let parameter = NodeOperation.parameter(index: 0, name: "x", type: Self.float32)
        #expect(plugin.backend.support(for: try Self.node(parameter, []), on: "adder") == .native)
        #expect(try plugin.counter("adder_asked") == 0)
    }

    @Test("A plugin without answers has its capabilities' answers")
    func derived() throws {
        let backend = try CPlugin("adder", ["ADDER_NO_SUPPORT"]).backend
        #expect(
            backend.support(for: try Self.node(.primitive(.unary(.exp)), [Self.float32]), on: "adder") == .native)
        #expect(
            backend.support(for: try Self.node(.primitive(.unary(.exp)), [Self.float64]), on: "adder")
                == .unsupported(reason: "the device has no float64"))
    }

    @Test("What is emulated follows from the capabilities too")
    func emulated() throws {
        let backend = try CPlugin("hostile").backend
        #expect(
            backend.support(for: try Self.node(Self.add, [Self.float64, Self.float64]), on: "hostile:d33")
                == .afterLegalization(reason: "kernels compute float64 as pairs"))
        #expect(
            backend.support(for: try Self.node(Self.add, [Self.float64, Self.float64]), on: "hostile:d00")
                == .unsupported(reason: "the device has no float64"))
    }

    @Test("Nonsense is no support", arguments: ["ADDER_ANSWERS_NONSENSE", "ADDER_SUPPORT_FAILS"])
    func nonsense(macro: String) throws {
        let backend = try CPlugin("adder", [macro]).backend
        let answer = backend.support(for: try Self.node(Self.add, [Self.float32, Self.float32]), on: "adder")
        let reason =
            macro == "ADDER_SUPPORT_FAILS"
            ? "plugin adder: no idea" : "plugin adder answers 77 when asked about add, which is no answer"
        #expect(answer == .unsupported(reason: reason))
    }

    @Test("A question about symbolic shapes gets a reason and no answer")
    func symbolic() throws {
        let type = TensorType(.float32, Shape([.symbol("n")]))
        let answer = try CPlugin().backend.support(for: try Self.node(Self.add, [type, type]), on: "adder")
        guard case .unsupported(let reason) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(reason.contains("unbound symbols (n)"))
    }
}
