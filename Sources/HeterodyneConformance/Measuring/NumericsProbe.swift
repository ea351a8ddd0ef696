// Heterodyne: runs small graphs on a device and, in float64, on the reference.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneRuntime

/// Why something could not be measured.
struct ProbeError: Error, CustomStringConvertible {
    let description: String
    init(_ what: String, _ error: any Error) { description = "\(what): \(error)" }
}

/// Runs small graphs on a device and, in float64, on the reference.
struct NumericsProbe {
    let device: Device
    let capabilities: Capabilities
    let limits: ErrorLimits
    let oracle: any Evaluator
    private let runtime: Runtime
    private let query: SupportQuery

    init(device: Device, oracle: any Evaluator) throws(BackendError) {
        self.device = device
        self.oracle = oracle
        capabilities = try device.capabilities()
        limits = ErrorLimits(capabilities.numerics)
        runtime = Runtime(registry: DeviceRegistry([device.backend]), evaluator: oracle, cacheCapacity: 1)
        query = SupportQuery(device: device)
    }

    /// Whether the device computes elementwise primitives in `type` by itself.
    func computes(_ type: ScalarType) -> Bool {
        capabilities.usages(of: type).isSuperset(of: [.storage, .arithmetic])
    }

    /// Whether the device runs every node as it stands.
    func runs(_ graph: Graph) -> Bool {
        graph.nodes.allSatisfy { node in
            if case .parameter = node.operation { return true }
            return device.backend.support(for: NodeSignature(node, in: graph), on: device.id).isNative
        }
    }

    /// A graph of operands; the error names `what`.
    func graph(
        _ what: String, _ operands: [TensorType], _ body: (GraphBuilder, [Term]) throws(GraphError) -> [Term]
    ) throws(ProbeError) -> Graph {
        do { return try GraphBuilder.region(operands, body) } catch {
            throw ProbeError("\(what) cannot be built", error)
        }
    }

    /// The outputs on the device.
    func run(
        _ graph: Graph, _ inputs: [Literal], arithmetic: ArithmeticMode = .fast
    ) throws(ProbeError) -> [Literal] {
        var options = ProgramOptions()
        options.fallbacks = []
        options.compiler.arithmetic = arithmetic
        options.label = "self-test"
        let what = graph.nodes.last?.operation.name ?? "a program"
        do {
            // A program of one's own, and none that is remembered.
            return try runtime.compile(graph, on: device, options: options).call(inputs)
        } catch { throw ProbeError("\(device.id) does not run \(what)", error) }
    }

    /// The outputs as defined, in the graph's own types.
    func define(_ graph: Graph, _ inputs: [Literal]) throws(ProbeError) -> [Literal] {
        do { return try oracle.evaluate(graph, inputs) } catch { throw ProbeError("the reference fails", error) }
    }

    /// A graph whose outputs are those of `graph` in float64.
    func widened(_ graph: Graph) throws(ProbeError) -> Graph {
        do {
            return try ErrorPropagation(limits: limits, isClaimed: query.isClaimed).rewriting(graph, withMargins: false)
        } catch { throw ProbeError("the definition cannot be built in float64", error) }
    }

    /// A vector of the elements with the given bits.
    func literal(_ bits: [UInt64], _ type: ScalarType) throws(ProbeError) -> Literal {
        do { return try Literal(bits: bits, type: TensorType(type, Shape([bits.count]))) } catch {
            throw ProbeError("operands of \(type) cannot be made", error)
        }
    }

    /// A vector of the given numbers, rounded to `type`.
    func literal(_ numbers: [Double], _ type: ScalarType) throws(ProbeError) -> Literal {
        try literal(numbers.map(type.bits(of:)), type)
    }
}

extension Literal {
    /// The bits of all elements.
    var elementBits: [UInt64] {
        let count = (try? type.elementCount()) ?? 0
        return (0..<count).map { bits(at: $0) }
    }
}
