// Heterodyne: runs graphs on the OpenBLAS backend and compares them with the reference.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOpenBLAS
import HeterodyneReference
import Testing

/// A reproducible stream of random numbers (SplitMix64, Steele et al. 2014).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// How close results have to be.
enum Closeness {
    /// The same bits; all NaN are one.
    case exact
    /// At most so many units in the last place of the result type.
    case ulp(Double)
    /// At most so many units in the last place, or an absolute difference where the definition itself cancels.
    case ulpOrAbsolute(Double, Double)
    /// At most the given absolute difference, one for each element.
    case absolute([Double])
}

/// Runs graphs on the OpenBLAS backend.
enum DeviceRunner {
    static let backend = OpenBLASBackend()
    static let device = OpenBLASBackend.deviceID
    /// Bytes behind every buffer that must stay as they are.
    static let guardByteCount = 64

    /// Whether the library is there; tests that need it are skipped with its diagnosis otherwise.
    static var isAvailable: Bool { !backend.discover().devices.isEmpty }

    /// A random tensor: small numbers for floats, all of the range for integers up to 8 bits, small ones otherwise.
    static func random(
        _ type: TensorType, _ generator: inout SeededGenerator, _ range: ClosedRange<Double> = -4...4
    ) throws -> Literal {
        let count = try type.elementCount()
        let scalar = type.scalarType
        let bytes = try type.byteCount()
        var bits: [UInt64] = []
        for _ in 0..<count {
            switch scalar {
            case .bool: bits.append(generator.next() & 1)
            case .int4, .uint4: bits.append(generator.next() & 0xF)
            case .int8, .uint8: bits.append(generator.next() & 0xFF)
            case .int16, .int32, .int64, .uint16, .uint32, .uint64:
                let low: Double = scalar.isSignedInteger ? -100 : 0
                bits.append(scalar.bits(of: Double.random(in: low...100, using: &generator)))
            default: bits.append(scalar.bits(of: Double.random(in: range, using: &generator)))
            }
        }
        let width = scalar.bitWidth
        let storage = LiteralStorage(count: bytes) { buffer in
            for byte in 0..<bytes { buffer[byte] = 0 }
            for (index, element) in bits.enumerated() {
                if width == 4 {
                    buffer[index / 2] |= UInt8(element & 0xF) << (index % 2 == 0 ? 0 : 4)
                } else {
                    for byte in 0..<width / 8 {
                        buffer[index * width / 8 + byte] = UInt8(truncatingIfNeeded: element >> UInt64(8 * byte))
                    }
                }
            }
        }
        return try Literal(type: type, storage: storage)
    }

    /// A buffer with the elements of `literal` and guard bytes behind them.
    static func buffer(_ literal: Literal) throws -> HostBuffer {
        let storage = try literal.denseStorage()
        let buffer = try guarded(storage.bytes.count)
        try buffer.write(from: storage.bytes, at: 0)
        return buffer
    }

    static func guarded(_ byteCount: Int) throws -> HostBuffer {
        let buffer = try HostBuffer(byteCount: byteCount + guardByteCount)
        for index in 0..<byteCount + guardByteCount {
            buffer.address.storeBytes(of: 0xA5, toByteOffset: index, as: UInt8.self)
        }
        return buffer
    }

    static func literal(_ buffer: HostBuffer, _ type: TensorType) throws -> Literal {
        let bytes = try type.byteCount()
        for index in bytes..<bytes + guardByteCount {
            #expect(buffer.address.load(fromByteOffset: index, as: UInt8.self) == 0xA5, "a byte behind \(type) changed")
        }
        return try Literal(
            type: type,
            storage: LiteralStorage(copying: UnsafeRawBufferPointer(start: buffer.address, count: bytes)))
    }

