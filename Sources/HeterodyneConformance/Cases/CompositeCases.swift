// Heterodyne: cases of the composites of the standard registry.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// Cases of the composites of the standard registry, in a few configurations each. Whether a device runs a composite by
/// itself or its decomposition, the results must be those of the decomposition within its error bound.
enum CompositeCases {
    static var all: [ConformanceCase] { elementwise + structured }

    /// A configuration of an elementwise composite and the range over which it varies.
    private struct Configuration {
        let composite: any ElementwiseComposite
        let name: String
        let range: ValueClass
        let isExact: Bool

        init(
            _ composite: any ElementwiseComposite, _ name: String = "default", _ range: ValueClass = .range(-6, 6),
            exact: Bool = false
        ) {
            self.composite = composite
            self.name = name
            self.range = range
            isExact = exact
        }
    }

    private static let configurations: [Configuration] = [
        Configuration(Erf()), Configuration(Erfc()), Configuration(Log1p(), "default", .range(-0.9, 6)),
        Configuration(Expm1()), Configuration(Reciprocal()),
        Configuration(ReciprocalSquareRoot(), "default", .range(0.01, 40)), Configuration(Ceil(), exact: true),
        Configuration(RoundEven(), exact: true), Configuration(Sign(), exact: true),
        Configuration(IsNaN(), exact: true), Configuration(IsInfinite(), exact: true),
        Configuration(IsFinite(), exact: true), Configuration(Sinh()), Configuration(Cosh()),
        Configuration(Tan(), "default", .range(-1.5, 1.5)), Configuration(Asin(), "default", .range(-1, 1)),
        Configuration(Acos(), "default", .range(-1, 1)), Configuration(Atan()), Configuration(Asinh()),
        Configuration(Acosh(), "default", .range(1, 20)), Configuration(Atanh(), "default", .range(-0.99, 0.99)),
        Configuration(Sigmoid()), Configuration(Silu()), Configuration(Silu(beta: 1.5), "beta"), Configuration(Gelu()),
        Configuration(Gelu(approximation: .tanh), "tanh"), Configuration(Softplus()), Configuration(Softsign()),
        Configuration(Mish()), Configuration(Elu()), Configuration(Celu(alpha: 0.7), "alpha"), Configuration(Selu()),
        Configuration(Relu(), exact: true), Configuration(LeakyRelu(alpha: 0.1), "alpha"), Configuration(Prelu()),
        Configuration(Clip(minimum: -1, maximum: 2), "both", exact: true),
        Configuration(Clip(minimum: 0), "minimum", exact: true), Configuration(HardSigmoid()),
        Configuration(HardSwish()), Configuration(ThresholdedRelu(), exact: true),
        Configuration(Shrink(), exact: false),
    ]

    /// The elementwise composites with the attributes of their first cases, and the ranges over which they vary.
    static var elementwiseRanges: [(composite: any ElementwiseComposite, range: ValueClass)] {
        var seen = Set<String>()
        return configurations.filter { seen.insert($0.composite.name).inserted }.map { ($0.composite, $0.range) }
    }

    private static var elementwise: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for configuration in configurations {
            let composite = configuration.composite
            let kind = type(of: composite)
            for type in CaseTable.floats + CaseTable.integers where kind.takes(type) {
                var classes: [(String, ValueClass)] = [("normal", configuration.range)]
                if type.isFloatingPoint { classes += [("edges", .edges), ("nan", .nan), ("inf", .infinities)] }
                for (name, values) in classes {
                    let metric: Metric = configuration.isExact || !type.isFloatingPoint ? .exact : .bound
                    for shape in name == "normal" ? [[129], [0], [], [3, 5, 7]] : [[65]] {
                        let isQuick = (type == .float32 || (type == .bfloat16 && name == "normal")) && shape.count == 1
                        cases.append(
                            ConformanceCase(
                                kind.name, type, "\(configuration.name)/\(name)/\(CaseTable.name(shape))", metric,
                                isQuick: isQuick
                            ) { builder throws(GraphError) in
                                var operands: [Term] = []
                                for _ in kind.operandNames {
                                    operands.append(try builder.operand(TensorType(type, shape), values))
                                }
                                try builder.output(builder.graph.addAll(.composite(composite), operands))
                            })
                    }
                }
            }
        }
        return cases
    }

    private static var structured: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for configuration in CompositeConfiguration.neural + CompositeConfiguration.data {
            let composite = configuration.composite
            for type in configuration.types {
                let shape = configuration.operands.first.map { CaseTable.name($0.shape) } ?? "scalar"
                cases.append(
                    ConformanceCase(
                        composite.name, type, "\(configuration.name)/\(configuration.values)/\(shape)",
                        configuration.isExact ? .exact : .bound,
                        isQuick: type == .float32 || type == configuration.types.first
                            || (type == .bfloat16 && configuration.name == "default")
                    ) { builder throws(GraphError) in
                        var operands: [Term] = []
                        for operand in configuration.operands {
                            operands.append(
                                try builder.operand(
                                    TensorType(operand.scalarType ?? type, operand.shape), operand.values))
                        }
                        try builder.output(
                            builder.graph.addAll(.composite(configuration.make?(type) ?? composite), operands))
                    })
            }
        }
        return cases
    }
}
