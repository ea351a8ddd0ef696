// Heterodyne: the code for tensor elements with emulated 64-bit types, in the interpreter and on the device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

@Suite("Scalar code with emulated types")
struct EmulatedScalarTests {
    /// Where scalar code is run.
    enum Place: String, CaseIterable, Sendable {
        case interpreter, device
    }

    /// The results of operations, by operation.
    private func results(
        _ item: ScalarCase, _ operations: [ScalarOperation], _ types: Set<ScalarType>, _ place: Place, width: Int,
        trusts: Bool, mode: SPIRVOptions.MultiplyAdd
    ) throws -> [[UInt64]] {
        let count = item.inputs[0].1.count
        let vectors = (count + width - 1) / width
        let inputs = item.inputs.map { type, elements in
            packed(elements + [UInt64](repeating: elements[0], count: vectors * width - count), type)
        }
        var results: [[UInt64]] = []
        let step = place == .device ? 6 : 1
        for start in stride(from: 0, to: operations.count, by: step) {
            let some = Array(operations[start..<min(start + step, operations.count)])
            let recipe = ScalarRecipe(
                inputs: item.types, operations: some, width: width, count: vectors, trusts: trusts)
            let outputs = some.map { operation in
                [UInt8](repeating: 0, count: vectors * width * max(1, operation.result.bitWidth / 8))
            }
            let buffers: [[UInt8]]
            switch place {
            case .device:
                buffers = try DeviceRunner.shared.run(
                    recipe, buffers: inputs + outputs, grid: .linear(workgroups: (vectors + 63) / 64),
                    multiplyAdd: mode, emulated: types)
            case .interpreter:
                // A device that has none of the 64-bit types.
                var target = KernelTarget.software
                target.features.subtract([.float64, .int64, .int64Atomics])
                target.spirv.multiplyAdd = mode
                let kernel = try target.emulating(types).kernel(of: recipe)
                let capabilities = try kernel.spirv(target.spirv).capabilities
                #expect(!capabilities.contains("Float64") && !capabilities.contains("Int64"))
                var memory: [Int: [UInt8]] = [:]
                for (slot, bytes) in (inputs + outputs).enumerated() { memory[slot] = bytes }
                try KernelInterpreter(multiplyAdd: mode).run(kernel, groups: [(vectors + 63) / 64], buffers: &memory)
                buffers = (inputs + outputs).indices.map { memory[$0] ?? [] }
            }
            for (operation, bytes) in zip(some, buffers.dropFirst(inputs.count)) {
                results.append(unpacked(bytes, count, operation.result))
            }
        }
        return results
    }

    private func isAvailable(_ place: Place) -> Bool { place == .interpreter || DeviceRunner.isAvailable }

    @Test("64-bit integers are exact", arguments: [ScalarType.int64, .uint64], Place.allCases)
    func integers(_ type: ScalarType, _ place: Place) throws {
        guard isAvailable(place) else { try Test.cancel("no Vulkan device: install mesa-vulkan-drivers") }
        let wide: Set<ScalarType> = [.int64, .uint64]
        let cases =
            ScalarCase.primitives(type) + [.conversions(type), .bitcasts(type)]
            + [ScalarType.float32, .bfloat16, .int32, .uint8, .bool].map { from in
                ScalarCase(
                    inputs: [(from, Samples.of(from, 400))], operations: [.convert(from: from, to: type)])
            }
        for item in cases {
            let operations = item.operations.filter { $0.result != .float64 }
            for (width, trusts, mode) in [(2, true, SPIRVOptions.MultiplyAdd.fused), (1, false, .uncontracted)] {
                let results = try results(item, operations, wide, place, width: width, trusts: trusts, mode: mode)
                for (operation, found) in zip(operations, results) {
                    try item.expect(found, of: operation, "\(place), width \(width), \(mode)")
                }
            }
        }
    }

