// Heterodyne: types, attributes and errors of the neural composites.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import Testing

@Suite("Types of neural composites")
struct NeuralTypeTests {
    @Test("inference gives the expected types and the decomposition the same", arguments: NeuralSamples.all)
    func types(sample: NeuralSample) throws {
        #expect(try sample.composite.inferTypes(sample.operands) == sample.results)
        // Flattening checks the decomposition, and those inside it, against the inferred types.
        let graph = try FixtureHarness.graph(of: sample.composite, sample.operands)
        #expect(graph.outputTypes == sample.results)
        #expect(graph.totalNodeCount < 500, "\(graph.totalNodeCount) nodes")
    }

    @Test("attributes round trip", arguments: NeuralSamples.all)
    func roundTrip(sample: NeuralSample) throws {
        let composite = sample.composite
        let again = try CompositeRegistry.standard.make(composite.name, composite.attributes)
        #expect(NodeOperation.composite(again) == .composite(composite))
    }

    static let names = Set(NeuralSamples.all.map(\.composite.name)).sorted()

    @Test("a missing and an unknown attribute are errors", arguments: NeuralTypeTests.names)
    func attributeErrors(name: String) throws {
        let sample = try #require(NeuralSamples.all.first { $0.composite.name == name })
        let attributes = sample.composite.attributes
        var more = attributes
        more.set("unheardOf", .integer(1))
        #expect(throws: GraphError.self) { try CompositeRegistry.standard.make(name, more) }
        for entry in attributes.entries where !["minimum", "maximum", "scale", "softcap"].contains(entry.name) {
            var fewer = Attributes()
            for other in attributes.entries where other.name != entry.name { fewer.set(other.name, other.value) }
            let error = #expect(throws: GraphError.self) { try CompositeRegistry.standard.make(name, fewer) }
            #expect(error?.kind == .invalidAttribute)
            #expect(error?.message.contains("'\(entry.name)'") == true)
        }
    }

    /// Values of every kind that an untrusted file can hold.
    static let hostile: [AttributeValue] = [
        .integer(-1), .integer(0), .integer(3), .integer(.min), .integer(.max), .integer(1 << 40),
        .number(.nan), .number(.infinity), .number(-1), .number(0), .number(1e308), .string(""), .bool(true),
        .integers([]), .integers([-1]), .integers([0]), .integers([.max]), .integers([.min, .max]),
        .integers([0, 0]), .integers([1 << 40, 1 << 40]), .integers([1, 1, 1]), .integers([5, 7]),
        .dimensions([.symbol("n")]), .scalarType(.bool),
    ]

    @Test(
        "hostile attributes and operands give errors or types that hold",
        arguments: NeuralTypeTests.names)
    func survives(name: String) throws {
        let samples = NeuralSamples.all.filter { $0.composite.name == name }
        // Several values can be read as one: 3 and 3.0.
        var variants: [Attributes: any Composite] = [:]
        for attributes in Set(samples.map(\.composite.attributes)) {
            variants[attributes] = try CompositeRegistry.standard.make(name, attributes)
            for entry in attributes.entries {
                for value in Self.hostile {
                    var changed = attributes
                    changed.set(entry.name, value)
                    if let composite = try? CompositeRegistry.standard.make(name, changed) {
                        variants[composite.attributes] = composite
                    }
                }
            }
        }
        // bfloat16 and float64 take the ways of float16 and float32.
        let types: Set<ScalarType> = [.float16, .float32]
        var operandLists = Set(samples.filter { types.contains($0.operands[0].scalarType) }.map(\.operands))
        for operands in operandLists {
            operandLists.insert(Array(operands.dropLast()))
            operandLists.insert(operands + operands)
            for type in [ScalarType.bool, .int4, .float8e5m2, .int32, .uint64] {
                operandLists.insert(operands.map { $0.with(type) })
            }
            operandLists.insert(operands.map { $0.with(.scalar) })
            operandLists.insert(operands.map { $0.with(Shape([.symbol("n")] + $0.shape.dimensions.dropFirst())) })
            operandLists.insert(
                operands.map { $0.with(Shape([0, .fixed(1 << 40)] + $0.shape.dimensions.dropFirst(2))) })
            operandLists.insert([operands[0]] + operands.dropFirst().map { $0.with(.int8) })
        }
        var (accepted, rejected) = (0, 0)
        for composite in variants.values {
            for operands in operandLists {
                let inferred: [TensorType]
                do { inferred = try composite.inferTypes(operands) } catch {
                    rejected += 1
                    #expect(!error.message.isEmpty)
                    continue
                }
                accepted += 1
                // What inference accepts decomposes to the same types, unless it is too large or has open symbols.
                do {
                    let graph = try FixtureHarness.graph(of: composite, operands)
                    #expect(graph.outputTypes == inferred)
                    #expect(graph.nodes.count < 2000)
                } catch let error as GraphError {
                    let kinds: [GraphError.Kind] = [.unboundSymbol, .overflow, .invalidType]
                    #expect(kinds.contains(error.kind), "\(composite) on \(operands): \(error)")
                }
            }
        }
        #expect(accepted > 0 && rejected > 0)
    }

