// Heterodyne: cases of regions, fused chains, donated inputs and concurrent runs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Cases of `if` and `while`, of chains that backends fuse, of inputs given away and of concurrent runs.
enum ControlCases {
    static var all: [ConformanceCase] { conditionals + loops + chains + donations + concurrency }

    private static var conditionals: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for type in CaseTable.floats + [.int32, .uint8] {
            for predicate in [0.0, 1] {
                cases.append(
                    ConformanceCase(
                        "if", type, "\(predicate == 1 ? "then" : "else")/normal/7x5", .bound,
                        isQuick: type == .float32 || type == .int32
                    ) { builder throws(GraphError) in
                        let full = TensorType(type, [7, 5])
                        let choice = try builder.operand(.scalar(.bool), .list([predicate]))
                        let x = try builder.operand(full)
                        let y = try builder.operand(full)
                        let then = try GraphBuilder.region([full, full]) { _, terms throws(GraphError) in
                            [try terms[0] + terms[1], terms[0]]
                        }
                        let otherwise = try GraphBuilder.region([full, full]) { _, terms throws(GraphError) in
                            [try terms[0] * terms[1], try terms[1].negate()]
                        }
                        let results = try builder.graph.conditional(choice, [x, y], then: then, otherwise: otherwise)
                        try builder.output(results)
                        try builder.output(results[0].maximum(x))
                    })
            }
        }
        return cases
    }

    private static var loops: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for type in CaseTable.floats + [.int32, .int64] {
            for count in [0, 1, 5] {
                cases.append(
                    ConformanceCase(
                        "while", type, "times-\(count)/normal/3x7", .bound, isQuick: type == .float32 || count == 5
                    ) { builder throws(GraphError) in
                        let (counter, state) = (TensorType.scalar(.int32), TensorType(type, [3, 7]))
                        let condition = try GraphBuilder.region([counter, state]) { _, terms throws(GraphError) in
                            [try terms[0].compare(.less, Double(count))]
                        }
                        let body = try GraphBuilder.region([counter, state]) { _, terms throws(GraphError) in
                            let half = type.isFloatingPoint ? 0.5 : 3
                            return [try terms[0] + 1, try terms[1] * half + 1]
                        }
                        let start = try builder.operand(counter, .list([0]))
                        let x = try builder.operand(state)
                        try builder.output(builder.graph.loop([start, x], condition: condition, body: body))
                    })
            }
        }
        cases.append(
            ConformanceCase("while", .float32, "with-if-inside/normal/9", .bound) { builder throws(GraphError) in
                let (counter, state) = (TensorType.scalar(.int64), TensorType(.float32, [9]))
                let condition = try GraphBuilder.region([counter, state]) { _, terms throws(GraphError) in
                    [try terms[0].compare(.less, 6)]
                }
                let grow = try GraphBuilder.region([state]) { _, terms throws(GraphError) in [try terms[0] * 1.5] }
                let shrink = try GraphBuilder.region([state]) { _, terms throws(GraphError) in [try terms[0].tanh()] }
                let body = try GraphBuilder.region([counter, state]) { inner, terms throws(GraphError) in
                    let isEven = try terms[0].remainder(terms[0].like(2)).compare(.equal, 0)
                    let next = try inner.conditional(isEven, [terms[1]], then: grow, otherwise: shrink)
                    return [try terms[0] + 1, next[0]]
                }
                let start = try builder.operand(counter, .list([0]))
                try builder.output(
                    builder.graph.loop([start, builder.operand(state)], condition: condition, body: body))
            })
        return cases
    }

    private struct Chain {
        let name: String
        let build: @Sendable (CaseBuilder, Term, Term) throws(GraphError) -> [Term]

        init(
            _ name: String, _ build: @escaping @Sendable (CaseBuilder, Term, Term) throws(GraphError) -> [Term]
        ) {
            self.name = name
            self.build = build
        }
    }

    /// Elementwise work around views, reductions and products, as backends fuse it.
    private static let fusible: [Chain] = [
        Chain("arithmetic") { _, x, y throws(GraphError) in [try (x + y) * x - y / 2 + 1] },
        Chain("functions") { _, x, y throws(GraphError) in [try (x.tanh() * y.exp()).abs().sqrt() + x.sin()] },
        Chain("choice") { _, x, y throws(GraphError) in [try x.compare(.less, y).select(x * 2, y - 1)] },
        Chain("several-results") { _, x, y throws(GraphError) in
            let sum = try x + y
            return [sum, try sum * sum, try sum.compare(.greater, 0), try sum.convert(.int32)]
        },
        Chain("with-views") { _, x, y throws(GraphError) in
            let turned = try x.transpose([1, 0]).reverse([0])
            return [try (turned * 2 + y.transpose([1, 0])).transpose([1, 0]) - x]
        },
        Chain("with-broadcast") { _, x, y throws(GraphError) in
            let row = try x.slice([0, 0], [1, 33]).broadcast(x.shape, dimensions: [0, 1])
            let column = try y.slice([0, 4], [7, 5]).broadcast(x.shape, dimensions: [0, 1])
            return [try row * column + x]
        },
        Chain("softmax-by-hand") { _, x, _ throws(GraphError) in
            let shifted = try x - x.reduce(.maximum, [1]).broadcast(x.shape, dimensions: [0])
            let powers = try shifted.exp()
            return [try powers / powers.reduce(.sum, [1]).broadcast(x.shape, dimensions: [0])]
        },
        Chain("reduction-of-chain") { _, x, y throws(GraphError) in
            [try (x * y + 1).reduce(.sum, [1]), try (x - y).abs().reduce(.maximum, [0])]
        },
        Chain("product-epilogue") { builder, x, y throws(GraphError) in
            let product = try x.dot(y, DotDimensions(leftContracting: [1], rightContracting: [1]))
            let bias = try builder.operand(TensorType(x.scalarType, [7]))
            return [try (product + bias.broadcast(product.shape, dimensions: [1])).maximum(product.like(0))]
        },
        Chain("two-products") { _, x, y throws(GraphError) in
            let first = try x.dot(y, DotDimensions(leftContracting: [1], rightContracting: [1]))
            return [try first.dot(y.tanh(), DotDimensions(leftContracting: [1], rightContracting: [0]))]
        },
        Chain("inputs-returned") { _, x, y throws(GraphError) in [y, try x + y, x] },
        Chain("long") { _, x, y throws(GraphError) in
            var term = x
            for step in 0..<40 { term = try (term + y * (0.01 * Double(step))) * 0.97 }
            return [term]
        },
        Chain("conversions") { _, x, y throws(GraphError) in
            let narrow = try (x * 20).convert(.int8).convert(.float32) * 0.25
            return [try narrow.convert(x.scalarType) + y, try x.compare(.greater, y).convert(x.scalarType) * y]
        },
    ]

    private static var chains: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for chain in fusible {
            for type in CaseTable.floats {
                for values in [ValueClass.normal, .infinities, .nan] {
                    let isQuick = values == .normal && type != .float64
                    cases.append(
                        ConformanceCase("chain", type, "\(chain.name)/\(values.name)/7x33", .bound, isQuick: isQuick) {
                            builder throws(GraphError) in
                            let full = TensorType(type, [7, 33])
                            let x = try builder.operand(full, values)
                            let y = try builder.operand(full)
                            try builder.output(chain.build(builder, x, y))
                        })
                }
            }
        }
        return cases
    }

    /// Inputs that the program may overwrite.
    private static var donations: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for chain in fusible where chain.name != "inputs-returned" {
            var donated = ConformanceCase("donation", .float32, "\(chain.name)/normal/7x33", .bound) {
                builder throws(GraphError) in
                let full = TensorType(.float32, [7, 33])
                let (x, y) = (try builder.operand(full), try builder.operand(full))
                try builder.output(chain.build(builder, x, y))
            }
            donated.donatedInputs = [0]
            cases.append(donated)
        }
        for type in [ScalarType.float32, .uint8, .int64] {
            for name in ["update", "scatter", "reverse", "unchanged"] {
                var donated = ConformanceCase("donation", type, "\(name)/normal/9x5", .exact) {
                    builder throws(GraphError) in
                    let x = try builder.operand(TensorType(type, [9, 5]))
                    switch name {
                    case "update":
                        let start = try builder.operand(.scalar(.int32), .list([3]))
                        let update = try builder.operand(TensorType(type, [2, 5]))
                        try builder.output(x.dynamicUpdateSlice(update, [start, start.like(0)]))
                    case "scatter":
                        let indices = try builder.operand(TensorType(.int32, [4, 1]), .range(-1, 10))
                        let updates = try builder.operand(TensorType(type, [4, 5]))
                        try builder.output(x.scatter(.set, indices, updates, dimensions: [0]))
                    case "reverse": try builder.output(x.reverse([0]).maximum(x))
                    default: try builder.output([x, x.maximum(x.like(3))])
                    }
                }
                donated.donatedInputs = [0]
                cases.append(donated)
            }
        }
        return cases
    }

    /// One program run by several threads at the same time, and compiled for different numbers of threads.
    private static var concurrency: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for (name, threads) in [("any-threads", Int?.none), ("one-thread", 1), ("four-threads", 4)] {
            for chain in fusible where ["product-epilogue", "softmax-by-hand", "functions"].contains(chain.name) {
                var concurrent = ConformanceCase("concurrency", .float32, "\(chain.name)/\(name)/7x33", .bound) {
                    builder throws(GraphError) in
                    let full = TensorType(.float32, [7, 33])
                    let (x, y) = (try builder.operand(full), try builder.operand(full))
                    try builder.output(chain.build(builder, x, y))
                }
                concurrent.threads = threads
                concurrent.concurrency = 4
                cases.append(concurrent)
            }
            // Large enough that a device which splits work splits it.
            var large = ConformanceCase("concurrency", .float32, "large/\(name)/129x257", .bound) {
                builder throws(GraphError) in
                let x = try builder.operand(TensorType(.float32, [129, 257]))
                let y = try builder.operand(TensorType(.float32, [65, 257]))
                let product = try x.dot(y, DotDimensions(leftContracting: [1], rightContracting: [1]))
                try builder.output([product.tanh(), (x * 2 + 1).reduce(.sum, [0])])
            }
            large.threads = threads
            large.concurrency = 4
            cases.append(large)
        }
        return cases
    }
}
