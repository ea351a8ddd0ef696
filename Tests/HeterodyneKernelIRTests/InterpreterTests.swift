// Heterodyne: the interpreter against Swift's own arithmetic.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import Testing

/// Runs one operation on pairs of elements.
private func run<In, Out>(
    _ type: KernelType, _ result: KernelType, _ a: [In], _ b: [In], out: Out.Type, subgroupSize: Int = 8,
    _ operation: (KernelBuilder, KernelValue, KernelValue) -> KernelValue
) throws -> [Out] {
    let k = KernelBuilder("pairs", workgroup: [8])
    let left = k.buffer("left", type, .read)
    let right = k.buffer("right", type, .read)
    let output = k.buffer("output", result, .write)
    let i = k.globalID(.x)
    output[i] = operation(k, left[i], right[i])
    var buffers = [0: bytes(a), 1: bytes(b), 2: [UInt8](repeating: 0, count: a.count * result.byteCount)]
    try KernelInterpreter(subgroupSize: subgroupSize).run(try k.finish(), groups: [a.count / 8], buffers: &buffers)
    return array(buffers[2], of: Out.self)
}

@Suite("Interpreter")
struct InterpreterTests {
    private func integers<T: FixedWidthInteger>(_ type: KernelType, _: T.Type) throws {
        let edges: [T] = [.min, .max, 1, 0, .max / 3, T.max / 2 + 5, 7, T(truncatingIfNeeded: -2)]
        let (a, b) = (edges.flatMap { [T](repeating: $0, count: 8) }, edges.map { _ in edges }.flatMap { $0 })
        func check(_ text: String, _ truth: (T, T) -> T, _ operation: (KernelValue, KernelValue) -> KernelValue) throws
        {
            let found = try run(type, type, a, b, out: T.self) { operation($1, $2) }
            #expect(found == zip(a, b).map(truth), "\(text) on \(type)")
        }
        let modulo = T(T.bitWidth - 1)
        try check("add", { $0 &+ $1 }, { $0 + $1 })
        try check("subtract", { $0 &- $1 }, { $0 - $1 })
        try check("multiply", { $0 &* $1 }, { $0 * $1 })
        try check("minimum", { Swift.min($0, $1) }, { $0.minimum($1) })
        try check("maximum", { Swift.max($0, $1) }, { $0.maximum($1) })
        try check("and", { $0 & $1 }, { $0 & $1 })
        try check("or", { $0 | $1 }, { $0 | $1 })
        try check("xor", { $0 ^ $1 }, { $0 ^ $1 })
        try check("shift left", { $0 << ($1 & modulo) }, { $0 << $1 })
        try check("shift right", { $0 >> ($1 & modulo) }, { $0 >> $1 })
        try check("negate", { x, _ in 0 &- x }, { x, _ in -x })
        try check("not", { x, _ in ~x }, { x, _ in ~x })
        try check("select", { $0 < $1 ? $0 : $1 }, { a, b in a.builder.select(a .< b, a, b) })
        // The divisor 3 avoids what is undefined.
        try check("divide", { a, _ in a / 3 }, { a, _ in a / 3 })
        try check("remainder", { a, _ in a % 3 }, { a, _ in a % 3 })
        let wide = try run(type, .i64, a, b, out: Int64.self) { _, x, _ in x.converted(to: .int64) }
        #expect(wide == a.map { Int64(truncatingIfNeeded: $0) })
        let narrow = try run(type, .i8, a, b, out: Int8.self) { _, x, _ in x.converted(to: .int8) }
        #expect(narrow == a.map { Int8(truncatingIfNeeded: $0) })
        let single = try run(type, .f32, a, b, out: Float.self) { _, x, _ in x.converted(to: .float32) }
        #expect(single == a.map { Float($0) })
        #expect(throws: KernelError.self) { try run(type, type, a, b, out: T.self) { $1 / $2 } }
    }

    @Test("Integers")
    func integers() throws {
        try integers(.i8, Int8.self)
        try integers(.i16, Int16.self)
        try integers(.i32, Int32.self)
        try integers(.i64, Int64.self)
        try integers(.u8, UInt8.self)
        try integers(.u16, UInt16.self)
        try integers(.u32, UInt32.self)
        try integers(.u64, UInt64.self)
    }

