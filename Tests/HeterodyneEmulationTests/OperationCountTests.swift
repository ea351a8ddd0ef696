// Heterodyne: counting what emulation costs, and comparing with what the documentation says.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneEmulation
import Testing

/// Counts lane operations; constants and reading bits as another type are free.
private final class OperationCounter {
    var count = 0
}

/// A float32 number that counts what is done with it.
private struct CountingFloat: FloatLane {
    var counter: OperationCounter
    var lane: HostFloat

    func counted(_ lane: HostFloat) -> CountingFloat {
        counter.count += 1
        return CountingFloat(counter: counter, lane: lane)
    }
    func counted(_ mask: HostMask) -> CountingMask {
        counter.count += 1
        return CountingMask(counter: counter, lane: mask)
    }

    func like(_ value: Float) -> CountingFloat { CountingFloat(counter: counter, lane: HostFloat(value)) }
    static func + (a: CountingFloat, b: CountingFloat) -> CountingFloat { a.counted(a.lane + b.lane) }
    static func - (a: CountingFloat, b: CountingFloat) -> CountingFloat { a.counted(a.lane - b.lane) }
    static func * (a: CountingFloat, b: CountingFloat) -> CountingFloat { a.counted(a.lane * b.lane) }
    static func / (a: CountingFloat, b: CountingFloat) -> CountingFloat { a.counted(a.lane / b.lane) }
    static prefix func - (x: CountingFloat) -> CountingFloat { x.counted(-x.lane) }
    var magnitude: CountingFloat { counted(lane.magnitude) }
    var floor: CountingFloat { counted(lane.floor) }
    var squareRoot: CountingFloat { counted(lane.squareRoot) }
    func isLess(than b: CountingFloat) -> CountingMask { counted(lane.isLess(than: b.lane)) }
    func isLessOrEqual(to b: CountingFloat) -> CountingMask { counted(lane.isLessOrEqual(to: b.lane)) }
    func isEqual(to b: CountingFloat) -> CountingMask { counted(lane.isEqual(to: b.lane)) }
    static func select(_ mask: CountingMask, _ a: CountingFloat, _ b: CountingFloat) -> CountingFloat {
        a.counted(HostFloat.select(mask.lane, a.lane, b.lane))
    }
    var bits: CountingWord { CountingWord(counter: counter, lane: lane.bits) }
    var truncatedWord: CountingWord { CountingWord(counter: counter, lane: lane.bits).counted(lane.truncatedWord) }
}

/// A word that counts what is done with it.
private struct CountingWord: WordLane {
    var counter: OperationCounter
    var lane: HostWord

    func counted(_ lane: HostWord) -> CountingWord {
        counter.count += 1
        return CountingWord(counter: counter, lane: lane)
    }
    func counted(_ mask: HostMask) -> CountingMask {
        counter.count += 1
        return CountingMask(counter: counter, lane: mask)
    }

    func like(_ value: UInt32) -> CountingWord { CountingWord(counter: counter, lane: HostWord(value)) }
    static func + (a: CountingWord, b: CountingWord) -> CountingWord { a.counted(a.lane + b.lane) }
    static func - (a: CountingWord, b: CountingWord) -> CountingWord { a.counted(a.lane - b.lane) }
    static func * (a: CountingWord, b: CountingWord) -> CountingWord { a.counted(a.lane * b.lane) }
    static func & (a: CountingWord, b: CountingWord) -> CountingWord { a.counted(a.lane & b.lane) }
    static func | (a: CountingWord, b: CountingWord) -> CountingWord { a.counted(a.lane | b.lane) }
    static func ^ (a: CountingWord, b: CountingWord) -> CountingWord { a.counted(a.lane ^ b.lane) }
    static prefix func ~ (a: CountingWord) -> CountingWord { a.counted(~a.lane) }
    func shiftedLeft(by b: CountingWord) -> CountingWord { counted(lane.shiftedLeft(by: b.lane)) }
    func shiftedRight(by b: CountingWord) -> CountingWord { counted(lane.shiftedRight(by: b.lane)) }
    func isLess(than b: CountingWord) -> CountingMask { counted(lane.isLess(than: b.lane)) }
    func isEqual(to b: CountingWord) -> CountingMask { counted(lane.isEqual(to: b.lane)) }
    static func select(_ mask: CountingMask, _ a: CountingWord, _ b: CountingWord) -> CountingWord {
        a.counted(HostWord.select(mask.lane, a.lane, b.lane))
    }
    var asFloat: CountingFloat { CountingFloat(counter: counter, lane: lane.asFloat) }
    var toFloat: CountingFloat { CountingFloat(counter: counter, lane: lane.asFloat).counted(lane.toFloat) }
}

/// A truth value that counts what is done with it.
private struct CountingMask: MaskLane {
    var counter: OperationCounter
    var lane: HostMask

