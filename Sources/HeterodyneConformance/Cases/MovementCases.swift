// Heterodyne: cases of the primitives that move elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Cases of the primitives that move elements, in every type, with any bits as data.
enum MovementCases {
    private struct Variant {
        let operation: String
        let name: String
        let shape: [Int]
        let build: @Sendable (CaseBuilder, Term) throws(GraphError) -> Term

        init(
            _ operation: String, _ name: String, _ shape: [Int],
            _ build: @escaping @Sendable (CaseBuilder, Term) throws(GraphError) -> Term
        ) {
            self.operation = operation
            self.name = name
            self.shape = shape
            self.build = build
        }
    }

    static var all: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for variant in reshapes + transposes + slices + pads {
            for type in ScalarType.allCases {
                cases.append(
                    ConformanceCase(
                        variant.operation, type, "\(variant.name)/bits/\(CaseTable.name(variant.shape))", .exact,
                        isQuick: CaseTable.widths.contains(type)
                    ) { builder throws(GraphError) in
                        let x = try builder.operand(TensorType(type, variant.shape), .bits)
                        try builder.output(variant.build(builder, x))
                    })
            }
        }
        return cases + concatenations + sources
    }

    private static var reshapes: [Variant] {
        [
            Variant("reshape", "flatten", [3, 7, 5]) { _, x throws(GraphError) in try x.reshape([105]) },
            Variant("reshape", "split", [33]) { _, x throws(GraphError) in try x.reshape([3, 1, 11]) },
            Variant("reshape", "empty", [0, 3]) { _, x throws(GraphError) in try x.reshape([7, 0]) },
            Variant("reshape", "scalar", [1, 1]) { _, x throws(GraphError) in try x.reshape([Int]()) },
            Variant("reshape", "of-transposed", [3, 5]) { _, x throws(GraphError) in
                try x.transpose([1, 0]).reshape([15])
            },
            Variant("broadcast", "rows", [7]) { _, x throws(GraphError) in try x.broadcast([5, 7], dimensions: [1]) },
            Variant("broadcast", "columns", [7]) { _, x throws(GraphError) in
                try x.broadcast([7, 5], dimensions: [0])
            },
            Variant("broadcast", "from-ones", [1, 3, 1]) { _, x throws(GraphError) in
                try x.broadcast([4, 3, 5], dimensions: [0, 1, 2])
            },
            Variant("broadcast", "scalar", []) { _, x throws(GraphError) in
                try x.broadcast([3, 31], dimensions: [])
            },
            Variant("broadcast", "to-empty", [1, 3]) { _, x throws(GraphError) in
                try x.broadcast([0, 3], dimensions: [0, 1])
            },
        ]
    }

    private static var transposes: [Variant] {
        [
            Variant("transpose", "2d", [33, 65]) { _, x throws(GraphError) in try x.transpose([1, 0]) },
            Variant("transpose", "2d-small", [3, 7]) { _, x throws(GraphError) in try x.transpose([1, 0]) },
            Variant("transpose", "batched", [3, 7, 5]) { _, x throws(GraphError) in try x.transpose([0, 2, 1]) },
            Variant("transpose", "outer", [3, 7, 5]) { _, x throws(GraphError) in try x.transpose([1, 0, 2]) },
            Variant("transpose", "heads", [2, 3, 4, 5]) { _, x throws(GraphError) in try x.transpose([0, 2, 1, 3]) },
            Variant("transpose", "rank8", [2, 1, 3, 1, 2, 1, 2, 3]) { _, x throws(GraphError) in
                try x.transpose([7, 3, 0, 5, 2, 6, 1, 4])
            },
            Variant("transpose", "empty", [3, 0, 5]) { _, x throws(GraphError) in try x.transpose([2, 0, 1]) },
            Variant("reverse", "last", [3, 7]) { _, x throws(GraphError) in try x.reverse([1]) },
            Variant("reverse", "first", [5, 3]) { _, x throws(GraphError) in try x.reverse([0]) },
            Variant("reverse", "all", [3, 2, 5]) { _, x throws(GraphError) in try x.reverse([0, 1, 2]) },
            Variant("reverse", "vector", [65]) { _, x throws(GraphError) in try x.reverse([0]) },
        ]
    }

    private static var slices: [Variant] {
        [
            Variant("slice", "rows", [9, 7]) { _, x throws(GraphError) in try x.slice([2, 0], [7, 7]) },
            Variant("slice", "columns", [5, 9]) { _, x throws(GraphError) in try x.slice([0, 3], [5, 8]) },
            Variant("slice", "strided", [9, 11]) { _, x throws(GraphError) in
                try x.slice([1, 2], [9, 11], strides: [3, 2])
            },
            Variant("slice", "empty", [4, 5]) { _, x throws(GraphError) in try x.slice([2, 0], [2, 5]) },
            Variant("slice", "one", [65]) { _, x throws(GraphError) in try x.slice([33], [34]) },
            Variant("slice", "far-stride", [257]) { _, x throws(GraphError) in
                try x.slice([5], [257], strides: [63])
            },
            Variant("slice", "of-reversed", [7, 6]) { _, x throws(GraphError) in
                try x.reverse([1]).slice([0, 1], [7, 6], strides: [1, 2])
            },
        ]
    }

    private static var pads: [Variant] {
        func pad(_ name: String, _ shape: [Int], _ low: [Int], _ high: [Int], _ interior: [Int]) -> Variant {
            Variant("pad", name, shape) { builder, x throws(GraphError) in
                let value = try builder.operand(TensorType.scalar(x.scalarType), .bits)
                return try x.pad(value, low: low, high: high, interior: interior)
            }
        }
        return [
            pad("edges", [3, 5], [1, 2], [2, 1], [0, 0]), pad("interior", [3, 5], [0, 1], [1, 0], [2, 1]),
            pad("crop", [5, 7], [-1, 0], [-2, 3], [0, 0]), pad("crop-interior", [5, 3], [-2, 1], [-1, 1], [1, 2]),
            pad("from-empty", [0, 3], [2, 0], [1, 0], [0, 0]), pad("vector", [31], [33], [1], [0]),
        ]
    }

    private static var concatenations: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        let variants: [(String, Int, [[Int]])] = [
            ("first", 0, [[3, 5], [1, 5], [4, 5]]), ("last", 1, [[3, 5], [3, 1], [3, 7]]),
            ("with-empty", 0, [[0, 3], [2, 3]]), ("middle", 1, [[2, 3, 3], [2, 2, 3]]),
            ("many", 0, [[1], [2], [3], [4], [5], [6], [7], [8], [9]]),
        ]
        for (name, dimension, shapes) in variants {
            for type in ScalarType.allCases {
                cases.append(
                    ConformanceCase(
                        "concatenate", type, "\(name)/bits/\(CaseTable.name(shapes[0]))", .exact,
                        isQuick: CaseTable.widths.contains(type)
                    ) { builder throws(GraphError) in
                        var terms: [Term] = []
                        for shape in shapes { terms.append(try builder.operand(TensorType(type, shape), .bits)) }
                        try builder.output(builder.graph.concatenate(terms, dimension: dimension))
                    })
            }
        }
        return cases
    }

    /// Constants and counters, computed on the device.
    private static var sources: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for type in ScalarType.allCases {
            var constant = ConformanceCase("constant", type, "dense/bits/33", .exact) { builder throws(GraphError) in
                var random = SplitMix("constant \(type)")
                let shape = TensorType(type, [33])
                let literal = try Literal(bits: ValueClass.bits.bits(type, count: 33, &random), type: shape)
                try builder.output(builder.graph.constant(literal))
                try builder.output(
                    builder.graph.constant(Literal(splatBits: literal.bits(at: 0), type: TensorType(type, [3, 5]))))
            }
            constant.folds = false
            cases.append(constant)
            guard type.isArithmetic else { continue }
            for dimension in 0..<3 {
                var iota = ConformanceCase("iota", type, "dimension-\(dimension)/count/3x129x2", .exact) {
                    builder throws(GraphError) in
                    try builder.output(builder.graph.iota(TensorType(type, [3, 129, 2]), dimension: dimension))
                }
                iota.folds = false
                cases.append(iota)
            }
        }
        return cases
    }
}
