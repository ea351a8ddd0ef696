// Heterodyne: cases of sums of products and of reductions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Cases of `dot` and `reduce`.
enum ContractionCases {
    static var all: [ConformanceCase] { dots + mixedDots + reductions }

    private struct Product {
        let name: String
        let left: [Int]
        let right: [Int]
        let dimensions: DotDimensions

        init(
            _ name: String, _ left: [Int], _ right: [Int], _ contracting: ([Int], [Int]),
            batch: ([Int], [Int]) = ([], [])
        ) {
            self.name = name
            self.left = left
            self.right = right
            dimensions = DotDimensions(
                leftBatch: batch.0, rightBatch: batch.1, leftContracting: contracting.0,
                rightContracting: contracting.1)
        }

        var shape: String { "\(CaseTable.name(left))-\(CaseTable.name(right))" }
    }

    private static let products = [
        Product("plain", [7, 5], [5, 3], ([1], [0])),
        Product("plain", [33, 65], [65, 31], ([1], [0])),
        Product("plain", [31, 129], [129, 33], ([1], [0])),
        Product("transposed-lhs", [65, 33], [65, 31], ([0], [0])),
        Product("transposed-rhs", [33, 65], [31, 65], ([1], [1])),
        Product("transposed-both", [65, 33], [31, 65], ([0], [1])),
        Product("row-vector", [1, 127], [127, 33], ([1], [0])),
        Product("column-vector", [33, 127], [127, 1], ([1], [0])),
        Product("vector-matrix", [63], [63, 31], ([0], [0])),
        Product("matrix-vector", [31, 63], [63], ([1], [0])),
        Product("inner", [257], [257], ([0], [0])),
        Product("outer", [31], [33], ([], [])),
        Product("skinny", [129, 3], [3, 2], ([1], [0])),
        Product("k1", [7, 1], [1, 9], ([1], [0])),
        Product("k0", [3, 0], [0, 5], ([1], [0])),
        Product("m0", [0, 4], [4, 5], ([1], [0])),
        Product("n0", [3, 4], [4, 0], ([1], [0])),
        Product("scalars", [], [], ([], [])),
        Product("batch", [3, 7, 5], [3, 5, 9], ([2], [1]), batch: ([0], [0])),
        Product("batch-transposed", [3, 7, 5], [3, 9, 5], ([2], [2]), batch: ([0], [0])),
        Product("batch-heads", [2, 3, 7, 5], [2, 3, 9, 5], ([3], [3]), batch: ([0, 1], [0, 1])),
        Product("batch-inside", [7, 3, 5], [5, 9, 3], ([2], [0]), batch: ([1], [2])),
        Product("batch0", [0, 3, 5], [0, 5, 2], ([2], [1]), batch: ([0], [0])),
        Product("two-contracted", [3, 5, 7], [5, 7, 2], ([1, 2], [0, 1])),
        Product("two-contracted-crossed", [3, 5, 7], [7, 5, 2], ([1, 2], [1, 0])),
        Product("free-first", [4, 7, 5], [5, 2, 3], ([2], [0])),
    ]