    func counted(_ lane: HostMask) -> CountingMask {
        counter.count += 1
        return CountingMask(counter: counter, lane: lane)
    }
    static func & (a: CountingMask, b: CountingMask) -> CountingMask { a.counted(a.lane & b.lane) }
    static func | (a: CountingMask, b: CountingMask) -> CountingMask { a.counted(a.lane | b.lane) }
    static prefix func ! (a: CountingMask) -> CountingMask { a.counted(!a.lane) }
}

@Suite("Cost of emulation")
struct OperationCountTests {
    @Test("The documentation says how many lane operations each operation takes")
    func counts() throws {
        let counter = OperationCounter()
        func float(_ value: Float) -> CountingFloat { CountingFloat(counter: counter, lane: HostFloat(value)) }
        func word(_ value: UInt32) -> CountingWord { CountingWord(counter: counter, lane: HostWord(value)) }
        let (x, y) = (DoubleSingle(high: float(3), low: float(0x1p-30)), DoubleSingle(high: float(2), low: float(0)))
        let (a, b) = (WideWord(low: word(7), high: word(5)), WideWord(low: word(3), high: word(0)))
        let (bits, number) = (word(0x3C00), float(1))
        let operations: [(String, () -> Void)] = [
            ("float64 add, subtract", { _ = x + y }), ("float64 multiply", { _ = x * y }),
            ("float64 divide", { _ = x / y }), ("float64 sqrt", { _ = x.squareRoot }),
            ("float64 floor", { _ = x.floor }), ("float64 compare", { _ = x.isLess(than: y) }),
            ("float64 maximum, minimum", { _ = x.maximum(y) }),
            ("float64 remainder", { _ = x.remainder(dividingBy: y) }),
            ("float64 exp", { _ = x.exponential }), ("float64 log", { _ = x.logarithm }),
            ("float64 sin", { _ = x.sine }), ("float64 cos", { _ = x.cosine }),
            ("float64 tanh", { _ = x.hyperbolicTangent }), ("float64 power", { _ = x.power(y) }),
            ("from float64 in memory", { _ = DoubleSingle<CountingFloat>(float64: a) }),
            ("to float64 in memory", { _ = x.float64Bits }),
            ("int64 to float64", { _ = DoubleSingle<CountingFloat>(a, isSigned: true) }),
            ("float64 to int64", { _ = x.truncated(isSigned: true) }),
            ("int64 add", { _ = a + b }), ("int64 subtract", { _ = a - b }), ("int64 multiply", { _ = a * b }),
            ("int64 divide", { _ = a.divided(by: b, isSigned: true) }),
            ("int64 remainder", { _ = a.remainder(dividingBy: b, isSigned: true) }),
            ("int64 power", { _ = a.power(b, isSigned: true) }),
            ("int64 compare", { _ = a.isLess(than: b, isSigned: true) }),
            ("int64 maximum, minimum", { _ = a.maximum(b, isSigned: true) }),
            ("int64 shiftLeft", { _ = a.shiftedLeft(by: b) }),
            ("int64 shiftRight", { _ = a.shiftedRightArithmetic(by: b) }),
            ("int64 to float32", { _ = a.toFloat(isSigned: true) }),
            ("float32 to int64", { _ = WideWord<CountingWord>(truncating: number, isSigned: true) }),
            ("bfloat16 to float32", { _ = NarrowFormat.bfloat16.widened(bits) }),
            ("float32 to bfloat16", { _ = NarrowFormat.bfloat16.narrowed(number) }),
            ("float16 to float32", { _ = NarrowFormat.float16.widened(bits) }),
            ("float32 to float16", { _ = NarrowFormat.float16.narrowed(number) }),
            ("float8e4m3fn to float32", { _ = NarrowFormat.float8e4m3fn.widened(bits) }),
            ("float32 to float8e4m3fn", { _ = NarrowFormat.float8e4m3fn.narrowed(number) }),
            ("float8e5m2 to float32", { _ = NarrowFormat.float8e5m2.widened(bits) }),
            ("float32 to float8e5m2", { _ = NarrowFormat.float8e5m2.narrowed(number) }),
        ]
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let page = try String(contentsOf: folder.appending(path: "../../docs/Emulation.md"), encoding: .utf8)
        for (name, operation) in operations {
            counter.count = 0
            operation()
            let isSaid = page.contains("| \(name) | \(counter.count) |")
            #expect(isSaid, "\(name) takes \(counter.count)")
        }
        for operation in DoubleSingleFormat.Operation.allCases {
            let bound = DoubleSingleFormat.bound(operation)
            let text = bound == bound.rounded() ? String(Int(bound)) : String(bound)
            let isSaid = page.contains("| \(operation.rawValue) | \(text) |")
            #expect(isSaid, "\(operation.rawValue) promises \(text)")
        }
    }
}