    /// Composite, operands, kind and a part of the message.
    static let mistakes: [(any Composite, [TensorType], GraphError.Kind, String)] = {
        func t(_ extents: Int...) -> TensorType { TensorType(.float32, extents) }
        let convolution = NeuralSamples.plainConvolution(2)
        let x = t(1, 4, 5, 5)
        return [
            (Erf(), [t(2).with(.int32)], .invalidType, "not defined on int32"),
            (Erf(), [], .operandCount, "1 operands"),
            (Erf(), [t(2), t(2)], .operandCount, "2"),
            (Prelu(), [t(2), t(3)], .shapeMismatch, "slope"),
            (Prelu(), [t(2), t(2).with(.float16)], .invalidType, "slope"),
            (Clip(minimum: .nan), [t(2)], .invalidAttribute, "minimum"),
            (Clip(maximum: 0.5), [t(2).with(.int8)], .invalidAttribute, "whole"),
            (Celu(alpha: 0), [t(2)], .invalidAttribute, "alpha"),
            (Softmax(axis: 2), [t(2, 3)], .invalidAttribute, "axis 2"),
            (Softmax(axis: 0), [t()], .invalidAttribute, "axis 0"),
            (Softmax(axis: 0), [t(3).with(.int64)], .invalidType, "int64"),
            (LogSumExp(axes: [1, 1]), [t(2, 3)], .invalidAttribute, "twice"),
            (LayerNormalization(axis: 1), [t(2, 3), t(2)], .shapeMismatch, "scale"),
            (LayerNormalization(axis: 1), [t(2, 3), t(3), t(2, 3)], .shapeMismatch, "bias"),
            (LayerNormalization(axis: 1, epsilon: -1), [t(2, 3)], .invalidAttribute, "epsilon"),
            (LayerNormalization(axis: 1), [t(2, 3), t(3).with(.float64)], .invalidType, "scale"),
            (BatchNormalization(), [t(2), t(2), t(2), t(2), t(2)], .shapeMismatch, "dimensions"),
            (BatchNormalization(), [t(2, 3), t(3), t(3), t(2), t(3)], .shapeMismatch, "mean"),
            (GroupNormalization(groups: 4), [t(2, 6)], .shapeMismatch, "4 groups"),
            (GroupNormalization(groups: 0), [t(2, 6)], .invalidAttribute, "groups 0"),
            (LocalResponseNormalization(size: 0), [t(2, 3)], .invalidAttribute, "size 0"),
            (LpNormalization(axis: 0, p: 0), [t(2)], .invalidAttribute, "p 0"),
            (convolution, [x, t(2, 3, 3, 3)], .shapeMismatch, "take 3 channels"),
            (convolution, [x, t(2, 4, 6, 3)], .shapeMismatch, "does not fit"),
            (convolution, [x, t(2, 4, 0, 3)], .invalidAttribute, "kernel 0"),
            (convolution, [x, t(2, 4, 3)], .shapeMismatch, "dimensions"),
            (convolution, [x, t(2, 4, 3, 3), t(3)], .shapeMismatch, "bias"),
            (convolution, [x, t(2, 4, 3, 3).with(.float16)], .invalidType, "weights"),
            (NeuralSamples.plainConvolution(2, groups: 3), [x, t(3, 1, 3, 3)], .shapeMismatch, "3 groups"),
            (NeuralSamples.plainConvolution(1), [x, t(2, 4, 3, 3)], .invalidAttribute, "strides"),
            (
                Convolution(strides: [1, 0], dilations: [1, 1], low: [0, 0], high: [0, 0]), [x, t(2, 4, 3, 3)],
                .invalidAttribute, "stride 0"
            ),
            (
                ConvolutionTranspose(strides: [1], dilations: [1], low: [0], high: [0], outputPadding: [1]),
                [t(1, 2, 3), t(2, 2, 2)], .invalidAttribute, "outputPadding 1"
            ),
            (
                ConvolutionTranspose(strides: [1], dilations: [1], low: [9], high: [9], outputPadding: [0]),
                [t(1, 2, 3), t(2, 2, 2)], .shapeMismatch, "pad less"
            ),
            (MaxPool(PoolingWindows(kernel: [2])), [t(2, 3)], .shapeMismatch, "3 dimensions"),
            (MaxPool(PoolingWindows(kernel: [2])), [x], .invalidAttribute, "kernel has 1"),
            (MaxPool(PoolingWindows(kernel: [2], low: [2])), [t(1, 1, 4)], .invalidAttribute, "padding 2"),
            (AveragePool(PoolingWindows(kernel: [2])), [t(1, 1, 4).with(.int8)], .invalidType, "int8"),
            (MaxPool(PoolingWindows(kernel: [2])), [t(1, 1, 4).with(.bool)], .invalidType, "bool"),
            (Attention(), [t(1, 3, 2, 4), t(1, 2, 2, 4), t(1, 2, 2, 4)], .shapeMismatch, "multiple"),
            (Attention(), [t(1, 2, 2, 4), t(1, 0, 2, 4), t(1, 0, 2, 4)], .shapeMismatch, "multiple"),
            (Attention(), [t(1, 2, 2, 4), t(1, 2, 2, 5), t(1, 2, 2, 5)], .shapeMismatch, "depths"),
            (Attention(), [t(1, 2, 2, 4), t(1, 2, 3, 4), t(1, 2, 2, 4)], .shapeMismatch, "lengths"),
            (Attention(), [t(2, 2, 4), t(2, 2, 4), t(2, 2, 4)], .shapeMismatch, "q is"),
            (Attention(softcap: 0), [t(1, 2, 2, 4), t(1, 2, 2, 4), t(1, 2, 2, 4)], .invalidAttribute, "softcap"),
            (
                Attention(), [t(1, 2, 2, 4), t(1, 2, 2, 4), t(1, 2, 2, 4), t(3, 2)], .shapeMismatch, "mask"
            ),
            (
                Attention(), [t(1, 2, 2, 4), t(1, 2, 2, 4), t(1, 2, 2, 4), t(2, 2).with(.int8)], .invalidType, "mask"
            ),
        ]
    }()

    @Test("mistakes are named", arguments: NeuralTypeTests.mistakes.indices)
    func mistakeIsNamed(index: Int) {
        let (composite, operands, kind, part) = Self.mistakes[index]
        let error = #expect(throws: GraphError.self) { try composite.inferTypes(operands) }
        #expect(error?.kind == kind, "\(String(describing: error))")
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "") does not say '\(part)'")
    }
}