    /// The outputs of `graph` on the device.
    static func run(
        _ graph: Graph, _ inputs: [Literal], donated: Set<Int> = [], arithmetic: ArithmeticMode = .fast,
        threads: Int? = nil
    ) throws -> [Literal] {
        let unit = CompilationUnit(graph: graph, donatedInputs: donated, arithmetic: arithmetic, threads: threads)
        let executable = try backend.compile(unit, for: device)
        let invocation = try executable.makeInvocation()
        var buffers: [HostBuffer] = []
        for (index, input) in inputs.enumerated() {
            let buffer = try buffer(input)
            buffers.append(buffer)
            try invocation.bind(input: index, to: buffer)
        }
        var outputs: [HostBuffer] = []
        for (index, type) in graph.outputTypes.enumerated() {
            let buffer =
                try executable.inPlaceOutputs[index].map { buffers[$0] } ?? guarded(try type.byteCount())
            outputs.append(buffer)
            try invocation.bind(output: index, to: buffer)
        }
        // Twice, unless inputs are consumed: what one run leaves behind must not disturb the next.
        try invocation.run()
        if donated.isEmpty { try invocation.run() }
        for (index, input) in inputs.enumerated() where !donated.contains(index) {
            let after = try literal(buffers[index], input.type)
            let before = try input.denseStorage()
            let isSame = try after.denseStorage().bytes.elementsEqual(before.bytes)
            #expect(isSame, "input \(index) changed although it is not donated")
        }
        return try zip(outputs, graph.outputTypes).map { try literal($0, $1) }
    }

    /// Runs `graph` on the device and on the reference, and expects the results to be close.
    static func check(
        _ graph: Graph, _ inputs: [Literal], _ closeness: Closeness = .exact, donated: Set<Int> = [],
        arithmetic: ArithmeticMode = .uncontracted, threads: Int? = nil, _ name: String = "",
        location: Testing.SourceLocation = #_sourceLocation
    ) throws {
        let expected = try ReferenceEvaluator.evaluate(graph, inputs: inputs)
        let actual = try run(graph, inputs, donated: donated, arithmetic: arithmetic, threads: threads)
        for (index, (a, e)) in zip(actual, expected).enumerated() {
            if let difference = try firstDifference(a, e, closeness) {
                Issue.record("\(name) output \(index) \(e.type): \(difference)", sourceLocation: location)
            }
        }
    }

    /// A description of the first element of `actual` that is too far from `expected`; nil where there is none.
    static func firstDifference(_ actual: Literal, _ expected: Literal, _ closeness: Closeness) throws -> String? {
        guard actual.type == expected.type else { return "type \(actual.type) instead of \(expected.type)" }
        let type = expected.type.scalarType
        for index in 0..<(try expected.type.elementCount()) {
            let (a, e) = (actual.bits(at: index), expected.bits(at: index))
            if a == e { continue }
            let (x, y) = (type.number(fromBits: a), type.number(fromBits: e))
            if type.isFloatingPoint, x.isNaN, y.isNaN { continue }
            let isClose: Bool
            switch closeness {
            case .exact: isClose = false
            case .ulp(let limit): isClose = type.isFloatingPoint && ulpDistance(x, y, type) <= limit
            case .ulpOrAbsolute(let limit, let difference):
                isClose = ulpDistance(x, y, type) <= limit || (x - y).magnitude <= difference
            case .absolute(let limits): isClose = (x - y).magnitude <= limits[limits.count == 1 ? 0 : index]
            }
            if !isClose { return "element \(index) is \(x), expected \(y)" }
        }
        return nil
    }

    /// The distance in units of the last place of `type` at `y`.
    static func ulpDistance(_ x: Double, _ y: Double, _ type: ScalarType) -> Double {
        if x == y { return 0 }
        guard x.isFinite, y.isFinite else { return .infinity }
        let (digits, minimum): (Int, Int) =
            switch type {
            case .float64: (52, -1022)
            case .float32: (23, -126)
            case .float16: (10, -14)
            default: (7, -126)
            }
        let exponent = max(y == 0 ? minimum : Int(y.exponent), minimum)
        return (x - y).magnitude / Double(sign: .plus, exponent: exponent - digits, significand: 1)
    }
}

extension GraphBuilder {
    /// The graph of `body` on inputs of the given types.
    static func graph(_ inputs: [TensorType], _ body: (GraphBuilder, [Term]) throws -> [Term]) throws -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (index, type) in inputs.enumerated() { terms.append(try builder.input("x\(index)", type)) }
        for (index, term) in try body(builder, terms).enumerated() { try builder.output("y\(index)", term) }
        return try builder.build()
    }
}
