// Heterodyne: cases of the elementwise primitives.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Cases of the elementwise primitives: every operator in every type that it takes, for every class of values, and in
/// every layout.
enum ElementwiseCases {
    static var all: [ConformanceCase] {
        unary + binary + comparisons + selections + conversions + layouts
    }

    static func metric(_ op: UnaryOperator, _ type: ScalarType) -> Metric {
        switch op {
        case .negate, .abs, .floor: .exact
        case .exp, .log, .sqrt, .sin, .cos, .tanh: .ulp(op.code)
        }
    }

    static func metric(_ op: BinaryOperator, _ type: ScalarType) -> Metric {
        guard type.isFloatingPoint else { return .exact }
        return switch op {
        case .add, .subtract, .multiply, .divide, .power: .ulp(op.code)
        case .maximum, .minimum, .remainder, .and, .or, .xor, .shiftLeft, .shiftRight: .exact
        }
    }

    /// Where a function varies, beside the classes that every operator gets.
    static func domain(_ op: UnaryOperator) -> [(String, ValueClass)] {
        switch op {
        case .exp: [("underflow", .range(-110, -80)), ("range", .range(-20, 20)), ("overflow", .range(80, 95))]
        case .log: [("near1", .range(0.5, 2)), ("range", .range(1e-3, 1e3))]
        case .sqrt: [("range", .range(0, 1e4))]
        case .sin, .cos: [("period", .range(-3.2, 3.2)), ("range", .range(-32768, 32768))]
        case .tanh: [("near0", .range(-0.3, 0.3)), ("range", .range(-12, 12))]
        case .negate, .abs, .floor: []
        }
    }

    static let floatClasses: [(String, ValueClass)] = [
        ("normal", .normal), ("tiny", .tiny), ("huge", .huge), ("denormal", .denormal), ("edges", .edges),
    ]
    static let integerClasses: [(String, ValueClass)] = [("normal", .normal), ("edges", .edges)]

