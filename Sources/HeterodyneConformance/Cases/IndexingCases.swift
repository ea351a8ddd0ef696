// Heterodyne: cases of the primitives whose positions are data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Cases of `gather`, `scatter`, the dynamic slices and `sort`.
enum IndexingCases {
    static var all: [ConformanceCase] { gathers + scatters + dynamicSlices + sorts }

    private static let indexTypes: [ScalarType] = [.int32, .int64]

    private struct Addressing {
        let name: String
        let shape: [Int]
        let indices: [Int]
        let dimensions: [Int]
    }

    private static let addressings = [
        Addressing(name: "rows", shape: [9, 7], indices: [5, 1], dimensions: [0]),
        Addressing(name: "columns", shape: [5, 9], indices: [4, 1], dimensions: [1]),
        Addressing(name: "elements", shape: [5, 7], indices: [11, 2], dimensions: [0, 1]),
        Addressing(name: "swapped", shape: [4, 5, 3], indices: [3, 2, 2], dimensions: [1, 0]),
        Addressing(name: "nothing", shape: [4, 3], indices: [0, 1], dimensions: [0]),
        Addressing(name: "whole", shape: [3, 5], indices: [2, 0], dimensions: []),
    ]

    private static func updateShape(_ addressing: Addressing) -> [Int] {
        addressing.indices.dropLast()
            + addressing.shape.indices.filter { !addressing.dimensions.contains($0) }.map { addressing.shape[$0] }
    }

    private static var gathers: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for addressing in addressings {
            for type in ScalarType.allCases {
                for indexType in indexTypes {
                    for (name, range) in [("inside", ValueClass.range(0, 2)), ("outside", .range(-12, 12))] {
                        cases.append(
                            ConformanceCase(
                                "gather", type,
                                "\(addressing.name)-\(indexType)/\(name)/\(CaseTable.name(addressing.shape))", .exact,
                                isQuick: CaseTable.widths.contains(type)
                                    && (indexType == .int64) == (addressing.name == "rows")
                            ) { builder throws(GraphError) in
                                let x = try builder.operand(TensorType(type, addressing.shape), .bits)
                                let indices = try builder.operand(TensorType(indexType, addressing.indices), range)
                                try builder.output(x.gather(indices, dimensions: addressing.dimensions))
                            })
                    }
                }
            }
        }
        cases.append(
            ConformanceCase("gather", .float32, "rows-int64/extreme/9x7", .exact) { builder throws(GraphError) in
                let x = try builder.operand(TensorType(.float32, [9, 7]))
                let indices = try builder.operand(TensorType(.int64, [16, 1]), .edges)
                try builder.output(x.gather(indices, dimensions: [0]))
            })
        return cases
    }

    private static var scatters: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for mode in ScatterMode.allCases {
            for addressing in addressings where !(addressing.name == "whole" && mode == .set) {
                for type in ScalarType.allCases where mode == .set || type.isArithmetic {
                    let isSum = (mode == .add || mode == .multiply) && type.isFloatingPoint
                    for (name, range) in [("repeated", ValueClass.range(0, 2)), ("outside", .range(-9, 9))] {
                        let isQuick =
                            mode == .set
                            ? CaseTable.widths.contains(type) : [.float32, .int32, .bfloat16].contains(type)
                        cases.append(
                            ConformanceCase(
                                "scatter", type,
                                "\(mode.rawValue)-\(addressing.name)/\(name)/\(CaseTable.name(addressing.shape))",
                                isSum ? .bound : .exact, isQuick: isQuick
                            ) { builder throws(GraphError) in
                                let values: ValueClass = mode == .set ? .bits : .normal
                                let x = try builder.operand(TensorType(type, addressing.shape), values)
                                let indices = try builder.operand(TensorType(.int64, addressing.indices), range)
                                let updates = try builder.operand(TensorType(type, updateShape(addressing)), values)
                                try builder.output(
                                    x.scatter(mode, indices, updates, dimensions: addressing.dimensions))
                            })
                    }
                }
            }
        }
        for mode in [ScatterMode.maximum, .minimum, .set] {
            cases.append(
                ConformanceCase("scatter", .float32, "\(mode.rawValue)-rows/nan/9x7", .exact) {
                    builder throws(GraphError) in
                    let x = try builder.operand(TensorType(.float32, [9, 7]), .nan)
                    let indices = try builder.operand(TensorType(.int32, [12, 1]), .range(0, 8))
                    let updates = try builder.operand(TensorType(.float32, [12, 7]), .edges)
                    try builder.output(x.scatter(mode, indices, updates, dimensions: [0]))
                })
        }
        return cases
    }

    private static var dynamicSlices: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for type in ScalarType.allCases {
            for indexType in indexTypes {
                for (name, starts) in [("inside", [1.0, 2]), ("below", [-3.0, -100]), ("above", [100.0, 5])] {
                    let isQuick = CaseTable.widths.contains(type) && (indexType == .int32) == (name == "below")
                    @Sendable func start(_ builder: CaseBuilder) throws(GraphError) -> [Term] {
                        var terms: [Term] = []
                        for value in starts {
                            terms.append(try builder.operand(.scalar(indexType), .list([value])))
                        }
                        return terms
                    }
                    cases.append(
                        ConformanceCase(
                            "dynamicSlice", type, "\(indexType)/\(name)/5x7", .exact, isQuick: isQuick
                        ) { builder throws(GraphError) in
                            let x = try builder.operand(TensorType(type, [5, 7]), .bits)
                            try builder.output(x.dynamicSlice(start(builder), sizes: [2, 3]))
                        })
                    cases.append(
                        ConformanceCase(
                            "dynamicUpdateSlice", type, "\(indexType)/\(name)/5x7", .exact, isQuick: isQuick
                        ) { builder throws(GraphError) in
                            let x = try builder.operand(TensorType(type, [5, 7]), .bits)
                            let update = try builder.operand(TensorType(type, [2, 3]), .bits)
                            try builder.output(x.dynamicUpdateSlice(update, start(builder)))
                        })
                }
            }
        }
        return cases
    }

    private static var sorts: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        let shapes: [([Int], Int)] = [
            ([65], 0), ([7, 33], 1), ([31, 3], 0), ([3, 9, 2], 1), ([4, 0], 1), ([5, 1], 1),
        ]
        for type in [.bool] + CaseTable.integers + CaseTable.floats {
            for (shape, dimension) in shapes {
                for isDescending in [false, true] {
                    for (name, values) in [("ties", ValueClass.range(0, 3)), ("edges", .edges)] {
                        cases.append(
                            ConformanceCase(
                                "sort", type,
                                "\(isDescending ? "descending" : "ascending")-\(dimension)/\(name)/"
                                    + CaseTable.name(shape), .exact,
                                isQuick: [.float32, .int64, .bfloat16, .uint8].contains(type) || shape == [65]
                            ) { builder throws(GraphError) in
                                let x = try builder.operand(TensorType(type, shape), values)
                                try builder.output(
                                    x.sortPermutation(
                                        dimension: dimension, descending: isDescending,
                                        indexType: isDescending ? .int32 : .int64))
                            })
                    }
                }
            }
        }
        return cases
    }
}