    /// Numbers that pairs hold exactly: 48 bits of ordinary size, and what is special.
    static let numbers: [UInt64] = {
        var list: [Double] = [0, -0.0, 1, -1, 2, -2, 3, 0.5, -0.5, 1.5, 2.5, -2.5, 7, -7, 127, 255, 256, 65_504, 1e10]
        list += [.infinity, -.infinity, .nan, 2_147_483_648, 4_294_967_296, 0x1p63, 0x1p64, -0x1p31, 448, 61_440]
        var state: UInt64 = 77
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 20
        }
        while list.count < 300 {
            let exponent = Int(next() % 24) - 12
            let significand = 1 + Double(next() % (1 << 44)) * 0x1p-44
            list.append(
                Double(sign: next() & 1 == 0 ? .plus : .minus, exponent: exponent, significand: significand))
        }
        return list.map(\.bitPattern)
    }()

    /// How many units of 2^-48 a result may be off; nil where a result is no float64, or has to be exact.
    private func units(_ operation: ScalarOperation, _ operands: [Double], _ expected: Double) -> Double {
        func bound(_ operation: DoubleSingleFormat.Operation) -> Double { DoubleSingleFormat.bound(operation) }
        switch operation {
        case .unary(let op, _):
            switch op {
            case .negate, .abs, .floor: return 0
            case .exp: return bound(.exponential)
            case .log: return bound(.logarithm)
            case .sqrt: return bound(.squareRoot)
            case .sin: return bound(.sine)
            case .cos: return bound(.cosine)
            case .tanh: return bound(.hyperbolicTangent)
            }
        case .binary(let op, _):
            switch op {
            case .add, .subtract: return bound(.add)
            case .multiply: return bound(.multiply)
            case .divide: return bound(.divide)
            case .remainder:
                // Relative to the larger of |y| and 2^-16 |x|.
                guard expected != 0, expected.isFinite else { return .infinity }
                return bound(.remainder) * max(operands[1].magnitude, 0x1p-16 * operands[0].magnitude)
                    / expected.magnitude
            case .power:
                let exponent = (operands[1] * logarithm(operands[0].magnitude)).magnitude
                return bound(.power) * (1 + (exponent.isFinite ? exponent : 0))
            case .maximum, .minimum, .and, .or, .xor, .shiftLeft, .shiftRight: return 0
            }
        case .convert(let from, _): return from.isInteger ? bound(.fromInteger) : 0
        case .compare, .select, .bitcast, .composite: return 0
        }
    }

    /// Whether the result is NaN because pairs do not hold the operands well enough.
    private func isBeyond(_ operation: ScalarOperation, _ operands: [Double]) -> Bool {
        switch operation {
        case .unary(.sin, _), .unary(.cos, _): return operands[0].magnitude > DoubleSingleFormat.largestAngle
        case .binary(.remainder, _):
            return (operands[0] / operands[1]).magnitude > DoubleSingleFormat.largestQuotient
        default: return false
        }
    }

    /// The natural logarithm to a few digits, for a bound.
    private func logarithm(_ x: Double) -> Double {
        guard x > 0, x.isFinite else { return 0 }
        return Double(x.exponent) * 0.6931 + (x.significand - 1)
    }

    private func expect(_ item: ScalarCase, _ found: [UInt64], of operation: ScalarOperation, _ how: String) throws {
        guard operation.result == .float64 else {
            try item.expect(found, of: operation, how)
            return
        }
        let expected = try reference(operation, item.inputs)
        var wrong = 0
        for index in expected.indices {
            let (x, y) = (Double(bitPattern: expected[index]), Double(bitPattern: found[index]))
            let operands = item.inputs.map { $0.0.number(fromBits: $0.1[index]) }
            let isRight: Bool
            if x.isNaN || isBeyond(operation, operands) {
                isRight = y.isNaN
            } else if x.magnitude >= 0x1.fffffcp127 {
                // The reference is rounded to the range of pairs.
                isRight = y.isInfinite && y.sign == x.sign || x.isFinite && x.magnitude <= DoubleSingleFormat.largest
            } else if x == 0 {
                isRight = y == 0 && (y.sign == x.sign)
            } else {
                let units = units(operation, operands, x)
                let allowed = units == 0 ? 0 : (units + 0x1p-4) * DoubleSingleFormat.unit * x.magnitude
                isRight = (x - y).magnitude <= max(allowed, units == 0 ? 0 : DoubleSingleFormat.absoluteError)
            }
            if isRight { continue }
            wrong += 1
            if wrong <= 3 { Issue.record("\(operation) of \(operands): \(y), not \(x); \(how)") }
        }
        #expect(wrong == 0, "\(operation), \(expected.count) elements, \(how)")
    }

    @Test(
        "float64 is within the bounds of pairs", arguments: Place.allCases, [[ScalarType.float64], [.float64, .int64]])
    func floats(_ place: Place, _ types: [ScalarType]) throws {
        guard isAvailable(place) else { try Test.cancel("no Vulkan device: install mesa-vulkan-drivers") }
        let (a, b) = (Self.numbers, Self.numbers.enumerated().map { Self.numbers[($0.offset * 131 + 7) % 300] })
        let unary = HeterodyneGraph.UnaryOperator.allCases.map { ScalarOperation.unary($0, .float64) }
        let binary = HeterodyneGraph.BinaryOperator.allCases.filter { $0.takes(.float64) }
            .map { ScalarOperation.binary($0, .float64) }
        let comparisons = ComparisonDirection.allCases.map { ScalarOperation.compare($0, .float64) }
        let conversions = ScalarType.allCases.map { ScalarOperation.convert(from: .float64, to: $0) }
        let views = [ScalarType.int64, .uint64].map { ScalarOperation.bitcast(from: .float64, to: $0) }
        var cases = [
            ScalarCase(inputs: [(.float64, a)], operations: unary + conversions + views),
            ScalarCase(inputs: [(.float64, a), (.float64, b)], operations: binary + comparisons),
            ScalarCase(inputs: [(.float64, a), (.float64, a)], operations: comparisons),
            ScalarCase(
                inputs: [(.bool, Samples.of(.bool, 300)), (.float64, a), (.float64, b)],
                operations: [.select(.float64)]),
        ]
        for from in ScalarType.allCases where from != .float64 {
            let samples = Samples.of(from, 300).filter { !from.number(fromBits: $0).isSubnormal }
            // float32's subnormal numbers may be flushed.
            let normal = samples.filter {
                from != .float32 && from != .bfloat16 || !Self.isTiny(from.number(fromBits: $0))
            }
            cases.append(ScalarCase(inputs: [(from, normal)], operations: [.convert(from: from, to: .float64)]))
        }
        for item in cases {
            for (width, trusts, mode) in [(2, true, SPIRVOptions.MultiplyAdd.fused), (1, false, .uncontracted)] {
                let results = try results(
                    item, item.operations, Set(types), place, width: width, trusts: trusts, mode: mode)
                for (operation, found) in zip(item.operations, results) {
                    try expect(item, found, of: operation, "\(place), width \(width), \(mode)")
                }
            }
        }
    }

    private static func isTiny(_ x: Double) -> Bool { x != 0 && x.magnitude < 0x1p-126 }
}