    private static var dots: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for product in products {
            for type in CaseTable.floats + CaseTable.integers {
                let isMain = type == .float32
                let isQuick =
                    isMain || (["plain", "batch", "k0"].contains(product.name) && product.left.count != 2)
                    || product.left == [7, 5]
                func add(_ values: String, _ left: ValueClass, _ right: ValueClass, _ layout: CaseLayout = .contiguous)
                {
                    let prefix = layout == .contiguous ? product.name : "\(product.name)-\(layout.rawValue)"
                    cases.append(
                        ConformanceCase(
                            "dot", type, "\(prefix)/\(values)/\(product.shape)",
                            type.isFloatingPoint ? .bound : .exact,
                            isQuick: isQuick && (layout == .contiguous || product.left == [7, 5])
                        ) { builder throws(GraphError) in
                            let x = try builder.operand(TensorType(type, product.left), left, layout: layout)
                            let y = try builder.operand(TensorType(type, product.right), right, layout: layout)
                            try builder.output(x.dot(y, product.dimensions))
                        })
                }
                add("normal", .normal, .normal)
                if product.name == "plain" || product.name == "batch" {
                    if type.isFloatingPoint {
                        add("nan", .nan, .normal)
                        add("inf", .normal, .infinities)
                        add("denormal", .denormal, .normal)
                    } else {
                        add("huge", .huge, .huge)
                    }
                    for layout in CaseLayout.allCases where layout != .contiguous {
                        add("normal", .normal, .normal, layout)
                    }
                }
            }
        }
        return cases
    }

    /// Types of operands, accumulation and result that differ.
    private static var mixedDots: [ConformanceCase] {
        let types: [(ScalarType, ScalarType, ScalarType, ScalarType)] = [
            (.int8, .int8, .int32, .int32), (.uint8, .int8, .int32, .int32), (.int8, .uint8, .int32, .int32),
            (.uint8, .uint8, .int32, .int32), (.uint8, .uint8, .uint32, .uint32), (.int16, .int16, .int64, .int64),
            (.float16, .float16, .float32, .float32), (.bfloat16, .bfloat16, .float32, .float32),
            (.float16, .float16, .float16, .float16), (.bfloat16, .bfloat16, .bfloat16, .bfloat16),
            (.float32, .float32, .float64, .float32), (.float32, .float32, .float32, .float64),
            (.float32, .float32, .float32, .bfloat16), (.float64, .float64, .float32, .float32),
        ]
        return types.map { left, right, accumulation, result in
            ConformanceCase(
                "dot", left, "times-\(right)-in-\(accumulation)-to-\(result)/normal/7x33-33x9",
                left.isFloatingPoint ? .bound : .exact
            ) { builder throws(GraphError) in
                let values: ValueClass = left.isFloatingPoint ? .normal : .bits
                let x = try builder.operand(TensorType(left, [7, 33]), values)
                let y = try builder.operand(TensorType(right, [33, 9]), values)
                try builder.output(
                    x.dot(
                        y, DotDimensions(leftContracting: [1], rightContracting: [0]), accumulation: accumulation,
                        result: result))
            }
        }
    }

    private static let reducedShapes: [([Int], [Int])] = [
        ([257], [0]), ([7, 33], [1]), ([33, 7], [0]), ([3, 5, 7], [0, 2]), ([3, 5, 7], [1]), ([3, 5, 7], [0, 1, 2]),
        ([2, 3, 2, 3, 2, 3], [1, 4]), ([5, 0], [1]), ([0, 5], [1]), ([1, 65], [0]), ([3, 127], [1]),
    ]

    private static var reductions: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for kind in ReductionKind.allCases {
            for type in [.bool] + CaseTable.integers + CaseTable.floats where kind.takes(type) {
                let isSum = type.isFloatingPoint && (kind == .sum || kind == .product)
                for (shape, dimensions) in reducedShapes {
                    var classes: [(String, ValueClass)] = [
                        ("normal", kind == .product && type.isFloatingPoint ? .range(0.7, 1.4) : .normal)
                    ]
                    if shape == [7, 33] || shape == [33, 7] || shape == [257] {
                        if isSum {
                            classes += [("nan", .nan), ("inf", .infinities), ("zeros", .zeros)]
                            if kind == .sum { classes += [("denormal", .denormal)] }
                        } else if type != .bool {
                            classes += [("edges", .edges)]
                        }
                    }
                    for (name, values) in classes {
                        let axes = dimensions.map(String.init).joined(separator: ",")
                        let isMain = [.float32, .int32, .bfloat16, .bool].contains(type)
                        cases.append(
                            ConformanceCase(
                                "reduce", type, "\(kind.rawValue)-\(axes)/\(name)/\(CaseTable.name(shape))",
                                isSum ? .bound : .exact, isQuick: isMain || shape == [7, 33]
                            ) { builder throws(GraphError) in
                                let x = try builder.operand(TensorType(type, shape), values)
                                try builder.output(x.reduce(kind, dimensions))
                            })
                    }
                }
                for layout in CaseLayout.allCases where layout != .contiguous {
                    cases.append(
                        ConformanceCase(
                            "reduce", type, "\(kind.rawValue)-1-\(layout.rawValue)/normal/7x33",
                            isSum ? .bound : .exact, isQuick: type == .float32
                        ) { builder throws(GraphError) in
                            let values = ValueClass.range(0.7, 1.4)
                            let x = try builder.operand(TensorType(type, [7, 33]), values, layout: layout)
                            try builder.output(x.reduce(kind, [1]))
                        })
                }
            }
        }
        return cases
    }
}