    private func floats<T: BinaryFloatingPoint>(_ type: KernelType, _: T.Type) throws {
        let edges: [T] = [0, -0.0, 1.5, -2.5, .infinity, -.infinity, .nan, .leastNonzeroMagnitude]
        let (a, b) = (edges.flatMap { [T](repeating: $0, count: 8) }, edges.map { _ in edges }.flatMap { $0 })
        func same(_ x: T, _ y: T) -> Bool { x.isNaN ? y.isNaN : x == y && x.sign == y.sign }
        func check(_ text: String, _ truth: (T, T) -> T, _ operation: (KernelValue, KernelValue) -> KernelValue) throws
        {
            let found = try run(type, type, a, b, out: T.self) { operation($1, $2) }
            let expected = zip(a, b).map(truth)
            #expect(zip(found, expected).allSatisfy(same), "\(text) on \(type): \(found), not \(expected)")
        }
        try check("add", { $0 + $1 }, { $0 + $1 })
        try check("subtract", { $0 - $1 }, { $0 - $1 })
        try check("multiply", { $0 * $1 }, { $0 * $1 })
        try check("divide", { $0 / $1 }, { $0 / $1 })
        try check("minimum", { $0.isNaN || $1.isNaN ? .nan : $0 < $1 ? $0 : $1 }, { $0.minimum($1) })
        try check("maximum", { $0.isNaN || $1.isNaN ? .nan : $0 > $1 ? $0 : $1 }, { $0.maximum($1) })
        try check("round", { x, _ in x.rounded(.toNearestOrEven) }, { x, _ in x.rounded })
        try check("floor", { x, _ in x.rounded(.down) }, { x, _ in x.floor })
        try check("ceiling", { x, _ in x.rounded(.up) }, { x, _ in x.ceiling })
        try check("truncate", { x, _ in x.rounded(.towardZero) }, { x, _ in x.truncated })
        try check("magnitude", { x, _ in x.magnitude }, { x, _ in x.magnitude })
        try check("negate", { x, _ in -x }, { x, _ in -x })
        try check("square root", { x, _ in x.squareRoot() }, { x, _ in x.squareRoot })
        let nan = try run(type, .bool, a, b, out: UInt8.self) { _, x, _ in x.isNaN | x.isInfinite }
        #expect(nan == a.map { $0.isFinite ? 0 : 1 })
        let unequal = try run(type, .bool, a, b, out: UInt8.self) { $1 .!= $2 }
        #expect(unequal == zip(a, b).map { $0 != $1 ? 1 : 0 })
        #expect(throws: KernelError.self) {
            try run(type, .i32, a, b, out: Int32.self) { _, x, _ in x.converted(to: .int32) }
        }
    }

    @Test("Floats")
    func floats() throws {
        try floats(.f16, Float16.self)
        try floats(.f32, Float.self)
        try floats(.f64, Double.self)
    }

    @Test("bfloat16 rounds to nearest even")
    func bfloat16() throws {
        let words: [UInt32] = [
            0x3f80_8000, 0x3f81_8000, 0x3f80_8001, 0x7f80_0000, 0x7f80_0001, 0xff7f_ffff, 0x0000_8000, 0x8000_0000,
        ]
        let found = try run(.f32, .bf16, words, words, out: UInt16.self) { _, x, _ in x.converted(to: .bfloat16) }
        #expect(found == [0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x7fc0, 0xff80, 0x0000, 0x8000])
    }

    @Test("Multiply-add rounds once or twice, as told")
    func multiplyAdd() throws {
        let k = KernelBuilder("muladd", workgroup: [1])
        let data = k.buffer("data", .f32, .readWrite)
        data[0] = k.multiplyAdd(data[0], data[0], data[1])
        let kernel = try k.finish()
        let x: Float = 1 + .ulpOfOne
        for (mode, expected) in [(SPIRVOptions.MultiplyAdd.fused, Float(0x1p-46)), (.uncontracted, 0)] {
            var buffers = [0: bytes([x, -(x * x)])]
            try KernelInterpreter(multiplyAdd: mode).run(kernel, groups: [1], buffers: &buffers)
            #expect(array(buffers[0], of: Float.self)[0] == expected)
        }
    }

    @Test("Subgroups of 4: scans, broadcasts and shuffles")
    func subgroups() throws {
        let a: [Int32] = [3, -1, 4, 1, -5, 9, 2, 6]
        func found(_ operation: (KernelBuilder, KernelValue) -> KernelValue) throws -> [Int32] {
            try run(.i32, .i32, a, a, out: Int32.self, subgroupSize: 4) { k, x, _ in operation(k, x) }
        }
        #expect(try found { $0.subgroup(.add, $1) } == [7, 7, 7, 7, 12, 12, 12, 12])
        #expect(try found { $0.subgroup(.add, $1, .inclusive) } == [3, 2, 6, 7, -5, 4, 6, 12])
        #expect(try found { $0.subgroup(.add, $1, .exclusive) } == [0, 3, 2, 6, 0, -5, 4, 6])
        #expect(try found { $0.subgroup(.minimum, $1) } == [-1, -1, -1, -1, -5, -5, -5, -5])
        #expect(try found { $0.subgroup(.maximum, $1, .inclusive) } == [3, 3, 4, 4, -5, 9, 9, 9])
        #expect(try found { $0.broadcast($1, lane: $0.constant(2, .u32)) } == [4, 4, 4, 4, 2, 2, 2, 2])
        #expect(try found { $0.shuffleXor($1, mask: $0.constant(1, .u32)) } == [-1, 3, 1, 4, 9, -5, 6, 2])
        let reversed = try found { $0.shuffle($1, lane: $0.constant(3, .u32) - $0.builtin(.subgroupLane)) }
        #expect(reversed == [1, 4, -1, 3, 6, 2, 9, -5])
    }
}