    private static var unary: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for op in UnaryOperator.allCases {
            let types = CaseTable.floats + (op.takesIntegers ? CaseTable.integers : [])
            for type in types {
                let classes = type.isFloatingPoint ? floatClasses + domain(op) : integerClasses
                for (name, values) in classes {
                    let extent = CaseTable.extent("\(op)\(type)\(name)")
                    cases.append(
                        ConformanceCase(
                            op.rawValue, type, "contiguous/\(name)/\(extent)", metric(op, type)
                        ) { builder throws(GraphError) in
                            try builder.output(builder.operand(TensorType(type, [extent]), values).unary(op))
                        })
                }
            }
        }
        return cases
    }

    private static var binary: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for op in BinaryOperator.allCases {
            for type in [.bool] + CaseTable.integers + CaseTable.floats where op.takes(type) {
                cases.append(
                    ConformanceCase(op.rawValue, type, "contiguous/edges/pairs", metric(op, type)) {
                        builder throws(GraphError) in
                        let (x, y) = try builder.edgePairs(type)
                        try builder.output(x.binary(op, y))
                    })
                guard type != .bool else { continue }
                for (name, values, others) in operandClasses(op, type) {
                    let extent = CaseTable.extent("\(op)\(type)\(name)")
                    cases.append(
                        ConformanceCase(
                            op.rawValue, type, "contiguous/\(name)/\(extent)", metric(op, type)
                        ) { builder throws(GraphError) in
                            let x = try builder.operand(TensorType(type, [extent]), values)
                            let y = try builder.operand(TensorType(type, [extent]), others)
                            try builder.output(x.binary(op, y))
                        })
                }
            }
        }
        return cases
    }

    /// Classes for the two operands.
    static func operandClasses(
        _ op: BinaryOperator, _ type: ScalarType
    ) -> [(String, ValueClass, ValueClass)] {
        guard type.isFloatingPoint else {
            switch op {
            case .shiftLeft, .shiftRight:
                return [("amounts", .bits, .range(0, Double(type.bitWidth + 2)))]
            case .divide, .remainder: return [("normal", .bits, .range(1, 100))]
            case .power: return [("normal", .range(0, 9), .range(0, 5))]
            default: return [("normal", .normal, .normal), ("huge", .huge, .huge)]
            }
        }
        if op == .power { return [("normal", .range(0.05, 8), .range(-8, 8)), ("whole", .normal, .list([2, 3, -1]))] }
        return [
            ("normal", .normal, .normal), ("tiny", .tiny, .tiny), ("huge", .huge, .huge),
            ("denormal", .denormal, .normal),
        ]
    }

    private static var comparisons: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for direction in ComparisonDirection.allCases {
            for type in [.bool] + CaseTable.integers + CaseTable.floats {
                cases.append(
                    ConformanceCase("compare", type, "contiguous/\(direction.rawValue)/pairs", .exact) {
                        builder throws(GraphError) in
                        let (x, y) = try builder.edgePairs(type)
                        try builder.output(x.compare(direction, y))
                    })
            }
        }
        return cases
    }

    private static var selections: [ConformanceCase] {
        ScalarType.allCases.map { type in
            let extent = CaseTable.extent("select\(type)")
            return ConformanceCase("select", type, "contiguous/bits/\(extent)", .exact) { builder throws(GraphError) in
                let condition = try builder.operand(TensorType(.bool, [extent]))
                let a = try builder.operand(TensorType(type, [extent]), .bits)
                let b = try builder.operand(TensorType(type, [extent]), .bits)
                try builder.output(condition.select(a, b))
            }
        }
    }

    private static var conversions: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for type in ScalarType.allCases {
            for target in ScalarType.allCases where target != type {
                let classes: [(String, ValueClass)] = [("edges", .edges), ("bits", .bits)]
                for (name, values) in classes {
                    let count = name == "edges" ? ValueClass.edges(of: type).count : 65
                    cases.append(
                        ConformanceCase(
                            "convert", type, "to-\(target)/\(name)/\(count)", .exact, isQuick: name == "edges"
                        ) { builder throws(GraphError) in
                            try builder.output(builder.operand(TensorType(type, [count]), values).convert(target))
                        })
                }
                guard type.bitWidth == target.bitWidth, type != .bool, target != .bool else { continue }
                cases.append(
                    ConformanceCase("bitcast", type, "to-\(target)/bits/33", .exact) { builder throws(GraphError) in
                        try builder.output(builder.operand(TensorType(type, [33]), .bits).bitcast(target))
                    })
            }
        }
        return cases
    }

    /// Operands that are views, empty tensors, scalars and tensors of many dimensions.
    private static var layouts: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        let shapes = [[7, 33], [0, 5], [], [2, 1, 3, 1, 2, 1, 2, 3], [257], [3, 1, 65]]
        let quick: [BinaryOperator] = [.add, .maximum, .xor]
        for op in BinaryOperator.allCases {
            for type in [.bool] + CaseTable.integers + CaseTable.floats where op.takes(type) {
                for layout in CaseLayout.allCases {
                    for shape in shapes where layout == .contiguous || (!shape.isEmpty && shape[0] > 0) {
                        let isMain = quick.contains(op) && [.int32, .float32, .bool].contains(type)
                        cases.append(
                            ConformanceCase(
                                op.rawValue, type, "\(layout.rawValue)/positive/\(CaseTable.name(shape))",
                                metric(op, type), isQuick: isMain
                            ) { builder throws(GraphError) in
                                let full = TensorType(type, shape)
                                let positive = ValueClass.range(1, 4)
                                let x = try builder.operand(full, positive, layout: layout)
                                let y = try builder.operand(full, positive, layout: .contiguous)
                                // Twice, so that the view stands on either side.
                                try builder.output(x.binary(op, y))
                                try builder.output(y.binary(op, x))
                            })
                    }
                }
            }
        }
        for op in UnaryOperator.allCases {
            for layout in CaseLayout.allCases where layout != .contiguous {
                for type in CaseTable.floats {
                    cases.append(
                        ConformanceCase(
                            op.rawValue, type, "\(layout.rawValue)/positive/7x33", metric(op, type),
                            isQuick: type == .float32 && (op == .exp || layout == .transposed)
                        ) { builder throws(GraphError) in
                            let x = try builder.operand(TensorType(type, [7, 33]), .range(0.1, 4), layout: layout)
                            try builder.output(x.unary(op))
                        })
                }
            }
        }
        return cases
    }
}
