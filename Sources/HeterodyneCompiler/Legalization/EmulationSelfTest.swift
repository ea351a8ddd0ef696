// Heterodyne: a small graph with which a device shows that emulated float64 can rest on its float32.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
public import HeterodyneGraph

/// A small graph with which a device shows that it keeps error-free transforms: the formulas of pairs of float32 as they stand in
/// rewritten graphs. A compiler that contracts or reassociates, or a device that rounds otherwise, gives other bits.
///
/// Compile the graph with `ArithmeticMode.uncontracted`, run it on `inputs`, and ask `firstFailure`.
public struct EmulationSelfTest: Sendable {
    /// The graph; its inputs are not constants, so that nothing can be computed in advance.
    public let graph: Graph
    /// The inputs.
    public let inputs: [Literal]
    private let cases: [Case]

    /// What one pair of outputs must be.
    private struct Case: Sendable {
        let transform: Transform
        let expected: [(high: Float, low: Float)]
        /// The exact numbers, where division or square root may err in the last place.
        let exact: [Double]
    }

    private enum Transform: String, CaseIterable, Sendable {
        case exactSum = "the exact sum of two numbers"
        case sumOfSmaller = "the exact sum of a number and a smaller one"
        case exactProduct = "the exact product of two numbers"
        case add = "the sum of pairs"
        case subtract = "the difference of pairs"
        case multiply = "the product of pairs"
        case divide = "the quotient of pairs"
        case squareRoot = "the square root of a pair"

        /// The bound of the relative error, nil where the bits are checked.
        var bound: Double? {
            switch self {
            case .exactSum, .sumOfSmaller, .exactProduct, .add, .subtract, .multiply: nil
            case .divide: DoubleSingleFormat.bound(.divide) * DoubleSingleFormat.unit
            case .squareRoot: DoubleSingleFormat.bound(.squareRoot) * DoubleSingleFormat.unit
            }
        }

        func apply<Lane: FloatLane>(_ x: DoubleSingle<Lane>, _ y: DoubleSingle<Lane>) -> (Lane, Lane) {
            func parts(_ pair: DoubleSingle<Lane>) -> (Lane, Lane) { (pair.high, pair.low) }
            switch self {
            case .exactSum: return parts(exact(x.high.exactSum(y.high)))
            case .sumOfSmaller: return parts(exact(x.high.exactSum(ofSmaller: x.low)))
            case .exactProduct: return parts(exact(x.high.exactProduct(y.high)))
            case .add: return parts(x + y)
            case .subtract: return parts(x - y)
            case .multiply: return parts(x * y)
            case .divide: return parts(x / y)
            case .squareRoot: return parts(x.magnitude.squareRoot)
            }
        }

        private func exact<Lane: FloatLane>(_ sum: (high: Lane, low: Lane)) -> DoubleSingle<Lane> {
            DoubleSingle(high: sum.high, low: sum.low)
        }

        func exact(_ x: Double, _ y: Double) -> Double {
            switch self {
            case .divide: x / y
            case .squareRoot: x.magnitude.squareRoot()
            case .exactSum, .sumOfSmaller, .exactProduct, .add, .subtract, .multiply: 0
            }
        }
    }

    /// The test. Throws where the graph cannot be built.
    public init() throws(GraphError) {
        let numbers = Self.numbers(128)
        let planes = [
            numbers.map(\.x.high), numbers.map(\.x.low), numbers.map(\.y.high), numbers.map(\.y.low),
        ]
        let builder = GraphBuilder()
        var (terms, literals): ([Term], [Literal]) = ([], [])
        for (index, plane) in planes.enumerated() {
            let literal = Literal(plane)
            literals.append(literal)
            terms.append(try builder.input("plane \(index)", literal.type))
        }
        let errors = LaneErrors()
        let lanes = terms.map { TermFloat($0, errors) }
        let (x, y) = (DoubleSingle(high: lanes[0], low: lanes[1]), DoubleSingle(high: lanes[2], low: lanes[3]))
        var cases: [Case] = []
        for transform in Transform.allCases {
            let (high, low) = transform.apply(x, y)
            try errors.rethrow()
            try builder.output("\(transform.rawValue), high", high.term)
            try builder.output("\(transform.rawValue), low", low.term)
            var (expected, exact): ([(high: Float, low: Float)], [Double]) = ([], [])
            for (x, y) in numbers {
                let (high, low) = transform.apply(
                    DoubleSingle(high: HostFloat(x.high), low: HostFloat(x.low)),
                    DoubleSingle(high: HostFloat(y.high), low: HostFloat(y.low)))
                expected.append((high.value, low.value))
                exact.append(
                    transform.exact(Double(x.high) + Double(x.low), Double(y.high) + Double(y.low)))
            }
            cases.append(Case(transform: transform, expected: expected, exact: exact))
        }
        graph = try builder.build()
        inputs = literals
        self.cases = cases
    }

    /// Pairs of numbers of many magnitudes and both signs, among them some whose sums cancel.
    private static func numbers(_ count: Int) -> [(x: (high: Float, low: Float), y: (high: Float, low: Float))] {
        // SplitMix64 (Steele, Lea, Flood 2014).
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }
        func pair(_ exponent: Int) -> (high: Float, low: Float) {
            let bits = next()
            let mantissa = 1 + Double(bits >> 12) * 0x1p-52
            let value = Double(sign: bits & 1 == 0 ? .plus : .minus, exponent: exponent, significand: mantissa)
            let high = Float(value)
            return (high, Float(value - Double(high)))
        }
        return (0..<count).map { index in
            let exponent = Int(next() % 40) - 20
            let x = pair(exponent)
            // Every fourth pair nearly cancels, the others differ by up to 2^30.
            if index % 4 == 0 { return (x, (-x.high.nextUp, x.low)) }
            return (x, pair(exponent + Int(next() % 60) - 30))
        }
    }

    /// The first transform that is wrong in the outputs of the graph, for people; nil where all are right.
    public func firstFailure(in outputs: [Literal]) throws(GraphError) -> String? {
        guard outputs.count == 2 * cases.count else {
            throw GraphError(.malformedGraph, "the self-test has \(2 * cases.count) outputs, not \(outputs.count)")
        }
        for (index, test) in cases.enumerated() {
            let highs: [Float] = try outputs[2 * index].scalars()
            let lows: [Float] = try outputs[2 * index + 1].scalars()
            for (element, expected) in test.expected.enumerated() {
                let isRight: Bool
                if let bound = test.transform.bound {
                    let value = Double(highs[element]) + Double(lows[element])
                    isRight = (value - test.exact[element]).magnitude <= bound * test.exact[element].magnitude
                } else {
                    // Zeros of both signs are one number.
                    isRight = highs[element] == expected.high && lows[element] == expected.low
                }
                if !isRight {
                    return "\(test.transform.rawValue) is \(highs[element]) + \(lows[element]) where it must be "
                        + "\(expected.high) + \(expected.low)"
                }
            }
        }
        return nil
    }
}
